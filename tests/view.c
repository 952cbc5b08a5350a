/* Views: the form of well-known layouts, that any view walks the same elements as its description, and
 * that cuts tile it. */
#include "view.h"

#include "desc.h"
#include "generate.h"
#include "tensor.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define NONE          VKN_NO_DIM

static const VknHost host = {0};
static TestRounds rounds;

/* -------------------------------------------------------------------------------------- known layouts */

typedef struct Layout {
    const char *name;
    uint32_t rank;
    uint64_t shape[VKN_MAX_RANK];
    uint32_t axis_count;
    int32_t axes[VKN_MAX_RANK];
    uint64_t x_stride[VKN_MAX_RANK], y_stride[VKN_MAX_RANK]; /* all 0: dense */
    uint32_t dim_count;
    struct {
        uint64_t extent;
        uint64_t stride[3]; /* of x, y and statistics; dx and mask lie like x, residual like y */
        bool kept;
    } dims[VKN_MAX_RANK];
    bool slotted;
    uint32_t slots[VKN_SLOTS]; /* batch, outer, channel, inner, lane */
} Layout;

/* clang-format off */
static const Layout LAYOUTS[] = {
    {"NCHW", 4, {2, 3, 4, 5}, 1, {1}, {0}, {0},
     3, {{2, {60, 60, 0}, false}, {3, {20, 20, 1}, true}, {20, {1, 1, 0}, false}},
     true, {NONE, 0, 1, 2, NONE}},
    {"NHWC", 4, {2, 4, 5, 3}, 1, {-1}, {0}, {0},
     2, {{40, {3, 3, 0}, false}, {3, {1, 1, 1}, true}},
     true, {NONE, NONE, NONE, 0, 1}},
    {"NC4HW4", 5, {2, 6, 7, 9, 4}, 2, {1, 4}, {0}, {0},
     4, {{2, {1512, 1512, 0}, false}, {6, {252, 252, 4}, true}, {63, {4, 4, 0}, false}, {4, {1, 1, 1}, true}},
     true, {NONE, 0, 1, 2, 3}},
    {"instance", 4, {2, 3, 4, 5}, 2, {0, 1}, {0}, {0},
     2, {{6, {20, 20, 1}, true}, {20, {1, 1, 0}, false}},
     true, {NONE, NONE, 0, 1, NONE}},
    {"per activation", 4, {2, 3, 4, 5}, 3, {3, 1, 2}, {0}, {0},
     2, {{2, {60, 60, 0}, false}, {60, {1, 1, 1}, true}},
     true, {NONE, NONE, NONE, 0, 1}},
    {"one statistic", 4, {1, 1, 4, 5}, 2, {0, 1}, {0}, {0},
     1, {{20, {1, 1, 0}, false}},
     true, {NONE, NONE, NONE, 0, NONE}},
    {"all kept", 3, {2, 3, 4}, 3, {0, 1, 2}, {0}, {0},
     1, {{24, {1, 1, 1}, true}},
     true, {NONE, NONE, NONE, NONE, 0}},
    {"one element", 8, {1, 1, 1, 1, 1, 1, 1, 1}, 1, {4}, {0}, {0},
     0, {{0}},
     true, {NONE, NONE, NONE, NONE, NONE}},
    {"sizes of 1 between", 6, {2, 1, 3, 1, 4, 1}, 2, {2, 5}, {0}, {0},
     3, {{2, {12, 12, 0}, false}, {3, {4, 4, 1}, true}, {4, {1, 1, 0}, false}},
     true, {NONE, 0, 1, 2, NONE}},
    {"kept ends", 3, {2, 3, 4}, 2, {0, -1}, {0}, {0},
     3, {{2, {12, 12, 4}, true}, {3, {4, 4, 0}, false}, {4, {1, 1, 1}, true}},
     true, {NONE, NONE, 0, 1, 2}},
    /* NCHW as NHWC lies in memory: the channel is the lane, its statistics stay in the order of axes. */
    {"channels last", 4, {2, 3, 4, 5}, 1, {1}, {60, 1, 15, 3}, {60, 1, 15, 3},
     2, {{40, {3, 3, 0}, false}, {3, {1, 1, 1}, true}},
     true, {NONE, NONE, NONE, 0, 1}},
    {"channels last to first", 4, {2, 3, 4, 5}, 1, {1}, {60, 1, 15, 3}, {60, 20, 5, 1},
     3, {{2, {60, 60, 0}, false}, {20, {3, 1, 0}, false}, {3, {1, 20, 1}, true}},
     true, {NONE, 0, NONE, 1, 2}},
    {"padded rows", 4, {2, 3, 4, 5}, 1, {1}, {96, 32, 8, 1}, {60, 20, 5, 1},
     4, {{2, {96, 60, 0}, false}, {3, {32, 20, 1}, true}, {4, {8, 5, 0}, false}, {5, {1, 1, 0}, false}},
     false, {NONE, NONE, NONE, NONE, NONE}},
    {"padded planes", 4, {2, 3, 4, 5}, 1, {1}, {72, 24, 5, 1}, {72, 24, 5, 1},
     3, {{2, {72, 72, 0}, false}, {3, {24, 24, 1}, true}, {20, {1, 1, 0}, false}},
     true, {NONE, 0, 1, 2, NONE}},
    {"transposed statistics", 3, {2, 3, 4}, 2, {0, 1}, {4, 8, 1}, {4, 8, 1},
     3, {{3, {8, 8, 1}, true}, {2, {4, 4, 3}, true}, {4, {1, 1, 0}, false}},
     true, {0, NONE, 1, 2, NONE}},
    {"repeated x", 2, {6, 5}, 1, {0}, {0, 1}, {0},
     2, {{5, {1, 1, 0}, false}, {6, {0, 5, 1}, true}},
     true, {NONE, NONE, 1, 0, NONE}},
    /* Equal strides keep the order of axes, so that they join where y does. */
    {"twice repeated x", 3, {3, 4, 5}, 1, {2}, {0, 0, 1}, {0},
     2, {{5, {1, 1, 1}, true}, {12, {0, 5, 0}, false}},
     true, {NONE, NONE, NONE, 1, 0}},
    {"every second x", 2, {6, 5}, 1, {1}, {10, 2}, {0},
     2, {{6, {10, 5, 0}, false}, {5, {2, 1, 1}, true}},
     true, {NONE, NONE, 1, 0, NONE}},
    {"three kept, none with stride 1", 5, {2, 3, 2, 3, 2}, 3, {0, 2, 4}, {72, 24, 12, 4, 2}, {0},
     5,
     {{2, {72, 36, 4}, true}, {3, {24, 12, 0}, false}, {2, {12, 6, 2}, true}, {3, {4, 2, 0}, false},
      {2, {2, 1, 1}, true}},
     true, {0, 1, 2, 3, 4}},
    {"rank 8, alternating", 8, {2, 2, 2, 2, 2, 2, 2, 2}, 4, {1, 3, 5, 7}, {0}, {0},
     8,
     {{2, {128, 128, 0}, false}, {2, {64, 64, 8}, true}, {2, {32, 32, 0}, false}, {2, {16, 16, 4}, true},
      {2, {8, 8, 0}, false}, {2, {4, 4, 2}, true}, {2, {2, 2, 0}, false}, {2, {1, 1, 1}, true}},
     false, {NONE, NONE, NONE, NONE, NONE}},
    {"rank 8, one run", 8, {2, 2, 2, 2, 2, 2, 2, 2}, 3, {-8, 1, 2}, {0}, {0},
     2, {{8, {32, 32, 1}, true}, {32, {1, 1, 0}, false}},
     true, {NONE, NONE, 0, 1, NONE}},
    {"three reduced", 5, {2, 3, 2, 3, 2}, 2, {1, 3}, {0}, {0},
     5,
     {{2, {36, 36, 0}, false}, {3, {12, 12, 3}, true}, {2, {6, 6, 0}, false}, {3, {2, 2, 1}, true},
      {2, {1, 1, 0}, false}},
     false, {NONE, NONE, NONE, NONE, NONE}},
};
/* clang-format on */

