/* SPDX-License-Identifier: Apache-2.0
 * Memory, with failures on demand. */
#include "acd/acd_mem.h"

#include <stdlib.h>

int64_t acd_mem_left = -1;

static int refused(void) {
    if (acd_mem_left < 0)
        return 0;
    if (acd_mem_left == 0)
        return 1;
    acd_mem_left--;
    return 0;
}

void *acd_alloc(size_t size) {
    return refused() ? NULL : calloc(1, size ? size : 1);
}

void *acd_grow(void *old, size_t size) {
    return refused() ? NULL : realloc(old, size ? size : 1);
}
