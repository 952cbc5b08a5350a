#include "invariants.h"

#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            return #condition;                                                                               \
    } while (0)

static uint32_t spec(const VknStep *step, uint32_t constant) {
    return step->spec[constant - 1];
}

static bool is_any(const VknStep *step) {
    return step->kernel == VKN_KERNEL_REDUCE_ANY || step->kernel == VKN_KERNEL_APPLY_ANY ||
           step->kernel == VKN_KERNEL_GRADIENT_REDUCE_ANY || step->kernel == VKN_KERNEL_GRADIENT_APPLY_ANY;
}

/* Whether what it sees is no box of the view, but a range of statistics. */
static bool is_finish(const VknStep *step) {
    return step->kernel == VKN_KERNEL_FINISH || step->kernel == VKN_KERNEL_GRADIENT_FINISH ||
           step->kernel == VKN_KERNEL_RENORM;
}

/* --------------------------------------------------------------------------------------- the device */

static bool worker_exists(const VknStep *step, const VknCaps *caps) {
    switch (step->worker) {
    case VKN_WORKER_SUBGROUP_ADD:
    case VKN_WORKER_GROUP_ADD:
        return caps->subgroup_arithmetic;
    case VKN_WORKER_SUBGROUP_SHUFFLE: /* a butterfly needs every lane */
        return caps->subgroup_shuffle && caps->full_subgroups &&
               spec(step, VKN_SPEC_LOCAL_SIZE) % caps->max_subgroup_size == 0;
    case VKN_WORKER_ALONE:
    case VKN_WORKER_LANE:
    case VKN_WORKER_GROUP_TREE:
        return true;
    case VKN_WORKER_COUNT:
        break;
    }
    return false;
}

static const char *shape_broken(const VknStep *step, const VknCaps *caps) {
    uint32_t local_size = spec(step, VKN_SPEC_LOCAL_SIZE), vector = spec(step, VKN_SPEC_VECTOR);
    REQUIRE(step->kernel < VKN_KERNEL_COUNT && step->worker < VKN_WORKER_COUNT);
    REQUIRE(vkn_shaders[step->kernel][step->worker].code);
    REQUIRE(worker_exists(step, caps));
    REQUIRE(step->group_count >= 1 && step->group_count <= caps->max_group_count);
    REQUIRE(local_size >= 1 && local_size <= 256 && (local_size & (local_size - 1)) == 0);
    REQUIRE(local_size <= caps->max_invocations);
    REQUIRE(vector == 1 || vector == 4);
    REQUIRE(step->push.extent[VKN_LANE] % vector == 0);
    REQUIRE(step->spec_count == (is_any(step) ? VKN_SPEC_COUNT : VKN_SPEC_SCALARS));
    return NULL;
}

/* ----------------------------------------------------------------------------------------- bindings */

static const char *bindings_broken(const VknSchedule *schedule, const VknStep *step, const VknCaps *caps) {
    uint64_t slack = vkn_max(caps->storage_offset_alignment, 16) - 4;
    uint32_t seen = 0;
    REQUIRE(step->binding_count >= 1 && step->binding_count <= VKN_BINDING_COUNT);
    for (uint32_t i = 0; i < step->binding_count; i++) {
        const VknStepBinding *b = &step->binding[i];
        REQUIRE(b->binding < VKN_BINDING_COUNT && !(seen >> b->binding & 1));
        seen |= 1u << b->binding;
        REQUIRE(b->role == VKN_ROLE_WORKSPACE || (schedule->desc.roles >> b->role & 1));
        REQUIRE(b->size > 0 && (b->offset + b->size) % 4 == 0 && b->offset * 8 % b->unit_bits == 0);
        REQUIRE(b->size <= schedule->info.size[b->role]);
        REQUIRE(b->offset <= schedule->info.size[b->role] - b->size);
        REQUIRE(b->size <= caps->max_storage_range && b->size + slack <= caps->max_storage_range);
    }
    return NULL;
}

/* --------------------------------------------------------------------------------------- geometry */

typedef struct Geometry {
    uint64_t span[VKN_SPACE_COUNT]; /* elements from the first to the last one that 32 bits reach */
    uint64_t statistics;
    uint64_t reduced;
} Geometry;

