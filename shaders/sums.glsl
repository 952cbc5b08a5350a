// The statistic of a gradient: sums of dz and dz * xhat, where z = gamma * xhat + beta + residual is what
// the activation saw, xhat = (u - mean) * inv_std, and u is x after the prologue activation; and of the
// derivative by the slope of PReLU.

struct Sums {
    float count;
    float dz;
    float dz_xhat;
    float dslope;
};

const Sums NO_SUMS = Sums(0.0, 0.0, 0.0, 0.0);

Sums merge(Sums a, Sums b)
{
    return Sums(a.count + b.count, a.dz + b.dz, a.dz_xhat + b.dz_xhat, a.dslope + b.dslope);
}

vec4 pack(Sums s)
{
    return vec4(s.count, s.dz, s.dz_xhat, s.dslope);
}

Sums unpack(vec4 v)
{
    return Sums(v.x, v.y, v.z, v.w);
}

#if defined(SUBGROUP_ADD)
Sums subgroup_merge(Sums s)
{
    return unpack(subgroupAdd(pack(s)));
}
#endif
