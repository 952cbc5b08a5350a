#include "tool.h"

#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("vknorm: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return false;
}

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level != VKN_LOG_INFO)
        fprintf(stderr, "vknorm: %s%s\n", level == VKN_LOG_WARNING ? "warning: " : "", message);
}

VknLog tool_log(void) {
    return (VknLog){.write = log_write};
}

/* ------------------------------------------------------------------------------------- suggestions */

enum { LONGEST_NAME = 32 };

/* How many letters to insert, remove or replace make one word of the other (Levenshtein 1965). */
static size_t distance(const char *a, const char *b) {
    size_t row[LONGEST_NAME + 1];
    size_t length = strlen(b);
    if (length > LONGEST_NAME)
        return length;
    for (size_t k = 0; k <= length; k++)
        row[k] = k;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < length; k++) {
            size_t least = diagonal + (a[i] != b[k]);
            diagonal = row[k + 1];
            if (least > row[k + 1] + 1)
                least = row[k + 1] + 1;
            if (least > row[k] + 1)
                least = row[k] + 1;
            row[k + 1] = least;
        }
    }
    return row[length];
}

const char *suggest(const char *wrong, const void *names, size_t count, size_t stride) {
    static char text[256];
    size_t length = strlen(wrong), end = 0;
    for (size_t i = 0; i < count && length > 1; i++) {
        const char *name = *(const char *const *)((const char *)names + i * stride);
        bool close = distance(wrong, name) <= (length < 3   ? 1
                                               : length < 9 ? 2
                                                            : length / 3) ||
                     strncmp(name, wrong, length) == 0;
        if (close && end + strlen(name) + 20 < sizeof text)
            end += (size_t)sprintf(text + end, "%s%s", end ? " or " : "; did you mean ", name);
    }
    strcpy(text + end, end ? "?" : ".");
    return text;
}

int next_option(int argc, char **argv, const struct option *options) {
    size_t count = 0;
    int index = optind;
    while (options[count].name)
        count++;
    opterr = 0;
    int option = getopt_long(argc, argv, ":", options, NULL);
    const char *word = option == ':' || option == '?' ? argv[optind - 1] : argv[index];
    const char *name = word ? word + strspn(word, "-") : "";
    if (option == ':')
        fail("%s needs a value", word);
    if (option == '?')
        fail("no option %s%s See --help", word, suggest(name, options, count, sizeof *options));
    return option == ':' ? '?' : option;
}

/* -------------------------------------------------------------------------------------------- main */

static int bench(int argc, char **argv) {
    return bench_main("vknorm bench", argc, argv);
}

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
} COMMANDS[] = {{"info", info_main}, {"run", run_main}, {"tune", tune_main}, {"bench", bench}};

static void usage(void) {
    puts("usage: vknorm COMMAND [option...]\n"
         "\n"
         "Normalizations, activations, reductions and their gradients, on any Vulkan device.\n"
         "\n"
         "  vknorm info         the devices, what they can do, and which strategies they would run\n"
         "  vknorm run          computes one operation on .npy files, which NumPy reads and writes\n"
         "  vknorm tune         finds the fastest strategies on a device, and keeps them in a file\n"
         "  vknorm bench        how fast the library is on a device: a table, JSON, a plot\n"
         "  vknorm --version    prints the version\n"
         "  vknorm --help       prints this; vknorm COMMAND --help tells about a command\n"
         "\n"
         "For example, batch normalization of the channels of an NCHW tensor, then ReLU:\n"
         "\n"
         "  vknorm run batch_norm --set axes=1 --set activation=relu \\\n"
         "      --in x=x.npy --in gamma=gamma.npy --in beta=beta.npy --out y=y.npy");
}

int main(int argc, char **argv) {
    const char *command = argc > 1 ? argv[1] : "--help";
    size_t count = sizeof COMMANDS / sizeof *COMMANDS;
    for (size_t i = 0; i < count; i++)
        if (strcmp(COMMANDS[i].name, command) == 0)
            return COMMANDS[i].main(argc - 1, argv + 1);
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
        usage();
        return argc > 1 ? STATUS_DONE : STATUS_USAGE;
    }
    if (strcmp(command, "--version") == 0) {
        printf("vknorm %d.%d.%d\n", VKN_VERSION_MAJOR, VKN_VERSION_MINOR, VKN_VERSION_PATCH);
        return STATUS_DONE;
    }
    fail("no command %s%s See vknorm --help", command, suggest(command, COMMANDS, count, sizeof *COMMANDS));
    return STATUS_USAGE;
}
