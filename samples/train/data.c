#include "data.h"

#include "../digits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vknorm/layer.h>
#include <zlib.h>

/* Images of all sets. */
enum { IMAGE = 28, IMAGE_PIXELS = IMAGE * IMAGE };

/* Every fifth row is held out. */
enum { HELD_OUT = 5 };

void data_free(Dataset *data) {
    free(data->train_x);
    free(data->test_x);
    free(data->train_label);
    free(data->test_label);
    free(data->train_target);
    free(data->test_target);
    *data = (Dataset){0};
}

/* Makes arrays for the counts and extents in `data`; frees all of it when memory is short. */
static bool reserve(Dataset *data) {
    const size_t size = (size_t)data->height * data->width * data->channels * sizeof(float);
    data->train_x = malloc(data->train_count * size + 1);
    data->test_x = malloc(data->test_count * size + 1);
    bool reserved = data->train_x && data->test_x;
    if (data->classes) {
        data->train_label = malloc(data->train_count * sizeof(uint32_t) + 1);
        data->test_label = malloc(data->test_count * sizeof(uint32_t) + 1);
        reserved = reserved && data->train_label && data->test_label;
    } else {
        data->train_target = malloc(data->train_count * sizeof(float) + 1);
        data->test_target = malloc(data->test_count * sizeof(float) + 1);
        reserved = reserved && data->train_target && data->test_target;
    }
    if (!reserved) {
        fprintf(stderr, "no memory for %u samples of %ux%ux%u\n", data->train_count + data->test_count,
                data->height, data->width, data->channels);
        data_free(data);
    }
    return reserved;
}

/* Sets the counts of what is split, and makes the arrays. */
static bool reserve_split(Dataset *data, size_t rows) {
    data->test_count = (uint32_t)(rows / HELD_OUT);
    data->train_count = (uint32_t)rows - data->test_count;
    return reserve(data);
}

static bool is_test(size_t row) {
    return row % HELD_OUT == HELD_OUT - 1;
}

/* Where row `row` of what is split lies in its part. */
static size_t place(size_t row) {
    return is_test(row) ? row / HELD_OUT : row - row / HELD_OUT;
}

/* --------------------------------------------------------------------------------------------- digits */

/* The centre of pixel i of IMAGE lies at (i + 1/2) * SIDE / IMAGE - 1/2 = (4 i - 5) / FINE pixels of SIDE. */
enum { FINE = 14 };
_Static_assert(IMAGE * 2 == SIDE * 7, "4 i - 5 is of 8 and 28 pixels");

static int fine_place(int i) {
    const int at = 4 * i - 5, last = FINE * (SIDE - 1);
    return at < 0 ? 0 : at > last ? last : at;
}

/* In integers up to the division, so that every machine has the same values. */
static void scale_up(const float *pixel, float *image) {
    for (int y = 0; y < IMAGE; y++)
        for (int x = 0; x < IMAGE; x++) {
            const int top = fine_place(y) / FINE, left = fine_place(x) / FINE;
            const int down = fine_place(y) % FINE, right = fine_place(x) % FINE;
            const int bottom = top + (down > 0), beyond = left + (right > 0);
            const int above =
                (FINE - right) * (int)pixel[top * SIDE + left] + right * (int)pixel[top * SIDE + beyond];
            const int below = (FINE - right) * (int)pixel[bottom * SIDE + left] +
                              right * (int)pixel[bottom * SIDE + beyond];
            image[y * IMAGE + x] =
                (float)((FINE - down) * above + down * below) / (float)(FINE * FINE * DARKEST);
        }
}

bool data_digits(const char *path, Dataset *data) {
    Digits digits;
    *data = (Dataset){.height = IMAGE, .width = IMAGE, .channels = 1, .classes = CLASSES};
    if (!digits_read(path, &digits)) {
        data_free(data);
        return false;
    }
    const bool reserved = reserve_split(data, digits.count);
    for (size_t i = 0; i < digits.count && reserved; i++) {
        const size_t to = place(i);
        scale_up(digits.pixel + i * PIXELS, (is_test(i) ? data->test_x : data->train_x) + to * IMAGE_PIXELS);
        (is_test(i) ? data->test_label : data->train_label)[to] = digits.label[i];
    }
    digits_free(&digits);
    return reserved;
}

/* ------------------------------------------------------------------------------------------------ IDX */

enum { IDX_IMAGES = 0x803, IDX_LABELS = 0x801, IDX_MOST = 1 << 20 };

typedef struct IdxFile {
    char path[1024];
    gzFile file; /* also reads what is not gzipped */
} IdxFile;

