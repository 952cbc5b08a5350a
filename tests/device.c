/* Runs every case with every strategy that can serve it, seen through every capability mask, with every
 * fill, on one device, and holds each element against the reference. */
#define _POSIX_C_SOURCE 200809L /* getpid, setenv */

#include "precision.h"
#include "tally.h"
#include "tensor.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Cases up to this many elements run with every fill. */
#define SMALL_CASE 10000

typedef uint64_t (*Compare)(const TestImage *, const VknDesc *, const TestReference *, FILE *);

/* One cmocka test. */
typedef struct Item {
    const TestCase *test;
    uint32_t mask;
    const char *only_fill; /* NULL: all that are of interest */
    Compare compare;
    char name[96];
} Item;

static struct {
    const char *program;
    const char *device, *only_case, *only_strategy, *only_mask, *only_fill;
    bool validation;
    bool subgroups; /* only masks whose outcome depends on their size */
    bool complete;  /* the whole product of cases, strategies, masks and fills */
} options;

static TestRig rig;
static TestTally tally;

static bool selects(const char *only, const char *name) {
    return !only || strcmp(only, name) == 0;
}

static void count(const Item *item, uint32_t strategy, const char *fill, bool passed) {
    if (passed) {
        tally.passed[strategy][item->mask]++;
        return;
    }
    tally.failed[strategy][item->mask]++;
    printf("FAILED: %s%s%s%s --case %s --mask %s", options.program, options.device ? " --device " : "",
           options.device ? options.device : "", options.validation ? " --validation" : "", item->test->name,
           test_masks[item->mask].name);
    if (strategy)
        printf(" --strategy %s --fill %s", vkn_strategy_name(strategy - 1), fill);
    printf("\n");
    fflush(stdout);
}

static bool wants_fill(const Item *item, const TestFill *fill) {
    uint64_t elements = test_element_count(&item->test->desc);
    if (!(fill->operations >> item->test->desc.operation & 1) || !selects(item->only_fill, fill->name))
        return false;
    if (options.only_fill || options.complete)
        return selects(options.only_fill, fill->name);
    return fill->every_mask || (item->mask == 0 && elements <= SMALL_CASE);
}

/* The same work again must leave the same bits. */
static bool runs_alike(const Item *item, const VknPlan *plan, const TestImage *image) {
    uint32_t *again = malloc(image->word_count * sizeof *again);
    bool alike = again && test_rig_run(&rig, plan, image, item->test->batch_number, again) == VKN_SUCCESS &&
                 test_image_same(image, again);
    if (!alike)
        printf("    a second run gives other bits\n");
    free(again);
    return alike;
}

static bool run_passes(const Item *item, const VknDesc *desc, const VknPlan *plan, const TestFill *fill,
                       TestImage *image, const TestReference *reference) {
    uint32_t messages = vkn_runtime_validation_count(rig.runtime);
    rig.message[0] = 0;
    /* what this plan does not ask for is guard */
    image->words[VKN_ROLE_WORKSPACE] = (vkn_plan_info(plan)->size[VKN_ROLE_WORKSPACE] + 3) / 4;
    VknResult result = test_rig_run(&rig, plan, image, item->test->batch_number, image->after);
    bool passed = result == VKN_SUCCESS;
    if (passed) {
        passed = item->compare(image, desc, reference, stdout) == 0;
        passed = (fill != test_fills || runs_alike(item, plan, image)) && passed;
    } else {
        printf("    the run returns %s: %s\n", vkn_result_name(result), rig.message);
    }
    if (vkn_runtime_validation_count(rig.runtime) != messages) {
        printf("    validation: %s\n", rig.message);
        passed = false;
    }
    return passed;
}

static bool run_fill(const Item *item, const VknDesc *desc, const TestPlans *plans, const TestFill *fill) {
    TestImage image = {0};
    TestReference reference = {0};
    bool all_passed = true;
    if (!test_image_create(desc, item->test->in_place, plans->workspace_words, fill, &image) ||
        !test_image_reference(&image, desc, item->test->batch_number, &reference))
        fail_msg("out of memory");
    for (uint32_t strategy = 1; strategy <= test_strategy_count(); strategy++) {
        if (plans->plan[strategy] && selects(options.only_strategy, vkn_strategy_name(strategy - 1))) {
            bool passed = run_passes(item, desc, plans->plan[strategy], fill, &image, &reference);
            count(item, strategy, fill->name, passed);
            all_passed = all_passed && passed;
        }
    }
    test_reference_destroy(&reference);
    test_image_destroy(&image);
    return all_passed;
}

static void run_item(void **state) {
    const Item *item = *state;
    VknDesc desc = test_case_desc(item->test);
    VknContext *context;
    if (test_rig_context(&rig, item->mask, &context) != VKN_SUCCESS) {
        printf("    no context: %s\n", rig.message);
        count(item, 0, NULL, false);
        fail();
    }
    if (!context) {
        tally.skipped[item->mask]++;
        skip();
    }
    TestPlans plans;
    bool passed = test_plans_create(&rig, context, &desc, &plans, stdout);
    count(item, 0, NULL, passed);
    for (uint32_t i = 0; i < test_fill_count; i++)
        if (wants_fill(item, &test_fills[i]))
            passed = run_fill(item, &desc, &plans, &test_fills[i]) && passed;
    test_plans_destroy(&plans);
    assert_true(passed);
}

