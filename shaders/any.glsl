// Any access: up to eight dimensions, each kept or reduced, with any strides. The geometry is
// specialized into the pipeline, so divisions are by constants and unused dimensions vanish. The push
// constants hold the totals: statistics in the batch slot, reduced elements in the inner slot.

#define DIMENSION(d)                                                                                         \
    layout(constant_id = VKN_SPEC_EXTENT + d) const uint EXTENT_##d = 1;                                     \
    layout(constant_id = VKN_SPEC_KEPT + d) const uint KEPT_##d = 0;                                         \
    layout(constant_id = VKN_SPEC_X_STRIDE + d) const uint X_STRIDE_##d = 0;                                 \
    layout(constant_id = VKN_SPEC_Y_STRIDE + d) const uint Y_STRIDE_##d = 0;                                 \
    layout(constant_id = VKN_SPEC_DX_STRIDE + d) const uint DX_STRIDE_##d = 0;                               \
    layout(constant_id = VKN_SPEC_RESIDUAL_STRIDE + d) const uint RESIDUAL_STRIDE_##d = 0;                   \
    layout(constant_id = VKN_SPEC_MASK_STRIDE + d) const uint MASK_STRIDE_##d = 0;                           \
    layout(constant_id = VKN_SPEC_PARAMETER_STRIDE + d) const uint PARAMETER_STRIDE_##d = 0;                 \
    layout(constant_id = VKN_SPEC_STAT_STRIDE + d) const uint STAT_STRIDE_##d = 0;
DIMENSION(0)
DIMENSION(1)
DIMENSION(2)
DIMENSION(3)
DIMENSION(4)
DIMENSION(5)
DIMENSION(6)
DIMENSION(7)

// Elements from the start of the box.
struct Place {
    uint x;
    uint y;
    uint dx;
    uint residual;
    uint mask;
    uint parameter;
    uint stat;
};

const Place PLACE_FIRST = Place(0, 0, 0, 0, 0, 0, 0);

// Advances `place` to the index-th combination of the kept dimensions, the reduced ones, or both; the
// last dimension runs fastest.
Place place_at(Place place, uint index, bool kept, bool reduced)
{
#define STEP(d)                                                                                              \
    uint digit = index % EXTENT_##d;                                                                         \
    index /= EXTENT_##d;                                                                                     \
    place.x += digit * X_STRIDE_##d;                                                                         \
    place.y += digit * Y_STRIDE_##d;                                                                         \
    place.dx += digit * DX_STRIDE_##d;                                                                       \
    place.residual += digit * RESIDUAL_STRIDE_##d;                                                           \
    place.mask += digit * MASK_STRIDE_##d;                                                                   \
    place.parameter += digit * PARAMETER_STRIDE_##d;                                                         \
    place.stat += digit * STAT_STRIDE_##d;
#define DIGIT(d)                                                                                             \
    if (EXTENT_##d != 1) {                                                                                   \
        if (KEPT_##d != 0) {                                                                                 \
            if (kept) {                                                                                      \
                STEP(d)                                                                                      \
            }                                                                                                \
        } else if (reduced) {                                                                                \
            STEP(d)                                                                                          \
        }                                                                                                    \
    }
    DIGIT(7)
    DIGIT(6)
    DIGIT(5)
    DIGIT(4)
    DIGIT(3)
    DIGIT(2)
    DIGIT(1)
    DIGIT(0)
    return place;
}
