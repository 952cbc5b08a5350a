#include "view.h"

#include <string.h>

/* Two neighbours of one kind are one dimension when stepping past the end of the inner one is a step of
 * the outer one, in every space. */
static bool dims_join(const VknDim *outer, const VknDim *inner) {
    if (outer->kept != inner->kept)
        return false;
    for (int s = 0; s < VKN_SPACE_COUNT; s++)
        if (outer->stride[s] != inner->stride[s] * inner->extent)
            return false;
    return true;
}

static void view_assign_slots(VknView *view) {
    uint32_t kept[VKN_MAX_RANK], reduced[VKN_MAX_RANK];
    uint32_t kept_count = 0, reduced_count = 0;
    uint32_t *slot = view->slot;
    for (uint32_t i = 0; i < VKN_SLOTS; i++)
        slot[i] = VKN_NO_DIM;
    for (uint32_t i = 0; i < view->dim_count; i++) {
        const VknDim *dim = &view->dim[i];
        if (!dim->kept)
            reduced[reduced_count++] = i;
        else if (dim->stride[VKN_SPACE_X] == 1 && slot[VKN_LANE] == VKN_NO_DIM)
            slot[VKN_LANE] = i;
        else
            kept[kept_count++] = i;
    }
    if (kept_count == 3 && slot[VKN_LANE] == VKN_NO_DIM)
        slot[VKN_LANE] = kept[--kept_count];
    view->slotted = kept_count <= 2 && reduced_count <= 2;
    if (!view->slotted)
        return;
    if (kept_count > 0)
        slot[VKN_CHANNEL] = kept[kept_count - 1];
    if (kept_count > 1)
        slot[VKN_BATCH] = kept[0];
    if (reduced_count > 0)
        slot[VKN_INNER] = reduced[reduced_count - 1];
    if (reduced_count > 1)
        slot[VKN_OUTER] = reduced[0];
}

/* Statistics from one channel of a packed tensor to the next. */
static uint64_t channel_stride(const VknDesc *desc, const bool *kept) {
    uint64_t stride = 1;
    for (uint32_t i = (uint32_t)desc->packed_axis + 1; i + 1 < desc->rank; i++)
        stride *= kept[i] ? desc->shape[i] : 1;
    return stride;
}

/* Adds a dimension where its stride of x belongs; equal strides keep the order of the axes. */
static void view_insert(VknView *view, VknDim dim, uint32_t axis, uint32_t *axes) {
    uint32_t at = 0;
    if (dim.extent == 1)
        return;
    while (at < view->dim_count && view->dim[at].stride[VKN_SPACE_X] > dim.stride[VKN_SPACE_X])
        at++;
    memmove(&view->dim[at + 1], &view->dim[at], (view->dim_count - at) * sizeof dim);
    memmove(&axes[at + 1], &axes[at], (view->dim_count - at) * sizeof *axes);
    view->dim[at] = dim;
    axes[at] = axis;
    view->dim_count++;
}

/* Joins neighbours, and notes where the dimensions of a partial pack went: those do not join. */
static void view_join(VknView *view, const VknDesc *desc, const uint32_t *axes) {
    uint32_t count = 0, last = desc->rank - 1, pack = (uint32_t)desc->packed_axis;
    bool packed = false;
    for (uint32_t i = 0; i < view->dim_count; i++) {
        bool was_packed = packed;
        packed = view->tail && (axes[i] == last || axes[i] == pack);
        if (count && !packed && !was_packed && dims_join(&view->dim[count - 1], &view->dim[i])) {
            uint64_t outer = view->dim[count - 1].extent;
            view->dim[count - 1] = view->dim[i];
            view->dim[count - 1].extent *= outer;
        } else {
            view->dim[count++] = view->dim[i];
        }
        if (packed && axes[i] == last)
            view->tail_dim = count - 1;
        if (packed && axes[i] == pack)
            view->pack_dim = count - 1;
    }
    view->dim_count = count;
}

/* Keeps the axes of set `kept`; those of set `other` index VKN_SPACE_PARAMETER, which is as VKN_SPACE_STAT
 * when there are none. */
