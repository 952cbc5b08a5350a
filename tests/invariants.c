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

/* One invocation per element. */
static bool is_elementwise(const VknStep *step) {
    return step->kernel == VKN_KERNEL_APPLY_ANY || step->kernel == VKN_KERNEL_GRADIENT_APPLY_ANY;
}

/* Kernels of statistics, that see no element. */
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

/* The one shared array that kernels have, in shaders/worker.glsl. */
#define SHARED_BYTES (256 * 16)

static const char *shape_broken(const VknStep *step, const VknCaps *caps) {
    uint32_t local_size = spec(step, VKN_SPEC_LOCAL_SIZE), vector = spec(step, VKN_SPEC_VECTOR);
    REQUIRE(step->kernel < VKN_KERNEL_COUNT && step->worker < VKN_WORKER_COUNT);
    REQUIRE(vkn_shaders[step->kernel][step->worker].code);
    REQUIRE(worker_exists(step, caps));
    REQUIRE(step->group_count >= 1 && step->group_count <= caps->max_group_count);
    REQUIRE(local_size >= 1 && local_size <= 256 && (local_size & (local_size - 1)) == 0);
    REQUIRE(local_size <= caps->max_invocations);
    REQUIRE(SHARED_BYTES <= caps->max_shared_bytes && sizeof step->push <= 128);
    REQUIRE(vector == 1 || vector == 4 ||
            (vector == 16 &&
             (step->kernel == VKN_KERNEL_APPLY_COLUMN || step->kernel == VKN_KERNEL_GRADIENT_APPLY_COLUMN)));
    REQUIRE(step->push.extent[VKN_LANE] % vector == 0);
    REQUIRE(step->spec_count == (is_any(step) ? VKN_SPEC_COUNT : VKN_SPEC_SCALARS));
    return NULL;
}

/* ----------------------------------------------------------------------------------------- bindings */

static const char *bindings_broken(const VknSchedule *schedule, const VknStep *step, const VknCaps *caps) {
    uint64_t slack = vkn_binding_alignment(caps) - 4;
    uint32_t seen = 0;
    bool texels = spec(step, VKN_SPEC_MODES) & VKN_MODE_TEXELS;
    REQUIRE(!texels || caps->texel_reads);
    REQUIRE(step->binding_count >= 1 && step->binding_count <= vkn_binding_count(caps));
    for (uint32_t i = 0; i < step->binding_count; i++) {
        const VknStepBinding *b = &step->binding[i];
        REQUIRE(b->binding < vkn_binding_count(caps) && !(seen >> b->binding & 1));
        seen |= 1u << b->binding;
        REQUIRE(b->role == VKN_ROLE_WORKSPACE || (schedule->desc.roles >> b->role & 1));
        REQUIRE(b->size > 0 && (b->offset + b->size) % 4 == 0 && b->offset % ((b->unit_bits + 7) / 8) == 0);
        REQUIRE(b->unit_bits > 1 ? b->first == 0 : b->first < 8);
        REQUIRE(b->size <= schedule->info.size[b->role]);
        REQUIRE(b->offset <= schedule->info.size[b->role] - b->size);
        bool read = step->reads >> b->resource & 1;
        REQUIRE(b->texel == (texels && read ? vkn_role_texel(&schedule->desc, b->resource) : 0));
        REQUIRE(!b->texel || (b->size >= b->texel && (b->size + slack) / b->texel <= caps->max_texels));
        REQUIRE(b->size <= caps->max_storage_range && b->size + slack <= caps->max_storage_range);
    }
    REQUIRE(step->has_more == (seen >> VKN_BINDING_LEAST != 0));
    return NULL;
}

/* --------------------------------------------------------------------------------------- geometry */

typedef struct Geometry {
    uint64_t span[VKN_SPACE_COUNT]; /* elements from the first to the last one that 32 bits reach */
    uint64_t statistics;
    uint64_t reduced;
} Geometry;

