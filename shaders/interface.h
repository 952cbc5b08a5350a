/* What C and GLSL agree on: bindings, specialization ids, push constants. Compiled as both. */
#ifndef VKN_INTERFACE_H
#define VKN_INTERFACE_H

#ifdef VKN_GLSL
#define VKN_UINT  uint
#define VKN_FLOAT float
#else
#include <stdint.h>
#define VKN_UINT  uint32_t
#define VKN_FLOAT float
#endif

/* Descriptor set 0. Eight storage buffers are what every device has, so bindings are shared by roles
 * that no kernel needs at once. */
#define VKN_BINDING_X                0
#define VKN_BINDING_Y                1
#define VKN_BINDING_GAMMA            2
#define VKN_BINDING_BETA             3
#define VKN_BINDING_MEAN             4
#define VKN_BINDING_SPREAD           5 /* INV_STD or VARIANCE */
#define VKN_BINDING_RUNNING_MEAN     6
#define VKN_BINDING_RUNNING_VARIANCE 7
#define VKN_BINDING_RESIDUAL         7 /* kernels that move no running statistics */
#define VKN_BINDING_SLOPE            7 /* kernels without residual */
#define VKN_BINDING_RESIDUAL_SUM     6 /* likewise, and without activation mask */
#define VKN_BINDING_SOURCE           7 /* gradient kernels: the residual, y, the activation mask, or the slope */
#define VKN_BINDING_AFFINE_IN        4 /* apply, without mean and spread, which the records hold */
#define VKN_BINDING_ACTIVATION_MASK  6 /* kernels that write it, which move no running statistics */
#define VKN_BINDING_MASK             5 /* kernels that need no spread */
#define VKN_BINDING_DY               6 /* gradient kernels, and */
#define VKN_BINDING_DX               2 /* without gamma and beta, where coefficients hold them */
#define VKN_BINDING_DRESIDUAL        3
#define VKN_BINDING_DRESIDUAL_SUM    3
#define VKN_BINDING_COEFFICIENTS_IN  4
#define VKN_BINDING_APPLY_GAMMA      1 /* of elements, where dx and dresidual are in their place */
#define VKN_BINDING_APPLY_BETA       5
#define VKN_BINDING_DGAMMA           6 /* gradient_finish */
#define VKN_BINDING_DBETA            7
#define VKN_BINDING_DSLOPE           6 /* without dgamma */
#define VKN_BINDING_RECORDS_OUT      1 /* kernels that write no y: moments, sums, affine or coefficients */
#define VKN_BINDING_RESULT           1 /* finish without records */
#define VKN_BINDING_INDEX            2 /* and without gamma */
#define VKN_BINDING_FINISH_IN        0 /* finish: a kernel that reads no x */
#define VKN_BINDING_RENORM_IN        6 /* gradient_finish without dgamma */
#define VKN_BINDING_RENORM_OUT       0 /* renorm, and */
#define VKN_BINDING_RENORM_MEAN      4
#define VKN_BINDING_RENORM_STD       5
#define VKN_BINDING_RUNNING_STD      6

/* From here on not every device has them. */
#define VKN_BINDING_LEAST 8

/* Of norm kernels, which touch most, instead of those above: */
#define VKN_BINDING_NORM_DX              7
#define VKN_BINDING_NORM_RESIDUAL        8
#define VKN_BINDING_NORM_SOURCE          8 /* gradients */
#define VKN_BINDING_NORM_SLOPE           8 /* without residual */
#define VKN_BINDING_NORM_ACTIVATION_MASK 9
#define VKN_BINDING_NORM_RESIDUAL_SUM    9 /* without activation mask */
#define VKN_BINDING_NORM_DRESIDUAL       9
#define VKN_BINDING_NORM_DRESIDUAL_SUM   9
#define VKN_BINDING_NORM_DGAMMA          10
#define VKN_BINDING_NORM_DBETA           11
#define VKN_BINDING_COUNT                12

/* What is read as texels is bound as a uniform texel buffer as well, at this plus its binding. */
#define VKN_BINDING_TEXELS VKN_BINDING_COUNT

