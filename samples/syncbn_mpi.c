/* Synchronized batch normalization: a batch that lies on several devices is normalized with the statistics of
 * all of it, forward and backward, and every rank ends up with what one device with the whole batch has.
 *
 *     mpirun -n 4 build/samples/syncbn_mpi
 *
 *   forward    STATISTICS          x            -> MOMENTS of this rank's samples
 *              MPI_Allgather                       MOMENTS of all ranks, a few bytes per channel
 *              FINISH              MOMENTS      -> mean, inverse deviation, running statistics
 *              TRAIN               x, MOMENTS   -> y
 *   backward   GRADIENT_STATISTICS x, dy        -> SUMS of this rank's samples
 *              MPI_Allgather                       SUMS of all ranks
 *              TRAIN_GRADIENT      x, dy, SUMS  -> dx; dgamma and dbeta are the sums themselves
 *
 * Moments are merged, not averaged: shares of any size count as they should, also none at all, and a mean
 * that is large beside the deviation loses nothing. */
#include "syncbn.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Shape whole_batch(void) {
    return (Shape){13, 6, 5, 7};
}

/* Samples before those of `rank`: uneven shares, the first of four is empty. */
static uint64_t samples_before(uint64_t rank, uint64_t ranks) {
    return whole_batch().samples * rank * rank / (ranks * ranks);
}

/* Gathers every rank's `bytes` bytes into `all`, in the order of ranks. */
static void gather(const void *mine, void *all, uint64_t bytes) {
    if (MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, MPI_COMM_WORLD) != MPI_SUCCESS)
        fail("MPI_Allgather failed");
}

/* One training step of `shape` on this rank, together with all others. */
static void step_synchronized(VknRuntime *runtime, Shape shape, uint32_t ranks, Layer *layer, Step *step) {
    uint64_t channels = shape.channels;
    VknMoments *mine = zeroed(channels * sizeof *mine), *all = zeroed(ranks * channels * sizeof *all);
    VknSums *my_sums = zeroed(channels * sizeof *my_sums), *sums = zeroed(ranks * channels * sizeof *sums);

    /* A rank without samples has no dispatch: its moments stay zero, which is a count of zero. */
    run(runtime, VKN_OPERATION_STATISTICS, shape, 1,
        (Data[VKN_ROLE_COUNT]){[VKN_ROLE_X] = {step->x}, [VKN_ROLE_MOMENTS] = {mine, true}});
    gather(mine, all, channels * sizeof *mine);
    /* Everybody merges the same parts in the same order, so all ranks' statistics stay equal, bit by bit. */
    run(runtime, VKN_OPERATION_FINISH, (Shape){1, channels, 1, 1}, ranks,
        (Data[VKN_ROLE_COUNT]){[VKN_ROLE_MOMENTS] = {all},
                               [VKN_ROLE_MEAN] = {layer->mean, true},
                               [VKN_ROLE_INV_STD] = {layer->inv_std, true},
                               [VKN_ROLE_RUNNING_MEAN] = {layer->running_mean, true},
                               [VKN_ROLE_RUNNING_VARIANCE] = {layer->running_variance, true}});
    run(runtime, VKN_OPERATION_TRAIN, shape, ranks,
        (Data[VKN_ROLE_COUNT]){[VKN_ROLE_X] = {step->x},
                               [VKN_ROLE_MOMENTS] = {all},
                               [VKN_ROLE_GAMMA] = {layer->gamma},
                               [VKN_ROLE_BETA] = {layer->beta},
                               [VKN_ROLE_Y] = {step->y, true}});

    const Data saved_mean = {layer->mean}, saved_inv_std = {layer->inv_std};
    run(runtime, VKN_OPERATION_GRADIENT_STATISTICS, shape, 1,
        (Data[VKN_ROLE_COUNT]){[VKN_ROLE_X] = {step->x},
                               [VKN_ROLE_DY] = {step->dy},
                               [VKN_ROLE_MEAN] = saved_mean,
                               [VKN_ROLE_INV_STD] = saved_inv_std,
                               [VKN_ROLE_GAMMA] = {layer->gamma},
                               [VKN_ROLE_BETA] = {layer->beta},
                               [VKN_ROLE_SUMS] = {my_sums, true}});
    gather(my_sums, sums, channels * sizeof *my_sums);
    run(runtime, VKN_OPERATION_TRAIN_GRADIENT, shape, ranks,
        (Data[VKN_ROLE_COUNT]){[VKN_ROLE_X] = {step->x},
                               [VKN_ROLE_DY] = {step->dy},
                               [VKN_ROLE_MEAN] = saved_mean,
                               [VKN_ROLE_INV_STD] = saved_inv_std,
                               [VKN_ROLE_GAMMA] = {layer->gamma},
                               [VKN_ROLE_BETA] = {layer->beta},
                               [VKN_ROLE_SUMS] = {sums},
                               [VKN_ROLE_DX] = {step->dx, true}});
    for (uint64_t i = 0; i < ranks * channels; i++) {
        layer->dgamma[i % channels] += sums[i].dz_xhat;
        layer->dbeta[i % channels] += sums[i].dz;
    }
    free(mine);
    free(all);
    free(my_sums);
    free(sums);
}

