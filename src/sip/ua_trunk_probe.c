/* SPDX-License-Identifier: Apache-2.0
 * OPTIONS to the peers of trunks. */
#include "sip/ua_trunk.h"

#include <stdio.h>

static void on_probed(struct ua *ua, const struct ua_probe_result *r) {
    struct ua_trunk_peer *peer = ua_trunk_find_peer(ua, r->who, r->serial);
    uint64_t now_ms = ua_now_ms(ua), in_ms;

    if (!peer)
        return;
    struct ua_trunk *trunk = ua->trunks->trunk[r->who];
    peer->probing = false;
    trunk->probed = true;
    if (r->answered) {
        peer->missed = 0;
        peer->answers = true;
        trunk->rtt_ms = r->rtt_ms;
    } else {
        ua_trunk_error(trunk, "%.48s: %s", peer->name,
                       r->status == 408 ? "no answer to OPTIONS" : "cannot be reached");
        if (peer->missed < UA_TRUNK_MISSES && ++peer->missed == UA_TRUNK_MISSES)
            peer->answers = false;
    }
    if (peer->missed && peer->missed < UA_TRUNK_MISSES)
        in_ms = UA_TRUNK_RETRY_MS;
    else
        in_ms = (uint64_t)(trunk->probe_interval_ms * (0.9 + 0.2 * rng_unit(&ua->trunks->dice)));
    peer->probe_ms = now_ms + in_ms;
    ua_trunk_wake(ua, peer->probe_ms);
    ua_trunk_settle(trunk);
}

void ua_trunk_probe(struct ua_trunk *trunk, struct ua_trunk_peer *peer, uint64_t now_ms) {
    char uri[URI_LEN], route[URI_LEN], host[ADDRESS_LEN];
    struct ua *ua = trunk->ua;

    if (!trunk->probe || !peer->host || peer->probing)
        return;
    if (peer->probe_ms > now_ms) {
        ua_trunk_wake(ua, peer->probe_ms);
        return;
    }
    peer->probing = true;
    peer->probe_ms = NEVER;
    struct ua_probe_result failed = {.who = trunk->number, .serial = peer->serial, .status = 503};
    if (!peer->address_count) { /* a name nobody knows is a peer that does not answer */
        on_probed(ua, &failed);
        return;
    }
    ua_trunk_route(trunk, peer, route, sizeof route);
    ua_address_host(&peer->address[0], host, sizeof host);
    if (peer->numeric)
        str_copy(uri, sizeof uri, route);
    else
        snprintf(uri, sizeof uri, "sip:%s:%u%s", peer->name, peer->port, trunk->tcp ? ";transport=tcp" : "");
    if (ua_probe_send(ua, &ua->trunks->probes, on_probed, trunk->number, peer->serial, uri, route, host,
                      trunk->tcp))
        on_probed(ua, &failed);
}
