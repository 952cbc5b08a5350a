// Row access: the inner dimension is contiguous, so a statistic's elements are `outer` runs of `inner`
// elements, and a worker's lanes walk each run side by side (row_walk.glsl).

struct Row {
    uint x;     // element of the statistic's first x in its binding; dx lies alike
    uint y;     // likewise y; residual and dy lie alike
    uint index; // of the statistic, in per-statistic buffers
    uint parameter; // of its first element
};

Row row_of(uint statistic)
{
    uint lane = statistic % extent[VKN_LANE];
    uint rest = statistic / extent[VKN_LANE];
    uint channel = rest % extent[VKN_CHANNEL];
    uint batch = rest / extent[VKN_CHANNEL];
    Row row;
    row.x = batch * x_stride[VKN_BATCH] + channel * x_stride[VKN_CHANNEL] + lane * x_stride[VKN_LANE];
    row.y = batch * y_stride[VKN_BATCH] + channel * y_stride[VKN_CHANNEL] + lane * y_stride[VKN_LANE];
    row.index = batch * stat_stride[VKN_KEPT(VKN_BATCH)] + channel * stat_stride[VKN_KEPT(VKN_CHANNEL)] +
                lane * stat_stride[VKN_KEPT(VKN_LANE)];
    row.parameter = batch * parameter_stride[VKN_BATCH] + channel * parameter_stride[VKN_CHANNEL] +
                    lane * parameter_stride[VKN_LANE];
    return row;
}

// Where a row of four lies: quads from the first one on.
void row_component(inout uvec4 x, inout uvec4 y, uint k, Row row, Row first)
{
    x = mix(x, uvec4((row.x - first.x) >> 2), is_component(k));
    y = mix(y, uvec4((row.y - first.y) >> 2), is_component(k));
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
