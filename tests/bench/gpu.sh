#!/bin/sh
# On a machine with a GPU, in one go: builds, checks the results on that GPU, benchmarks it, and compares with PyTorch on the same card.
#
#     tests/bench/gpu.sh FOLDER [DEVICE]
#
# FOLDER receives the log of every step and the results: bench.json, bench.svg, torch.json. DEVICE is a part of the device's name,
# else the first GPU. The machine needs a C compiler and what tests/setup.sh names as needed; where there is no network,
# PACKAGES=FOLDER_OF_DEBS is unpacked and used instead. MINUTES (9) bounds the whole. Ends with a line per step, and with the number of steps that failed as its status.
set -u
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
mkdir -p "$1" || exit 2
out=$(cd "$1" && pwd)
device=${2:-}
cd "$(dirname "$0")/../.." || exit 2
root=$(pwd)
build=${BUILD:-$out/build}
end=$(($(date +%s) + 60 * ${MINUTES:-9}))
failed=0

# Debian packages beside the system, which stays as it is.
if [ -n "${PACKAGES:-}" ]; then
    prefix=$out/packages
    for package in "$PACKAGES"/*.deb; do
        dpkg -x "$package" "$prefix" || exit 2
    done
    libraries=$prefix/usr/lib/$(uname -m)-linux-gnu:$prefix/usr/lib
    export PATH="$prefix/usr/bin:$PATH" LD_LIBRARY_PATH="$libraries:${LD_LIBRARY_PATH:-}" LIBRARY_PATH="$libraries"
    export CPATH="$prefix/usr/include" CMAKE_PREFIX_PATH="$prefix/usr"
    export PKG_CONFIG_PATH="$prefix/usr/lib/$(uname -m)-linux-gnu/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$prefix"
else
    . tests/setup.sh
    setup tests
fi

# step NAME COMMAND...: runs it within the time that is left, and says how it ended.
step() {
    name=$1
    shift
    left=$((end - $(date +%s)))
    begin=$(date +%s)
    if [ $left -le 5 ]; then
        echo "$name: not run, the time is over"
        failed=$((failed + 1))
        return
    fi
    timeout $left "$@" >"$out/$name.log" 2>&1
    status=$?
    if [ $status = 0 ]; then
        echo "$name: good, $(($(date +%s) - begin)) s"
    else
        failed=$((failed + 1))
        echo "$name: status $status after $(($(date +%s) - begin)) s; the end of $name.log:"
        tail -n 15 "$out/$name.log" | sed 's/^/    /'
    fi
}

tests=$build/tests
step configure cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DVKNORM_TESTS=ON -DVKNORM_SAMPLES=ON
step build cmake --build "$build" -j "$(nproc)" --target device family rows sizes fuzz bench vknorm_tool
step info "$build/samples/tool/vknorm" info
run() {
    name=$1
    shift
    step "$name" "$tests/$name" ${device:+--device "$device"} "$@"
}
run device --mask all
run bench --json "$out/bench.json" --plot "$out/bench.svg"
# shellcheck disable=SC2086
step torch "${PYTHON:-python3}" tests/bench/torch_peer.py ${PEER_OPTIONS:-} "$out/bench.json" "$out/torch.json"
run family
run rows
run sizes
run fuzz --rounds 50
tail -n 3 "$out/bench.log" "$out/torch.log" 2>/dev/null
exit $failed
