/* Replays golden files on one device: what real frameworks made of small inputs, with every strategy that can
 * serve each case. */
#include "golden_bound.h"

#include <vknorm/runtime.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes around each buffer that nothing may touch. Bindings begin at multiples of up to 256 bytes, before the
 * buffer itself: none may reach another, whose hazards validation would see. 20 makes the next one unaligned
 * to more than 4. */
enum { GUARD = 256 + 20, POISON = 0xFF /* NaN in every type */ };

static struct {
    const char *program, *device, *only_case, *only_strategy;
    bool validation, chosen, every;
} options;

static VknRuntime *runtime;
static VknBuffer memory; /* of all roles; grows to the largest case so far */
static uint64_t passed, failed;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR)
        printf("    %s\n", message);
}

/* ----------------------------------------------------------------------------------------------- elements */

static void encode(VknType type, uint32_t width, double value, uint8_t *to) {
    float single = (float)value;
    uint32_t word;
    memcpy(&word, &single, 4);
    if (type == VKN_TYPE_BF16) /* the files' values are representable */
        word >>= 16;
    if (type == VKN_TYPE_F16 && isinf(single))
        word = (word >> 31 << 15) | 0x7C00;
    else if (type == VKN_TYPE_F16 && single != 0) {
        int exponent;
        double fraction = frexp(fabsf(single), &exponent); /* exact, unlike its nine digits */
        word = (word >> 31 << 15) | (uint32_t)(exponent < -13 ? ldexp(fraction, exponent + 24)
                                                              : ldexp(fraction, 11) + (exponent + 13) * 1024);
    }
    if (width == 1)
        word = value != 0;
    memcpy(to, &word, width); /* little-endian, like the devices */
}

static double decode(VknType type, const uint8_t *from) {
    uint32_t word = 0;
    float single;
    memcpy(&word, from, type == VKN_TYPE_F32 ? 4 : 2);
    if (type == VKN_TYPE_F16) {
        int exponent = word >> 10 & 31, fraction = word & 1023;
        double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                           : exponent == 0 ? ldexp(fraction, -24)
                                           : ldexp(1024 + fraction, exponent - 25);
        return word >> 15 ? -magnitude : magnitude;
    }
    word <<= type == VKN_TYPE_BF16 ? 16 : 0;
    memcpy(&single, &word, 4);
    return single;
}

static double decode_index(const uint8_t *from) {
    uint32_t index;
    memcpy(&index, from, sizeof index);
    return index;
}

/* --------------------------------------------------------------------------------------------------- runs */

/* Where each role lies, and the bytes of all before and after a run. */
typedef struct Image {
    uint64_t offset[VKN_ROLE_COUNT], size[VKN_ROLE_COUNT], bytes;
    uint8_t *before, *after;
} Image;

/* Do the file's tensors have as many elements as the plan wants? */
static bool sizes_agree(const GoldenCase *test, const VknPlanInfo *info) {
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        uint64_t own = test->role[role].count * golden_width(&test->desc, role);
        if (role == VKN_ROLE_WORKSPACE || info->size[role] == own || info->size[role] == (own + 3) / 4 * 4)
            continue;
        printf("    %s has %llu bytes in the file, the plan wants %llu\n", golden_role_name(role),
               (unsigned long long)own, (unsigned long long)info->size[role]);
        return false;
    }
    return true;
}

static bool image_create(const GoldenCase *test, const VknPlanInfo *info, Image *image) {
    *image = (Image){.bytes = GUARD};
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        image->offset[role] = image->bytes;
        image->size[role] = info->size[role];
        image->bytes += info->size[role] ? (info->size[role] + 3) / 4 * 4 + GUARD : 0;
    }
    image->before = malloc(image->bytes);
    image->after = malloc(image->bytes);
    if (!image->before || !image->after)
        return false;
    memset(image->before, POISON, image->bytes);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        uint32_t width = golden_width(&test->desc, role);
        for (uint64_t i = 0; test->role[role].in && i < test->role[role].count; i++)
            encode(golden_type(&test->desc, role), width, test->role[role].in[i],
                   image->before + image->offset[role] + i * width);
    }
    return true;
}

static void image_destroy(Image *image) {
    free(image->before);
    free(image->after);
}

