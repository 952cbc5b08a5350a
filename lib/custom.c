#include "custom.h"

#include <stdio.h>
#include <string.h>

#include "compiler.h"
#include "context.h"
#include "desc.h"

struct VknCustom {
    VknCustom *next; /* older */
    const VknCompiler *compiler;
    VknActivationId id;
    const char *name, *value, *derivative; /* into text; derivative may be NULL */
    char text[];
};

/* What a module is made of: a kernel, and rows of one or two activations in place of the table, or after it
 * where one of the two activations is the table's. */
typedef struct Recipe {
    const VknShader *plain; /* the build's module */
    const VknCustom *epilogue, *prologue;
    bool after_table;
} Recipe;

struct VknCustomModule {
    VknCustomModule *next;
    Recipe recipe;
    VknShader shader;
    uint32_t code[];
};

/* NULL for an id that the context does not have. */
static const VknCustom *find(VknCustomTable *table, uint32_t id) {
    vkn_mutex_lock(&table->mutex);
    const VknCustom *custom = table->first;
    vkn_mutex_unlock(&table->mutex);
    while (custom && (uint32_t)custom->id != id)
        custom = custom->next;
    return custom;
}

/* ----------------------------------------------------------------------------------------- compile */

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static const char *append(char **end, const char *text) {
    size_t size = text ? strlen(text) + 1 : 0;
    const char *copy = text ? memcpy(*end, text, size) : NULL;
    *end += size;
    return copy;
}

static VknCustom *custom_create(const VknHost *host, const VknCompiler *compiler, const char *name,
                                const VknCustomActivation *custom) {
    size_t derivative = custom->derivative ? strlen(custom->derivative) + 1 : 0;
    VknCustom *c =
        vkn_host_alloc(host, sizeof *c + strlen(name) + 1 + strlen(custom->value) + 1 + derivative);
    if (!c)
        return NULL;
    char *end = c->text;
    c->compiler = compiler;
    c->name = append(&end, name);
    c->value = append(&end, custom->value);
    c->derivative = append(&end, custom->derivative);
    return c;
}

/* Gives `custom` an id, or finds the activation that is the same. Returns whether it was added. */
static bool add(VknCustomTable *table, VknCustom *custom, uint32_t *id) {
    vkn_mutex_lock(&table->mutex);
    const VknCustom *c = table->first;
    *id = c ? (uint32_t)c->id + 1 : VKN_ACTIVATION_CUSTOM;
    while (c && !(same_text(c->value, custom->value) && same_text(c->derivative, custom->derivative)))
        c = c->next;
    if (c)
        *id = c->id;
    bool added = !c && *id < VKN_ACTIVATION_CUSTOM + VKN_MAX_CUSTOM_ACTIVATIONS;
    if (added) {
        custom->id = (VknActivationId)*id;
        custom->next = table->first;
        table->first = custom;
    }
    vkn_mutex_unlock(&table->mutex);
    return added;
}

static VknResult fail_check(const VknHost *host, const char *field, const char *name, const char *message) {
    if (!*message)
        return VKN_FAIL(host, OUT_OF_HOST_MEMORY, "%s of activation %s: no host memory", field, name);
    return VKN_FAIL(host, INVALID_ARGUMENT, "%s of activation %s: %s", field, name, message);
}

/* With the compiler open, which it stays when an activation is added. */
static VknResult compile(VknContext *context, const VknCompiler *compiler, const VknCustomActivation *custom,
                         char *message, VknActivationId *id) {
    const VknHost *host = &context->host;
    uint32_t number;
    VknResult result = VKN_SUCCESS;
    const char *name = custom->name ? custom->name : "custom";
    if (!compiler->check(custom->value, message))
        result = fail_check(host, "value", name, message);
    else if (custom->derivative && !compiler->check(custom->derivative, message))
        result = fail_check(host, "derivative", name, message);
    VknCustom *c = result ? NULL : custom_create(host, compiler, name, custom);
    if (!result && !c)
        result = VKN_ERROR_OUT_OF_HOST_MEMORY;
    if (!result && !add(&context->customs, c, &number)) {
        vkn_host_free(host, c);
        c = NULL;
        if (number >= VKN_ACTIVATION_CUSTOM + VKN_MAX_CUSTOM_ACTIVATIONS)
            result = VKN_FAIL(host, INVALID_ARGUMENT,
                              "vkn_activation_compile: the context has %d custom activations already",
                              VKN_MAX_CUSTOM_ACTIVATIONS);
    }
    if (!result)
        *id = (VknActivationId)number;
    if (!c)
        compiler->close();
    return result;
}

