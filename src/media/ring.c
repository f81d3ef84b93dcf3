/* SPDX-License-Identifier: Apache-2.0
 * Single-producer single-consumer ring. */
#include "media/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ring_init(struct ring *ring, uint32_t capacity, uint32_t item_size) {
    if (!capacity || capacity & (capacity - 1) || !item_size)
        return -EINVAL;
    memset(ring, 0, sizeof *ring);
    ring->items = calloc(capacity, item_size);
    if (!ring->items)
        return -ENOMEM;
    ring->capacity = capacity;
    ring->item_size = item_size;
    return 0;
}

void ring_done(struct ring *ring) {
    free(ring->items);
    ring->items = NULL;
}

bool ring_push(struct ring *ring, const void *item) {
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head - ring->tail_seen == ring->capacity) {
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head - ring->tail_seen == ring->capacity)
            return false;
    }
    memcpy(ring->items + (size_t)(head & (ring->capacity - 1)) * ring->item_size, item, ring->item_size);
    atomic_store(&ring->head, head + 1);
    return true;
}

bool ring_pop(struct ring *ring, void *item) {
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
        return false;
    memcpy(item, ring->items + (size_t)(tail & (ring->capacity - 1)) * ring->item_size, ring->item_size);
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

bool ring_is_empty(struct ring *ring) {
    return atomic_load(&ring->head) == atomic_load_explicit(&ring->tail, memory_order_relaxed);
}
