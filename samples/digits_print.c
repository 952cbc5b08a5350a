#include "digits.h"

#include <math.h>
#include <stdio.h>

/* No "-0.00". */
static double shown(double value) {
    return fabs(value) < 0.005 ? 0.0 : value;
}

void statistics_print(const char *when, int mean_decimals, const Statistics *statistics) {
    printf("\n  %-44s%s\n", when, "deviation");
    for (size_t row = 0; row < SIDE; row++) {
        printf("  ");
        for (size_t p = row * SIDE; p < (row + 1) * SIDE; p++)
            printf("%5.*f", mean_decimals, shown(statistics->mean[p]));
        printf("    ");
        for (size_t p = row * SIDE; p < (row + 1) * SIDE; p++)
            printf("%5.2f", shown(sqrt(statistics->variance[p])));
        printf("\n");
    }
}

void statistics_summarize(const char *when, const Statistics *statistics, const Statistics *before) {
    double mean_low = INFINITY, mean_high = -INFINITY, low = INFINITY, high = -INFINITY;
    int constant = 0;
    for (size_t p = 0; p < PIXELS; p++) {
        mean_low = fmin(mean_low, statistics->mean[p]);
        mean_high = fmax(mean_high, statistics->mean[p]);
        if (before->variance[p] == 0.0) {
            constant++;
            continue;
        }
        low = fmin(low, sqrt(statistics->variance[p]));
        high = fmax(high, sqrt(statistics->variance[p]));
    }
    printf("  %-28s mean %9.2g to %-9.2g deviation %5.3f to %5.3f, %d constant\n", when, mean_low, mean_high,
           low, high, constant);
}

bool difference_print(const char *what, Difference difference) {
    printf("  %-20s %8.1e, %5.1f%% of what f32 rounding allows%s\n", what, difference.largest,
           100.0 * difference.share, difference.share <= 1.0 ? "" : "  WRONG");
    return difference.share <= 1.0;
}
