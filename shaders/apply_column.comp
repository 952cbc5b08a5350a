#version 460
#extension GL_GOOGLE_include_directive : require
// APPLY; an invocation takes one part of VECTOR neighbouring statistics: of 16 each row, a whole line of the cache,
// at once. With a quad of each row lavapipe, whose stores wait for one line after the other, took twice the time.
#include "kernel.glsl"
#include "input.glsl"
#include "statistic.glsl"
#include "affine.glsl"
#include "output.glsl"
#include "given.glsl"
#include "column.glsl"
#include "column_apply.glsl"

Affine quad_given(Column c)
{
    Affine a;
    for (uint k = 0; k < 4 && k < VECTOR; k++)
        affine_component(a, k, affine_given(column_index(c, k)));
    return a;
}

void main()
{
    uint items = column_count();
    EACH_ITEM_ALONE(items) {
        Column c = column_of(item);
        Affines a;
        a.quad[0] = quad_given(c);
        if (VECTOR != 16) {
            column_walk(a, c);
        } else if (is_wide(a)) {
            a.quad[1] = quad_given(column_beside(c, 4));
            a.quad[2] = quad_given(column_beside(c, 8));
            a.quad[3] = quad_given(column_beside(c, 12));
            column_walk(a, c, true);
        } else { // one quad's elements after the other's
            for (uint k = 0; k < 16; k += 4) {
                a.quad[0] = quad_given(column_beside(c, k));
                column_walk(a, column_beside(c, k), false);
            }
        }
    } NEXT_ITEM;
}
