#version 450
// Stochastic gradient descent with momentum, of all parameters.
layout(local_size_x = 32) in;
layout(binding = 0) buffer Value { vec4 value[]; };
layout(binding = 1) readonly buffer Gradient { vec4 gradient[]; };
layout(binding = 2) buffer Velocity { vec4 velocity[]; };
layout(push_constant) uniform Push {
    uint count; // vectors
    float rate, momentum;
};

void main() {
    const uint i = gl_GlobalInvocationID.x;
    if (i >= count)
        return;
    velocity[i] = momentum * velocity[i] - rate * gradient[i];
    value[i] += velocity[i];
}
