// x, the tensor that every kernel but finish reads.

layout(constant_id = VKN_SPEC_X_TYPE) const uint X_TYPE = 0;

#include "storage.glsl"

READ_TENSOR(x, VKN_BINDING_X, X_TYPE);
