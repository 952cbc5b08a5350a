#include "tally.h"

#include <inttypes.h>

static void print_row(const char *name, uint64_t passed, uint64_t failed) {
    printf("  %-24s %8" PRIu64 " %8" PRIu64 "\n", name, passed, failed);
}

bool test_tally_print(const TestTally *tally, const VknRuntimeInfo *info) {
    uint64_t passed = 0, failed = 0, skipped = 0;
    printf("\n  %-24s %8s %8s\n", "strategy", "passed", "failed");
    for (uint32_t strategy = 0; strategy <= test_strategy_count(); strategy++) {
        uint64_t row_passed = 0, row_failed = 0;
        for (uint32_t mask = 0; mask < test_mask_count; mask++) {
            row_passed += tally->passed[strategy][mask];
            row_failed += tally->failed[strategy][mask];
        }
        print_row(strategy ? vkn_strategy_name(strategy - 1) : "(planning)", row_passed, row_failed);
        passed += row_passed;
        failed += row_failed;
    }
    printf("\n  %-24s %8s %8s\n", "capabilities", "passed", "failed");
    for (uint32_t mask = 0; mask < test_mask_count; mask++) {
        uint64_t row_passed = 0, row_failed = 0;
        for (uint32_t strategy = 0; strategy <= test_strategy_count(); strategy++) {
            row_passed += tally->passed[strategy][mask];
            row_failed += tally->failed[strategy][mask];
        }
        print_row(test_masks[mask].name, row_passed, row_failed);
        skipped += tally->skipped[mask];
        if (tally->skipped[mask])
            printf("  %-24s skipped: this device is no stronger\n", test_masks[mask].name);
    }
    printf("\n  %s, %s %s\n", info->device_name, info->driver_name, info->driver_info);
    printf("%" PRIu64 " passed, %" PRIu64 " failed, %" PRIu64 " skipped\n", passed, failed, skipped);
    return passed > 0 && failed == 0;
}
