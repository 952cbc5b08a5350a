// Gamma, beta and the slope of PReLU: per statistic, or where they differ between its elements, per element. The includer defines
// where they are bound, if not where most kernels have them.

#ifndef PARAMETERS
#define PARAMETERS
#ifndef GAMMA_BINDING
#define GAMMA_BINDING VKN_BINDING_GAMMA
#define BETA_BINDING  VKN_BINDING_BETA
#endif

READ_FIGURES(gamma, GAMMA_BINDING)
READ_FIGURES(beta, BETA_BINDING)
READ_FIGURES(slope, AT(SLOPE))

float gamma_at(uint parameter)
{
    if (HAS(VKN_HAS_GAMMA))
        return gamma_load(first_of(GAMMA_BINDING) + parameter);
    return 1.0;
}

float beta_at(uint parameter)
{
    if (HAS(VKN_HAS_BETA))
        return beta_load(first_of(BETA_BINDING) + parameter);
    return 0.0;
}

float slope_at(uint parameter)
{
    if (HAS(VKN_HAS_SLOPE))
        return slope_load(first_of(AT(SLOPE)) + parameter);
    return 1.0;
}

// Where all elements of a quad have the same parameter, or statistic, it is loaded by parameters_begin(): once for
// a run of quads that have it. And where four rows have the same parameters, once for the four.
vec4 quad_gamma, quad_beta, quad_slope;

// Of four elements, `step` parameters apart.
vec4 gamma_load4(uint parameter, uint step)
{
    return vec4(gamma_at(parameter), gamma_at(parameter + step), gamma_at(parameter + 2 * step),
                gamma_at(parameter + 3 * step));
}

vec4 beta_load4(uint parameter, uint step)
{
    return vec4(beta_at(parameter), beta_at(parameter + step), beta_at(parameter + 2 * step),
                beta_at(parameter + 3 * step));
}

vec4 slope_load4(uint parameter, uint step)
{
    return vec4(slope_at(parameter), slope_at(parameter + step), slope_at(parameter + 2 * step),
                slope_at(parameter + 3 * step));
}

vec4 gamma_at4(uint parameter, uint step)
{
    if (IS(VKN_MODE_QUAD_PARAMETERS | VKN_MODE_FOUR_ROWS))
        return quad_gamma;
    return gamma_load4(parameter, step);
}

vec4 beta_at4(uint parameter, uint step)
{
    if (IS(VKN_MODE_QUAD_PARAMETERS | VKN_MODE_FOUR_ROWS))
        return quad_beta;
    return beta_load4(parameter, step);
}

vec4 slope_at4(uint parameter, uint step)
{
    if (IS(VKN_MODE_QUAD_PARAMETERS | VKN_MODE_FOUR_ROWS))
        return quad_slope;
    return slope_load4(parameter, step);
}

// Of a statistic.
float gamma_of(uint channel)
{
    if (IS(VKN_MODE_ELEMENT_PARAMETERS))
        return 1.0;
    return gamma_at(channel);
}

float beta_of(uint channel)
{
    if (IS(VKN_MODE_ELEMENT_PARAMETERS))
        return 0.0;
    return beta_at(channel);
}

float slope_of(uint channel)
{
    if (IS(VKN_MODE_ELEMENT_PARAMETERS))
        return 1.0;
    return slope_at(channel);
}

// Of an element.
void parameters_load(uint parameter)
{
    if (IS(VKN_MODE_QUAD_PARAMETERS)) {
        quad_gamma = vec4(gamma_at(parameter));
        quad_beta = vec4(beta_at(parameter));
        quad_slope = vec4(slope_at(parameter));
    }
}
#endif