/* Where elements that an "any" kernel walks lie, and the others' strides. */
static const uint32_t ANY_STRIDES[] = {
    [VKN_SPACE_X] = VKN_SPEC_X_STRIDE,
    [VKN_SPACE_Y] = VKN_SPEC_Y_STRIDE,
    [VKN_SPACE_RESIDUAL] = VKN_SPEC_RESIDUAL_STRIDE,
    [VKN_SPACE_DX] = VKN_SPEC_DX_STRIDE,
    [VKN_SPACE_MASK] = VKN_SPEC_MASK_STRIDE,
    [VKN_SPACE_PARAMETER] = VKN_SPEC_PARAMETER_STRIDE,
    [VKN_SPACE_STAT] = VKN_SPEC_STAT_STRIDE,
};

static uint32_t slot_stride(const VknStep *step, uint32_t slot, VknSpace space) {
    bool kept = slot == VKN_BATCH || slot == VKN_CHANNEL || slot == VKN_LANE;
    switch (space) {
    case VKN_SPACE_X:
    case VKN_SPACE_DX:
        return step->push.x_stride[slot];
    case VKN_SPACE_Y:
    case VKN_SPACE_RESIDUAL:
        return step->push.y_stride[slot];
    case VKN_SPACE_PARAMETER:
        return step->push.parameter_stride[slot];
    case VKN_SPACE_STAT:
        return kept ? step->push.stat_stride[VKN_KEPT(slot)] : 0;
    case VKN_SPACE_MASK:
    case VKN_SPACE_COUNT:
        break;
    }
    return 0;
}

/* What a kernel sees, in 64 bits: a stride that was cut off to 32 bits shows as another span. */
static Geometry geometry_of(const VknStep *step) {
    const VknPush *p = &step->push;
    Geometry g = {.statistics = 1, .reduced = 1};
    for (uint32_t i = 0; i < VKN_SLOTS; i++) {
        bool kept = i == VKN_BATCH || i == VKN_CHANNEL || i == VKN_LANE;
        *(kept ? &g.statistics : &g.reduced) *= p->extent[i];
    }
    for (int space = 0; space < VKN_SPACE_COUNT; space++) {
        g.span[space] = 1;
        for (uint32_t i = 0; !is_any(step) && i < VKN_SLOTS; i++)
            g.span[space] += (uint64_t)(p->extent[i] - 1) * slot_stride(step, i, (VknSpace)space);
        for (uint32_t i = 0; is_any(step) && i < VKN_MAX_RANK; i++)
            g.span[space] +=
                (uint64_t)(spec(step, VKN_SPEC_EXTENT + i) - 1) * spec(step, ANY_STRIDES[space] + i);
    }
    return g;
}

/* Elements that a kernel reaches through a binding of a finish: a range of statistics or of channels. */
static uint64_t finish_reach_of(const VknStep *step, const VknStepBinding *b, const Geometry *g) {
    const VknPush *p = &step->push;
    if (b->binding == VKN_BINDING_FINISH_IN)
        return 1 + (g->statistics - 1) * p->x_stride[VKN_CHANNEL] +
               (uint64_t)(p->extent[VKN_OUTER] - 1) * p->x_stride[VKN_OUTER];
    if (vkn_roles[b->resource].per == VKN_PER_CHANNEL || vkn_roles[b->resource].per == VKN_PER_PARAMETER)
        return p->extent[VKN_CHANNEL];
    return g->statistics * (b->resource == VKN_RESOURCE_PARTS ? p->part_total : 1);
}

/* Elements that a kernel reaches through a binding. */
static uint64_t reach_of(const VknSchedule *schedule, const VknStep *step, const VknStepBinding *b,
                         const Geometry *g) {
    bool parameters = schedule->desc.parameter_axis_count;
    bool by_parameter = spec(step, VKN_SPEC_MODES) & VKN_MODE_ELEMENT_STATISTICS;
    VknSpace space = vkn_roles[b->resource].space;
    if (is_finish(step))
        return finish_reach_of(step, b, g);
    if (space == VKN_SPACE_PARAMETER && !parameters)
        space = VKN_SPACE_STAT; /* gamma and beta are per statistic */
    else if (by_parameter && b->resource < VKN_ROLE_COUNT && space >= VKN_SPACE_PARAMETER)
        space = space == VKN_SPACE_STAT ? VKN_SPACE_PARAMETER : VKN_SPACE_STAT;
    return g->span[space] * (b->resource == VKN_RESOURCE_PARTS ? step->push.part_total : 1);
}

