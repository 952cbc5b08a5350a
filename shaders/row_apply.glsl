// APPLY along rows. y's alignment decides where four elements move at once; if x lies differently,
// they move one by one.

void run_apply(Affine a, uint x, uint y, uint count, uint lane, uint lanes)
{
    uint head = min((0u - y) & 3u, count);
    if (((x ^ y) & 3u) != 0)
        head = count;
    for (uint i = lane; i < head; i += lanes)
        y_store(y + i, apply(a, x_load(x + i)));
    uint x_quad = (x + head) / 4;
    uint y_quad = (y + head) / 4;
    uint quads = (count - head) / 4;
    uint i = lane;
    for (; i + lanes < quads; i += 2 * lanes) {
        vec4 v = x_load4(x_quad + i);
        vec4 w = x_load4(x_quad + i + lanes);
        y_store4(y_quad + i, apply(a, v));
        y_store4(y_quad + i + lanes, apply(a, w));
    }
    if (i < quads)
        y_store4(y_quad + i, apply(a, x_load4(x_quad + i)));
    for (uint e = head + quads * 4 + lane; e < count; e += lanes)
        y_store(y + e, apply(a, x_load(x + e)));
}

void row_apply(Affine a, Row row, Part part)
{
    uint lane = worker_lane();
    uint lanes = worker_lanes();
    uint inner = extent[VKN_INNER];
    uint outer = part.begin / inner;
    uint skip = part.begin - outer * inner;
    for (uint e = part.begin; e < part.end; outer++) {
        uint count = min(inner - skip, part.end - e);
        run_apply(a, row.x + outer * x_stride[VKN_OUTER] + skip, row.y + outer * y_stride[VKN_OUTER] + skip,
                  count, lane, lanes);
        e += count;
        skip = 0;
    }
}
