#include "curves.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PANEL_WIDTH = 400, PANEL_HEIGHT = 300, LEFT = 60, TOP = 50, BETWEEN = 70, LEGEND = 18 };

static const char *const COLORS[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"};
enum { COLOR_COUNT = sizeof COLORS / sizeof *COLORS };

/* Where the numbers of a panel go. */
typedef struct Panel {
    double left;      /* pixels */
    double low, high; /* of the values */
    uint32_t epochs;  /* of the longest run */
} Panel;

static double place_x(const Panel *panel, uint32_t index) {
    return panel->left +
           (panel->epochs > 1 ? PANEL_WIDTH * (double)index / (panel->epochs - 1) : PANEL_WIDTH / 2.0);
}

static double place_y(const Panel *panel, double value) {
    return TOP + PANEL_HEIGHT * (panel->high - value) / (panel->high - panel->low);
}

/* What XML must not have is written as it must be. */
static void text_write(FILE *file, const char *text) {
    for (; *text; text++)
        if (strchr("<>&", *text) || (unsigned char)*text < ' ')
            fprintf(file, "&#%d;", (unsigned char)*text < ' ' ? ' ' : *text);
        else
            fputc(*text, file);
}

static void panel_include(Panel *panel, const double *values, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (isfinite(values[i])) {
            panel->low = fmin(panel->low, values[i]);
            panel->high = fmax(panel->high, values[i]);
        }
}

/* The step of a grid of at most 8 lines: 1, 2 or 5 times a power of ten. */
static double grid_step(double range) {
    double step = pow(10, floor(log10(range / 8)));
    static const double TIMES[] = {1, 2, 5, 10};
    int i = 0;
    while (i < 3 && range / (step * TIMES[i]) > 8)
        i++;
    return step * TIMES[i];
}

static void grid_draw(FILE *file, const Panel *panel, const char *name) {
    const double step = grid_step(panel->high - panel->low);
    fprintf(file, "<text x='%.1f' y='%d'>%s</text>\n", panel->left, TOP - 8, name);
    for (double k = ceil(panel->low / step); k * step <= panel->high; k++)
        fprintf(
            file,
            "<path d='M%.1f %.1fh%d' stroke='#ddd'/><text x='%.1f' y='%.1f' text-anchor='end'>%.6g</text>\n",
            panel->left, place_y(panel, k * step), PANEL_WIDTH, panel->left - 4, place_y(panel, k * step) + 4,
            k * step);
    const uint32_t every = (panel->epochs + 9) / 10;
    for (uint32_t i = every - 1; i < panel->epochs; i += every)
        fprintf(file,
                "<path d='M%.1f %dv%d' stroke='#ddd'/><text x='%.1f' y='%d' text-anchor='middle'>%u</text>\n",
                place_x(panel, i), TOP, PANEL_HEIGHT, place_x(panel, i), TOP + PANEL_HEIGHT + 16, i + 1);
    fprintf(file, "<text x='%.1f' y='%d' text-anchor='middle'>epoch</text>\n",
            panel->left + PANEL_WIDTH / 2.0, TOP + PANEL_HEIGHT + 32);
}

static void line_draw(FILE *file, const Panel *panel, const double *values, uint32_t count, const char *color,
                      bool dashed) {
    fprintf(file, "<polyline fill='none' stroke='%s' stroke-width='1.5'%s points='", color,
            dashed ? " stroke-dasharray='4 3'" : "");
    for (uint32_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            fprintf(file, "%.1f,%.1f ", place_x(panel, i), place_y(panel, values[i]));
    fprintf(file, "'/>\n");
}

/* The two lines of a run in a panel. */
typedef struct Pair {
    const double *train, *test;
} Pair;

static Pair pair_of(const Curve *curve, bool accuracy) {
    return accuracy ? (Pair){curve->train_accuracy, curve->test_accuracy}
                    : (Pair){curve->train_loss, curve->test_loss};
}

static bool panel_draw(FILE *file, double left, bool accuracy, const Curve *curves, uint32_t count) {
    Panel panel = {.left = left, .low = accuracy ? HUGE_VAL : 0, .high = accuracy ? 1 : -HUGE_VAL};
    for (uint32_t i = 0; i < count; i++) {
        const Pair pair = pair_of(&curves[i], accuracy);
        if (!pair.train)
            continue;
        panel.epochs = curves[i].count > panel.epochs ? curves[i].count : panel.epochs;
        panel_include(&panel, pair.train, curves[i].count);
        panel_include(&panel, pair.test, curves[i].count);
    }
    if (!panel.epochs || !isfinite(panel.low) || !isfinite(panel.high))
        return false;
    if (panel.high <= panel.low)
        panel.low = panel.high - 1;
    grid_draw(file, &panel, accuracy ? "accuracy" : "loss");
    for (uint32_t i = 0; i < count; i++) {
        const Pair pair = pair_of(&curves[i], accuracy);
        if (!pair.train)
            continue;
        line_draw(file, &panel, pair.train, curves[i].count, COLORS[i % COLOR_COUNT], true);
        line_draw(file, &panel, pair.test, curves[i].count, COLORS[i % COLOR_COUNT], false);
    }
    return true;
}

static void legend_draw(FILE *file, const Curve *curves, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const int y = TOP + PANEL_HEIGHT + 54 + LEGEND * (int)i;
        fprintf(file,
                "<path d='M%d %dh16' stroke='%s' stroke-dasharray='4 3'/><path d='M%d %dh16' stroke='%s'/>"
                "<text x='%d' y='%d'>",
                LEFT, y - 4, COLORS[i % COLOR_COUNT], LEFT + 20, y - 4, COLORS[i % COLOR_COUNT], LEFT + 42,
                y);
        text_write(file, curves[i].name);
        fprintf(file, ": training, test</text>\n");
    }
}

static void picture_draw(FILE *file, const char *title, const Curve *curves, uint32_t count) {
    const int width = 2 * (LEFT + PANEL_WIDTH) + BETWEEN,
              height = TOP + PANEL_HEIGHT + 60 + LEGEND * (int)count;
    fprintf(
        file,
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' "
        "font-size='11'>\n<rect width='%d' height='%d' fill='#fff'/>\n<text x='%d' y='20' font-size='14'>",
        width, height, width, height, LEFT);
    text_write(file, title);
    fprintf(file, "</text>\n");
    panel_draw(file, LEFT, false, curves, count);
    panel_draw(file, LEFT + PANEL_WIDTH + BETWEEN, true, curves, count);
    legend_draw(file, curves, count);
    fprintf(file, "</svg>\n");
}

bool curves_write(const char *path, const char *title, const Curve *curves, uint32_t count) {
    const size_t size = strlen(path) + sizeof ".part";
    char *part = malloc(size);
    if (!part) {
        fprintf(stderr, "%s: no memory for its name\n", path);
        return false;
    }
    snprintf(part, size, "%s.part", path);
    FILE *file = fopen(part, "w");
    bool written = file != NULL;
    if (file) {
        picture_draw(file, title, curves, count);
        written = !ferror(file);
        written = fclose(file) == 0 && written && rename(part, path) == 0;
    }
    if (!written) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        if (file)
            remove(part);
    }
    free(part);
    return written;
}
