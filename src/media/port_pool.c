/* SPDX-License-Identifier: Apache-2.0
 * RTP port pairs. */
#include "media/port_pool.h"

#include <errno.h>
#include <stdlib.h>

int port_pool_init(struct port_pool *pool, uint16_t min, uint16_t max, uint64_t seed) {
    uint32_t lowest = min + (min & 1u);
    if (min == 0 || max < lowest + 1)
        return -EINVAL;
    uint32_t pairs = (max - lowest + 1) / 2;
    struct port_pool_entry *entry = calloc(pairs, sizeof *entry);
    if (!entry)
        return -ENOMEM;
    for (uint32_t i = 0; i < pairs; i++) {
        uint32_t j = (uint32_t)(rng_next(&seed) % (i + 1)); /* inside-out shuffle */
        entry[i] = entry[j];
        entry[j] = (struct port_pool_entry){0, (uint16_t)(lowest + 2 * i)};
    }
    *pool = (struct port_pool){entry, pairs, 0, pairs};
    return 0;
}

void port_pool_done(struct port_pool *pool) {
    free(pool->entry);
    *pool = (struct port_pool){0};
}

uint16_t port_pool_take(struct port_pool *pool, uint64_t now_ms) {
    if (!pool->count || pool->entry[pool->first].usable_ms > now_ms)
        return 0;
    uint16_t port = pool->entry[pool->first].port;
    pool->first = (pool->first + 1) % pool->total;
    pool->count--;
    return port;
}

void port_pool_give(struct port_pool *pool, uint16_t port, uint64_t usable_ms) {
    if (pool->count == pool->total)
        return;
    pool->entry[(pool->first + pool->count++) % pool->total] = (struct port_pool_entry){usable_ms, port};
}
