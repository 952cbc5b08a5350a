// The yardstick: every subgroup copies its own contiguous part, WIDTH vec4 per invocation and step.
#version 450
#extension GL_KHR_shader_subgroup_basic : require

layout(local_size_x_id = 1) in;
layout(constant_id = 2) const uint WIDTH = 1;

#ifdef TEXEL
layout(binding = 0) uniform samplerBuffer from;
#else
layout(binding = 0) readonly buffer From { vec4 from[]; };
#endif
layout(binding = 1) writeonly buffer To { vec4 to[]; };
layout(push_constant) uniform Push { uint count; }; // vec4, a multiple of subgroup size * WIDTH

void main() {
    uint stride = gl_SubgroupSize * WIDTH;
    uint workers = gl_NumWorkGroups.x * gl_NumSubgroups;
    uint part = (count / stride + workers - 1) / workers * stride;
    uint first = (gl_WorkGroupID.x * gl_NumSubgroups + gl_SubgroupID) * part;
    uint end = min(first + part, count);
    for (uint i = first + gl_SubgroupInvocationID; i < end; i += stride)
        for (uint k = 0; k < WIDTH; k++) {
            uint at = i + k * gl_SubgroupSize;
#ifdef TEXEL
            to[at] = texelFetch(from, int(at));
#else
            to[at] = from[at];
#endif
        }
}
