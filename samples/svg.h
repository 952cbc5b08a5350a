/* What plots have in common: a file, text, the lines of a grid. A header alone, so that programs of several
 * folders have it without a library. */
#ifndef SAMPLES_SVG_H
#define SAMPLES_SVG_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SVG_TEXT = 11, SVG_TITLE = 14 };

/* A picture that is being written to `path` with ".part" appended. */
typedef struct Svg {
    FILE *file; /* elements of the caller's own go here, too */
    const char *path;
    char *part;
} Svg;

/* Begins a white picture. False when it cannot be written: errno says why. */
static inline bool svg_open(Svg *svg, const char *path, int width, int height) {
    const size_t size = strlen(path) + sizeof ".part";
    *svg = (Svg){.path = path, .part = malloc(size)};
    if (!svg->part)
        return false;
    snprintf(svg->part, size, "%s.part", path);
    svg->file = fopen(svg->part, "w");
    if (!svg->file) {
        free(svg->part);
        return false;
    }
    fprintf(svg->file,
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' "
            "font-size='%d'>\n<rect width='%d' height='%d' fill='#fff'/>\n",
            width, height, SVG_TEXT, width, height);
    return true;
}

/* Ends it: `path` is the whole picture, or what it was, and false as from svg_open(). */
static inline bool svg_close(Svg *svg) {
    fprintf(svg->file, "</svg>\n");
    bool written = !ferror(svg->file);
    written = fclose(svg->file) == 0 && written && rename(svg->part, svg->path) == 0;
    if (!written) {
        const int error = errno;
        remove(svg->part);
        errno = error;
    }
    free(svg->part);
    return written;
}

/* Any text; `anchor` is the place of it that is at x: start, middle or end. */
static inline void svg_text(const Svg *svg, double x, double y, const char *anchor, int size,
                            const char *text) {
    fprintf(svg->file, "<text x='%.1f' y='%.1f' text-anchor='%s' font-size='%d'>", x, y, anchor, size);
    for (; *text; text++)
        if ((unsigned char)*text < ' ')
            fputc(' ', svg->file); /* XML has no control characters */
        else if (strchr("<>&", *text))
            fprintf(svg->file, "&#%d;", *text);
        else
            fputc(*text, svg->file);
    fprintf(svg->file, "</text>\n");
}

/* A line of the grid from top to bottom, and below it the number with `unit`. */
static inline void svg_grid_x(const Svg *svg, double x, double top, double height, double number,
                              const char *unit) {
    char text[64];
    snprintf(text, sizeof text, "%.6g%s", number, unit);
    fprintf(svg->file, "<path d='M%.1f %.1fv%.1f' stroke='#ddd'/>", x, top, height);
    svg_text(svg, x, top + height + 18, "middle", SVG_TEXT, text);
}

/* A line from left to right, and the number before it. */
static inline void svg_grid_y(const Svg *svg, double y, double left, double width, double number,
                              const char *unit) {
    char text[64];
    snprintf(text, sizeof text, "%.6g%s", number, unit);
    fprintf(svg->file, "<path d='M%.1f %.1fh%.1f' stroke='#ddd'/>", left, y, width);
    svg_text(svg, left - 4, y + 4, "end", SVG_TEXT, text);
}

#endif
