// Sums and dx of four rows that have the same parameters: these are loaded once. And parts of the gradients
// by the parameters, which else have to read x and dy again. The rows are equally aligned.

struct FourRows {
    Coefficients all; // a component for each row
    uvec4 x;          // quads from the first row on
    uvec4 y;
};

struct FourSums {
    FourRows rows;
    vec4 dz; // a component for each row
    vec4 dz_xhat;
};

struct FourGradients {
    FourRows rows;
    uint part; // where this part of dgamma begins, and that of dbeta reduce_count() on
    bool adds; // to what earlier rows left there
};

// With the parameters that are loaded once.
Element shared_by(Element e, vec4 gamma, vec4 beta)
{
    e.gamma = gamma;
    e.beta = beta;
    return e;
}

// ---------------------------------------------------------------------------------------------- sums

uint head_of(FourSums s, uint x, uint y, uint count)
{
    uint head = min(head_before(VKN_BINDING_X, x), count);
    return element_is_aligned(x + head, y + head) ? head : count;
}

vec2 row_sums(FourSums s, uint k, Element e)
{
    Coefficients c = coefficients_of_component(s.rows.all, k);
    vec4 xhat = normalized(c, e);
    vec4 dz = weighted(e, dz_of(c, e, xhat));
    return vec2(dz.x + dz.y + dz.z + dz.w, dot(dz, xhat));
}

void visit(inout FourSums s, uint x, uint y, uint p)
{
    vec4 gamma = vec4(gamma_at(p)), beta = vec4(beta_at(p));
    for (uint k = 0; k < 4; k++) {
        uint x_k = x + 4 * s.rows.x[k], y_k = y + 4 * s.rows.y[k];
        Coefficients c = coefficients_of_component(s.rows.all, k);
        Element e = shared_by(element_at(x_k, y_k, y_k, p), gamma, beta);
        vec4 xhat = normalized(c, e);
        float dz = weighted(e, dz_of(c, e, xhat)).x;
        s.dz += mix(vec4(0.0), vec4(dz), is_component(k));
        s.dz_xhat += mix(vec4(0.0), vec4(dz * xhat.x), is_component(k));
    }
}

void visit4(inout FourSums s, uint x, uint y, uint p)
{
    uint step = parameter_stride[VKN_INNER];
    uvec4 xs = x + s.rows.x, ys = y + s.rows.y;
    vec4 gamma = gamma_load4(p, step), beta = beta_load4(p, step);
    Element e0 = shared_by(element_at4(xs[0], ys[0], p, step), gamma, beta);
    Element e1 = shared_by(element_at4(xs[1], ys[1], p, step), gamma, beta);
    Element e2 = shared_by(element_at4(xs[2], ys[2], p, step), gamma, beta);
    Element e3 = shared_by(element_at4(xs[3], ys[3], p, step), gamma, beta);
    vec2 s0 = row_sums(s, 0, e0), s1 = row_sums(s, 1, e1);
    vec2 s2 = row_sums(s, 2, e2), s3 = row_sums(s, 3, e3);
    s.dz += vec4(s0.x, s1.x, s2.x, s3.x);
    s.dz_xhat += vec4(s0.y, s1.y, s2.y, s3.y);
}

#define QUADS_ALONE
#define STATE FourSums
#include "row_walk.glsl"
#undef STATE

// -------------------------------------------------------------------------------------------- gradients

layout(set = 0, binding = VKN_BINDING_RECORDS_OUT) buffer ParameterParts { float parameter_parts[]; };

uint head_of(FourGradients s, uint x, uint y, uint count)
{
    uint head = min(head_before(VKN_BINDING_X, x), count);
    return are_aligned(x + head, y + head) ? head : count;
}

void part_add(uint i, float v, bool adds)
{
    if (adds)
        v += parameter_parts[i];
    parameter_parts[i] = v;
}

void part_add4(uint i, uint step, vec4 v, bool adds)
{
    uvec4 at = i + uvec4(0, 1, 2, 3) * step;
    if (adds)
        v += vec4(parameter_parts[at.x], parameter_parts[at.y], parameter_parts[at.z], parameter_parts[at.w]);
    parameter_parts[at.x] = v.x;
    parameter_parts[at.y] = v.y;
    parameter_parts[at.z] = v.z;
    parameter_parts[at.w] = v.w;
}

void visit(inout FourGradients s, uint x, uint y, uint p)
{
    float dgamma = 0.0, dbeta = 0.0;
    vec4 gamma = vec4(gamma_at(p)), beta = vec4(beta_at(p));
    for (uint k = 0; k < 4; k++) {
        uint x_k = x + 4 * s.rows.x[k], y_k = y + 4 * s.rows.y[k];
        Coefficients c = coefficients_of_component(s.rows.all, k);
        Element e = shared_by(element_at(x_k, y_k, y_k, p), gamma, beta);
        vec4 xhat = normalized(c, e);
        vec4 dz = dz_of(c, e, xhat);
        gradient_store(x_k, y_k, dx_of(c, e, xhat, dz).x, dresidual_of(c, e, xhat, dz).x);
        dgamma += dz.x * xhat.x;
        dbeta += dz.x;
    }
    if (HAS(VKN_HAS_DGAMMA))
        part_add(s.part + p, dgamma, s.adds);
    if (HAS(VKN_HAS_DBETA))
        part_add(s.part + reduce_count() + p, dbeta, s.adds);
}

void row_gradient(FourGradients s, uint k, Element e, uint x, uint y, inout vec4 dgamma, inout vec4 dbeta)
{
    Coefficients c = coefficients_of_component(s.rows.all, k);
    vec4 xhat = normalized(c, e);
    vec4 dz = dz_of(c, e, xhat);
    gradient_store4(x, y, dx_of(c, e, xhat, dz), dresidual_of(c, e, xhat, dz));
    dgamma += dz * xhat;
    dbeta += dz;
}

void visit4(inout FourGradients s, uint x, uint y, uint p)
{
    uint step = parameter_stride[VKN_INNER];
    uvec4 xs = x + s.rows.x, ys = y + s.rows.y;
    vec4 dgamma = vec4(0.0), dbeta = vec4(0.0);
    vec4 gamma = gamma_load4(p, step), beta = beta_load4(p, step);
    Element e0 = shared_by(element_at4(xs[0], ys[0], p, step), gamma, beta);
    Element e1 = shared_by(element_at4(xs[1], ys[1], p, step), gamma, beta);
    Element e2 = shared_by(element_at4(xs[2], ys[2], p, step), gamma, beta);
    Element e3 = shared_by(element_at4(xs[3], ys[3], p, step), gamma, beta);
    row_gradient(s, 0, e0, xs[0], ys[0], dgamma, dbeta);
    row_gradient(s, 1, e1, xs[1], ys[1], dgamma, dbeta);
    row_gradient(s, 2, e2, xs[2], ys[2], dgamma, dbeta);
    row_gradient(s, 3, e3, xs[3], ys[3], dgamma, dbeta);
    if (HAS(VKN_HAS_DGAMMA))
        part_add4(s.part + p, step, dgamma, s.adds);
    if (HAS(VKN_HAS_DBETA))
        part_add4(s.part + reduce_count() + p, step, dbeta, s.adds);
}

#define STATE FourGradients
#include "row_walk.glsl"
#undef STATE
#undef QUADS_ALONE
