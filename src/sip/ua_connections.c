/* SPDX-License-Identifier: Apache-2.0
 *
 * TCP connections: so many in all and so many from one address; whatever is above is closed. Sofia has no
 * hook for accept(), so they are counted once a second. */
#include "sip/ua_leg.h"

#include <sofia-sip/nta_tport.h>
#include <sofia-sip/tport.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { CONNECTIONS_MAX = 8192, CONNECTIONS_PER_ADDRESS = 128, CLOSED_AT_ONCE = 512 };

struct peer {
    char host[ADDRESS_LEN];
    uint32_t count;
    UT_hash_handle hh;
};

static uint32_t count_peer(struct peer **peers, const char *host) {
    struct peer *peer;
    HASH_FIND_STR(*peers, host, peer);
    if (!peer) {
        peer = calloc(1, sizeof *peer);
        if (!peer)
            return 0;
        str_copy(peer->host, sizeof peer->host, host);
        HASH_ADD_STR(*peers, host, peer);
    }
    return ++peer->count;
}

uint64_t ua_connections_tick(struct ua *ua, uint64_t now_ms) {
    tport_t *close[CLOSED_AT_ONCE];
    struct peer *peers = NULL, *peer, *next;
    uint32_t closing = 0, total = 0;
    if (now_ms < ua->connections_ms)
        return ua->connections_ms;
    ua->connections_ms = now_ms + 1000;
    for (tport_t *p = tport_primaries(nta_agent_tports(ua->agent)); p; p = tport_next(p)) {
        if (!tport_is_tcp(p))
            continue;
        for (tport_t *t = tport_secondary(p); t; t = tport_next(t)) {
            uint32_t same = count_peer(&peers, tport_name(t)->tpn_host);
            if ((same > CONNECTIONS_PER_ADDRESS || ++total > CONNECTIONS_MAX) && closing < CLOSED_AT_ONCE)
                close[closing++] = t;
        }
    }
    for (uint32_t i = 0; i < closing; i++)
        tport_shutdown(close[i], 2);
    if (closing)
        log_warn("sip", "event=connections_closed count=%u", closing);
    HASH_ITER (hh, peers, peer, next) {
        HASH_DEL(peers, peer);
        free(peer);
    }
    return ua->connections_ms;
}
