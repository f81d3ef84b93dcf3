/* SPDX-License-Identifier: Apache-2.0
 * A binary heap of deadlines. */
#include "callfloor/deadlines.h"

#include <errno.h>
#include <stdlib.h>

static bool before(const struct deadline *a, const struct deadline *b) {
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->key < b->key;
}

static void place(struct deadlines *all, uint32_t at, struct deadline *one) {
    all->heap[at] = one;
    one->place = at + 1;
}

static void sift(struct deadlines *all, uint32_t at, struct deadline *one) {
    while (at && before(one, all->heap[(at - 1) / 2])) {
        place(all, at, all->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < all->count && before(all->heap[child + 1], all->heap[child]))
            child++;
        if (child >= all->count || !before(all->heap[child], one))
            break;
        place(all, at, all->heap[child]);
        at = child;
    }
    place(all, at, one);
}

int deadline_set(struct deadlines *all, struct deadline *one, uint64_t at_ms) {
    if (at_ms == NEVER) {
        deadline_clear(all, one);
        return 0;
    }
    one->at_ms = at_ms;
    if (!one->place) {
        if (all->count == all->capacity) {
            uint32_t capacity = all->capacity ? 2 * all->capacity : 64;
            struct deadline **heap = realloc(all->heap, capacity * sizeof(struct deadline *));
            if (!heap)
                return -ENOMEM;
            all->heap = heap;
            all->capacity = capacity;
        }
        place(all, all->count++, one);
    }
    sift(all, one->place - 1, one);
    return 0;
}

void deadline_clear(struct deadlines *all, struct deadline *one) {
    if (!one->place)
        return;
    uint32_t at = one->place - 1;
    struct deadline *last = all->heap[--all->count];
    one->place = 0;
    if (last != one) {
        all->heap[at] = last;
        sift(all, at, last);
    }
}

void deadlines_done(struct deadlines *all) {
    free(all->heap);
    *all = (struct deadlines){0};
}
