#include "curves.h"

#include "../svg.h"

#include <math.h>

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

static void grid_draw(const Svg *svg, const Panel *panel, const char *name) {
    const double step = grid_step(panel->high - panel->low);
    svg_text(svg, panel->left, TOP - 8, "start", SVG_TEXT, name);
    for (double k = ceil(panel->low / step); k * step <= panel->high; k++)
        svg_grid_y(svg, place_y(panel, k * step), panel->left, PANEL_WIDTH, k * step, "");
    const uint32_t every = (panel->epochs + 9) / 10;
    for (uint32_t i = every - 1; i < panel->epochs; i += every)
        svg_grid_x(svg, place_x(panel, i), TOP, PANEL_HEIGHT, i + 1, "");
    svg_text(svg, panel->left + PANEL_WIDTH / 2.0, TOP + PANEL_HEIGHT + 32, "middle", SVG_TEXT, "epoch");
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

static void panel_draw(const Svg *svg, double left, bool accuracy, const Curve *curves, uint32_t count) {
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
        return;
    if (panel.high <= panel.low)
        panel.low = panel.high - 1;
    grid_draw(svg, &panel, accuracy ? "accuracy" : "loss");
    for (uint32_t i = 0; i < count; i++) {
        const Pair pair = pair_of(&curves[i], accuracy);
        if (!pair.train)
            continue;
        line_draw(svg->file, &panel, pair.train, curves[i].count, COLORS[i % COLOR_COUNT], true);
        line_draw(svg->file, &panel, pair.test, curves[i].count, COLORS[i % COLOR_COUNT], false);
    }
}

static void legend_draw(const Svg *svg, const Curve *curves, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const char *color = COLORS[i % COLOR_COUNT];
        const int y = TOP + PANEL_HEIGHT + 54 + LEGEND * (int)i;
        char text[96];
        snprintf(text, sizeof text, "%s: training, test", curves[i].name);
        fprintf(svg->file,
                "<path d='M%d %dh16' stroke='%s' stroke-dasharray='4 3'/><path d='M%d %dh16' stroke='%s'/>",
                LEFT, y - 4, color, LEFT + 20, y - 4, color);
        svg_text(svg, LEFT + 42, y, "start", SVG_TEXT, text);
    }
}

bool curves_write(const char *path, const char *title, const Curve *curves, uint32_t count) {
    Svg svg;
    bool written = svg_open(&svg, path, 2 * (LEFT + PANEL_WIDTH) + BETWEEN,
                            TOP + PANEL_HEIGHT + 60 + LEGEND * (int)count);
    if (written) {
        svg_text(&svg, LEFT, 20, "start", SVG_TITLE, title);
        panel_draw(&svg, LEFT, false, curves, count);
        panel_draw(&svg, LEFT + PANEL_WIDTH + BETWEEN, true, curves, count);
        legend_draw(&svg, curves, count);
        written = svg_close(&svg);
    }
    if (!written)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return written;
}