/* What a kernel sees, in 64 bits: a stride that was cut off to 32 bits shows as another span. */
static Geometry geometry_of(const VknStep *step) {
    static const uint32_t STRIDES[VKN_SPACE_COUNT] = {
        [VKN_SPACE_X] = VKN_SPEC_X_STRIDE,
        [VKN_SPACE_Y] = VKN_SPEC_Y_STRIDE,
        [VKN_SPACE_RESIDUAL] = VKN_SPEC_RESIDUAL_STRIDE,
        [VKN_SPACE_DX] = VKN_SPEC_DX_STRIDE,
        [VKN_SPACE_MASK] = VKN_SPEC_MASK_STRIDE,
        [VKN_SPACE_PARAMETER] = VKN_SPEC_PARAMETER_STRIDE,
        [VKN_SPACE_STAT] = VKN_SPEC_STAT_STRIDE,
    };
    const VknPush *p = &step->push;
    uint32_t by_element = VKN_MODE_ELEMENT_PARAMETERS | VKN_MODE_ELEMENT_STATISTICS;
    bool parameters = spec(step, VKN_SPEC_MODES) & by_element;
    Geometry g = {.statistics = 1, .reduced = 1};
    for (int space = 0; space < VKN_SPACE_COUNT; space++)
        g.span[space] = 1;
    for (uint32_t i = 0; i < VKN_SLOTS; i++) {
        bool kept = i == VKN_BATCH || i == VKN_CHANNEL || i == VKN_LANE;
        uint64_t last = p->extent[i] - 1, stat = kept ? p->stat_stride[VKN_KEPT(i)] : 0;
        *(kept ? &g.statistics : &g.reduced) *= p->extent[i];
        if (is_any(step))
            continue;
        g.span[VKN_SPACE_X] += last * p->x_stride[i];
        g.span[VKN_SPACE_DX] += last * p->x_stride[i];
        g.span[VKN_SPACE_Y] += last * p->y_stride[i];
        g.span[VKN_SPACE_RESIDUAL] += last * p->y_stride[i];
        g.span[VKN_SPACE_STAT] += last * stat;
        g.span[VKN_SPACE_PARAMETER] += last * (parameters ? p->parameter_stride[i] : stat);
    }
    for (uint32_t i = 0; is_any(step) && i < VKN_MAX_RANK; i++)
        for (int space = 0; space < VKN_SPACE_COUNT; space++)
            g.span[space] +=
                (uint64_t)(step->spec[VKN_SPEC_EXTENT - 1 + i] - 1) * step->spec[STRIDES[space] - 1 + i];
    return g;
}

/* Four rows at a time, the gradients of their parameters are added up in parts: part_length figures each, for
 * some of the rows. None where nobody asks for these gradients. */
static bool adds_parameters(const VknStep *step) {
    return step->kernel == VKN_KERNEL_GRADIENT_NORM_ROW && spec(step, VKN_SPEC_MODES) & VKN_MODE_FOUR_ROWS;
}

/* And then the parts, four parameters at a time. */
static bool merges_parameters(const VknStep *step) {
    return step->kernel == VKN_KERNEL_GRADIENT_PARAMETERS;
}

/* Kernels of what has one statistic and one parameter: what applies to it, and its sums by either. */
static bool sees_cells(const VknStep *step) {
    return step->kernel == VKN_KERNEL_GRADIENT_CELLS_PREPARE || step->kernel == VKN_KERNEL_GRADIENT_CELLS ||
           (is_finish(step) && spec(step, VKN_SPEC_MODES) & VKN_MODE_CELLS);
}

/* They see all of a buffer. */
static uint64_t reach_of_cells(const VknStep *step, uint32_t resource) {
    const VknPush *p = &step->push;
    uint64_t channels = p->extent[VKN_CHANNEL], outer = p->extent[VKN_OUTER], inner = p->extent[VKN_INNER];
    switch (step->kernel) {
    case VKN_KERNEL_GRADIENT_CELLS_PREPARE:
        return vkn_roles[resource].per == VKN_PER_PARAMETER
                   ? channels
                   : p->extent[VKN_BATCH] * channels / (resource < VKN_ROLE_COUNT ? outer : 1);
    case VKN_KERNEL_GRADIENT_CELLS:
        return channels * outer * (resource == VKN_RESOURCE_PARTS ? inner : 1);
    case VKN_KERNEL_FINISH:
        return vkn_roles[resource].per == VKN_PER_PARAMETER
                   ? p->extent[VKN_LANE]
                   : channels * (resource == VKN_RESOURCE_PARTS    ? outer
                                 : resource == VKN_RESOURCE_AFFINE ? inner
                                                                   : 1);
    default:
        return resource < VKN_ROLE_COUNT ? channels
                                         : (channels - 1) * p->x_stride[VKN_CHANNEL] +
                                               (outer / inner - 1) * p->x_stride[VKN_BATCH] + inner;
    }
}