VknResult vkn_activation_compile(VknContext *context, const VknCompiler *compiler,
                                 const VknCustomActivation *custom, char *message, size_t message_size,
                                 VknActivationId *id) {
    char wrong[VKN_COMPILER_MESSAGE] = "";
    if (message && message_size)
        message[0] = '\0';
    if (!context)
        return VKN_ERROR_INVALID_ARGUMENT;
    if (!custom || !custom->value || !id)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "vkn_activation_compile: custom, custom->value and id must not be NULL");
    if (!compiler)
        return VKN_FAIL(&context->host, UNSUPPORTED,
                        "vkn_activation_compile: no compiler; vkn_compiler_glslang() is one where vknorm was "
                        "built with VKNORM_COMPILER=ON");
    VknResult result = vkn_context_check(context);
    if (result)
        return result;
    if (!compiler->open())
        return VKN_FAIL(&context->host, OUT_OF_HOST_MEMORY, "vkn_activation_compile: the compiler failed");
    result = compile(context, compiler, custom, wrong, id);
    if (message && message_size)
        snprintf(message, message_size, "%s", wrong);
    return result;
}

/* -------------------------------------------------------------------------------------------- plan */

static VknResult check(VknContext *context, const char *field, const VknActivation *activation,
                       bool derivative) {
    if (activation->id < VKN_ACTIVATION_CUSTOM)
        return VKN_SUCCESS;
    const VknCustom *custom = find(&context->customs, activation->id);
    if (!custom)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "%s.id %d is not what vkn_activation_compile() returned for this context", field,
                        (int)activation->id);
    if (derivative && !custom->derivative)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "%s %s was compiled without a derivative, which this gradient needs", field,
                        custom->name);
    return VKN_SUCCESS;
}

VknResult vkn_custom_check(VknContext *context, const VknDesc *desc) {
    VknResult result = VKN_SUCCESS;
    if (desc->roles & (VKN_ROLE_BIT(VKN_ROLE_Y) | VKN_ROLE_BIT(VKN_ROLE_DY) | VKN_ROLE_BIT(VKN_ROLE_RESULT)))
        result = check(context, "activation", &desc->activation, vkn_operation_is_gradient(desc->operation));
    if (!result && desc->roles & VKN_ROLE_BIT(VKN_ROLE_X))
        result = check(context, "prologue", &desc->prologue, desc->roles & VKN_ROLE_BIT(VKN_ROLE_DX));
    return result;
}

/* ------------------------------------------------------------------------------------------ kernels */

/* A row for activation.def; "0.0" is never read. */
#define ROW                                                                                                  \
    "VKN_ACTIVATION(CUSTOM, %d, custom, 3, p0, 0.0, p1, 0.0, p2, 0.0, (%s), (%s), false, 1.0, false, 1.0)\n"

static size_t write_row(char *to, size_t size, const VknCustom *custom) {
    const char *derivative = custom->derivative ? custom->derivative : "0.0";
    return (size_t)snprintf(to, size, ROW, (int)custom->id, custom->value, derivative);
}

/* Of a second activation that is the first one, or of none, there is no second row. */
static char *rows_create(const VknHost *host, const VknCustom *a, const VknCustom *b) {
    size_t first = write_row(NULL, 0, a), second = b && b != a ? write_row(NULL, 0, b) : 0;
    char *rows = vkn_host_alloc(host, first + second + 1);
    if (!rows)
        return NULL;
    write_row(rows, first + 1, a);
    if (second)
        write_row(rows + first, second + 1, b);
    return rows;
}

