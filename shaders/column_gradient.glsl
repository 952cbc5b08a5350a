// Elements of columns, VECTOR statistics at a time.

Element column_element(uint x, uint y, uint p, bool wide)
{
    uint step = parameter_stride[VKN_LANE];
    parameters_begin(p);
    if (wide)
        return element_at4(x, y, p, step);
    Element e = element_at(x, y, y, p);
    if (VECTOR > 1) {
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
