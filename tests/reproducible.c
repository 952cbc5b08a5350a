/* Reproducible plans give the same bits on every driver: those of tests/reproducible.txt, with every strategy
 * and wherever buffers lie. --update writes the file. Other plans do for the same device and
 * buffers, a hundred times. */
#include "family.h"
#include "generate.h"
#include "problem_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static VknRuntime *runtime;
static uint32_t passed, failed;
static Problem problem;
static FILE *file;
static bool updates;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR && !strstr(message, "cannot serve"))
        printf("    %s\n", message);
}

static void tell(bool right, const char *what, const char *strategy, uint64_t digest) {
    *(right ? &passed : &failed) += 1;
    if (!right)
        printf("FAILED: %s, strategy %s: %016" PRIx64 "\n", what, strategy, digest);
}

/* The digest in the file, which has a line "DIGEST NAME" for each strategy that serves a description. */
static void compare(const char *what, const char *strategy, uint64_t digest) {
    char line[256] = "", expected[256];
    snprintf(expected, sizeof expected, "%016" PRIx64 " %s, %s\n", digest, what, strategy);
    if (updates)
        fputs(expected, file);
    else if (!fgets(line, sizeof line, file) || strcmp(line, expected))
        tell(false, what, strategy, digest);
    else
        tell(true, what, strategy, digest);
}

static void check(const Problem *p, VknDesc desc, const char *what) {
    desc.reproducible = true;
    for (desc.strategy = 1; vkn_strategy_name(desc.strategy - 1); desc.strategy++) {
        VknPlanInfo info;
        VknResult result = vkn_plan_query(vkn_context_caps(vkn_runtime_context(runtime)), &desc,
                                          (VknLog){log_write, NULL}, &info);
        if (result == VKN_ERROR_UNSUPPORTED)
            continue;
        problem_require(result, what);
        tell(problem_run(runtime, p, &desc, 0, false), what, info.strategy_name, problem_digest);
        uint64_t digest = problem_digest;
        if (!info.dispatch_count) /* bits of nothing */
            tell(false, what, "none", digest);
        compare(what, info.strategy_name, digest);
        problem_run(runtime, p, &desc, 3, false);
        tell(problem_digest == digest, what, "elsewhere", problem_digest);
    }
}

/* By every strategy that serves a description, whose bits in `served` are set. */
static void repeat(const Problem *p, VknDesc desc, uint32_t *served) {
    for (desc.strategy = 1; vkn_strategy_name(desc.strategy - 1); desc.strategy++) {
        const char *name = vkn_strategy_name(desc.strategy - 1);
        VknPlanInfo info;
        if (vkn_plan_query(vkn_context_caps(vkn_runtime_context(runtime)), &desc, (VknLog){0}, &info))
            continue;
        bool right = problem_run(runtime, p, &desc, 0, false), alike = true;
        uint64_t digest = problem_digest;
        for (uint32_t run = 1; run < 100 && alike; run++) {
            right = problem_run(runtime, p, &desc, 0, false) && right;
            alike = problem_digest == digest;
        }
        tell(right && alike, "a hundred runs", name, digest);
        *served |= 1u << (desc.strategy - 1);
    }
}

static void repeat_all(void) {
    uint32_t served = 0;
    for (FamilyLayout layout = FAMILY_NCHW; layout < FAMILY_LAYOUTS; layout++) {
        family_problem(&problem, 0, layout, VKN_TYPE_F32);
        repeat(&problem, family_forward(&problem), &served);
        repeat(&problem, family_backward(&problem), &served);
    }
    for (uint32_t strategy = 0; vkn_strategy_name(strategy); strategy++)
        if (!(served >> strategy & 1)) /* one that needs what this device lacks */
            printf("not on this device: %s\n", vkn_strategy_name(strategy));
}

int main(int argc, char **argv) {
    static const char *const TYPES[] = {"f32", "f16", "bf16"};
    VknRuntimeDesc desc = {.log = {log_write, NULL}};
    const char *path = NULL;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--validation"))
            desc.validation = true;
        else if (!strcmp(argv[i], "--update"))
            updates = true;
        else if (!strcmp(argv[i], "--device") && i + 1 < argc)
            desc.device = argv[++i];
        else
            path = argv[i];
    }
    if (!path || !(file = fopen(path, updates ? "w" : "r")))
        return fprintf(stderr, "usage: reproducible [--device NAME] [--validation] [--update] FILE\n"), 2;
    problem_require(vkn_runtime_create(&desc, &runtime), "device");
    for (uint32_t member = 0; member < family_count; member++) {
        FamilyLayout layout = (FamilyLayout)(member % FAMILY_LAYOUTS);
        uint32_t type = member % 3;
        char what[128];
        snprintf(what, sizeof what, "%s %s %s", family_name(member), family_layout_names[layout],
                 TYPES[type]);
        family_problem(&problem, member, layout, (VknType)type);
        check(&problem, family_forward(&problem), what);
        snprintf(what + strlen(what), sizeof what - strlen(what), " backward");
        if (family_has_gradient(member))
            check(&problem, family_backward(&problem), what);
    }
    for (uint32_t i = 0; i < TEST_ACTIVATION_COUNT; i++) { /* of every row, alone */
        VknActivation activation = vkn_activation_default(test_activation_id(i));
        char what[32];
        family_problem(&problem, 0, FAMILY_NHWC, VKN_TYPE_F32);
        vkn_desc_activation(&problem.desc, VKN_OPERATION_APPLY, 4, problem.desc.shape, activation);
        problem_fill(&problem, &(ProblemFill){.seed = 9, .positive = true});
        snprintf(what, sizeof what, "activation %d", activation.id);
        check(&problem, family_forward(&problem), what);
        check(&problem, family_backward(&problem), what);
    }
    if (!updates)
        repeat_all();
    uint32_t messages = vkn_runtime_validation_count(runtime);
    vkn_runtime_destroy(runtime);
    fclose(file);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed + (messages > 0));
    return failed || messages || !passed;
}