static VknResult module_create(VknContext *context, const Recipe *recipe, VknCustomModule **module) {
    const VknHost *host = &context->host;
    const VknShader *plain = recipe->plain;
    const VknCustom *first = recipe->epilogue ? recipe->epilogue : recipe->prologue;
    char message[VKN_COMPILER_MESSAGE] = "";
    size_t size;
    char *rows = rows_create(host, first, recipe->prologue);
    if (!rows)
        return VKN_ERROR_OUT_OF_HOST_MEMORY;
    uint32_t *code =
        first->compiler->compile(plain->source, plain->worker, rows, recipe->after_table, &size, message);
    vkn_host_free(host, rows);
    if (!code && !*message)
        return VKN_FAIL(host, OUT_OF_HOST_MEMORY, "activation %s in %s: no host memory", first->name,
                        plain->name);
    if (!code)
        return VKN_FAIL(host, INVALID_ARGUMENT, "activation %s does not compile in %s: %s", first->name,
                        plain->name, message);
    VknCustomModule *m = vkn_host_alloc(host, sizeof *m + size);
    if (m) {
        memcpy(m->code, code, size);
        m->recipe = *recipe;
        m->shader = *plain;
        m->shader.code = m->code;
        m->shader.size = size;
    }
    first->compiler->release(code);
    *module = m;
    return m ? VKN_SUCCESS : VKN_ERROR_OUT_OF_HOST_MEMORY;
}

static VknCustomModule *find_module(const VknCustomTable *table, const Recipe *recipe) {
    VknCustomModule *m = table->modules;
    while (m && !(m->recipe.plain == recipe->plain && m->recipe.epilogue == recipe->epilogue &&
                  m->recipe.prologue == recipe->prologue && m->recipe.after_table == recipe->after_table))
        m = m->next;
    return m;
}

/* What a kernel makes of one of its step's activations, of which it may have none. */
static void recipe_add(VknContext *context, Recipe *recipe, const VknStep *step, uint32_t spec_id,
                       const VknCustom **custom) {
    uint32_t id = step->spec[spec_id - 1];
    if (id == VKN_ACTIVATION_IDENTITY || !vkn_shader_has(recipe->plain, spec_id))
        return;
    if (id >= VKN_ACTIVATION_CUSTOM)
        *custom = find(&context->customs, id);
    else
        recipe->after_table = true;
}

VknResult vkn_custom_shader(VknContext *context, const VknStep *step, const VknShader **shader) {
    VknCustomTable *table = &context->customs;
    Recipe recipe = {.plain = &vkn_shaders[step->kernel][step->worker]};
    recipe_add(context, &recipe, step, VKN_SPEC_ACTIVATION, &recipe.epilogue);
    recipe_add(context, &recipe, step, VKN_SPEC_PROLOGUE, &recipe.prologue);
    *shader = recipe.plain;
    if (!recipe.epilogue && !recipe.prologue)
        return VKN_SUCCESS;
    vkn_mutex_lock(&table->mutex);
    VknCustomModule *module = find_module(table, &recipe), *made = NULL;
    vkn_mutex_unlock(&table->mutex);
    if (!module) {
        /* Compiled outside the lock. The first to finish wins, as with pipelines. */
        VknResult result = module_create(context, &recipe, &made);
        if (result)
            return result;
        vkn_mutex_lock(&table->mutex);
        module = find_module(table, &recipe);
        if (!module) {
            made->next = table->modules;
            table->modules = module = made;
            made = NULL;
        }
        vkn_mutex_unlock(&table->mutex);
        vkn_host_free(&context->host, made);
    }
    *shader = &module->shader;
    return VKN_SUCCESS;
}

void vkn_custom_clear(VknContext *context) {
    for (VknCustomModule *m = context->customs.modules, *next; m; m = next) {
        next = m->next;
        vkn_host_free(&context->host, m);
    }
    for (VknCustom *c = context->customs.first, *next; c; c = next) {
        next = c->next;
        c->compiler->close();
        vkn_host_free(&context->host, c);
    }
}
