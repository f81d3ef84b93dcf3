/* SPDX-License-Identifier: Apache-2.0
 * Rows to aligned text or JSON. */
#include "console/out.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(struct out *o, struct out_buffer *b, const char *data, size_t length) {
    if (o->err)
        return;
    if (b->length + length + 1 > b->capacity) {
        size_t wanted = b->capacity ? b->capacity * 2 : 1024;
        while (wanted < b->length + length + 1)
            wanted *= 2;
        char *bigger = wanted <= OUT_MAX ? realloc(b->data, wanted) : NULL;
        if (!bigger) {
            o->err = wanted <= OUT_MAX ? -ENOMEM : -EMSGSIZE;
            return;
        }
        b->data = bigger;
        b->capacity = wanted;
    }
    memcpy(b->data + b->length, data, length);
    b->length += length;
    b->data[b->length] = 0;
}
static void append_text(struct out *o, const char *text) {
    append(o, &o->text, text, strlen(text));
}
static void pad(struct out *o, uint32_t count) {
    static const char spaces[] = "                                ";
    for (; count > sizeof spaces - 1; count -= sizeof spaces - 1)
        append(o, &o->text, spaces, sizeof spaces - 1);
    append(o, &o->text, spaces, count);
}

/* Bytes of the well-formed, printable UTF-8 character at text; 0 when it is not one (RFC 3629). */
static size_t character(const unsigned char *text) {
    unsigned c = text[0];
    size_t more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : 3;
    static const uint32_t least[] = {0x20, 0xa0, 0x800, 0x10000}; /* over-long forms, C0 and C1 controls */
    if (c >= 0xf5 || (c >= 0x80 && c < 0xc2) || c == 0x7f)
        return 0;
    uint32_t code = more == 0 ? c : c & (0x3f >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    return code < least[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : more + 1;
}

/* Appends text with everything dubious replaced, so that nobody's caller name moves a supervisor's cursor.
 * lines: line ends stay. Returns the characters written. */
static uint32_t append_clean(struct out *o, struct out_buffer *b, const char *text, bool lines) {
    uint32_t count = 0;
    for (const unsigned char *p = (const unsigned char *)(text ? text : ""); *p; count++) {
        size_t n = lines && *p == '\n' ? 1 : character(p);
        append(o, b, n ? (const char *)p : "?", n ? n : 1);
        p += n ? n : 1;
    }
    return count;
}

void out_duration(char *text, size_t size, uint64_t ms) {
    unsigned long long s = ms / 1000;
    if (ms == NEVER)
        snprintf(text, size, "-");
    else if (s < 3600)
        snprintf(text, size, "%llu:%02llu", s / 60, s % 60);
    else
        snprintf(text, size, "%llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
}

/* ---- JSON ---- */

static int write_json(const char *data, size_t length, void *arg) {
    struct out *o = arg;
    append(o, &o->text, data, length);
    return o->err ? -1 : 0;
}
static void dump(struct out *o, json_t *value) {
    if (value)
        json_dump_callback(value, write_json, o, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(8));
    else if (!o->err)
        o->err = -ENOMEM;
    json_decref(value);
}
static json_t *clean_string(struct out *o, const char *text, bool lines) {
    o->cells.length = 0;
    append_clean(o, &o->cells, text, lines);
    append(o, &o->cells, "", 1);
    return o->err ? NULL : json_string(o->cells.data);
}
/* Takes value; NULL means out of memory. */
static void json_cell(struct out *o, json_t *value) {
    if (!o->at && !o->row)
        o->row = json_object();
    if (json_object_set_new(o->row, o->column[o->at].key, value) < 0 && !o->err)
        o->err = -ENOMEM;
    if (++o->at < o->columns)
        return;
    append_text(o, o->rows++ ? ",\n" : "\n");
    dump(o, o->row);
    o->row = NULL;
    o->at = 0;
}

/* ---- text ---- */

static void text_cell(struct out *o, const char *text) {
    uint32_t width = 0;
    if (o->column[o->at].title) {
        width = append_clean(o, &o->cells, text, false);
        append(o, &o->cells, "", 1);
    }
    if (width > o->width[o->at])
        o->width[o->at] = width;
    if (++o->at == o->columns) {
        o->at = 0;
        o->rows++;
    }
}
static uint32_t characters(const char *text) {
    uint32_t n = 0;
    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}
static void print_cell(struct out *o, uint32_t c, const char *text, bool first, bool last) {
    uint32_t gap = o->width[c] - characters(text);
    enum out_type type = o->column[c].type;
    bool right = type == OUT_COUNT || type == OUT_ID || type == OUT_TIME || type == OUT_RATIO;
    append_text(o, first ? "" : "  ");
    if (right)
        pad(o, gap);
    append_text(o, text);
    if (!right && !last)
        pad(o, gap);
}
static uint32_t last_column(const struct out *o) {
    uint32_t last = 0;
    for (uint32_t c = 0; c < o->columns; c++)
        if (o->column[c].title)
            last = c;
    return last;
}
/* An empty last cell leaves no blanks behind. */
static void end_line(struct out *o) {
    if (o->err)
        return;
    while (o->text.length && o->text.data[o->text.length - 1] == ' ')
        o->text.length--;
    append_text(o, "\n");
}
static void print_table(struct out *o) {
    const char *cell = o->cells.data;
    uint32_t last = last_column(o);
    for (uint32_t row = 0; row <= o->rows && !o->err; row++) { /* row 0: titles */
        bool first = true;
        for (uint32_t c = 0; c < o->columns; c++) {
            if (!o->column[c].title)
                continue;
            print_cell(o, c, row ? cell : o->column[c].title, first, c == last);
            cell += row ? strlen(cell) + 1 : 0;
            first = false;
        }
        end_line(o);
    }
}
static void print_lines(struct out *o) {
    const char *cell = o->cells.data;
    uint32_t wide = 0;
    for (uint32_t c = 0; c < o->columns; c++)
        if (o->column[c].title && characters(o->column[c].title) > wide)
            wide = characters(o->column[c].title);
    for (uint32_t c = 0; c < o->columns && !o->err; c++) {
        if (!o->column[c].title)
            continue;
        append_text(o, o->column[c].title);
        pad(o, wide - characters(o->column[c].title) + 2);
        append_text(o, *cell ? cell : "-");
        append_text(o, "\n");
        cell += strlen(cell) + 1;
    }
}

/* ---- tables ---- */

static void begin(struct out *o, const char *name, const struct out_column *column, size_t count) {
    o->name = name;
    o->column = column;
    o->columns = (uint32_t)count;
    o->at = o->rows = 0;
    o->cells.length = 0;
    for (uint32_t c = 0; c < o->columns; c++)
        o->width[c] = column[c].title ? characters(column[c].title) : 0;
    if (!o->tables++)
        o->first_name = name;
    if (!o->json && o->tables > 1)
        append_text(o, "\n");
    if (o->json && o->tables > 1) {
        append_text(o, ",\n\"");
        append_text(o, name);
        append_text(o, "\":");
    }
    if (o->json)
        append_text(o, "[");
}
void out_begin(struct out *o, const char *name, const struct out_column *column, size_t count,
               const char *empty) {
    o->empty = empty;
    o->lines = false;
    begin(o, name, column, count);
}
void out_begin_lines(struct out *o, const char *name, const struct out_column *column, size_t count) {
    o->empty = "";
    o->lines = true;
    begin(o, name, column, count);
}
void out_end(struct out *o) {
    if (o->json) {
        append_text(o, o->rows ? "\n]" : "]");
    } else if (!o->rows) {
        append_text(o, o->empty);
        append_text(o, "\n");
    } else if (!o->err) {
        if (o->lines)
            print_lines(o);
        else
            print_table(o);
    }
    o->cells.length = 0;
}

/* ---- cells ---- */

static bool cell_is(struct out *o, enum out_type type) {
    if (o->err)
        return false;
    if (o->at < o->columns && o->column[o->at].type == type)
        return true;
    o->err = -EPROTO; /* our own mistake; found by the first test that prints the table */
    return false;
}
void out_text(struct out *o, const char *text) {
    if (!cell_is(o, OUT_TEXT))
        return;
    if (o->json)
        json_cell(o, clean_string(o, text, false));
    else
        text_cell(o, text);
}
void out_count(struct out *o, uint64_t value) {
    char text[24];
    if (!cell_is(o, OUT_COUNT))
        return;
    if (o->json) {
        json_cell(o, value == NEVER ? json_null() : json_integer((json_int_t)value));
        return;
    }
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    text_cell(o, value == NEVER ? "-" : text);
}
void out_id(struct out *o, uint64_t id) {
    char text[24];
    if (!cell_is(o, OUT_ID))
        return;
    snprintf(text, sizeof text, "%llu", (unsigned long long)id);
    if (o->json)
        json_cell(o, id == NEVER ? json_null() : json_string(text));
    else
        text_cell(o, id == NEVER ? "-" : text);
}
void out_time(struct out *o, uint64_t ms) {
    char text[32];
    if (!cell_is(o, OUT_TIME))
        return;
    if (o->json) {
        json_cell(o, ms == NEVER ? json_null() : json_integer((json_int_t)ms));
        return;
    }
    out_duration(text, sizeof text, ms);
    text_cell(o, text);
}
void out_ratio(struct out *o, double ratio) {
    char text[32];
    if (!cell_is(o, OUT_RATIO))
        return;
    if (o->json) {
        json_cell(o, ratio < 0 ? json_null() : json_real(ratio));
        return;
    }
    snprintf(text, sizeof text, "%.1f%%", ratio * 100);
    text_cell(o, ratio < 0 ? "-" : text);
}
void out_flag(struct out *o, bool flag) {
    if (!cell_is(o, OUT_FLAG))
        return;
    if (o->json)
        json_cell(o, json_boolean(flag));
    else
        text_cell(o, flag ? "yes" : "no");
}

/* ---- sentences and the end ---- */

static void sentence(struct out *o, const char *key, const char *text) {
    if (!o->json) {
        append_clean(o, &o->text, text, true);
        append_text(o, "\n");
        return;
    }
    json_t *object = json_object(), *value = clean_string(o, text, true);
    if (json_object_set_new(object, key, value) < 0 && !o->err)
        o->err = -ENOMEM;
    dump(o, object);
    append_text(o, "\n");
}
void out_message(struct out *o, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sentence(o, "message", text);
}
void out_error(struct out *o, const char *text) {
    sentence(o, "error", text);
}

int out_take(struct out *o, char **text) {
    int err;
    if (o->json && o->tables)
        append_text(o, o->tables > 1 ? "}\n" : "\n");
    if (!o->text.data)
        append(o, &o->text, "", 0);
    err = o->err;
    if (!err && o->json && o->tables > 1) { /* the first table did not know that others would follow */
        size_t size = o->text.length + strlen(o->first_name) + 8;
        char *whole = malloc(size);
        if (whole)
            snprintf(whole, size, "{\"%s\":%s", o->first_name, o->text.data);
        else
            err = -ENOMEM;
        *text = whole;
    } else if (!err) {
        *text = o->text.data;
        o->text = (struct out_buffer){0};
    }
    out_free(o);
    return err;
}
void out_free(struct out *o) {
    json_decref(o->row);
    free(o->text.data);
    free(o->cells.data);
    *o = (struct out){.json = o->json};
}
