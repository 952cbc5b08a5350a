#!/bin/sh
# Installs what is missing (Debian), builds the samples and runs them. Arguments go to digits.
set -eu
cd "$(dirname "$0")/.."
. tests/setup.sh
setup samples
build OFF minimal digits custom_activation
build/samples/minimal
echo
build/samples/custom_activation
echo
exec build/samples/digits "$@"
