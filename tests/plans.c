#include "plans.h"

#include "tensor.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

uint32_t test_strategy_count(void) {
    uint32_t count = 0;
    while (vkn_strategy_name(count))
        count++;
    assert(count <= TEST_MAX_STRATEGIES);
    return count;
}

/* What a plan says of its description must be what the tests work out themselves. */
static bool check_info(const VknPlanInfo *info, const VknDesc *desc, FILE *report) {
    uint64_t elements = test_element_count(desc), statistics = test_statistic_count(desc);
    bool right = true;
    if (elements == 0) {
        if (info->dispatch_count != 0)
            fprintf(report, "    the plan of an empty tensor has %" PRIu32 " dispatches\n",
                    info->dispatch_count);
        return info->dispatch_count == 0;
    }
    if (info->statistic_count != statistics || info->reduce_count != elements / statistics) {
        fprintf(report,
                "    the plan has %" PRIu64 " statistics of %" PRIu64 " elements, not %" PRIu64 " of %" PRIu64
                "\n",
                info->statistic_count, info->reduce_count, statistics, elements / statistics);
        right = false;
    }
    for (uint32_t role = 0; role < VKN_ROLE_WORKSPACE; role++) {
        uint64_t size = 4 * test_role_words(desc, role);
        if (info->size[role] != size) {
            fprintf(report, "    the plan wants %" PRIu64 " bytes of %s, not %" PRIu64 "\n", info->size[role],
                    test_role_name(role), size);
            right = false;
        }
    }
    return right;
}

static bool same_info(const VknPlanInfo *a, const VknPlanInfo *b) {
    return a->strategy == b->strategy && a->strategy_name == b->strategy_name &&
           a->dispatch_count == b->dispatch_count && a->barrier_count == b->barrier_count &&
           a->statistic_count == b->statistic_count && a->reduce_count == b->reduce_count &&
           memcmp(a->size, b->size, sizeof a->size) == 0 && a->least_bytes == b->least_bytes;
}

static bool create_one(TestRig *rig, VknContext *context, const VknDesc *desc, VknPlan **plan, FILE *report) {
    VknPlanInfo query;
    VknResult queried = vkn_plan_query(vkn_context_caps(context), desc, test_rig_log(rig), &query);
    VknResult created = vkn_plan_create(context, desc, plan);
    if (queried != created) {
        fprintf(report, "    vkn_plan_query() returns %s, vkn_plan_create() %s: %s\n",
                vkn_result_name(queried), vkn_result_name(created), rig->message);
        return false;
    }
    if (created == VKN_ERROR_UNSUPPORTED && desc->strategy != 0)
        return true;
    if (created != VKN_SUCCESS) {
        fprintf(report, "    vkn_plan_create(strategy %" PRIu32 ") returns %s: %s\n", desc->strategy,
                vkn_result_name(created), rig->message);
        return false;
    }
    if (!same_info(vkn_plan_info(*plan), &query)) {
        fprintf(report, "    vkn_plan_query() and vkn_plan_info() disagree about strategy %" PRIu32 "\n",
                desc->strategy);
        return false;
    }
    return check_info(&query, desc, report);
}

bool test_plans_create(TestRig *rig, VknContext *context, const VknDesc *desc, TestPlans *plans,
                       FILE *report) {
    uint32_t messages = vkn_runtime_validation_count(rig->runtime), count = test_strategy_count();
    VknDesc each = *desc;
    bool right = true;
    *plans = (TestPlans){0};
    for (each.strategy = 0; each.strategy <= count; each.strategy++) {
        VknPlan **plan = &plans->plan[each.strategy];
        right = create_one(rig, context, &each, plan, report) && right;
        uint64_t words = *plan ? (vkn_plan_info(*plan)->size[VKN_ROLE_WORKSPACE] + 3) / 4 : 0;
        plans->workspace_words = words > plans->workspace_words ? words : plans->workspace_words;
    }
    if (right && test_element_count(desc) > 0) {
        const VknPlanInfo *chosen = vkn_plan_info(plans->plan[0]);
        uint32_t strategy = chosen->strategy;
        if (strategy < 1 || strategy > count || !plans->plan[strategy] ||
            !same_info(chosen, vkn_plan_info(plans->plan[strategy]))) {
            fprintf(report, "    asking for the chosen strategy %" PRIu32 " does not give the same plan\n",
                    strategy);
            right = false;
        }
    }
    if (vkn_runtime_validation_count(rig->runtime) != messages) {
        fprintf(report, "    validation: %s\n", rig->message);
        right = false;
    }
    return right;
}

void test_plans_destroy(TestPlans *plans) {
    for (uint32_t i = 0; i <= TEST_MAX_STRATEGIES; i++)
        vkn_plan_destroy(plans->plan[i]);
    *plans = (TestPlans){0};
}
