#include "compile_list.h"

#include "generate.h"

#include "roles.h"
#include "shader.h"
#include "strategy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------- capabilities */

#define AMD(...)                                                                                             \
    {                                                                                                        \
        .device_class = VKN_DEVICE_AMD, .max_group_count = 65535, .max_storage_range = UINT32_MAX,           \
        .storage_offset_alignment = 256, .max_subgroup_size = 64, .texel_offset_alignment = 256, __VA_ARGS__ \
    }

/* The last row is what Vulkan 1.1 promises, where that is not below a floor of VknCaps. */
const CompileCaps compile_caps[COMPILE_CAPS_COUNT] = {
    {"all", AMD(.max_storage_buffers = VKN_BINDING_COUNT, .max_invocations = 1024, .max_shared_bytes = 65536,
                .subgroup_arithmetic = true, .subgroup_shuffle = true, .subgroup_size_control = true,
                .full_subgroups = true)},
    {"no arithmetic", AMD(.max_storage_buffers = VKN_BINDING_LEAST, .max_texels = 65536, .texel_reads = true,
                          .max_invocations = 1024, .max_shared_bytes = 65536, .subgroup_shuffle = true,
                          .subgroup_size_control = true, .full_subgroups = true)},
    {"weakest",
     {.device_class = VKN_DEVICE_OTHER,
      .max_invocations = 128,
      .max_group_count = 65535,
      .max_shared_bytes = 16384,
      .max_storage_range = 1u << 27,
      .max_storage_buffers = VKN_BINDING_LEAST,
      .storage_offset_alignment = 256,
      .texel_offset_alignment = 256,
      .max_subgroup_size = 64}},
};

/* ------------------------------------------------------------------------------------------- shapes */

/* One for each way that kernels reach elements; the ranks of the last rows keep all their dimensions. */
typedef struct Shape {
    uint32_t rank;
    uint64_t extent[VKN_MAX_RANK];
    uint32_t kept; /* a bit per axis */
    uint32_t
        parameters; /* those of elements' parameters: of gradients that have them; 0: all that are not kept */
    bool transposed;  /* y, the residual and dx lie the other way round */
    int64_t channels; /* of the packed axis 1 */
} Shape;

static const Shape SHAPES[] = {
    {.rank = 3, .extent = {4, 6, 1280}, .kept = 2}, /* rows */
    {.rank = 3, .extent = {4, 64, 16}, .kept = 4},  /* columns, in fours */
    {.rank = 3, .extent = {4, 64, 15}, .kept = 4},  /* and one by one */
    {.rank = 2, .extent = {6, 2048}, .kept = 1},    /* rows that registers hold */
    {.rank = 2, .extent = {6, 32}, .kept = 1},
    {.rank = 4, .extent = {4, 2, 64, 4}, .kept = 10, .channels = 7},
    {.rank = 4, .extent = {4, 2, 6, 1280}, .kept = 3, .parameters = 6},  /* cells as rows */
    {.rank = 4, .extent = {4, 1280, 2, 8}, .kept = 5, .parameters = 12}, /* and as columns */
    {.rank = 1, .extent = {3}, .kept = 1},
    {.rank = 2, .extent = {4, 5}, .kept = 2, .transposed = true},
    {.rank = 3, .extent = {4, 5, 6}, .kept = 2, .transposed = true},
    {.rank = 4, .extent = {4, 5, 6, 7}, .kept = 10, .transposed = true},
    {.rank = 5, .extent = {4, 5, 6, 7, 3}, .kept = 10, .transposed = true},
    {.rank = 6, .extent = {4, 5, 6, 7, 3, 2}, .kept = 42, .transposed = true},
    {.rank = 7, .extent = {4, 5, 6, 7, 3, 2, 9}, .kept = 42, .transposed = true},
    {.rank = 8, .extent = {4, 5, 6, 7, 3, 2, 9, 3}, .kept = 170, .transposed = true},
};

enum { SHAPE_COUNT = sizeof SHAPES / sizeof *SHAPES, PLAIN_SHAPES = 3 };

static VknTensor transposed(const Shape *shape, VknType type) {
    VknTensor tensor = {.type = type};
    uint64_t stride = 1;
    for (uint32_t i = 0; i < shape->rank && shape->transposed; i++) {
        tensor.stride[i] = stride;
        stride *= shape->extent[i];
    }
    return tensor;
}

