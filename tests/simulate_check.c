/* A schedule on simulated memory, held against the description. */
#include "simulate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tensor.h"

typedef struct Check {
    const VknDesc *desc;
    Simulation sim;
    SimBuffer buffers[VKN_ROLE_COUNT];
    SimMoments *moments; /* per statistic, as they should be */
    uint64_t statistic_count;
} Check;

static bool has(const Check *check, VknRole role) {
    return check->desc->roles >> role & 1;
}

/* What a word of a buffer holds before the first dispatch. */
static uint64_t initial(VknRole role, uint64_t index) {
    return sim_hash(role, index, 0);
}

/* Part `part` of the moments that FINISH is given; some parts are empty. */
static SimMoments given_moments(uint64_t statistic, uint64_t part) {
    uint64_t hash = sim_hash(VKN_ROLE_MOMENTS, statistic, part);
    return hash % 8 == 0 ? (SimMoments){0, 0} : (SimMoments){hash % 1000, hash};
}

/* ----------------------------------------------------------------------------------------- before */

static bool buffers_create(Check *check, TestRandom *random) {
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        SimBuffer *buffer = &check->buffers[role];
        uint64_t written = test_roles_written(check->desc) & ~test_roles_read(check->desc);
        bool known = role != VKN_ROLE_WORKSPACE && !(written >> role & 1);
        buffer->offset = test_random_below(random, 128) * 4;
        buffer->count = check->sim.schedule->info.size[role] / 4;
        buffer->words = calloc(buffer->count ? buffer->count : 1, sizeof *buffer->words);
        if (!buffer->words)
            return false;
        for (uint64_t i = 0; i < buffer->count; i++) {
            buffer->words[i].value = initial(role, i);
            buffer->words[i].known = known;
        }
        check->sim.roles[role] = buffer;
    }
    return true;
}

static bool moments_create(Check *check) {
    const VknDesc *desc = check->desc;
    check->statistic_count = test_statistic_count(desc);
    check->moments = calloc(check->statistic_count, sizeof *check->moments);
    if (!check->moments)
        return false;
    if (desc->operation == VKN_OPERATION_FINISH) {
        for (uint64_t i = 0; i < check->statistic_count * desc->moment_parts; i++) {
            uint64_t statistic = i % check->statistic_count;
            SimMoments part = given_moments(statistic, i / check->statistic_count);
            check->moments[statistic].count += part.count;
            check->moments[statistic].sum += part.sum;
            for (uint32_t word = 0; word < 4; word++)
                check->buffers[VKN_ROLE_MOMENTS].words[4 * i + word].value = sim_moments_word(part, word);
        }
        return true;
    }
    for (uint64_t i = 0; i < test_element_count(desc); i++) {
        if (test_is_padding(desc, i))
            continue;
        SimMoments *m = &check->moments[test_statistic_of(desc, i)];
        m->count++;
        m->sum += initial(VKN_ROLE_X, test_offset_of(desc, &desc->x, i));
    }
    return true;
}

/* ------------------------------------------------------------------------------------------ after */

/* A word that must have been written exactly once, with this value. */
static bool check_output(Check *check, VknRole role, uint64_t index, uint64_t value) {
    SimWord *word = &check->sim.roles[role]->words[index];
    if (word->writes != 1 || word->value != value) {
        snprintf(check->sim.fault, sizeof check->sim.fault, "%s[%" PRIu64 "] was written %u times%s",
                 test_role_name(role), index, word->writes,
                 word->writes == 1 ? ", from other inputs than it should" : "");
        return false;
    }
    word->writes = 0; /* seen */
    return true;
}

