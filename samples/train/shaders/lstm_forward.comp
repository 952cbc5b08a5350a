#version 450
// One time step of an LSTM (Hochreiter & Schmidhuber 1997) as Keras has it. Series lie time first. Each invocation
// has 4 units of 4 samples; those past the last one repeat it.
layout(local_size_x = 32) in;
layout(binding = 0) readonly buffer Recurrent { vec4 recurrent[]; }; // [units][i, f, c, o][units]
layout(binding = 1) buffer Gates { vec4 gates[]; }; // [time][batch][i, f, c, o][units]: x's part in, gates out
layout(binding = 2) buffer Cell { vec4 cell[]; };   // [time][batch][units]
layout(binding = 3) buffer Hidden { vec4 hidden[]; };
layout(push_constant) uniform Push { uint batch, quads, time; }; // quads: units / 4

mat4 i, f, c, o; // each column is a sample

// Clamped where f32 has reached the limit: drivers overflow beyond.
vec4 sigmoid(vec4 z) {
    return 1 / (1 + exp(-clamp(z, -80, 80)));
}

vec4 tanh_of(vec4 z) {
    return tanh(clamp(z, -10, 10));
}

// One unit of the last time step, of 4 samples.
void add(vec4 h, uint weight) {
    i += outerProduct(recurrent[weight], h);
    f += outerProduct(recurrent[weight + quads], h);
    c += outerProduct(recurrent[weight + 2 * quads], h);
    o += outerProduct(recurrent[weight + 3 * quads], h);
}

mat4 load_gate(uvec4 at) {
    return mat4(gates[at.x], gates[at.y], gates[at.z], gates[at.w]);
}

void finish(uint n, uint quad, vec4 in_gate, vec4 forget, vec4 candidate, vec4 out_gate) {
    const uint line = time * batch + n, at = line * 4 * quads + quad;
    if (n >= batch)
        return;
    in_gate = sigmoid(in_gate);
    forget = sigmoid(forget);
    candidate = tanh_of(candidate);
    out_gate = sigmoid(out_gate);
    vec4 state = vec4(0);
    if (time > 0)
        state = cell[(line - batch) * quads + quad];
    state = forget * state + in_gate * candidate;
    gates[at] = in_gate;
    gates[at + quads] = forget;
    gates[at + 2 * quads] = candidate;
    gates[at + 3 * quads] = out_gate;
    cell[line * quads + quad] = state;
    hidden[line * quads + quad] = out_gate * tanh_of(state);
}

void main() {
    const uint first = gl_GlobalInvocationID.x / quads * 4, quad = gl_GlobalInvocationID.x % quads;
    if (first >= batch)
        return;
    const uvec4 line = time * batch + min(first + uvec4(0, 1, 2, 3), batch - 1);
    const uvec4 at = line * 4 * quads + quad;
    i = load_gate(at);
    f = load_gate(at + quads);
    c = load_gate(at + 2 * quads);
    o = load_gate(at + 3 * quads);
    if (time > 0) {
        const uvec4 before = (line - batch) * quads;
        uint weight = quad;
        for (uint k = 0; k < quads; k++, weight += 16 * quads) {
            const mat4 h = transpose(
                mat4(hidden[before.x + k], hidden[before.y + k], hidden[before.z + k], hidden[before.w + k]));
            add(h[0], weight);
            add(h[1], weight + 4 * quads);
            add(h[2], weight + 8 * quads);
            add(h[3], weight + 12 * quads);
        }
    }
    finish(first, quad, i[0], f[0], c[0], o[0]);
    finish(first + 1, quad, i[1], f[1], c[1], o[1]);
    finish(first + 2, quad, i[2], f[2], c[2], o[2]);
    finish(first + 3, quad, i[3], f[3], c[3], o[3]);
}
