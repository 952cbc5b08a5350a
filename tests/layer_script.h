/* What a script of tests/golden/layers.txt may set: a layer's constructor arguments. */
#ifndef TESTS_LAYER_SCRIPT_H
#define TESTS_LAYER_SCRIPT_H

#include <vknorm/layer.h>

/* Most numbers of any argument. */
#define LAYER_SCRIPT_VALUES 16

/* Sets what `key` names, to `count` of LAYER_SCRIPT_VALUES values, those beyond 0; false: there is no such.
 */
bool layer_script_set(VknLayerDesc *desc, const char *key, const double *values, uint32_t count);

#endif