static VknView view_make(const VknDesc *desc, const bool *kept, const bool *other) {
    VknView view = {.statistic_count = 1, .parameter_count = 1, .reduce_count = 1, .pack_dim = VKN_NO_DIM};
    uint32_t axes[VKN_MAX_RANK + 1], last = desc->rank - 1;
    if (desc->channels && desc->shape[desc->packed_axis] > 1)
        view.tail = desc->channels % desc->shape[last];

    for (uint32_t i = desc->rank; i-- > 0;) {
        VknDim dim = {.extent = desc->shape[i],
                      .stride = {desc->x.stride[i], desc->y.stride[i], desc->residual.stride[i],
                                 desc->dx.stride[i], desc->mask_stride[i]},
                      .kept = kept[i]};
        if (other && other[i]) {
            dim.stride[VKN_SPACE_PARAMETER] = view.parameter_count;
            view.parameter_count *= dim.extent;
        }
        if (desc->channels && i == last)
            dim.extent = vkn_min(dim.extent, desc->channels);
        if (desc->channels && i == last) {
            dim.stride[VKN_SPACE_STAT] = channel_stride(desc, kept);
        } else if (dim.kept) {
            bool packs = desc->channels && i == (uint32_t)desc->packed_axis;
            dim.stride[VKN_SPACE_STAT] = view.statistic_count * (packs ? desc->shape[last] : 1);
            view.statistic_count *= packs ? desc->channels : dim.extent;
        } else if (i == 0 && desc->virtual_batch_size) {
            /* Sample n is number n / batches of virtual batch n % batches. */
            uint64_t batches = dim.extent / desc->virtual_batch_size;
            VknDim batch = dim;
            batch.kept = true;
            batch.extent = batches;
            batch.stride[VKN_SPACE_STAT] = view.channel_count = view.statistic_count;
            view.statistic_count *= batches;
            view_insert(&view, batch, i, axes);
            dim.extent = desc->virtual_batch_size;
            for (int space = 0; space < VKN_SPACE_PARAMETER; space++)
                dim.stride[space] *= batches;
            view.reduce_count *= dim.extent;
        } else {
            view.reduce_count *= dim.extent;
        }
        view_insert(&view, dim, i, axes);
    }
    if (!view.channel_count)
        view.channel_count = view.statistic_count;
    if (!other)
        view.parameter_count = view.channel_count;
    for (uint32_t i = 0; i < view.dim_count && !other; i++)
        view.dim[i].stride[VKN_SPACE_PARAMETER] = view.dim[i].stride[VKN_SPACE_STAT];
    view_join(&view, desc, axes);
    view_assign_slots(&view);
    return view;
}

static void set_of(uint32_t count, const int32_t *axes, bool set[VKN_MAX_RANK]) {
    for (uint32_t i = 0; i < count; i++)
        set[axes[i]] = true;
}

VknView vkn_view_make(const VknDesc *desc) {
    bool kept[VKN_MAX_RANK] = {false}, parameters[VKN_MAX_RANK] = {false};
    set_of(desc->kept_axis_count, desc->kept_axes, kept);
    set_of(desc->parameter_axis_count, desc->parameter_axes, parameters);
    bool numbers = desc->statistic == VKN_STATISTIC_MAX || desc->statistic == VKN_STATISTIC_MIN;
    return view_make(desc, kept, desc->parameter_axis_count || numbers ? parameters : NULL);
}

VknView vkn_view_of_parameters(const VknDesc *desc) {
    bool kept[VKN_MAX_RANK] = {false}, parameters[VKN_MAX_RANK] = {false};
    set_of(desc->kept_axis_count, desc->kept_axes, kept);
    set_of(desc->parameter_axis_count, desc->parameter_axes, parameters);
    return view_make(desc, parameters, kept);
}

bool vkn_view_of_cells(const VknDesc *desc, VknView *view) {
    bool kept[VKN_MAX_RANK] = {false}, parameters[VKN_MAX_RANK] = {false}, either[VKN_MAX_RANK] = {false};
    bool ordered = true, began = false, inside = false; /* of a statistic */
    uint64_t count = 1;
    set_of(desc->kept_axis_count, desc->kept_axes, kept);
    set_of(desc->parameter_axis_count, desc->parameter_axes, parameters);
    for (uint32_t i = 0; i < desc->rank; i++) {
        ordered = ordered && !(kept[i] && (parameters[i] ? inside : began));
        began = began || parameters[i];
        inside = inside || (parameters[i] && !kept[i]);
        count *= parameters[i] ? desc->shape[i] : 1;
        either[i] = kept[i] || parameters[i];
    }
    if (!ordered)
        return false;
    *view = view_make(desc, either, NULL);
    view->channel_count = view->parameter_count = count;
    return true;
}

uint64_t vkn_view_stride(const VknView *view, uint32_t slot, VknSpace space) {
    uint32_t i = view->slot[slot];
    return i == VKN_NO_DIM ? 0 : view->dim[i].stride[space];
}

