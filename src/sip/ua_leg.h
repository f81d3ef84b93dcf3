/* SPDX-License-Identifier: Apache-2.0
 *
 * A leg: one dialog with one other side, as a state table. Who calls what:
 *   ua_request.c     requests outside of dialogs, checked before anything is kept of them
 *   ua_invite_in.c   incoming INVITE, its answers, ACK, CANCEL, PRACK
 *   ua_invite_out.c  outgoing INVITE, its responses, ACK, CANCEL, PRACK
 *   ua_dialog.c      requests within dialogs: BYE, re-INVITE, UPDATE, INFO
 *   ua_session.c     session timers (RFC 4028)
 *   ua_alive.c       is the other side still there? And what legs there are
 *   ua_leg.c         the table, numbers, the end
 */
#ifndef CALLFLOOR_UA_LEG_H
#define CALLFLOOR_UA_LEG_H

#include "callfloor/deadlines.h"
#include "sip/ua.h"

#include <sys/queue.h>

enum ua_leg_state {
    UA_LEG_NEW,
    UA_LEG_INVITED,    /* incoming: the floor knows, 100 sent */
    UA_LEG_ALERTING,   /* incoming: 180 sent */
    UA_LEG_ANSWERED,   /* incoming: 200 sent, ACK awaited */
    UA_LEG_CALLING,    /* outgoing: INVITE sent, nothing heard */
    UA_LEG_PROCEEDING, /* outgoing: 1xx heard */
    UA_LEG_UP,
    /* the floor was told the end; what follows is between us and the other side */
    UA_LEG_CANCEL_DUE, /* outgoing: CANCEL follows the first 1xx (RFC 3261 9.1) */
    UA_LEG_CANCELLING, /* outgoing: CANCEL sent, final response awaited */
    UA_LEG_BYE_DUE,    /* incoming: BYE follows the ACK (RFC 3261 15) */
    UA_LEG_LEAVING,    /* BYE sent, response awaited */
    UA_LEG_GONE,
    UA_LEG_STATES,
};

enum ua_leg_event {
    UA_EV_INVITED,  /* the floor took an incoming call */
    UA_EV_INVITE,   /* the floor calls */
    UA_EV_RING,     /* ua_port */
    UA_EV_ANSWER,   /* ua_port */
    UA_EV_END,      /* ua_port */
    UA_EV_ACK,      /* of our 200, with what it should bring */
    UA_EV_BAD_ACK,  /* without the SDP answer we need */
    UA_EV_NO_ACK,   /* 32 s without */
    UA_EV_CANCEL,   /* received */
    UA_EV_PROGRESS, /* 1xx received */
    UA_EV_OK,       /* 2xx received with usable SDP */
    UA_EV_BAD_OK,   /* 2xx received without */
    UA_EV_RETRIED,  /* a refused INVITE was sent anew */
    UA_EV_FAILED,   /* 3xx-6xx received, or made up by Sofia */
    UA_EV_BYE,      /* received */
    UA_EV_LOST,     /* session expired, or the other side does not know the dialog any more */
    UA_EV_DONE,     /* our BYE has its response */
    UA_EVENTS,
};

/* What the event brings; fields that do not apply are 0. */
struct ua_leg_input {
    const sip_t *sip;
    const struct media_desc *media;
    const struct ua_refusal *refusal;
    enum ua_end_cause cause;
    uint16_t status;
    const char *text;
};

/* Session timer: who refreshes, what is due next. */
enum ua_session_task { UA_SESSION_REFRESH, UA_SESSION_EXPIRE };

struct ua_leg {
    struct ua *ua;
    TAILQ_ENTRY(ua_leg) link;     /* in legs->all */
    TAILQ_ENTRY(ua_leg) end_link; /* in legs->ended or legs->gone */
    uint32_t number;              /* the floor's; 0 once the end was told */
    uint32_t trunk, agent;
    uint8_t state;
    bool incoming, trunk_taken, in_ended, in_gone, by_us;
    bool tcp;           /* how the other side talks to us, for Contact */
    bool delayed_offer; /* our 200 is the offer: the ACK brings the answer */
    bool reliable_only; /* the INVITE had Require: 100rel */
    bool peer_updates;  /* the other side allows UPDATE */
    bool peer_timers;   /* the other side supports session timers */
    bool has_local, has_remote;
    bool auto_answer;     /* outgoing: the phone is asked to answer by itself */
    bool elsewhere;       /* the CANCEL tells that another answered */
    bool other_is_invite; /* `other` is a re-INVITE of ours */
    bool answer_in_ack;   /* irq is a re-INVITE without offer */
    uint8_t retries;      /* of a request refused with 422 */

