/* `vknorm run --list`: the tables, for people. */
#include "table.h"

#include <stdio.h>
#include <string.h>

static void list_operations(void) {
    puts("OPERATIONS, with the attributes that each needs");
    for (size_t i = 0; i < operation_count; i++) {
        const Operation *o = &operations[i];
        printf("  %-12s %-22s %s\n", o->name, o->needs, o->says);
    }
}

static const char *per_name(const Role *role) {
    switch (role->per) {
    case PER_ELEMENT:
        return "element";
    case PER_MASKED:
        return "position";
    case PER_STATISTIC:
        return "statistic";
    case PER_PARAMETER:
        return "parameter";
    case PER_CHANNEL:
        return "channel";
    case PER_BYTE:
        return "byte";
    }
    return "";
}

static const char *type_name(const Role *role) {
    static const struct {
        const char *type, *name;
    } TYPES[] = {{"f4", "float32"}, {"u1", "uint8"}, {"u4", "uint32"}};
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (strcmp(role->type, TYPES[i].type) == 0)
            return TYPES[i].name;
    return "float";
}

static void list_roles(void) {
    puts("\nROLES: read (i), written (o), updated (u: read and written) by the attribute operation =\n"
         "  t train, a apply, s statistics, f finish, T train_gradient, A apply_gradient,\n"
         "  S gradient_statistics, r reduce. A float is float32, float16, or uint16 that holds bfloat16.\n"
         "                   tasfTASr  type     one per    is");
    for (size_t i = 0; i < VKN_ROLE_COUNT; i++)
        if (i != VKN_ROLE_WORKSPACE)
            printf("  %-16s %s  %-8s %-10s %s\n", roles[i].name, roles[i].use, type_name(&roles[i]),
                   per_name(&roles[i]), roles[i].says);
    puts("  A statistic is an index of the kept axes; a parameter one of them too, or of the axes of "
         "layer_norm,\n"
         "  rms_norm and lp_norm, or a channel of group_norm.");
}

static const char *kind_name(const Attribute *attribute) {
    switch (attribute->kind) {
    case KIND_BOOL:
        return "true, false";
    case KIND_U32:
    case KIND_U64:
    case KIND_I32:
        return "N";
    case KIND_FLOAT:
        return "NUMBER";
    case KIND_U64_LIST:
    case KIND_I32_LIST:
        return "N,N,...";
    case KIND_ACTIVATION:
    case KIND_STRATEGY:
        return "NAME";
    case KIND_ENUM:
        break;
    }
    return "";
}

static void list_attributes(void) {
    puts("\nATTRIBUTES");
    for (size_t i = 0; i < attribute_count; i++) {
        printf("  %-20s %s", attributes[i].name, kind_name(&attributes[i]));
        for (const char *const *word = attributes[i].words; word && *word; word++)
            printf("%s%s", word == attributes[i].words ? "" : ", ", *word);
        printf("\n  %20s   %s\n", "", attributes[i].says);
    }
}

static void list_activations(void) {
    puts("\nACTIVATIONS, with their parameters and these parameters' defaults");
    for (size_t id = 0; id < activation_count; id++) {
        VknActivation activation = vkn_activation_default((VknActivationId)id);
        printf("  %-18s", activation_rows[id].name);
        for (uint32_t i = 0; i < activation_rows[id].parameter_count; i++)
            printf(" %s=%g", activation_rows[id].parameters[i], (double)activation.parameter[i]);
        puts("");
    }
}

void table_list(void) {
    list_operations();
    list_roles();
    list_attributes();
    list_activations();
    puts("\nSTRATEGIES");
    for (uint32_t i = 0; vkn_strategy_name(i); i++)
        printf("  %s\n", vkn_strategy_name(i));
    puts("\nWhat each means is told in the header, <vknorm/vknorm.h>.");
}
