#version 450
#extension GL_GOOGLE_include_directive : require
#define STATE_ACCESS
#include "state.glsl"
// Ends a step.
layout(local_size_x = 32) in;
layout(push_constant) uniform Push { float beta1_less, beta2_less; }; // 1 - beta1, 1 - beta2

void main() {
    if (gl_GlobalInvocationID.x > 0)
        return;
    slot++;
    // 1 - beta^(t + 1), without the cancellation that powers would bring.
    correction[0] += (1 - correction[0]) * beta1_less;
    correction[1] += (1 - correction[1]) * beta2_less;
}
