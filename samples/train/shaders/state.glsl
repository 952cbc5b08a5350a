// What changes from one submission of a command buffer to the next: nothing in the commands does.
layout(binding = 0) STATE_ACCESS buffer State {
    uint slot;        // which of the batches in the window is taken
    float correction[2]; // Adam: 1 - beta1^t, 1 - beta2^t
};