static void shape_fill(const Shape *shape, bool of_elements, VknDesc *desc) {
    desc->rank = shape->rank;
    memcpy(desc->shape, shape->extent, sizeof desc->shape);
    for (uint32_t i = 0; i < shape->rank; i++)
        if (shape->kept >> i & 1)
            desc->kept_axes[desc->kept_axis_count++] = (int32_t)i;
        else if (of_elements && !shape->parameters)
            desc->parameter_axes[desc->parameter_axis_count++] = (int32_t)i;
    for (uint32_t i = 0; of_elements && i < shape->rank; i++)
        if (shape->parameters >> i & 1)
            desc->parameter_axes[desc->parameter_axis_count++] = (int32_t)i;
    desc->y = transposed(shape, desc->y.type);
    desc->residual = transposed(shape, desc->residual.type);
    desc->dx = transposed(shape, desc->dx.type);
    desc->channels = (uint64_t)shape->channels;
    desc->packed_axis = 1;
}

/* -------------------------------------------------------------------------------------------- forms */

/* A description without its shape: what to compute, and with which roles. */
typedef struct Form {
    VknDesc desc;
    bool of_elements; /* parameters are */
} Form;

/* One change to a form. */
typedef enum Change {
    CHANGE_NOTHING,
    CHANGE_ACTIVATION,
    CHANGE_PROLOGUE = CHANGE_ACTIVATION + TEST_LAST_ACTIVATION + 1,
    CHANGE_TYPES = CHANGE_PROLOGUE + TEST_LAST_ACTIVATION + 1, /* 3^4 combinations */
    CHANGE_ACCUMULATE = CHANGE_TYPES + 81,
    CHANGE_UNBIASED,
    CHANGE_LAST_INDEX,
    CHANGE_POWER,
    CHANGE_VIRTUAL,
    CHANGE_REPRODUCIBLE,
    CHANGE_SHAPE, /* those beyond the plain ones */
    CHANGE_COUNT = CHANGE_SHAPE + SHAPE_COUNT - PLAIN_SHAPES
} Change;

static bool change_apply(uint32_t change, VknDesc *desc) {
    if (change >= CHANGE_SHAPE || change == CHANGE_NOTHING)
        return true;
    if (change < CHANGE_PROLOGUE) { /* the others have roles of their own */
        desc->activation = vkn_activation_default((VknActivationId)(change - CHANGE_ACTIVATION));
        return desc->activation.id != VKN_ACTIVATION_PRELU;
    }
    if (change < CHANGE_TYPES) {
        desc->prologue = vkn_activation_default((VknActivationId)(change - CHANGE_PROLOGUE));
        return true;
    }
    if (change < CHANGE_ACCUMULATE) {
        uint32_t types = change - CHANGE_TYPES;
        desc->x.type = types % 3;
        desc->y.type = types / 3 % 3;
        desc->residual.type = types / 9 % 3;
        desc->dx.type = types / 27;
        return true;
    }
    desc->accumulate = change == CHANGE_ACCUMULATE;
    desc->running_variance = change == CHANGE_UNBIASED;
    desc->last_index = change == CHANGE_LAST_INDEX;
    desc->power = change == CHANGE_POWER ? 1 : desc->power;
    desc->reproducible = change == CHANGE_REPRODUCIBLE;
    desc->virtual_batch_size = change == CHANGE_VIRTUAL ? 2 : 0;
    return true;
}

/* ------------------------------------------------------------------------------------------ building */

static const VknHost quiet = {0};

typedef struct Builder {
    CompileList *list;
    uint32_t capacity;
    uint64_t *seen; /* hashes of pipelines, 0: free */
    uint64_t *kinds;
    uint32_t every;
    bool out_of_memory;
} Builder;

enum { SEEN = 1 << 22 };

static uint64_t hash_words(uint64_t hash, const uint32_t *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ words[i]) * 0x100000001b3u;
        hash ^= hash >> 29;
    }
    return hash ? hash : 1;
}

/* Whether it was not there yet. */
static bool insert(uint64_t *set, uint64_t hash) {
    uint64_t at = hash % SEEN;
    for (; set[at]; at = (at + 1) % SEEN)
        if (set[at] == hash)
            return false;
    set[at] = hash;
    return true;
}

/* Adds what a driver sees of code: all but constants that nothing reads. A word that happens to be the number
 * of a constant counts as its use. */
static uint64_t hash_code(uint64_t hash, const uint32_t *code, const uint32_t *end) {
    enum { OP_FUNCTION = 54, OP_CONSTANT_TRUE = 41, OP_CONSTANT = 43, OP_TYPE_VOID = 19, HEADER_WORDS = 5 };
    static uint8_t used[1 << 16];
    memset(used, 0, sizeof used);
    for (int pass = 0; pass < 2; pass++)
        for (const uint32_t *at = code + HEADER_WORDS; at < end; at += at[0] >> 16) {
            uint32_t op = at[0] & 0xFFFF, words = at[0] >> 16;
            bool constant = op >= OP_CONSTANT_TRUE && op <= OP_CONSTANT;
            for (uint32_t i = 1; i < words && pass == 0 && !constant && op >= OP_TYPE_VOID; i++)
                used[at[i] % sizeof used] = op < 71 || op > 72 ? 1 : used[at[i] % sizeof used];
            if (pass == 1 && (!constant || used[at[2] % sizeof used]))
                hash = hash_words(hash, at, words);
        }
    return hash;
}

