/* The kernels: follows shaders/ function by function, under the same names. Shifts are left out: they are
 * elements that are read anyway. */
#include "simulate_kernels.h"

/* ------------------------------------------------------------------------------------- row kernels */

static uint32_t worker_lanes(const Simulation *sim) {
    switch (sim->step->worker) {
    case VKN_WORKER_ALONE:
    case VKN_WORKER_LANE:
        return 1;
    case VKN_WORKER_SUBGROUP_ADD:
    case VKN_WORKER_SUBGROUP_SHUFFLE:
        return (uint32_t)vkn_min(sim->subgroup_size, SPEC(LOCAL_SIZE));
    case VKN_WORKER_GROUP_ADD:
    case VKN_WORKER_GROUP_TREE:
    case VKN_WORKER_COUNT:
        break;
    }
    return SPEC(LOCAL_SIZE);
}

static Place row_of(const Simulation *sim, uint32_t statistic) {
    uint32_t rest = statistic / EXTENT(VKN_LANE);
    return sim_place_of(sim, rest / EXTENT(VKN_CHANNEL), rest % EXTENT(VKN_CHANNEL),
                        statistic % EXTENT(VKN_LANE));
}

/* Quads are four elements at once, at a multiple of four. */
static SimMoments run_reduce(Simulation *sim, uint32_t begin, uint32_t count, uint32_t lane) {
    uint32_t lanes = worker_lanes(sim), head = (uint32_t)vkn_min((0u - begin) & 3u, count), i;
    uint32_t quad = (begin + head) / 4, quads = (count - head) / 4;
    SimMoments m = {0, 0};
    for (i = lane; i < head; i += lanes)
        m = sim_add(sim, m, begin + i);
    for (i = lane; i + lanes < quads; i += 2 * lanes)
        m = sim_add_quad(sim, sim_add_quad(sim, m, quad + i), quad + i + lanes);
    for (uint32_t e = head + i * 4; i < quads && e < head + i * 4 + 4; e++)
        m = sim_add(sim, m, begin + e);
    for (uint32_t e = head + quads * 4 + lane; e < count; e += lanes)
        m = sim_add(sim, m, begin + e);
    return m;
}

static void run_apply(Simulation *sim, Affine a, uint32_t x, uint32_t y, uint32_t count, uint32_t lane) {
    uint32_t lanes = worker_lanes(sim),
             head = ((x ^ y) & 3u) ? count : (uint32_t)vkn_min((0u - y) & 3u, count), i;
    uint32_t x_quad = (x + head) / 4, y_quad = (y + head) / 4, quads = (count - head) / 4;
    for (i = lane; i < head; i += lanes)
        sim_apply(sim, a, x + i, y + i);
    for (i = lane; i < quads; i += lanes)
        for (uint32_t k = 0; k < 4; k++)
            sim_apply(sim, a, (x_quad + i) * 4 + k, (y_quad + i) * 4 + k);
    for (uint32_t e = head + quads * 4 + lane; e < count; e += lanes)
        sim_apply(sim, a, x + e, y + e);
}

/* All runs of a part, by all lanes: reduces, or applies `a` where there is one. */
static SimMoments row_walk(Simulation *sim, Place row, Part part, const Affine *a) {
    uint32_t inner = EXTENT(VKN_INNER), outer = part.begin / inner, skip = part.begin % inner;
    SimMoments m = {0, 0};
    for (uint32_t e = part.begin; e < part.end; outer++) {
        uint32_t count = (uint32_t)vkn_min(inner - skip, part.end - e);
        uint32_t x = row.x + outer * X_STRIDE(VKN_OUTER) + skip;
        uint32_t y = row.y + outer * Y_STRIDE(VKN_OUTER) + skip;
        for (uint32_t lane = 0; lane < worker_lanes(sim) && lane < count; lane++) { /* others idle */
            if (a)
                run_apply(sim, *a, x, y, count, lane);
            else
                m = sim_merge(m, run_reduce(sim, x, count, lane));
        }
        e += count;
        skip = 0;
    }
    return m;
}

static void norm_row(Simulation *sim, uint32_t item) {
    Place row = row_of(sim, item);
    Part all = {0, sim_reduce_count(sim)};
    SimMoments m = row_walk(sim, row, all, NULL);
    sim_statistic_store(sim, row.index, m);
    sim_running_move(sim, row.index, sim_mean(m), sim_moving_variance(sim, m));
    Affine a = sim_affine_of(sim, row.index, sim_mean(m), sim_inverse(sim_variance(m)));
    row_walk(sim, row, all, &a);
}

static void reduce_row(Simulation *sim, uint32_t item) {
    const VknPush *push = &sim->step->push;
    uint32_t number = item % push->part_count;
    Place row = row_of(sim, item / push->part_count);
    Part part = sim_part_of(sim, number);
    sim_moments_store(sim, row.index * push->part_total + push->part_first + number,
                      row_walk(sim, row, part, NULL));
}

