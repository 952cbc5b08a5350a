#version 450
// C = A B, or bias + A B. Steps say how A and B lie, so that a transposed matrix is one with its steps swapped.
layout(local_size_x = 32) in;
layout(binding = 0) readonly buffer A { float a[]; };
layout(binding = 1) readonly buffer B { float b[]; };
layout(binding = 2) readonly buffer Bias { float bias[]; };
layout(binding = 3) writeonly buffer C { float c[]; };
layout(push_constant) uniform Push {
    uint rows, columns, depth;
    uint a_first, a_row, a_depth;    // from one element of A to the next along a column, along a row
    uint b_first, b_depth, b_column; // likewise of B
    uint has_bias;
};

void store(uint row, uint column, vec4 line) {
    const uint at = row * columns + column;
    if (row >= rows)
        return;
    c[at] = line.x;
    if (column + 1 < columns)
        c[at + 1] = line.y;
    if (column + 2 < columns)
        c[at + 2] = line.z;
    if (column + 3 < columns)
        c[at + 3] = line.w;
}

// Each invocation has a tile of 4 x 4; tiles at the edge read the last row and column again.
void main() {
    const uint tiles = (columns + 3) / 4;
    const uint row = gl_GlobalInvocationID.x / tiles * 4;
    const uint column = gl_GlobalInvocationID.x % tiles * 4;
    if (row >= rows)
        return;
    const uvec4 at = min(column + uvec4(0, 1, 2, 3), columns - 1);
    uvec4 from_a = a_first + min(row + uvec4(0, 1, 2, 3), rows - 1) * a_row;
    uvec4 from_b = b_first + at * b_column;
    vec4 start = vec4(0);
    if (has_bias != 0)
        start = vec4(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
    mat4 sum = mat4(start, start, start, start); // its columns are rows of C
    for (uint k = 0; k < depth; k++) {
        sum += outerProduct(vec4(b[from_b.x], b[from_b.y], b[from_b.z], b[from_b.w]),
                            vec4(a[from_a.x], a[from_a.y], a[from_a.z], a[from_a.w]));
        from_a += a_depth;
        from_b += b_depth;
    }
    store(row, column, sum[0]);
    store(row + 1, column, sum[1]);
    store(row + 2, column, sum[2]);
    store(row + 3, column, sum[3]);
}
