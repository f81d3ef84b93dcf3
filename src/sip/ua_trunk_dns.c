/* SPDX-License-Identifier: Apache-2.0
 * Names of trunks to addresses, without ever waiting: evdns in our loop. A name that can no longer be looked
 * up keeps the addresses it had. */
#include "sip/ua_trunk.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* Lives until evdns has called back, which it also does after a cancel, later. */
struct ua_trunk_lookup {
    struct ua *ua; /* NULL: nobody waits any more */
    uint32_t trunk, serial;
    struct evdns_getaddrinfo_request *request;
};

static struct evdns_base *resolver(struct ua *ua) {
    struct ua_trunks *all = ua->trunks;
    if (all->dns)
        return all->dns;
    all->dns = evdns_base_new(loop_base(ua->loop), EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!all->dns)
        return NULL;
    int err = evdns_base_resolv_conf_parse(all->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
    if (err)
        log_warn("sip", "event=resolver_default reason=%d", err);
    return all->dns;
}

/* Can we send to this family? A listener on "::" serves both. */
static bool is_served(const struct ua *ua, const struct ua_address *address) {
    static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    bool v4 = !memcmp(address->byte, v4_prefix, sizeof v4_prefix);
    for (uint32_t i = 0; i < ua->conf->listen_count; i++)
        if ((strchr(ua->conf->listen[i].address, ':') == NULL) == v4 ||
            !strcmp(ua->conf->listen[i].address, "::"))
            return true;
    return false;
}

/* Those we can send to first: [0] is where probes and registrations go. The order is kept otherwise. */
static void prefer_served(const struct ua *ua, struct ua_address *address, uint32_t count) {
    struct ua_address sorted[UA_TRUNK_ADDRESSES];
    uint32_t n = 0;
    for (int served = 1; served >= 0; served--)
        for (uint32_t i = 0; i < count; i++)
            if (is_served(ua, &address[i]) == (bool)served)
                sorted[n++] = address[i];
    memcpy(address, sorted, n * sizeof *sorted);
}

/* Returns how many numeric addresses the answer has, at most UA_TRUNK_ADDRESSES. */
static uint32_t take_addresses(const struct evutil_addrinfo *answer, struct ua_address *out) {
    uint32_t count = 0;
    for (const struct evutil_addrinfo *a = answer; a && count < UA_TRUNK_ADDRESSES; a = a->ai_next) {
        bool known = false;
        if (ua_address_of(a->ai_addr, &out[count]))
            continue;
        for (uint32_t i = 0; i < count; i++)
            known |= ua_address_same(&out[i], &out[count]);
        count += !known;
    }
    return count;
}

static void learn(struct ua_trunk *trunk, struct ua_trunk_peer *peer, int err,
                  const struct evutil_addrinfo *answer) {
    struct ua_address address[UA_TRUNK_ADDRESSES];
    uint32_t count = err ? 0 : take_addresses(answer, address);
    uint64_t now_ms = ua_now_ms(trunk->ua), in_ms = UA_TRUNK_LOOKUP_MS;
    char text[ADDRESS_LEN];

    if (!count) {
        uint32_t doublings = peer->lookup_failures < 4 ? peer->lookup_failures : 4;
        in_ms = (uint64_t)UA_TRUNK_LOOKUP_RETRY_MS << doublings;
        if (!peer->lookup_failures++) {
            ua_trunk_error(trunk, "cannot resolve %s: %s", peer->name, evutil_gai_strerror(err));
            log_warn("sip", "event=trunk_unresolved trunk=%s name=%s error=%s", trunk->name,
                     log_value(peer->name), log_value(evutil_gai_strerror(err)));
        }
    } else {
        prefer_served(trunk->ua, address, count);
        peer->lookup_failures = 0;
        if (count != peer->address_count || memcmp(address, peer->address, count * sizeof *address)) {
            ua_address_host(&address[0], text, sizeof text);
            log_info("sip", "event=trunk_resolved trunk=%s name=%s address=%s addresses=%u", trunk->name,
                     log_value(peer->name), text, count);
        }
        memcpy(peer->address, address, count * sizeof *address);
        peer->address_count = count;
    }
    peer->lookup_ms = now_ms + in_ms;
    ua_trunk_wake(trunk->ua, now_ms); /* probes and registrations may have waited for it */
}

static void on_answer(int err, struct evutil_addrinfo *answer, void *arg) {
    struct ua_trunk_lookup *lookup = arg;

    if (lookup->ua && err != EVUTIL_EAI_CANCEL) {
        struct ua_trunk_peer *peer = ua_trunk_find_peer(lookup->ua, lookup->trunk, lookup->serial);
        if (peer) {
            peer->lookup = NULL;
            learn(lookup->ua->trunks->trunk[lookup->trunk], peer, err, answer);
        }
    }
    if (answer)
        evutil_freeaddrinfo(answer);
    free(lookup);
}

void ua_trunk_lookup(struct ua_trunk *trunk, struct ua_trunk_peer *peer, uint64_t now_ms) {
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};

    if (peer->lookup || peer->lookup_ms == NEVER)
        return;
    if (peer->lookup_ms > now_ms) {
        ua_trunk_wake(trunk->ua, peer->lookup_ms);
        return;
    }
    struct evdns_base *dns = resolver(trunk->ua);
    struct ua_trunk_lookup *lookup = dns ? calloc(1, sizeof *lookup) : NULL;
    peer->lookup_ms = now_ms + UA_TRUNK_LOOKUP_RETRY_MS;
    ua_trunk_wake(trunk->ua, peer->lookup_ms);
    if (!lookup)
        return;
    *lookup = (struct ua_trunk_lookup){.ua = trunk->ua, .trunk = trunk->number, .serial = peer->serial};
    peer->lookup = lookup;
    struct evdns_getaddrinfo_request *request =
        evdns_getaddrinfo(dns, peer->name, NULL, &hints, on_answer, lookup);
    if (request) /* else it has called back already, and lookup is gone */
        lookup->request = request;
}

void ua_trunk_lookup_cancel(struct ua_trunk_peer *peer) {
    struct ua_trunk_lookup *lookup = peer->lookup;
    if (!lookup)
        return;
    peer->lookup = NULL;
    lookup->ua = NULL;
    if (lookup->request)
        evdns_getaddrinfo_cancel(lookup->request);
}
