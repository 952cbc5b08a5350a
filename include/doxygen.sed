# What Doxygen reads in place of a header: comments before a declaration and behind one document it.
# Rules between sections stay as they are.
1s|/\* |/** @file\n * |
/\/\* -----/b
s|^\( *\)/\* |\1/** |
s|\([^ ].*[,;{)0-9]\) */\* |\1 /**< |
