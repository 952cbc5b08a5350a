// What every kernel starts with: the interface, and where a box lies in its bindings.
#extension GL_EXT_samplerless_texture_functions : require

#define VKN_GLSL
#include "interface.h"

layout(local_size_x_id = VKN_SPEC_LOCAL_SIZE) in;
layout(constant_id = VKN_SPEC_LOCAL_SIZE) const uint LOCAL_SIZE = 64;
layout(constant_id = VKN_SPEC_ROLES) const uint ROLES = 0;
layout(constant_id = VKN_SPEC_MODES) const uint MODES = 0;
layout(constant_id = VKN_SPEC_STATISTIC) const uint STATISTIC = VKN_OF_VARIANCE;

layout(push_constant) uniform Push { VKN_PUSH_FIELDS };

// Branches on specialization constants name them directly, not through arguments: then the condition is
// a constant of the module, and lib/prune.c removes the side not taken before a driver sees the code.
#define HAS(role) ((ROLES & (role)) != 0)
#define IS(mode)  ((MODES & (mode)) != 0)
#define OF(kinds) ((STATISTIC & (kinds)) != 0)

// Whether loops take several quads at a time, which then are loaded at once. To software renderers a quad is 600
// instructions, and a loop of more than that is longer than what a processor keeps decoded; but where they fetch
// texels, some loops gain.
#define TAKES_SEVERAL(texels_gain) (!IS(VKN_MODE_SOFTWARE) || (IS(VKN_MODE_TEXELS) && (texels_gain)))

#define INFINITY uintBitsToFloat(0x7F800000u)
#define NOT_A_NUMBER uintBitsToFloat(0x7FC00000u)
#define LEAST -3.40282347e38 // finite

// Norm kernels have bindings of their own for what shares one elsewhere.
#ifdef NORM
#define AT(role) VKN_BINDING_NORM_##role
#else
#define AT(role) VKN_BINDING_##role
#endif

// The box's first element in a binding. Bindings begin at an aligned address at or below it.
#define HALF(word, binding) (((word) >> (((binding) & 1u) << 4)) & 0xFFFFu)
#define FIRST(binding)      HALF(first[(binding) >> 1], binding)

// Computed once: nothing is moved out of loops by software renderers, where a shift costs what five sums do.
#ifdef NORM
#define ALL(of)                                                                                              \
    of(FIRST(0)), of(FIRST(1)), of(FIRST(2)), of(FIRST(3)), of(FIRST(4)), of(FIRST(5)), of(FIRST(6)),        \
        of(FIRST(7)), of(HALF(part_first, 8)), of(HALF(part_first, 9)), of(HALF(part_total, 10)),            \
        of(HALF(part_total, 11))
#else
#define ALL(of)                                                                                              \
    of(FIRST(0)), of(FIRST(1)), of(FIRST(2)), of(FIRST(3)), of(FIRST(4)), of(FIRST(5)), of(FIRST(6)), of(FIRST(7))
#endif
#define ELEMENT(first) first
#define QUAD(first)    ((first) + 3) >> 2
uint first_element[] = uint[](ALL(ELEMENT));
uint first_quad[] = uint[](ALL(QUAD));

// A quad is four elements that begin at a multiple of four in their binding. If the first of them is `element` in the
// box, its number in the box is element >> 2, and in the binding quad_of() that.
#define first_of(binding)      first_element[binding]
#define quad_of(binding, quad) (first_quad[binding] + (quad))

// name_load(i): f32 figures, of a parameter or a statistic each.
#define READ_FIGURES(name, slot)                                                                             \
    layout(set = 0, binding = slot) readonly buffer name##Figures { float name##_figures[]; };               \
    layout(set = 0, binding = VKN_BINDING_TEXELS + slot) uniform utextureBuffer name##_figure_texels;        \
    float name##_load(uint i)                                                                                \
    {                                                                                                        \
        if (IS(VKN_MODE_TEXELS))                                                                             \
            return uintBitsToFloat(texelFetch(name##_figure_texels, int(i)).x);                              \
        return name##_figures[i];                                                                            \
    }

// Software renderers leave no body early: a loop that tests at its beginning runs it once more than it says, with no lane
// active. For lavapipe, which is who reads texels, loops test at their end, too. SwiftShader gets a value that leaves a loop
// there wrong: it goes on computing for the lanes that are done.
#define STOP_UNLESS(condition)                                                                               \
    if (IS(VKN_MODE_TEXELS)) {                                                                               \
        if (!(condition))                                                                                    \
            break;                                                                                           \
    }

// Items are handed out in one piece to each workgroup, whose `workers` take them in turns: what follows one another
// does so in memory, which processors read ahead. EACH_ITEM_ALONE {...} NEXT_ITEM; for an invocation per item.
uint item_share(uint items, uint workers)
{
    uint all = gl_NumWorkGroups.x * workers;
    return (items + all - 1) / all * workers;
}

#define EACH_ITEM_OF(worker, workers, items)                                                                 \
    uint item_step = (workers), item_begin = gl_WorkGroupID.x * item_share(items, item_step);                \
    uint item_end = min(item_begin + item_share(items, item_step), items), item = item_begin + (worker);     \
    if (item < item_end)                                                                                     \
        do
#define EACH_ITEM_ALONE(items) EACH_ITEM_OF(gl_LocalInvocationID.x, LOCAL_SIZE, items)
#define NEXT_ITEM              while ((item += item_step) < item_end)

// One component of a vector. Chosen, not indexed: what is indexed by a variable lies in memory.
bvec4 is_component(uint k)
{
    return equal(uvec4(0, 1, 2, 3), uvec4(k));
}

uint statistic_count()
{
    return extent[VKN_BATCH] * extent[VKN_CHANNEL] * extent[VKN_LANE];
}

uint reduce_count()
{
    return extent[VKN_OUTER] * extent[VKN_INNER];
}