/* Loop iterations for an item of them. */
static uint64_t iterations_of_cells(const VknStep *step, uint64_t lanes) {
    uint64_t each = vkn_divide_up(step->push.extent[VKN_OUTER], lanes);
    return step->kernel == VKN_KERNEL_GRADIENT_CELLS_PREPARE ? 0
           : step->kernel == VKN_KERNEL_FINISH ? each + vkn_divide_up(step->push.extent[VKN_INNER], lanes)
           : step->kernel == VKN_KERNEL_GRADIENT_CELLS ? each * (2 + step->push.extent[VKN_INNER])
                                                       : each;
}

/* Elements that a kernel reaches through a binding. */
static uint64_t reach_of(const VknStep *step, const VknStepBinding *b, const Geometry *g) {
    const VknPush *p = &step->push;
    const VknRoleInfo *role = &vkn_roles[b->resource];
    bool records = b->binding == VKN_BINDING_RECORDS_OUT && vkn_roles[b->resource].bits >= 128;
    uint64_t stored = records && p->part_total ? p->part_total : 1;
    VknSpace space = role->space;
    if ((adds_parameters(step) || merges_parameters(step)) && b->resource == VKN_RESOURCE_PARTS)
        return (uint64_t)p->part_count * p->part_length * sizeof(float) * 8 / role->bits;
    if (sees_cells(step))
        return reach_of_cells(step, b->resource);
    bool of_statistics = space == VKN_SPACE_STAT, of_parameters = space == VKN_SPACE_PARAMETER;
    if (is_finish(step) && b->binding == VKN_BINDING_FINISH_IN && step->kernel != VKN_KERNEL_RENORM)
        return 1 + (g->statistics - 1) * p->x_stride[VKN_CHANNEL] +
               (uint64_t)(p->extent[VKN_OUTER] - 1) * p->x_stride[VKN_OUTER];
    if (is_finish(step))
        return stored * (role->per == VKN_PER_STATISTIC ? g->statistics : p->extent[VKN_CHANNEL]);
    /* Seen from the parameters, statistics are what differs between elements, and the other way round. */
    if (spec(step, VKN_SPEC_MODES) & VKN_MODE_ELEMENT_STATISTICS && b->resource < VKN_ROLE_COUNT)
        space = of_statistics ? VKN_SPACE_PARAMETER : of_parameters ? VKN_SPACE_STAT : space;
    return g->span[space] * stored;
}

/* Workers of a step, and how many invocations each has when subgroups are as large as they get. */
static uint64_t lanes_of(const VknStep *step, const VknCaps *caps) {
    uint32_t local_size = spec(step, VKN_SPEC_LOCAL_SIZE);
    switch (step->worker) {
    case VKN_WORKER_SUBGROUP_ADD:
    case VKN_WORKER_SUBGROUP_SHUFFLE:
        return vkn_min(local_size, caps->max_subgroup_size);
    case VKN_WORKER_GROUP_ADD:
    case VKN_WORKER_GROUP_TREE:
        return local_size;
    case VKN_WORKER_ALONE:
    case VKN_WORKER_LANE:
    case VKN_WORKER_COUNT:
        break;
    }
    return 1;
}

/* Loop iterations that an invocation cannot do without, one for each quad of elements: lavapipe ends all
 * loops of an invocation after 65,535. */
static uint64_t iterations_of(const VknSchedule *schedule, const VknStep *step, const VknCaps *caps,
                              const Geometry *g) {
    const VknPush *p = &step->push;
    uint64_t lanes = lanes_of(step, caps), vector = spec(step, VKN_SPEC_VECTOR);
    uint64_t workers = step->group_count * (spec(step, VKN_SPEC_LOCAL_SIZE) / lanes);
    uint64_t items = g->statistics / vector * p->part_count;
    uint64_t each = vkn_divide_up(p->part_length, lanes * (is_any(step) || vector > 1 ? 1 : 4));
    if (sees_cells(step)) {
        items = (uint64_t)p->extent[VKN_BATCH] * p->extent[VKN_CHANNEL];
        each = iterations_of_cells(step, lanes);
    } else if (is_finish(step)) {
        const VknDesc *d = &schedule->desc;
        bool given = d->roles & VKN_HAS_MOMENTS && d->operation != VKN_OPERATION_STATISTICS;
        bool holes = step->kernel == VKN_KERNEL_FINISH && (given || d->roles & VKN_HAS_MASK);
        items = p->extent[VKN_CHANNEL];
        each = p->extent[VKN_BATCH] *
               (1 + vkn_divide_up(p->extent[VKN_OUTER], lanes) + (holes ? p->extent[VKN_OUTER] : 0));
    } else if (is_elementwise(step)) {
        items = g->statistics * g->reduced;
        each = 0;
    } else if (adds_parameters(step)) {
        items = p->part_count;
        each =
            vkn_divide_up(vkn_divide_up(g->statistics, 4), items) * vkn_divide_up(g->reduced, lanes * 4) * 2;
    }
    if (merges_parameters(step)) {
        items = g->reduced / 4;
        each = 2 * (uint64_t)p->part_count;
    }
    return vkn_divide_up(items, workers) * (1 + each);
}

