# Checks which symbols a library defines for others to see. Everything is named vkn_*, so that nothing
# clashes with a host program, least of all with its Vulkan functions; and a shared library has exactly
# what its headers declare with VKN_API, but for those functions that are another library's.
#
#     cmake -DNM=nm -DLIBRARY=libvknorm.a -P symbols.cmake
#     cmake -DNM=nm -DLIBRARY=libvknorm.so -DHEADERS=vknorm.h,other.h -DELSEWHERE=vkn_other -P symbols.cmake
set(flags -g --defined-only -P)
if(HEADERS)
    list(APPEND flags -D)
endif()
execute_process(COMMAND ${NM} ${flags} ${LIBRARY} OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)

# A line is "name type value size"; archives also have lines "library[member]:".
string(REGEX MATCHALL "[^\n ]+ [A-Za-z] [^\n]*" lines "${listing}")
list(TRANSFORM lines REPLACE " .*" "")
set(exports ${lines})
if(NOT exports)
    message(FATAL_ERROR "${LIBRARY} defines nothing")
endif()

set(strangers ${exports})
list(FILTER strangers EXCLUDE REGEX "^vkn_")
if(strangers)
    message(FATAL_ERROR "${LIBRARY} defines ${strangers}")
endif()

if(HEADERS)
    set(declared)
    string(REPLACE "," ";" HEADERS "${HEADERS}")
    foreach(header ${HEADERS})
        file(READ ${header} text)
        string(REGEX MATCHALL "VKN_API [a-zA-Z0-9_ *]*vkn_[a-z0-9_]*\\(" lines "${text}")
        list(TRANSFORM lines REPLACE ".*(vkn_[a-z0-9_]*)\\(" "\\1")
        list(APPEND declared ${lines})
    endforeach()
    list(REMOVE_ITEM declared ${ELSEWHERE})
    list(SORT declared)
    list(SORT exports)
    if(NOT declared STREQUAL exports)
        message(FATAL_ERROR "${LIBRARY} exports ${exports}\nbut the headers declare ${declared}")
    endif()
endif()