    nta_leg_t *dialog;
    nta_incoming_t *irq;    /* INVITE or re-INVITE of theirs that has no ACK yet */
    nta_outgoing_t *invite; /* INVITE of ours */
    nta_outgoing_t *other;  /* BYE or session refresh of ours */
    uint32_t invite_cseq, rseq;
    char *route;            /* in-dialog requests go there instead (NAT), or NULL */
    char peer[ADDRESS_LEN]; /* host of the other side, for Contact */

    uint64_t sdp_id, sdp_version;
    struct media_desc local, remote; /* as in force */
    struct ua_sdp_layout *layout;    /* NULL: one stream */

    nta_outgoing_t *probe;     /* OPTIONS of ours */
    struct deadline probe_due; /* in legs->probes: when it counts as unanswered */
    struct deadline session;   /* in legs->sessions */
    uint8_t session_task;
    bool we_refresh;
    uint32_t expires_s, min_expires_s;

    uint32_t ended_number;
    uint16_t ended_status;
    bool ended_by_us;
    char ended_text[48];
};

TAILQ_HEAD(ua_leg_list, ua_leg);
struct ua_legs {
    struct ua_leg **by_index; /* by slot_index() of the floor's number */
    uint32_t size;
    struct ua_leg_list all, ended, gone;
    struct deadlines sessions, probes;
};

/* ---- ua_leg.c ---- */

int ua_legs_create(struct ua *ua);
/* Tells the floor of the ended ones and frees the gone ones. From the loop hook only. */
void ua_legs_flush(struct ua *ua);
void ua_legs_destroy(struct ua *ua);

struct ua_leg *ua_leg_new(struct ua *ua, bool incoming);
int ua_leg_set_number(struct ua_leg *leg, uint32_t number);
struct ua_leg *ua_leg_find(const struct ua *ua, uint32_t number); /* NULL: not (any more) */
/* The floor hears of it from the loop hook, never from inside a port function. For actions; returns 0. */
int ua_leg_tell_end(struct ua_leg *leg, uint16_t status, const char *text);
/* For a leg the floor never heard of. */
void ua_leg_discard(struct ua_leg *leg);
/* The only way to another state. 0, -EPROTO when the state has no use for the event, or the action's error.
 */
int ua_leg_event(struct ua_leg *leg, enum ua_leg_event event, const struct ua_leg_input *input);
const char *ua_leg_state_name(uint8_t state);

/* ---- actions of the table ---- */

typedef int ua_leg_action(struct ua_leg *leg, const struct ua_leg_input *input);
ua_leg_action ua_in_ring, ua_in_answer, ua_in_refuse, ua_in_cancelled, ua_in_dropped, ua_in_confirmed;
ua_leg_action ua_out_progress, ua_out_cancel, ua_out_cancel_due, ua_out_up, ua_out_late_ok, ua_out_bad_ok;

/* ---- ua_offer.c ---- */

/* Our SDP for the leg: remembers it, counts the version up when it changed. Bytes or -errno. */
int ua_leg_write_sdp(struct ua_leg *leg, const struct media_desc *desc, char *text, size_t size);
/* Their SDP; keeps the layout of streams. 0, -ENOENT (no body), -ENOMSG (not SDP), or ua_sdp_read()'s. */
int ua_leg_read_sdp(struct ua_leg *leg, const sip_t *sip, struct media_desc *out);
void ua_leg_keep_remote(struct ua_leg *leg, const struct media_desc *desc); /* once it is in force */
/* Is the body SDP? 0: yes; -ENOENT: none; -ENOMSG: something else. */
int ua_body_sdp(const sip_t *sip);
/* Where in-dialog requests go when the other side's Contact cannot be reached (NAT). */
const url_string_t *ua_leg_route(const struct ua_leg *leg);
void ua_leg_learn_route(struct ua_leg *leg, const sip_t *sip, const struct sockaddr *from);
int ua_response_source(nta_outgoing_t *orq, struct sockaddr_storage *from); /* of its last response */
/* Takes Contact and Record-Route of a message of theirs into the dialog. */
void ua_leg_learn_target(struct ua_leg *leg, const sip_t *sip, bool initial);

