# Sourced by samples/run.sh and tests/run.sh in the repository root: what they need, found or installed.
# shellcheck shell=sh

# Where Chromium keeps SwiftShader and its validation layer: Debian and Arch, Fedora, Chrome's own package.
CHROMIUM_FOLDERS="/usr/lib/chromium /usr/lib64/chromium-browser /usr/lib/chromium-browser /opt/google/chrome"

find_in_chromium() {
    for folder in $CHROMIUM_FOLDERS; do
        if [ -e "$folder/$1" ]; then
            echo "$folder/$1"
            return 0
        fi
    done
    return 1
}

# Prints the manifest of an installed driver, for example lvp_icd. Its suffix differs between systems.
find_driver() {
    for file in /usr/share/vulkan/icd.d/"$1"*.json /usr/local/share/vulkan/icd.d/"$1"*.json \
        /etc/vulkan/icd.d/"$1"*.json; do
        if [ -e "$file" ]; then
            echo "$file"
            return 0
        fi
    done
    return 1
}

has_command() {
    command -v "$1" >/dev/null 2>&1
}

has_file() {
    [ -e "$1" ]
}

has_header() {
    echo "#include <$1>" | cc -E -x c - >/dev/null 2>&1
}

has_cmake() {
    has_command cmake && [ "$(printf '3.22\n%s\n' "$(cmake --version | awk 'NR == 1 { print $3 }')" |
        sort -V | head -n 1)" = 3.22 ]
}

# Each row: the Debian package, what is looked for, how. The first ones must be there to go on.
NEEDED="\
gcc|a C compiler (cc)|has_command cc
libc6-dev|the C library's headers|has_header stdlib.h
cmake|CMake 3.22 or newer|has_cmake
ninja-build|Ninja (ninja)|has_command ninja
libvulkan-dev|the Vulkan headers (vulkan/vulkan.h)|has_header vulkan/vulkan.h
glslang-tools|the GLSL compiler (glslangValidator)|has_command glslangValidator
spirv-tools|the SPIR-V validator (spirv-val)|has_command spirv-val
glslang-dev|glslang's C interface (glslang_c_interface.h)|has_header glslang/Include/glslang_c_interface.h
g++|a C++ compiler (c++), for glslang|has_command c++
libpng-dev|libpng (png.h)|has_header png.h
zlib1g-dev|zlib (zlib.h)|has_header zlib.h"

NEEDED_BY_TESTS="\
pkg-config|pkg-config|has_command pkg-config
doxygen|Doxygen|has_command doxygen
libvulkan-volk-dev|volk (volk.h)|has_header volk.h
libcmocka-dev|cmocka (cmocka.h)|has_cmocka
libopenmpi-dev|an MPI library (mpi.h, mpicc)|has_command mpicc
openmpi-bin|mpirun|has_command mpirun
libprotobuf-c-dev|protobuf-c (protobuf-c/protobuf-c.h)|has_header protobuf-c/protobuf-c.h
protobuf-c-compiler|its compiler (protoc-c)|has_command protoc-c
libonnx-dev|ONNX's file format (onnx/onnx.proto)|has_header onnx/onnx.proto
python3-numpy|NumPy for /usr/bin/python3|has_numpy
libonnx-testdata|ONNX's backend test suite|has_onnx_suite"

# Without these, the samples still run on a GPU, and the tests say what they could not do.
WANTED="\
mesa-vulkan-drivers|lavapipe, a software renderer|find_driver lvp_icd
chromium-common|SwiftShader, a software renderer, and the Vulkan validation layer|find_in_chromium libvk_swiftshader.so"

WANTED_BY_TESTS="\
clang-format|clang-format 14|has_command clang-format
gcovr|gcovr, for the lines that tests run|has_command gcovr
clang|clang, for the fuzzers|has_command clang
libclang-rt-dev|clang's sanitizers and libFuzzer|has_fuzzer
gcc-aarch64-linux-gnu|a compiler for aarch64|has_command aarch64-linux-gnu-gcc
libc6-dev-arm64-cross|its C library|has_file /usr/aarch64-linux-gnu/include/stdlib.h
qemu-user|an emulator of aarch64 (qemu-aarch64)|has_command qemu-aarch64
gcc-mingw-w64-x86-64|a compiler for Windows|has_command x86_64-w64-mingw32-gcc"

# cmocka.h does not include what it needs.
has_cmocka() {
    printf '#include <setjmp.h>\n#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <cmocka.h>\n' |
        cc -E -x c - >/dev/null 2>&1
}

has_fuzzer() {
    echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -fsanitize=fuzzer,address,undefined -x c - -o /dev/null >/dev/null 2>&1
}

has_numpy() {
    /usr/bin/python3 -c 'import numpy' 2>/dev/null
}

has_onnx_suite() {
    [ -e /usr/share/libonnx-testdata/data/node/test_relu/model.onnx ]
}

# Prints the rows of table $1 that are not there.
missing_of() {
    echo "$1" | while IFS='|' read -r package what probe; do
        $probe >/dev/null || echo "$package|$what"
    done
}

packages_of() {
    echo "$1" | cut -d '|' -f 1 | tr '\n' ' '
}

# Installs packages where that needs no password. Says nothing when it cannot: the caller looks again.
install_packages() {
    has_command apt-get || return 0
    as_root=
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || return 0
        as_root="sudo -n"
    fi
    echo "Installing $*"
    # shellcheck disable=SC2086
    $as_root apt-get update -qq &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null ||
        echo "apt-get failed, see above." >&2
}

# setup samples|tests: makes sure that everything is there, or says what is not and ends.
setup() {
    needed=$NEEDED wanted=$WANTED
    if [ "$1" = tests ]; then
        needed="$NEEDED
$NEEDED_BY_TESTS"
        wanted="$WANTED
$WANTED_BY_TESTS"
    fi
    missing=$(missing_of "$needed
$wanted")
    if [ -n "$missing" ]; then
        # shellcheck disable=SC2046
        install_packages $(packages_of "$missing")
        missing=$(missing_of "$needed
$wanted")
    fi
    if [ -n "$missing" ]; then
        echo "Not found:" >&2
        echo "$missing" | sed 's/^\([^|]*\)|\(.*\)/  \2; in Debian: \1/' >&2
        if has_command apt-get; then
            echo "As root: apt-get install --no-install-recommends $(packages_of "$missing")" >&2
        else
            echo "There is no apt-get here: install them as your system does." >&2
        fi
        missing_needed=$(missing_of "$needed")
        if [ -n "$missing_needed" ]; then
            exit 1
        fi
        echo "Going on without." >&2
    fi
    # SwiftShader is in no folder that the Vulkan loader knows. A caller's own setting stays.
    if swiftshader=$(find_in_chromium vk_swiftshader_icd.json); then
        export VK_ADD_DRIVER_FILES="${VK_ADD_DRIVER_FILES-$swiftshader}"
    fi
}

# build ON|OFF TARGET...: configures build/, with or without the tests, and builds. Silent unless it fails.
build() {
    tests=$1
    shift
    mkdir -p build/logs
    echo "Building $*"
    if ! {
        cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DVKNORM_TESTS="$tests" &&
            cmake --build build --target "$@"
    } >build/logs/build.log 2>&1; then
        cat build/logs/build.log >&2
        exit 1
    fi
}
