/* SPDX-License-Identifier: Apache-2.0
 * RTP port pairs (even RTP, odd RTCP): in random order at first, then the longest unused first, and none
 * before its quarantine is over, so that packets of the last call do not reach the next one. Pure. */
#ifndef MEDIA_PORT_POOL_H
#define MEDIA_PORT_POOL_H

#include "callfloor/base.h"

enum { PORT_POOL_QUARANTINE_MS = 10000 };

struct port_pool {
    struct port_pool_entry {
        uint64_t usable_ms;
        uint16_t port;
    } * entry; /* a queue in a circle */
    uint32_t total, first, count;
};

/* All pairs within min..max. 0, -EINVAL (no pair fits) or -ENOMEM. */
int port_pool_init(struct port_pool *pool, uint16_t min, uint16_t max, uint64_t seed);
void port_pool_done(struct port_pool *pool);
/* An even port, or 0 when none is free now. */
uint16_t port_pool_take(struct port_pool *pool, uint64_t now_ms);
/* A port taken before comes back, usable again from usable_ms. */
void port_pool_give(struct port_pool *pool, uint16_t port, uint64_t usable_ms);

#endif
