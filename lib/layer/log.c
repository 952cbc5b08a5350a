#include "internal.h"

#include <stdarg.h>
#include <stdio.h>

VknResult vkn_layer_fail(VknLog log, VknResult result, const char *format, ...) {
    char message[512];
    va_list arguments;
    if (!log.write)
        return result;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    log.write(log.user, VKN_LOG_ERROR, message);
    return result;
}
