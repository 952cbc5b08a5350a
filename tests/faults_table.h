/* Every Vulkan function that the library calls, and what the specification lets it return. */
#ifndef TESTS_FAULTS_TABLE_H
#define TESTS_FAULTS_TABLE_H

/* What nearly every function may return, and what any may: drivers report a lost device wherever they like.
 */
#define MEMORY VK_ERROR_OUT_OF_HOST_MEMORY, VK_ERROR_OUT_OF_DEVICE_MEMORY
#define ANY    VK_ERROR_UNKNOWN, VK_ERROR_DEVICE_LOST

/* Functions that make one object: name, object, parent, info, results. */
#define FAULT_CREATES(F)                                                                                     \
    F(CreateBufferView, BufferView, VkDevice, VkBufferViewCreateInfo, MEMORY, ANY)                           \
    F(CreateDescriptorPool, DescriptorPool, VkDevice, VkDescriptorPoolCreateInfo, MEMORY, ANY,               \
      VK_ERROR_FRAGMENTATION)                                                                                \
    F(CreateDescriptorSetLayout, DescriptorSetLayout, VkDevice, VkDescriptorSetLayoutCreateInfo, MEMORY,     \
      ANY)                                                                                                   \
    F(CreatePipelineLayout, PipelineLayout, VkDevice, VkPipelineLayoutCreateInfo, MEMORY, ANY)               \
    F(CreatePipelineCache, PipelineCache, VkDevice, VkPipelineCacheCreateInfo, MEMORY, ANY)                  \
    F(CreateShaderModule, ShaderModule, VkDevice, VkShaderModuleCreateInfo, MEMORY, ANY,                     \
      VK_ERROR_INVALID_SHADER_NV)                                                                            \
    F(AllocateMemory, DeviceMemory, VkDevice, VkMemoryAllocateInfo, MEMORY, ANY,                             \
      VK_ERROR_INVALID_EXTERNAL_HANDLE, VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS)                             \
    F(CreateBuffer, Buffer, VkDevice, VkBufferCreateInfo, MEMORY, ANY,                                       \
      VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS)                                                               \
    F(CreateCommandPool, CommandPool, VkDevice, VkCommandPoolCreateInfo, MEMORY, ANY)                        \
    F(CreateQueryPool, QueryPool, VkDevice, VkQueryPoolCreateInfo, MEMORY, ANY)                              \
    F(CreateDevice, Device, VkPhysicalDevice, VkDeviceCreateInfo, MEMORY, ANY,                               \
      VK_ERROR_INITIALIZATION_FAILED, VK_ERROR_EXTENSION_NOT_PRESENT, VK_ERROR_FEATURE_NOT_PRESENT,          \
      VK_ERROR_TOO_MANY_OBJECTS)                                                                             \
    F(CreateDebugUtilsMessengerEXT, DebugUtilsMessengerEXT, VkInstance, VkDebugUtilsMessengerCreateInfoEXT,  \
      VK_ERROR_OUT_OF_HOST_MEMORY, VK_ERROR_UNKNOWN)

/* Functions that destroy one: name, object, parent. */
#define FAULT_DESTROYS(F)                                                                                    \
    F(DestroyBufferView, BufferView, VkDevice)                                                               \
    F(DestroyDescriptorPool, DescriptorPool, VkDevice)                                                       \
    F(DestroyDescriptorSetLayout, DescriptorSetLayout, VkDevice)                                             \
    F(DestroyPipelineLayout, PipelineLayout, VkDevice)                                                       \
    F(DestroyPipelineCache, PipelineCache, VkDevice)                                                         \
    F(DestroyShaderModule, ShaderModule, VkDevice)                                                           \
    F(FreeMemory, DeviceMemory, VkDevice)                                                                    \
    F(DestroyBuffer, Buffer, VkDevice)                                                                       \
    F(DestroyCommandPool, CommandPool, VkDevice)                                                             \
    F(DestroyQueryPool, QueryPool, VkDevice)                                                                 \
    F(DestroyDebugUtilsMessengerEXT, DebugUtilsMessengerEXT, VkInstance)

