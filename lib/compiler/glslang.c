/* glslang behind VknCompiler. */
#include "expression.h"
#include "mutex.h"
#include "source.h"
#include "spirv.h"

#include <glslang/Include/glslang_c_interface.h>
#include <glslang/Public/resource_limits_c.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* glslang has a state of its own for the whole process, which two threads may not set up at once. */
static VknMutex mutex = VKN_MUTEX_INITIALIZER;
static uint32_t clients;

static bool open_process(void) {
    vkn_mutex_lock(&mutex);
    bool success = clients > 0 || glslang_initialize_process();
    clients += success;
    vkn_mutex_unlock(&mutex);
    return success;
}

static void close_process(void) {
    vkn_mutex_lock(&mutex);
    if (--clients == 0)
        glslang_finalize_process();
    vkn_mutex_unlock(&mutex);
}

/* --------------------------------------------------------------------------------------------- glslang */

/* Text on its way to SPIR-V. */
typedef struct Job {
    char *text;
    glslang_shader_t *shader;
    glslang_program_t *program;
    bool success;
    unsigned line; /* of the error */
} Job;

/* Takes the first error of a log, without its place in the text, and its line. */
static void job_fail(Job *job, const char *log, char message[VKN_COMPILER_MESSAGE]) {
    const char *error = strstr(log, "ERROR: ");
    int place = 0;
    error = error ? error : log;
    if (sscanf(error, "ERROR: %*d:%u: %n", &job->line, &place) == 1)
        error += place;
    size_t length = strcspn(error, "\n");
    while (length > 0 && error[length - 1] == ' ')
        length--;
    snprintf(message, VKN_COMPILER_MESSAGE, "%.*s", (int)length, error);
}

/* Does what glslangValidator -V --target-env vulkan1.1 and spirv-val do. Owns `text`; NULL is no memory. */
static Job job_run(char *text, const char *define, glslang_stage_t stage,
                   char message[VKN_COMPILER_MESSAGE]) {
    Job job = {.text = text};
    message[0] = '\0';
    if (!job.text)
        return job;
    const glslang_input_t input = {.language = GLSLANG_SOURCE_GLSL,
                                   .stage = stage,
                                   .client = GLSLANG_CLIENT_VULKAN,
                                   .client_version = GLSLANG_TARGET_VULKAN_1_1,
                                   .target_language = GLSLANG_TARGET_SPV,
                                   .target_language_version = GLSLANG_TARGET_SPV_1_3,
                                   .code = job.text,
                                   .default_version = 460,
                                   .default_profile = GLSLANG_CORE_PROFILE,
                                   .messages = GLSLANG_MSG_SPV_RULES_BIT | GLSLANG_MSG_VULKAN_RULES_BIT,
                                   .resource = glslang_default_resource()};
    job.shader = glslang_shader_create(&input);
    job.program = glslang_program_create();
    glslang_shader_set_preamble(job.shader, define);
    if (!glslang_shader_preprocess(job.shader, &input) || !glslang_shader_parse(job.shader, &input)) {
        job_fail(&job, glslang_shader_get_info_log(job.shader), message);
        return job;
    }
    glslang_program_add_shader(job.program, job.shader);
    if (!glslang_program_link(job.program, (int)input.messages)) {
        job_fail(&job, glslang_program_get_info_log(job.program), message);
        return job;
    }
    glslang_spv_options_t options = {.disable_optimizer = true, .validate = true};
    glslang_program_SPIRV_generate_with_options(job.program, stage, &options);
    const char *log = glslang_program_SPIRV_get_messages(job.program);
    job.success = !log;
    if (log)
        job_fail(&job, log, message);
    return job;
}

static void job_end(Job *job) {
    if (job->program)
        glslang_program_delete(job->program);
    if (job->shader)
        glslang_shader_delete(job->shader);
    free(job->text);
}

/* ----------------------------------------------------------------------------------------- expressions */

/* A vertex shader: it has none of the functions that only compute shaders have, barriers say. Expressions
 * cannot name what begins with a capital letter. */
static const char BEGIN[] = "#version 460\n"
                            "#define VKN_GLSL\n"
                            "#define INFINITY 0.0\n" /* kernel.glsl has these two */
                            "#define NOT_A_NUMBER 0.0\n"
                            "#define IS(mode) false\n"
                            "#include \"functions.glsl\"\n"
                            "const float p0 = 1.0, p1 = 1.0, p2 = 1.0;\n"
                            "float PROBE(float z) { return (";
static const char END[] = "); }\n"
                          "void main() { gl_Position = vec4(PROBE(0.0)); }\n";

/* Whether code needs nothing but what every device has. */
static bool is_plain(const Job *job) {
    const uint32_t *code = glslang_program_SPIRV_get_ptr(job->program);
    const uint32_t *end = code + glslang_program_SPIRV_get_size(job->program);
    for (const uint32_t *at = code + SPIRV_HEADER_WORDS; at < end; at += spirv_words(at))
        if (spirv_op(at) == OP_CAPABILITY && at[1] != CAPABILITY_SHADER)
            return false;
    return true;
}

/* The word of an expression, split into `lines`, that an error is at; 0 when it is at none. */
static size_t word_of(const Job *job, const char *lines) {
    const char *expression = job->text + strlen(job->text) - strlen(END) - strlen(lines);
    size_t line = 1;
    for (const char *c = job->text; c < expression; c++)
        line += *c == '\n';
    return job->line > line ? job->line - line : 0;
}

static bool check(const char *expression, char message[VKN_COMPILER_MESSAGE]) {
    char lines[2 * VKN_MAX_EXPRESSION + 1], probe[sizeof BEGIN + sizeof lines + sizeof END];
    char error[VKN_COMPILER_MESSAGE - 32];
    if (!vkn_expression_check(expression, message))
        return false;
    vkn_expression_split(expression, lines);
    snprintf(probe, sizeof probe, "%s%s%s", BEGIN, lines, END);
    Job job = job_run(vkn_source_expand(probe, "", false), "", GLSLANG_STAGE_VERTEX, message);
    bool right = job.success && is_plain(&job);
    if (job.success && !right)
        snprintf(message, VKN_COMPILER_MESSAGE, "it needs a feature that not every device has");
    size_t word = job.text ? word_of(&job, lines) : 0;
    if (word) {
        snprintf(error, sizeof error, "%s", message);
        snprintf(message, VKN_COMPILER_MESSAGE, "character %zu: %s",
                 vkn_expression_position(expression, word), error);
    }
    job_end(&job);
    return right;
}

/* --------------------------------------------------------------------------------------------- kernels */

static uint32_t *compile(const char *source, const char *worker, const char *rows, bool after_table,
                         size_t *size, char message[VKN_COMPILER_MESSAGE]) {
    char text[128], define[64];
    uint32_t *code = NULL;
    snprintf(text, sizeof text, "#include \"%s\"\n", source);
    snprintf(define, sizeof define, "#define %s\n", worker);
    Job job = job_run(vkn_source_expand(text, rows, after_table), define, GLSLANG_STAGE_COMPUTE, message);
    if (job.success) {
        *size = glslang_program_SPIRV_get_size(job.program) * sizeof *code;
        code = malloc(*size);
        if (code)
            glslang_program_SPIRV_get(job.program, code);
    }
    job_end(&job);
    return code;
}

static void release(uint32_t *code) {
    free(code);
}

const VknCompiler *vkn_compiler_glslang(void) {
    static const VknCompiler compiler = {open_process, close_process, check, compile, release};
    return &compiler;
}
