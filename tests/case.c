#include "case.h"

#include "tensor.h"

#include <math.h>
#include <string.h>

const TestCase test_cases[] = {
#include "cases.h"
};
const uint32_t test_case_count = sizeof test_cases / sizeof test_cases[0];

static void set_strides(const VknDesc *desc, const TestLayout *layout, VknTensor *tensor) {
    static const TestLayout dense;
    if (memcmp(layout, &dense, sizeof dense) == 0)
        return;
    uint64_t stride = layout->step ? layout->step : 1;
    for (uint32_t i = desc->rank; i-- > 0;) {
        uint32_t axis = layout->order ? (uint32_t)(layout->order[i] - '0') : i;
        if (layout->repeat >> axis & 1)
            continue;
        tensor->stride[axis] = stride;
        stride = stride * desc->shape[axis] + layout->gap;
    }
}

VknDesc test_case_desc(const TestCase *test) {
    VknDesc desc = test->desc;
    set_strides(&desc, &test->x, &desc.x);
    set_strides(&desc, test->in_place ? &test->x : &test->y, &desc.y);
    return desc;
}
