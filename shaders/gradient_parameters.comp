#version 460
#extension GL_GOOGLE_include_directive : require
// Sums the parts of dgamma and dbeta that row_gradient_four.glsl left: part_length figures each, of dgamma first, then
// of dbeta. An invocation takes four neighbouring parameters, of which software renderers find all in one line of cache.
#include "kernel.glsl"
#include "parameters_store.glsl"

layout(set = 0, binding = VKN_BINDING_FINISH_IN) readonly buffer PartsIn { float parts_in[]; };

vec4 parts_sum(uint first)
{
    vec4 sum = vec4(0.0);
    uint part = 0;
    do {
        uint i = first + part * part_length;
        sum += vec4(parts_in[i], parts_in[i + 1], parts_in[i + 2], parts_in[i + 3]);
    } while (++part < part_count);
    return sum;
}

void main()
{
    uint count = reduce_count();
    EACH_ITEM_ALONE(count >> 2) {
        uint p = 4 * item;
        vec4 dgamma = vec4(0.0), dbeta = vec4(0.0);
        if (HAS(VKN_HAS_DGAMMA))
            dgamma = parts_sum(first_of(VKN_BINDING_FINISH_IN) + p);
        if (HAS(VKN_HAS_DBETA))
            dbeta = parts_sum(first_of(VKN_BINDING_FINISH_IN) + count + p);
        for (uint k = 0; k < 4; k++)
            parameters_store(p + k, dgamma[k], dbeta[k], 0.0);
    } NEXT_ITEM;
}
