/* SPDX-License-Identifier: Apache-2.0
 *
 * The location service (RFC 3261 10): where each agent's phones are, and whether they still answer. A plain
 * table without I/O; time is an argument. ua_registrar.c fills it, ua_probe.c asks the phones.
 *
 * An agent is reachable while one of its contacts is: a contact is taken for reachable until
 * UA_LOCATION_MISSES probes in a row went unanswered, and again after an answer or a REGISTER.
 */
#ifndef CALLFLOOR_UA_LOCATION_H
#define CALLFLOOR_UA_LOCATION_H

#include "callfloor/ports.h"

enum {
    UA_LOCATION_CONTACTS = 5, /* registered ones per agent, beside the fixed one */
    UA_LOCATION_MISSES = 3,
    UA_LOCATION_RETRY_MS = 1000, /* after an unanswered probe, until it is given up */
    UA_ROUTE_LEN = ADDRESS_LEN + 32,
    UA_CALL_ID_LEN = 160,
    UA_INSTANCE_LEN = 80,
};

/* One contact of one agent. */
struct ua_contact {
    struct ua_contact *next; /* of the same agent, newest first */
    struct ua_contact *all_next, *all_prev;
    uint32_t agent, serial;       /* serial: never used again, so a late answer finds nothing */
    char uri[URI_LEN];            /* for the Request-URI */
    char route[UA_ROUTE_LEN];     /* where to really send, "" = as the URI says */
    char source[ADDRESS_LEN + 8]; /* "192.0.2.1:5060", "" = fixed */
    char call_id[UA_CALL_ID_LEN];
    char instance[UA_INSTANCE_LEN]; /* +sip.instance: the same phone with a new address */
    char agent_name[48];            /* User-Agent */
    uint32_t cseq;
    bool tcp, fixed, reachable, probing;
    uint8_t missed;
    uint64_t expires_ms, probe_ms; /* NEVER = never */
};

struct ua_location;
/* changed: an agent has become (un)reachable; called when the table is consistent again. It may read the
 * table, not change it. */
typedef void ua_location_fn(void *arg, uint32_t agent, bool reachable);
int ua_location_create(struct ua_location **lp, ua_location_fn *changed, void *arg);
void ua_location_destroy(struct ua_location *l);
/* Mean time between two probes of a contact, 0 = none. Takes effect for all contacts at once. */
void ua_location_set_probing(struct ua_location *l, uint32_t interval_ms, uint64_t now_ms);

/* What one REGISTER asks for, already checked and proven. */
struct ua_register {
    uint32_t agent;
    const char *call_id, *agent_name, *source, *route;
    uint32_t cseq;
    bool tcp;
    bool all; /* "Contact: *": forget everything */
    uint32_t count;
    struct ua_register_contact {
        char uri[URI_LEN];
        char instance[UA_INSTANCE_LEN];
        uint32_t expires_s; /* 0 = forget it */
    } contact[UA_LOCATION_CONTACTS];
};
/* All or nothing. 0; -ESTALE: an older CSeq of the same Call-ID (RFC 3261 10.3); -ENOMEM; -EINVAL. */
int ua_location_register(struct ua_location *l, const struct ua_register *what, uint64_t now_ms);

/* The contact the configuration gives the agent; "" = none any more. 0, -EINVAL, -ENOMEM. */
int ua_location_fix(struct ua_location *l, uint32_t agent, const char *uri, uint64_t now_ms);
/* Forgets an agent that was removed. */
void ua_location_forget(struct ua_location *l, uint32_t agent);
/* A contact from a saved table; serial, links and probe time are set here. 0, -EINVAL, -EEXIST, -ENOSPC,
 * -ENOMEM. */
int ua_location_restore(struct ua_location *l, const struct ua_contact *saved, uint64_t now_ms);

/* First contact of the agent (then ->next), or of all (NULL, then ->all_next). Expired ones may still be
 * among them until the next tick. */
const struct ua_contact *ua_location_of(const struct ua_location *l, uint32_t agent);
const struct ua_contact *ua_location_all(const struct ua_location *l);
bool ua_location_reachable(const struct ua_location *l, uint32_t agent);
uint32_t ua_location_count(const struct ua_location *l); /* without the fixed ones */

/* Forgets what has expired and calls probe() for each contact to be asked now; ua_location_probed() is to
 * follow for it, soon or later, also from inside. Returns when it wants to run next. */
typedef void ua_location_probe_fn(void *arg, const struct ua_contact *contact);
uint64_t ua_location_tick(struct ua_location *l, uint64_t now_ms, ua_location_probe_fn *probe, void *arg);
void ua_location_probed(struct ua_location *l, uint32_t agent, uint32_t serial, bool answered,
                        uint64_t now_ms);

#endif
