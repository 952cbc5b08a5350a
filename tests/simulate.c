/* Words of memory that know who touched them, and the arithmetic on what they hold. */
#include "simulate.h"

#include <stdio.h>

/* -------------------------------------------------------------------------------------- arithmetic */

enum { HASH_MEAN = 1, HASH_VARIANCE, HASH_UNBIASED, HASH_INVERSE, HASH_MOVED, HASH_LOW, HASH_M2 };

uint64_t sim_hash(uint64_t a, uint64_t b, uint64_t c) {
    const uint64_t numbers[] = {a, b, c};
    uint64_t z = 0;
    for (int i = 0; i < 3; i++) {
        z = (z ^ numbers[i]) + 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
    }
    return z;
}

uint64_t sim_mean(SimMoments m) {
    return sim_hash(HASH_MEAN, m.count, m.sum);
}

uint64_t sim_variance(SimMoments m) {
    return sim_hash(HASH_VARIANCE, m.count, m.sum);
}

uint64_t sim_variance_unbiased(SimMoments m) {
    return sim_hash(HASH_UNBIASED, m.count, m.sum);
}

uint64_t sim_inverse(uint64_t variance) {
    return sim_hash(HASH_INVERSE, variance, 0);
}

uint64_t sim_moved(uint64_t running, uint64_t batch) {
    return sim_hash(HASH_MOVED, running, batch);
}

uint64_t sim_moments_word(SimMoments m, uint32_t word) {
    const uint64_t words[] = {m.count, m.sum, sim_hash(HASH_LOW, m.count, m.sum),
                              sim_hash(HASH_M2, m.count, m.sum)};
    return words[word];
}

uint64_t sim_output(uint64_t x, uint64_t mean, uint64_t inverse, uint64_t gamma, uint64_t beta) {
    return sim_hash(sim_hash(x, mean, inverse), gamma, beta);
}

/* ------------------------------------------------------------------------------------------ memory */

void sim_fault(Simulation *sim, const char *what, uint32_t binding, uint32_t index) {
    if (!sim->fault[0])
        snprintf(sim->fault, sizeof sim->fault, "dispatch %u (%s), item %u: %s, binding %u[%u]",
                 sim->now.dispatch, vkn_shaders[sim->step->kernel][sim->step->worker].name, sim->now.item,
                 what, binding, index);
}

/* Whether an access now and an earlier one have no order. */
static bool is_unordered(const Simulation *sim, SimAccess earlier) {
    if (earlier.dispatch <= sim->barrier)
        return false;
    return earlier.dispatch < sim->now.dispatch || earlier.item != sim->now.item;
}

static const VknStepBinding *binding_find(const VknStep *step, uint32_t binding) {
    for (uint32_t i = 0; i < step->binding_count; i++)
        if (step->binding[i].binding == binding)
            return &step->binding[i];
    return NULL;
}

static bool is_declared(const VknStep *step, VknRole role, bool write) {
    uint32_t workspace = 1u << VKN_RESOURCE_PARTS | 1u << VKN_RESOURCE_AFFINE;
    return (write ? step->writes : step->reads) & (role == VKN_ROLE_WORKSPACE ? workspace : 1u << role);
}

uint32_t sim_first_of(const Simulation *sim, uint32_t binding) {
    const VknStepBinding *b = binding_find(sim->step, binding);
    uint64_t alignment = sim->caps->storage_offset_alignment > 16 ? sim->caps->storage_offset_alignment : 16;
    return b ? (uint32_t)((sim->roles[b->role]->offset + b->offset) % alignment / 4) & 0xFFFFu : 0;
}

/* NULL, with a fault, when the access is not allowed. */
static SimWord *touch(Simulation *sim, uint32_t binding, uint32_t index, bool write) {
    const VknStepBinding *b = binding_find(sim->step, binding);
    uint32_t first = sim_first_of(sim, binding);
    if (!b || index < first || (uint64_t)(index - first) * 4 + 4 > b->size ||
        b->offset / 4 + (index - first) >= sim->roles[b->role]->count) {
        sim_fault(sim, "outside the binding", binding, index);
        return NULL;
    }
    SimWord *word = &sim->roles[b->role]->words[b->offset / 4 + (index - first)];
    if (!is_declared(sim->step, b->role, write))
        sim_fault(sim, write ? "undeclared write" : "undeclared read", binding, index);
    if (is_unordered(sim, word->write) || (write && is_unordered(sim, word->read)))
        sim_fault(sim, write ? "unordered write" : "unordered read", binding, index);
    return word;
}

uint64_t sim_load(Simulation *sim, uint32_t binding, uint32_t index) {
    SimWord *word = touch(sim, binding, index, false);
    if (!word)
        return 0;
    if (!word->known)
        sim_fault(sim, "nothing was written there", binding, index);
    bool other = word->read.dispatch == sim->now.dispatch && word->read.item != sim->now.item;
    word->read = sim->now;
    if (other)
        word->read.item = UINT32_MAX; /* several items */
    return word->value;
}

void sim_store(Simulation *sim, uint32_t binding, uint32_t index, uint64_t value) {
    SimWord *word = touch(sim, binding, index, true);
    if (!word)
        return;
    word->value = value;
    word->known = true;
    word->writes++;
    word->write = sim->now;
}
