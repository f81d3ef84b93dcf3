/* SPDX-License-Identifier: Apache-2.0
 *
 * Private header of the SIP adapter: the adapter object and what its files call of each other. Everything
 * runs on the control thread, most of it inside Sofia's callbacks (ua_loop.c pumps Sofia).
 */
#ifndef CALLFLOOR_UA_H
#define CALLFLOOR_UA_H

#include "callfloor/conf.h"
#include "callfloor/log.h"
#include "callfloor/sip.h"
#include "sip/ua_sdp.h"

/* Our objects behind Sofia's handles come back as void pointers. */
#define NTA_AGENT_MAGIC_T void
#define NTA_LEG_MAGIC_T void
#define NTA_OUTGOING_MAGIC_T void
#define NTA_INCOMING_MAGIC_T void
#define NTA_RELIABLE_MAGIC_T void
#define SU_ROOT_MAGIC_T void
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_wait.h>

#include <setjmp.h>
#include <sys/socket.h>

struct event;
struct ua_leg;
struct ua_bindings; /* ua_bindings.c */
struct ua_trunks;   /* ua_trunk.c */
struct ua_digest;   /* ua_digest.c */

enum { UA_LISTEN_MAX = 16, UA_SOURCES = 1024 };

/* So many a second, saved up for one second. */
struct ua_rate {
    uint64_t last_ms;
    uint32_t tokens_milli;
};

struct ua {
    struct loop *loop;
    const struct conf *conf;
    struct ua_sink sink;
    bool started, stopping;

    su_root_t *root;
    nta_agent_t *agent;
    nta_leg_t *default_leg; /* for out-of-dialog requests of ours (no CSeq or Call-ID of its own) */
    struct event *fd_event, *kick_event; /* ua_loop.c */
    bool ready, pumping;                 /* Sofia has something to do; is doing it */
    uint64_t next_ms;                    /* when its next timer is due */

    struct ua_counters count;
    struct ua_bindings *bindings;
    struct ua_trunks *trunks;
    struct ua_digest *digest; /* made and freed with the bindings */

    struct {
        struct conf_listen conf; /* a copy */
        bool tcp;
        uint16_t port; /* as bound */
    } listen[UA_LISTEN_MAX];
    uint32_t listen_count;

    uint64_t connections_ms;                                /* when TCP connections are counted again */
    struct ua_legs *legs;                                   /* ua_leg.c */
    struct ua_rate invites, strangers, sources[UA_SOURCES]; /* ua_request.c */
    uint64_t source_seed;
    struct log_limit log_refused, log_malformed;
};

/* Tests only: how much the adapter's clock, Sofia's timers included, runs ahead of the loop's. */
extern uint64_t ua_clock_ahead_ms;
static inline uint64_t ua_now_ms(const struct ua *ua) {
    return loop_now_ms() + ua_clock_ahead_ms;
}

/* ---- ua_loop.c: Sofia inside our loop ---- */

int ua_loop_create(struct ua *ua);
void ua_loop_destroy(struct ua *ua);
/* After any nta_ call made outside of Sofia's callbacks (from a port function, a timer of ours, a hook):
 * makes the loop hook pump Sofia before it sleeps. */
void ua_kick(struct ua *ua);

/* ---- ua_guard.c: keeps Sofia from hurting the daemon ---- */

/* An assertion of Sofia's that fails between enter and leave jumps back to enter, which then is false: the
 * transaction is given up and counted, the daemon lives. Outside of such a pair it aborts as usual. The same
 * pair makes getaddrinfo() on this thread numeric only, since a lookup would block every call.
 *
 *   struct ua_guard guard;
 *   volatile int result = -EFAULT;
 *   if (UA_GUARD_ENTER(&guard))
 *       result = work();
 *   ua_guard_leave(&guard);
 */
struct ua_guard {
    jmp_buf back;
    struct ua_guard *outer;
    bool timers; /* Sofia's timers run: jumping out of them would stop them for ever, so abort */
};
void ua_guard_push(struct ua_guard *guard);
void ua_guard_leave(struct ua_guard *guard);
#define UA_GUARD_ENTER(guard) (ua_guard_push(guard), _setjmp((guard)->back) == 0)
bool ua_guard_active(void);     /* between enter and leave, on this thread */
uint32_t ua_guard_caught(void); /* assertions contained so far */

/* limit_per_s 0 = none. */
bool ua_rate_allows(struct ua_rate *rate, uint32_t limit_per_s, uint64_t now_ms);

/* ---- ua.c: what every file of the adapter uses ---- */