static VknView view_of(const VknDesc *desc) {
    VknDesc resolved;
    assert_int_equal(vkn_desc_resolve(&host, desc, &resolved), VKN_SUCCESS);
    return vkn_view_make(&resolved);
}

static void run_layout(void **state) {
    const Layout *layout = *state;
    VknDesc desc;
    vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN, layout->rank, layout->shape, layout->axis_count,
                        layout->axes);
    memcpy(desc.x.stride, layout->x_stride, sizeof desc.x.stride);
    memcpy(desc.y.stride, layout->y_stride, sizeof desc.y.stride);
    VknView view = view_of(&desc);
    assert_int_equal(view.dim_count, layout->dim_count);
    for (uint32_t i = 0; i < view.dim_count; i++) {
        assert_int_equal(view.dim[i].extent, layout->dims[i].extent);
        const uint64_t *stride = layout->dims[i].stride;
        const uint64_t expected[VKN_SPACE_COUNT] = {stride[0], stride[1], stride[1], stride[0],
                                                    stride[0], stride[2], stride[2]};
        assert_memory_equal(view.dim[i].stride, expected, sizeof expected);
        assert_int_equal(view.dim[i].kept, layout->dims[i].kept);
    }
    assert_int_equal(view.slotted, layout->slotted);
    for (uint32_t slot = 0; slot < VKN_SLOTS && view.slotted; slot++) {
        uint32_t dim = layout->slots[slot];
        assert_int_equal(view.slot[slot], dim);
        for (int space = 0; space < VKN_SPACE_COUNT; space++)
            assert_int_equal(vkn_view_stride(&view, slot, (VknSpace)space),
                             dim == NONE ? 0 : view.dim[dim].stride[space]);
    }
    assert_int_equal(view.statistic_count, test_statistic_count(&desc));
    assert_int_equal(view.reduce_count * view.statistic_count, test_element_count(&desc));
}

