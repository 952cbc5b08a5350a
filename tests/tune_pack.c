/* What was tuned, in memory and in files: what is damaged or foreign is refused. */
#define _XOPEN_SOURCE 700
#include "tune_test.h"

#include <unistd.h>

static VknCacheKey key_of(Fixture *fixture) {
    VknCacheKey key;
    assert_int_equal(vkn_cache_key(vkn_runtime_context_desc(fixture->runtime), &key), VKN_SUCCESS);
    return key;
}

/* ------------------------------------------------------------------------------------------ in memory */

typedef struct Packed {
    uint8_t *bytes; /* exactly `size`, so that sanitizers see a step beyond it */
    uint64_t size;
} Packed;

static Packed pack(VknContext *context, const VknCacheKey *key) {
    Packed packed = {NULL, 0};
    assert_int_equal(vkn_tuning_pack(context, key, NULL, &packed.size), VKN_SUCCESS);
    packed.bytes = malloc(packed.size);
    assert_non_null(packed.bytes);
    assert_int_equal(vkn_tuning_pack(context, key, packed.bytes, &packed.size), VKN_SUCCESS);
    return packed;
}

/* Looks whether a new context takes the bytes, and that it has learnt nothing if it does not. */
static bool accepts(Fixture *fixture, const VknCacheKey *key, const uint8_t *bytes, uint64_t size,
                    const char *words) {
    VknContext *context = open_context(fixture);
    uint8_t *exact = malloc(size + !size);
    uint64_t now = 0;
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    VknResult result = vkn_tuning_unpack(context, key, exact, size);
    if (result != VKN_SUCCESS)
        assert_fails(&fixture->log, result, VKN_ERROR_INVALID_ARGUMENT, words);
    assert_int_equal(vkn_tuning_pack(context, key, NULL, &now), VKN_SUCCESS);
    assert_true(now == (result == VKN_SUCCESS ? size : VKN_CACHE_HEADER_SIZE));
    vkn_context_destroy(context);
    free(exact);
    return result == VKN_SUCCESS;
}

static void test_round_trip(void **state) {
    Fixture *fixture = *state;
    VknContext *from = open_context(fixture), *to = open_context(fixture);
    VknDesc descs[] = {batch_norm(VKN_OPERATION_TRAIN), batch_norm(VKN_OPERATION_APPLY),
                       batch_norm(VKN_OPERATION_TRAIN_GRADIENT)};
    uint32_t others[LENGTH(descs)];
    VknCacheKey key = key_of(fixture);
    for (size_t i = 0; i < LENGTH(descs); i++)
        others[i] = tune_for_another(from, &descs[i], 0);
    Packed packed = pack(from, &key);
    uint32_t own = tune_for_another(to, &descs[0], others[0]); /* stays */
    assert_int_equal(vkn_tuning_unpack(to, &key, packed.bytes, packed.size), VKN_SUCCESS);
    assert_int_equal(strategy_of(to, &descs[0]), own);
    for (size_t i = 1; i < LENGTH(descs); i++)
        assert_int_equal(strategy_of(to, &descs[i]), others[i]);
    uint64_t less = packed.size - 1;
    FAILS(vkn_tuning_pack(from, &key, packed.bytes, &less), "size is");
    less = 10;
    FAILS(vkn_tuning_pack(from, &key, packed.bytes, &less), "size is 10");
    FAILS(vkn_tuning_pack(from, NULL, NULL, &less), "must not be NULL");
    FAILS(vkn_tuning_pack(from, &key, NULL, NULL), "must not be NULL");
    FAILS(vkn_tuning_unpack(to, &key, NULL, 5), "must not be NULL");
    FAILS(vkn_tuning_unpack(to, NULL, packed.bytes, 5), "must not be NULL");
    assert_int_equal(vkn_tuning_pack(NULL, &key, NULL, &less), VKN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(vkn_tuning_unpack(NULL, &key, packed.bytes, 5), VKN_ERROR_INVALID_ARGUMENT);
    free(packed.bytes);
    vkn_context_destroy(from);
    vkn_context_destroy(to);
}

/* FNV-1a, as anybody can compute it. */
static void forge_hash(Packed *packed) {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < packed->size; i++)
        if (i < 72 || i >= VKN_CACHE_HEADER_SIZE)
            hash = (hash ^ packed->bytes[i]) * 1099511628211u;
    memcpy(packed->bytes + 72, &hash, 8);
}

