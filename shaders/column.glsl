// Column access: neighbouring statistics are neighbours in memory, so each invocation owns VECTOR of
// them (4, or 1 where extents or strides do not divide) and walks the reduced dimensions alone. No
// invocation waits for another.

layout(constant_id = VKN_SPEC_VECTOR) const uint VECTOR = 4;

uint vector_width()
{
    return VECTOR;
}

struct Column {
    uint x;     // element of the first x in its binding
    uint y;     // likewise y
    uint index; // of the first statistic, in per-statistic buffers
    uint begin; // reduced elements [begin, end)
    uint end;
    uint part;
};

uint column_count()
{
    return statistic_count() / vector_width() * part_count;
}

// Neighbouring items are neighbouring columns of one part.
Column column_of(uint item)
{
    uint lanes = extent[VKN_LANE] / vector_width();
    uint lane = item % lanes * vector_width();
    uint rest = item / lanes;
    uint channel = rest % extent[VKN_CHANNEL];
    rest /= extent[VKN_CHANNEL];
    uint batch = rest % extent[VKN_BATCH];
    Column c;
    c.part = rest / extent[VKN_BATCH];
    c.x = first_of(VKN_BINDING_X) + batch * x_stride[VKN_BATCH] + channel * x_stride[VKN_CHANNEL] +
          lane * x_stride[VKN_LANE];
    c.y = first_of(VKN_BINDING_Y) + batch * y_stride[VKN_BATCH] + channel * y_stride[VKN_CHANNEL] +
          lane * y_stride[VKN_LANE];
    c.index = batch * stat_stride[VKN_BATCH] + channel * stat_stride[VKN_CHANNEL] +
              lane * stat_stride[VKN_LANE];
    c.begin = min(c.part * part_length, reduce_count());
    c.end = min(c.begin + part_length, reduce_count());
    return c;
}

uint column_index(Column c, uint component)
{
    return c.index + component * stat_stride[VKN_LANE];
}

// Whether four neighbouring elements of a box lie in one aligned vec4: all do, or none, as the binding
// begins. Loops are entered with `wide` known, one copy for each value: software renderers run both
// sides of a branch inside.
bool is_wide(uint binding)
{
    return vector_width() == 4 && first_of(binding) % 4 == 0;
}

vec4 column_load(uint element, bool wide)
{
    if (wide)
        return x_load4(element / 4);
    if (vector_width() == 4)
        return vec4(x_load(element), x_load(element + 1), x_load(element + 2), x_load(element + 3));
    return vec4(x_load(element), 0.0, 0.0, 0.0);
}

struct ColumnMoments {
    float count;
    vec4 mean; // from the shift
    vec4 m2;
};

ColumnMoments column_merge(ColumnMoments a, ColumnMoments b)
{
    float count = a.count + b.count;
    float share = b.count / count;
    vec4 distance = b.mean - a.mean;
    return ColumnMoments(count, a.mean + distance * share, a.m2 + b.m2 + distance * distance * (a.count * share));
}

ColumnMoments column_add(ColumnMoments m, vec4 a, vec4 b, vec4 c, vec4 d)
{
    vec4 mean = (a + b + c + d) * 0.25;
    a -= mean;
    b -= mean;
    c -= mean;
    d -= mean;
    return column_merge(m, ColumnMoments(4.0, mean, a * a + b * b + c * c + d * d));
}

vec4 column_shift(Column c)
{
    uint outer = c.begin / extent[VKN_INNER];
    uint inner = c.begin - outer * extent[VKN_INNER];
    if (c.begin >= c.end)
        return vec4(0.0);
    return column_load(c.x + outer * x_stride[VKN_OUTER] + inner * x_stride[VKN_INNER], false);
}

ColumnMoments column_reduce(Column c, vec4 shift, bool wide)
{
    uint stride = x_stride[VKN_INNER];
    uint outer = c.begin / extent[VKN_INNER];
    uint inner = c.begin - outer * extent[VKN_INNER];
    ColumnMoments m = ColumnMoments(0.0, vec4(0.0), vec4(0.0));
    for (uint e = c.begin; e < c.end; outer++) {
        uint count = min(extent[VKN_INNER] - inner, c.end - e);
        uint x = c.x + outer * x_stride[VKN_OUTER] + inner * stride;
        uint i = 0;
        for (; i + 4 <= count; i += 4) {
            vec4 a = column_load(x, wide) - shift;
            vec4 b = column_load(x + stride, wide) - shift;
            vec4 c = column_load(x + 2 * stride, wide) - shift;
            vec4 d = column_load(x + 3 * stride, wide) - shift;
            m = column_add(m, a, b, c, d);
            x += 4 * stride;
        }
        for (; i < count; i++) {
            m = column_merge(m, ColumnMoments(1.0, column_load(x, wide) - shift, vec4(0.0)));
            x += stride;
        }
        e += count;
        inner = 0;
    }
    return m;
}

ColumnMoments column_reduce(Column c, vec4 shift)
{
    if (is_wide(VKN_BINDING_X))
        return column_reduce(c, shift, true);
    return column_reduce(c, shift, false);
}

Moments column_component(ColumnMoments m, uint component)
{
    return Moments(m.count, m.mean[component], m.m2[component]);
}