uint64_t vkn_box_extent(const VknView *view, const VknBox *box, uint32_t slot) {
    uint32_t i = view->slot[slot];
    return i == VKN_NO_DIM ? 1 : box->extent[i];
}

uint64_t vkn_box_count(const VknView *view, const VknBox *box, bool kept) {
    uint64_t count = 1;
    for (uint32_t i = 0; i < view->dim_count; i++)
        if (view->dim[i].kept == kept)
            count *= box->extent[i];
    return count;
}

uint64_t vkn_box_first(const VknView *view, const VknBox *box, VknSpace space) {
    uint64_t first = 0;
    for (uint32_t i = 0; i < view->dim_count; i++)
        first += box->first[i] * view->dim[i].stride[space];
    return first;
}

uint64_t vkn_box_span(const VknView *view, const VknBox *box, VknSpace space) {
    uint64_t span = 1;
    for (uint32_t i = 0; i < view->dim_count; i++)
        span += (box->extent[i] - 1) * view->dim[i].stride[space];
    return span;
}

/* The dimension whose halving shrinks a too large box most, VKN_NO_DIM when the box is within `limit`. */
static uint32_t box_excess(const VknView *view, const VknBox *box, const VknBoxLimit *limit) {
    uint32_t worst = VKN_NO_DIM;
    for (int s = 0; s < VKN_SPACE_COUNT; s++) {
        if (vkn_box_span(view, box, s) <= limit->span[s])
            continue;
        for (uint32_t i = 0; i < view->dim_count; i++)
            if (box->extent[i] > 1 &&
                (worst == VKN_NO_DIM || (box->extent[i] - 1) * view->dim[i].stride[s] >
                                            (box->extent[worst] - 1) * view->dim[worst].stride[s]))
                worst = i;
        return worst;
    }
    if (vkn_box_count(view, box, true) > limit->elements / vkn_box_count(view, box, false))
        for (uint32_t i = 0; i < view->dim_count; i++)
            if (worst == VKN_NO_DIM || box->extent[i] > box->extent[worst])
                worst = i;
    return worst;
}

/* Indices of a dimension outside of a partial pack, or inside. */
static uint64_t extent_of(const VknView *view, uint32_t i, bool inside) {
    if (view->pack_dim == VKN_NO_DIM)
        return view->dim[i].extent;
    if (inside && i == view->tail_dim)
        return view->tail;
    if (i == view->pack_dim)
        return inside ? 1 : view->dim[i].extent - 1;
    return view->dim[i].extent;
}

VknBox vkn_view_cut(const VknView *view, const VknBoxLimit *limit) {
    VknBox chunk = {{0}, {0}};
    for (uint32_t i = 0; i < view->dim_count; i++)
        chunk.extent[i] = extent_of(view, i, false);
    for (;;) {
        uint32_t i = box_excess(view, &chunk, limit);
        if (i == VKN_NO_DIM)
            return chunk;
        /* Halves stay multiples of four, so that four elements still move at once. */
        uint64_t half = vkn_divide_up(chunk.extent[i], 2);
        chunk.extent[i] = half >= 4 && half < chunk.extent[i] - 3 ? vkn_round_up(half, 4) : half;
    }
}

static uint64_t grid_count(const VknView *view, const VknBox *chunk, bool kept, bool inside) {
    uint64_t count = 1;
    for (uint32_t i = 0; i < view->dim_count; i++)
        if (view->dim[i].kept == kept)
            count *= vkn_divide_up(extent_of(view, i, inside), chunk->extent[i]);
    return count;
}

uint64_t vkn_cut_count(const VknView *view, const VknBox *chunk, bool kept) {
    uint64_t count = grid_count(view, chunk, kept, false);
    return kept && view->pack_dim != VKN_NO_DIM ? count + grid_count(view, chunk, kept, true) : count;
}

VknBox vkn_cut_box(const VknView *view, const VknBox *chunk, uint64_t kept, uint64_t reduced) {
    VknBox box = *chunk;
    uint64_t outside = grid_count(view, chunk, true, false);
    bool inside = kept >= outside;
    kept -= inside ? outside : 0;
    for (uint32_t i = view->dim_count; i-- > 0;) {
        uint64_t *number = view->dim[i].kept ? &kept : &reduced;
        uint64_t extent = extent_of(view, i, inside), count = vkn_divide_up(extent, chunk->extent[i]);
        box.first[i] = *number % count * chunk->extent[i];
        box.extent[i] = vkn_min(chunk->extent[i], extent - box.first[i]);
        if (inside && i == view->pack_dim)
            box.first[i] = view->dim[i].extent - 1;
        *number /= count;
    }
    return box;
}