/* Whether a binding ends with the word that has the last element. */
static bool is_reached(const VknSchedule *schedule, const VknStep *step, const VknStepBinding *b,
                       const Geometry *g) {
    uint32_t bits = vkn_role_bits(&schedule->desc, b->resource);
    uint64_t bytes = vkn_divide_up((b->first + reach_of(schedule, step, b, g)) * bits, 8);
    return b->size == vkn_round_up(b->offset + bytes, 4) - b->offset;
}

static const char *geometry_broken(const VknSchedule *schedule, const VknStep *step) {
    const VknPush *p = &step->push;
    Geometry g = geometry_of(step);
    uint64_t invocations = (uint64_t)step->group_count * spec(step, VKN_SPEC_LOCAL_SIZE);
    for (uint32_t i = 0; i < VKN_SLOTS; i++)
        REQUIRE(p->extent[i] >= 1 || (is_finish(step) && i == VKN_OUTER)); /* it may have no parts */
    /* Loops over items end before 32 bits do. */
    REQUIRE(g.statistics * g.reduced + invocations <= UINT32_MAX);
    for (uint32_t i = 0; i < step->binding_count; i++) {
        REQUIRE(is_reached(schedule, step, &step->binding[i], &g));
        REQUIRE(reach_of(schedule, step, &step->binding[i], &g) + 64 <= UINT32_MAX);
    }
    if (is_finish(step))
        return NULL;
    REQUIRE(p->part_count >= 1 && p->part_length >= 1);
    REQUIRE((uint64_t)p->part_first + p->part_count <= p->part_total);
    REQUIRE((uint64_t)p->part_length * p->part_count >= g.reduced);
    REQUIRE((uint64_t)p->part_length * p->part_count <= UINT32_MAX);
    REQUIRE(g.statistics * p->part_count + invocations <= UINT32_MAX);
    return NULL;
}

/* ----------------------------------------------------------------------------------------- barriers */

static uint32_t with_alias(uint32_t resources) {
    uint32_t tensors = VKN_ROLE_BIT(VKN_ROLE_X) | VKN_ROLE_BIT(VKN_ROLE_Y);
    return resources & tensors ? resources | tensors : resources;
}

/* Every pair of steps: those that share what one of them writes are of one stage, or have a barrier
 * between them. */
static const char *barriers_broken(const VknSchedule *schedule, uint32_t *number) {
    for (uint32_t j = *number = 0; j < schedule->step_count; *number = ++j) {
        const VknStep *b = &schedule->steps[j];
        bool barrier = b->barrier;
        for (uint32_t i = j; i-- > 0;) {
            const VknStep *a = &schedule->steps[i];
            uint32_t shared = (with_alias(a->writes) & with_alias(b->reads | b->writes)) |
                              (with_alias(a->reads) & with_alias(b->writes));
            REQUIRE(!shared || a->stage == b->stage || barrier);
            barrier = barrier || a->barrier;
        }
    }
    return NULL;
}

const char *test_invariant_broken(const VknSchedule *schedule, const VknCaps *caps, uint32_t *number) {
    uint32_t barriers = 0;
    for (*number = 0; *number < schedule->step_count; ++*number) {
        const VknStep *step = &schedule->steps[*number];
        const char *broken = shape_broken(step, caps);
        broken = broken ? broken : bindings_broken(schedule, step, caps);
        broken = broken ? broken : geometry_broken(schedule, step);
        if (broken)
            return broken;
        REQUIRE(*number == 0 || step->stage >= schedule->steps[*number - 1].stage);
        barriers += step->barrier;
    }
    REQUIRE(schedule->info.dispatch_count == schedule->step_count);
    REQUIRE(schedule->info.barrier_count == barriers);
    REQUIRE(barriers == 0 || barriers < schedule->step_count);
    return schedule->step_count <= 500 ? barriers_broken(schedule, number) : NULL;
}
