#version 450
#extension GL_GOOGLE_include_directive : require
#define STATE_ACCESS readonly
#include "state.glsl"
// Adam (Kingma & Ba 2015) as Keras has it, of all parameters: epsilon is added to the deviation before its
// correction.
layout(local_size_x = 32) in;
layout(binding = 1) buffer Value { vec4 value[]; };
layout(binding = 2) readonly buffer Gradient { vec4 gradient[]; };
layout(binding = 3) buffer Mean { vec4 mean[]; };
layout(binding = 4) buffer Square { vec4 square[]; };
layout(push_constant) uniform Push {
    uint count; // vectors
    float rate, beta1_less, beta2_less, epsilon; // 1 - beta1, 1 - beta2
};

void main() {
    const uint i = gl_GlobalInvocationID.x;
    if (i >= count)
        return;
    const vec4 g = gradient[i];
    mean[i] += (g - mean[i]) * beta1_less;
    square[i] += (g * g - square[i]) * beta2_less;
    value[i] -= mean[i] * (rate * sqrt(correction[1]) / correction[0]) / (sqrt(square[i]) + epsilon);
}
