#version 450
#extension GL_GOOGLE_include_directive : require
#define STATE_ACCESS readonly
#include "state.glsl"
// The loss of each row from the logarithms of its probabilities, and the gradient of the mean over the batch by
// them. Both ways through the softmax are vknorm's.
layout(local_size_x = 32) in;
layout(binding = 1) readonly buffer Y { float y[]; }; // [batch][classes]
layout(binding = 2) readonly buffer Answer { uint answer[]; };
layout(binding = 3) writeonly buffer Dy { float dy[]; };
layout(binding = 4) writeonly buffer Result { vec2 result[]; }; // [slot][batch]: loss, whether it is right
layout(push_constant) uniform Push { uint batch, classes; };

void main() {
    const uint row = gl_GlobalInvocationID.x;
    if (row >= batch)
        return;
    uint best = 0;
    vec2 outcome = vec2(0);
    for (uint k = 0; k < classes; k++) {
        const bool right = k == answer[row];
        if (y[row * classes + k] > y[row * classes + best])
            best = k;
        if (right)
            outcome.x = -y[row * classes + k];
        dy[row * classes + k] = right ? -1 / float(batch) : 0;
    }
    outcome.y = best == answer[row] ? 1 : 0;
    result[slot * batch + row] = outcome;
}
