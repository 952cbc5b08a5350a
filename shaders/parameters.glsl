// Gamma and beta. The includer's kernel binds them where it needs them.

layout(set = 0, binding = VKN_BINDING_GAMMA) readonly buffer Gamma { float gamma[]; };
layout(set = 0, binding = VKN_BINDING_BETA) readonly buffer Beta { float beta[]; };

float gamma_of(uint channel)
{
    if (HAS(VKN_HAS_GAMMA))
        return gamma[first_of(VKN_BINDING_GAMMA) + channel];
    return 1.0;
}

float beta_of(uint channel)
{
    if (HAS(VKN_HAS_BETA))
        return beta[first_of(VKN_BINDING_BETA) + channel];
    return 0.0;
}
