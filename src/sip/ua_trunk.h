/* SPDX-License-Identifier: Apache-2.0
 *
 * Trunks: which addresses are theirs, whether they answer, and our registrations with them. What the core
 * calls is in ua.h; this is shared between ua_trunk.c, ua_trunk_dns.c, ua_trunk_probe.c, ua_trunk_register.c.
 *
 * A trunk is up while one of its peers answers OPTIONS. One that is not probed counts as up, or, if we
 * register with it, while we are registered.
 */
#ifndef CALLFLOOR_UA_TRUNK_H
#define CALLFLOOR_UA_TRUNK_H

#include "sip/ua.h"
#include "sip/ua_address.h"
#include "sip/ua_digest.h"
#include "sip/ua_probe.h"

enum {
    UA_TRUNK_ADDRESSES = 8, /* of one name */
    UA_TRUNK_MISSES = 3,
    UA_TRUNK_RETRY_MS = 1000,   /* after an unanswered probe, until the peer is given up */
    UA_TRUNK_LOOKUP_MS = 60000, /* names are looked up again */
    UA_TRUNK_LOOKUP_RETRY_MS = 5000,
    UA_TRUNK_REGISTER_RETRY_MS = 5000, /* doubled up to the next */
    UA_TRUNK_REGISTER_RETRY_MAX_MS = 300000,
};

struct ua_trunk_lookup;

struct ua_trunk_peer {
    char *name; /* as configured */
    uint16_t port;
    bool numeric, host; /* host: one host, which can be probed and registered with */
    uint8_t prefix_len; /* of 128 */
    struct ua_address address[UA_TRUNK_ADDRESSES]; /* kept when a later look-up fails */
    uint32_t address_count;
    struct ua_trunk_lookup *lookup;
    uint32_t lookup_failures;
    uint64_t lookup_ms;
    bool answers, probing;
    uint8_t missed;
    uint32_t serial;
    uint64_t probe_ms;
};

enum ua_register_state { UA_REGISTER_OFF, UA_REGISTER_WAITING, UA_REGISTER_SENT };

struct ua_registration {
    enum ua_register_state state;
    char *user, *password, *domain; /* as in the configuration that was in force when it began */
    uint32_t wanted_s;
    nta_outgoing_t *transaction;
    char call_id[64];
    uint32_t cseq, expires_s, failures;
    uint8_t challenges; /* answered in this round */
    bool early;         /* it failed before Sofia had returned the transaction */
    uint64_t at_ms;     /* WAITING: next attempt */
    uint64_t valid_ms;  /* until when we are registered; 0 = not */
    struct ua_digest_client digest;
};

struct ua_trunk {
    struct ua *ua;
    uint32_t number;
    char name[NAME_LEN];
    struct ua_trunk_peer *peer;
    uint32_t peer_count;
    bool tcp, probe;
    uint32_t probe_interval_ms;
    bool up, probed;
    uint64_t changed_ms;
    uint32_t calls, rtt_ms;
    char last_error[80];
    struct ua_registration registration;
};

struct ua_trunks {
    struct ua_trunk **trunk; /* by number, [0] unused; NULL = removed */
    uint32_t count;          /* highest number */
    struct evdns_base *dns;
    struct ua_probes probes;
    uint32_t serials;
    uint64_t dice;
    bool telling;
    uint64_t next_ms;
};

static inline const struct conf_trunk *ua_trunk_conf(const struct ua_trunk *trunk) {
    return conf_trunk(trunk->ua->conf, trunk->number);
}
/* Peer by number and serial, for late answers; NULL when it is gone. */
struct ua_trunk_peer *ua_trunk_find_peer(struct ua *ua, uint32_t trunk, uint32_t serial);
/* First peer that is a host with a known address, or NULL. */
const struct ua_trunk_peer *ua_trunk_host(const struct ua_trunk *trunk);
/* "sip:HOST:PORT[;transport=tcp]", numeric. */
void ua_trunk_route(const struct ua_trunk *trunk, const struct ua_trunk_peer *peer, char *out, size_t size);
/* Computes `up` again after something changed, tells the sink. */
void ua_trunk_settle(struct ua_trunk *trunk);
void ua_trunk_error(struct ua_trunk *trunk, const char *format, ...) PRINTF_LIKE(2, 3);
/* Something is to be done at this time at the latest. */
void ua_trunk_wake(struct ua *ua, uint64_t at_ms);

/* ua_trunk_dns.c: looks the peer up if it is time to. */
void ua_trunk_lookup(struct ua_trunk *trunk, struct ua_trunk_peer *peer, uint64_t now_ms);
void ua_trunk_lookup_cancel(struct ua_trunk_peer *peer);

/* ua_trunk_probe.c */
void ua_trunk_probe(struct ua_trunk *trunk, struct ua_trunk_peer *peer, uint64_t now_ms);

/* ua_trunk_register.c: start reads the configuration (again) and begins anew if it differs; tick sends what
 * is due; stop unregisters without waiting for the answer. */
void ua_trunk_register_start(struct ua_trunk *trunk, uint64_t now_ms);
void ua_trunk_register_tick(struct ua_trunk *trunk, uint64_t now_ms);
void ua_trunk_register_stop(struct ua_trunk *trunk);
bool ua_trunk_registered(const struct ua_trunk *trunk);
/* Time until the next attempt after so many failures in a row (1..), before jitter. */
uint32_t ua_trunk_backoff_ms(uint32_t failures);

#endif
