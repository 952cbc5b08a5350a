#include "bench.h"

int main(int count, char **arguments) {
    return bench_main("bench", count, arguments);
}
