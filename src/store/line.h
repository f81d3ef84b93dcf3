/* SPDX-License-Identifier: Apache-2.0
 *
 * line: one record of the journal, as it stands on disk.
 *
 *   <crc32, 8 hex digits> <length of the JSON> {"seq":12,"at":1767225600000000,"kind":"visit","row":{...}}\n
 *
 * The CRC (zlib's) is of the JSON. seq ascends by one; at is when it was put, in microseconds since 1970.
 */
#ifndef STORE_LINE_H
#define STORE_LINE_H

#include "callfloor/base.h"

enum { STORE_LINE_MAX = 8192, STORE_KIND_MAX = 16 };

struct line {
    uint64_t seq, at_us;
    char kind[STORE_KIND_MAX];
    const char *json; /* in the buffer parsed */
    uint32_t json_size;
    uint32_t size; /* of the whole line, newline included */
};

/* Writes the line into out (STORE_LINE_MAX bytes) and returns its size; 0 when row is too long. *json: where
 * the JSON begins. */
size_t store_line_build(char *out, uint64_t seq, uint64_t at_us, const char *kind, const char *row,
                        size_t row_size, uint32_t *json);

enum line_found { LINE_GOOD, LINE_BAD, LINE_UNFINISHED };
/* What is at the beginning of size bytes? BAD: out->size bytes are not a record. UNFINISHED: no newline. */
enum line_found store_line_parse(const char *text, size_t size, struct line *out);

#endif
