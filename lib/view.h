/* Every description as one form: few dimensions, each kept or reduced, the largest stride first. */
#ifndef VKN_VIEW_H
#define VKN_VIEW_H

#include "base.h"
#include "interface.h"

/* The index spaces that a dimension has a stride in, in elements. */
typedef enum VknSpace {
    VKN_SPACE_X,
    VKN_SPACE_Y,
    VKN_SPACE_RESIDUAL,
    VKN_SPACE_DX,
    VKN_SPACE_MASK,
    VKN_SPACE_PARAMETER, /* gamma and beta; as the statistics where those are per statistic */
    VKN_SPACE_STAT,      /* per-statistic buffers; stride 0 for reduced dimensions */
    VKN_SPACE_COUNT
} VknSpace;

typedef struct VknDim {
    uint64_t extent; /* at least 2 */
    uint64_t stride[VKN_SPACE_COUNT];
    bool kept;
} VknDim;

/* No slot of a view holds dimension VKN_NO_DIM: extent 1. */
#define VKN_NO_DIM VKN_MAX_RANK

typedef struct VknView {
    uint32_t dim_count;
    VknDim dim[VKN_MAX_RANK];
    uint64_t statistic_count; /* kept indices without padding */
    uint64_t channel_count;   /* likewise, of one virtual batch */
    uint64_t parameter_count; /* elements of gamma and beta */
    uint64_t reduce_count;    /* product of the reduced extents */
    /* VKN_NO_DIM, or the dimension whose last index, a partial pack, has only `tail` of the indices of
     * dimension tail_dim. */
    uint32_t pack_dim;
    uint32_t tail_dim;
    uint64_t tail;
    /* True when at most two dimensions are reduced and three kept: then slot[] names the dimension that
     * is VKN_BATCH, VKN_OUTER, VKN_CHANNEL, VKN_INNER and VKN_LANE. Inner is the reduced dimension with
     * the smallest stride of x, lane the kept dimension with stride 1 if there is one. */
    bool slotted;
    uint32_t slot[VKN_SLOTS];
} VknView;

/* A part of a view: extent[i] indices from first[i] on in each dimension. */
typedef struct VknBox {
    uint64_t first[VKN_MAX_RANK];
    uint64_t extent[VKN_MAX_RANK];
} VknBox;

/* How large a box may be: elements from its first to its last one in each space, and elements. */
typedef struct VknBoxLimit {
    uint64_t span[VKN_SPACE_COUNT];
    uint64_t elements;
} VknBoxLimit;

/* Builds the view of a resolved description without empty axes. */
VknView vkn_view_make(const VknDesc *desc);

/* The same tensor seen from its parameters: their axes are kept, and what was a statistic's index is in
 * VKN_SPACE_PARAMETER. */
VknView vkn_view_of_parameters(const VknDesc *desc);

/* The same tensor seen from its cells: what has one statistic and one parameter. Cell number n is of
 * parameter n % parameter_count, and follows others of its statistic. False where their axes lie in another
 * order. */
bool vkn_view_of_cells(const VknDesc *desc, VknView *view);

/* Stride and extent of a slot; 0 and 1 where it holds no dimension. */
uint64_t vkn_view_stride(const VknView *view, uint32_t slot, VknSpace space);
uint64_t vkn_box_extent(const VknView *view, const VknBox *box, uint32_t slot);

/* The product of a box's kept or reduced extents. */
uint64_t vkn_box_count(const VknView *view, const VknBox *box, bool kept);

/* The place of a box's first element, and elements from there to its last one. */
uint64_t vkn_box_first(const VknView *view, const VknBox *box, VknSpace space);
uint64_t vkn_box_span(const VknView *view, const VknBox *box, VknSpace space);

/* Cuts a view into a grid of boxes within `limit`. chunk.extent is the size of the boxes, but for the last
 * one in each dimension, which may be smaller. One element always fits. */
VknBox vkn_view_cut(const VknView *view, const VknBoxLimit *limit);

/* How many boxes the cut makes along kept or reduced dimensions. A partial pack has boxes of its own. */
uint64_t vkn_cut_count(const VknView *view, const VknBox *chunk, bool kept);

/* Box number `kept` x `reduced` of the cut. */
VknBox vkn_cut_box(const VknView *view, const VknBox *chunk, uint64_t kept, uint64_t reduced);

#endif
