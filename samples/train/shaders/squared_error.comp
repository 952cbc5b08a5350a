#version 450
#extension GL_GOOGLE_include_directive : require
#define STATE_ACCESS readonly
#include "state.glsl"
// The squared error of each row, and the gradient of the mean over the batch.
layout(local_size_x = 32) in;
layout(binding = 1) readonly buffer Y { float y[]; }; // [batch]
layout(binding = 2) readonly buffer Answer { uint answer[]; };
layout(binding = 3) writeonly buffer Dy { float dy[]; };
layout(binding = 4) writeonly buffer Result { vec2 result[]; }; // [slot][batch]: loss, 0
layout(push_constant) uniform Push { uint batch; };

void main() {
    const uint row = gl_GlobalInvocationID.x;
    if (row >= batch)
        return;
    const float error = y[row] - uintBitsToFloat(answer[row]);
    dy[row] = 2 * error / float(batch);
    result[slot * batch + row] = vec2(error * error, 0);
}
