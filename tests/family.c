/* Every member of the family in every layout and type, forward and backward, with every strategy that can
 * serve it. Prints the matrix that README.md has. */
#include "family.h"
#include "problem_run.h"

#include <stdio.h>
#include <string.h>

static VknRuntime *runtime;
static uint32_t passed, failed;
static Problem problem;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR && !strstr(message, "cannot serve"))
        printf("    %s\n", message);
}

/* With the chosen strategy, and in f32 with every other one. Whether all are right. */
static bool check(const Problem *p, VknDesc desc, const char *what) {
    const VknCaps *caps = vkn_context_caps(vkn_runtime_context(runtime));
    uint32_t failed_before = failed;
    bool all = desc.x.type == VKN_TYPE_F32;
    for (desc.strategy = 0; !desc.strategy || (all && vkn_strategy_name(desc.strategy - 1));
         desc.strategy++) {
        VknPlanInfo info;
        VknResult result = vkn_plan_query(caps, &desc, (VknLog){log_write, NULL}, &info);
        if (desc.strategy && result == VKN_ERROR_UNSUPPORTED)
            continue;
        problem_require(result, what);
        if (problem_run(runtime, p, &desc, desc.strategy, false)) {
            passed++;
        } else {
            printf("FAILED: %s, %s\n", what, info.strategy_name);
            failed++;
        }
    }
    return failed == failed_before;
}

int main(int argc, char **argv) {
    static const char *const TYPES[] = {"f32", "f16", "bf16"};
    VknRuntimeDesc desc = {.log = {log_write, NULL}};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--validation"))
            desc.validation = true;
        else if (!strcmp(argv[i], "--device") && i + 1 < argc)
            desc.device = argv[++i];
        else
            return fprintf(stderr, "usage: family [--device NAME] [--validation]\n"), 2;
    }
    problem_require(vkn_runtime_create(&desc, &runtime), "device");
    printf("|  ");
    for (uint32_t layout = 0; layout < FAMILY_LAYOUTS; layout++)
        printf(" | %s", family_layout_names[layout]);
    printf(" |\n|---|---|---|---|---|\n");
    for (uint32_t member = 0; member < family_count; member++) {
        char row[512] = "";
        for (FamilyLayout layout = 0; layout < FAMILY_LAYOUTS; layout++) {
            bool ahead = true, back = family_has_gradient(member);
            for (uint32_t type = 0; type < 3; type++) {
                char what[128];
                snprintf(what, sizeof what, "%s %s %s", family_name(member), family_layout_names[layout],
                         TYPES[type]);
                family_problem(&problem, member, layout, (VknType)type);
                ahead = check(&problem, family_forward(&problem), what) && ahead;
                back = back && check(&problem, family_backward(&problem), what);
            }
            snprintf(row + strlen(row), sizeof row - strlen(row), " | %s%s", ahead ? "forward" : "-",
                     back ? ", backward" : "");
        }
        printf("| %s%s |\n", family_name(member), row);
        fflush(stdout);
    }
    uint32_t messages = vkn_runtime_validation_count(runtime);
    vkn_runtime_destroy(runtime);
    if (messages)
        printf("%u validation messages\n", messages);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed + (messages > 0));
    return failed || messages || !passed;
}
