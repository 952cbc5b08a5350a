// The walk of a worker's lanes over a part of a row. Included once for each STATE, for which the includer
// has defined
//   uint head_of(STATE s, uint x, uint y, uint count)       of `count` elements from x and y on, how many
//                                                            come before whole aligned quads; all if none do
//   void visit(inout STATE s, uint x, uint y, uint p)                one element
//   void visit4(inout STATE s, uint x, uint y, uint p)               a quad, aligned in every tensor
//   void visit8(inout STATE s, uint x, uint y, uint p, uint ahead)   two quads, the other `ahead` quads on; or
//   QUADS_ALONE, where visit4() is enough work
// where x and y are elements, or quads, from the start of the box, and p is the parameter of the first element;
// from one element of a run to the next it is parameter_stride[VKN_INNER].

// From a lane's quad number `i` on.
void run_walk(inout STATE s, uint x, uint y, uint p, uint count, uint lane, uint lanes, uint i)
{
    uint p_step = parameter_stride[VKN_INNER];
    uint head = head_of(s, x, y, count);
    uint middle = (count - head) & ~3u;
    uint end = lane;
    while (end < count - middle) {
        uint e = end < head ? end : end + middle;
        visit(s, x + e, y + e, p + e * p_step);
        end += lanes;
        STOP_UNLESS(end < count - middle);
    }
    x = (x + head) >> 2;
    y = (y + head) >> 2;
    p += head * p_step;
    p_step *= 4;
    uint quads = middle >> 2;
#ifndef QUADS_ALONE
    if (TAKES_SEVERAL(true))
        while (i + lanes < quads) {
            visit8(s, x + i, y + i, p + i * p_step, lanes);
            i += 2 * lanes;
            STOP_UNLESS(i + lanes < quads);
        }
#endif
    while (i < quads) {
        visit4(s, x + i, y + i, p + i * p_step);
        i += lanes;
        STOP_UNLESS(i < quads);
    }
}

void row_walk(inout STATE s, Row row, Part part)
{
    uint lane = worker_lane();
    uint lanes = worker_lanes();
    uint inner = extent[VKN_INNER];
    uint outer = part.begin / inner;
    uint skip = part.begin - outer * inner;
    for (uint e = part.begin; e < part.end;) {
        uint count = min(inner - skip, part.end - e);
        uint p = row.parameter + outer * parameter_stride[VKN_OUTER] + skip * parameter_stride[VKN_INNER];
#ifdef PARAMETERS
        parameters_begin(p);
#endif
        run_walk(s, row.x + outer * x_stride[VKN_OUTER] + skip, row.y + outer * y_stride[VKN_OUTER] + skip, p, count,
                 lane, lanes, lane);
        e += count;
        skip = 0;
        outer++;
        STOP_UNLESS(e < part.end);
    }
}
