#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 1234567 as "1,234,567". */
typedef struct Thousands {
    char text[32];
} Thousands;

static Thousands thousands(uint64_t number) {
    char digits[24];
    const int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    Thousands t;
    char *to = t.text;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return t;
}

static int widest(int width, size_t length) {
    return (int)length > width ? (int)length : width;
}

static void rule_print(int width, char of) {
    for (int i = 0; i < width; i++)
        putchar(of);
    putchar('\n');
}

void summary_print(const char *model, const SummaryRow *rows, uint32_t count, uint64_t trainable,
                   uint64_t non_trainable) {
    int layer = (int)strlen("Layer (type)"), shape = (int)strlen("Output shape");
    for (const SummaryRow *row = rows; row < rows + count; row++) {
        layer = widest(layer, strlen(row->name) + strlen(row->kind) + 3);
        shape = widest(shape, strlen(row->shape));
    }
    const int number = widest((int)strlen("Parameters"), strlen(thousands(trainable + non_trainable).text));
    const int width = layer + shape + number + 6;
    printf("Model: %s\n", model);
    rule_print(width, '-');
    printf(" %-*s  %-*s  %*s\n", layer, "Layer (type)", shape, "Output shape", number, "Parameters");
    rule_print(width, '=');
    for (const SummaryRow *row = rows; row < rows + count; row++) {
        const int name = printf(" %s (%s)", row->name, row->kind);
        printf("%*s  %-*s  %*s\n", layer + 1 - name, "", shape, row->shape, number,
               thousands(row->parameters).text);
    }
    rule_print(width, '=');
    printf(" Total parameters: %s\n", thousands(trainable + non_trainable).text);
    printf(" Trainable parameters: %s\n", thousands(trainable).text);
    printf(" Non-trainable parameters: %s\n", thousands(non_trainable).text);
    rule_print(width, '-');
}

static void epoch_print(uint32_t epoch, uint32_t epochs, uint32_t step, uint32_t steps, double seconds,
                        double loss, double accuracy) {
    enum { BAR = 24 };
    const int done = steps ? (int)((uint64_t)BAR * step / steps) : BAR;
    printf("Epoch %u/%u [", epoch, epochs);
    for (int i = 0; i < BAR; i++)
        putchar(i < done ? '=' : i == done ? '>' : '.');
    printf("] %u/%u  %.1f s  loss %.4f", step, steps, seconds, loss);
    if (accuracy >= 0)
        printf("  accuracy %.2f%%", 100 * accuracy);
}

/* Back to the line's beginning, where there is one to go back to; \033[K empties what is left of it. */
static bool line_begin(void) {
    const bool terminal = isatty(STDOUT_FILENO);
    if (terminal)
        printf("\r\033[K");
    return terminal;
}

void progress_print(uint32_t epoch, uint32_t epochs, uint32_t step, uint32_t steps, double seconds,
                    double loss, double accuracy) {
    if (!line_begin())
        return;
    epoch_print(epoch, epochs, step, steps, seconds, loss, accuracy);
    fflush(stdout);
}

void progress_epoch(uint32_t epoch, uint32_t epochs, uint32_t step, uint32_t steps, double seconds,
                    double loss, double accuracy, double test_loss, double test_accuracy) {
    line_begin();
    epoch_print(epoch, epochs, step, steps, seconds, loss, accuracy);
    printf("  test loss %.4f", test_loss);
    if (test_accuracy >= 0)
        printf("  test accuracy %.2f%%", 100 * test_accuracy);
    putchar('\n');
    fflush(stdout);
}
