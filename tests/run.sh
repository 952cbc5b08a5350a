#!/bin/sh
# Installs what is missing (Debian), builds everything, and runs every test on every driver.
set -eu
cd "$(dirname "$0")/.."
. tests/setup.sh

usage() {
    cat <<'END'
usage: tests/run.sh [--long]

Builds into build/ and runs
  checks        formatting of C files, syntax of shell scripts
  host          the test programs that need no device, once
  swiftshader   the others, and the samples, with the validation layer, on each software renderer;
  lavapipe-N    lavapipe with vectors of 256 bits, and with 128 and 512 what depends on the lanes of subgroups
  checked-*     some of them in kernels with checks: every access against its binding, shared memory for races
  both          programs that use two devices in one process, with SwiftShader and lavapipe
  radv          every kind of pipeline, by the compilers for AMD GPUs, none of which must be there
  mock          the commands for the weakest device, on a driver that has no more than Vulkan promises
  gpu           and on the first GPU, if there is one
  package       installs, uses the library from other projects, and builds for other systems
  asan, tsan    host programs, and some of the others on SwiftShader, with AddressSanitizer and
                UndefinedBehaviorSanitizer; threads with ThreadSanitizer
  coverage      some of them on lavapipe, to count the lines of lib/ that run: at least 95 %
  fuzzers       each fuzzer of tests/fuzzers, for 10 s, if clang is there; what fails stays beside its log
The logs stay in build/logs. The last line is the sum: N passed, N failed, N skipped.

  --long        the test programs take more cases and more time, each fuzzer 10 minutes, and asan runs all
                of the programs, and checked all that run on a device
  --help        print this and stop
END
}

long=
for argument in "$@"; do
    case $argument in
    --long) long=--long ;;
    --help) usage && exit ;;
    *) echo "tests/run.sh: unknown option $argument, see --help" >&2 && exit 2 ;;
    esac
done

setup tests
rm -rf build/logs
build ON all
logs=build/logs

# ------------------------------------------------------------------------------------ validation layer

# Chromium ships the layer without the manifest that the loader looks for.
layer=none
if library=$(find_in_chromium libVkLayer_khronos_validation.so); then
    mkdir -p build/layers
    cat >build/layers/VkLayer_khronos_validation.json <<END
{
    "file_format_version": "1.2.0",
    "layer": {
        "name": "VK_LAYER_KHRONOS_validation",
        "type": "GLOBAL",
        "library_path": "$library",
        "api_version": "1.3.0",
        "implementation_version": "1",
        "description": "Khronos validation layer"
    }
}
END
    layer=VK_LAYER_KHRONOS_validation
fi

# ---------------------------------------------------------------------------------------------- results

# A result is a line "PASSED FAILED SKIPPED SECONDS NAME COMMAND" in logs/DRIVER/results.

# result DRIVER NAME PASSED FAILED SKIPPED SECONDS COMMAND
result() {
    echo "$3 $4 $5 $6 $2 $7" >>"$logs/$1/results"
    printf '%-14s %-20s %6d passed %3d failed %4d skipped %5d s\n' "$1" "$2" "$3" "$4" "$5" "$6"
}

# Prints the counts of a log: its last "N passed, N failed, N skipped", else the sum of cmocka's groups.
counts_of() {
    awk '/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { own = $1 " " $3 " " $5 }
         /^\[  (PASSED|FAILED|SKIPPED)  ?\] .*[0-9]+ test\(s\)/ {
             for (i = 1; i < NF; i++) if ($(i + 1) ~ /^test\(s\)/) count[$2] += $i
             cmocka = 1
         }
         END {
             if (own) print own
             else if (cmocka) print count["PASSED"] + 0, count["FAILED"] + 0, count["SKIPPED"] + 0
         }' "$1"
}

# check NAME COMMAND...: a command that passes or fails.
check() {
    name=$1 start=$(date +%s)
    shift
    if "$@" >"$logs/checks/$name.log" 2>&1; then
        result checks "$name" 1 0 0 $(($(date +%s) - start)) "$*"
    else
        result checks "$name" 0 1 0 $(($(date +%s) - start)) "$*"
    fi
}

# Where programs are, and which: lines like those of programs.txt.
from=build
list=$logs/programs.txt

