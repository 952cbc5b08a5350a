// Sums of a part of a row.

struct RowSums {
    Coefficients coefficients;
    float count;
    vec4 dz;
    vec4 dz_xhat;
    vec4 dslope;
};

uint head_of(RowSums s, uint x, uint y, uint count)
{
    uint head = min(head_before(VKN_BINDING_X, x), count);
    return element_is_aligned(x + head, y + head) ? head : count;
}

void sums_add(inout RowSums s, Element e)
{
    vec4 xhat = normalized(s.coefficients, e);
    vec4 dz = weighted(e, dz_of(s.coefficients, e, xhat));
    s.dz += dz;
    s.dz_xhat += dz * xhat;
    if (HAS(VKN_HAS_SLOPE))
        s.dslope += dslope_of(s.coefficients, e, xhat);
    s.count += 4.0;
}

void visit(inout RowSums s, uint x, uint y, uint p)
{
    Element e = element_at(x, y, y, p);
    float xhat = normalized(s.coefficients, e).x;
    float dz = weighted(e, dz_of(s.coefficients, e, vec4(xhat))).x;
    s.dz.x += dz;
    s.dz_xhat.x += dz * xhat;
    if (HAS(VKN_HAS_SLOPE))
        s.dslope.x += dslope_of(s.coefficients, e, vec4(xhat)).x;
    s.count += 1.0;
}

void visit4(inout RowSums s, uint x, uint y, uint p)
{
    sums_add(s, element_at4(x, y, p, parameter_stride[VKN_INNER]));
}

void visit8(inout RowSums s, uint x, uint y, uint p, uint ahead)
{
    uint step = parameter_stride[VKN_INNER];
    Element e = element_at4(x, y, p, step);
    Element f = element_at4(x + ahead, y + ahead, p + 4 * ahead * step, step);
    sums_add(s, e);
    sums_add(s, f);
}

#define STATE RowSums
#include "row_walk.glsl"
#undef STATE

// Every lane of the worker returns the same.
Sums row_sums(Row row, Part part, Coefficients c)
{
    RowSums s = RowSums(c, 0.0, vec4(0.0), vec4(0.0), vec4(0.0));
    row_walk(s, row, part);
    return worker_merge(Sums(s.count, s.dz.x + s.dz.y + s.dz.z + s.dz.w,
                             s.dz_xhat.x + s.dz_xhat.y + s.dz_xhat.z + s.dz_xhat.w,
                             s.dslope.x + s.dslope.y + s.dslope.z + s.dslope.w));
}
