/* SPIR-V with its specialization written in.
 *
 * The library does not hand specialization constants to the driver: SwiftShader never folds them, so that
 * it would run every branch they rule out (all activations, say), and other drivers have had bugs there.
 * A specialized module has plain constants and nothing that they rule out, which every driver compiles
 * fast. */
#ifndef VKN_SHADER_H
#define VKN_SHADER_H

#include "base.h"
#include "vkn_shaders.h"

/* Whether a module has a constant with SpecId `id`. */
bool vkn_shader_has(const VknShader *shader, uint32_t id);

/* Copies a module, giving each constant with SpecId i the value spec[i - 1], and prunes it. `size` receives
 * bytes. The code is released with vkn_host_free(); NULL when there is no memory. */
uint32_t *vkn_shader_specialize(const VknHost *host, const VknShader *shader, const uint32_t *spec,
                                size_t *size);

#endif
