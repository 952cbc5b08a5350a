#version 450
// Convolution of NHWC without padding: y(n, row, column, filter) = bias + sum of x * kernel. Each invocation has
// one pixel of 4 filters.
layout(local_size_x = 32) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Kernel { vec4 kernel[]; }; // [size][size][channels][filters]
layout(binding = 2) readonly buffer Bias { vec4 bias[]; };
layout(binding = 3) writeonly buffer Y { vec4 y[]; };
layout(push_constant) uniform Push {
    uint batch, height, width, channels; // of x
    uint size;                           // of the window
    uint quads;                          // filters / 4
};

void main() {
    const uint i = gl_GlobalInvocationID.x;
    const uint out_height = height - size + 1, out_width = width - size + 1;
    const uint quad = i % quads, column = i / quads % out_width;
    const uint row = i / quads / out_width % out_height, n = i / quads / out_width / out_height;
    if (n >= batch)
        return;
    vec4 sum = bias[quad];
    uint weight = quad;
    for (uint r = 0; r < size; r++) {
        uint from = ((n * height + row + r) * width + column) * channels;
        for (uint k = 0; k < size * channels; k++, weight += quads)
            sum += x[from + k] * kernel[weight];
    }
    y[i] = sum;
}