/* ------------------------------------------------------------------------------------------- random */

static uint64_t mix(uint64_t x, uint64_t y, uint64_t statistic) {
    TestRandom random = {.state = x * 0x9e3779b97f4a7c15u + y * 0xc2b2ae3d27d4eb4fu + statistic};
    return test_random_next(&random);
}

/* Calls of fail() that say which round. */
#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            fail_msg("%s; again: view --rounds 1 --seed %" PRIu64, #condition, seed);                        \
    } while (0)

/* The index of each dimension, number `n` of a box. */
static void place_of(const VknView *view, const VknBox *box, uint64_t n, uint64_t at[VKN_MAX_RANK]) {
    for (uint32_t i = view->dim_count; i-- > 0;) {
        at[i] = box->first[i] + n % box->extent[i];
        n /= box->extent[i];
    }
}

static uint64_t offset_of(const VknView *view, const uint64_t at[VKN_MAX_RANK], VknSpace space) {
    uint64_t offset = 0;
    for (uint32_t i = 0; i < view->dim_count; i++)
        offset += at[i] * view->dim[i].stride[space];
    return offset;
}

static uint64_t count_of(const VknView *view, const VknBox *box) {
    return vkn_box_count(view, box, true) * vkn_box_count(view, box, false);
}

static const VknBoxLimit UNLIMITED = {
    {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}, UINT64_MAX};

static VknBox whole(const VknView *view) {
    VknBox box = {{0}, {0}};
    for (uint32_t i = 0; i < view->dim_count; i++)
        box.extent[i] = view->dim[i].extent;
    return box;
}

static void check_form(const VknView *view, uint64_t seed) {
    uint32_t holders[VKN_MAX_RANK] = {0}, kinds[2] = {0};
    bool has_lane = false;
    for (uint32_t i = 0; i < view->dim_count; i++) {
        const VknDim *dim = &view->dim[i];
        REQUIRE(dim->extent >= 2);
        REQUIRE(i == 0 || view->dim[i - 1].stride[VKN_SPACE_X] >= dim->stride[VKN_SPACE_X]);
        REQUIRE(dim->kept || dim->stride[VKN_SPACE_STAT] == 0);
        kinds[dim->kept]++;
        has_lane = has_lane || (dim->kept && dim->stride[VKN_SPACE_X] == 1);
    }
    REQUIRE(view->slotted == (kinds[false] <= 2 && kinds[true] <= 3));
    for (uint32_t slot = 0; slot < VKN_SLOTS && view->slotted; slot++) {
        bool kept = slot == VKN_BATCH || slot == VKN_CHANNEL || slot == VKN_LANE;
        if (view->slot[slot] == NONE)
            continue;
        REQUIRE(view->slot[slot] < view->dim_count && view->dim[view->slot[slot]].kept == kept);
        holders[view->slot[slot]]++;
    }
    for (uint32_t i = 0; i < view->dim_count && view->slotted; i++)
        REQUIRE(holders[i] == 1);
    if (view->slotted && has_lane)
        REQUIRE(vkn_view_stride(view, VKN_LANE, VKN_SPACE_X) == 1);
}

