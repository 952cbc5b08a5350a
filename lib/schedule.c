#include "schedule.h"

#include <inttypes.h>
#include <string.h>

#include "choose.h"
#include "desc.h"

uint64_t vkn_binding_alignment(const VknCaps *caps) {
    uint64_t alignment = vkn_max(caps->storage_offset_alignment, 16);
    return caps->texel_reads ? vkn_max(alignment, caps->texel_offset_alignment) : alignment;
}

uint32_t vkn_binding_count(const VknCaps *caps) {
    return (uint32_t)vkn_min(caps->max_storage_buffers, VKN_BINDING_COUNT);
}

/* Tensors may share memory (in place), so for hazards they are one resource. */
static uint64_t with_alias(uint64_t resources) {
    uint64_t tensors = 0;
    for (uint32_t i = 0; i < VKN_ROLE_COUNT; i++)
        tensors |= vkn_role_is_tensor(i) ? VKN_ROLE_BIT(i) : 0;
    return resources & tensors ? resources | tensors : resources;
}

/* Whether two steps of one stage touch bytes of one buffer that one of them writes. Their windows are
 * disjoint, but bindings begin at aligned addresses below them, and ranges are what tools compare. */
static bool windows_overlap(const VknStep *a, const VknStep *b, uint64_t alignment) {
    for (uint32_t i = 0; i < a->binding_count; i++)
        for (uint32_t j = 0; j < b->binding_count; j++) {
            const VknStepBinding *x = &a->binding[i], *y = &b->binding[j];
            bool same =
                x->role == y->role || (vkn_role_is_tensor(x->resource) && vkn_role_is_tensor(y->resource));
            bool written = (a->writes >> x->resource | b->writes >> y->resource) & 1;
            if (same && written && x->offset < y->offset + y->size + alignment &&
                y->offset < x->offset + x->size + alignment)
                return true;
        }
    return false;
}

/* The most steps of a stage without a barrier: more cost as little, and planning stays linear. */
#define MOST_UNORDERED 64

/* A step needs a barrier when a step since the last barrier wrote what it touches or read what it writes:
 * any of an earlier stage, or one of its own stage whose window overlaps. */
static void place_barriers(const VknCaps *caps, VknSchedule *schedule) {
    uint64_t earlier_reads = 0, earlier_writes = 0, stage_reads = 0, stage_writes = 0;
    uint32_t stage_first = 0;
    uint64_t alignment = vkn_binding_alignment(caps);
    for (uint32_t i = 0; i < schedule->step_count; i++) {
        VknStep *step = &schedule->steps[i];
        uint64_t reads = with_alias(step->reads), writes = with_alias(step->writes);
        if (i && step->stage != schedule->steps[i - 1].stage) {
            earlier_reads |= stage_reads;
            earlier_writes |= stage_writes;
            stage_reads = stage_writes = 0;
            stage_first = i;
        }
        step->barrier = (earlier_writes & (reads | writes)) || (earlier_reads & writes) ||
                        i - stage_first == MOST_UNORDERED;
        for (uint32_t j = stage_first; j < i && !step->barrier; j++)
            step->barrier = windows_overlap(&schedule->steps[j], step, alignment);
        if (step->barrier) {
            earlier_reads = earlier_writes = stage_reads = stage_writes = 0;
            stage_first = i;
            schedule->info.barrier_count++;
        }
        stage_reads |= reads;
        stage_writes |= writes;
    }
}

/* Lets steps read by texels, where all that has them can be read so. */
static void use_texels(VknSchedule *schedule) {
    for (uint32_t i = 0; i < schedule->step_count; i++) {
        VknStep *step = &schedule->steps[i];
        uint32_t reads = 0, texels = 0;
        for (uint32_t j = 0; j < step->binding_count; j++) {
            uint32_t resource = step->binding[j].resource;
            reads += vkn_role_texel(&schedule->desc, resource) && step->reads >> resource & 1;
            texels += step->binding[j].texel > 0;
        }
        if (texels == reads)
            schedule->texel_count += texels;
        if (texels && texels == reads)
            step->spec[VKN_SPEC_MODES - 1] |= VKN_MODE_TEXELS;
        for (uint32_t j = 0; j < step->binding_count && texels != reads; j++)
            step->binding[j].texel = 0;
    }
}