static void apply_row(Simulation *sim, uint32_t item) {
    Place row = row_of(sim, item / sim->step->push.part_count);
    Affine a = sim_affine_given(sim, row.index);
    row_walk(sim, row, sim_part_of(sim, item % sim->step->push.part_count), &a);
}

/* ---------------------------------------------------------------------------------- column kernels */

typedef struct Column {
    Place place;
    Part range;
    uint32_t part;
} Column;

static Column column_of(const Simulation *sim, uint32_t item) {
    uint32_t lanes = EXTENT(VKN_LANE) / SPEC(VECTOR), rest = item / lanes;
    uint32_t channel = rest % EXTENT(VKN_CHANNEL);
    rest /= EXTENT(VKN_CHANNEL);
    Column c = {.part = rest / EXTENT(VKN_BATCH)};
    c.place = sim_place_of(sim, rest % EXTENT(VKN_BATCH), channel, item % lanes * SPEC(VECTOR));
    c.range = sim_part_of(sim, c.part);
    return c;
}

static uint32_t column_index(const Simulation *sim, const Column *c, uint32_t k) {
    return c->place.index + k * STAT_STRIDE(VKN_LANE);
}

/* Where component `k` of an access at `element` lands: four at once go to a multiple of four. */
static uint32_t column_element(const Simulation *sim, uint32_t binding, uint32_t element, uint32_t k) {
    bool quad = SPEC(VECTOR) == 4 && sim_first_of(sim, binding) % 4 == 0;
    return (quad ? element / 4 * 4 : element) + k;
}

/* Reduces component k of a column, or applies `a` to it where there is one. */
static SimMoments column_walk(Simulation *sim, const Column *c, uint32_t k, const Affine *a) {
    SimMoments m = {0, 0};
    for (uint32_t e = c->range.begin; e < c->range.end; e++) {
        uint32_t outer = e / EXTENT(VKN_INNER), inner = e % EXTENT(VKN_INNER);
        uint32_t x = c->place.x + outer * X_STRIDE(VKN_OUTER) + inner * X_STRIDE(VKN_INNER);
        uint32_t y = c->place.y + outer * Y_STRIDE(VKN_OUTER) + inner * Y_STRIDE(VKN_INNER);
        x = column_element(sim, VKN_BINDING_X, x, k);
        if (a)
            sim_apply(sim, *a, x, column_element(sim, VKN_BINDING_Y, y, k));
        else
            m = sim_add(sim, m, x);
    }
    return m;
}

static void norm_column(Simulation *sim, uint32_t item) {
    Column c = column_of(sim, item);
    for (uint32_t k = 0; k < SPEC(VECTOR); k++) {
        uint32_t index = column_index(sim, &c, k);
        SimMoments m = column_walk(sim, &c, k, NULL);
        sim_statistic_store(sim, index, m);
        sim_running_move(sim, index, sim_mean(m), sim_moving_variance(sim, m));
        Affine a = sim_affine_of(sim, index, sim_mean(m), sim_inverse(sim_variance(m)));
        column_walk(sim, &c, k, &a);
    }
}

static void reduce_column(Simulation *sim, uint32_t item) {
    const VknPush *push = &sim->step->push;
    Column c = column_of(sim, item);
    for (uint32_t k = 0; k < SPEC(VECTOR); k++)
        sim_moments_store(sim, column_index(sim, &c, k) * push->part_total + push->part_first + c.part,
                          column_walk(sim, &c, k, NULL));
}

static void apply_column(Simulation *sim, uint32_t item) {
    Column c = column_of(sim, item);
    for (uint32_t k = 0; k < SPEC(VECTOR); k++) {
        Affine a = sim_affine_given(sim, column_index(sim, &c, k));
        column_walk(sim, &c, k, &a);
    }
}

/* ------------------------------------------------------------------------------------- any kernels */

static Place place_at(const Simulation *sim, Place place, uint32_t index, bool kept, bool reduced) {
    for (uint32_t d = VKN_MAX_RANK; d-- > 0;) {
        if (!(SPEC_OF(KEPT, d) ? kept : reduced))
            continue;
        uint32_t digit = index % SPEC_OF(EXTENT, d);
        index /= SPEC_OF(EXTENT, d);
        place.x += digit * SPEC_OF(X_STRIDE, d);
        place.y += digit * SPEC_OF(Y_STRIDE, d);
        place.index += digit * SPEC_OF(STAT_STRIDE, d);
    }
    return place;
}

static void reduce_any(Simulation *sim, uint32_t item) {
    const VknPush *push = &sim->step->push;
    uint32_t number = item % push->part_count;
    Place place = place_at(sim, sim_place_of(sim, 0, 0, 0), item / push->part_count, true, false);
    Part part = sim_part_of(sim, number);
    SimMoments m = {0, 0};
    for (uint32_t e = part.begin; e < part.end; e++)
        m = sim_add(sim, m, place_at(sim, place, e, false, true).x);
    sim_moments_store(sim, place.index * push->part_total + push->part_first + number, m);
}

