// Column access: neighbouring statistics are neighbours in memory, so each invocation owns VECTOR of
// them (4, or 1 where extents or strides do not divide; 16 of what applies on lavapipe) and walks the
// reduced dimensions alone (column_walk.glsl). No invocation waits for another.

layout(constant_id = VKN_SPEC_VECTOR) const uint VECTOR = 4;

struct Column {
    uint x;     // element of the first x, from the start of the box; dx lies alike
    uint y;     // likewise y; residual and dy lie alike
    uint index; // of the first statistic, in per-statistic buffers
    uint parameter; // of its first element
    uint begin; // reduced elements [begin, end)
    uint end;
    uint part;
};

uint column_count()
{
    return statistic_count() / VECTOR * part_count;
}

// Neighbouring items are neighbouring columns of one part.
Column column_of(uint item)
{
    uint lanes = extent[VKN_LANE] / VECTOR;
    uint channels = item / lanes;
    uint lane = (item - channels * lanes) * VECTOR;
    uint batches = channels / extent[VKN_CHANNEL];
    uint channel = channels - batches * extent[VKN_CHANNEL];
    Column c;
    c.part = batches / extent[VKN_BATCH];
    uint batch = batches - c.part * extent[VKN_BATCH];
    c.x = batch * x_stride[VKN_BATCH] + channel * x_stride[VKN_CHANNEL] + lane * x_stride[VKN_LANE];
    c.y = batch * y_stride[VKN_BATCH] + channel * y_stride[VKN_CHANNEL] + lane * y_stride[VKN_LANE];
    c.index = batch * stat_stride[VKN_KEPT(VKN_BATCH)] + channel * stat_stride[VKN_KEPT(VKN_CHANNEL)] +
              lane * stat_stride[VKN_KEPT(VKN_LANE)];
    c.parameter = batch * parameter_stride[VKN_BATCH] + channel * parameter_stride[VKN_CHANNEL] +
                  lane * parameter_stride[VKN_LANE];
    c.begin = min(c.part * part_length, reduce_count());
    c.end = min(c.begin + part_length, reduce_count());
    return c;
}

// The column `by` statistics further on.
Column column_beside(Column c, uint by)
{
    c.x += by;
    c.y += by;
    c.index += by * stat_stride[VKN_KEPT(VKN_LANE)];
    c.parameter += by * parameter_stride[VKN_LANE];
    return c;
}

uint column_index(Column c, uint component)
{
    return c.index + component * stat_stride[VKN_KEPT(VKN_LANE)];
}

// Loads a row of the column: a quad, or its elements one by one.
vec4 column_input(uint x, uint y, bool wide)
{
    if (wide)
        return input_load4(x, y);
    if (VECTOR == 4)
        return vec4(input_load(x, y), input_load(x + 1, y + 1), input_load(x + 2, y + 2), input_load(x + 3, y + 3));
    return vec4(input_load(x, y), 0.0, 0.0, 0.0);
}