/* Specialization constants: what is known when planning. lib/shader.c writes them into the module. */
#define VKN_SPEC_LOCAL_SIZE         1 /* invocations per workgroup, a power of two up to 256 */
#define VKN_SPEC_ROLES              2 /* VKN_HAS_ bits: the optional roles that this kernel touches */
#define VKN_SPEC_EPSILON            3 /* f32 */
#define VKN_SPEC_ACTIVATION         4 /* an id of activation.def */
#define VKN_SPEC_PARAMETER          5 /* f32, three of them: the activation's parameters */
#define VKN_SPEC_PROLOGUE           8 /* like the activation */
#define VKN_SPEC_PROLOGUE_PARAMETER 9
#define VKN_SPEC_VECTOR             12 /* column kernels: statistics per invocation, 4, 1 or 16 */
#define VKN_SPEC_UNBIASED           13 /* 1 moves M2 / (n - 1) into the running variance */
#define VKN_SPEC_X_TYPE             14 /* VKN_STORE_: how a tensor lies in memory */
#define VKN_SPEC_Y_TYPE             15
#define VKN_SPEC_RESIDUAL_TYPE      16
#define VKN_SPEC_DX_TYPE            17
#define VKN_SPEC_ACCUMULATE         18 /* 1 adds to dgamma and dbeta */
#define VKN_SPEC_COUNT_EPSILON      19 /* f32 */
#define VKN_SPEC_RENORM             20 /* f32: r_min, r_max, d_max, weights of the old and the new value */
#define VKN_SPEC_STATISTIC          25 /* VKN_OF_ */
#define VKN_SPEC_POWER              26 /* f32 */
#define VKN_SPEC_MODES              27 /* VKN_MODE_ bits: what is no role */
#define VKN_SPEC_HELD               28 /* quads of a row that each lane holds in registers, up to VKN_MOST_HELD */
#define VKN_SPEC_SCALARS            28
/* Geometry of the "any" kernels, eight dimensions each, in the order of the view: */
#define VKN_SPEC_EXTENT           29
#define VKN_SPEC_KEPT             37 /* 1: a kept dimension, 0: a reduced one */
#define VKN_SPEC_X_STRIDE         45
#define VKN_SPEC_Y_STRIDE         53
#define VKN_SPEC_RESIDUAL_STRIDE  61
#define VKN_SPEC_DX_STRIDE        69
#define VKN_SPEC_MASK_STRIDE      77
#define VKN_SPEC_PARAMETER_STRIDE 85
#define VKN_SPEC_STAT_STRIDE      93
#define VKN_SPEC_COUNT            100 /* ids run from 1 to this */

/* 32 registers of values. */
#define VKN_MOST_HELD 8

/* Values of VKN_SPEC_STATISTIC: the bit of a VknStatistic, so that kernels ask for several at once. */
#define VKN_OF_VARIANCE    (1u << 0)
#define VKN_OF_MEAN_SQUARE (1u << 1)
#define VKN_OF_SUM_SQUARE  (1u << 2)
#define VKN_OF_SUM_POWER   (1u << 3)
#define VKN_OF_LOG_SUM_EXP (1u << 4)
#define VKN_OF_MAX         (1u << 5)
#define VKN_OF_NONE        (1u << 6)
#define VKN_OF_MIN         (1u << 7)
#define VKN_OF_SUM         (1u << 8)
#define VKN_OF_MEAN        (1u << 9)
#define VKN_OF_PRODUCT     (1u << 10)
/* The kinds that grow alike. */
#define VKN_OF_MOMENTS  (VKN_OF_VARIANCE | VKN_OF_MEAN_SQUARE | VKN_OF_SUM_SQUARE)
#define VKN_OF_SUMS     (VKN_OF_SUM | VKN_OF_MEAN | VKN_OF_SUM_POWER)
#define VKN_OF_EXTREMES (VKN_OF_MAX | VKN_OF_MIN)

/* An element's number as two floats that hold it exactly: number / this and number % this. */
#define VKN_INDEX_UNIT 1048576

/* Values of the types: VknType. */
#define VKN_STORE_F32  0
#define VKN_STORE_F16  1
#define VKN_STORE_BF16 2

/* Bits of VKN_SPEC_ROLES: VKN_ROLE_BIT() of the role. */
#define VKN_HAS_Y                (1u << 1)
#define VKN_HAS_GAMMA            (1u << 2)
#define VKN_HAS_BETA             (1u << 3)
#define VKN_HAS_MEAN             (1u << 4)
#define VKN_HAS_INV_STD          (1u << 5)
#define VKN_HAS_VARIANCE         (1u << 6)
#define VKN_HAS_RUNNING_MEAN     (1u << 7)
#define VKN_HAS_RUNNING_VARIANCE (1u << 8)
#define VKN_HAS_MOMENTS          (1u << 9)
#define VKN_HAS_RESIDUAL         (1u << 11)
#define VKN_HAS_DX               (1u << 13)
#define VKN_HAS_DGAMMA           (1u << 14)
#define VKN_HAS_DBETA            (1u << 15)
#define VKN_HAS_DRESIDUAL        (1u << 16)
#define VKN_HAS_MASK             (1u << 17)
#define VKN_HAS_ACTIVATION_MASK  (1u << 18)
#define VKN_HAS_RENORM_MEAN      (1u << 19)
#define VKN_HAS_RENORM           (1u << 22)
#define VKN_HAS_SUMS             (1u << 23)
#define VKN_HAS_SLOPE            (1u << 24)
#define VKN_HAS_DSLOPE           (1u << 25)
#define VKN_HAS_RESIDUAL_SUM     (1u << 26)
#define VKN_HAS_DRESIDUAL_SUM    (1u << 27)
#define VKN_HAS_RESULT           (1u << 28)
#define VKN_HAS_INDEX            (1u << 29)