/* Other functions that can fail: name, parameters, arguments, output or NULL, results. */
#define FAULT_CALLS(F)                                                                                       \
    F(AllocateDescriptorSets, (VkDevice d, const VkDescriptorSetAllocateInfo *i, VkDescriptorSet *o),        \
      (d, i, o), o, MEMORY, ANY, VK_ERROR_FRAGMENTED_POOL, VK_ERROR_OUT_OF_POOL_MEMORY)                      \
    F(GetPipelineCacheData, (VkDevice d, VkPipelineCache c, size_t * o, void *v), (d, c, o, v), o, MEMORY,   \
      ANY)                                                                                                   \
    F(EnumerateInstanceVersion, (uint32_t * o), (o), o, VK_ERROR_OUT_OF_HOST_MEMORY, VK_ERROR_UNKNOWN)       \
    F(EnumerateInstanceLayerProperties, (uint32_t * o, VkLayerProperties * l), (o, l), o, MEMORY,            \
      VK_ERROR_UNKNOWN)                                                                                      \
    F(EnumerateInstanceExtensionProperties, (const char *n, uint32_t *o, VkExtensionProperties *l),          \
      (n, o, l), o, MEMORY, VK_ERROR_UNKNOWN, VK_ERROR_LAYER_NOT_PRESENT)                                    \
    F(EnumerateDeviceExtensionProperties,                                                                    \
      (VkPhysicalDevice d, const char *n, uint32_t *o, VkExtensionProperties *l), (d, n, o, l), o, MEMORY,   \
      VK_ERROR_UNKNOWN, VK_ERROR_LAYER_NOT_PRESENT)                                                          \
    F(EnumeratePhysicalDevices, (VkInstance i, uint32_t * o, VkPhysicalDevice * l), (i, o, l), o, MEMORY,    \
      VK_ERROR_UNKNOWN, VK_ERROR_INITIALIZATION_FAILED)                                                      \
    F(AllocateCommandBuffers, (VkDevice d, const VkCommandBufferAllocateInfo *i, VkCommandBuffer *o),        \
      (d, i, o), o, MEMORY, ANY)                                                                             \
    F(BeginCommandBuffer, (VkCommandBuffer c, const VkCommandBufferBeginInfo *i), (c, i), NO_OUTPUT, MEMORY, \
      ANY)                                                                                                   \
    F(EndCommandBuffer, (VkCommandBuffer c), (c), NO_OUTPUT, MEMORY, ANY)                                    \
    F(BindBufferMemory, (VkDevice d, VkBuffer b, VkDeviceMemory m, VkDeviceSize s), (d, b, m, s), NO_OUTPUT, \
      MEMORY, ANY, VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS)                                                  \
    F(MapMemory,                                                                                             \
      (VkDevice d, VkDeviceMemory m, VkDeviceSize f, VkDeviceSize s, VkMemoryMapFlags g, void **o),          \
      (d, m, f, s, g, o), o, MEMORY, ANY, VK_ERROR_MEMORY_MAP_FAILED)                                        \
    F(FlushMappedMemoryRanges, (VkDevice d, uint32_t n, const VkMappedMemoryRange *r), (d, n, r), NO_OUTPUT, \
      MEMORY, ANY)                                                                                           \
    F(InvalidateMappedMemoryRanges, (VkDevice d, uint32_t n, const VkMappedMemoryRange *r), (d, n, r),       \
      NO_OUTPUT, MEMORY, ANY)                                                                                \
    F(GetQueryPoolResults,                                                                                   \
      (VkDevice d, VkQueryPool p, uint32_t f, uint32_t n, size_t z, void *o, VkDeviceSize s,                 \
       VkQueryResultFlags g),                                                                                \
      (d, p, f, n, z, o, s, g), (uint64_t *)o, MEMORY, ANY)

/* Those that have functions of their own in the layer: name, results. */
#define FAULT_OTHERS(F)                                                                                      \
    F(CreateComputePipelines, MEMORY, ANY, VK_ERROR_INVALID_SHADER_NV, VK_PIPELINE_COMPILE_REQUIRED_EXT)     \
    F(CreateInstance, MEMORY, VK_ERROR_UNKNOWN, VK_ERROR_INITIALIZATION_FAILED, VK_ERROR_LAYER_NOT_PRESENT,  \
      VK_ERROR_EXTENSION_NOT_PRESENT, VK_ERROR_INCOMPATIBLE_DRIVER)                                          \
    F(QueueSubmit, MEMORY, ANY)                                                                              \
    F(QueueWaitIdle, MEMORY, ANY)                                                                            \
    F(DeviceWaitIdle, MEMORY, ANY)                                                                           \
    F(ResetCommandPool, VK_ERROR_OUT_OF_DEVICE_MEMORY, ANY)

/* What else can be refused: name, results. */
#define FAULT_REFUSALS(F)                                                                                    \
    F(lookup_of_a_function, VK_ERROR_FEATURE_NOT_PRESENT) /* VK_SUCCESS is no fault */                       \
    F(allocation_by_callback, VK_ERROR_OUT_OF_HOST_MEMORY)                                                   \
    F(allocation_by_driver, VK_ERROR_OUT_OF_HOST_MEMORY)                                                     \
    F(allocation_by_malloc, VK_ERROR_OUT_OF_HOST_MEMORY)                                                     \
    F(loader_open, VK_ERROR_INCOMPATIBLE_DRIVER)

/* Commands: name, parameters after the command buffer, arguments. */
#define FAULT_COMMANDS(F)                                                                                    \
    F(CmdBindDescriptorSets,                                                                                 \
      (VkCommandBuffer c, VkPipelineBindPoint b, VkPipelineLayout l, uint32_t f, uint32_t n,                 \
       const VkDescriptorSet *s, uint32_t m, const uint32_t *o),                                             \
      (c, b, l, f, n, s, m, o))                                                                              \
    F(CmdBindPipeline, (VkCommandBuffer c, VkPipelineBindPoint b, VkPipeline p), (c, b, p))                  \
    F(CmdDispatch, (VkCommandBuffer c, uint32_t x, uint32_t y, uint32_t z), (c, x, y, z))                    \
    F(CmdPipelineBarrier,                                                                                    \
      (VkCommandBuffer c, VkPipelineStageFlags a, VkPipelineStageFlags b, VkDependencyFlags d, uint32_t n,   \
       const VkMemoryBarrier *m, uint32_t o, const VkBufferMemoryBarrier *p, uint32_t q,                     \
       const VkImageMemoryBarrier *r),                                                                       \
      (c, a, b, d, n, m, o, p, q, r))                                                                        \
    F(CmdPushConstants,                                                                                      \
      (VkCommandBuffer c, VkPipelineLayout l, VkShaderStageFlags s, uint32_t o, uint32_t n, const void *v),  \
      (c, l, s, o, n, v))

#endif
