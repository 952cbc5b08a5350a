#version 450
// The gradient by a convolution's kernel, of each sample on its own: what vknorm then adds up. Each invocation has
// one weight of 4 filters.
layout(local_size_x = 32) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Dy { vec4 dy[]; };
layout(binding = 2) writeonly buffer Parts { vec4 parts[]; }; // [batch][size][size][channels][filters]
layout(push_constant) uniform Push {
    uint batch, height, width, channels; // of x
    uint size;                           // of the window
    uint quads;                          // filters / 4
};

void main() {
    const uint i = gl_GlobalInvocationID.x;
    const uint out_height = height - size + 1, out_width = width - size + 1;
    const uint quad = i % quads, k = i / quads % (size * channels);
    const uint r = i / quads / (size * channels) % size, n = i / quads / (size * channels) / size;
    if (n >= batch)
        return;
    vec4 sum = vec4(0);
    uint slope = n * out_height * out_width * quads + quad;
    for (uint row = 0; row < out_height; row++) {
        uint from = (n * height + row + r) * width * channels + k;
        for (uint column = 0; column < out_width; column++, from += channels, slope += quads)
            sum += x[from] * dy[slope];
    }
    parts[i] = sum;
}
