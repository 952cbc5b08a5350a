#version 450
// The gradient goes to the first pixel of the 2 x 2 that is the greatest, the others get 0.
layout(local_size_x = 32) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };
layout(binding = 1) readonly buffer Y { vec4 y[]; };
layout(binding = 2) readonly buffer Dy { vec4 dy[]; };
layout(binding = 3) writeonly buffer Dx { vec4 dx[]; };
layout(push_constant) uniform Push { uint count, width, quads; }; // of y: vectors, columns, channels / 4

void main() {
    const uint i = gl_GlobalInvocationID.x;
    if (i >= count)
        return;
    const uint quad = i % quads, column = i / quads % width, row = i / quads / width;
    const uint below = 2 * width * quads, from = 2 * row * below + 2 * column * quads + quad;
    const uint at[4] = uint[4](from, from + quads, from + below, from + below + quads);
    vec4 left = dy[i]; // what no pixel has got
    for (uint k = 0; k < 4; k++) {
        const vec4 share = mix(vec4(0), left, equal(x[at[k]], y[i]));
        dx[at[k]] = share;
        left -= share;
    }
}