static void test_damage(void **state) {
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture);
    VknDesc desc = batch_norm(VKN_OPERATION_APPLY);
    VknCacheKey key = key_of(fixture);
    uint32_t planned = strategy_of(context, &desc);
    tune_for_another(context, &desc, 0);
    Packed packed = pack(context, &key);
    assert_true(accepts(fixture, &key, packed.bytes, packed.size, ""));
    for (size_t i = 0; i < packed.size; i++) {
        packed.bytes[i] ^= (uint8_t)(1u << i % 8);
        assert_false(accepts(fixture, &key, packed.bytes, packed.size, "tuned strategies are not used"));
        packed.bytes[i] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t size = 0; size < packed.size; size += size < 100 ? 1 : 37)
        assert_false(accepts(fixture, &key, packed.bytes, size, "not used"));
    for (size_t i = 0; i < sizeof key; i++) {
        ((uint8_t *)&key)[i] ^= 1;
        assert_false(accepts(fixture, &key, packed.bytes, packed.size, "another device or driver"));
        ((uint8_t *)&key)[i] ^= 1;
    }
    /* A pipeline cache is not it. */
    uint8_t cache[VKN_CACHE_HEADER_SIZE];
    vkn_cache_pack(&key, NULL, 0, cache);
    assert_false(accepts(fixture, &key, cache, sizeof cache, "something else"));
    /* Under a hash that is right: strategies that there are not, and one that cannot do it. */
    uint64_t *strategy = (uint64_t *)(packed.bytes + packed.size - 8);
    for (int i = 0; i < 3; i++) {
        *strategy = i == 0 ? 0 : i == 1 ? 1000 : UINT64_C(1) << 32 | 1;
        forge_hash(&packed);
        assert_false(accepts(fixture, &key, packed.bytes, packed.size, "a strategy that there is not"));
    }
    *strategy = 1; /* column_fused */
    forge_hash(&packed);
    vkn_context_destroy(context);
    context = open_context(fixture);
    assert_int_equal(vkn_tuning_unpack(context, &key, packed.bytes, packed.size), VKN_SUCCESS);
    assert_int_equal(strategy_of(context, &desc), planned);
    vkn_context_destroy(context);
    free(packed.bytes);
}

/* Where bindings are shorter, a strategy that is legal may need more parts than they hold. Another one
 * serves. */
static void test_other_caps(void **state) {
    Fixture *fixture = *state;
    VknContextDesc context_desc = *vkn_runtime_context_desc(fixture->runtime);
    VknContext *context = open_context(fixture);
    VknCaps caps = *vkn_context_caps(context);
    VknCacheKey key = key_of(fixture);
    VknDesc desc, column;
    VknPlan *plan;
    VknTuneInfo info;
    vkn_desc_reduce(&desc, VKN_STATISTIC_SUM, 1, (uint64_t[]){100000}, 1, (int32_t[]){0});
    column = desc;
    while (strcmp(vkn_strategy_name(column.strategy++), "column"))
        ;
    Clock clock = {.favourite = column.strategy, .takes = 0.5};
    assert_int_equal(tune(context, &desc, &clock, &info), VKN_SUCCESS);
    assert_int_equal(info.fastest, column.strategy);
    assert_int_not_equal(info.planned, column.strategy);
    Packed packed = pack(context, &key);
    vkn_context_destroy(context);
    caps.max_storage_range = 4096;
    context_desc.caps = &caps;
    assert_int_equal(vkn_context_create(&context_desc, &context), VKN_SUCCESS);
    assert_fails(&fixture->log, vkn_plan_create(context, &column, &plan), VKN_ERROR_UNSUPPORTED, "parts");
    assert_int_equal(vkn_tuning_unpack(context, &key, packed.bytes, packed.size), VKN_SUCCESS);
    assert_int_equal(strategy_of(context, &desc), info.planned);
    assert_log_empty(&fixture->log);
    vkn_context_destroy(context);
    free(packed.bytes);
}

/* ------------------------------------------------------------------------------------------ in files */

static void test_file(void **state) {
    char folder[] = "/tmp/vkn_tune_XXXXXX", path[64];
    Log log = {0};
    VknDesc desc = layer_norm(), other = batch_norm(VKN_OPERATION_TRAIN);
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/tuned", folder);
    VknRuntimeDesc with = desc_of(NULL, &log);
    with.tuning_path = path;
    VknRuntime *runtime = open_runtime(&with);
    assert_true(vkn_runtime_save_tuning(runtime)); /* of nothing there is no file */
    assert_int_equal(access(path, F_OK), -1);
    uint32_t favourite = tune_for_another(vkn_runtime_context(runtime), &desc, 0);
    VknRuntime *beside = open_runtime(&with);
    uint32_t beside_favourite = tune_for_another(vkn_runtime_context(beside), &other, 0);
    vkn_runtime_destroy(runtime); /* writes */
    assert_int_equal(access(path, F_OK), 0);
    vkn_runtime_destroy(beside); /* adds */
    runtime = open_runtime(&with);
    assert_int_equal(strategy_of(vkn_runtime_context(runtime), &desc), favourite);
    assert_int_equal(strategy_of(vkn_runtime_context(runtime), &other), beside_favourite);
    assert_computes(runtime, &desc);
    vkn_runtime_destroy(runtime);
    assert_log_empty(&log);
    FILE *file = fopen(path, "r+b");
    assert_true(file && fseek(file, 200, SEEK_SET) == 0 && fputc('!', file) == '!' && fclose(file) == 0);
    runtime = open_runtime(&with);
    assert_fails(&log, VKN_SUCCESS, VKN_SUCCESS, "damaged");
    assert_int_not_equal(strategy_of(vkn_runtime_context(runtime), &desc), favourite);
    with.tuning_path = NULL;
    VknRuntime *without = open_runtime(&with);
    assert_false(vkn_runtime_save_tuning(without));
    assert_false(vkn_runtime_save_tuning(NULL));
    vkn_runtime_destroy(without);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    tune_for_another(vkn_runtime_context(runtime), &desc, 0);
    assert_false(vkn_runtime_save_tuning(runtime));
    assert_fails(&log, VKN_SUCCESS, VKN_SUCCESS, "cannot write the file of tuned strategies");
    vkn_runtime_destroy(runtime); /* which has said so already */
    assert_log_empty(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_ON_DEVICE(test_round_trip), TEST_ON_DEVICE(test_damage),
                                       TEST_ON_DEVICE(test_other_caps), cmocka_unit_test(test_file)};
    return cmocka_run_group_tests_name("tune_pack", tests, group_open, NULL);
}