/* The same (x, y, statistic) as often, whatever the order. */
static void test_same_elements(void **state) {
    (void)state;
    for (uint64_t seed = rounds.seed; seed < rounds.seed + rounds.count; seed++) {
        TestRandom random = test_random_start(seed);
        VknDesc desc = test_random_desc(&random, 1 + test_random_below(&random, 600));
        VknDesc resolved;
        assert_int_equal(vkn_desc_resolve(&host, &desc, &resolved), VKN_SUCCESS);
        VknView view = vkn_view_make(&resolved);
        VknBox chunk = vkn_view_cut(&view, &UNLIMITED);
        uint64_t expected = 0, sum = 0, at[VKN_MAX_RANK], boxes = vkn_cut_count(&view, &chunk, true);
        REQUIRE(vkn_cut_count(&view, &chunk, false) == 1 && boxes <= 2);
        for (uint64_t k = 0; k < boxes; k++) {
            VknBox box = vkn_cut_box(&view, &chunk, k, 0);
            for (uint64_t i = 0; i < count_of(&view, &box); i++) {
                place_of(&view, &box, i, at);
                sum += mix(offset_of(&view, at, VKN_SPACE_X), offset_of(&view, at, VKN_SPACE_Y),
                           offset_of(&view, at, VKN_SPACE_STAT));
            }
        }
        for (uint64_t i = 0; i < test_element_count(&desc); i++)
            if (!test_is_padding(&desc, i))
                expected += mix(test_offset_of(&resolved, &resolved.x, i),
                                test_offset_of(&resolved, &resolved.y, i), test_statistic_of(&desc, i));
        REQUIRE(sum == expected);
        REQUIRE(view.statistic_count == test_statistic_count(&desc));
        REQUIRE(view.channel_count == test_channel_count(&desc));
        check_form(&view, seed);
    }
}

static void check_box(const VknView *view, const VknBox *box, const VknBoxLimit *limit, uint64_t seed) {
    uint64_t at[VKN_MAX_RANK], last = count_of(view, box) - 1;
    REQUIRE(last + 1 <= limit->elements);
    for (int space = 0; space < VKN_SPACE_COUNT; space++) {
        place_of(view, box, 0, at);
        uint64_t first = offset_of(view, at, (VknSpace)space);
        REQUIRE(vkn_box_first(view, box, (VknSpace)space) == first);
        place_of(view, box, last, at);
        uint64_t span = offset_of(view, at, (VknSpace)space) - first + 1;
        REQUIRE(vkn_box_span(view, box, (VknSpace)space) == span);
        REQUIRE(span <= limit->span[space]);
    }
}

/* Every element is in exactly one box. */
static void test_cuts_tile(void **state) {
    uint64_t boxes = 0;
    (void)state;
    for (uint64_t seed = rounds.seed; seed < rounds.seed + rounds.count; seed++) {
        TestRandom random = test_random_start(seed);
        VknDesc desc = test_random_desc(&random, 1 + test_random_below(&random, 600));
        VknView view = view_of(&desc);
        VknBox all = whole(&view);
        uint8_t seen[600] = {0};
        VknBoxLimit limit = {.elements = 1 + test_random_below(&random, 1000)};
        for (int space = 0; space < VKN_SPACE_COUNT; space++)
            limit.span[space] = 1 + test_random_below(&random, test_random_below(&random, 3) ? 2000 : 20);
        VknBox chunk = vkn_view_cut(&view, &limit);
        uint64_t kept = vkn_cut_count(&view, &chunk, true), reduced = vkn_cut_count(&view, &chunk, false);
        for (uint64_t k = 0; k < kept * reduced; k++) {
            VknBox box = vkn_cut_box(&view, &chunk, k / reduced, k % reduced);
            check_box(&view, &box, &limit, seed);
            for (uint64_t n = 0; n < count_of(&view, &box); n++) {
                uint64_t at[VKN_MAX_RANK], number = 0;
                place_of(&view, &box, n, at);
                for (uint32_t i = 0; i < view.dim_count; i++) {
                    REQUIRE(at[i] < all.extent[i]);
                    number = number * all.extent[i] + at[i];
                }
                REQUIRE(seen[number]++ == 0);
            }
        }
        uint64_t elements = 0; /* the others are padding: test_same_elements() */
        for (uint64_t i = 0; i < count_of(&view, &all); i++)
            elements += seen[i];
        REQUIRE(elements == view.statistic_count * view.reduce_count);
        boxes += kept * reduced;
    }
    assert_true(boxes > 3 * rounds.count);
}

