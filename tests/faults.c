/* Faults: every call of Vulkan that the library makes, failing with every result that it may return, the n-th
 * time and from the n-th time on, for every n; every allocation of host memory and every look-up of a
 * function likewise. After each: the right code and one sentence in the log, outputs NULL, nothing leaked,
 * nothing recorded, and the same call works when it is made again, with the right numbers; or the device is
 * lost, and stays so. Pipelines give way to others, whose numbers self_test looks at. */
#include "faults_world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct { uint32_t calls, injected, survived; } rows[FAULT_POINTS];
static uint32_t skipped;
static World first; /* of a scenario, without faults: what is right */

/* What <vknorm/vknorm.h> says of each result. */
static VknResult expected_of(VkResult result) {
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_MEMORY_MAP_FAILED:
        return VKN_ERROR_OUT_OF_HOST_MEMORY;
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_FRAGMENTED_POOL:
    case VK_ERROR_FRAGMENTATION:
    case VK_ERROR_TOO_MANY_OBJECTS:
        return VKN_ERROR_OUT_OF_DEVICE_MEMORY;
    case VK_ERROR_DEVICE_LOST:
        return VKN_ERROR_DEVICE_LOST;
    case VK_ERROR_INCOMPATIBLE_DRIVER:
        return VKN_ERROR_UNSUPPORTED;
    default:
        return VKN_ERROR_DRIVER;
    }
}

/* Without these an instance or a device is older than Vulkan 1.1. */
static bool tells_version(const char *function) {
    return !strncmp(function, "vkGetPhysicalDeviceProperties", 29) ||
           !strcmp(function, "vkEnumerateInstanceVersion");
}

static bool fail(const World *world, const char *step, const Fault *fault, const char *what) {
    printf("FAILED: %s, %s", world->scenario->name, step);
    if (fault->number)
        printf(", call %u%s of %s -> %d%s", fault->number, fault->for_good ? " and all after it" : "",
               fault_names[fault->point], fault->result, fault->poison ? " with a poisoned output" : "");
    if (faults.missing[0])
        printf(" (%s)", faults.missing);
    printf(": %s\n", what);
    if (world->sentence[0])
        printf("    log: %s\n", world->sentence);
    return false;
}

VknResult faults_expected(void) {
    return expected_of(faults.fault.result);
}

/* What can be done without: pipelines that do not compile, if there are others, and a file of them. */
static bool gives_way(const World *world, const Fault *fault, const char *step) {
    if (fault->point == FAULT_CreateShaderModule || fault->point == FAULT_CreateComputePipelines)
        return expected_of(fault->result) == VKN_ERROR_DRIVER;
    bool reads = !strcmp(step, "create") || (world->scenario->tuning && !strcmp(step, "save"));
    return world->scenario->cache_file && world->warning[0] && reads &&
           (fault->point == FAULT_CreatePipelineCache || fault->point == FAULT_allocation_by_malloc);
}

/* Whether a step that met the fault said the right thing and left nothing. */
static bool check_failure(const World *world, const char *step, const Fault *fault, VknResult result,
                          FaultsLive before) {
    char words[64] = "memory";
    FaultsLive after = faults_live();
    VknResult expected = expected_of(fault->result);
    if (fault->point < FAULT_lookup_of_a_function)
        snprintf(words, sizeof words, "vk%s", fault_names[fault->point]);
    if (fault->point == FAULT_loader_open)
        snprintf(words, sizeof words, "loader");
    if (fault->point == FAULT_lookup_of_a_function) {
        expected =
            result == VKN_ERROR_UNSUPPORTED && tells_version(faults.missing) ? result : VKN_ERROR_DRIVER;
        snprintf(words, sizeof words, "%s", result == expected ? "" : faults.missing);
    }
    if (gives_way(world, fault, step)) {
        if (!strstr(world->warning, words) || strchr(world->warning, '\n'))
            return fail(world, step, fault, "no warning says what failed");
        if (fault->point == FAULT_CreateShaderModule || fault->point == FAULT_CreateComputePipelines)
            snprintf(words, sizeof words, "failed before");
    }
    if (result == VKN_SUCCESS)
        return (gives_way(world, fault, step) && !world->errors) ||
               fail(world, step, fault, "the fault passed unseen");
    if (result != expected) {
        printf("    %s, not %s\n", vkn_result_name(result), vkn_result_name(expected));
        return fail(world, step, fault, "the wrong code");
    }
    if (world->errors != 1)
        return fail(world, step, fault, world->errors ? "more than one sentence" : "not a word in the log");
    if (!strstr(world->sentence, words) || strchr(world->sentence, '\n'))
        return fail(world, step, fault, "the log does not say what failed");
    if (after.objects != before.objects && !faults_destroy_instance())
        return fail(world, step, fault, "objects were leaked");
    /* Pipelines that were finished, and their nodes, stay with the context. */
    if (after.blocks != before.blocks && after.pipelines == before.pipelines && !world->scenario->custom)
        return fail(world, step, fault, "host memory was leaked");
    return true;
}

