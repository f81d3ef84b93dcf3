/* SPDX-License-Identifier: Apache-2.0
 * Two configurations side by side. */
#include "sim/compare.h"

#include "sim/table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 97.5 % quantile of Student's t: exact up to 30 degrees of freedom, then Fisher's expansion. */
static double student(uint32_t freedom) {
    static const double t[] = {0,     12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                               2.201, 2.179,  2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080,
                               2.074, 2.069,  2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    const double z = 1.959964;
    return freedom < ARRAY_LEN(t) ? t[freedom] : z + (z * z * z + z) / (4.0 * freedom);
}

struct sample sample_of(const double *value, uint32_t count) {
    struct sample s = {0, NAN, NAN};
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!isnan(value[i])) {
            sum += value[i];
            s.count++;
        }
    if (!s.count)
        return s;
    s.mean = sum / s.count;
    for (uint32_t i = 0; i < count; i++)
        if (!isnan(value[i]))
            squares += (value[i] - s.mean) * (value[i] - s.mean);
    if (s.count > 1)
        s.half = student(s.count - 1) * sqrt(squares / (s.count - 1) / s.count);
    return s;
}

static int add_queues(struct comparison *c, const struct conf *conf) {
    for (uint32_t i = 0; i < conf->queue_count; i++) {
        uint32_t k = 0;
        while (k < c->queues && strcmp(c->queue[k], conf->queue[i].name) != 0)
            k++;
        if (k < c->queues)
            continue;
        void *bigger = realloc(c->queue, (c->queues + 1) * sizeof *c->queue);
        if (!bigger)
            return -ENOMEM;
        c->queue = bigger;
        str_copy(c->queue[c->queues++], NAME_LEN, conf->queue[i].name);
    }
    return 0;
}

int compare_start(struct comparison *c, const struct conf *a, const struct conf *b, uint32_t runs) {
    *c = (struct comparison){.runs = runs, .queues = 1, .queue = calloc(1, NAME_LEN)};
    int err = c->queue ? add_queues(c, a) : -ENOMEM;
    if (!err && b)
        err = add_queues(c, b);
    size_t count = (size_t)c->queues * KPIS * runs;
    for (int side = 0; !err && side < 2; side++) {
        c->value[side] = calloc(count, sizeof(double));
        err = c->value[side] ? 0 : -ENOMEM;
        for (size_t i = 0; !err && i < count; i++)
            c->value[side][i] = NAN;
    }
    if (err)
        compare_done(c);
    else
        str_copy(c->queue[0], NAME_LEN, "all");
    return err;
}

void compare_done(struct comparison *c) {
    free(c->queue);
    free(c->value[0]);
    free(c->value[1]);
    *c = (struct comparison){0};
}

static double *values(const struct comparison *c, int side, uint32_t queue, int kpi) {
    return &c->value[side][((size_t)queue * KPIS + (size_t)kpi) * c->runs];
}

void compare_add(struct comparison *c, int side, uint32_t run, const struct tally *t,
                 const struct conf *conf) {
    for (uint32_t queue = 0; queue < c->queues; queue++) {
        uint32_t number = queue ? conf_find_queue(conf, c->queue[queue]) : 0;
        for (int kpi = 0; kpi < KPIS; kpi++)
            if (!queue || number)
                values(c, side, queue, kpi)[run] = tally_kpi(t, number, (enum tally_kpi)kpi);
    }
}

static struct sample difference(const struct comparison *c, uint32_t queue, int kpi) {
    const double *a = values(c, 0, queue, kpi), *b = values(c, 1, queue, kpi);
    double *pair = calloc(c->runs, sizeof *pair);
    struct sample s = {0, NAN, NAN};
    for (uint32_t i = 0; pair && i < c->runs; i++)
        pair[i] = b[i] - a[i];
    if (pair)
        s = sample_of(pair, c->runs);
    free(pair);
    return s;
}

/* ---- for people ---- */

/* Too small for the digits that are shown. */
static bool shows_as_0(double value, enum tally_unit unit) {
    return fabs(value) * (unit == UNIT_SHARE ? 100 : 1) < 0.05;
}