static bool check_y(Check *check) {
    const VknDesc *desc = check->desc;
    for (uint64_t i = 0; has(check, VKN_ROLE_Y) && i < test_element_count(desc); i++) {
        if (test_is_padding(desc, i))
            continue;
        uint64_t s = test_statistic_of(desc, i), c = test_channel_of(desc, i);
        SimMoments m = check->moments[s];
        uint64_t mean = sim_mean(m), inverse = sim_inverse(sim_variance(m));
        if (desc->operation == VKN_OPERATION_APPLY) {
            mean = initial(VKN_ROLE_MEAN, s);
            inverse = has(check, VKN_ROLE_INV_STD) ? initial(VKN_ROLE_INV_STD, s)
                                                   : sim_inverse(initial(VKN_ROLE_VARIANCE, s));
        }
        uint64_t y = sim_output(initial(VKN_ROLE_X, test_offset_of(desc, &desc->x, i)), mean, inverse,
                                has(check, VKN_ROLE_GAMMA) ? initial(VKN_ROLE_GAMMA, c) : 1,
                                has(check, VKN_ROLE_BETA) ? initial(VKN_ROLE_BETA, c) : 0);
        if (!check_output(check, VKN_ROLE_Y, test_offset_of(desc, &desc->y, i), y))
            return false;
    }
    return true;
}

/* Of all virtual batches' statistics of a channel. */
static uint64_t batches_sum(const Check *check, uint64_t channel, uint64_t (*of)(SimMoments m)) {
    uint64_t sum = 0;
    for (uint64_t s = channel; s < check->statistic_count; s += test_channel_count(check->desc))
        sum += of(check->moments[s]);
    return sum;
}

static uint64_t statistic_value(const Check *check, VknRole role, uint64_t index) {
    SimMoments m = check->moments[role == VKN_ROLE_MOMENTS ? index / 4 : index];
    uint64_t (*variance)(SimMoments) = check->desc->running_variance ? sim_variance_unbiased : sim_variance;
    if (role == VKN_ROLE_MEAN)
        return sim_mean(m);
    if (role == VKN_ROLE_INV_STD)
        return sim_inverse(sim_variance(m));
    if (role == VKN_ROLE_VARIANCE)
        return sim_variance(m);
    if (role == VKN_ROLE_RUNNING_MEAN)
        return sim_moved(initial(role, index), batches_sum(check, index, sim_mean));
    if (role == VKN_ROLE_RUNNING_VARIANCE)
        return sim_moved(initial(role, index), batches_sum(check, index, variance));
    return role == VKN_ROLE_MOMENTS ? sim_moments_word(m, index % 4) : 0;
}

static bool check_statistics(Check *check) {
    uint32_t written = test_roles_written(check->desc) & ~VKN_ROLE_BIT(VKN_ROLE_Y);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        for (uint64_t i = 0; (written >> role & 1) && i < check->buffers[role].count; i++)
            if (!check_output(check, (VknRole)role, i, statistic_value(check, (VknRole)role, i)))
                return false;
    return true;
}

/* What is left is gaps and inputs, which nobody may write, and the workspace. */
static bool check_rest(Check *check) {
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        for (uint64_t i = 0; role != VKN_ROLE_WORKSPACE && i < check->buffers[role].count; i++)
            if (check->buffers[role].words[i].writes) {
                snprintf(check->sim.fault, sizeof check->sim.fault,
                         "%s[%" PRIu64 "] is no output, but written", test_role_name(role), i);
                return false;
            }
    return true;
}

bool sim_check(const VknSchedule *schedule, const VknCaps *caps, const VknDesc *desc, bool y_is_x,
               TestRandom *random, char fault[256]) {
    Check check = {.desc = desc, .sim = {.schedule = schedule, .caps = caps}};
    /* Drivers may run smaller subgroups than the largest, but not where full ones are required. */
    uint32_t halvings = caps->full_subgroups ? 0 : (uint32_t)test_random_below(random, 3);
    check.sim.subgroup_size = caps->max_subgroup_size >> halvings ? caps->max_subgroup_size >> halvings : 1;
    bool right = buffers_create(&check, random) && moments_create(&check);
    if (y_is_x)
        check.sim.roles[VKN_ROLE_Y] = &check.buffers[VKN_ROLE_X];
    if (right)
        sim_run(&check.sim);
    right = right && !check.sim.fault[0] && check_y(&check) && check_statistics(&check) && check_rest(&check);
    snprintf(fault, 256, "%s", right || check.sim.fault[0] ? check.sim.fault : "no memory");
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        free(check.buffers[role].words);
    free(check.moments);
    return right;
}
