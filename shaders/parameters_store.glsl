// Gradients by the parameters of a channel, in place of what is there or added to it.

layout(constant_id = VKN_SPEC_ACCUMULATE) const uint ACCUMULATE = 0;

layout(set = 0, binding = AT(DGAMMA)) buffer DGamma { float dgamma_out[]; };
layout(set = 0, binding = AT(DBETA)) buffer DBeta { float dbeta_out[]; };
layout(set = 0, binding = VKN_BINDING_DSLOPE) buffer DSlope { float dslope_out[]; };

void parameters_store(uint channel, float dgamma, float dbeta, float dslope)
{
    uint l = first_of(VKN_BINDING_DSLOPE) + channel;
    uint g = first_of(AT(DGAMMA)) + channel;
    uint b = first_of(AT(DBETA)) + channel;
    if (HAS(VKN_HAS_DGAMMA)) {
        if (ACCUMULATE != 0)
            dgamma += dgamma_out[g];
        dgamma_out[g] = dgamma;
    }
    if (HAS(VKN_HAS_DSLOPE)) {
        if (ACCUMULATE != 0)
            dslope += dslope_out[l];
        dslope_out[l] = dslope;
    }
    if (HAS(VKN_HAS_DBETA)) {
        if (ACCUMULATE != 0)
            dbeta += dbeta_out[b];
        dbeta_out[b] = dbeta;
    }
}
