// The statistic of a gradient: sums of dz and dz * xhat, where z = gamma * xhat + beta + residual is what
// the activation saw, xhat = (u - mean) * inv_std, and u is x after the prologue activation.

struct Sums {
    float count;
    float dz;
    float dz_xhat;
};

const Sums NO_SUMS = Sums(0.0, 0.0, 0.0);

Sums merge(Sums a, Sums b)
{
    return Sums(a.count + b.count, a.dz + b.dz, a.dz_xhat + b.dz_xhat);
}

vec3 pack(Sums s)
{
    return vec3(s.count, s.dz, s.dz_xhat);
}

Sums unpack(vec3 v)
{
    return Sums(v.x, v.y, v.z);
}

#if defined(SUBGROUP_ADD)
Sums subgroup_merge(Sums s)
{
    return Sums(subgroupAdd(s.count), subgroupAdd(s.dz), subgroupAdd(s.dz_xhat));
}
#endif
