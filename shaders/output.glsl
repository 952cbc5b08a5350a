// What APPLY does to an element, once the affine transform of its statistic is loaded.

layout(constant_id = VKN_SPEC_Y_TYPE) const uint Y_TYPE = 0;
layout(constant_id = VKN_SPEC_RESIDUAL_TYPE) const uint RESIDUAL_TYPE = 0;

READ_TENSOR(residual, VKN_BINDING_RESIDUAL, RESIDUAL_TYPE)
WRITE_TENSOR(y, VKN_BINDING_Y, Y_TYPE)
WRITE_BITS(activation_mask, VKN_BINDING_ACTIVATION_MASK)

// Elements count from the start of the box.
float residual_at(uint element)
{
    if (HAS(VKN_HAS_RESIDUAL))
        return residual_load(first_of(VKN_BINDING_RESIDUAL) + element);
    return 0.0;
}

vec4 residual_at4(uint element)
{
    if (HAS(VKN_HAS_RESIDUAL))
        return residual_load4((first_of(VKN_BINDING_RESIDUAL) + element) >> 2);
    return vec4(0.0);
}

// Whether quads from these elements on are aligned in all that is written or added.
bool output_is_aligned(uint y, uint residual)
{
    return is_aligned(VKN_BINDING_Y, y) &&
           (!HAS(VKN_HAS_RESIDUAL) || is_aligned(VKN_BINDING_RESIDUAL, residual)) &&
           (!HAS(VKN_HAS_ACTIVATION_MASK) || is_aligned(VKN_BINDING_ACTIVATION_MASK, y));
}

void output_store(uint element, float z)
{
    y_store(first_of(VKN_BINDING_Y) + element, activate(z));
    if (HAS(VKN_HAS_ACTIVATION_MASK))
        activation_mask_store(first_of(VKN_BINDING_ACTIVATION_MASK) + element,
                              uint(activation_derivative(z) == 1.0));
}

void output_store4(uint element, vec4 z)
{
    y_store4((first_of(VKN_BINDING_Y) + element) >> 2, activate(z));
    if (HAS(VKN_HAS_ACTIVATION_MASK)) {
        uvec4 open = uvec4(equal(activation_derivative(z), vec4(1.0)));
        activation_mask_store4((first_of(VKN_BINDING_ACTIVATION_MASK) + element) >> 2,
                               open.x | open.y << 1 | open.z << 2 | open.w << 3);
    }
}

// The input of the activation; gamma and beta of elements lie from `parameter` on, `step` apart.
vec4 apply(Affine a, vec4 x, vec4 residual, uint parameter, uint step)
{
    precise vec4 centred = (x - a.mean) - a.mean_low;
    vec4 z = centred * a.scale + a.offset;
    if (HAS(VKN_HAS_ELEMENT_PARAMETERS))
        z = z * gamma_at4(parameter, step) + beta_at4(parameter, step);
    return z + residual;
}

float apply(Affine a, float x, float residual, uint parameter)
{
    precise float centred = (x - a.mean.x) - a.mean_low.x;
    float z = centred * a.scale.x + a.offset.x;
    if (HAS(VKN_HAS_ELEMENT_PARAMETERS))
        z = z * gamma_at(parameter) + beta_at(parameter);
    return z + residual;
}