static bool idx_open(const char *folder, const char *name, IdxFile *idx) {
    static const char *const ENDS[] = {"", ".gz"};
    for (int i = 0; i < 2; i++) {
        const int length = snprintf(idx->path, sizeof idx->path, "%s/%s%s", folder, name, ENDS[i]);
        if (length < 0 || (size_t)length >= sizeof idx->path) {
            fprintf(stderr, "%s: the folder's name must be shorter than %zu bytes\n", folder,
                    sizeof idx->path - 32);
            return false;
        }
        idx->file = gzopen(idx->path, "rb");
        if (idx->file)
            return true;
        if (errno != ENOENT)
            break;
    }
    fprintf(stderr, "%s/%s, plain or with .gz: %s\n", folder, name, strerror(errno));
    return false;
}

/* What went wrong in the file, as opposed to what stands in it; NULL: nothing. */
static const char *idx_error(const IdxFile *idx) {
    int error;
    const char *message = gzerror(idx->file, &error);
    const size_t length = strlen(idx->path);
    if (error == Z_OK || error == Z_STREAM_END)
        return NULL;
    return strncmp(message, idx->path, length) ? message : message + length + strlen(": ");
}

/* Reads `size` bytes, of which `what` is made. */
static bool idx_read(const IdxFile *idx, const char *what, size_t size, uint8_t *bytes) {
    size_t read = 0;
    for (int step = 1; read < size && step > 0; read += step > 0 ? (size_t)step : 0)
        step = gzread(idx->file, bytes + read, (unsigned)(size - read < 1 << 20 ? size - read : 1 << 20));
    if (read == size)
        return true;
    fprintf(stderr, "%s: %s must have %zu bytes, the file ends after %zu of them%s%s\n", idx->path, what,
            size, read, idx_error(idx) ? ": " : "", idx_error(idx) ? idx_error(idx) : "");
    return false;
}

static bool idx_ends(const IdxFile *idx, uint32_t count) {
    const bool more = gzgetc(idx->file) != -1;
    const char *error = idx_error(idx);
    if (error)
        fprintf(stderr, "%s: %s\n", idx->path, error);
    else if (more)
        fprintf(stderr, "%s: the file must end after the %u samples that its header tells of\n", idx->path,
                count);
    return !error && !more;
}

/* Reads the header: its kind, a count and, of images, two extents. */
static bool idx_header(const IdxFile *idx, uint32_t kind, uint32_t *count) {
    uint32_t fields[4] = {0};
    const size_t field_count = kind == IDX_IMAGES ? 4 : 2;
    uint8_t bytes[sizeof fields];
    if (!idx_read(idx, "its header", field_count * 4, bytes))
        return false;
    for (size_t i = 0; i < field_count * 4; i++)
        fields[i / 4] = fields[i / 4] << 8 | bytes[i];
    if (fields[0] != kind)
        fprintf(stderr, "%s: the file must begin with 0x%08x (%s of bytes), not with 0x%08x\n", idx->path,
                kind, kind == IDX_IMAGES ? "images" : "labels", fields[0]);
    else if (fields[1] == 0 || fields[1] > IDX_MOST)
        fprintf(stderr, "%s: the file must have 1 to %d samples, not %u\n", idx->path, IDX_MOST, fields[1]);
    else if (kind == IDX_IMAGES && (fields[2] != IMAGE || fields[3] != IMAGE))
        fprintf(stderr, "%s: images must be of %dx%d pixels, not of %ux%u\n", idx->path, IMAGE, IMAGE,
                fields[2], fields[3]);
    else {
        *count = fields[1];
        return true;
    }
    return false;
}

/* The samples of an IDX file, as they are in it; NULL after an error. */
static uint8_t *idx_samples(const char *folder, const char *name, uint32_t kind, uint32_t *count) {
    IdxFile idx;
    if (!idx_open(folder, name, &idx))
        return NULL;
    uint8_t *bytes = NULL;
    if (idx_header(&idx, kind, count)) {
        const size_t size = *count * (size_t)(kind == IDX_IMAGES ? IMAGE_PIXELS : 1);
        bytes = malloc(size);
        if (!bytes)
            fprintf(stderr, "%s: no memory for %zu bytes\n", idx.path, size);
        if (bytes && !(idx_read(&idx, "the samples that its header tells of", size, bytes) &&
                       idx_ends(&idx, *count))) {
            free(bytes);
            bytes = NULL;
        }
    }
    gzclose(idx.file);
    return bytes;
}

/* One part of an IDX data set, in bytes. */
typedef struct IdxPart {
    uint32_t count, label_count;
    uint8_t *images, *labels;
} IdxPart;

