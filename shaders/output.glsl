// What APPLY does to an element, once the affine transform of its statistic is loaded.

layout(constant_id = VKN_SPEC_Y_TYPE) const uint Y_TYPE = 0;

WRITE_TENSOR(y, VKN_BINDING_Y, Y_TYPE)
WRITE_BITS(activation_mask, AT(ACTIVATION_MASK))

void parameters_begin(uint parameter)
{
    if (IS(VKN_MODE_ELEMENT_PARAMETERS))
        parameters_load(parameter);
}

// Elements count from the start of the box, and so do the quads of what ends in 4.
float residual_at(uint element)
{
    if (HAS(VKN_HAS_RESIDUAL))
        return residual_load(first_of(AT(RESIDUAL)) + element);
    return 0.0;
}

vec4 residual_at4(uint quad)
{
    if (HAS(VKN_HAS_RESIDUAL))
        return residual_load4(quad_of(AT(RESIDUAL), quad));
    return vec4(0.0);
}

// Whether quads from these elements on are aligned in all that is written or added.
bool output_is_aligned(uint x, uint y, uint residual)
{
    return is_aligned(VKN_BINDING_Y, y) &&
           (!HAS(VKN_HAS_RESIDUAL) || is_aligned(AT(RESIDUAL), residual)) &&
           (!HAS(VKN_HAS_RESIDUAL_SUM) || is_aligned(AT(RESIDUAL_SUM), x)) &&
           (!HAS(VKN_HAS_ACTIVATION_MASK) || is_aligned(AT(ACTIVATION_MASK), y));
}

// Softmax: exp(u - maximum) / sum, which takes less than exp(u - maximum - log(sum)), and hands on what is NaN in
// the sum. In reproducible plans it is still the latter.
#define ACTIVATION_EXP 27 // in activation.def
#define IS_SOFTMAX (OF(VKN_OF_LOG_SUM_EXP) && ACTIVATION == ACTIVATION_EXP && !HAS(VKN_HAS_RESIDUAL) && !IS(VKN_MODE_REPRODUCIBLE))

vec4 activated(vec4 z, vec4 slope)
{
    if (IS_SOFTMAX)
        return exp_of_negative(z);
    return activate(z, slope);
}

void output_store(uint element, float z, float slope, float factor)
{
    y_store(first_of(VKN_BINDING_Y) + element, activated(vec4(z), vec4(slope)).x * factor);
    if (HAS(VKN_HAS_ACTIVATION_MASK))
        activation_mask_store(first_of(AT(ACTIVATION_MASK)) + element,
                              uint(activation_derivative(z, slope) == 1.0));
}

void output_store4(uint quad, vec4 z, vec4 slope, vec4 factor)
{
    y_store4(quad_of(VKN_BINDING_Y, quad), activated(z, slope) * factor);
    if (HAS(VKN_HAS_ACTIVATION_MASK)) {
        uvec4 open = uvec4(equal(activation_derivative(z, slope), vec4(1.0)));
        activation_mask_store4(quad_of(AT(ACTIVATION_MASK), quad),
                               open.x | open.y << 1 | open.z << 2 | open.w << 3);
    }
}

// The input of the activation but for the residual; gamma and beta of elements lie from `parameter` on, `step`
// apart. `parameter` is also an element's number among those of its statistic.
vec4 affine_apply(Affine a, vec4 u, uint parameter, uint step)
{
    if (OF(VKN_OF_MAX)) {
        uvec4 number = index_first + parameter + uvec4(0, 1, 2, 3) * step;
        return vec4(equal(number, uvec4(a.scale) * VKN_INDEX_UNIT + uvec4(a.mean_low)));
    }
    if (IS_SOFTMAX)
        return u - a.mean;
    precise vec4 centred = (u - a.mean) - a.mean_low;
    if (OF(VKN_OF_LOG_SUM_EXP))
        return centred;
    if (IS(VKN_MODE_ELEMENT_PARAMETERS))
        return centred * a.scale * gamma_at4(parameter, step) + beta_at4(parameter, step);
    return centred * a.scale + a.offset;
}

vec4 slope_of_elements(Affine a, uint parameter, uint step)
{
    if (IS(VKN_MODE_ELEMENT_PARAMETERS))
        return slope_at4(parameter, step);
    return a.slope;
}

// Loads an element of each tensor that is read, and stores those that are written.
void apply(Affine a, uint x, uint y, uint residual, uint dx, uint parameter, bool counts)
{
    float sum = sum_load(x, residual);
    if (HAS(VKN_HAS_RESIDUAL_SUM))
        residual_sum_store(first_of(AT(RESIDUAL_SUM)) + dx, sum);
    float u = prologue(sum);
    if (OF(VKN_OF_LOG_SUM_EXP))
        u = mix(-INFINITY, u, counts);
    float z = affine_apply(a, vec4(u), parameter, 0).x;
    float factor = 1.0;
    if (IS_SOFTMAX)
        factor = a.scale.x;
    else if (IS(VKN_MODE_RESIDUAL_FACTOR))
        factor = residual_at(residual);
    else if (!IS(VKN_MODE_RESIDUAL_BEFORE))
        z += residual_at(residual);
    output_store(y, z, slope_of_elements(a, parameter, 0).x, factor);
}

// A quad, with its sum_load4(); dx lies like x, and residual like y. Several are loaded before the first is applied:
// the caches that miss them are asked for all at once.
void apply4(Affine a, vec4 sum, uint x, uint y, uint parameter, uint step)
{
    if (HAS(VKN_HAS_RESIDUAL_SUM))
        residual_sum_store4(quad_of(AT(RESIDUAL_SUM), x), sum);
    vec4 z = affine_apply(a, prologue(sum), parameter, step);
    vec4 factor = vec4(1.0);
    if (IS_SOFTMAX)
        factor = a.scale;
    else if (IS(VKN_MODE_RESIDUAL_FACTOR))
        factor = residual_at4(y);
    else if (!IS(VKN_MODE_RESIDUAL_BEFORE))
        z += residual_at4(y);
    output_store4(y, z, slope_of_elements(a, parameter, step), factor);
}
