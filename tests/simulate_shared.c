#include "simulate_kernels.h"

uint32_t sim_statistic_count(const Simulation *sim) {
    return EXTENT(VKN_BATCH) * EXTENT(VKN_CHANNEL) * EXTENT(VKN_LANE);
}

uint32_t sim_reduce_count(const Simulation *sim) {
    return EXTENT(VKN_OUTER) * EXTENT(VKN_INNER);
}

Part sim_part_of(const Simulation *sim, uint32_t number) {
    uint32_t length = sim->step->push.part_length,
             begin = (uint32_t)vkn_min(number * length, sim_reduce_count(sim));
    return (Part){begin, (uint32_t)vkn_min(begin + length, sim_reduce_count(sim))};
}

Place sim_place_of(const Simulation *sim, uint32_t batch, uint32_t channel, uint32_t lane) {
    return (Place){sim_first_of(sim, VKN_BINDING_X) + batch * X_STRIDE(VKN_BATCH) +
                       channel * X_STRIDE(VKN_CHANNEL) + lane * X_STRIDE(VKN_LANE),
                   sim_first_of(sim, VKN_BINDING_Y) + batch * Y_STRIDE(VKN_BATCH) +
                       channel * Y_STRIDE(VKN_CHANNEL) + lane * Y_STRIDE(VKN_LANE),
                   batch * STAT_STRIDE(VKN_BATCH) + channel * STAT_STRIDE(VKN_CHANNEL) +
                       lane * STAT_STRIDE(VKN_LANE)};
}

void sim_moments_store(Simulation *sim, uint32_t index, SimMoments m) {
    for (uint32_t word = 0; word < 4; word++)
        sim_store(sim, VKN_BINDING_RECORDS_OUT, sim_first_of(sim, VKN_BINDING_RECORDS_OUT) + index * 4 + word,
                  sim_moments_word(m, word));
}

SimMoments sim_moments_load(Simulation *sim, uint32_t binding, uint32_t at) {
    uint64_t words[4];
    for (uint32_t i = 0; i < 4; i++)
        words[i] = sim_load(sim, binding, at + i);
    SimMoments m = {words[0], words[1]};
    for (uint32_t i = 2; i < 4; i++)
        if (words[i] != sim_moments_word(m, i))
            sim_fault(sim, "not the four words of one moments", binding, at);
    return m;
}

void sim_statistic_store(Simulation *sim, uint32_t index, SimMoments m) {
    uint32_t spread = sim_first_of(sim, VKN_BINDING_SPREAD) + index;
    if (HAS(MEAN))
        sim_store(sim, VKN_BINDING_MEAN, sim_first_of(sim, VKN_BINDING_MEAN) + index, sim_mean(m));
    if (HAS(INV_STD))
        sim_store(sim, VKN_BINDING_SPREAD, spread, sim_inverse(sim_variance(m)));
    if (HAS(VARIANCE))
        sim_store(sim, VKN_BINDING_SPREAD, spread, sim_variance(m));
}

void sim_running_move(Simulation *sim, uint32_t channel, uint64_t mean, uint64_t variance) {
    const struct {
        bool has;
        uint32_t binding;
        uint64_t value;
    } rows[] = {{HAS(RUNNING_MEAN), VKN_BINDING_RUNNING_MEAN, mean},
                {HAS(RUNNING_VARIANCE), VKN_BINDING_RUNNING_VARIANCE, variance}};
    for (int i = 0; i < 2; i++) {
        uint32_t at = sim_first_of(sim, rows[i].binding) + channel;
        if (rows[i].has)
            sim_store(sim, rows[i].binding, at, sim_moved(sim_load(sim, rows[i].binding, at), rows[i].value));
    }
}

uint64_t sim_moving_variance(const Simulation *sim, SimMoments m) {
    return SPEC(UNBIASED) ? sim_variance_unbiased(m) : sim_variance(m);
}

Affine sim_affine_of(Simulation *sim, uint32_t index, uint64_t mean, uint64_t inverse) {
    return (Affine){
        mean, inverse,
        HAS(GAMMA) ? sim_load(sim, VKN_BINDING_GAMMA, sim_first_of(sim, VKN_BINDING_GAMMA) + index) : 1,
        HAS(BETA) ? sim_load(sim, VKN_BINDING_BETA, sim_first_of(sim, VKN_BINDING_BETA) + index) : 0};
}

Affine sim_affine_given(Simulation *sim, uint32_t index) {
    if ((SPEC(MODES) & VKN_MODE_AFFINE)) {
        uint64_t words[4];
        for (uint32_t i = 0; i < 4; i++)
            words[i] = sim_load(sim, VKN_BINDING_AFFINE_IN,
                                sim_first_of(sim, VKN_BINDING_AFFINE_IN) + index * 4 + i);
        return (Affine){words[0], words[1], words[2], words[3]};
    }
    uint64_t spread = sim_load(sim, VKN_BINDING_SPREAD, sim_first_of(sim, VKN_BINDING_SPREAD) + index);
    return sim_affine_of(sim, index,
                         sim_load(sim, VKN_BINDING_MEAN, sim_first_of(sim, VKN_BINDING_MEAN) + index),
                         HAS(INV_STD) ? spread : sim_inverse(spread));
}

SimMoments sim_merge(SimMoments a, SimMoments b) {
    return (SimMoments){a.count + b.count, a.sum + b.sum};
}

SimMoments sim_add(Simulation *sim, SimMoments m, uint32_t x) {
    return sim_merge(m, (SimMoments){1, sim_load(sim, VKN_BINDING_X, x)});
}

SimMoments sim_add_quad(Simulation *sim, SimMoments m, uint32_t quad) {
    for (uint32_t k = 0; k < 4; k++)
        m = sim_add(sim, m, quad * 4 + k);
    return m;
}

void sim_apply(Simulation *sim, Affine a, uint32_t x, uint32_t y) {
    sim_store(sim, VKN_BINDING_Y, y,
              sim_output(sim_load(sim, VKN_BINDING_X, x), a.mean, a.inverse, a.gamma, a.beta));
}
