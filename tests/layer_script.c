#include "layer_script.h"

#include <string.h>

static void set_constraint(VknConstraint *constraint, const double *values, uint32_t count) {
    *constraint = (VknConstraint){
        (VknConstraintKind)values[0], (float)values[1], (float)values[2], (float)values[3], count - 4, {0}};
    for (uint32_t i = 4; i < count; i++)
        constraint->axes[i - 4] = (int32_t)values[i];
}

static void set_activation(VknLayerDesc *desc, VknActivationId id, const double *values, uint32_t count) {
    desc->activation.id = id;
    for (uint32_t i = 0; i < count; i++)
        desc->activation.parameter[i] = (float)values[i];
}

static bool set_parameter(VknParameterDesc *parameter, const char *key, const double *values,
                          uint32_t count) {
    if (!strcmp(key, "_l1"))
        parameter->regularizer.l1 = (float)values[0];
    else if (!strcmp(key, "_l2"))
        parameter->regularizer.l2 = (float)values[0];
    else if (!strcmp(key, "_orthogonal"))
        parameter->regularizer.orthogonal = (float)values[0];
    else if (!strcmp(key, "_columns"))
        parameter->regularizer.orthogonal_columns = values[0] != 0;
    else if (!strcmp(key, "_constraint"))
        set_constraint(&parameter->constraint, values, count);
    else
        return false;
    return true;
}

bool layer_script_set(VknLayerDesc *desc, const char *key, const double *values, uint32_t count) {
    const struct {
        const char *key;
        float *field;
    } FLOATS[] = {{"epsilon", &desc->epsilon},
                  {"momentum", &desc->momentum},
                  {"renorm_momentum", &desc->renorm_momentum},
                  {"rmin", &desc->renorm_r_min},
                  {"rmax", &desc->renorm_r_max},
                  {"dmax", &desc->renorm_d_max}};
    const struct {
        const char *key;
        bool *field;
    } BOOLS[] = {{"center", &desc->center}, {"scale", &desc->scale}, {"renorm", &desc->renorm}};
    const struct {
        const char *key;
        VknParameterDesc *field;
    } PARAMETERS[] = {{"gamma", &desc->gamma}, {"beta", &desc->beta}, {"alpha", &desc->alpha}};
    for (size_t i = 0; i < sizeof FLOATS / sizeof *FLOATS; i++)
        if (!strcmp(FLOATS[i].key, key)) {
            *FLOATS[i].field = (float)values[0];
            return true;
        }
    for (size_t i = 0; i < sizeof BOOLS / sizeof *BOOLS; i++)
        if (!strcmp(BOOLS[i].key, key)) {
            *BOOLS[i].field = values[0] != 0;
            return true;
        }
    for (size_t i = 0; i < sizeof PARAMETERS / sizeof *PARAMETERS; i++) {
        size_t length = strlen(PARAMETERS[i].key);
        if (!strncmp(PARAMETERS[i].key, key, length) &&
            set_parameter(PARAMETERS[i].field, key + length, values, count))
            return true;
    }
    if (!strcmp(key, "axes")) {
        desc->axis_count = count;
        for (uint32_t i = 0; i < count; i++)
            desc->axes[i] = (int32_t)values[i];
    } else if (!strcmp(key, "groups")) {
        desc->groups = (int64_t)values[0];
    } else if (!strcmp(key, "virtual_batch_size")) {
        desc->virtual_batch_size = (uint64_t)values[0];
    } else if (!strcmp(key, "relu")) {
        set_activation(desc, VKN_ACTIVATION_RELU, values, count);
    } else if (!strcmp(key, "leaky_relu")) {
        set_activation(desc, VKN_ACTIVATION_LEAKY_RELU, values, count);
    } else if (!strcmp(key, "elu")) {
        set_activation(desc, VKN_ACTIVATION_ELU, values, count);
    } else {
        return false;
    }
    return true;
}
