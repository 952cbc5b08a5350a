#!/bin/sh
# Builds and installs vknorm as others do, and uses it from projects of their kinds: tests/package/. The last line is
# "N passed, N failed, N skipped".
set -u

usage() {
    cat <<'END_OF_USAGE'
usage: tests/package.sh BUILD [--long] [--headers FOLDER]...

  BUILD              a build of this source, whose kernels are taken; all else is built in BUILD/package
  --long             also the tests on emulated aarch64, with lavapipe, from packages that this downloads; and the tool
                     for Windows on Wine (Debian: wine64 xvfb)
  --headers FOLDER   also the libraries with these Vulkan headers: FOLDER/vulkan/vulkan_core.h
END_OF_USAGE
}

[ $# -gt 0 ] || { usage >&2 && exit 2; }
[ "$1" != --help ] || { usage && exit; }
build=$(cd "$1" && pwd) || exit 2
shift
long=
headers=
while [ $# -gt 0 ]; do
    case $1 in
    --long) long=--long ;;
    --headers) headers="$headers $(cd "$2" && pwd)" && shift ;;
    *) echo "tests/package.sh: unknown option $1, see --help" >&2 && exit 2 ;;
    esac
    shift
done
cd "$(dirname "$0")/.." || exit 2
shaders=$build/shaders
work=$build/package
rm -rf "$work"
mkdir -p "$work"
strict="-Wall -Wextra -Wpedantic -Werror"
passed=0 failed=0 skipped=0

# step NAME COMMAND...: passes or fails.
step() {
    name=$1
    shift
    start=$(date +%s)
    (set -ex && "$@") >"$work/$name.log" 2>&1 # not in the condition, where -e has no effect
    status=$?
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        echo "passed $name, $(($(date +%s) - start)) s"
    else
        failed=$((failed + 1))
        echo "FAILED $name, the end of $work/$name.log:"
        tail -n 30 "$work/$name.log"
    fi
}

