#version 450
// The gradient of lstm_forward.comp, from the last time step to the first. Each invocation has 4 units of one
// sample.
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

void main() {
    const uint n = gl_GlobalInvocationID.x / quads, quad = gl_GlobalInvocationID.x % quads;
    if (n >= batch)
        return;
    const uint line = time * batch + n, own = n * quads + quad;
    const uint at = line * 4 * quads + quad;
    const bool last = time == times - 1;
    vec4 dh = vec4(0), dstate = vec4(0);
    if (sequences != 0)
        dh = dy[line * quads + quad];
    else if (last)
        dh = dy[own];
    if (!last) {
        dstate = carry[own];
        const uint after = (line + batch) * 4 * quads;
        const uint weight = 4 * quad * 4 * quads;
        for (uint k = 0; k < 4 * quads; k++) {
            const vec4 slope = gates[after + k];
            dh += vec4(dot(slope, recurrent[weight + k]), dot(slope, recurrent[weight + 4 * quads + k]),
                       dot(slope, recurrent[weight + 8 * quads + k]),
                       dot(slope, recurrent[weight + 12 * quads + k]));
        }
    }
    const vec4 i = gates[at], f = gates[at + quads], c = gates[at + 2 * quads], o = gates[at + 3 * quads];
    vec4 before = vec4(0);
    if (time > 0)
        before = cell[(line - batch) * quads + quad];
    const vec4 squashed = tanh(clamp(cell[line * quads + quad], -10, 10));
    dstate += dh * o * (1 - squashed * squashed);
    gates[at] = dstate * c * i * (1 - i);
    gates[at + quads] = dstate * before * f * (1 - f);
    gates[at + 2 * quads] = dstate * i * (1 - c * c);
    gates[at + 3 * quads] = dh * squashed * o * (1 - o);
    carry[own] = dstate * f;
}
