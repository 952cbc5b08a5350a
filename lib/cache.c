/* The header of files: what has to match before anyone, drivers above all, may see a byte. */
#include <inttypes.h>
#include <string.h>

#include "cache.h"

static const VknMagic MAGIC = "vknCACHE";

#define FORMAT         1u
#define VULKAN_HEADER  32u /* bytes of VkPipelineCacheHeaderVersionOne */
#define VKNORM_VERSION (VKN_VERSION_MAJOR << 22 | VKN_VERSION_MINOR << 12 | VKN_VERSION_PATCH)

/* As it lies in the file, in the byte order of the machine: on another, format is another number. */
typedef struct Header {
    char magic[8];
    uint32_t format;
    uint32_t version;      /* of vknorm, whose shaders change */
    uint32_t pointer_size; /* a driver's data may differ between its 32- and 64-bit build */
    VknCacheKey key;
    uint64_t size; /* of the data */
    uint64_t hash; /* of all before, and the data: any one byte that differs makes another hash */
} Header;

_Static_assert(sizeof(VknCacheKey) == 44, "a key has no gaps, so that it can be compared and hashed");
_Static_assert(offsetof(Header, size) == 64 && sizeof(Header) == VKN_CACHE_HEADER_SIZE, "nor has the header");

VknResult vkn_cache_key(const VknContextDesc *desc, VknCacheKey *key) {
    VknHost host = {NULL, desc ? desc->log : (VknLog){0}};
    VknCaps caps;
    if (!key)
        return VKN_FAIL(&host, INVALID_ARGUMENT, "vkn_cache_key: key must not be NULL");
    VknResult result = vkn_caps_query(desc, &caps);
    if (result)
        return result;
    PFN_vkGetPhysicalDeviceProperties2 get = (PFN_vkGetPhysicalDeviceProperties2)desc->get_instance_proc_addr(
        desc->instance, "vkGetPhysicalDeviceProperties2");
    if (!get)
        return VKN_FAIL(&host, UNSUPPORTED, "the instance has no vkGetPhysicalDeviceProperties2");
    VkPhysicalDeviceIDProperties id = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                              .pNext = &id};
    get(desc->physical_device, &properties);
    key->vendor_id = properties.properties.vendorID;
    key->device_id = properties.properties.deviceID;
    key->driver_version = properties.properties.driverVersion;
    memcpy(key->cache_uuid, properties.properties.pipelineCacheUUID, VK_UUID_SIZE);
    memcpy(key->driver_uuid, id.driverUUID, VK_UUID_SIZE);
    return VKN_SUCCESS;
}

uint64_t vkn_hash(uint64_t hash, const void *bytes, uint64_t size) {
    for (uint64_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    return hash;
}

static uint64_t hash_of(const Header *header, const void *data, uint64_t size) {
    return vkn_hash(vkn_hash(VKN_HASH_OF_NOTHING, header, offsetof(Header, hash)), data, size);
}

void vkn_header_write(const VknMagic magic, const VknCacheKey *key, const void *data, uint64_t size,
                      uint8_t header[VKN_CACHE_HEADER_SIZE]) {
    Header h = {.format = FORMAT,
                .version = VKNORM_VERSION,
                .pointer_size = sizeof(void *),
                .key = *key,
                .size = size};
    memcpy(h.magic, magic, sizeof h.magic);
    h.hash = hash_of(&h, data, size);
    memcpy(header, &h, sizeof h);
}

const char *vkn_header_check(const VknMagic magic, const VknCacheKey *key, const uint8_t *bytes,
                             uint64_t size) {
    Header h;
    if (size < sizeof h)
        return "it is shorter than a header";
    memcpy(&h, bytes, sizeof h);
    if (memcmp(h.magic, magic, sizeof h.magic))
        return "it is something else";
    if (h.format != FORMAT || h.version != VKNORM_VERSION || h.pointer_size != sizeof(void *))
        return "another version of vknorm wrote it";
    if (memcmp(&h.key, key, sizeof *key))
        return "it is of another device or driver";
    if (h.size != size - sizeof h)
        return "its size is not what its header says";
    if (h.hash != hash_of(&h, bytes + sizeof h, h.size))
        return "it is damaged: the hash differs";
    return NULL;
}

void vkn_cache_pack(const VknCacheKey *key, const void *data, uint64_t size,
                    uint8_t header[VKN_CACHE_HEADER_SIZE]) {
    vkn_header_write(MAGIC, key, data, size, header);
}

/* Vulkan's own header has its least significant bytes first. */
static uint32_t word_at(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* What is wrong with data that the driver is said to have made; NULL: nothing. */
static const char *check_data(const VknCacheKey *key, const uint8_t *data, uint64_t size) {
    if (size < VULKAN_HEADER || word_at(data) < VULKAN_HEADER || word_at(data) > size)
        return "Vulkan's header is not complete";
    if (word_at(data + 4) != VK_PIPELINE_CACHE_HEADER_VERSION_ONE)
        return "Vulkan's header has another version";
    if (word_at(data + 8) != key->vendor_id || word_at(data + 12) != key->device_id ||
        memcmp(data + 16, key->cache_uuid, VK_UUID_SIZE))
        return "Vulkan's header is of another device or driver";
    return NULL;
}

VknResult vkn_cache_unpack(const VknCacheKey *key, const void *cache, uint64_t size, VknLog log,
                           const void **data, uint64_t *data_size) {
    VknHost host = {NULL, log};
    if (!key || (!cache && size) || !data || !data_size)
        return VKN_FAIL(&host, INVALID_ARGUMENT,
                        "vkn_cache_unpack: key, cache, data and data_size must not be NULL");
    *data = NULL;
    *data_size = 0;
    const char *wrong = vkn_header_check(MAGIC, key, cache, size);
    if (!wrong)
        wrong = check_data(key, (const uint8_t *)cache + VKN_CACHE_HEADER_SIZE, size - VKN_CACHE_HEADER_SIZE);
    if (wrong) {
        vkn_host_log(&host, VKN_LOG_WARNING, "%" PRIu64 " bytes of cached pipelines are not used: %s", size,
                     wrong);
        return VKN_ERROR_INVALID_ARGUMENT;
    }
    *data = (const uint8_t *)cache + VKN_CACHE_HEADER_SIZE;
    *data_size = size - VKN_CACHE_HEADER_SIZE;
    return VKN_SUCCESS;
}