static bool image_run(const GoldenCase *test, const VknPlan *plan, const Image *image) {
    VknBuffer buffers[VKN_ROLE_COUNT] = {0};
    VknBindings *bindings = NULL;
    VknResult result = VKN_SUCCESS;
    if (memory.size < image->bytes) {
        vkn_runtime_buffer_destroy(runtime, memory.buffer);
        memory = (VknBuffer){0};
        result = vkn_runtime_buffer_create(runtime, image->bytes, &memory);
    }
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        if (image->size[role])
            buffers[role] =
                (VknBuffer){memory.buffer, memory.offset + image->offset[role], image->size[role]};
    if (!result)
        result = vkn_runtime_upload(runtime, &memory, 0, image->before, image->bytes);
    if (!result)
        result = vkn_bindings_create(plan, buffers, &bindings);
    if (!result)
        result = vkn_runtime_run(runtime, plan, bindings,
                                 &(VknRecordInfo){.batch_number = test->batch_number}, 1, NULL);
    if (!result)
        result = vkn_runtime_download(runtime, &memory, 0, image->after, image->bytes);
    vkn_bindings_destroy(bindings);
    if (result)
        printf("    the run returns %s\n", vkn_result_name(result));
    return !result;
}

/* Nothing but outputs and the workspace may have changed. */
static bool rest_is_untouched(const GoldenCase *test, const Image *image) {
    uint32_t role = 0;
    for (uint64_t i = 0; i < image->bytes; i++) {
        while (role < VKN_ROLE_COUNT && (!image->size[role] || i >= image->offset[role] + image->size[role]))
            role++;
        bool may_change = role < VKN_ROLE_COUNT && i >= image->offset[role] &&
                          (test->role[role].out || role == VKN_ROLE_WORKSPACE);
        if (!may_change && image->before[i] != image->after[i]) {
            printf("    a byte that is no output has changed, in or before %s\n",
                   role < VKN_ROLE_COUNT ? golden_role_name(role) : "the end");
            return false;
        }
    }
    return true;
}

/* Returns how much of its bound the worst element needs; prints the first that needs more than all. */
static double compare(const GoldenCase *test, const GoldenBounds *bounds, const Image *image) {
    double worst = 0;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        VknType type = golden_type(&test->desc, role);
        uint32_t width = golden_width(&test->desc, role);
        bool said = false;
        for (uint64_t i = 0; test->role[role].out && i < test->role[role].count; i++) {
            const uint8_t *from = image->after + image->offset[role] + i * width;
            double got = role == VKN_ROLE_INDEX ? decode_index(from) : decode(type, from);
            double want = test->role[role].out[i], bound = bounds->of[role][i];
            bool same = got == want || (isnan(got) && isnan(want));
            double needs = isfinite(got) && isfinite(bound) ? fabs(got - want) / bound : INFINITY;
            needs = same ? 0 : needs;
            if (needs > 1 && !said)
                printf("    %s[%llu] is %.9g, expected %.9g within %.2g\n", golden_role_name(role),
                       (unsigned long long)i, got, want, bound);
            said = said || needs > 1;
            worst = fmax(worst, needs);
        }
    }
    return worst;
}

static double run_plan(const GoldenCase *test, const VknDesc *desc, const GoldenBounds *bounds) {
    VknPlan *plan = NULL;
    Image image = {0};
    uint32_t messages = vkn_runtime_validation_count(runtime);
    double needs = INFINITY;
    if (vkn_plan_create(vkn_runtime_context(runtime), desc, &plan) == VKN_SUCCESS &&
        image_create(test, vkn_plan_info(plan), &image) && image_run(test, plan, &image)) {
        needs = compare(test, bounds, &image);
        if (!rest_is_untouched(test, &image))
            needs = INFINITY;
    }
    image_destroy(&image);
    vkn_plan_destroy(plan);
    return vkn_runtime_validation_count(runtime) == messages ? needs : INFINITY;
}

/* -------------------------------------------------------------------------------------------------- files */

typedef struct Sum {
    uint32_t cases, runs, failed;
    double needs;
} Sum;

static void fail_case(const GoldenFile *file, const GoldenCase *test, const char *strategy, Sum *sum) {
    printf("FAILED: %s%s%s --case %s%s%s %s, line %u\n", options.program, options.device ? " --device " : "",
           options.device ? options.device : "", test->name, strategy ? " --strategy " : "",
           strategy ? strategy : "", file->path, test->line);
    sum->failed++;
}

