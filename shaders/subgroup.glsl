// Subgroups, for workers that use them. Lanes are counted where that is possible, not taken from
// gl_SubgroupSize, which some drivers report larger than it is.

#if defined(WORKER_SUBGROUP_ADD) || defined(WORKER_GROUP_ADD)
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#define SUBGROUP_ADD

// Counted once, where every lane is active: a subgroup operation takes 10 ns on SwiftShader, 55 on lavapipe.
uint counted_index = subgroupExclusiveAdd(1u);
uint counted_lanes = subgroupAdd(1u);

uint lane_index()
{
    return counted_index;
}

uint lane_count()
{
    return counted_lanes;
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
