#version 450
// One time step of an LSTM (Hochreiter & Schmidhuber 1997) as Keras has it. Series lie time first. Each invocation
// has 4 units of one sample.
layout(local_size_x = 32) in;
layout(binding = 0) readonly buffer Recurrent { vec4 recurrent[]; }; // [units][i, f, c, o][units]
layout(binding = 1) buffer Gates { vec4 gates[]; }; // [time][batch][i, f, c, o][units]: x's part in, gates out
layout(binding = 2) buffer Cell { vec4 cell[]; };   // [time][batch][units]
layout(binding = 3) buffer Hidden { vec4 hidden[]; };
layout(push_constant) uniform Push { uint batch, quads, time; }; // quads: units / 4

// Clamped where f32 has reached the limit: drivers overflow beyond.
vec4 sigmoid(vec4 z) {
    return 1 / (1 + exp(-clamp(z, -80, 80)));
}

vec4 tanh_of(vec4 z) {
    return tanh(clamp(z, -10, 10));
}

void main() {
    const uint n = gl_GlobalInvocationID.x / quads, quad = gl_GlobalInvocationID.x % quads;
    if (n >= batch)
        return;
    const uint line = time * batch + n;
    const uint at = line * 4 * quads + quad;
    vec4 i = gates[at], f = gates[at + quads], c = gates[at + 2 * quads], o = gates[at + 3 * quads];
    vec4 state = vec4(0);
    if (time > 0) {
        const uint before = (line - batch) * quads;
        state = cell[before + quad];
        uint weight = quad;
        for (uint k = 0; k < quads; k++) {
            const vec4 h = hidden[before + k];
            for (uint lane = 0; lane < 4; lane++, weight += 4 * quads) {
                i += h[lane] * recurrent[weight];
                f += h[lane] * recurrent[weight + quads];
                c += h[lane] * recurrent[weight + 2 * quads];
                o += h[lane] * recurrent[weight + 3 * quads];
            }
        }
    }
    i = sigmoid(i);
    f = sigmoid(f);
    c = tanh_of(c);
    o = sigmoid(o);
    state = f * state + i * c;
    gates[at] = i;
    gates[at + quads] = f;
    gates[at + 2 * quads] = c;
    gates[at + 3 * quads] = o;
    cell[line * quads + quad] = state;
    hidden[line * quads + quad] = o * tanh_of(state);
}
