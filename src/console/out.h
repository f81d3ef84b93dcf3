/* SPDX-License-Identifier: Apache-2.0
 *
 * out: what a console command answers, as aligned text or as JSON, from the same rows.
 *
 *   out_begin(o, "calls", columns, ARRAY_LEN(columns), "no calls");
 *   for each: out_count(o, 17); out_text(o, "talking"); out_time(o, 75000);
 *   out_end(o);
 *
 * Cells come in the order of the columns; a row ends with its last cell. One table gives a JSON array of
 * objects, several give an object of arrays by the tables' names. Memory is bounded (OUT_MAX); when it runs
 * out, everything after is dropped and out_take() says so.
 */
#ifndef CALLFLOOR_CONSOLE_OUT_H
#define CALLFLOOR_CONSOLE_OUT_H

#include "callfloor/base.h"

enum { OUT_MAX = 16 << 20, OUT_MAX_COLUMNS = 32 };

enum out_type {
    OUT_TEXT,  /* left aligned; bytes that are not printable UTF-8 become '?' */
    OUT_COUNT, /* right aligned; NEVER: "-", null */
    OUT_ID,    /* like OUT_COUNT, in JSON a string: above 2^53 readers that know only doubles round it */
    OUT_TIME,  /* milliseconds; m:ss or h:mm:ss, in JSON the number; NEVER: "-", null */
    OUT_RATIO, /* 0..1; percent with one decimal, in JSON the number; below 0: "-", null */
    OUT_FLAG,  /* yes, no; true, false */
};
struct out_column {
    const char *key;   /* in JSON */
    const char *title; /* in text; NULL: only in JSON */
    enum out_type type;
};

struct out_buffer {
    char *data;
    size_t length, capacity;
};
struct out {
    bool json, lines; /* lines: one "title  value" line per cell instead of a table */
    int err;          /* sticky: -ENOMEM, -EMSGSIZE */
    struct out_buffer text, cells;
    const char *name, *empty, *first_name;
    const struct out_column *column;
    uint32_t columns, at, rows, tables;
    uint32_t width[OUT_MAX_COLUMNS];
    struct json_t *row;
};

/* Zero-initialise, set .json. Released by out_take() or out_free(). */
void out_begin(struct out *o, const char *name, const struct out_column *column, size_t count,
               const char *empty);
/* The same for a single row, written as lines of "title  value". */
void out_begin_lines(struct out *o, const char *name, const struct out_column *column, size_t count);
void out_text(struct out *o, const char *text);
void out_count(struct out *o, uint64_t value);
void out_id(struct out *o, uint64_t id);
void out_time(struct out *o, uint64_t ms);
void out_ratio(struct out *o, double ratio);
void out_flag(struct out *o, bool flag);
void out_end(struct out *o);

/* A sentence: one line of text, {"message": ...} in JSON. */
void out_message(struct out *o, const char *format, ...) PRINTF_LIKE(2, 3);
void out_error(struct out *o, const char *text); /* {"error": ...} */

/* Everything written, as a malloc'ed string ending in a newline (or empty). 0 or the sticky error. */
int out_take(struct out *o, char **text);
void out_free(struct out *o);

/* "1:05", "12:00:00"; NEVER: "-". */
void out_duration(char *text, size_t size, uint64_t ms);

#endif
