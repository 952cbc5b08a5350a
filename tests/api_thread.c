/* One context and one plan, used by several threads at once. */
#include "api.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 8, PLANS = 6 };

typedef struct Worker {
    Api *api;
    Bound *bound; /* of all workers: the same plan */
    VknBindings *bindings;
    VknBindings *kept[2]; /* what was recorded, and of which plan */
    VknPlan *plans[2];
    VknBuffer buffers[VKN_ROLE_COUNT];
    Commands commands;
    uint32_t number;
    uint32_t failures; /* cmocka's assertions belong to the first thread */
} Worker;

static void run_threads(Worker *workers, void *(*work)(void *)) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(workers[i].failures, 0);
}

/* The same few plans in different orders, so that threads meet at pipelines that nobody has finished. */
static void *create_plans(void *argument) {
    Worker *worker = argument;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        VknPlan *plans[PLANS] = {NULL};
        for (uint32_t i = 0; i < PLANS; i++) {
            VknDesc desc = api_desc();
            uint32_t number = (i + worker->number * 2) % PLANS;
            desc.activation = vkn_activation_default((VknActivationId)(number % 3 + 1));
            desc.strategy = number < 3 ? desc.strategy : 0;
            worker->failures += vkn_plan_create(worker->api->context, &desc, &plans[i]) != VKN_SUCCESS;
        }
        for (uint32_t i = 0; i < PLANS; i++)
            vkn_plan_destroy(plans[i]);
    }
    return NULL;
}

static void test_plans_at_once(void **state) {
    Worker workers[THREADS] = {{0}};
    for (uint32_t i = 0; i < THREADS; i++)
        workers[i] = (Worker){.api = *state, .number = i};
    run_threads(workers, create_plans);
}

static void *bind_and_record(void *argument) {
    Worker *worker = argument;
    const VknPlan *plan = worker->bound->plan;
    worker->failures += vkn_bindings_create(plan, worker->buffers, &worker->bindings) != VKN_SUCCESS;
    for (int i = 0; i < ROUNDS && !worker->failures; i++) {
        worker->failures +=
            vkn_plan_record(plan, worker->bindings, worker->commands.buffer, NULL) != VKN_SUCCESS;
        commands_barrier(worker->api, &worker->commands);
    }
    return NULL;
}

/* Each thread has its own outputs; x, gamma and beta are shared. */
static void test_records_at_once(void **state) {
    Api *api = *state;
    VknDesc desc = api_desc();
    desc.roles &= ~(BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE));
    Bound bounds[THREADS];
    Worker workers[THREADS] = {{0}};
    for (uint32_t i = 0; i < THREADS; i++) {
        bounds[i] = bound_create(api, api->context, &desc);
        workers[i] = (Worker){.api = api, .bound = &bounds[0], .number = i, .commands = commands_begin(api)};
        memcpy(workers[i].buffers, bounds[i].buffers, sizeof workers[i].buffers);
        workers[i].buffers[VKN_ROLE_X] = bounds[0].buffers[VKN_ROLE_X];
    }
    run_threads(workers, bind_and_record);
    for (uint32_t i = 0; i < THREADS; i++) {
        commands_submit(api, &workers[i].commands);
        commands_destroy(api, &workers[i].commands);
        vkn_bindings_destroy(workers[i].bindings);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_true(bound_is_written(api, &bounds[i]));
        bound_destroy(api, &bounds[i]);
    }
}

/* Plans, bindings and recordings at once: some kept to be run, some thrown away while others are made. */
static void *do_everything(void *argument) {
    Worker *worker = argument;
    for (uint32_t round = 0; round < ROUNDS && !worker->failures; round++) {
        VknDesc desc = api_desc();
        VknBindings *bindings = NULL;
        VknPlan *plan = NULL;
        VknPlanInfo info;
        desc.roles &= ~(BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE));
        if (round % 2) /* the same in all threads, or in pairs of them */
            desc.activation = vkn_activation_default((VknActivationId)(worker->number / 2 + 3));
        const VknCaps *caps = vkn_context_caps(worker->api->context);
        worker->failures += vkn_plan_query(caps, &desc, (VknLog){0}, &info) != VKN_SUCCESS;
        worker->failures += vkn_plan_create(worker->api->context, &desc, &plan) != VKN_SUCCESS;
        if (plan)
            worker->failures += vkn_bindings_create(plan, worker->buffers, &bindings) != VKN_SUCCESS;
        bool kept = bindings && round >= ROUNDS - 2;
        if (kept) {
            worker->failures += vkn_plan_record(plan, bindings, worker->commands.buffer, NULL) != VKN_SUCCESS;
            commands_barrier(worker->api, &worker->commands);
            worker->kept[round % 2] = bindings;
            worker->plans[round % 2] = plan;
        } else {
            vkn_bindings_destroy(bindings);
            vkn_plan_destroy(plan);
        }
    }
    return NULL;
}

static void test_everything_at_once(void **state) {
    Api *api = *state;
    VknDesc desc = api_desc();
    Bound bounds[THREADS];
    Worker workers[THREADS] = {{0}};
    for (uint32_t i = 0; i < THREADS; i++) {
        bounds[i] = bound_create(api, api->context, &desc);
        workers[i] = (Worker){.api = api, .number = i, .commands = commands_begin(api)};
        memcpy(workers[i].buffers, bounds[i].buffers, sizeof workers[i].buffers);
    }
    run_threads(workers, do_everything);
    for (uint32_t i = 0; i < THREADS; i++) {
        commands_submit(api, &workers[i].commands);
        commands_destroy(api, &workers[i].commands);
        for (int k = 0; k < 2; k++) {
            vkn_bindings_destroy(workers[i].kept[k]);
            vkn_plan_destroy(workers[i].plans[k]);
        }
        assert_true(bound_is_written(api, &bounds[i]));
        bound_destroy(api, &bounds[i]);
    }
}

int api_thread_tests(void) {
    const struct CMUnitTest tests[] = {
        TEST_WITH_API(test_plans_at_once),
        TEST_WITH_API(test_records_at_once),
        TEST_WITH_API(test_everything_at_once),
    };
    return cmocka_run_group_tests_name("api_thread", tests, NULL, NULL);
}
