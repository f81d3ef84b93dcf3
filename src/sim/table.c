/* SPDX-License-Identifier: Apache-2.0
 * Aligned columns. */
#include "sim/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void table_begin(struct table *t, const char *head) {
    *t = (struct table){0};
    for (const char *end = strchr(head, '|'); end; head = end + 1, end = strchr(head, '|'))
        table_cell(t, "%.*s", (int)(end - head), head);
    table_cell(t, "%s", head);
    t->columns = t->cells;
}

void table_cell(struct table *t, const char *format, ...) {
    va_list args;
    if (t->cells == t->capacity) {
        uint32_t capacity = t->capacity ? 2 * t->capacity : 64;
        void *bigger = realloc(t->cell, capacity * sizeof *t->cell);
        if (!bigger)
            abort();
        t->cell = bigger;
        t->capacity = capacity;
    }
    va_start(args, format);
    vsnprintf(t->cell[t->cells++], sizeof *t->cell, format, args);
    va_end(args);
}

void table_share(struct table *t, double share) {
    if (isnan(share))
        table_cell(t, "-");
    else
        table_cell(t, "%.1f %%", share * 100);
}

void table_time(struct table *t, double seconds) {
    uint64_t whole = isnan(seconds) ? 0 : (uint64_t)(seconds + 0.5);
    unsigned hours = (unsigned)(whole / 3600), minutes = (unsigned)(whole / 60 % 60),
             rest = (unsigned)(whole % 60);
    if (isnan(seconds))
        table_cell(t, "-");
    else if (hours)
        table_cell(t, "%u:%02u:%02u", hours, minutes, rest);
    else
        table_cell(t, "%u:%02u", minutes, rest);
}

void table_count(struct table *t, uint64_t count) {
    char plain[24], grouped[32] = "";
    int length = snprintf(plain, sizeof plain, "%llu", (unsigned long long)count), at = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            grouped[at++] = ',';
        grouped[at++] = plain[i];
    }
    table_cell(t, "%s", grouped);
}

static uint32_t width(const char *text) { /* characters of UTF-8 */
    uint32_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

void table_end(struct table *t, FILE *out) {
    for (uint32_t i = 0; i < t->cells; i++) {
        uint32_t column = i % t->columns, most = 0, own = width(t->cell[i]);
        for (uint32_t k = column; k < t->cells; k += t->columns)
            most = width(t->cell[k]) > most ? width(t->cell[k]) : most;
        int pad = (int)(most - own);
        if (column && (own || column + 1 < t->columns)) /* nothing trails behind a line */
            fprintf(out, "  %*s%s", pad, "", t->cell[i]);
        else if (!column)
            fprintf(out, "%s%*s", t->cell[i], pad, "");
        if (column + 1 == t->columns)
            putc('\n', out);
    }
    free(t->cell);
    *t = (struct table){0};
}