# run_program DRIVER KIND PROGRAM ARGUMENTS [NAME=VALUE...]: runs $from/PROGRAM with these environment
# variables.
run_program() {
    driver=$1 kind=$2 program=$3 arguments=$4
    shift 4
    name=$(basename "$program")
    program=$from/$program
    if [ "$kind" = script ] || [ "$kind" = package ]; then # its first argument is the program that it runs
        program=tests/$name arguments=$from/$arguments
    fi
    if [ "$kind" = mpi ]; then # the argument is the number of ranks; beside that it is a sample
        kind=sample name=$name-$arguments arguments="-n $arguments $program"
        program="mpirun --allow-run-as-root --oversubscribe"
    fi
    log=$logs/$driver/$name.log
    # What programs write beside their output must not collide between drivers.
    [ "$program" != build/samples/digits ] || arguments="--out $logs/$driver/digits.png"
    # shellcheck disable=SC2086
    set -- CMOCKA_XML_FILE="$logs/$driver/$name.xml" "$@" $program $arguments
    if [ "$kind" = sample ] && [ $layer != none ]; then
        # Samples know nothing of validation: the loader adds the layer, which then writes what it finds.
        set -- VK_INSTANCE_LAYERS=$layer "$@"
    fi
    # Without the heuristic, hazards between dispatches pass unseen; with the limit, all after the tenth.
    set -- VK_ADD_LAYER_PATH="${VK_ADD_LAYER_PATH:+$VK_ADD_LAYER_PATH:}$PWD/build/layers" \
        VK_LAYER_VALIDATE_SYNC=1 VK_LAYER_SYNCVAL_SHADER_ACCESSES_HEURISTIC=1 \
        VK_LAYER_ENABLE_MESSAGE_LIMIT=false "$@"
    start=$(date +%s) status=0
    timeout "$limit" env "$@" >"$log" 2>&1 </dev/null &
    child=$!
    wait $child || status=$?
    if [ $status = 124 ]; then
        echo "stopped after $limit seconds" >>"$log"
    fi
    if [ "$kind" = sample ]; then
        if [ $status = 0 ] && ! grep -q '^Validation \(Error\|Warning\)' "$log"; then
            counts="1 0 0"
        else
            counts="0 1 0"
        fi
    else
        counts=$(counts_of "$log")
        case $counts in
        "") counts="0 1 0" && echo "exit status $status, and no line of counts" >>"$log" ;;
        *" 0 "*) [ $status = 0 ] || counts=$(echo "$counts" | awk '{ print $1, 1, $3 }') ;;
        esac
    fi
    # shellcheck disable=SC2086
    result "$driver" "$name" $counts $(($(date +%s) - start)) "env $*"
}

# run_driver DRIVER KINDS [NAME=VALUE...]: runs the programs of these kinds, one after the other, but for those that
# another worker of this driver has taken.
run_driver() {
    on=$1 kinds=$2 line=0
    shift 2
    while read -r program_kind path program_arguments; do
        line=$((line + 1))
        case " $kinds " in
        *" $program_kind "*)
            mkdir "$logs/$on/taken-$line" 2>/dev/null || continue
            run_program "$on" "$program_kind" "$path" "$program_arguments" "$@"
            ;;
        esac
    done <"$list"
}

# Where the storage of a thread begins 16 bytes into a page, LeakSanitizer of GCC to 13 and LLVM to 16 takes what lies
# before it for a header that glibc had once, reads anywhere and dies. It does not if it leaves __tls_get_addr() alone.
sanitize="ASAN_OPTIONS=intercept_tls_get_addr=0"

# --------------------------------------------------------------------------------------------- fuzzers

# run_fuzzer NAME OPTIONS...: on what it found before, and the seeds. Its log ends with what it did.
run_fuzzer() {
    name=$1 log=$logs/fuzzers/$1.log start=$(date +%s) counts="1 0 0"
    shift
    mkdir -p "build/fuzz/corpus/$name"
    set -- "$sanitize" VK_DRIVER_FILES="$(find_in_chromium vk_swiftshader_icd.json || true)" \
        "build/fuzz/tests/fuzzers/fuzz_$name" -max_total_time=$fuzz_seconds -timeout=300 -rss_limit_mb=4096 \
        -close_fd_mask=1 -print_final_stats=1 -artifact_prefix="$logs/fuzzers/$name-" "$@" \
        "build/fuzz/corpus/$name" "tests/fuzzers/corpus/$name"
    env "$@" >"$log" 2>&1 </dev/null &
    child=$!
    wait $child || counts="0 1 0"
    # shellcheck disable=SC2086
    result fuzzers "$name" $counts $(($(date +%s) - start)) "env $*"
    awk -v name="$name" '$2 == "DONE" || $2 == "INITED" { cover = $4; features = $6 }
        /^stat::number_of_executed_units:/ { runs = $2 }
        END { printf "%-14s %-20s %d executions, %d edges and %d features covered\n", "", name, runs, cover,
                  features }' "$log"
}

