#version 450
#extension GL_GOOGLE_include_directive : require
#define STATE_ACCESS readonly
#include "state.glsl"
// Takes one batch out of the window of batches that the host has filled.
layout(local_size_x = 32) in;
layout(binding = 1) readonly buffer Inputs { float inputs[]; };    // [slot][batch][...]
layout(binding = 2) readonly buffer Answers { uint answers[]; };   // [slot][batch]
layout(binding = 3) writeonly buffer X { float x[]; };
layout(binding = 4) writeonly buffer Answer { uint answer[]; };
layout(push_constant) uniform Push { uint count, batch; }; // elements of x, rows

void main() {
    const uint i = gl_GlobalInvocationID.x;
    if (i < count)
        x[i] = inputs[slot * count + i];
    if (i < batch)
        answer[i] = answers[slot * batch + i];
}