/* Bits of VKN_SPEC_MODES. */
#define VKN_MODE_ELEMENT_PARAMETERS                                                                          \
    (1u << 0)                                 /* gamma and beta differ between the elements of a statistic   \
                                               */
#define VKN_MODE_ELEMENT_STATISTICS (1u << 1) /* statistics differ between the elements of a parameter */
#define VKN_MODE_AFFINE             (1u << 2) /* affine records are there, or wanted */
#define VKN_MODE_COEFFICIENTS       (1u << 3) /* coefficients are wanted */
#define VKN_MODE_PREPARED           (1u << 4) /* they are there already */
#define VKN_MODE_COUPLING           (1u << 5) /* the statistic follows x, so that its gradient does */
#define VKN_MODE_RESIDUAL_BEFORE    (1u << 6) /* VknResidualUse */
#define VKN_MODE_RESIDUAL_FACTOR    (1u << 7)
#define VKN_MODE_LAST_INDEX         (1u << 8)
#define VKN_MODE_POWER_1            (1u << 9)  /* of SUM_POWER */
#define VKN_MODE_FROM_OUTPUT        (1u << 10) /* what is bound as x is y */
#define VKN_MODE_OUTPUT_IS_EXP      (1u << 11) /* and y = exp(xhat), else xhat */
#define VKN_MODE_REPRODUCIBLE       (1u << 13)
#define VKN_MODE_ROUND_SUM          (1u << 12) /* x + residual is stored: what follows is of the stored sum */
#define VKN_MODE_QUAD_PARAMETERS    (1u << 15) /* one for the four elements of a quad, of those that differ */
#define VKN_MODE_FOUR_ROWS          (1u << 16) /* a worker takes four rows, which have the same parameters */
#define VKN_MODE_TEXELS             (1u << 17) /* tensors and figures are read as texels */
#define VKN_MODE_PLAIN_RELU         (1u << 18) /* the activation is max(z, 0) */
#define VKN_MODE_NUMBERS            (1u << 19) /* of an extreme its number is wanted, too */
#define VKN_MODE_SOFTWARE           (1u << 14) /* a software renderer: shifts are slow, and long loops */
#define VKN_MODE_CELLS              (1u << 20) /* sums and coefficients are of cells, vkn_view_of_cells() */

/* The dimensions of a view that kernels other than "any" walk, and their place in arrays. A statistic
 * belongs to each (batch, channel, lane) and is reduced over outer x inner. */
#define VKN_BATCH      0
#define VKN_OUTER      1
#define VKN_CHANNEL    2
#define VKN_INNER      3
#define VKN_LANE       4
#define VKN_SLOTS      5
#define VKN_KEPT(slot) ((slot) / 2) /* of batch, channel and lane */

/* Push constants. Strides and lengths count elements; a dispatch sees one box of the view, through
 * bindings that begin at or just below the box's first element. */
#define VKN_PUSH_FIELDS                                                                                      \
    VKN_UINT extent[VKN_SLOTS];                                                                              \
    VKN_UINT x_stride[VKN_SLOTS];                                                                            \
    VKN_UINT y_stride[VKN_SLOTS];                                                                            \
    VKN_UINT stat_stride[3];              /* per-statistic buffers, of VKN_KEPT() slots; 0 in the others */  \
    VKN_UINT parameter_stride[VKN_SLOTS]; /* gamma and beta, where they differ between elements, else: */    \
    VKN_UINT first[4];                    /* 16 bits per binding below 8: elements from there to the box */  \
    VKN_UINT part_length;                 /* reduced elements per part */                                    \
    VKN_UINT part_count;                  /* parts of this box */                                            \
    VKN_UINT part_first;                  /* number of its first part among the parts of the statistic */    \
    VKN_UINT part_total;                  /* parts of each statistic */                                      \
    VKN_UINT index_first;                 /* number of the box's first element in its statistic */

/* Of bindings from 8 on, `first` is in part_first and part_total, which norm kernels have no use for. */

/* Weights of the old running value and of the batch's, as bits of a float: what moves running statistics has
 * no parameters of elements. */
#define VKN_PUSH_RUNNING_WEIGHT 0 /* in parameter_stride */
#define VKN_PUSH_BATCH_WEIGHT   1

#endif