static void run_case(const GoldenFile *file, const GoldenCase *test, Sum *sum) {
    const VknCaps *caps = vkn_context_caps(vkn_runtime_context(runtime));
    GoldenBounds bounds;
    VknDesc desc = test->desc;
    VknPlanInfo info;
    uint32_t runs = sum->runs;
    VknResult result = vkn_plan_query(caps, &desc, (VknLog){log_write, NULL}, &info);
    sum->cases++;
    if (result || !sizes_agree(test, &info) || !golden_bounds_create(test, &bounds)) {
        fail_case(file, test, NULL, sum);
        return;
    }
    uint32_t chosen = info.strategy;
    for (desc.strategy = 1; vkn_strategy_name(desc.strategy - 1); desc.strategy++) {
        const char *name = vkn_strategy_name(desc.strategy - 1);
        bool rotates = !options.chosen &&
                       (desc.strategy + sum->cases) % 5 == 0; /* pipelines take nearly all of the time */
        if (!options.every && !options.only_strategy && desc.strategy != chosen && !rotates)
            continue;
        if ((options.only_strategy && strcmp(options.only_strategy, name) != 0) ||
            vkn_plan_query(caps, &desc, (VknLog){0}, &info) == VKN_ERROR_UNSUPPORTED)
            continue;
        double needs = run_plan(test, &desc, &bounds);
        sum->runs++;
        sum->needs = fmax(sum->needs, needs);
        if (!(needs <= 1))
            fail_case(file, test, name, sum);
    }
    if (sum->runs == runs && !options.only_strategy)
        fail_case(file, test, NULL, sum);
    golden_bounds_destroy(&bounds);
}

static void run_file(const char *path) {
    GoldenFile file;
    GoldenCase test;
    GoldenResult result = GOLDEN_ERROR;
    Sum sum = {0};
    if (golden_open(&file, path)) {
        while ((result = golden_next(&file, &test)) == GOLDEN_CASE) {
            if (!options.only_case || strcmp(options.only_case, test.name) == 0)
                run_case(&file, &test, &sum);
            golden_case_free(&test);
        }
        if (result == GOLDEN_ERROR)
            golden_case_free(&test);
    }
    golden_close(&file);
    if (result == GOLDEN_ERROR || (sum.cases == 0 && !options.only_case)) {
        printf("FAILED: %s %s\n", path, result == GOLDEN_ERROR ? "cannot be understood" : "has no case");
        sum.failed++;
    }
    printf("%s: %u cases, %u runs, %u failed; the largest error is %.0f%% of what f32 may lose\n", path,
           sum.cases, sum.runs, sum.failed, 100 * sum.needs);
    fflush(stdout);
    passed += sum.runs > sum.failed ? sum.runs - sum.failed : 0;
    failed += sum.failed;
}

int main(int argc, char **argv) {
    int first = 1;
    options.program = argv[0];
    for (; first < argc && argv[first][0] == '-'; first++) {
        const char **value = strcmp(argv[first], "--device") == 0     ? &options.device
                             : strcmp(argv[first], "--case") == 0     ? &options.only_case
                             : strcmp(argv[first], "--strategy") == 0 ? &options.only_strategy
                                                                      : NULL;
        if (strcmp(argv[first], "--validation") == 0)
            options.validation = true;
        else if (strcmp(argv[first], "--chosen") == 0)
            options.chosen = true; /* strategy alone */
        else if (strcmp(argv[first], "--long") == 0)
            options.every = true; /* strategy, instead of the chosen one and one in five */
        else if (value && first + 1 < argc)
            *value = argv[++first];
        else
            break;
    }
    if (first == argc || argv[first][0] == '-') {
        fprintf(stderr,
                "usage: %s [--device NAME] [--validation] [--chosen] [--long] [--case NAME] [--strategy "
                "NAME] FILE...\n",
                argv[0]);
        return 2;
    }
    VknRuntimeDesc desc = {
        .device = options.device, .validation = options.validation, .log = {log_write, NULL}};
    if (vkn_runtime_create(&desc, &runtime) != VKN_SUCCESS)
        return 2;
    for (; first < argc; first++)
        run_file(argv[first]);
    uint32_t messages = vkn_runtime_validation_count(runtime);
    vkn_runtime_destroy(runtime);
    if (messages)
        printf("%u validation messages\n", messages);
    failed += messages > 0;
    printf("%llu passed, %llu failed, 0 skipped\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed || !passed;
}
