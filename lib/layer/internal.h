/* The parts of the layer tier, each using only those before it:
 *
 *     log                  errors
 *     random               the generator
 *     initializer, regularizer, constraint
 *     name                 defaults, Keras' names of activations
 *     variable             which variables a kind of layer has, in which shape
 *     describe             the core's description of each pass of a layer
 *     layer                creates, builds, counts
 *     call                 plans, bindings, passes
 *     safetensors_header   reads the header of a safetensors file
 *     file                 replaces a file as a whole
 *     safetensors, save    weight files
 *     update               regularizers and constraints of a layer */
#ifndef VKN_LAYER_INTERNAL_H
#define VKN_LAYER_INTERNAL_H

#include <vknorm/layer.h>

#include <stddef.h>

/* Names begin with vkn_layer_, for in static libraries they meet those of the core and the runtime. */

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)

/* Logs a sentence at ERROR level and returns `result`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
VknResult
vkn_layer_fail(VknLog log, VknResult result, const char *format, ...);

/* Checks rank and extents of a tensor of f32 in host memory; `*count` becomes the number of its elements. */
VknResult vkn_layer_shape_check(VknLog log, uint32_t rank, const uint64_t *shape, uint64_t *count);

/* Checks a list of axes; `*set` becomes one bit for each. `of` is who has them. */
VknResult vkn_layer_axes_check(VknLog log, const char *of, uint32_t rank, uint32_t count, const int32_t *axes,
                               uint32_t *set);

/* `of` is the variable that it is for. */
VknResult vkn_initializer_check(VknLog log, const char *of, const VknInitializer *initializer);
VknResult vkn_regularizer_check(VknLog log, const char *of, const VknRegularizer *regularizer);
VknResult vkn_constraint_check(VknLog log, const char *of, const VknConstraint *constraint);

/* Whether a name may stand in weight files. */
bool vkn_layer_name_valid(const char *name, bool slash);

/* -------------------------------------------------------------------------------------- variables */

/* A row of the table of variables. */
typedef struct VknVariableKind {
    const char *name;
    VknRole role;
    VknRole gradient;      /* X: none */
    size_t parameter;      /* offset of its VknParameterDesc in VknLayerDesc, if it has a gradient */
    size_t initializer;    /* offset of its VknInitializer, if not */
    const char *begins_as; /* the variable whose stream of random numbers it has */
    bool root;             /* of whose values it begins as the square root */
} VknVariableKind;

/* Most variables of any layer. */
#define VKN_MAX_VARIABLES 7

typedef struct VknVariable {
    const VknVariableKind *kind;
    VknWeight weight;
    char *path;
} VknVariable;

/* A bit for the role of each variable that a layer of this description has. */
uint32_t vkn_layer_variables(const VknLayerDesc *desc);

/* ------------------------------------------------------------------------------------------ layer */

typedef struct VknRecording {
    VknBuffer buffers[VKN_ROLE_COUNT];
    VknBindings *bindings;
    struct VknRecording *next;
} VknRecording;

/* What distinguishes the plans of a layer. */
typedef struct VknPass {
    VknOperation operation;
    uint64_t samples;
    uint32_t roles;
    uint32_t parts;
    bool accumulate;
} VknPass;

typedef struct VknLayerPlan {
    VknPass pass;
    VknPlan *plan;
    VknBuffer own[VKN_ROLE_COUNT]; /* the statistics that it saves, its workspace */
    VknRecording *recordings;
    struct VknLayerPlan *next;
} VknLayerPlan;

struct VknLayer {
    VknRuntime *runtime;
    VknLog log;
    VknLayerDesc desc;
    char *name;
    bool built;
    uint32_t rank;
    uint64_t shape[VKN_MAX_RANK];
    uint32_t variable_count;
    VknVariable variables[VKN_MAX_VARIABLES];
    VknLayerPlan *plans;
    const VknLayerPlan *forward; /* the latest one */
    VknBuffer mask;              /* its */
};

/* Checks the axes against the rank; `*set` becomes one bit for each axis. */
VknResult vkn_layer_axes(const VknLayer *layer, uint32_t *set);

/* Creates and initializes the variables, by the layer's rank and shape. After an error those that exist are
 * destroyed by vkn_layer_variables_destroy(). */
VknResult vkn_layer_variables_create(VknLayer *layer);
void vkn_layer_variables_destroy(VknLayer *layer);

/* Reads a variable or a gradient; the caller frees `*values`, even after an error. */
VknResult vkn_layer_values_read(const VknLayer *layer, const VknBuffer *buffer, uint64_t count,
                                float **values);
VknResult vkn_layer_values_write(const VknLayer *layer, const VknBuffer *buffer, uint64_t count,
                                 const float *values);

VknResult vkn_layer_check_built(const VknLayer *layer);

/* The operation of forward. */
VknOperation vkn_layer_operation(const VknLayer *layer, bool training);

/* That of backward after a forward of this operation. */
VknOperation vkn_layer_gradient(VknOperation forward);

/* The roles of a pass: of the variables, and of the statistics that it saves or takes; without those that a
 * call decides on. */
uint32_t vkn_layer_roles(const VknLayer *layer, VknOperation operation);

/* Roles of the statistics that forward saves for backward. */
#define VKN_SAVED_ROLES (BIT(MEAN) | BIT(INV_STD) | BIT(RENORM))

/* The roles of the layer's gradients; none of a frozen layer. */
uint32_t vkn_layer_gradients(const VknLayer *layer);

/* The core's description of a pass. */
void vkn_layer_describe(const VknLayer *layer, const VknPass *pass, VknDesc *desc);

void vkn_layer_plans_destroy(VknLayer *layer);

/* ------------------------------------------------------------------------------------------ files */

/* A tensor that a header names. */
typedef struct VknEntry {
    const char *name; /* in the header, not ended by a NUL */
    size_t name_size;
    bool f32;
    uint32_t rank;
    uint64_t shape[VKN_MAX_RANK];
    uint64_t begin, end; /* bytes among the data */
} VknEntry;

/* Parses a header. `entries` has room for `most`; `*count` becomes how many there are, perhaps more than
 * that. Returns NULL, or which rule the header breaks. */
const char *vkn_layer_header_parse(const char *text, size_t size, uint32_t most, VknEntry *entries,
                                   uint32_t *count);

/* Reads a whole file of at most `most` bytes; the caller frees `*bytes`. */
VknResult vkn_layer_file_read(VknLog log, const char *path, uint64_t most, char **bytes, size_t *size);

/* Writes a header and the values of tensors beside `path` and then renames it. */
VknResult vkn_layer_file_replace(VknLog log, const char *path, const char *head, size_t head_size,
                                 uint32_t part_count, const VknNamedTensor *parts);

#endif
