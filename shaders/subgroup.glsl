// Subgroups, for workers that use them. Lanes are counted where that is possible, not taken from
// gl_SubgroupSize, which some drivers report larger than it is.

#if defined(WORKER_SUBGROUP_ADD) || defined(WORKER_GROUP_ADD)
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#define SUBGROUP_ADD

uint lane_index()
{
    return subgroupExclusiveAdd(1u);
}

uint lane_count()
{
    return subgroupAdd(1u);
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
#endif