run_fuzzers() {
    start=$(date +%s)
    if ! has_fuzzer; then
        echo "clang and its libFuzzer are not there, see the beginning" >$logs/fuzzers/build.log
        result fuzzers build 0 0 1 0 ""
    elif cmake -S . -B build/fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
        -DVKNORM_FUZZERS=ON -DVKNORM_SAMPLES=OFF -DVKNORM_SHADERS="$PWD/build/shaders" >$logs/fuzzers/build.log 2>&1 &&
        cmake --build build/fuzz --target fuzzers >>$logs/fuzzers/build.log 2>&1; then
        while read -r fuzzer; do
            # shellcheck disable=SC2086
            run_fuzzer $fuzzer
        done <build/fuzz/tests/fuzzers/fuzzers.txt
    else
        result fuzzers build 0 1 0 $(($(date +%s) - start)) "cmake --build build/fuzz --target fuzzers"
    fi
}

# ------------------------------------------------------------------------------------------------- run

limit=3600 fuzz_seconds=10
[ -z "$long" ] || limit=14400 fuzz_seconds=600
validation=
[ $layer != none ] || validation='s/ --validation//'
sed -e "s/ LONG/ $long/" -e "$validation" build/tests/programs.txt >$logs/programs.txt
children=
trap 'kill $children 2>/dev/null; exit 1' INT TERM
drivers=

# start DRIVER KINDS [NAME=VALUE...]: in the background, by as many workers.
workers=1
start() {
    mkdir -p "$logs/$1"
    drivers="$drivers $1"
    for _ in $(seq $workers); do
        (
            trap 'kill $child; exit 1' TERM
            run_driver "$@"
        ) &
        children="$children $!"
    done
}

# start_driver DRIVER KINDS MANIFEST [NAME=VALUE...]: only this driver is visible.
start_driver() {
    started=$1 kinds=$2 manifest=$3
    shift 3
    if [ -n "$manifest" ]; then
        start "$started" "$kinds" VK_DRIVER_FILES="$manifest" "$@"
    else
        mkdir -p "$logs/$started"
        drivers="$drivers $started"
        echo "no such driver on this machine, see the beginning" >"$logs/$started/driver.log"
        result "$started" driver 0 1 0 0 "tests/run.sh"
    fi
}

mkdir -p $logs/checks
drivers=checks
format=$(clang-format --version 2>/dev/null | sed 's/.*version \([0-9]*\).*/\1/')
if [ "$format" = 14 ]; then
    # shellcheck disable=SC2046
    check format clang-format --dry-run -Werror \
        $(find include lib samples shaders tests -name '*.[ch]' -not -path '*/build/*')
else
    echo "clang-format 14 is not there; others may want other line breaks" >$logs/checks/format.log
    result checks format 0 0 1 0 ""
fi
for script in .ci/run samples/run.sh tests/*.sh; do
    check "$(echo "$script" | tr / -)" sh -n "$script"
done

check doxygen cmake --build build --target docs
check symbols ctest --test-dir build -R symbols --output-on-failure

# start_sanitized PRESET MANIFEST [NAME=VALUE...]: the programs of logs/PRESET.txt, built with it.
start_sanitized() {
    preset=$1 manifest=$2
    shift 2
    mkdir -p "$logs/$preset"
    echo "Building $preset"
    # shellcheck disable=SC2046
    if cmake --preset "$preset" -DVKNORM_SAMPLES=OFF -DVKNORM_SHADERS="$PWD/build/shaders" >"$logs/$preset/build.log" 2>&1 &&
        cmake --build --preset "$preset" --target $(sed 's/^script tests.\(.*\)[.]py.*/vknorm_\1/; s/^[a-z]* tests.\([a-z_]*\).*/\1/' "$logs/$preset.txt") \
            >>"$logs/$preset/build.log" 2>&1; then
        from=build/$preset list=$logs/$preset.txt
        start "$preset" "host device once lavapipe script" VK_DRIVER_FILES="$manifest" "$@"
        from=build list=$logs/programs.txt
    else
        drivers="$drivers $preset"
        result "$preset" build 0 1 0 0 "cmake --build --preset $preset"
    fi
}