enum { CELL_RANK = 4 };

/* The number of a place along the axes of a set, and how many there are. */
static uint64_t number_along(uint32_t set, const uint64_t *shape, const uint64_t *at, uint64_t *count) {
    uint64_t number = 0;
    *count = 1;
    for (uint32_t i = 0; i < CELL_RANK; i++)
        if (set >> i & 1) {
            number = number * shape[i] + at[i];
            *count *= shape[i];
        }
    return number;
}

static void add_axes(uint32_t set, uint32_t *count, int32_t *axes) {
    for (int32_t i = 0; i < CELL_RANK; i++)
        if (set >> i & 1)
            axes[(*count)++] = i;
}

/* All sets of axes: where there is a view by cell, a cell's number tells its statistic and its parameter. */
static void test_cells(void **state) {
    static const uint32_t KNOWN[][2] = {{3, 2}, {3, 6}, {1, 2},
                                        {1, 6}, {2, 2}, {7, 4}}; /* kept, parameters */
    uint32_t found = 0;
    (void)state;
    for (uint32_t sets = 0; sets < 256; sets++) {
        VknDesc desc = {.rank = CELL_RANK, .shape = {2, 3, 5, 7}};
        VknView view;
        uint32_t kept = sets % 16, parameters = sets / 16;
        add_axes(kept, &desc.kept_axis_count, desc.kept_axes);
        add_axes(parameters, &desc.parameter_axis_count, desc.parameter_axes);
        for (uint64_t i = CELL_RANK, stride = 1; i-- > 0; stride *= desc.shape[i])
            desc.x.stride[i] = stride;
        bool is_known = false, has_cells = vkn_view_of_cells(&desc, &view);
        for (size_t i = 0; i < LENGTH(KNOWN); i++)
            is_known |= kept == KNOWN[i][0] && parameters == KNOWN[i][1];
        assert_true(has_cells || !is_known);
        if (!has_cells)
            continue;
        for (uint64_t i = 0, rest = 0; i < 2 * 3 * 5 * 7; rest = ++i) {
            uint64_t at[CELL_RANK], cells, statistics, of_parameters;
            for (uint32_t axis = CELL_RANK; axis-- > 0; rest /= desc.shape[axis])
                at[axis] = rest % desc.shape[axis];
            uint64_t cell = number_along(kept | parameters, desc.shape, at, &cells);
            uint64_t statistic = number_along(kept, desc.shape, at, &statistics);
            uint64_t parameter = number_along(parameters, desc.shape, at, &of_parameters);
            assert_int_equal(cells, view.statistic_count);
            assert_int_equal(of_parameters, view.parameter_count);
            assert_int_equal(statistic, cell / (cells / statistics));
            assert_int_equal(parameter, cell % of_parameters);
        }
        found++;
    }
    assert_int_equal(found, 104);
}

int main(int argc, char **argv) {
    struct CMUnitTest tests[LENGTH(LAYOUTS) + 3];
    if (!test_rounds_parse(argc, argv, 20000, &rounds))
        return 2;
    for (size_t i = 0; i < LENGTH(LAYOUTS); i++)
        tests[i] = (struct CMUnitTest){LAYOUTS[i].name, run_layout, NULL, NULL, (void *)&LAYOUTS[i]};
    tests[LENGTH(LAYOUTS)] = (struct CMUnitTest)cmocka_unit_test(test_same_elements);
    tests[LENGTH(LAYOUTS) + 1] = (struct CMUnitTest)cmocka_unit_test(test_cuts_tile);
    tests[LENGTH(LAYOUTS) + 2] = (struct CMUnitTest)cmocka_unit_test(test_cells);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