static bool idx_part(const char *folder, const char *part, IdxPart *idx) {
    char name[64];
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", part);
    idx->images = idx_samples(folder, name, IDX_IMAGES, &idx->count);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", part);
    idx->labels = idx->images ? idx_samples(folder, name, IDX_LABELS, &idx->label_count) : NULL;
    if (!idx->labels)
        return false;
    if (idx->count != idx->label_count) {
        fprintf(stderr, "%s/%s: there must be as many images as labels, not %u and %u\n", folder, name,
                idx->count, idx->label_count);
        return false;
    }
    for (uint32_t i = 0; i < idx->count; i++)
        if (idx->labels[i] >= CLASSES) {
            fprintf(stderr, "%s/%s: labels must be from 0 to %d, that of sample %u is %u\n", folder, name,
                    CLASSES - 1, i, idx->labels[i]);
            return false;
        }
    return true;
}

static void idx_copy(const IdxPart *part, float *x, uint32_t *label) {
    for (size_t i = 0; i < (size_t)part->count * IMAGE_PIXELS; i++)
        x[i] = (float)part->images[i] / 255.0f;
    for (size_t i = 0; i < part->count; i++)
        label[i] = part->labels[i];
}

bool data_idx(const char *folder, Dataset *data) {
    IdxPart train = {0}, test = {0};
    *data = (Dataset){.height = IMAGE, .width = IMAGE, .channels = 1, .classes = CLASSES};
    bool read = idx_part(folder, "train", &train) && idx_part(folder, "t10k", &test);
    data->train_count = train.count;
    data->test_count = test.count;
    read = read && reserve(data);
    if (read) {
        idx_copy(&train, data->train_x, data->train_label);
        idx_copy(&test, data->test_x, data->test_label);
    } else
        data_free(data);
    free(train.images);
    free(train.labels);
    free(test.images);
    free(test.labels);
    return read;
}

/* -------------------------------------------------------------------------------------------- sensors */

enum { SERIES = 2000, STEPS = 100, SENSORS = 5, LATER = 3 };

/* A full turn is 2^16, 1 is 2^14. */
enum { HALF_TURN = 1 << 15, ONE = 1 << 14 };

/* About sin: Bhaskara's 16 p (1 - p) / (5 - 4 p (1 - p)) of the p of half a turn. */
static int32_t wave(uint32_t turn) {
    const int64_t p = turn % HALF_TURN, bow = p * (HALF_TURN - p) / HALF_TURN;
    const int32_t value = (int32_t)(16 * bow * ONE / (5 * HALF_TURN - 4 * bow));
    return turn / HALF_TURN % 2 ? -value : value;
}

/* Four random words for each sensor and step of a series; step STEPS + 1 has what the series itself is. */
static void draw(uint32_t series, uint32_t sensor, uint32_t step, uint32_t words[4]) {
    static const uint32_t KEY[2] = {1, 0};
    words[0] = step;
    words[1] = sensor;
    words[2] = series;
    words[3] = 0;
    vkn_philox(KEY, words);
}

/* 1/2 + 3/8 of the hidden signal, which goes from -1 to 1, and noise, the mean of four numbers from -1/8 to
 * 1/8. */
static float sensor_value(const uint32_t hidden[4], uint32_t series, uint32_t sensor, uint32_t step) {
    const uint32_t time = step + LATER * (SENSORS - sensor);
    /* 32 to 64 and 8 to 16 steps for a turn. */
    const int32_t slow = wave((hidden[0] >> 16) + time * (1024 + (hidden[1] >> 22)));
    const int32_t fast = wave((hidden[2] >> 16) + time * (4096 + (hidden[3] >> 20)));
    uint32_t words[4];
    int32_t noise = 0;
    draw(series, sensor, step, words);
    for (int i = 0; i < 4; i++)
        noise += (int32_t)(words[i] >> 20) - ONE / 8;
    return (float)(ONE / 2 * 16 + (2 * slow + fast) * 2 + noise * 4) / (float)(ONE * 16);
}

bool data_sensor(Dataset *data) {
    *data = (Dataset){.height = STEPS, .width = 1, .channels = SENSORS};
    if (!reserve_split(data, SERIES))
        return false;
    for (uint32_t i = 0; i < SERIES; i++) {
        const size_t to = place(i);
        float *x = (is_test(i) ? data->test_x : data->train_x) + to * STEPS * SENSORS;
        uint32_t hidden[4];
        draw(i, 0, STEPS + 1, hidden);
        for (uint32_t k = 0; k < STEPS * SENSORS; k++)
            x[k] = sensor_value(hidden, i, k % SENSORS, k / SENSORS);
        (is_test(i) ? data->test_target : data->train_target)[to] = sensor_value(hidden, i, 0, STEPS);
    }
    return true;
}
