#include "faults_layer.h"

const char *const fault_names[FAULT_POINTS] = {
#define NAME(name, ...) #name,
    FAULT_CREATES(NAME) FAULT_CALLS(NAME) FAULT_OTHERS(NAME) FAULT_REFUSALS(NAME)
#undef NAME
};

const VkResult *fault_results(FaultPoint point) {
    static const VkResult RESULTS[FAULT_POINTS][10] = {
#define CREATE(name, object, parent, info, ...)        {__VA_ARGS__},
#define CALL(name, parameters, arguments, output, ...) {__VA_ARGS__},
#define OTHER(name, ...)                               {__VA_ARGS__},
        FAULT_CREATES(CREATE) FAULT_CALLS(CALL) FAULT_OTHERS(OTHER) FAULT_REFUSALS(OTHER)
#undef CREATE
#undef CALL
#undef OTHER
    };
    return RESULTS[point];
}
