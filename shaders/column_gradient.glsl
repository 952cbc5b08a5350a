// Elements and coefficients of columns, VECTOR statistics at a time.

void coefficients_component(inout Coefficients all, uint component, Coefficients one)
{
    all.mean[component] = one.mean.x;
    all.inv_std[component] = one.inv_std.x;
    all.gamma[component] = one.gamma.x;
    all.beta[component] = one.beta.x;
    all.mean_dz[component] = one.mean_dz.x;
    all.mean_dz_xhat[component] = one.mean_dz_xhat.x;
    all.slope[component] = one.slope.x;
}

Element column_element(uint x, uint y, uint p, bool wide)
{
    uint step = parameter_stride[VKN_LANE];
    parameters_begin(p);
    if (wide)
        return element_at4(x, y, p, step);
    Element e = element_at(x, y, y, p);
    if (VECTOR == 4) {
        for (uint k = 1; k < 4; k++) {
            Element next = element_at(x + k, y + k, y + k, p);
            e.x[k] = next.x.x;
            e.dy[k] = next.dy.x;
            e.source[k] = next.source.x;
        }
        e = element_with(e, p, step);
    }
    return e;
}
