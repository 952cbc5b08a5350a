/* The roofline: bandwidth over bytes moved, both logarithmic, a colour for each operation, and the copies as
 * the roof. */
#include "bench.h"

#include "../../samples/svg.h"

#include <math.h>

enum { LEFT = 60, TOP = 40, WIDTH = 720, HEIGHT = 460 };

static const char *const COLORS[BENCH_OPERATION_COUNT] = {
    "#1f77b4", "#17becf", "#aec7e8", "#393b79", "#9c9ede", "#d62728", "#ff9896", "#e377c2",
    "#f7b6d2", "#2ca02c", "#98df8a", "#9467bd", "#c5b0d5", "#ff7f0e", "#ffbb78", "#8c564b"};

/* Decades that everything lies within. */
typedef struct Axes {
    double x0, x1, y0, y1;
} Axes;

static double place_x(const Axes *a, double bytes) {
    return LEFT + WIDTH * (log10(bytes) - a->x0) / (a->x1 - a->x0);
}

static double place_y(const Axes *a, double rate) {
    return TOP + HEIGHT * (a->y1 - log10(rate)) / (a->y1 - a->y0);
}

static double rate_of(const BenchResult *r) {
    return (double)r->bytes / r->seconds.median;
}

static Axes axes_of(const BenchRun *run) {
    Axes a = {HUGE_VAL, -HUGE_VAL, HUGE_VAL, -HUGE_VAL};
    for (const BenchResult *r = run->results; r < run->results + run->count; r++) {
        if (*r->failure)
            continue;
        a.x0 = fmin(a.x0, floor(log10((double)r->bytes)));
        a.x1 = fmax(a.x1, ceil(log10((double)r->bytes)));
        a.y0 = fmin(a.y0, floor(log10(fmin(rate_of(r), fmin(r->shader_rate, r->buffer_rate)))));
        a.y1 = fmax(a.y1, ceil(log10(fmax(rate_of(r), fmax(r->shader_rate, r->buffer_rate)))));
    }
    return a;
}

static void draw_grid(const Svg *svg, const Axes *a, const BenchRun *run) {
    char title[320];
    snprintf(title, sizeof title, "%s: bandwidth over the least bytes to move", run->info->device_name);
    svg_text(svg, LEFT, 20, "start", SVG_TITLE, title);
    for (double x = a->x0; x <= a->x1; x++)
        svg_grid_x(svg, place_x(a, pow(10, x)), TOP, HEIGHT, pow(10, x < 6 ? x - 3 : x - 6),
                   x < 6 ? " KB" : " MB");
    for (double y = a->y0; y <= a->y1; y++)
        svg_grid_y(svg, place_y(a, pow(10, y)), LEFT, WIDTH, pow(10, y - 9), " GB/s");
}

static int compare_bytes(const void *a, const void *b) {
    uint64_t x = (*(const BenchResult *const *)a)->bytes, y = (*(const BenchResult *const *)b)->bytes;
    return (x > y) - (x < y);
}

/* One line through the copies of all sizes. */
static void draw_roof(FILE *file, const Axes *a, const BenchRun *run, bool shader) {
    const BenchResult **sorted = calloc(run->count, sizeof *sorted);
    uint32_t count = 0;
    for (uint32_t i = 0; sorted && i < run->count; i++)
        if (!*run->results[i].failure && run->results[i].chosen)
            sorted[count++] = &run->results[i];
    if (count)
        qsort(sorted, count, sizeof *sorted, compare_bytes);
    fprintf(file, "<polyline fill='none' stroke='%s' points='", shader ? "#000" : "#999");
    for (uint32_t i = 0; i < count; i++)
        fprintf(file, "%.1f,%.1f ", place_x(a, (double)sorted[i]->bytes),
                place_y(a, shader ? sorted[i]->shader_rate : sorted[i]->buffer_rate));
    fprintf(file, "'/>\n<text x='%d' y='%d' fill='%s'>%s</text>\n", LEFT + WIDTH + 12,
            TOP + 12 + (shader ? 18 : 0), shader ? "#000" : "#999",
            shader ? "&#8212; best copy shader" : "&#8212; vkCmdCopyBuffer");
    free(sorted);
}

/* f16 is a ring; what the planner did not choose is pale. */
static void draw_points(FILE *file, const Axes *a, const BenchRun *run) {
    bool seen[BENCH_OPERATION_COUNT] = {false};
    int line = TOP + 54;
    for (const BenchResult *r = run->results; r < run->results + run->count; r++) {
        BenchOperation operation = r->bench_case->operation;
        if (*r->failure)
            continue;
        fprintf(
            file,
            "<circle cx='%.1f' cy='%.1f' r='4' stroke='%s' fill='%s' opacity='%s'><title>%s %s %s %s, %.2f "
            "GB/s</title></circle>\n",
            place_x(a, (double)r->bytes), place_y(a, rate_of(r)), COLORS[operation],
            r->bench_case->type[1] == '3' ? COLORS[operation] : "none", r->chosen ? "1" : "0.25",
            r->bench_case->name, bench_operation_name(operation), r->bench_case->type, r->strategy,
            1e-9 * rate_of(r));
        if (!seen[operation]) {
            fprintf(file, "<circle cx='%d' cy='%d' r='4' fill='%s'/><text x='%d' y='%d'>%s</text>\n",
                    LEFT + WIDTH + 16, line - 4, COLORS[operation], LEFT + WIDTH + 26, line,
                    bench_operation_name(operation));
            line += 18;
        }
        seen[operation] = true;
    }
}

bool bench_plot_write(const BenchRun *run, const char *path) {
    Axes a = axes_of(run);
    Svg svg;
    if (!svg_open(&svg, path, 960, 540))
        return false;
    if (a.x1 > a.x0) {
        draw_grid(&svg, &a, run);
        draw_roof(svg.file, &a, run, false);
        draw_roof(svg.file, &a, run, true);
        draw_points(svg.file, &a, run);
    }
    return svg_close(&svg);
}