static void add_step(Builder *b, const VknDesc *desc, uint32_t caps, const VknStep *step) {
    const uint32_t *spec = step->spec;
    uint32_t who[] = {step->kernel, step->worker};
    uint64_t hash = hash_words(hash_words(1, who, 2), spec, step->spec_count);
    if (!insert(b->seen, hash))
        return;
    uint32_t kind[] = {step->kernel, step->worker, spec[VKN_SPEC_STATISTIC - 1],
                       spec[VKN_SPEC_MODES - 1] & VKN_MODE_CELLS};
    uint32_t other[] = {spec[VKN_SPEC_ACTIVATION - 1], spec[VKN_SPEC_PROLOGUE - 1]};
    bool first = insert(b->kinds, hash_words(3, kind, 4));
    first |= insert(b->kinds, hash_words(4, other, 2));
    if (!first && hash % b->every)
        return;
    /* Constants that the kernel does not read make no other pipeline. */
    size_t size;
    uint32_t *code = vkn_shader_specialize(&quiet, &vkn_shaders[step->kernel][step->worker], spec, &size);
    bool added = code && insert(b->seen, hash_code(hash_words(2, who, 2), code, code + size / sizeof *code));
    b->out_of_memory |= !code;
    vkn_host_free(&quiet, code);
    if (!added)
        return;
    CompileList *list = b->list;
    if (list->count == b->capacity) {
        b->capacity = b->capacity ? 2 * b->capacity : 1024;
        CompileItem *items = realloc(list->items, b->capacity * sizeof *items);
        if (!items) {
            b->out_of_memory = true;
            return;
        }
        list->items = items;
    }
    list->items[list->count++] = (CompileItem){*step, *desc, caps};
}

static void add_plans(Builder *b, const Form *form, const Shape *shape, uint32_t caps) {
    VknDesc desc = form->desc;
    shape_fill(shape, form->of_elements, &desc);
    for (desc.strategy = 1; desc.strategy <= vkn_strategy_count; desc.strategy++) {
        VknSchedule schedule;
        if (vkn_schedule_make(&quiet, &compile_caps[caps].caps, &desc, &schedule))
            continue;
        b->list->plans++;
        for (uint32_t i = 0; i < schedule.step_count; i++)
            add_step(b, &schedule.desc, caps, &schedule.steps[i]);
        vkn_schedule_free(&quiet, &schedule);
    }
}

/* Whether the rules allow a form, and none of its roles is without effect. */
static bool is_legal(const Form *form) {
    VknDesc desc = form->desc, resolved;
    shape_fill(&SHAPES[0], form->of_elements, &desc);
    return !vkn_desc_resolve(&quiet, &desc, &resolved) && resolved.roles == desc.roles &&
           resolved.residual_use == desc.residual_use && !form->of_elements == !resolved.parameter_axis_count;
}

typedef struct Forms {
    Form *form;
    uint32_t count, capacity;
} Forms;

static bool forms_add(Forms *forms, const Form *form) {
    if (forms->count == forms->capacity) {
        forms->capacity = forms->capacity ? 2 * forms->capacity : 256;
        Form *more = realloc(forms->form, forms->capacity * sizeof *more);
        if (!more)
            return false;
        forms->form = more;
    }
    forms->form[forms->count++] = *form;
    return true;
}

/* Every set of roles that an operation may have with a statistic, residual use, and kind of activation. */
static bool forms_find(VknOperation operation, VknStatistic statistic, Forms *forms) {
    static const VknActivationId ACTIVATIONS[] = {VKN_ACTIVATION_IDENTITY, VKN_ACTIVATION_RELU,
                                                  VKN_ACTIVATION_PRELU};
    const VknOperationInfo *info = vkn_operation_info(operation);
    uint32_t all = info->required | info->optional;
    Form form = {.desc = {.operation = operation,
                          .statistic = statistic,
                          .epsilon = 1e-3f,
                          .power = 3,
                          .momentum = 0.9f,
                          .renorm_momentum = 0.9f,
                          .renorm_r_max = 3,
                          .renorm_d_max = 5,
                          .count_epsilon = 1e-7f,
                          .moment_parts = 2}};
    for (uint32_t roles = all; roles; roles = (roles - 1) & all) {
        form.desc.roles = roles;
        if (vkn_roles_resolve(&quiet, &form.desc))
            continue;
        for (uint32_t i = 0; i < 3 * 3 * 2; i++) {
            form.desc.residual_use = (VknResidualUse)(i % 3);
            form.desc.activation = vkn_activation_default(ACTIVATIONS[i / 3 % 3]);
            form.of_elements = i / 9;
            if (is_legal(&form) && !forms_add(forms, &form))
                return false;
        }
    }
    return true;
}

