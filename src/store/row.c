/* SPDX-License-Identifier: Apache-2.0
 * Row images as JSON. By hand, because it runs ten times per call: jansson's tree costs ten times as much. */
#include "store/row.h"

#include <string.h>

char *store_json_u64(char *at, uint64_t value) {
    char digits[20];
    size_t n = sizeof digits;
    do
        digits[--n] = (char)('0' + value % 10);
    while (value /= 10);
    memcpy(at, digits + n, sizeof digits - n);
    return at + sizeof digits - n;
}

/* Length of the well-formed UTF-8 sequence at p (RFC 3629), 0 when it is not one. */
static size_t utf8_length(const unsigned char *p) {
    size_t n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) /* stops at the NUL, too */
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static char *put_escaped(char *at, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    *at++ = '\\';
    if (c == '"' || c == '\\') {
        *at++ = (char)c;
        return at;
    }
    memcpy(at, "u00", 3);
    at[3] = hex[c >> 4];
    at[4] = hex[c & 15];
    return at + 5;
}

char *store_json_text(char *at, const char *text) {
    const unsigned char *p = (const unsigned char *)text;
    *at++ = '"';
    while (*p) {
        if (*p < 32 || *p == '"' || *p == '\\' || *p == 127) {
            at = put_escaped(at, *p++);
        } else if (*p < 127) {
            *at++ = (char)*p++;
        } else {
            size_t n = utf8_length(p);
            if (n) {
                memcpy(at, p, n);
                at += n;
                p += n;
            } else {
                memcpy(at, "\xef\xbf\xbd", 3);
                at += 3;
                p++;
            }
        }
    }
    *at++ = '"';
    return at;
}

static char *put_name(char *at, const char *name) {
    if (at[-1] != '{')
        *at++ = ',';
    *at++ = '"';
    size_t n = strlen(name);
    memcpy(at, name, n);
    at += n;
    *at++ = '"';
    *at++ = ':';
    return at;
}

size_t store_row_encode(char *out, const struct record *row) {
    size_t count;
    const struct record_field *field = record_fields(row->kind, &count);
    char *at = out;
    *at++ = '{';
    for (size_t i = 0; i < count; i++) {
        const char *value = (const char *)row + field[i].offset;
        uint64_t number = 0;
        switch (field[i].type) {
        case RECORD_ID:
        case RECORD_TIME:
            memcpy(&number, value, 8);
            break;
        case RECORD_U32: {
            uint32_t small;
            memcpy(&small, value, 4);
            number = small;
            break;
        }
        case RECORD_TEXT:
            if (*value)
                at = store_json_text(put_name(at, field[i].name), value);
            continue;
        }
        if (!number)
            continue;
        at = put_name(at, field[i].name);
        if (field[i].type == RECORD_ID)
            *at++ = '"';
        at = store_json_u64(at, number);
        if (field[i].type == RECORD_ID)
            *at++ = '"';
    }
    *at++ = '}';
    return (size_t)(at - out);
}
