/* THE table of what the tool computes, and of what `vknorm run --list` says: operations, roles, attributes.
 */
#ifndef TABLE_H
#define TABLE_H

#include "tool.h"

/* What the command line asks for. */
typedef struct Request {
    /* Arguments of the description's constructor. */
    VknOperation operation;
    uint32_t rank;
    uint64_t shape[VKN_MAX_RANK];
    uint32_t axis_count;
    int32_t axes[VKN_MAX_RANK];
    int32_t channel_axis;
    uint64_t groups;
    /* The rest is set after it. */
    VknDesc desc;
    VknRecordInfo record;
} Request;

/* A constructor of <vknorm/vknorm.h>, without vkn_desc_. */
typedef struct Operation {
    const char *name;
    void (*construct)(Request *request);
    VknOperation pass;   /* if the attribute operation is not set */
    const char *needs;   /* attributes without default */
    const char *refuses; /* attributes of other constructors */
    const char *typical; /* settings that `vknorm info` plans with */
    const char *says;
} Operation;

/* The directions, VknOperation from VKN_OPERATION_TRAIN on, ended by NULL. */
extern const char *const pass_names[];

extern const Operation operations[];
extern const size_t operation_count;

/* What there is one of in a role. */
typedef enum Per { PER_ELEMENT, PER_MASKED, PER_STATISTIC, PER_PARAMETER, PER_CHANNEL, PER_BYTE } Per;

typedef struct Role {
    const char *name;
    const char *use; /* a letter per VknOperation: in, out, update, - none */
    Per per;
    char type[3];   /* as in .npy files; "": of the tensor that says it */
    uint32_t words; /* one more axis, of this many; 0: none */
    size_t tensor;  /* offset in VknDesc of that VknTensor */
    const char *says;
} Role;

extern const Role roles[VKN_ROLE_COUNT];

/* What `pass` does with a role: 'i', 'o', 'u' or '-'. */
char role_use(const Role *role, VknOperation pass);

typedef enum Kind {
    KIND_BOOL,
    KIND_U32,
    KIND_U64,
    KIND_I32,
    KIND_FLOAT,
    KIND_ENUM,
    KIND_U64_LIST,
    KIND_I32_LIST,
    KIND_ACTIVATION,
    KIND_STRATEGY,
} Kind;

/* A field of Request. Those of VknDesc are named as there. */
typedef struct Attribute {
    const char *name;
    Kind kind;
    size_t offset;
    size_t count_offset;      /* of lists that have a count */
    const char *const *words; /* of an enumeration, ended by NULL */
    int first;                /* the value of the first of them */
    const char *says;
} Attribute;

extern const Attribute attributes[];
extern const size_t attribute_count;

/* The rows of shaders/activation.def, by VknActivationId. */
typedef struct ActivationRow {
    const char *name;
    uint32_t parameter_count;
    const char *parameters[VKN_MAX_ACTIVATION_PARAMETERS];
} ActivationRow;

extern const ActivationRow activation_rows[];
extern const size_t activation_count;

/* The operation or role of a name, or NULL after an error, which for a role begins with `where`. */
const Operation *operation_find(const char *name);
const Role *role_find(const char *where, const char *name);

/* Attributes as the command line has them: "name=value". */
typedef struct Settings {
    const char *const *texts;
    size_t count;
} Settings;

/* The value that `settings` give to an attribute, or NULL. */
const char *setting_find(const Settings *settings, const char *name);

/* Checks names and that none comes twice. */
bool settings_check(const Settings *settings, const Operation *operation);

/* Sets the constructor's arguments, then the description: all but roles and types that were not set. */
bool settings_arguments(const Settings *settings, const Operation *operation, Request *request);
bool settings_describe(const Settings *settings, const Operation *operation, Request *request);

/* Prints all tables. */
void table_list(void);

#endif
