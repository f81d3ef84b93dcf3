/* SPDX-License-Identifier: Apache-2.0
 *
 * row: a row image as JSON, driven by the field tables of record.h.
 *
 * Zero numbers and empty texts are left out. Ids are strings, because they exceed 2^53 and tools like jq
 * would round them. Text that is not UTF-8 (it comes from the network) gets U+FFFD in place of the bad bytes.
 */
#ifndef STORE_ROW_H
#define STORE_ROW_H

#include "callfloor/record.h"

enum { STORE_ROW_MAX = 6144 }; /* the longest kind with every byte escaped needs about 3600 */

/* Writes the object into out, which has STORE_ROW_MAX bytes; no NUL. Returns its length. */
size_t store_row_encode(char *out, const struct record *row);

/* A JSON string of text, quotes included; at most 2 + 6 * strlen(text) bytes. Returns the end. */
char *store_json_text(char *at, const char *text);
char *store_json_u64(char *at, uint64_t value);

#endif