/* Unless more is asked for, a case runs with the first mask and half of the others, which one draws lots for.
 * Activations have code of their own but none that depends on capabilities: they run with the first. */
static bool wants_mask(const Item *item) {
    uint32_t lot = ((uint32_t)(item->test - test_cases) * 2654435761u >> 16) + item->mask;
    if (options.complete || options.only_case)
        return true;
    if (options.subgroups && !test_masks[item->mask].of_subgroups)
        return false;
    return item->mask == 0 || (item->test->desc.activation.id == VKN_ACTIVATION_IDENTITY && lot % 2 == 0);
}

/* Writes the selected items and returns their number. */
static uint32_t list_items(Item *items) {
    uint32_t number = 0;
    for (uint32_t i = 0; i < test_case_count; i++)
        for (uint32_t mask = 0; mask < test_mask_count; mask++)
            items[number++] = (Item){.test = &test_cases[i], .mask = mask, .compare = test_image_compare};
    items[number++] =
        (Item){.test = &test_precision_case, .only_fill = "mean_1e6", .compare = test_precision_compare};
    uint32_t selected = 0;
    for (uint32_t i = 0; i < number; i++) {
        const char *mask = test_masks[items[i].mask].name;
        if (!selects(options.only_case, items[i].test->name) || !selects(options.only_mask, mask) ||
            !wants_mask(&items[i]))
            continue;
        items[selected] = items[i];
        snprintf(items[selected].name, sizeof items[selected].name, "%s, %s", items[i].test->name, mask);
        selected++;
    }
    return selected;
}

/* cmocka reports on every test, which is kept only in a file that CMOCKA_XML_FILE names: the terminal is
 * for failures. */
static void run_group(const struct CMUnitTest *tests, uint32_t number) {
    char path[1024];
    bool keep = getenv("CMOCKA_XML_FILE") != NULL;
    snprintf(path, sizeof path, "%s.%ld.xml", options.program, (long)getpid());
    if (!keep)
        setenv("CMOCKA_XML_FILE", path, 1);
    cmocka_set_message_output(CM_OUTPUT_XML);
    _cmocka_run_group_tests("device", tests, number, NULL, NULL);
    if (!keep)
        remove(path);
}

static void run_items(void) {
    uint32_t most = test_case_count * test_mask_count + 1;
    Item *items = calloc(most, sizeof *items);
    struct CMUnitTest *tests = calloc(most, sizeof *tests);
    if (items && tests) {
        uint32_t number = list_items(items);
        for (uint32_t i = 0; i < number; i++)
            tests[i] =
                (struct CMUnitTest){.name = items[i].name, .test_func = run_item, .initial_state = &items[i]};
        run_group(tests, number);
    }
    free(tests);
    free(items);
}

static bool parse_options(int count_of_words, char **words) {
    static const struct {
        const char *name;
        const char **value;
        bool *set;
    } table[] = {
        {"--device", &options.device, NULL},  {"--case", &options.only_case, NULL},
        {"--mask", &options.only_mask, NULL}, {"--strategy", &options.only_strategy, NULL},
        {"--fill", &options.only_fill, NULL}, {"--validation", NULL, &options.validation},
        {"--long", NULL, &options.complete},  {"--subgroups", NULL, &options.subgroups},
    };
    options.program = words[0];
    for (int i = 1; i < count_of_words; i++) {
        uint32_t k = 0, rows = sizeof table / sizeof table[0];
        while (k < rows && strcmp(words[i], table[k].name) != 0)
            k++;
        if (k == rows || (table[k].value && i + 1 == count_of_words)) {
            fprintf(stderr, "usage: %s", words[0]);
            for (k = 0; k < rows; k++)
                fprintf(stderr, " [%s%s]", table[k].name, table[k].value ? " NAME" : "");
            fprintf(stderr, "\n");
            return false;
        }
        if (table[k].value)
            *table[k].value = words[++i];
        else
            *table[k].set = true;
    }
    return true;
}

int main(int argc, char **argv) {
    if (!parse_options(argc, argv))
        return 2;
    VknResult result = test_rig_open(&rig, options.device, options.validation);
    if (result != VKN_SUCCESS) {
        fprintf(stderr, "cannot open the device: %s: %s\n", vkn_result_name(result), rig.message);
        return 2;
    }
    run_items();
    VknRuntimeInfo info = *vkn_runtime_info(rig.runtime);
    bool silent = test_rig_close(&rig);
    if (!silent)
        printf("validation, when the contexts were destroyed: %s\n", rig.message);
    return test_tally_print(&tally, &info) && silent ? 0 : 1;
}