#define LAVAPIPE_ITERATIONS 65535

static const char *geometry_broken(const VknSchedule *schedule, const VknStep *step, const VknCaps *caps) {
    const VknPush *p = &step->push;
    Geometry g = geometry_of(step);
    uint64_t invocations = (uint64_t)step->group_count * spec(step, VKN_SPEC_LOCAL_SIZE);
    for (uint32_t i = 0; i < VKN_SLOTS; i++) /* some have no parts */
        REQUIRE(p->extent[i] >= 1 || (i == VKN_OUTER && is_finish(step)));
    /* Loops over items end before 32 bits do. */
    uint64_t items =
        sees_cells(step) ? (uint64_t)p->extent[VKN_BATCH] * p->extent[VKN_CHANNEL] : g.statistics * g.reduced;
    REQUIRE(items + invocations <= UINT32_MAX);
    for (uint32_t i = 0; i < step->binding_count; i++) {
        const VknStepBinding *b = &step->binding[i];
        uint32_t bits = vkn_role_bits(&schedule->desc, b->resource);
        uint64_t reach = vkn_divide_up(b->first + reach_of(step, b, &g) * bits, 8);
        REQUIRE(vkn_round_up(b->offset + reach, 4) - b->offset == b->size);
        REQUIRE(reach * 8 / b->unit_bits + 64 <= UINT32_MAX);
    }
    REQUIRE(iterations_of(schedule, step, caps, &g) <= LAVAPIPE_ITERATIONS);
    if (is_finish(step) || sees_cells(step))
        return NULL;
    if (adds_parameters(step) || merges_parameters(step)) {
        REQUIRE(p->part_count >= 1);
        REQUIRE(merges_parameters(step) || p->part_count <= vkn_divide_up(g.statistics, 4));
        REQUIRE((uint64_t)p->part_length * p->part_count <= UINT32_MAX);
        return NULL;
    }
    REQUIRE(p->part_count >= 1 && p->part_length >= 1);
    REQUIRE((uint64_t)p->part_first + p->part_count <= p->part_total);
    REQUIRE((uint64_t)p->part_length * p->part_count >= g.reduced);
    REQUIRE((uint64_t)p->part_length * p->part_count <= UINT32_MAX);
    REQUIRE(g.statistics * p->part_count + invocations <= UINT32_MAX);
    return NULL;
}

/* ----------------------------------------------------------------------------------------- barriers */

/* All tensors may be one, in place. */
static uint64_t tensors_of_all(void) {
    uint64_t tensors = 0;
    for (uint32_t i = 0; i < VKN_ROLE_COUNT; i++)
        tensors |= vkn_role_is_tensor(i) ? (uint64_t)1 << i : 0;
    return tensors;
}

/* Every pair of steps: those that share what one of them writes are of one stage, or have a barrier
 * between them. */
static const char *barriers_broken(const VknSchedule *schedule, uint32_t *number) {
    const uint64_t tensors = tensors_of_all();
    for (uint32_t j = *number = 0; j < schedule->step_count; *number = ++j) {
        const VknStep *b = &schedule->steps[j];
        bool barrier = b->barrier;
        for (uint32_t i = j; i-- > 0;) {
            const VknStep *a = &schedule->steps[i];
            uint64_t a_all = a->reads | a->writes, b_all = b->reads | b->writes;
            bool tensor =
                (a->writes & tensors && b_all & tensors) || (b->writes & tensors && a_all & tensors);
            bool shared = tensor || a->writes & b_all || b->writes & a_all;
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
        broken = broken ? broken : geometry_broken(schedule, step, caps);
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
