#include "run.h"

#include <stdio.h>
#include <string.h>

static void usage(void) {
    puts("usage: vknorm run OPERATION --in ROLE=FILE.npy ... --out ROLE=FILE.npy ... [--set ATTRIBUTE=VALUE "
         "...]\n"
         "\n"
         "Computes one operation on NumPy's files. What is bound is what is computed: an output that is not "
         "named\n"
         "is not made, an input that is not named has its default.\n"
         "\n"
         "  --in ROLE=FILE          reads a role, for example x=x.npy\n"
         "  --out ROLE=FILE         writes one, whole or not at all; what is updated has both\n"
         "  --set ATTRIBUTE=VALUE   sets a field of the description, for example epsilon=1e-5\n"
         "  --device NAME|INDEX     part of a device's name, or its number in vknorm info\n"
         "                          (default: the first GPU, else a software renderer)\n"
         "  --validation            fails when Vulkan's validation layer has something to say\n"
         "  --list                  all operations, roles, attributes, activations and strategies\n"
         "  --help                  prints this\n"
         "\n"
         "Layer normalization, and its gradient:\n"
         "\n"
         "  vknorm run layer_norm --set axes=-1 --in x=x.npy --in gamma=g.npy --in beta=b.npy \\\n"
         "      --out y=y.npy --out mean=mean.npy --out inv_std=inv_std.npy\n"
         "  vknorm run layer_norm --set axes=-1 --set operation=train_gradient --in x=x.npy --in dy=dy.npy "
         "\\\n"
         "      --in gamma=g.npy --in mean=mean.npy --in inv_std=inv_std.npy \\\n"
         "      --out dx=dx.npy --out dgamma=dgamma.npy --out dbeta=dbeta.npy\n"
         "\n"
         "GELU in bfloat16, and the greatest elements of rows with their places:\n"
         "\n"
         "  vknorm run activation --set activation=gelu --set x.type=bf16 --in x=x.npy --out y=y.npy\n"
         "  vknorm run reduce --set statistic=max --set axes=-1 --in x=x.npy --out result=m.npy --out "
         "index=i.npy");
}

/* The role that "role=file" names, or NULL after an error. */
static Slot *find_role(const char *option, const char *text, Run *run) {
    size_t length = strcspn(text, "=");
    char name[64], where[256];
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    snprintf(where, sizeof where, "%s %s", option, text);
    if (!text[length] || !text[length + 1])
        return fail("%s: expected role=file.npy", where), NULL;
    const Role *role = role_find(where, name);
    return role ? &run->slots[role - roles] : NULL;
}

static bool name_file(const char *option, const char *text, bool in, Run *run) {
    Slot *slot = find_role(option, text, run);
    if (!slot)
        return false;
    const char *path = strchr(text, '=') + 1;
    const char **named = in ? &slot->in : &slot->out;
    if (*named)
        return fail("%s %s: the role has a file already, %s", option, text, *named);
    for (size_t i = 0; i < VKN_ROLE_COUNT && !in; i++)
        if (run->slots[i].out && strcmp(run->slots[i].out, path) == 0)
            return fail("%s %s: %s is written to the same file", option, text, roles[i].name);
    *named = path;
    return true;
}

static bool name_operation(int argc, char **argv, Run *run) {
    if (optind == argc)
        return fail("which operation? For example vknorm run batch_norm; see vknorm run --help");
    run->operation = operation_find(argv[optind]);
    if (!run->operation)
        return false;
    return optind + 1 == argc ||
           fail("%s: one operation at a time; files are named --in role=file", argv[optind + 1]);
}

/* Checks the way of each named role. */
static bool check_roles(const Run *run) {
    VknOperation pass = run->request.operation;
    const char *name = pass_names[pass - VKN_OPERATION_TRAIN];
    const char *accumulate = setting_find(&run->settings, "accumulate");
    for (size_t i = 0; i < VKN_ROLE_COUNT; i++) {
        const Slot *slot = &run->slots[i];
        char use = role_use(&roles[i], pass);
        if ((i == VKN_ROLE_DGAMMA || i == VKN_ROLE_DBETA) && accumulate && strcmp(accumulate, "true") == 0)
            use = use == 'o' ? 'u' : use;
        if ((slot->in || slot->out) && use == '-')
            return fail("%s has no role %s. See vknorm run --list", name, roles[i].name);
        if (slot->out && use == 'i')
            return fail("%s reads %s: name it --in %s=%s", name, roles[i].name, roles[i].name, slot->out);
        if (slot->in && use == 'o')
            return fail("%s writes %s: name it --out %s=%s", name, roles[i].name, roles[i].name, slot->in);
        if (slot->out && !slot->in && use == 'u')
            return fail("%s updates %s: it needs --in %s=FILE too", name, roles[i].name, roles[i].name);
    }
    return true;
}

int run_parse(int argc, char **argv, Run *run) {
    enum { IN = 1, OUT, SET, DEVICE, VALIDATION, LIST, HELP };
    static const struct option OPTIONS[] = {
        {"in", required_argument, NULL, IN},
        {"out", required_argument, NULL, OUT},
        {"set", required_argument, NULL, SET},
        {"device", required_argument, NULL, DEVICE},
        {"validation", no_argument, NULL, VALIDATION},
        {"list", no_argument, NULL, LIST},
        {"help", no_argument, NULL, HELP},
        {0},
    };
    run->settings.texts = run->texts;
    for (int option; (option = next_option(argc, argv, OPTIONS)) != -1;) {
        switch (option) {
        case IN:
        case OUT:
            if (!name_file(option == IN ? "--in" : "--out", optarg, option == IN, run))
                return STATUS_USAGE;
            break;
        case SET:
            if (run->settings.count == MOST_SETTINGS)
                return fail("--set: at most %d times", MOST_SETTINGS), STATUS_USAGE;
            run->texts[run->settings.count++] = optarg;
            break;
        case DEVICE:
            run->device = optarg;
            break;
        case VALIDATION:
            run->validation = true;
            break;
        case LIST:
            table_list();
            return STATUS_DONE;
        case HELP:
            usage();
            return STATUS_DONE;
        default:
            return STATUS_USAGE;
        }
    }
    bool right = name_operation(argc, argv, run) && settings_check(&run->settings, run->operation) &&
                 settings_arguments(&run->settings, run->operation, &run->request) && check_roles(run);
    return right ? -1 : STATUS_USAGE;
}
