/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_decision: a ring of the decisions made, so that each call can be explained. Adding one takes no
 * memory. Each call's decisions are a chain, and its end is found by the call's number also when the call
 * is over; nobody has to say that it is.
 */
#ifndef ACD_DECISION_H
#define ACD_DECISION_H

#include "callfloor/acd.h"

/* Beside each entry. A bucket is a chain too, newest first, of entries whose calls have one hash; it ends
 * where the ring has overwritten, so nothing is ever taken out. */
struct acd_decision_link {
    uint64_t older; /* in the bucket */
    uint64_t after; /* the call's decision after this one, 0 = none */
};

/* Zero-initialise: then a ring of size 0, which forgets at once. */
struct acd_decisions {
    struct acd_decision *item; /* by number & mask */
    struct acd_decision_link *link;
    uint64_t *bucket; /* by hash & mask: number of the newest entry */
    uint32_t size, mask;
    uint64_t last; /* number of the newest; counts on whatever the size is */
    struct acd_decision scratch;
};

enum { ACD_DECISIONS = 65536, ACD_DECISIONS_MAX = 1 << 24 };

/* Room for at least `size` decisions (0 = none; more than ACD_DECISIONS_MAX are not kept); the newest stay.
 * 0; -ENOMEM: nothing changed. */
int acd_decisions_resize(struct acd_decisions *ring, uint32_t size);
void acd_decisions_free(struct acd_decisions *ring);

/* A new entry to be filled in: number, call and before are set, the rest is 0. `last`: number of the call's
 * last decision, moved; NULL, or 0 in it: it is looked up, so that a call that comes back goes on with its
 * chain. call 0: no call's; found by number only (or by the chain of `last`). */
struct acd_decision *acd_decisions_add(struct acd_decisions *ring, uint64_t call, uint64_t *last);

/* NULL when not made yet, or overwritten. */
const struct acd_decision *acd_decisions_get(const struct acd_decisions *ring, uint64_t number);
/* Number of the call's last decision, 0 when none is known. */
uint64_t acd_decisions_last(const struct acd_decisions *ring, uint64_t call);
/* What acd_explain() does. */
uint32_t acd_decisions_explain(const struct acd_decisions *ring, uint64_t call,
                               void (*fn)(void *arg, const struct acd_decision *decision), void *arg,
                               bool *truncated);

#endif