/* Bytes of each role's buffer but the workspace's, and the least traffic. */
static void set_sizes(VknSchedule *schedule, const VknView *view) {
    const VknDesc *desc = &schedule->desc;
    VknPlanInfo *info = &schedule->info;
    VknBox all = {{0}, {0}};
    for (uint32_t i = 0; i < view->dim_count; i++)
        all.extent[i] = view->dim[i].extent;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        if (!(desc->roles & VKN_ROLE_BIT(role)))
            continue;
        bool element = vkn_roles[role].per == VKN_PER_ELEMENT;
        uint64_t count = vkn_roles[role].per == VKN_PER_PARAMETER ? view->parameter_count
                         : vkn_roles[role].per == VKN_PER_CHANNEL ? view->channel_count
                                                                  : view->statistic_count;
        count *= element ? view->reduce_count : 1;
        uint64_t span = element && count ? vkn_box_span(view, &all, vkn_roles[role].space) : count;
        if (vkn_desc_merges(desc, role))
            count = span *= desc->moment_parts;
        if (role == VKN_ROLE_MASK) /* repeated elements are one */
            count = vkn_min(count, span);
        /* Kernels read whole words. */
        info->size[role] = vkn_round_up(vkn_divide_up(span * vkn_role_bits(desc, role), 8), 4);
        info->least_bytes += vkn_divide_up(count * vkn_role_bits(desc, role), 8);
    }
}

static bool is_power_of_two(uint64_t n) {
    return n && !(n & (n - 1));
}