/* The same on one device. */
static void step_alone(VknRuntime *runtime, Shape shape, Layer *layer, Step *step) {
    run(runtime, VKN_OPERATION_TRAIN, shape, 1,
        (Data[VKN_ROLE_COUNT]){[VKN_ROLE_X] = {step->x},
                               [VKN_ROLE_GAMMA] = {layer->gamma},
                               [VKN_ROLE_BETA] = {layer->beta},
                               [VKN_ROLE_Y] = {step->y, true},
                               [VKN_ROLE_MEAN] = {layer->mean, true},
                               [VKN_ROLE_INV_STD] = {layer->inv_std, true},
                               [VKN_ROLE_RUNNING_MEAN] = {layer->running_mean, true},
                               [VKN_ROLE_RUNNING_VARIANCE] = {layer->running_variance, true}});
    run(runtime, VKN_OPERATION_TRAIN_GRADIENT, shape, 1,
        (Data[VKN_ROLE_COUNT]){[VKN_ROLE_X] = {step->x},
                               [VKN_ROLE_DY] = {step->dy},
                               [VKN_ROLE_MEAN] = {layer->mean},
                               [VKN_ROLE_INV_STD] = {layer->inv_std},
                               [VKN_ROLE_GAMMA] = {layer->gamma},
                               [VKN_ROLE_BETA] = {layer->beta},
                               [VKN_ROLE_DX] = {step->dx, true},
                               [VKN_ROLE_DGAMMA] = {layer->dgamma, true},
                               [VKN_ROLE_DBETA] = {layer->dbeta, true}});
}

/* ------------------------------------------------------------------------------------------ the proof */

/* The largest difference between values of this size, of any rank. */
static double difference(const float *got, const float *expected, uint64_t count, double size) {
    double worst = 0, all;
    for (uint64_t i = 0; i < count; i++) {
        size = fmax(size, fabs(expected[i]));
        worst = fmax(worst, fabs((double)got[i] - expected[i]));
        worst = isnan(got[i]) ? INFINITY : worst;
    }
    worst /= size;
    MPI_Allreduce(&worst, &all, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return all;
}

/* Only roundings differ: a few units of 2^-24. */
static bool report(int rank, const char *name, double value, double bound) {
    if (rank == 0)
        printf("  %-18s %.1e%s\n", name, value, value <= bound ? "" : "  TOO LARGE");
    return value <= bound;
}

/* One step of data with this mean, on all ranks and, on each of them again, alone. */
static bool compare(VknRuntime *runtime, int rank, int ranks, float mean) {
    const Shape whole = whole_batch();
    const uint64_t first = samples_before((uint64_t)rank, (uint64_t)ranks);
    const Shape share = {samples_before((uint64_t)rank + 1, (uint64_t)ranks) - first, whole.channels,
                         whole.height, whole.width};
    Layer together = layer_create(whole.channels), alone = layer_create(whole.channels);
    Step mine = step_create(share, first, mean), all = step_create(whole, 0, mean);
    const uint64_t offset = first * sample_size(whole), count = element_count(share), c = whole.channels;
    /* The backward pass has one word of the mean. Should ranks and device round it to different sides, then
     * xhat differs by that. */
    const double bound = mean == 0 ? 2e-6 : 2e-4;
    bool right = true;

    step_synchronized(runtime, share, (uint32_t)ranks, &together, &mine);
    step_alone(runtime, whole, &alone, &all);
    if (rank == 0)
        printf("mean %g, deviation 1: largest difference from one device\n", mean);
    right &= report(rank, "y", difference(mine.y, all.y + offset, count, 1), 2e-6);
    right &= report(rank, "dx", difference(mine.dx, all.dx + offset, count, 1), bound);
    right &= report(rank, "dgamma", difference(together.dgamma, alone.dgamma, c, 1), bound);
    right &= report(rank, "dbeta", difference(together.dbeta, alone.dbeta, c, 1), bound);
    right &=
        report(rank, "running mean", difference(together.running_mean, alone.running_mean, c, 0.1), 2e-6);
    right &= report(rank, "running variance",
                    difference(together.running_variance, alone.running_variance, c, 0.1), 2e-6);
    step_destroy(&mine);
    step_destroy(&all);
    layer_destroy(&together);
    layer_destroy(&alone);
    return right;
}

int main(int argc, char **argv) {
    int rank, ranks;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (argc > 1 && !(argc == 3 && strcmp(argv[1], "--device") == 0)) {
        if (rank == 0)
            printf(
                "usage: mpirun -n RANKS %s [--device NAME-OR-NUMBER]\n"
                "Batch normalization of one batch that is shared out among ranks, each on a Vulkan device\n"
                "of its own: rank r has number r modulo the devices there are, or --device.\n",
                argv[0]);
        MPI_Finalize();
        return strcmp(argv[1], "--help") == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    VknRuntime *runtime = open_device(argc == 3 ? argv[2] : NULL, (uint32_t)rank);
    printf("rank %d of %d: %s\n", rank, ranks, vkn_runtime_info(runtime)->device_name);
    fflush(stdout);
    MPI_Barrier(MPI_COMM_WORLD);
    bool right = compare(runtime, rank, ranks, 0);
    right &= compare(runtime, rank, ranks, 1e4f);
    vkn_runtime_destroy(runtime);
    MPI_Finalize();
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
