/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_mem: all memory of the distributor comes through here, so that tests can let any allocation fail.
 */
#ifndef ACD_MEM_H
#define ACD_MEM_H

#include <stddef.h>
#include <stdint.h>

/* Tests: so many allocations succeed, then all fail; below 0 = never. */
extern int64_t acd_mem_left;

void *acd_alloc(size_t size); /* zeroed */
void *acd_grow(void *old, size_t size);

/* uthash must not end the program without memory; it clears the element's id instead. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->id = 0)
#define uthash_malloc(size) acd_alloc(size)
#define uthash_free(memory, size) free(memory)

#endif