/* ---- ua_request.c ---- */

int ua_message(void *arg, nta_agent_t *agent, msg_t *msg, sip_t *sip);
/* Is this Contact safe to keep (sip: or sips:, with a host)? Sofia recurses for ever on others. */
bool ua_contact_is_good(const sip_contact_t *contact);
/* Does the header list name the token? */
bool ua_lists(const msg_list_t *list, const char *token);
/* The first option tag of Require that we do not know, or NULL. */
const char *ua_unknown_option(const sip_t *sip);
/* Plain text of a user part: unescaped, without parameters, cut; 0 or -EINVAL (control characters, too long).
 */
int ua_user_part(const char *user, char *out, size_t size);

/* ---- ua_invite_in.c ---- */

/* The call is acceptable as far as headers go: reads the offer and asks the floor. Takes irq. */
void ua_invited(struct ua *ua, nta_incoming_t *irq, const sip_t *sip, uint32_t trunk, uint32_t agent,
                const struct sockaddr *from);
int ua_ack_or_cancel(void *magic, nta_incoming_t *irq, const sip_t *sip);

/* ---- ua_invite_out.c ---- */

int ua_call(struct ua *ua, uint32_t number, const struct ua_invite *what);
int ua_out_response(void *magic, nta_outgoing_t *orq, const sip_t *sip);

/* ---- ua_dialog.c ---- */

int ua_dialog_request(void *magic, nta_leg_t *dialog, nta_incoming_t *irq, const sip_t *sip);
/* ACK (sip) of a re-INVITE, or none in 32 s (NULL). */
void ua_reinvite_acked(struct ua_leg *leg, const sip_t *sip);
/* Text of the Reason header. */
void ua_reason_text(const sip_t *sip, const char *otherwise, char *text, size_t size);
/* status 0: no Reason header. */
void ua_leg_bye(struct ua_leg *leg, uint16_t status, const char *reason);
int ua_leg_send_info(struct ua_leg *leg, char digit, uint32_t duration_ms);

/* ---- ua_session.c ---- */

enum { UA_MIN_EXPIRES_S = 90 };
/* For a request of theirs: 0, or the status to refuse it with (422). */
int ua_session_check(const struct ua *ua, const sip_t *sip);
/* Take what a request of theirs, or their 2xx to ours, asks for; ua_session_start() then runs the timer. */
void ua_session_from_request(struct ua_leg *leg, const sip_t *sip);
void ua_session_from_response(struct ua_leg *leg, const sip_t *sip);
/* Headers for our 2xx and our requests, "" = none. */
void ua_session_response_headers(const struct ua_leg *leg, char *text, size_t size);
void ua_session_request_headers(const struct ua_leg *leg, char *text, size_t size);
void ua_session_start(struct ua_leg *leg); /* anew, with what was agreed */
void ua_session_stop(struct ua_leg *leg);
uint64_t ua_sessions_tick(struct ua *ua, uint64_t now_ms); /* does what is due; when the next is */

/* ---- ua_alive.c ---- */

enum { UA_ALIVE_ANSWER_MS = 8000 }; /* five transmissions over UDP */
/* OPTIONS within the dialog; ua_sink.probed tells. 0, -ESTALE (not up), -ENOMEM. */
int ua_leg_probe(struct ua_leg *leg);
void ua_leg_probe_stop(struct ua_leg *leg);
uint64_t ua_leg_probes_tick(struct ua *ua, uint64_t now_ms);
enum ua_dialog ua_leg_dialog(const struct ua *ua, uint32_t number);
uint32_t ua_leg_next(const struct ua *ua, uint32_t *cursor);

/* ---- ua_options.c ---- */

void ua_options(struct ua *ua, msg_t *msg, sip_t *sip);
extern const char ua_options_headers[];

/* ---- ua_contact.c ---- */

void ua_leg_contact(const struct ua_leg *leg, char *text, size_t size); /* "<sip:...>" */

/* ---- ua_connections.c: caps TCP connections ---- */

enum { UA_CONNECTIONS_PER_ADDRESS = 128 };
uint64_t ua_connections_tick(struct ua *ua, uint64_t now_ms);
void ua_connections_done(void);

#endif
