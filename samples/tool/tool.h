/* vknorm, the command-line tool: normalizations, activations and reductions of .npy files, without code. */
#ifndef TOOL_H
#define TOOL_H

#include <vknorm/runtime.h>

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#else
#define PRINTF_LIKE(text, first)
#endif

/* Exit codes. */
enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* Says on stderr what is wrong, and returns false. */
bool fail(const char *format, ...) PRINTF_LIKE(1, 2);

/* The end of a sentence about `wrong`: "; did you mean epsilon?", or "." when no name is close. `names` is an
 * array of anything that begins with a const char *. The text is valid until the next call. */
const char *suggest(const char *wrong, const void *names, size_t count, size_t stride);

/* getopt_long() with errors of ours: '?' after one. */
int next_option(int argc, char **argv, const struct option *options);

/* Where the library's messages go. */
VknLog tool_log(void);

int info_main(int argc, char **argv);
int run_main(int argc, char **argv);
int tune_main(int argc, char **argv);

#endif
