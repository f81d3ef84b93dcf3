/* SPDX-License-Identifier: Apache-2.0
 *
 * table: rows of text in aligned columns, for a terminal.
 */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include "callfloor/base.h"

#include <stdio.h>

enum { TABLE_CELL = 48 };
struct table {
    uint32_t columns, cells;
    char (*cell)[TABLE_CELL];
    uint32_t capacity;
};

/* head: titles of the columns, separated by '|'. The first column is aligned to the left, the others to the
 * right. */
void table_begin(struct table *t, const char *head);
PRINTF_LIKE(2, 3) void table_cell(struct table *t, const char *format, ...);
void table_share(struct table *t, double share);   /* 0.8 as "80.0 %", NaN as "-" */
void table_time(struct table *t, double seconds);  /* m:ss or h:mm:ss, NaN as "-" */
void table_count(struct table *t, uint64_t count); /* 12,345 */
void table_end(struct table *t, FILE *out);        /* prints and frees */

#endif
