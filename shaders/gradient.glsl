// The gradient of an element, once the coefficients of its statistic are loaded. The includer defines
// DX_BINDING.

layout(constant_id = VKN_SPEC_Y_TYPE) const uint Y_TYPE = 0;

READ_TENSOR(dy, VKN_BINDING_DY, Y_TYPE)
READ_TENSOR(y, VKN_BINDING_SOURCE, Y_TYPE)
READ_BITS(activation_mask, VKN_BINDING_SOURCE)
WRITE_TENSOR(dx, DX_BINDING, DX_TYPE)
WRITE_TENSOR(dresidual, VKN_BINDING_DRESIDUAL, RESIDUAL_TYPE)
READ_TENSOR(dresidual_sum, VKN_BINDING_DRESIDUAL_SUM, DX_TYPE)

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
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        if (HAS(VKN_HAS_MASK))
            dz = mix(vec4(0.0), dz, greaterThan(e.counted, vec4(0.0)));
    }
    return dz;
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
        return e.dy * activate(z_of(c, e, xhat), slope_of_element(c, e));
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
    vec4 scale = c.gamma * c.inv_std;
    if (OF(VKN_OF_LOG_SUM_EXP))
        scale = c.gamma;
    return scale * (weighted(e, dz) - through) * prologue_derivative(e.x); // of y it is a constant
}

// Elements count from the start of the box.
float source_at(uint y, uint residual)
{
    if (IS(VKN_MODE_FROM_OUTPUT))
        return 0.0;
    if (HAS(VKN_HAS_RESIDUAL))
        return residual_load(first_of(VKN_BINDING_SOURCE) + residual);
    if (HAS(VKN_HAS_Y))
        return y_load(first_of(VKN_BINDING_SOURCE) + y);
    if (HAS(VKN_HAS_ACTIVATION_MASK))
        return activation_mask_load(first_of(VKN_BINDING_SOURCE) + y);
    return 0.0;
}

vec4 source_at4(uint y)
{
    if (IS(VKN_MODE_FROM_OUTPUT))
        return vec4(0.0);
    uint quad = (first_of(VKN_BINDING_SOURCE) + y) >> 2;
    if (HAS(VKN_HAS_RESIDUAL))
        return residual_load4(quad);
    if (HAS(VKN_HAS_Y))
        return y_load4(quad);
    if (HAS(VKN_HAS_ACTIVATION_MASK))
        return activation_mask_load4(quad);
    return vec4(0.0);
}

// `parameter`: of the first element; the others' are `step` apart. Seen from the parameters, it is the
// statistic.
Element element_with(Element e, uint parameter, uint step)
{
    if (IS(VKN_MODE_ELEMENT_PARAMETERS)) {
        e.gamma = gamma_at4(parameter, step);
        e.beta = beta_at4(parameter, step);
        e.slope = slope_at4(parameter, step);
    }
    if (IS(VKN_MODE_ELEMENT_STATISTICS)) {
        for (uint k = 0; k < 4; k++) {
            e.mean[k] = saved_mean(parameter + k * step);
            e.inv_std[k] = saved_scale(parameter + k * step);
        }
    }
    return e;
}

Element element_at(uint x, uint y, uint residual, uint parameter)
{
    Element e;
    e.x = vec4(x_load(first_of(VKN_BINDING_X) + x));
    e.dy = vec4(dy_load(first_of(VKN_BINDING_DY) + y));
    e.source = vec4(source_at(y, residual));
    e.counted = vec4(1.0);
    return element_with(e, parameter, 0);
}

Element element_at4(uint x, uint y, uint parameter, uint step)
{
    Element e;
    e.x = x_load4((first_of(VKN_BINDING_X) + x) >> 2);
    e.dy = dy_load4((first_of(VKN_BINDING_DY) + y) >> 2);
    e.source = source_at4(y);
    e.counted = vec4(1.0);
    return element_with(e, parameter, step);
}

// What the gradient of an element is written to: dx, dresidual, both, or neither.
void gradient_store(uint x, uint y, vec4 dx, vec4 dresidual, uint count)
{
    for (uint k = 0; k < count; k++) {
        if (HAS(VKN_HAS_DRESIDUAL_SUM))
            dx[k] += dresidual_sum_load(first_of(VKN_BINDING_DRESIDUAL_SUM) + x + k);
        if (HAS(VKN_HAS_DX))
            dx_store(first_of(DX_BINDING) + x + k, dx[k]);
        if (HAS(VKN_HAS_DRESIDUAL))
            dresidual_store(first_of(VKN_BINDING_DRESIDUAL) + y + k, dresidual[k]);
    }
}

void gradient_store4(uint x, uint y, vec4 dx, vec4 dresidual)
{
    if (HAS(VKN_HAS_DRESIDUAL_SUM))
        dx += dresidual_sum_load4((first_of(VKN_BINDING_DRESIDUAL_SUM) + x) >> 2);
    if (HAS(VKN_HAS_DX))
        dx_store4((first_of(DX_BINDING) + x) >> 2, dx);
    if (HAS(VKN_HAS_DRESIDUAL))
        dresidual_store4((first_of(VKN_BINDING_DRESIDUAL) + y) >> 2, dresidual);
}

// Whether quads from these elements on are aligned in all that is read; and in all that is written, too.
bool element_is_aligned(uint x, uint y)
{
    return is_aligned(VKN_BINDING_X, x) && is_aligned(VKN_BINDING_DY, y) &&
           (!HAS(VKN_HAS_RESIDUAL | VKN_HAS_Y | VKN_HAS_ACTIVATION_MASK) || IS(VKN_MODE_FROM_OUTPUT) ||
            is_aligned(VKN_BINDING_SOURCE, y));
}

bool are_aligned(uint x, uint y)
{
    return element_is_aligned(x, y) && (!HAS(VKN_HAS_DX) || is_aligned(DX_BINDING, x)) &&
           (!HAS(VKN_HAS_DRESIDUAL_SUM) || is_aligned(VKN_BINDING_DRESIDUAL_SUM, x)) &&
           (!HAS(VKN_HAS_DRESIDUAL) || is_aligned(VKN_BINDING_DRESIDUAL, y));
}
