// Elements and coefficients of columns, VECTOR statistics at a time.

void coefficients_component(inout Coefficients all, uint component, Coefficients one)
{
    all.mean[component] = one.mean.x;
    all.inv_std[component] = one.inv_std.x;
    all.gamma[component] = one.gamma.x;
    all.beta[component] = one.beta.x;
    all.mean_dz[component] = one.mean_dz.x;
    all.mean_dz_xhat[component] = one.mean_dz_xhat.x;
}

Element column_element(uint x, uint y, bool wide)
{
    if (wide)
        return element_at4(x, y);
    Element e = element_at(x, y, y);
    if (VECTOR == 4) {
        for (uint k = 1; k < 4; k++) {
            Element next = element_at(x + k, y + k, y + k);
            e.x[k] = next.x.x;
            e.dy[k] = next.dy.x;
            e.source[k] = next.source.x;
        }
    }
    return e;
}
