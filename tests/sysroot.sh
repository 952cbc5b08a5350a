#!/bin/sh
# Unpacks Debian packages of another architecture, and all that they need, into a folder, for an emulator. The system
# is left alone.
#
#     tests/sysroot.sh arm64 FOLDER PACKAGE...
set -eu
architecture=$1 folder=$2
shift 2
state=$folder.apt
if [ -e "$folder/complete" ]; then
    exit
fi
rm -rf "$folder" "$state"
mkdir -p "$folder" "$state/state/lists/partial" "$state/cache/archives/partial"
: >"$state/status"
private() {
    apt-get -q -y --no-install-recommends -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" \
        -o "Dir::State=$state/state" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state/cache" \
        -o Debug::NoLocking=1 "$@"
}
private update
private install --download-only "$@"
for package in "$state"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$folder"
done
rm -rf "$state"
touch "$folder/complete"