/* All steps, of which one or none meets the fault. */
static bool run_steps(World *world, const Fault *fault) {
    bool gave_way = false;
    for (const Step *step = world->scenario->steps; step->name; step++) {
        FaultsLive before = faults_live();
        uint32_t injected = faults.injected;
        VknResult result = world_call(world, step->call);
        if (faults.injected > injected) {
            if (!check_failure(world, step->name, fault, result, before))
                return false;
            faults_end();
            if (result == VKN_ERROR_DEVICE_LOST && (world->context || world->runtime))
                return world->scenario->is_lost(world) ||
                       fail(world, step->name, fault, "a later call did not say that the device is lost");
            gave_way = result == VKN_SUCCESS;
            if (!gave_way)
                result = world_call(world, step->call);
        }
        if (result != VKN_SUCCESS)
            return fail(world, step->name, fault,
                        faults.injected ? "it does not work again" : "it does not work");
        if (world->errors)
            return fail(world, step->name, fault, "it works, and complains");
        if (faults.injected && (fault->for_good || fault->poison))
            return true; /* what follows is what follows the same fault in its simplest form */
    }
    return !fault->number || gave_way || !memcmp(world->output, first.output, sizeof first.output) ||
           fail(world, "end", fault, "the numbers are not the same");
}

static struct {
    const World *world;
    const Fault *fault;
} current;

/* A fault that ends in a crash should be known by name. */
static void crashed(int number) {
    (void)number;
    fail(current.world, "all", current.fault, "a crash");
    _Exit(1);
}

static VknResult call_close(World *world) {
    world->scenario->close(world);
    return VKN_SUCCESS;
}

static bool run(World *world, const Scenario *scenario, const Fault *fault) {
    FaultsLive before = faults_live();
    memset(world, 0, sizeof *world);
    world->scenario = scenario;
    current.world = world;
    current.fault = fault;
    faults.share = scenario->share;
    faults_begin(fault);
    bool right = run_steps(world, fault);
    world_call(world, call_close);
    world_return();
    FaultsLive after = faults_live();
    if (right && faults.violations)
        right = fail(world, "all", fault, "something was done that must not be");
    if (right && memcmp(&before, &after, sizeof before)) {
        printf("    %u objects, %u pipelines, %u blocks are left\n", after.objects - before.objects,
               after.pipelines - before.pipelines, after.blocks - before.blocks);
        right = fail(world, "close", fault, "not all is gone");
    }
    return right;
}

static bool has_point(const Scenario *scenario, FaultPoint point) {
    if (!scenario->points)
        return true;
    for (const FaultPoint *p = scenario->points; *p != FAULT_POINTS; p++)
        if (*p == point)
            return true;
    return false;
}

/* Every fault of one function. */
static bool run_point(const Scenario *scenario, FaultPoint point, uint32_t calls) {
    static World world;
    uint32_t forms = point < FAULT_lookup_of_a_function ? 4 : 2;
    bool right = true;
    rows[point].calls += calls;
    for (const VkResult *result = fault_results(point); *result; result++)
        for (uint32_t number = 1; number <= calls; number++)
            for (uint32_t form = 0; form < forms; form++) {
                const Fault fault = {point, number, *result, form & 1, form >> 1};
                bool survived = run(&world, scenario, &fault);
                if (!faults.injected)
                    survived = fail(&world, "all", &fault, "the fault was not met");
                rows[point].injected++;
                rows[point].survived += survived;
                right = right && survived;
            }
    return right;
}

static bool run_scenario(const Scenario *scenario, bool validation) {
    const Fault none = {.number = 0};
    uint32_t calls[FAULT_POINTS];
    const char *lacks =
        scenario->validation && !validation ? "--validation was not given" : world_lacks(scenario);
    if (lacks) {
        printf("%s is skipped: %s\n", scenario->name, lacks);
        skipped++;
        return true;
    }
    bool right = run(&first, scenario, &none), all = true;
    if (scenario->cache_file == CACHE_FILE_KEPT) /* now there is one */
        right = right && run(&first, scenario, &none);
    memcpy(calls, faults.calls, sizeof calls);
    for (FaultPoint point = 0; right && point < FAULT_POINTS; point++)
        if (has_point(scenario, point))
            all = run_point(scenario, point, calls[point]) && all;
    return right && all;
}

int main(int argc, char **argv) {
    const char *device = NULL, *only = NULL;
    bool validation = false, right = true;
    uint32_t passed = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--validation"))
            validation = true;
        else if (!strcmp(argv[i], "--device") && i + 1 < argc)
            device = argv[++i];
        else if (!strcmp(argv[i], "--scenario") && i + 1 < argc)
            only = argv[++i];
        else
            return fprintf(stderr, "usage: faults [--device NAME] [--validation] [--scenario NAME]\n"), 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0); /* what is found should be seen when it ends in a crash */
    signal(SIGSEGV, crashed);
    if (!world_open(device))
        return 1;
    for (uint32_t i = 0; i < scenario_count; i++)
        if (!only || !strcmp(only, scenarios[i].name))
            right = run_scenario(&scenarios[i], validation) && right;
    printf("%-40s %8s %8s %8s\n", "function", "calls", "faults", "survived");
    for (FaultPoint point = 0; point < FAULT_POINTS; point++) {
        printf("%-40s %8u %8u %8u\n", fault_names[point], rows[point].calls, rows[point].injected,
               rows[point].survived);
        passed += rows[point].survived;
        failed += rows[point].injected - rows[point].survived;
    }
    world_close();
    failed += !right && !failed;
    printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed || !passed;
}
