// Coefficients to memory; or where they were prepared, what dx takes from the sums.

layout(set = 0, binding = VKN_BINDING_RECORDS_OUT) writeonly buffer CoefficientsOut { float coefficients_out[]; };
layout(set = 0, binding = VKN_BINDING_COEFFICIENTS_IN) buffer CoefficientsUpdate { float coefficients_update[]; };

// `renorm`: r and d of batch renormalization.
void coefficients_store(uint index, Coefficients c, vec2 renorm)
{
    if (IS(VKN_MODE_PREPARED)) {
        uint i = first_of(VKN_BINDING_COEFFICIENTS_IN) + index * 8;
        coefficients_update[i + 4] = c.mean_dz.x;
        coefficients_update[i + 5] = c.mean_dz_xhat.x;
    } else {
        uint i = first_of(VKN_BINDING_RECORDS_OUT) + index * 8;
        coefficients_out[i] = c.mean.x;
        coefficients_out[i + 1] = c.inv_std.x;
        coefficients_out[i + 2] = c.gamma.x * renorm.x;
        coefficients_out[i + 3] = c.gamma.x * renorm.y + c.beta.x;
        coefficients_out[i + 4] = c.mean_dz.x;
        coefficients_out[i + 5] = c.mean_dz_xhat.x;
        coefficients_out[i + 6] = renorm.x;
        coefficients_out[i + 7] = renorm.y;
    }
}