VknResult vkn_schedule_check_caps(const VknHost *host, const VknCaps *caps) {
    const struct {
        const char *name;
        uint64_t value, least, most;
        bool power;
    } ROWS[] = {
        {"max_invocations", caps->max_invocations, 64, UINT32_MAX, false},
        {"max_group_count", caps->max_group_count, 1, UINT32_MAX, false},
        {"max_shared_bytes", caps->max_shared_bytes, 16384, UINT32_MAX, false},
        {"max_storage_range", caps->max_storage_range, 4096, UINT32_MAX, false},
        {"max_storage_buffers", caps->max_storage_buffers, VKN_BINDING_LEAST, UINT32_MAX, false},
        {"storage_offset_alignment", caps->storage_offset_alignment, 1, 256, true},
        {"max_subgroup_size", caps->max_subgroup_size, 1, 128, true},
        {"texel_offset_alignment", caps->texel_reads ? caps->texel_offset_alignment : 1, 1, 256, true},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (ROWS[i].value < ROWS[i].least || ROWS[i].value > ROWS[i].most ||
            (ROWS[i].power && !is_power_of_two(ROWS[i].value)))
            return VKN_FAIL(host, UNSUPPORTED, "caps.%s must be%s %" PRIu64 " to %" PRIu64 ", not %" PRIu64,
                            ROWS[i].name, ROWS[i].power ? " a power of two from" : "", ROWS[i].least,
                            ROWS[i].most, ROWS[i].value);
    return VKN_SUCCESS;
}

static bool is_kept(const VknDesc *desc, uint32_t axis) {
    for (uint32_t i = 0; i < desc->kept_axis_count; i++)
        if (desc->kept_axes[i] == (int32_t)axis)
            return true;
    return false;
}

/* Whether there is nothing to write. */
static bool is_empty(const VknDesc *desc) {
    for (uint32_t i = 0; i < desc->rank; i++)
        if (desc->shape[i] == 0 && (desc->operation != VKN_OPERATION_REDUCE || is_kept(desc, i)))
            return true;
    return false;
}

/* Makes reduced axes of size 0 one of size 1; returns whether there was one. */
static bool fill_reduced(VknDesc *desc) {
    bool any = false;
    for (uint32_t i = 0; i < desc->rank; i++)
        if (desc->shape[i] == 0) {
            desc->shape[i] = 1;
            any = true;
        }
    return any;
}

/* What every device has: with it, plans are the same on all of them. Alignment only places what nothing is
 * read from; the largest covers the others. */
static const VknCaps COMMON = {.device_class = VKN_DEVICE_OTHER,
                               .max_invocations = 64,
                               .max_group_count = 65535,
                               .max_shared_bytes = 16384,
                               .max_storage_range = (uint64_t)1 << 27,
                               .max_storage_buffers = VKN_BINDING_LEAST,
                               .storage_offset_alignment = 256,
                               .max_subgroup_size = 1};

static VknResult check_common(const VknHost *host, const VknCaps *caps) {
    if (caps->max_storage_range < COMMON.max_storage_range || caps->max_group_count < COMMON.max_group_count)
        return VKN_FAIL(host, UNSUPPORTED,
                        "reproducible plans need max_storage_range %" PRIu64 " and max_group_count %" PRIu32
                        ", not %" PRIu64 " and %" PRIu32,
                        COMMON.max_storage_range, COMMON.max_group_count, caps->max_storage_range,
                        caps->max_group_count);
    return VKN_SUCCESS;
}

const char *vkn_schedule_refused(const VknSchedule *schedule, uint32_t first, const VknVariants *refused) {
    for (uint32_t i = first; i < schedule->step_count; i++)
        if (vkn_variants_have(refused, &schedule->steps[i]))
            return vkn_shaders[schedule->steps[i].kernel][schedule->steps[i].worker].name;
    return NULL;
}

void vkn_schedule_cut(VknSchedule *schedule, uint32_t first, uint64_t workspace) {
    if (first < schedule->step_count) /* steps begin as zeros */
        memset(&schedule->steps[first], 0, (schedule->step_count - first) * sizeof *schedule->steps);
    schedule->step_count = first;
    schedule->info.size[VKN_ROLE_WORKSPACE] = workspace;
}

VknResult vkn_schedule_make(const VknHost *host, const VknCaps *caps, const VknDesc *desc,
                            VknSchedule *schedule) {
    return vkn_schedule_make_without(host, caps, &(VknVariants){{0}}, NULL, desc, schedule);
}

VknResult vkn_schedule_make_without(const VknHost *host, const VknCaps *caps, const VknVariants *refused,
                                    VknTunedTable *tuned, const VknDesc *desc, VknSchedule *schedule) {
    memset(schedule, 0, sizeof *schedule);
    VknResult result = vkn_schedule_check_caps(host, caps);
    if (!result)
        result = vkn_desc_resolve(host, desc, &schedule->desc);
    if (!result && schedule->desc.reproducible)
        result = check_common(host, caps);
    if (result)
        return result;
    if (schedule->desc.reproducible)
        caps = &COMMON;

    VknPlanInfo *info = &schedule->info;
    info->strategy_name = "none";
    if (is_empty(&schedule->desc))
        return VKN_SUCCESS;

    const VknStrategy *strategy;
    VknDesc whole = schedule->desc; /* of nothing, a reduction has a result still */
    bool nothing = fill_reduced(&whole);
    VknView view = vkn_view_make(&whole);
    VknPlanner planner = {.host = host,
                          .caps = caps,
                          .refused = refused,
                          .tuning = vkn_tuning(caps),
                          .view = &view,
                          .statistics = &view,
                          .access = VKN_ACCESS_ANY,
                          .team = VKN_TEAM_LANE,
                          .schedule = schedule};
    if (schedule->desc.roles & VKN_HAS_INDEX && view.reduce_count >= UINT32_MAX)
        return VKN_FAIL(host, UNSUPPORTED,
                        "INDEX counts up to 2^32 - 2 elements of a statistic, not %" PRIu64,
                        view.reduce_count);
    if (nothing)
        view.reduce_count = 0;
    set_sizes(schedule, &view);
    bool automatic = tuned && !schedule->desc.strategy && !schedule->desc.reproducible && !nothing;
    result = vkn_choose(&planner, nothing, automatic ? vkn_tuned_find(tuned, &schedule->desc, &view) : 0,
                        &strategy);
    if (result) {
        vkn_schedule_free(host, schedule);
        return result;
    }
    use_texels(schedule);
    place_barriers(caps, schedule);
    info->strategy = (uint32_t)(strategy - vkn_strategies) + 1;
    info->strategy_name = strategy->name;
    info->dispatch_count = schedule->step_count;
    info->activation_source = vkn_desc_source(&schedule->desc);
    info->parameter_count = view.parameter_count;
    info->channel_count = view.channel_count;
    info->statistic_count = view.statistic_count;
    info->reduce_count = view.reduce_count;
    return VKN_SUCCESS;
}

void vkn_schedule_free(const VknHost *host, VknSchedule *schedule) {
    vkn_host_free(host, schedule->steps);
    memset(schedule, 0, sizeof *schedule);
}

VknResult vkn_plan_query(const VknCaps *caps, const VknDesc *desc, VknLog log, VknPlanInfo *info) {
    VknHost host = {NULL, log};
    VknSchedule schedule;
    if (!caps || !desc || !info)
        return VKN_FAIL(&host, INVALID_ARGUMENT, "vkn_plan_query: caps, desc and info must not be NULL");
    VknResult result = vkn_schedule_make(&host, caps, desc, &schedule);
    if (result)
        return result;
    *info = schedule.info;
    vkn_schedule_free(&host, &schedule);
    return VKN_SUCCESS;
}
