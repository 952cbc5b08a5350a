// APPLY along columns, VECTOR statistics at a time.

void affine_component(inout Affine all, uint component, Affine one)
{
    all.mean[component] = one.mean.x;
    all.mean_low[component] = one.mean_low.x;
    all.scale[component] = one.scale.x;
    all.offset[component] = one.offset.x;
}

void column_store(uint element, vec4 v, bool wide)
{
    if (wide) {
        y_store4(element / 4, v);
    } else {
        for (uint k = 0; k < vector_width(); k++)
            y_store(element + k, v[k]);
    }
}

void column_apply(Affine a, Column c, bool wide)
{
    uint outer = c.begin / extent[VKN_INNER];
    uint inner = c.begin - outer * extent[VKN_INNER];
    for (uint e = c.begin; e < c.end; outer++) {
        uint count = min(extent[VKN_INNER] - inner, c.end - e);
        uint x = c.x + outer * x_stride[VKN_OUTER] + inner * x_stride[VKN_INNER];
        uint y = c.y + outer * y_stride[VKN_OUTER] + inner * y_stride[VKN_INNER];
        for (uint i = 0; i < count; i++) {
            column_store(y, apply(a, column_load(x, wide)), wide);
            x += x_stride[VKN_INNER];
            y += y_stride[VKN_INNER];
        }
        e += count;
        inner = 0;
    }
}

void column_apply(Affine a, Column c)
{
    if (is_wide(VKN_BINDING_X) && is_wide(VKN_BINDING_Y))
        column_apply(a, c, true);
    else
        column_apply(a, c, false);
}
