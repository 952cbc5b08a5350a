#!/bin/sh
# Installs what is missing (Debian), builds the samples and runs them: the last one trains for about a minute.
# Arguments go to digits.
set -eu
cd "$(dirname "$0")/.."
. tests/setup.sh
setup samples
build OFF minimal digits custom_activation train
build/samples/minimal
echo
build/samples/custom_activation
echo
build/samples/digits "$@"
echo
exec build/samples/train/train --compare --plot build/train.svg