/* Address a request came from, as received by the socket. 0 or -EINVAL. */
int ua_source(const struct ua *ua, nta_incoming_t *irq, struct sockaddr_storage *from);
/* "192.0.2.1:5060" or "[2001:db8::1]:5060". */
void ua_address_text(const struct sockaddr *from, char *text, size_t size);
void ua_sockaddr_host(const struct sockaddr *from, char *text, size_t size); /* without the port */
/* "sip:user@host:port[;transport=tcp]" of ours, for Contact and From; user may be "". As the peer at `host`
 * (numeric, NULL = unknown) is to reach us over UDP or TCP. */
int ua_contact_uri(const struct ua *ua, const char *user, bool tcp, const char *host, char *text,
                   size_t size);
/* address, or when it is 0.0.0.0 or ::, the one of ours by which `peer` (numeric) reaches us. */
int ua_own_address(const struct ua *ua, const char *address, const char *peer, char *text, size_t size);
/* Final or provisional response without a body, with Server and Allow as the status asks; counts. It does
 * not destroy irq. */
void ua_reply(struct ua *ua, nta_incoming_t *irq, int status, const char *phrase);
/* The same with one more header, e.g. "Retry-After: 5". */
void ua_reply_with(struct ua *ua, nta_incoming_t *irq, int status, const char *phrase, const char *header);
extern const char ua_product[]; /* User-Agent, Server */
extern const char ua_allow[];   /* Allow */
extern const char ua_supported[];

/* ---- what the other files of this folder supply to the core ---- */

/* ua_digest.c. Did this request come from the agent? 0: proven. -EACCES: not; it was answered (401 with a
 * challenge, 403 or 400) and counted, and the caller only destroys irq. */
int ua_digest_check_request(struct ua *ua, nta_incoming_t *irq, const sip_t *sip, uint32_t agent);
/* Too many proven wrong passwords from this address lately. For requests that are neither from a trunk nor
 * in a dialog: drop them. */
bool ua_digest_banned(const struct ua *ua, const struct sockaddr *from);

/* ua_registrar.c: owns answering this REGISTER and destroying irq. */
void ua_registrar_request(struct ua *ua, nta_incoming_t *irq, const sip_t *sip);

/* ua_bindings.c. create sets ua->bindings (Sofia is there, nothing is bound yet), start tells the sink of the
 * fixed contacts and begins probing, reload comes after ua->conf was swapped, tick does what is due and
 * returns when it wants to run next (NEVER = not by itself). destroy takes half-built ones. */
int ua_bindings_create(struct ua *ua);
void ua_bindings_start(struct ua *ua);
void ua_bindings_reload(struct ua *ua);
uint64_t ua_bindings_tick(struct ua *ua, uint64_t now_ms);
void ua_bindings_destroy(struct ua *ua);
uint32_t ua_bindings_list(struct ua *ua, uint32_t agent, struct ua_binding *out, uint32_t max);
/* Route URI for a request to this contact of the agent when it must go elsewhere than its URI says (a phone
 * behind NAT, a TCP connection to be used again), for nta_outgoing_*create()'s route_url; false = none. */
bool ua_bindings_route(struct ua *ua, uint32_t agent, const char *uri, char *route, size_t size);
/* Does the agent have a fixed contact at this address (port included)? */
bool ua_bindings_is_fixed_source(struct ua *ua, uint32_t agent, const struct sockaddr *from);

/* ua_trunk.c, same life cycle; destroy unregisters as far as that goes without waiting. */
int ua_trunks_create(struct ua *ua);
void ua_trunks_start(struct ua *ua);
void ua_trunks_reload(struct ua *ua);
uint64_t ua_trunks_tick(struct ua *ua, uint64_t now_ms);
void ua_trunks_destroy(struct ua *ua);
int ua_trunk_state(struct ua *ua, uint32_t trunk, struct ua_trunk_state *out);
/* Trunk one of whose peers has this address (the port does not matter), or 0. */
uint32_t ua_trunk_of_source(struct ua *ua, const struct sockaddr *from);
/* First rule whose prefix matches is applied; the number as it is when none does. */
void ua_trunk_rewrite(const struct conf_rewrite *rules, uint32_t count, const char *number, char *out,
                      size_t size);
/* One call more on the trunk, for ua_trunk_state; whether it is one too many is the floor's matter. 0, or
 * -ENOENT. Release undoes it. */
int ua_trunk_take(struct ua *ua, uint32_t trunk);
void ua_trunk_release(struct ua *ua, uint32_t trunk);

#endif
