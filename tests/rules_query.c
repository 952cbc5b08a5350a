#include "rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

static char message[512];
static uint32_t message_count;

static void log_write(void *user, VknLogLevel level, const char *text) {
    assert_ptr_equal(user, &message_count);
    assert_int_equal(level, VKN_LOG_ERROR);
    snprintf(message, sizeof message, "%s", text);
    message_count++;
}

static const VknLog LOG = {log_write, &message_count};

VknCaps rules_caps(void) {
    return (VknCaps){
        VKN_DEVICE_OTHER, 64, 1, 16384, 4096, 8, 256, 128, true, true, true, true, 65536, 256, true};
}

VknDesc rules_desc(void) {
    VknDesc desc;
    vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN, 4, (uint64_t[]){2, 3, 4, 5}, 1, (int32_t[]){1});
    return desc;
}

VknResult rules_query(const VknCaps *caps, const VknDesc *desc, VknPlanInfo *info) {
    VknPlanInfo before;
    memset(&before, 0xA5, sizeof before);
    if (info)
        *info = before;
    message[0] = 0;
    message_count = 0;
    VknResult result = vkn_plan_query(caps, desc, LOG, info);
    assert_int_equal(message_count, result != VKN_SUCCESS);
    if (result != VKN_SUCCESS && info)
        assert_memory_equal(info, &before, sizeof before);
    return result;
}

void rules_expect(const char *name, VknResult result, VknResult expected, const char *const *words,
                  size_t word_count) {
    if (result != expected)
        fail_msg("%s: %s instead of %s, %s", name, vkn_result_name(result), vkn_result_name(expected),
                 message);
    for (size_t i = 0; i < word_count; i++)
        if (!strstr(message, words[i]))
            fail_msg("%s: the message should say \"%s\", it says \"%s\"", name, words[i], message);
}
