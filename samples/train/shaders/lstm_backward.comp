#version 450
// The gradient of lstm_forward.comp, from the last time step to the first. Each invocation has 4 units of 4
// samples; those past the last one repeat it.
layout(local_size_x = 32) in;
layout(binding = 0) readonly buffer Recurrent { vec4 recurrent[]; }; // [units][i, f, c, o][units]
layout(binding = 1) buffer Gates { vec4 gates[]; }; // gates in; the gradient before their activations out
layout(binding = 2) readonly buffer Cell { vec4 cell[]; };
layout(binding = 3) buffer Carry { vec4 carry[]; }; // [batch][units]: the gradient by the cell's state
layout(binding = 4) readonly buffer Dy { vec4 dy[]; };
layout(push_constant) uniform Push {
    uint batch, quads, time; // quads: units / 4
    uint times;
    uint sequences; // 0: dy is of the last time step alone
};

// dh: what comes back through the gates of the next time step.
void finish(uint n, uint quad, vec4 dh) {
    if (n >= batch)
        return;
    const bool last = time == times - 1;
    const uint line = time * batch + n, own = n * quads + quad, at = line * 4 * quads + quad;
    vec4 dstate = vec4(0), before = vec4(0);
    if (sequences != 0)
        dh += dy[line * quads + quad];
    else if (last)
        dh += dy[own];
    if (!last)
        dstate = carry[own];
    if (time > 0)
        before = cell[(line - batch) * quads + quad];
    const vec4 i = gates[at], f = gates[at + quads], c = gates[at + 2 * quads], o = gates[at + 3 * quads];
    const vec4 squashed = tanh(clamp(cell[line * quads + quad], -10, 10));
    dstate += dh * o * (1 - squashed * squashed);
    gates[at] = dstate * c * i * (1 - i);
    gates[at + quads] = dstate * before * f * (1 - f);
    gates[at + 2 * quads] = dstate * i * (1 - c * c);
    gates[at + 3 * quads] = dh * squashed * o * (1 - o);
    carry[own] = dstate * f;
}

void main() {
    const uint first = gl_GlobalInvocationID.x / quads * 4, quad = gl_GlobalInvocationID.x % quads;
    if (first >= batch)
        return;
    mat4 dh = mat4(0); // each column is a sample
    if (time < times - 1) {
        const uvec4 after = ((time + 1) * batch + min(first + uvec4(0, 1, 2, 3), batch - 1)) * 4 * quads;
        const uvec4 weight = (4 * quad + uvec4(0, 1, 2, 3)) * 4 * quads;
        for (uint k = 0; k < 4 * quads; k++) {
            const mat4 slope = mat4(gates[after.x + k], gates[after.y + k], gates[after.z + k], gates[after.w + k]);
            const mat4 weights = mat4(recurrent[weight.x + k], recurrent[weight.y + k], recurrent[weight.z + k],
                                      recurrent[weight.w + k]);
            dh += transpose(weights) * slope;
        }
    }
    finish(first, quad, dh[0]);
    finish(first + 1, quad, dh[1]);
    finish(first + 2, quad, dh[2]);
    finish(first + 3, quad, dh[3]);
}
