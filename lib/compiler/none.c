/* A build without glslang. */
#include <vknorm/compiler.h>

const VknCompiler *vkn_compiler_glslang(void) {
    return NULL;
}
