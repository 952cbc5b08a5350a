// Elements of a gradient, from memory and back.

// Elements count from the start of the box, and so do the quads of what ends in 4.
float source_at(uint y, uint residual)
{
    if (IS(VKN_MODE_FROM_OUTPUT))
        return 0.0;
    if (HAS(VKN_HAS_RESIDUAL))
        return residual_load(first_of(AT(SOURCE)) + residual);
    if (HAS(VKN_HAS_Y))
        return y_load(first_of(AT(SOURCE)) + y);
    if (HAS(VKN_HAS_ACTIVATION_MASK))
        return activation_mask_load(first_of(AT(SOURCE)) + y);
    return 0.0;
}

vec4 source_at4(uint y_quad)
{
    if (IS(VKN_MODE_FROM_OUTPUT))
        return vec4(0.0);
    uint quad = quad_of(AT(SOURCE), y_quad);
    if (HAS(VKN_HAS_RESIDUAL))
        return residual_load4(quad);
    if (HAS(VKN_HAS_Y))
        return y_load4(quad);
    if (HAS(VKN_HAS_ACTIVATION_MASK))
        return activation_mask_load4(quad);
    return vec4(0.0);
}

vec4 quad_mean, quad_inv_std;

void parameters_begin(uint parameter)
{
    if (IS(VKN_MODE_ELEMENT_PARAMETERS))
        parameters_load(parameter);
    if (IS(VKN_MODE_ELEMENT_STATISTICS)) {
        if (IS(VKN_MODE_QUAD_PARAMETERS)) {
            quad_mean = vec4(saved_mean(parameter));
            quad_inv_std = vec4(saved_scale(parameter));
        }
    }
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
        if (IS(VKN_MODE_QUAD_PARAMETERS)) {
            e.mean = quad_mean;
            e.inv_std = quad_inv_std;
            return e;
        }
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
    e.x = x_load4(quad_of(VKN_BINDING_X, x));
    e.dy = dy_load4(quad_of(VKN_BINDING_DY, y));
    e.source = source_at4(y);
    e.counted = vec4(1.0);
    return element_with(e, parameter, step);
}

// What the gradient of an element is written to: dx, dresidual, both, or neither.
void gradient_store(uint x, uint y, float dx, float dresidual)
{
    if (HAS(VKN_HAS_DRESIDUAL_SUM))
        dx += dresidual_sum_load(first_of(AT(DRESIDUAL_SUM)) + x);
    if (HAS(VKN_HAS_DX))
        dx_store(first_of(AT(DX)) + x, dx);
    if (HAS(VKN_HAS_DRESIDUAL))
        dresidual_store(first_of(AT(DRESIDUAL)) + y, dresidual);
}

void gradient_store4(uint x, uint y, vec4 dx, vec4 dresidual)
{
    if (HAS(VKN_HAS_DRESIDUAL_SUM))
        dx += dresidual_sum_load4(quad_of(AT(DRESIDUAL_SUM), x));
    if (HAS(VKN_HAS_DX))
        dx_store4(quad_of(AT(DX), x), dx);
    if (HAS(VKN_HAS_DRESIDUAL))
        dresidual_store4(quad_of(AT(DRESIDUAL), y), dresidual);
}

// Whether quads from these elements on are aligned in all that is read; and in all that is written, too.
bool element_is_aligned(uint x, uint y)
{
    return is_aligned(VKN_BINDING_X, x) && is_aligned(VKN_BINDING_DY, y) &&
           (!HAS(VKN_HAS_RESIDUAL | VKN_HAS_Y | VKN_HAS_ACTIVATION_MASK) || IS(VKN_MODE_FROM_OUTPUT) ||
            is_aligned(AT(SOURCE), y));
}

bool are_aligned(uint x, uint y)
{
    return element_is_aligned(x, y) && (!HAS(VKN_HAS_DX) || is_aligned(AT(DX), x)) &&
           (!HAS(VKN_HAS_DRESIDUAL_SUM) || is_aligned(AT(DRESIDUAL_SUM), x)) &&
           (!HAS(VKN_HAS_DRESIDUAL) || is_aligned(AT(DRESIDUAL), y));
}
