/* SPDX-License-Identifier: Apache-2.0
 * Single-producer single-consumer ring of fixed-size items, without locks. One thread pushes, one pops. */
#ifndef MEDIA_RING_H
#define MEDIA_RING_H

#include "callfloor/base.h"

#include <stdatomic.h>

struct ring {
    _Alignas(64) _Atomic uint32_t head; /* next to be written; producer's */
    uint32_t tail_seen;                 /* producer's last look at tail */
    _Alignas(64) _Atomic uint32_t tail; /* next to be read; consumer's */
    _Alignas(64) uint32_t capacity, item_size;
    uint8_t *items;
};

/* capacity: a power of two. 0, -EINVAL or -ENOMEM. */
int ring_init(struct ring *ring, uint32_t capacity, uint32_t item_size);
void ring_done(struct ring *ring);
/* False when full. */
bool ring_push(struct ring *ring, const void *item);
/* False when empty. */
bool ring_pop(struct ring *ring, void *item);
/* Consumer's. Ordered (seq_cst) with what the consumer stored before: safe to decide on sleeping. */
bool ring_is_empty(struct ring *ring);

#endif
