// The walk of one invocation down a part of a column. Included once for each STATE, for which the includer
// has defined
//   bool is_wide(STATE s)       whether four neighbouring elements are an aligned quad in every tensor
//   void visit(inout STATE s, uint x, uint y, uint p, bool wide)                              one row
//   void visit4(inout STATE s, uint x, uint y, uint p, uint x_step, uint y_step, bool wide)   four rows
// where x and y are elements, or quads where it is wide, from the start of the box, and p is the parameter of the first
// statistic's; from one statistic to the next it is parameter_stride[VKN_LANE], from row to row parameter_stride[VKN_INNER].
// The loop is entered with `wide` known, one copy for each value: software renderers run both sides of a branch inside.

void column_walk(inout STATE s, Column c, bool wide)
{
    uint unit = wide ? 2 : 0;
    uint x_step = x_stride[VKN_INNER] >> unit;
    uint y_step = y_stride[VKN_INNER] >> unit;
    uint p_step = parameter_stride[VKN_INNER];
    uint outer = c.begin / extent[VKN_INNER];
    uint inner = c.begin - outer * extent[VKN_INNER];
    for (uint e = c.begin; e < c.end;) {
        uint count = min(extent[VKN_INNER] - inner, c.end - e);
        uint x = ((c.x + outer * x_stride[VKN_OUTER]) >> unit) + inner * x_step;
        uint y = ((c.y + outer * y_stride[VKN_OUTER]) >> unit) + inner * y_step;
        uint p = c.parameter + outer * parameter_stride[VKN_OUTER] + inner * p_step;
        uint i = 0;
        if (TAKES_SEVERAL(X_TYPE != VKN_STORE_F32 && VECTOR != 16))
            while (i + 4 <= count) {
                visit4(s, x, y, p, x_step, y_step, wide);
                x += 4 * x_step;
                y += 4 * y_step;
                p += 4 * p_step;
                i += 4;
                STOP_UNLESS(i + 4 <= count);
            }
        while (i < count) {
            visit(s, x, y, p, wide);
            x += x_step;
            y += y_step;
            p += p_step;
            i++;
            STOP_UNLESS(i < count);
        }
        e += count;
        inner = 0;
        outer++;
        STOP_UNLESS(e < c.end);
    }
}

void column_walk(inout STATE s, Column c)
{
    if (is_wide(s))
        column_walk(s, c, true);
    else
        column_walk(s, c, false);
}