static void number_cell(struct table *t, double value, enum tally_unit unit, const char *sign) {
    bool plus = *sign == '+' && value >= 0;
    const char *before = plus ? "+" : *sign == '+' ? "" : sign;
    if (isnan(value))
        table_cell(t, "-");
    else if (shows_as_0(value, unit))
        table_cell(t, "%s0", *sign == '+' ? "" : sign);
    else if (unit == UNIT_SHARE)
        table_cell(t, "%s%.1f %%", before, value * 100);
    else if (unit == UNIT_SECONDS)
        table_cell(t, "%s%.1f s", before, value);
    else
        table_cell(t, "%s%.*f", before, value == floor(value) ? 0 : 1, value);
}

/* Only where chance alone would hardly have done it. */
static const char *verdict(const struct sample *s, enum tally_unit unit, int good) {
    if (isnan(s->half) || !good || shows_as_0(s->mean, unit) || fabs(s->mean) <= s->half)
        return "";
    return (s->mean > 0) == (good > 0) ? "better" : "worse";
}

static void print_queue(const struct comparison *c, uint32_t queue, FILE *out) {
    char head[128];
    struct table t;
    snprintf(head, sizeof head, "%s %s%s", queue ? "queue" : "all queues", queue ? c->queue[queue] : "",
             c->name[1] ? "|A|B|B - A|95 %|" : "|mean|95 %");
    table_begin(&t, head);
    for (int kpi = 0; kpi < KPIS; kpi++) {
        const struct tally_kpi_info *info = &tally_kpis[kpi];
        struct sample a = sample_of(values(c, 0, queue, kpi), c->runs),
                      b = sample_of(values(c, 1, queue, kpi), c->runs);
        struct sample both = c->name[1] ? difference(c, queue, kpi) : a;
        if ((!a.count && !b.count) || (kpi == KPI_OTHER_RATE && !(a.mean > 0) && !(b.mean > 0)))
            continue;
        table_cell(&t, "%s", info->title);
        number_cell(&t, a.mean, info->unit, "");
        if (c->name[1]) {
            number_cell(&t, b.mean, info->unit, "");
            number_cell(&t, both.mean, info->unit, "+");
        }
        number_cell(&t, both.half, info->unit, "± ");
        if (c->name[1])
            table_cell(&t, "%s", verdict(&both, info->unit, info->good));
    }
    table_end(&t, out);
    putc('\n', out);
}

void compare_print(const struct comparison *c, FILE *out) {
    if (c->name[1])
        fprintf(out, "A: %s\nB: %s\n", c->name[0], c->name[1]);
    fprintf(out, "%u %s%s\n\n", c->runs, c->runs == 1 ? "run" : "runs",
            c->name[1] ? " of each, with the same callers" : "");
    print_queue(c, 0, out);
    for (uint32_t queue = 1; queue < c->queues; queue++)
        if (values(c, 0, queue, KPI_OFFERED)[0] > 0 || values(c, 1, queue, KPI_OFFERED)[0] > 0)
            print_queue(c, queue, out);
}

/* ---- for programs ---- */

static json_t *real(double value) {
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *side_json(const struct comparison *c, int side, uint32_t queue, int kpi) {
    struct sample s = sample_of(values(c, side, queue, kpi), c->runs);
    return json_pack("{s:o, s:o}", "mean", real(s.mean), "half_95", real(s.half));
}

static json_t *queue_json(const struct comparison *c, uint32_t queue) {
    json_t *object = json_object();
    json_object_set_new(object, "queue", json_string(c->queue[queue]));
    for (int kpi = 0; kpi < KPIS; kpi++) {
        json_t *one = side_json(c, 0, queue, kpi);
        if (c->name[1]) {
            struct sample both = difference(c, queue, kpi);
            one = json_pack("{s:o, s:o, s:o, s:o}", "a", one, "b", side_json(c, 1, queue, kpi), "difference",
                            real(both.mean), "half_95", real(both.half));
        }
        json_object_set_new(object, tally_kpis[kpi].name, one);
    }
    return object;
}

json_t *compare_json(const struct comparison *c) {
    json_t *queues = json_array(), *json = json_object();
    for (uint32_t queue = 0; queue < c->queues; queue++)
        json_array_append_new(queues, queue_json(c, queue));
    json_object_set_new(json, "runs", json_integer(c->runs));
    json_object_set_new(json, "a", json_string(c->name[0]));
    if (c->name[1])
        json_object_set_new(json, "b", json_string(c->name[1]));
    json_object_set_new(json, "queues", queues);
    return json;
}
