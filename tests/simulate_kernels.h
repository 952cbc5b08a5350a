/* What simulated kernels share: places, records of statistics, parameters, sums. */
#ifndef TESTS_SIMULATE_KERNELS_H
#define TESTS_SIMULATE_KERNELS_H

#include "simulate.h"

#define EXTENT(slot)       (sim->step->push.extent[slot])
#define X_STRIDE(slot)     (sim->step->push.x_stride[slot])
#define Y_STRIDE(slot)     (sim->step->push.y_stride[slot])
#define STAT_STRIDE(slot)  (sim->step->push.stat_stride[VKN_KEPT(slot)])
#define SPEC(constant)     (sim->step->spec[VKN_SPEC_##constant - 1])
#define SPEC_OF(name, dim) (sim->step->spec[VKN_SPEC_##name - 1 + (dim)])
#define HAS(role)          ((SPEC(ROLES) & VKN_HAS_##role) != 0)

typedef struct Affine {
    uint64_t mean, inverse, gamma, beta;
} Affine;

typedef struct Part {
    uint32_t begin, end;
} Part;

/* The first x, y and per-statistic index of an item. */
typedef struct Place {
    uint32_t x, y, index;
} Place;

uint32_t sim_statistic_count(const Simulation *sim);
uint32_t sim_reduce_count(const Simulation *sim);
Part sim_part_of(const Simulation *sim, uint32_t number);
Place sim_place_of(const Simulation *sim, uint32_t batch, uint32_t channel, uint32_t lane);
void sim_moments_store(Simulation *sim, uint32_t index, SimMoments m);
/* `at`: of its first word. */
SimMoments sim_moments_load(Simulation *sim, uint32_t binding, uint32_t at);
void sim_statistic_store(Simulation *sim, uint32_t index, SimMoments m);
/* `mean` and `variance`: the sums over virtual batches. */
void sim_running_move(Simulation *sim, uint32_t channel, uint64_t mean, uint64_t variance);
uint64_t sim_moving_variance(const Simulation *sim, SimMoments m);
Affine sim_affine_of(Simulation *sim, uint32_t index, uint64_t mean, uint64_t inverse);
Affine sim_affine_given(Simulation *sim, uint32_t index);
SimMoments sim_merge(SimMoments a, SimMoments b);
SimMoments sim_add(Simulation *sim, SimMoments m, uint32_t x);
SimMoments sim_add_quad(Simulation *sim, SimMoments m, uint32_t quad);
void sim_apply(Simulation *sim, Affine a, uint32_t x, uint32_t y);

#endif