# needs COMMAND STEP...: whether the command is there; if not, the steps are skipped.
needs() {
    missing=$1
    command -v "$missing" >/dev/null 2>&1 && return 0
    shift
    skipped=$((skipped + $#))
    echo "skipped $*: there is no $missing"
    return 1
}

# ---------------------------------------------------------------------------------------------- library

# library NAME PRESET [OPTION...]: builds with a preset and installs. Then the folder is moved: nothing may point
# to where it was installed.
library() {
    name=$1 preset=$2
    shift 2
    cmake --preset "$preset" -B "$work/$name" -DVKNORM_SHADERS="$shaders" -DVKNORM_TESTS=OFF -DVKNORM_SAMPLES=OFF \
        -DCMAKE_C_FLAGS=-Werror "$@"
    cmake --build "$work/$name"
    cmake --install "$work/$name" --prefix "$work/$name.installed"
    mv "$work/$name.installed" "$work/$name.prefix"
}

# A shared library exports what its header declares, and every name is vkn_*.
symbols() {
    lib=$work/shared.prefix/lib include=$work/shared.prefix/include/vknorm
    cmake -DNM=nm -DLIBRARY="$lib/libvknorm.so" -DHEADERS="$include/vknorm.h,$include/compiler.h" \
        -DELSEWHERE=vkn_compiler_glslang -P tests/symbols.cmake
    cmake -DNM=nm -DLIBRARY="$lib/libvknorm_runtime.so" -DHEADERS="$include/runtime.h" -P tests/symbols.cmake
    cmake -DNM=nm -DLIBRARY="$lib/libvknorm_layer.so" -DHEADERS="$include/layer.h" -P tests/symbols.cmake
    cmake -DNM=nm -DLIBRARY="$lib/libvknorm_compiler.so" -DHEADERS="$include/compiler.h" \
        -DELSEWHERE=vkn_activation_compile -P tests/symbols.cmake
    for archive in "$work"/static.prefix/lib/*.a; do
        cmake -DNM=nm -DLIBRARY="$archive" -P tests/symbols.cmake
    done
}

# ------------------------------------------------------------------------------------------- consumers

# consumer NAME SOURCE-FOLDER [OPTION...]: configures, builds and runs a CMake project, in C11 and C++17.
consumer() {
    name=$1 source=$2
    shift 2
    cmake -S "$source" -B "$work/$name" -G Ninja -DCMAKE_C_FLAGS="$strict" -DCMAKE_CXX_FLAGS="$strict" "$@"
    cmake --build "$work/$name"
    "$work/$name/programs/core"
    "$work/$name/programs/runtime"
    "$work/$name/programs/consumer_c"
    "$work/$name/programs/consumer_cpp"
}

find_package() {
    consumer "find_$1" tests/package/find_package -DCMAKE_PREFIX_PATH="$work/$1.prefix"
}

# The core alone, and what find_package() says of the rest.
core_alone() {
    library core_alone release -DVKNORM_RUNTIME=OFF -DVKNORM_TOOL=OFF -DVKNORM_COMPILER=OFF
    cmake -S tests/package/core_alone -B "$work/find_core_alone" -G Ninja -DCMAKE_PREFIX_PATH="$work/core_alone.prefix"
}

add_subdirectory() {
    consumer "subdirectory_$1" tests/package/add_subdirectory -DVKNORM_SHADERS="$shaders" -DCMAKE_C_FLAGS= \
        -DCMAKE_BUILD_TYPE=Debug -DBUILD_SHARED_LIBS="$2"
}

# both NAME FLAGS LIBRARIES: the consumer without CMake.
both() {
    # shellcheck disable=SC2086
    cc -std=c11 $strict tests/package/consumer.c $2 -o "$work/$1_c" $3
    # shellcheck disable=SC2086
    c++ -std=c++17 $strict tests/package/consumer.cpp $2 -o "$work/$1_cpp" $3
    "$work/$1_c"
    "$work/$1_cpp"
}

# pkg_config KIND DEFINES MODULES
pkg_config() {
    export PKG_CONFIG_PATH="$work/$1.prefix/lib/pkgconfig" LD_LIBRARY_PATH="$work/$1.prefix/lib"
    # shellcheck disable=SC2086
    both "pkg_config_$1" "$2 $(pkg-config --cflags $3)" "$(pkg-config --libs $3)"
}

# The core from its files, as README says.
plain() {
    mkdir -p "$work/plain"
    root=$PWD
    (cd "$work/plain" && cc -std=c11 -c -I"$root/include" -I"$root/lib" -I"$root/shaders" -I"$shaders" \
        "$root"/lib/*.c "$shaders/vkn_shaders.c")
    ar rcs "$work/plain/libvknorm.a" "$work"/plain/*.o
    both plain -Iinclude "$work/plain/libvknorm.a -lm -pthread"
}

# with_volk NAME COMPILER... : a program of the core and volk, which links no Vulkan library.
with_volk() {
    name=$1
    shift
    mkdir -p "$work/volk"
    cp /usr/include/volk.[ch] "$work/volk"
    ln -sfn /usr/include/vulkan "$work/volk/vulkan"
    ln -sfn /usr/include/vk_video "$work/volk/vk_video"
    "$@" -I"$work/volk" -I"$work/$name.prefix/include" tests/package/volk.c "$work/volk/volk.c" \
        -o "$work/volk_$name" "$work/$name.prefix/lib/libvknorm.a" -lm -pthread
}

installed_tool() {
    for kind in static shared; do
        test "$("$work/$kind.prefix/bin/vknorm" --version)" = "vknorm 0.1.0"
    done
}

# ---------------------------------------------------------------------------------------- cross builds

# The preset says that there is no NDK, rather than what CMake then misses.
android_without_ndk() {
    ANDROID_NDK_HOME='' cmake --preset android -B "$work/android_without_ndk" 2>"$work/android_without_ndk.txt" && return 1
    grep ANDROID_NDK_HOME "$work/android_without_ndk.txt"
    ! grep Ninja "$work/android_without_ndk.txt"
}

aarch64_runs() {
    emulate="qemu-aarch64 -L /usr/aarch64-linux-gnu"
    aarch64-linux-gnu-gcc -std=c11 -DCONSUMER_LAYER -I"$work/volk" -I"$work/aarch64.prefix/include" \
        tests/package/consumer.c -o "$work/consumer_aarch64" -L"$work/aarch64.prefix/lib" \
        -lvknorm_layer -lvknorm_runtime -lvknorm -lm
    $emulate "$work/consumer_aarch64"
    $emulate "$work/volk_aarch64"
    $emulate "$work/aarch64.prefix/bin/vknorm" run --list >"$work/list"
    "$work/static.prefix/bin/vknorm" run --list | cmp - "$work/list"
}

# The tool for Windows on Wine, which has Vulkan only where it has a display.
mingw_runs() {
    export WINEPREFIX="$work/wine" WINEDEBUG=-all WINESERVER=/usr/lib/wine/wineserver64
    export VK_DRIVER_FILES=/usr/share/vulkan/icd.d/lvp_icd.x86_64.json
    printf '#!/bin/sh\nexec /usr/lib/wine/wine64 "%s" "$@"\n' "$work/mingw_shared.prefix/bin/vknorm.exe" >"$work/wine_tool"
    chmod +x "$work/wine_tool"
    mkdir -p "$WINEPREFIX"
    # The first run sets Wine up, which has to say something about it.
    xvfb-run -a sh -c "$WINESERVER -p; $work/wine_tool --version; tests/tool.py $work/wine_tool; status=\$?; $WINESERVER -k; exit \$status"
}

# The tests on aarch64: its packages, in a folder of their own.
aarch64_tests() {
    root=$build/aarch64.root
    emulate="qemu-aarch64 -L $root"
    manifest=$work/lavapipe_aarch64.json
    tests/sysroot.sh arm64 "$root" libc6 libcmocka-dev libvulkan1 mesa-vulkan-drivers
    sed "s#\"/usr#\"$root/usr#" "$root"/usr/share/vulkan/icd.d/lvp_icd.aarch64.json >"$manifest"
    export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_LIBDIR="$root/usr/lib/aarch64-linux-gnu/pkgconfig"
    cmake --preset aarch64 -B "$work/aarch64_tests" -DVKNORM_SHADERS="$shaders" -DVKNORM_TESTS=ON
    cmake --build "$work/aarch64_tests" --target contract rules family_rules problem_test types edges fuzz
    for program in contract rules family_rules problem_test; do
        $emulate "$work/aarch64_tests/tests/$program"
    done
    export VK_DRIVER_FILES="$manifest"
    $emulate "$work/aarch64_tests/tests/types"
    $emulate "$work/aarch64_tests/tests/edges"
    $emulate "$work/aarch64_tests/tests/fuzz" --rounds 5
}

# --------------------------------------------------------------------------------------------- headers

# Core, runtime, layers and tool, with other Vulkan headers.
with_headers() {
    grep -E 'define VK_HEADER_VERSION(_COMPLETE)? ' "$1/vulkan/vulkan_core.h"
    for source in lib/*.c lib/runtime/*.c lib/layer/*.c samples/tool/*.c; do
        cc -std=gnu11 -fsyntax-only -Wall -Wextra -Werror -Iinclude -Ilib -Ishaders -Itests/bench -I"$shaders" -isystem "$1" "$source"
    done
}

# ------------------------------------------------------------------------------------------------- run

step static library static release
step shared library shared shared
step symbols symbols
step installed_tool installed_tool
for kind in static shared; do
    step "find_package_$kind" find_package $kind
done
step core_alone core_alone
step pkg_config_static pkg_config static -DCONSUMER_LAYER vknorm-layer
step pkg_config_shared pkg_config shared "-DCONSUMER_LAYER -DCONSUMER_COMPILER" "vknorm-layer vknorm-compiler"
step add_subdirectory_static add_subdirectory static OFF
step add_subdirectory_shared add_subdirectory shared ON
step plain_sources plain
step volk with_volk static cc
step volk_runs "$work/volk_static"
if needs aarch64-linux-gnu-gcc aarch64 aarch64_volk; then
    step aarch64 library aarch64 aarch64
    step aarch64_volk with_volk aarch64 aarch64-linux-gnu-gcc
    ! needs qemu-aarch64 aarch64_runs || step aarch64_runs aarch64_runs
fi
if needs x86_64-w64-mingw32-gcc mingw mingw_shared mingw_volk; then
    step mingw library mingw mingw
    step mingw_shared library mingw_shared mingw -DBUILD_SHARED_LIBS=ON
    step mingw_volk with_volk mingw x86_64-w64-mingw32-gcc
fi
step android_without_ndk android_without_ndk
for folder in $headers; do
    step "headers_$(echo "$folder" | tr / _)" with_headers "$folder"
done
if [ -n "$long" ] && needs x86_64-w64-mingw32-gcc mingw_runs && needs xvfb-run mingw_runs &&
    needs /usr/lib/wine/wine64 mingw_runs; then
    step mingw_runs mingw_runs
fi
if [ -n "$long" ] && needs qemu-aarch64 aarch64_tests; then
    step aarch64_tests aarch64_tests
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
