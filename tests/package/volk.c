/* The core in a program that loads Vulkan with volk: no Vulkan library is linked. */
#include <volk.h>
#include <vknorm/vknorm.h>

#include <stdio.h>

int main(void) {
    VknContextDesc desc = {.get_instance_proc_addr = vkGetInstanceProcAddr};
    VknCaps caps;
    if (volkInitialize() == VK_SUCCESS)
        desc.get_instance_proc_addr = vkGetInstanceProcAddr;
    /* Refused: there is no instance. */
    VknResult result = vkn_caps_query(&desc, &caps);
    printf("%s\n", vkn_result_name(result));
    return result == VKN_ERROR_INVALID_ARGUMENT ? 0 : 1;
}
