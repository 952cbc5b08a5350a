// A row's quads in registers from its statistic to APPLY, so that they are read once. A lane holds up to HELD of them,
// a worker's lanes apart. The row is one run; what is left of it, heads, tails, and quads beyond, is walked.

layout(constant_id = VKN_SPEC_HELD) const uint HELD = 0;

// What is indexed by a variable lies in memory, so no loops.
#define EACH_HELD(visit) visit(0) visit(1) visit(2) visit(3) visit(4) visit(5) visit(6) visit(7)
vec4 held[VKN_MOST_HELD]; // sum_load4(), of the row's last quad where a lane has fewer
uint held_count;          // quads of this lane
uint held_head;           // elements before the row's first quad
uint held_from;           // the lane's first quad that it does not hold
uint held_lane, held_lanes;

#define HELD_QUAD(k) (held_lane + (k) * held_lanes)

void row_hold(Row row)
{
    uint count = extent[VKN_INNER];
    held_head = min(head_before(VKN_BINDING_X, row.x), count);
    uint x = row.x + held_head, y = row.y + held_head;
    uint quads = (count - held_head) >> 2;
    held_lane = held_from = worker_lane();
    held_lanes = worker_lanes();
    held_count = 0;
    if (quads > 0 && output_is_aligned(x, y, y)) {
        held_from = HELD_QUAD(HELD);
        x >>= 2;
        y >>= 2;
#define HOLD(k)                                                                                              \
    if (HELD > k) {                                                                                          \
        uint i = min(HELD_QUAD(k), quads - 1);                                                               \
        held[k] = sum_load4(x + i, y + i);                                                                   \
        held_count += uint(HELD_QUAD(k) < quads);                                                            \
    }
        EACH_HELD(HOLD)
    }
}

// Of what the lane holds, in two passes: no sum is rescaled and none can cancel.
Moments held_moments(Row row, float shift)
{
    Moments m = no_moments();
    if (held_count == 0)
        return m;
    if (OF(VKN_OF_MOMENTS)) {
        m.count = float(4 * held_count);
        vec4 sum = vec4(0.0), square = vec4(0.0);
#define SUM(k)                                                                                               \
    if (HELD > k)                                                                                            \
        sum += mix(vec4(0.0), prologue(held[k]) - shift, bvec4(held_count > k));
        EACH_HELD(SUM)
        m.mean = divide(sum.x + sum.y + sum.z + sum.w, m.count);
#define SQUARE(k)                                                                                            \
    if (HELD > k) {                                                                                          \
        vec4 distance = (prologue(held[k]) - shift) - m.mean;                                                \
        square += mix(vec4(0.0), distance * distance, bvec4(held_count > k));                                \
    }
        EACH_HELD(SQUARE)
        m.m2 = square.x + square.y + square.z + square.w;
    } else if (OF(VKN_OF_LOG_SUM_EXP)) {
        vec4 most = vec4(-INFINITY);
#define MOST(k)                                                                                              \
    if (HELD > k)                                                                                            \
        most = mix(most, prologue(held[k]), greaterThan(prologue(held[k]), most)); // never NaN
        EACH_HELD(MOST)
        m.mean = max(max(most.x, most.y), max(most.z, most.w));
        float base = finite_maximum(m.mean);
#define EXP(k)                                                                                               \
    if (HELD > k) {                                                                                          \
        vec4 v = prologue(held[k]);                                                                          \
        m.m2 += mix(0.0, sum_below(v, base), held_count > k);                                                \
        m.low += mix(0.0, dot(v, v), held_count > k);                                                        \
    }
        EACH_HELD(EXP)
    } else {
        uint step = parameter_stride[VKN_INNER], number = row.parameter + held_head * step;
#define ADD(k)                                                                                               \
    if (HELD > k) {                                                                                          \
        if (held_count > k)                                                                                  \
            m = add(m, prologue(held[k]), number + 4 * HELD_QUAD(k) * step, step);                           \
    }
        EACH_HELD(ADD)
    }
    return m;
}

// As row_reduce().
Statistic held_reduce(Row row)
{
    float shift = shift_from(input_load(row.x, row.y));
    RowMoments s = RowMoments(held_moments(row, shift), shift);
    if (OF(VKN_OF_LOG_SUM_EXP))
        s.shift = finite_maximum(s.moments.mean);
    run_walk(s, row.x, row.y, row.parameter, extent[VKN_INNER], held_lane, held_lanes, held_from);
    return row_statistic(s);
}

void held_apply(Affine a, Row row)
{
    uint step = parameter_stride[VKN_INNER], p = row.parameter + held_head * step;
    uint x = (row.x + held_head) >> 2, y = (row.y + held_head) >> 2;
    parameters_begin(row.parameter);
#define APPLY(k)                                                                                             \
    if (HELD > k) {                                                                                          \
        uint i = HELD_QUAD(k);                                                                               \
        if (held_count > k)                                                                                  \
            apply4(a, held[k], x + i, y + i, p + 4 * i * step, step);                                        \
    }
    EACH_HELD(APPLY)
    run_walk(a, row.x, row.y, row.parameter, extent[VKN_INNER], held_lane, held_lanes, held_from);
}
