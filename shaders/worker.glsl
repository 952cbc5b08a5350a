// Who works together on one item: the one place that knows shared memory and barriers.
//
// The build defines one of
//   WORKER_LANE              an invocation alone
//   WORKER_SUBGROUP_ADD      a subgroup, with subgroupAdd
//   WORKER_SUBGROUP_SHUFFLE  a subgroup, with subgroupShuffleXor
//   WORKER_GROUP_ADD         a workgroup: subgroups as above, then shared memory
//   WORKER_GROUP_TREE        a workgroup with shared memory alone
// and the includer PARTIAL, the struct that is merged, with
//   PARTIAL merge(PARTIAL, PARTIAL), vec4 pack(PARTIAL), PARTIAL unpack(vec4)
//   PARTIAL subgroup_merge(PARTIAL), where SUBGROUP_ADD is defined.
// worker_index() is a worker's number in its workgroup, which has worker_count() of them.
// Control flow around worker_merge() is uniform for the worker. The order of every reduction is fixed.

#define EACH_ITEM(items) EACH_ITEM_OF(worker_index(), worker_count(), items)

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
    return gl_LocalInvocationID.x;
}

uint worker_count()
{
    return LOCAL_SIZE;
}

PARTIAL worker_merge(PARTIAL m)
{
    return m;
}

#elif defined(WORKER_SUBGROUP_ADD) || defined(WORKER_SUBGROUP_SHUFFLE)
#if defined(WORKER_SUBGROUP_SHUFFLE)
// The lower lane's partial comes first on both sides, so that both lanes get the same bits.
PARTIAL subgroup_merge(PARTIAL m)
{
    for (uint distance = 1; distance < gl_SubgroupSize; distance *= 2) {
        PARTIAL other = unpack(subgroupShuffleXor(pack(m), distance));
        if ((gl_SubgroupInvocationID & distance) == 0)
            m = merge(m, other);
        else
            m = merge(other, m);
    }
    return m;
}
#endif

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
    return gl_SubgroupID;
}

uint worker_count()
{
    return gl_NumSubgroups;
}

PARTIAL worker_merge(PARTIAL m)
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
    return 0;
}

uint worker_count()
{
    return 1;
}

shared vec4 partial[256];

// The first barrier lets the readers of the previous item finish.
#if defined(WORKER_GROUP_ADD)
PARTIAL worker_merge(PARTIAL m)
{
    m = subgroup_merge(m);
    barrier();
    if (lane_index() == 0)
        partial[gl_SubgroupID] = pack(m);
    barrier();
    m = unpack(partial[0]);
    for (uint i = 1; i < gl_NumSubgroups; i++)
        m = merge(m, unpack(partial[i]));
    return m;
}
#else
PARTIAL worker_merge(PARTIAL m)
{
    uint lane = gl_LocalInvocationID.x;
    barrier();
    partial[lane] = pack(m);
    for (uint width = worker_lanes() / 2; width > 0; width /= 2) {
        barrier();
        if (lane < width) {
            m = merge(m, unpack(partial[lane + width]));
            partial[lane] = pack(m);
        }
    }
    barrier();
    return unpack(partial[0]);
}
#endif
#endif