# Planning takes and gives back large blocks; those that go back to the system each time cost as much as the rest.
keep="GLIBC_TUNABLES=glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=4294967295"
start host host "$keep"
mkdir -p $logs/fuzzers
drivers="$drivers fuzzers"
(
    trap 'kill $child; exit 1' TERM
    run_fuzzers
) &
children="$children $!"
start package package
swiftshader=$(find_in_chromium vk_swiftshader_icd.json || true)
lavapipe=$(find_driver lvp_icd || true)
workers=3 # it compiles slowly, and would go on alone when the others are done
start_driver swiftshader "device once swiftshader script sample mpi" "$swiftshader"
workers=1
for bits in 128 256 512; do
    more=lanes
    [ $bits != 256 ] && [ -z "$long" ] || more="once lavapipe script"
    start_driver lavapipe-$bits "device $more sample mpi" "$lavapipe" LP_NATIVE_VECTOR_WIDTH=$bits
done
if [ $layer != none ]; then
    grep '^checked' $logs/programs.txt >$logs/checked.txt
    if [ -n "$long" ]; then
        grep -E '^(device|once|lavapipe).* --validation' $logs/programs.txt >>$logs/checked.txt
    else
        echo "device tests/fuzz --validation --rounds 8" >>$logs/checked.txt
    fi
    list=$logs/checked.txt
    for driver in swiftshader lavapipe; do
        eval "manifest=\$$driver"
        start_driver checked-$driver "checked device once lavapipe" "$manifest" VK_LAYER_GPUAV_ENABLE=1 \
            VK_LAYER_GPUAV_SHARED_MEMORY_DATA_RACE=1
    done
    list=$logs/programs.txt
fi
if [ -n "$swiftshader" ] && [ -n "$lavapipe" ]; then
    start both pair VK_DRIVER_FILES="$swiftshader:$lavapipe"
fi
if [ -n "$lavapipe" ] && has_command gcovr; then
    cat >$logs/coverage.txt <<'END'
host tests/rules
host tests/contract
host tests/family_rules
host tests/cache
host tests/schedule --rounds 50
host tests/refuse
host tests/shader
host tests/layer_initializers
host tests/layer_penalties
host tests/layer_files
device tests/layer
device tests/api --validation
device tests/runtime
device tests/runtime_buffer
device tests/cache_run
device tests/custom_rules
device tests/tune
device tests/tune_pack
device tests/batch
device tests/self_test
device tests/faults
device tests/fuzz --rounds 10
END
    find build/coverage -name '*.gcda' -delete 2>/dev/null || true
    start_sanitized coverage "$lavapipe" "$keep"
fi
if [ -n "$swiftshader" ]; then
    if [ -n "$long" ]; then
        grep -E '^(host|device|once|lavapipe|script)' $logs/programs.txt | # samples are not built there
            sed '/samples.train/d; /samples.digits/d; s/ --validation//' >$logs/asan.txt
    else
        cat >$logs/asan.txt <<'END'
host tests/rules
host tests/contract
host tests/view
host tests/shader
host tests/schedule --rounds 100
host tests/layer_files
device tests/runtime
device tests/fuzz --rounds 3
script tests/tool.py samples/tool/vknorm
END
    fi
    echo "device tests/api --threads" >$logs/tsan.txt
    start_sanitized tsan "$swiftshader" TSAN_OPTIONS="suppressions=$PWD/tests/thread.supp"
    start_sanitized asan "$swiftshader" "$sanitize" UBSAN_OPTIONS=print_stacktrace=1
fi
if radv=$(find_driver radeon_icd); then
    start radv radv VK_DRIVER_FILES="$radv"
fi
if mock=$(find_in_chromium libVkICD_mock_icd.so) && [ $layer != none ]; then
    echo '{"file_format_version": "1.0.0", "ICD": {"library_path": "'"$mock"'", "api_version": "1.1.0"}}' \
        >build/mock_icd.json
    start mock mock VK_DRIVER_FILES="$PWD/build/mock_icd.json"
fi
if [ -x build/samples/digits ] && build/samples/digits --list | grep -qv 'software$'; then
    start gpu "device once lavapipe script sample mpi"
fi
wait

