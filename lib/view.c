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

VknView vkn_view_make(const VknDesc *desc) {
    VknView view = {.statistic_count = 1, .reduce_count = 1};
    bool kept[VKN_MAX_RANK] = {false};
    for (uint32_t i = 0; i < desc->kept_axis_count; i++)
        kept[desc->kept_axes[i]] = true;

    /* Axes to dimensions, sorted by the stride of x; equal strides keep the order of the axes. */
    for (uint32_t i = desc->rank; i-- > 0;) {
        VknDim dim = {
            .extent = desc->shape[i],
            .stride = {desc->x.stride[i], desc->y.stride[i], desc->residual.stride[i], desc->dx.stride[i], 0},
            .kept = kept[i]};
        if (dim.kept) {
            dim.stride[VKN_SPACE_STAT] = view.statistic_count;
            view.statistic_count *= dim.extent;
        } else {
            view.reduce_count *= dim.extent;
        }
        if (dim.extent == 1)
            continue;
        uint32_t at = 0;
        while (at < view.dim_count && view.dim[at].stride[VKN_SPACE_X] > dim.stride[VKN_SPACE_X])
            at++;
        memmove(&view.dim[at + 1], &view.dim[at], (view.dim_count - at) * sizeof dim);
        view.dim[at] = dim;
        view.dim_count++;
    }

    uint32_t count = 0;
    for (uint32_t i = 0; i < view.dim_count; i++) {
        if (count && dims_join(&view.dim[count - 1], &view.dim[i])) {
            uint64_t outer = view.dim[count - 1].extent;
            view.dim[count - 1] = view.dim[i];
            view.dim[count - 1].extent *= outer;
        } else {
            view.dim[count++] = view.dim[i];
        }
    }
    view.dim_count = count;
    view_assign_slots(&view);
    return view;
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

VknBox vkn_view_cut(const VknView *view, const VknBoxLimit *limit) {
    VknBox chunk = {{0}, {0}};
    for (uint32_t i = 0; i < view->dim_count; i++)
        chunk.extent[i] = view->dim[i].extent;
    for (;;) {
        uint32_t i = box_excess(view, &chunk, limit);
        if (i == VKN_NO_DIM)
            return chunk;
        /* Halves stay multiples of four, so that four elements still move at once. */
        uint64_t half = vkn_divide_up(chunk.extent[i], 2);
        chunk.extent[i] = half >= 4 && half < chunk.extent[i] - 3 ? vkn_round_up(half, 4) : half;
    }
}

uint64_t vkn_cut_count(const VknView *view, const VknBox *chunk, bool kept) {
    uint64_t count = 1;
    for (uint32_t i = 0; i < view->dim_count; i++)
        if (view->dim[i].kept == kept)
            count *= vkn_divide_up(view->dim[i].extent, chunk->extent[i]);
    return count;
}

VknBox vkn_cut_box(const VknView *view, const VknBox *chunk, uint64_t kept, uint64_t reduced) {
    VknBox box = *chunk;
    for (uint32_t i = view->dim_count; i-- > 0;) {
        uint64_t *number = view->dim[i].kept ? &kept : &reduced;
        uint64_t count = vkn_divide_up(view->dim[i].extent, chunk->extent[i]);
        box.first[i] = *number % count * chunk->extent[i];
        box.extent[i] = vkn_min(chunk->extent[i], view->dim[i].extent - box.first[i]);
        *number /= count;
    }
    return box;
}
