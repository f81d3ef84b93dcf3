/* SPDX-License-Identifier: Apache-2.0
 *
 * base: what every other folder may use. No I/O but the log (log.h), no clock.
 *
 * Conventions of the whole program
 *   - Functions return 0 or a negative errno; constructors `int x_create(struct x **xp, ...)` leave *xp
 *     untouched on failure; destructors take NULL and half-built objects.
 *   - Time is an argument. `now_ms`: monotonic milliseconds. `*_us` in records: microseconds since 1970 UTC.
 *   - Between modules travel numbers (slot ids, record ids), never pointers. 0 is never a valid id.
 */
#ifndef CALLFLOOR_BASE_H
#define CALLFLOOR_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* "No deadline": the value deadline getters return when nothing is to be done. */
#define NEVER UINT64_MAX

enum { NAME_LEN = 64, NUMBER_LEN = 64, ADDRESS_LEN = 64, URI_LEN = 256 };

/* Copies src (NULL counts as "") into dst of size bytes, always terminated.
 * Returns 0, or -ENAMETOOLONG when it was cut. */
int str_copy(char *dst, size_t size, const char *src);

/* Strict decimal: the whole string, no sign, no spaces, min..max. 0, -EINVAL or -ERANGE; *out only on 0. */
int str_to_u32(const char *text, uint32_t min, uint32_t max, uint32_t *out);
int str_to_u64(const char *text, uint64_t *out);

/* Is every byte of text in 0-9 A-Z a-z . _ - + * # and text neither empty nor longer than max bytes? */
bool str_is_token(const char *text, size_t max);

/* Repeatable pseudo random numbers (splitmix64) for pure code and simulations; never for secrets. */
uint64_t rng_next(uint64_t *state);
double rng_unit(uint64_t *state); /* uniform in [0, 1) */

/* A table of objects known to the outside by number: index (low 20 bits) and generation (high 12 bits).
 * A number outlives its object: slots_get() of a stale one is NULL, so late answers find nothing. */
struct slots {
    void **object;
    uint16_t *generation;
    uint32_t *free_list;
    uint32_t capacity, used, free_count;
};

/* At most capacity (1..2^20-1) objects. 0 or -ENOMEM/-EINVAL. Memory is taken at once. */
int slots_init(struct slots *table, uint32_t capacity);
void slots_done(struct slots *table);
/* Number for object (borrowed, not NULL), or 0 when the table is full. */
uint32_t slots_put(struct slots *table, void *object);
void *slots_get(const struct slots *table, uint32_t id);
/* Forgets id; harmless for a stale one. */
void slots_drop(struct slots *table, uint32_t id);
/* The next used id after `id` (0 to begin), 0 at the end. Dropping while walking is allowed. */
uint32_t slots_next(const struct slots *table, uint32_t id);
static inline uint32_t slot_index(uint32_t id) {
    return id & 0xfffff;
}

#endif
