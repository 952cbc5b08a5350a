/* Pipelines, each created once per context. */
#ifndef VKN_PIPELINE_H
#define VKN_PIPELINE_H

#include "schedule.h"

#include "mutex.h"

#define VKN_PIPELINE_BUCKETS 256

typedef struct VknPipelineNode VknPipelineNode;

typedef struct VknPipelineCache {
    VknMutex mutex; /* guards bucket */
    VknPipelineNode *bucket[VKN_PIPELINE_BUCKETS];
} VknPipelineCache;

/* Finds or creates the pipeline of a step. Owned by the context. */
VknResult vkn_pipeline_get(VknContext *context, const VknStep *step, VkPipeline *pipeline);

/* Destroys all pipelines. */
void vkn_pipeline_cache_clear(VknContext *context);

#endif
