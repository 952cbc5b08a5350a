// The gradient of an element, once the coefficients of its statistic are loaded.

layout(constant_id = VKN_SPEC_Y_TYPE) const uint Y_TYPE = 0;

READ_TENSOR(dy, VKN_BINDING_DY, Y_TYPE)
READ_TENSOR(y, AT(SOURCE), Y_TYPE)
READ_BITS(activation_mask, AT(SOURCE))
WRITE_TENSOR(dx, AT(DX), DX_TYPE)
WRITE_TENSOR(dresidual, AT(DRESIDUAL), RESIDUAL_TYPE)
READ_TENSOR(dresidual_sum, AT(DRESIDUAL_SUM), DX_TYPE)

#include "parameters.glsl"
#include "saved.glsl"

// For up to four statistics at once.
struct Coefficients {
    vec4 mean;
    vec4 inv_std;
    vec4 gamma;
    vec4 beta;
    vec4 mean_dz;      // over the statistic's elements; 0 where the statistic is a constant
    vec4 mean_dz_xhat; // likewise
    vec4 slope;        // of PReLU
};

// Of four statistics, one.
void coefficients_component(inout Coefficients all, uint component, Coefficients one)
{
    bvec4 chosen = is_component(component);
    all.mean = mix(all.mean, one.mean, chosen);
    all.inv_std = mix(all.inv_std, one.inv_std, chosen);
    all.gamma = mix(all.gamma, one.gamma, chosen);
    all.beta = mix(all.beta, one.beta, chosen);
    all.mean_dz = mix(all.mean_dz, one.mean_dz, chosen);
    all.mean_dz_xhat = mix(all.mean_dz_xhat, one.mean_dz_xhat, chosen);
    all.slope = mix(all.slope, one.slope, chosen);
}

Coefficients coefficients_of_component(Coefficients all, uint k)
{
    return Coefficients(vec4(all.mean[k]), vec4(all.inv_std[k]), vec4(all.gamma[k]), vec4(all.beta[k]),
                        vec4(all.mean_dz[k]), vec4(all.mean_dz_xhat[k]), vec4(all.slope[k]));
}

// One element of each tensor, or a quad.
struct Element {
    vec4 x;
    vec4 dy;
    vec4 source;  // of the activation's derivative: the residual, y, or the activation mask; or a factor
    vec4 counted; // 1 where the statistic counts the element, else 0
    // Where they differ between the elements of an item:
    vec4 gamma;
    vec4 beta;
    vec4 mean;
    vec4 inv_std;
    vec4 slope;
};

vec4 normalized(Coefficients c, Element e)
{
    if (IS(VKN_MODE_FROM_OUTPUT))
        return e.x;
    vec4 u = prologue(e.x);
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        if (HAS(VKN_HAS_MASK))
            u = mix(vec4(-INFINITY), u, greaterThan(e.counted, vec4(0.0)));
        return (u - c.mean) - c.inv_std;
    }
    if (IS(VKN_MODE_ELEMENT_STATISTICS))
        return (u - e.mean) * e.inv_std;
    return (u - c.mean) * c.inv_std;
}

vec4 slope_of_element(Coefficients c, Element e)
{
    if (IS(VKN_MODE_ELEMENT_PARAMETERS))
        return e.slope;
    return c.slope;
}

// The input of the activation.
vec4 z_of(Coefficients c, Element e, vec4 xhat)
{
    vec4 z = xhat * c.gamma + c.beta;
    if (IS(VKN_MODE_ELEMENT_PARAMETERS))
        z = xhat * e.gamma + e.beta;
    if (HAS(VKN_HAS_RESIDUAL)) {
        if (!IS(VKN_MODE_RESIDUAL_FACTOR))
            z += e.source;
    }
    return z;
}

// Softmax is a constant where the mask is 0.
vec4 of_counted(Element e, vec4 gradient)
{
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        if (HAS(VKN_HAS_MASK))
            return mix(vec4(0.0), gradient, greaterThan(e.counted, vec4(0.0)));
    }
    return gradient;
}

vec4 dz_of(Coefficients c, Element e, vec4 xhat)
{
    vec4 dz = e.dy;
    if (IS(VKN_MODE_FROM_OUTPUT)) {
        if (IS(VKN_MODE_OUTPUT_IS_EXP))
            dz *= e.x;
    } else if (HAS(VKN_HAS_ACTIVATION_MASK)) {
        dz *= mix(vec4(activation_closed()), vec4(1.0), e.source);
    } else if (HAS(VKN_HAS_Y)) {
        dz *= activation_derivative_of_value(e.source);
    } else {
        dz *= activation_derivative(z_of(c, e, xhat), slope_of_element(c, e));
    }
    if (IS(VKN_MODE_RESIDUAL_FACTOR))
        dz *= e.source;
    return of_counted(e, dz);
}

// What the slope of PReLU is multiplied with, times dy.
vec4 dslope_of(Coefficients c, Element e, vec4 xhat)
{
    if (HAS(VKN_HAS_SLOPE)) {
        vec4 z = z_of(c, e, xhat);
        return mix(e.dy * z, vec4(0.0), greaterThan(z, vec4(0.0)));
    }
    return vec4(0.0);
}

vec4 dresidual_of(Coefficients c, Element e, vec4 xhat, vec4 dz)
{
    if (IS(VKN_MODE_RESIDUAL_FACTOR))
        return of_counted(e, e.dy * activate(z_of(c, e, xhat), slope_of_element(c, e)));
    return dz;
}

// What dz passes on towards x, and what is summed: gamma is in it where elements have their own, else it follows.
vec4 weighted(Element e, vec4 dz)
{
    if (IS(VKN_MODE_ELEMENT_PARAMETERS))
        return dz * e.gamma;
    return dz;
}

// How dz passes through the statistic.
vec4 through_statistic(Coefficients c, vec4 xhat)
{
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        if (IS(VKN_MODE_OUTPUT_IS_EXP))
            return xhat * c.mean_dz;
        return mix(exp_of_negative(xhat), xhat, isnan(xhat)) * c.mean_dz;
    }
    if (OF(VKN_OF_SUM_POWER))
        return mix(sign(xhat) * power_below(xhat), xhat, equal(xhat, vec4(0.0))) * c.mean_dz_xhat;
    return c.mean_dz + xhat * c.mean_dz_xhat;
}

vec4 dx_of(Coefficients c, Element e, vec4 xhat, vec4 dz)
{
    vec4 through = through_statistic(c, xhat);
    if (HAS(VKN_HAS_MASK))
        through = mix(vec4(0.0), through, greaterThan(e.counted, vec4(0.0)));
    vec4 scale = c.inv_std;
    if (OF(VKN_OF_LOG_SUM_EXP))
        scale = vec4(1.0);
    vec4 passed = weighted(e, dz);
    if (IS(VKN_MODE_CELLS))
        passed *= c.gamma;
    else
        scale *= c.gamma;
    return scale * (passed - through) * prologue_derivative(e.x); // of y it is a constant
}

#include "gradient_element.glsl"
