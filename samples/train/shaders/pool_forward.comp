#version 450
// The greatest of each 2 x 2 pixels of NHWC. Each invocation has 4 channels.
layout(local_size_x = 32) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };
layout(binding = 1) writeonly buffer Y { vec4 y[]; };
layout(push_constant) uniform Push { uint count, width, quads; }; // of y: vectors, columns, channels / 4

void main() {
    const uint i = gl_GlobalInvocationID.x;
    if (i >= count)
        return;
    const uint quad = i % quads, column = i / quads % width, row = i / quads / width;
    const uint below = 2 * width * quads, from = 2 * row * below + 2 * column * quads + quad;
    y[i] = max(max(x[from], x[from + quads]), max(x[from + below], x[from + below + quads]));
}
