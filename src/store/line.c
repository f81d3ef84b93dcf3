/* SPDX-License-Identifier: Apache-2.0
 * Lines of the journal: built and read back strictly. */
#include "store/line.h"
#include "store/row.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { HEADER_MAX = 15 }; /* crc, blank, up to five digits, blank */

static void put_hex(char *at, uint32_t value) {
    static const char hex[] = "0123456789abcdef";
    for (int i = 7; i >= 0; i--, value >>= 4)
        at[i] = hex[value & 15];
}

static char *put_literal(char *at, const char *text) {
    size_t n = strlen(text);
    memcpy(at, text, n);
    return at + n;
}

size_t store_line_build(char *out, uint64_t seq, uint64_t at_us, const char *kind, const char *row,
                        size_t row_size, uint32_t *json) {
    enum { WRAP_MAX = 96 }; /* what stands around the row */
    if (row_size > STORE_LINE_MAX - HEADER_MAX - WRAP_MAX || strlen(kind) >= STORE_KIND_MAX)
        return 0;
    /* the JSON's length is known only afterwards: it is built behind room for the longest header */
    char *begin = out + HEADER_MAX, *at = begin;
    at = store_json_u64(put_literal(at, "{\"seq\":"), seq);
    at = store_json_u64(put_literal(at, ",\"at\":"), at_us);
    at = put_literal(put_literal(put_literal(at, ",\"kind\":\""), kind), "\",\"row\":");
    memcpy(at, row, row_size);
    at += row_size;
    *at++ = '}';
    uint32_t size = (uint32_t)(at - begin);
    char header[HEADER_MAX + 20];
    put_hex(header, (uint32_t)crc32(0, (const unsigned char *)begin, size));
    header[8] = ' ';
    char *end = store_json_u64(header + 9, size);
    *end++ = ' ';
    size_t n = (size_t)(end - header);
    memcpy(out, header, n);
    memmove(out + n, begin, size);
    out[n + size] = '\n';
    *json = (uint32_t)n;
    return n + size + 1;
}

/* Reads decimal digits without leading zeros; NULL when there are none or too many. */
static const char *take_number(const char *p, const char *end, uint64_t *out) {
    uint64_t value = 0;
    const char *begin = p;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (p - begin >= 19)
            return NULL;
        value = value * 10 + (uint64_t)(*p - '0');
    }
    if (p == begin || (*begin == '0' && p - begin > 1))
        return NULL;
    *out = value;
    return p;
}

static const char *take_literal(const char *p, const char *end, const char *text) {
    size_t n = strlen(text);
    return p && (size_t)(end - p) >= n && !memcmp(p, text, n) ? p + n : NULL;
}

/* The fixed beginning of the JSON: we wrote it, so it needs no JSON parser. */
static bool take_json(struct line *out) {
    const char *p = out->json, *end = p + out->json_size;
    if (!(p = take_literal(p, end, "{\"seq\":")) || !(p = take_number(p, end, &out->seq)))
        return false;
    if (!(p = take_literal(p, end, ",\"at\":")) || !(p = take_number(p, end, &out->at_us)))
        return false;
    if (!(p = take_literal(p, end, ",\"kind\":\"")))
        return false;
    size_t n = 0;
    while (p < end && n + 1 < sizeof out->kind && ((*p >= 'a' && *p <= 'z') || *p == '_'))
        out->kind[n++] = *p++;
    out->kind[n] = 0;
    return n && take_literal(p, end, "\",\"row\":{") && end[-1] == '}';
}

static bool take_header(const char *p, const char *end, struct line *out) {
    uint64_t length;
    uint32_t crc = 0;
    if (end - p < 8)
        return false;
    for (int i = 0; i < 8; i++, p++) {
        int digit = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        crc = crc << 4 | (uint32_t)digit;
    }
    if (!(p = take_literal(p, end, " ")) || !(p = take_number(p, end, &length)) ||
        !(p = take_literal(p, end, " ")) || length != (uint64_t)(end - p))
        return false;
    out->json = p;
    out->json_size = (uint32_t)length;
    return crc32(0, (const unsigned char *)p, (unsigned)length) == crc;
}

enum line_found store_line_parse(const char *text, size_t size, struct line *out) {
    size_t seen = size < STORE_LINE_MAX ? size : STORE_LINE_MAX;
    const char *end = memchr(text, '\n', seen);
    if (!end) {
        out->size = (uint32_t)seen;
        return seen < STORE_LINE_MAX ? LINE_UNFINISHED : LINE_BAD;
    }
    out->size = (uint32_t)(end - text) + 1;
    return take_header(text, end, out) && take_json(out) ? LINE_GOOD : LINE_BAD;
}
