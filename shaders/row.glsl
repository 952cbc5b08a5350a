// Row access: the inner dimension is contiguous, so a statistic's elements are `outer` runs of `inner`
// elements, and a worker's lanes walk each run side by side, four elements per access. What lies before
// the first aligned element of a run and after the last goes one element at a time.

struct Row {
    uint x;     // element of the statistic's first x in its binding
    uint y;     // likewise y
    uint index; // of the statistic, in per-statistic buffers
};

Row row_of(uint statistic)
{
    uint lane = statistic % extent[VKN_LANE];
    uint rest = statistic / extent[VKN_LANE];
    uint channel = rest % extent[VKN_CHANNEL];
    uint batch = rest / extent[VKN_CHANNEL];
    Row row;
    row.x = first_of(VKN_BINDING_X) + batch * x_stride[VKN_BATCH] + channel * x_stride[VKN_CHANNEL] +
            lane * x_stride[VKN_LANE];
    row.y = first_of(VKN_BINDING_Y) + batch * y_stride[VKN_BATCH] + channel * y_stride[VKN_CHANNEL] +
            lane * y_stride[VKN_LANE];
    row.index = batch * stat_stride[VKN_BATCH] + channel * stat_stride[VKN_CHANNEL] +
                lane * stat_stride[VKN_LANE];
    return row;
}

// A part of a row: elements [begin, end) of its outer x inner.
struct Part {
    uint begin;
    uint end;
};

Part part_of(uint number)
{
    uint count = reduce_count();
    uint begin = min(number * part_length, count);
    return Part(begin, min(begin + part_length, count));
}

// The shift of a part is its first element.
float row_shift(Row row, Part part)
{
    uint outer = part.begin / extent[VKN_INNER];
    uint inner = part.begin - outer * extent[VKN_INNER];
    return part.begin < part.end ? x_load(row.x + outer * x_stride[VKN_OUTER] + inner) : 0.0;
}

Moments run_reduce(Moments m, uint begin, uint count, float shift, uint lane, uint lanes)
{
    uint head = min((0u - begin) & 3u, count);
    for (uint i = lane; i < head; i += lanes)
        m = add(m, x_load(begin + i) - shift);
    uint quad = (begin + head) / 4;
    uint quads = (count - head) / 4;
    uint i = lane;
    for (; i + lanes < quads; i += 2 * lanes)
        m = add(m, x_load4(quad + i) - shift, x_load4(quad + i + lanes) - shift);
    for (uint e = head + i * 4; i < quads && e < head + i * 4 + 4; e++)
        m = add(m, x_load(begin + e) - shift);
    for (uint e = head + quads * 4 + lane; e < count; e += lanes)
        m = add(m, x_load(begin + e) - shift);
    return m;
}

// The lanes' moments of a part, merged: every lane returns the same.
Moments row_reduce(Row row, Part part, float shift)
{
    uint lane = worker_lane();
    uint lanes = worker_lanes();
    uint inner = extent[VKN_INNER];
    uint outer = part.begin / inner;
    uint skip = part.begin - outer * inner;
    Moments m = NO_MOMENTS;
    for (uint e = part.begin; e < part.end; outer++) {
        uint count = min(inner - skip, part.end - e);
        m = run_reduce(m, row.x + outer * x_stride[VKN_OUTER] + skip, count, shift, lane, lanes);
        e += count;
        skip = 0;
    }
    return worker_merge(m);
}
