/* What the core asks of a compiler of GLSL, so that it needs none itself. Every function may be called from
 * any thread; check() and compile() between open() and the close() that belongs to it. */
#ifndef VKN_COMPILER_H
#define VKN_COMPILER_H

#include <vknorm/compiler.h>

/* Room for what is wrong, as one line of text; longer ones are cut. */
#define VKN_COMPILER_MESSAGE 400

struct VknCompiler {
    bool (*open)(void);
    void (*close)(void);
    /* Whether `expression` is what <vknorm/compiler.h> asks for. If not, says what is wrong: an empty message
     * is host memory that was refused. */
    bool (*check)(const char *expression, char message[VKN_COMPILER_MESSAGE]);
    /* Compiles shaders/`source` for a worker (worker.glsl), with `rows` in place of activation.def, or after
     * it. Returns NULL and says why when that fails, as check() does. The code is released with release();
     * `size` receives bytes. */
    uint32_t *(*compile)(const char *source, const char *worker, const char *rows, bool after_table,
                         size_t *size, char message[VKN_COMPILER_MESSAGE]);
    void (*release)(uint32_t *code);
};

#endif