/* Whether what it computes with elements' parameters may go by cell. */
static bool has_cells(const Form *form) {
    uint32_t roles = form->desc.roles;
    if (form->desc.operation == VKN_OPERATION_TRAIN)
        return form->of_elements && roles & (VKN_HAS_GAMMA | VKN_HAS_BETA);
    return form->of_elements && form->desc.operation == VKN_OPERATION_TRAIN_GRADIENT && roles & VKN_HAS_DX &&
           roles & (VKN_HAS_DGAMMA | VKN_HAS_DBETA);
}

/* Forms that each change is tried with, of each operation and statistic. */
enum { CHANGED_FORMS = 6, RESHAPED_FORMS = 32 };

static void add_changed(Builder *b, const Forms *forms, uint32_t change) {
    uint32_t left =
        (uint32_t)vkn_divide_up(change >= CHANGE_SHAPE ? RESHAPED_FORMS : CHANGED_FORMS, b->every);
    for (uint32_t i = 0; i < forms->count && left; i++) {
        uint64_t at = (hash_words(5, &change, 1) + i * (uint64_t)7919) % forms->count;
        uint32_t caps = (change + i) % COMPILE_CAPS_COUNT;
        Form form = forms->form[at];
        bool reshaped = change >= CHANGE_SHAPE;
        const Shape *shape = &SHAPES[reshaped ? PLAIN_SHAPES + change - CHANGE_SHAPE : 0];
        if (!change_apply(change, &form.desc) || !is_legal(&form) || (shape->parameters && !has_cells(&form)))
            continue;
        left--;
        for (uint32_t j = 0; j < (reshaped ? 1 : PLAIN_SHAPES); j++)
            add_plans(b, &form, &shape[j], caps);
    }
}

bool compile_list_make(uint32_t every, CompileList *list) {
    Builder b = {.list = list, .every = every};
    *list = (CompileList){0};
    b.seen = calloc(SEEN, sizeof *b.seen);
    b.kinds = calloc(SEEN, sizeof *b.kinds);
    bool fine = b.seen && b.kinds;
    for (uint32_t i = VKN_OPERATION_TRAIN; fine && i <= VKN_OPERATION_REDUCE; i++)
        for (uint32_t s = VKN_STATISTIC_VARIANCE; fine && s <= VKN_STATISTIC_PRODUCT; s++) {
            Forms forms = {0};
            fine = forms_find((VknOperation)i, (VknStatistic)s, &forms);
            for (uint32_t f = 0; fine && f < forms.count; f += every)
                for (uint32_t at = 0; at < PLAIN_SHAPES * COMPILE_CAPS_COUNT; at++)
                    add_plans(&b, &forms.form[f], &SHAPES[at % PLAIN_SHAPES], at / PLAIN_SHAPES);
            for (uint32_t change = CHANGE_NOTHING + 1; fine && change < CHANGE_COUNT; change++)
                add_changed(&b, &forms, change);
            free(forms.form);
        }
    free(b.seen);
    free(b.kinds);
    return fine && !b.out_of_memory;
}

void compile_list_free(CompileList *list) {
    free(list->items);
    *list = (CompileList){0};
}

void compile_item_describe(const CompileItem *item, char *text, size_t size) {
    const VknStep *step = &item->step;
    const uint32_t *spec = step->spec;
    snprintf(text, size,
             "%s (caps: %s): operation %d, statistic %d, rank %" PRIu32 ", roles 0x%" PRIx32
             ", modes 0x%" PRIx32 ", activation %" PRIu32 ", prologue %" PRIu32 ", types %" PRIu32 "%" PRIu32
             "%" PRIu32 "%" PRIu32 ", vector %" PRIu32 ", held %" PRIu32 ", local size %" PRIu32,
             vkn_shaders[step->kernel][step->worker].name, compile_caps[item->caps].name,
             item->desc.operation, item->desc.statistic, item->desc.rank, spec[VKN_SPEC_ROLES - 1],
             spec[VKN_SPEC_MODES - 1], spec[VKN_SPEC_ACTIVATION - 1], spec[VKN_SPEC_PROLOGUE - 1],
             spec[VKN_SPEC_X_TYPE - 1], spec[VKN_SPEC_Y_TYPE - 1], spec[VKN_SPEC_RESIDUAL_TYPE - 1],
             spec[VKN_SPEC_DX_TYPE - 1], spec[VKN_SPEC_VECTOR - 1], spec[VKN_SPEC_HELD - 1],
             spec[VKN_SPEC_LOCAL_SIZE - 1]);
}