for log in $logs/*/family.log; do
    grep '^|' "$log" >$logs/matrix || true
done
# Of the host's code, but not of what generates it.
if [ -e build/coverage ]; then
    check coverage gcovr --root . --filter lib/ --fail-under-line 95 build/coverage
fi
# README's matrix is what the family test printed last.
check readme-matrix sh -c "sed -n '/<!-- family -->/,/<!-- .family -->/p' README.md | grep '^|' | diff - $logs/matrix"

# ----------------------------------------------------------------------------------------------- report

failed=0
for driver in $drivers; do
    if [ ! -e "$logs/$driver/results" ]; then
        continue
    fi
    while read -r _ failed_count _ _ name command; do
        if [ "$failed_count" -gt 0 ]; then
            failed=1
            printf '\nFAILED on %s: %s, the end of %s:\n' "$driver" "$name" "$logs/$driver/$name.log"
            tail -n 40 "$logs/$driver/$name.log" | sed 's/^/    /'
            echo "  again: $command"
        fi
    done <"$logs/$driver/results"
done

# How often each strategy passed and failed: the table that `device` prints, one column per driver.
logged=$(for driver in $drivers; do ls "$logs/$driver/device.log" 2>/dev/null || true; done)
if [ -n "$logged" ]; then
    # shellcheck disable=SC2086
    awk 'FNR == 1 { n++; split(FILENAME, part, "/"); name[n] = part[3]; inside = 0 }
         $1 == "strategy" { inside = 1; next }
         NF != 3 { inside = 0 }
         inside { if (!($1 in seen)) { seen[$1] = 1; order[++rows] = $1 } cell[$1, n] = $2 "/" $3 }
         END {
             printf "\n%-20s", "passed/failed"
             for (i = 1; i <= n; i++) printf " %14s", name[i]
             for (r = 1; r <= rows; r++) {
                 printf "\n%-20s", order[r]
                 for (i = 1; i <= n; i++) printf " %14s", ((order[r], i) in cell) ? cell[order[r], i] : "-"
             }
             printf "\n"
         }' $logged
fi

# sum COLUMN PATTERN LOG...: adds up a column of the lines that match.
sum() {
    column=$1 pattern=$2
    shift 2
    awk -v column="$column" -v pattern="$pattern" '$0 ~ pattern { n += $column } END { printf "%d", n }' \
        /dev/null "$@"
}

row() {
    printf '%-34s %s\n' "$@"
}

faults=$(find $logs -name faults.log)
compiled=$logs/radv/compile.log
# shellcheck disable=SC2086
{
    printf '\n'
    row drivers "$(find $logs -name rows.log | wc -l)"
    row strategies "$(awk '$1 == "strategy" { t = 1; next } NF != 3 { t = 0 } t && !/planning/ { n++ } END { print n + 0 }' \
        $logs/swiftshader/device.log 2>/dev/null)"
    row "messages of the validation layer" "$(find $logs -name '*.log' -not -name net.log -print0 |
        xargs -0 grep -E 'VUID-|SYNC-HAZARD|Validation (Error|Warning)' | wc -l)"
    row "faults seeded and caught there" "$(sum 1 '^[0-9]+ passed' $(find $logs -name net.log))"
    for family in polaris10 vega10 navi10 navi21 gfx1100; do
        for compiler in aco llvm; do
            [ ! -e $compiled ] || awk -v name="$family, $compiler" -v pattern="^$family-$compiler" '
                $0 ~ pattern && $10 > 0 { n += $2; spills += $6 + $7 }
                END { if (n) printf "%-34s %d, at most %d spills\n", "pipelines for " name, n, spills }' $compiled
        done
    done
    row "faults injected" "$(sum 3 '^[A-Za-z_]+ +[0-9]+ +[0-9]+ +[0-9]+$' $faults)"
    row "  survived" "$(sum 4 '^[A-Za-z_]+ +[0-9]+ +[0-9]+ +[0-9]+$' $faults)"
    row "inputs of fuzzers" "$(sum 2 '^stat::number_of_executed_units:' $(find $logs/fuzzers -name '*.log'))"
    row "tests of threads, races found" "$(grep -h '   OK' $logs/tsan/api.log 2>/dev/null | wc -l), $(
        grep -h 'WARNING: ThreadSanitizer' $logs/tsan/api.log 2>/dev/null | wc -l)"
    row "lines of lib/ that tests ran" "$(awk '$1 == "TOTAL" { print $3, "of", $2 ", " $4 }' \
        $logs/checks/coverage.log 2>/dev/null)"
}

printf '\n%-14s %8s %8s %8s %8s\n' "" passed failed skipped seconds
for driver in $drivers; do
    awk -v driver="$driver" '{ p += $1; f += $2; s += $3; t += $4 }
        END { printf "%-14s %8d %8d %8d %8d\n", driver, p, f, s, t }' "$logs/$driver/results"
done
echo
for driver in $drivers; do
    cat "$logs/$driver/results"
done | awk '{ p += $1; f += $2; s += $3 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s }'
exit $failed
