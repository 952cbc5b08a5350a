#include "digits.h"

#include <errno.h>
#include <math.h>
#include <png.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Reads one integer of 0..max at *cursor and steps over it and the separator that must follow. */
static bool read_value(const char **cursor, long max, char separator, long *value) {
    char *end;
    errno = 0;
    *value = strtol(*cursor, &end, 10);
    /* strtol() skips blanks and takes a sign; this format has neither. */
    if (**cursor < '0' || **cursor > '9' || errno != 0 || *value > max || *end != separator)
        return false;
    *cursor = separator == '\0' ? end : end + 1;
    return true;
}

static bool read_line(const char *path, size_t line_number, const char *line, float *pixel,
                      unsigned char *label) {
    const char *cursor = line;
    for (int column = 0; column <= PIXELS; column++) {
        const bool last = column == PIXELS;
        const long max = last ? CLASSES - 1 : DARKEST;
        const char *start = cursor;
        long value;
        if (!read_value(&cursor, max, last ? '\0' : ',', &value)) {
            fprintf(stderr,
                    "%s, line %zu, value %d: expected an integer from 0 to %ld and %s, found \"%.*s\"\n",
                    path, line_number, column + 1, max, last ? "the end of the line" : "a comma",
                    last ? 16 : (int)strcspn(start, ","), start);
            return false;
        }
        if (last)
            *label = (unsigned char)value;
        else
            pixel[column] = (float)value;
    }
    return true;
}

static bool reserve(Digits *digits, size_t capacity) {
    float *pixel = realloc(digits->pixel, capacity * PIXELS * sizeof *pixel);
    if (pixel != NULL)
        digits->pixel = pixel;
    unsigned char *label = realloc(digits->label, capacity);
    if (label != NULL)
        digits->label = label;
    return pixel != NULL && label != NULL;
}

static bool read_lines(const char *path, gzFile file, Digits *digits) {
    char line[1024];
    for (size_t capacity = 0; gzgets(file, line, sizeof line) != NULL; digits->count++) {
        if (digits->count == capacity) {
            capacity = capacity == 0 ? 2048 : 2 * capacity;
            if (!reserve(digits, capacity)) {
                fprintf(stderr, "%s: no memory for %zu lines\n", path, capacity);
                return false;
            }
        }
        line[strcspn(line, "\r\n")] = '\0';
        if (!read_line(path, digits->count + 1, line, digits->pixel + digits->count * PIXELS,
                       digits->label + digits->count))
            return false;
    }
    int error;
    const char *message = gzerror(file, &error);
    if (error != Z_OK && error != Z_STREAM_END) {
        fprintf(stderr, "%s: %s\n", path, error == Z_ERRNO ? strerror(errno) : message);
        return false;
    }
    if (digits->count == 0) {
        fprintf(stderr, "%s: no lines in it\n", path);
        return false;
    }
    return true;
}

bool digits_read(const char *path, Digits *digits) {
    *digits = (Digits){0};
    gzFile file = gzopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    const bool read = read_lines(path, file, digits);
    gzclose(file);
    if (!read)
        digits_free(digits);
    return read;
}

void digits_free(Digits *digits) {
    free(digits->pixel);
    free(digits->label);
    *digits = (Digits){0};
}

/* Each pixel of a digit is a square, each strip lies on a grey ground. */
enum { SQUARE = 8, TILE = SIDE * SQUARE, GAP = 12, STRIP_GAP = 28, GROUND = 0xe4 };

static uint8_t fade(float share) {
    return (uint8_t)(255.0f * (1.0f - share) + 0.5f);
}

static void colour(const PictureStrip *strip, float value, uint8_t rgb[3]) {
    const float share = fminf(fabsf(value) / strip->high, 1.0f);
    const bool above = value > 0.0f;
    if (strip->signed_colours) {
        rgb[0] = fade(above ? 0.25f * share : share);
        rgb[1] = fade(0.8f * share);
        rgb[2] = fade(above ? share : 0.25f * share);
    } else {
        rgb[0] = rgb[1] = rgb[2] = fade(above ? share : 0.0f);
    }
}

bool picture_write(const char *path, size_t strip_count, const PictureStrip *strips, size_t columns,
                   const size_t *index) {
    const size_t width = GAP + columns * (TILE + GAP);
    const size_t height = 2 * GAP + strip_count * (TILE + STRIP_GAP) - STRIP_GAP;
    uint8_t *image = malloc(width * height * 3);
    if (image == NULL) {
        fprintf(stderr, "%s: no memory for a picture of %zu x %zu\n", path, width, height);
        return false;
    }
    memset(image, GROUND, width * height * 3);
    for (size_t s = 0; s < strip_count; s++)
        for (size_t column = 0; column < columns; column++)
            for (size_t y = 0; y < TILE; y++)
                for (size_t x = 0; x < TILE; x++) {
                    const size_t top = GAP + s * (TILE + STRIP_GAP) + y;
                    const size_t left = GAP + column * (TILE + GAP) + x;
                    const size_t pixel = y / SQUARE * SIDE + x / SQUARE;
                    colour(&strips[s], strips[s].pixel[index[column] * PIXELS + pixel],
                           image + (top * width + left) * 3);
                }
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)width,
                     .height = (png_uint_32)height,
                     .format = PNG_FORMAT_RGB};
    const bool written = png_image_write_to_file(&png, path, 0, image, 0, NULL) != 0;
    if (!written)
        fprintf(stderr, "%s: %s\n", path, png.message);
    free(image);
    return written;
}