static void apply_any(Simulation *sim, uint32_t item) {
    Place place = place_at(sim, sim_place_of(sim, 0, 0, 0), item, true, true);
    sim_apply(sim, sim_affine_given(sim, place.index), place.x, place.y);
}

/* ------------------------------------------------------------------------------------------ finish */

static SimMoments parts_merge(Simulation *sim, uint32_t statistic) {
    SimMoments m = {0, 0};
    for (uint32_t part = 0; part < EXTENT(VKN_OUTER); part++)
        m = sim_merge(
            m, sim_moments_load(sim, VKN_BINDING_FINISH_IN,
                                sim_first_of(sim, VKN_BINDING_FINISH_IN) +
                                    4 * (statistic * X_STRIDE(VKN_CHANNEL) + part * X_STRIDE(VKN_OUTER))));
    return m;
}

static void affine_store(Simulation *sim, uint32_t index, Affine a) {
    const uint64_t words[] = {a.mean, a.inverse, a.gamma, a.beta};
    for (uint32_t i = 0; i < 4; i++)
        sim_store(sim, VKN_BINDING_RECORDS_OUT, sim_first_of(sim, VKN_BINDING_RECORDS_OUT) + index * 4 + i,
                  words[i]);
}

static void finish(Simulation *sim, uint32_t item) {
    const VknPush *push = &sim->step->push;
    uint64_t mean = 0, variance = 0;
    for (uint32_t batch = 0; batch < EXTENT(VKN_BATCH); batch++) {
        uint32_t index = batch * EXTENT(VKN_CHANNEL) + item;
        SimMoments m = parts_merge(sim, index);
        sim_statistic_store(sim, index, m);
        if (HAS(MOMENTS))
            sim_moments_store(sim, index * push->part_total + push->part_first, m);
        if ((SPEC(MODES) & VKN_MODE_AFFINE))
            affine_store(sim, index, sim_affine_of(sim, item, sim_mean(m), sim_inverse(sim_variance(m))));
        mean += sim_mean(m);
        variance += sim_moving_variance(sim, m);
    }
    sim_running_move(sim, item, mean, variance);
}

/* -------------------------------------------------------------------------------------- dispatches */

static uint32_t items_statistics(const Simulation *sim) {
    return sim_statistic_count(sim);
}

static uint32_t items_parts(const Simulation *sim) {
    return sim_statistic_count(sim) * sim->step->push.part_count;
}

static uint32_t items_columns(const Simulation *sim) {
    return sim_statistic_count(sim) / SPEC(VECTOR) * sim->step->push.part_count;
}

static uint32_t items_elements(const Simulation *sim) {
    return sim_statistic_count(sim) * sim_reduce_count(sim);
}

static uint32_t items_channels(const Simulation *sim) {
    return EXTENT(VKN_CHANNEL);
}

static const struct {
    uint32_t (*items)(const Simulation *sim);
    void (*run)(Simulation *sim, uint32_t item);
} KERNELS[VKN_KERNEL_COUNT] = {
    [VKN_KERNEL_NORM_ROW] = {items_statistics, norm_row},
    [VKN_KERNEL_REDUCE_ROW] = {items_parts, reduce_row},
    [VKN_KERNEL_APPLY_ROW] = {items_parts, apply_row},
    [VKN_KERNEL_NORM_COLUMN] = {items_columns, norm_column},
    [VKN_KERNEL_REDUCE_COLUMN] = {items_columns, reduce_column},
    [VKN_KERNEL_APPLY_COLUMN] = {items_columns, apply_column},
    [VKN_KERNEL_REDUCE_ANY] = {items_parts, reduce_any},
    [VKN_KERNEL_APPLY_ANY] = {items_elements, apply_any},
    [VKN_KERNEL_FINISH] = {items_channels, finish},
};

/* Every worker takes items as far apart as there are workers. */
static void step_run(Simulation *sim) {
    uint32_t items = KERNELS[sim->step->kernel].items(sim);
    uint64_t workers = (uint64_t)sim->step->group_count * (SPEC(LOCAL_SIZE) / worker_lanes(sim));
    for (uint32_t worker = 0; worker < workers && worker < items; worker++)
        for (uint64_t item = worker; item < items && !sim->fault[0]; item += workers) {
            sim->now.item = (uint32_t)item;
            KERNELS[sim->step->kernel].run(sim, (uint32_t)item);
        }
}

void sim_run(Simulation *sim) {
    for (uint32_t i = 0; i < sim->schedule->step_count && !sim->fault[0]; i++) {
        sim->step = &sim->schedule->steps[i];
        sim->now.dispatch = i + 1;
        if (sim->step->barrier)
            sim->barrier = i;
        step_run(sim);
    }
}
