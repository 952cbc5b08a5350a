/* Finds the fastest strategy by trying all of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desc.h"
#include "plan.h"
#include "strategy.h"

/* What is slower than this in the first few rounds takes no part in the others. */
#define FEW_ROUNDS  3
#define ROUNDS      15
#define MUCH_SLOWER 1.5

/* Less than this is noise. */
#define FASTER 0.95

typedef struct Tune {
    VknContext *context;
    const VknTimer *timer;
    VknVariants refused;
    uint32_t count;
    const VknPlan *plans[VKN_MOST_STRATEGIES]; /* first the planned one */
    double share[VKN_MOST_STRATEGIES];         /* of its time */
    VknTuneInfo info;
} Tune;

/* The last error of what is tried, which is none if it can be done without. */
static void keep(void *user, VknLogLevel level, const char *message) {
    if (level == VKN_LOG_ERROR)
        snprintf(user, 256, "%s", message);
}

static bool same_steps(const VknSchedule *a, const VknSchedule *b) {
    return a->step_count == b->step_count &&
           memcmp(a->steps, b->steps, a->step_count * sizeof *a->steps) == 0;
}

/* Adds a plan by `strategy`, if there is one, and none that is the same. */
static VknResult add(Tune *tune, const VknDesc *desc, uint32_t strategy) {
    char message[256] = "";
    VknHost patient = {tune->context->host.allocator, {keep, message}};
    VknDesc asked = *desc;
    VknPlan *plan;
    asked.strategy = strategy;
    VknResult result = vkn_plan_make(tune->context, &patient, &asked, &tune->refused, NULL, &plan);
    if (result == VKN_ERROR_UNSUPPORTED || result == VKN_ERROR_DRIVER)
        return VKN_SUCCESS;
    if (result && *message)
        vkn_host_log(&tune->context->host, VKN_LOG_ERROR, "%s", message);
    if (result)
        return result;
    for (uint32_t i = 0; i < tune->count; i++)
        if (same_steps(&tune->plans[i]->schedule, &plan->schedule)) {
            vkn_plan_destroy(plan);
            return VKN_SUCCESS;
        }
    tune->plans[tune->count++] = plan;
    return VKN_SUCCESS;
}

/* -------------------------------------------------------------------------------------------- time */

static int by_value(const void *a, const void *b) {
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

static double median(double *values, uint32_t count) {
    qsort(values, count, sizeof *values, by_value);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Medians of the plans' times, and of their shares of the planned one's time in the same round: a machine
 * that is slower for a while is so for all. */
static VknResult take(Tune *tune, uint32_t rounds) {
    double times[ROUNDS * VKN_MOST_STRATEGIES] = {0}, seconds[ROUNDS], shares[ROUNDS];
    VknResult result = tune->timer->time(tune->timer->user, tune->count, tune->plans, rounds, times);
    for (uint32_t i = 0; i < rounds * tune->count && !result; i++)
        if (!(times[i] > 0 && times[i] < 1e9))
            result = VKN_FAIL(&tune->context->host, INVALID_ARGUMENT,
                              "vkn_plan_tune: the timer says that a plan took %g seconds", times[i]);
    for (uint32_t i = 0; i < tune->count && !result; i++) {
        for (uint32_t round = 0; round < rounds; round++) {
            const double *row = &times[round * tune->count];
            seconds[round] = row[i];
            shares[round] = row[i] / row[0];
        }
        tune->info.seconds[tune->plans[i]->schedule.info.strategy - 1] = median(seconds, rounds);
        tune->share[i] = median(shares, rounds);
    }
    return result;
}

static VknResult race(Tune *tune) {
    VknResult result = take(tune, FEW_ROUNDS);
    for (uint32_t i = tune->count - 1; i > 0 && !result; i--)
        if (tune->share[i] > MUCH_SLOWER) {
            vkn_plan_destroy((VknPlan *)tune->plans[i]);
            tune->plans[i] = tune->plans[--tune->count];
        }
    if (result || tune->count == 1)
        return result;
    result = take(tune, ROUNDS);
    uint32_t best = 0;
    for (uint32_t i = 1; i < tune->count && !result; i++)
        if (tune->share[i] <= FASTER && tune->share[i] < tune->share[best])
            best = i;
    tune->info.fastest = tune->plans[best]->schedule.info.strategy;
    return result;
}

/* -------------------------------------------------------------------------------------------- tune */

static VknResult try_all(Tune *tune, const VknDesc *desc) {
    VknContext *context = tune->context;
    VknPlan *planned;
    VknResult result = vkn_plan_make(context, &context->host, desc, &tune->refused, NULL, &planned);
    if (result)
        return result;
    const VknSchedule *schedule = &planned->schedule;
    tune->plans[tune->count++] = planned;
    tune->info.planned = tune->info.fastest = schedule->info.strategy;
    for (uint32_t strategy = 1; strategy <= vkn_strategy_count && schedule->info.reduce_count && !result;
         strategy++)
        if (strategy != tune->info.planned)
            result = add(tune, desc, strategy);
    if (!result)
        vkn_context_refuse(context, &tune->refused);
    if (result || tune->count == 1)
        return result;
    result = race(tune);
    if (result)
        return result;
    VknView view = vkn_view_make(&schedule->desc);
    VknTunedKey key = vkn_tuned_key(&schedule->desc, &view);
    return vkn_tuned_set(&context->tuned, &context->host, &key, tune->info.fastest, true);
}

VknResult vkn_plan_tune(VknContext *context, const VknDesc *desc, const VknTimer *timer, VknTuneInfo *info) {
    if (!context)
        return VKN_ERROR_INVALID_ARGUMENT;
    if (!desc || !timer || !timer->time)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "vkn_plan_tune: desc, timer and timer->time must not be NULL");
    if (desc->strategy || desc->reproducible)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "vkn_plan_tune: there is nothing to choose where strategy is %" PRIu32
                        " and reproducible %s; they must be 0 and false",
                        desc->strategy, desc->reproducible ? "true" : "false");
    Tune tune = {.context = context, .timer = timer};
    VknResult result = vkn_context_check(context);
    if (result)
        return result;
    tune.refused = vkn_context_refused(context);
    result = try_all(&tune, desc);
    for (uint32_t i = 0; i < tune.count; i++)
        vkn_plan_destroy((VknPlan *)tune.plans[i]);
    if (result)
        return result;
    if (tune.info.fastest != tune.info.planned)
        vkn_host_log(&context->host, VKN_LOG_INFO, "tuned: %s serves this %s in %g us, not %s in %g us",
                     vkn_strategy_name(tune.info.fastest - 1), vkn_operation_info(desc->operation)->name,
                     1e6 * tune.info.seconds[tune.info.fastest - 1], vkn_strategy_name(tune.info.planned - 1),
                     1e6 * tune.info.seconds[tune.info.planned - 1]);
    if (info)
        *info = tune.info;
    return VKN_SUCCESS;
}
