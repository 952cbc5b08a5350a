// Who works together on one item: the one place that knows subgroups, shared memory and barriers.
//
// The build defines one of
//   WORKER_LANE              an invocation alone
//   WORKER_SUBGROUP_ADD      a subgroup, with subgroupAdd
//   WORKER_SUBGROUP_SHUFFLE  a subgroup, with subgroupShuffleXor
//   WORKER_GROUP_ADD         a workgroup: subgroups as above, then shared memory
//   WORKER_GROUP_TREE        a workgroup with shared memory alone
// Control flow around worker_merge() is uniform for the worker. The order of every reduction is fixed.

#if defined(WORKER_SUBGROUP_ADD) || defined(WORKER_GROUP_ADD)
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require

// Lanes are counted, not taken from gl_SubgroupSize, which some drivers report larger than it is.
uint lane_index()
{
    return subgroupExclusiveAdd(1u);
}

uint lane_count()
{
    return subgroupAdd(1u);
}

Moments subgroup_merge(Moments m)
{
    float count = subgroupAdd(m.count);
    float mean = count > 0.0 ? subgroupAdd(m.count * m.mean) / count : 0.0;
    float distance = m.mean - mean;
    return Moments(count, mean, subgroupAdd(m.m2 + m.count * distance * distance));
}
#endif

#if defined(WORKER_SUBGROUP_SHUFFLE)
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require

uint lane_index()
{
    return gl_SubgroupInvocationID;
}

uint lane_count()
{
    return gl_SubgroupSize;
}

// The lower lane's moments come first on both sides, so that both lanes get the same bits.
Moments subgroup_merge(Moments m)
{
    for (uint distance = 1; distance < gl_SubgroupSize; distance *= 2) {
        Moments other = Moments(subgroupShuffleXor(m.count, distance), subgroupShuffleXor(m.mean, distance),
                                subgroupShuffleXor(m.m2, distance));
        if ((gl_SubgroupInvocationID & distance) == 0)
            m = merge(m, other);
        else
            m = merge(other, m);
    }
    return m;
}
#endif

#if defined(WORKER_LANE)
uint worker_lane()
{
    return 0;
}

uint worker_lanes()
{
    return 1;
}

uint worker_index()
{
    return gl_GlobalInvocationID.x;
}

uint worker_count()
{
    return gl_NumWorkGroups.x * LOCAL_SIZE;
}

Moments worker_merge(Moments m)
{
    return m;
}

#elif defined(WORKER_SUBGROUP_ADD) || defined(WORKER_SUBGROUP_SHUFFLE)
uint worker_lane()
{
    return lane_index();
}

uint worker_lanes()
{
    return lane_count();
}

uint worker_index()
{
    return gl_WorkGroupID.x * gl_NumSubgroups + gl_SubgroupID;
}

uint worker_count()
{
    return gl_NumWorkGroups.x * gl_NumSubgroups;
}

Moments worker_merge(Moments m)
{
    return subgroup_merge(m);
}

#else
uint worker_lane()
{
    return gl_LocalInvocationID.x;
}

uint worker_lanes()
{
    return LOCAL_SIZE;
}

uint worker_index()
{
    return gl_WorkGroupID.x;
}

uint worker_count()
{
    return gl_NumWorkGroups.x;
}

shared vec3 partial[256];

Moments partial_load(uint i)
{
    return Moments(partial[i].x, partial[i].y, partial[i].z);
}

// The first barrier lets the readers of the previous item finish.
#if defined(WORKER_GROUP_ADD)
Moments worker_merge(Moments m)
{
    m = subgroup_merge(m);
    barrier();
    if (lane_index() == 0)
        partial[gl_SubgroupID] = vec3(m.count, m.mean, m.m2);
    barrier();
    m = partial_load(0);
    for (uint i = 1; i < gl_NumSubgroups; i++)
        m = merge(m, partial_load(i));
    return m;
}
#else
Moments worker_merge(Moments m)
{
    uint lane = gl_LocalInvocationID.x;
    barrier();
    partial[lane] = vec3(m.count, m.mean, m.m2);
    for (uint width = worker_lanes() / 2; width > 0; width /= 2) {
        barrier();
        if (lane < width) {
            m = merge(m, partial_load(lane + width));
            partial[lane] = vec3(m.count, m.mean, m.m2);
        }
    }
    barrier();
    return partial_load(0);
}
#endif
#endif
