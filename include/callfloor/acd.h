/* SPDX-License-Identifier: Apache-2.0
 *
 * acd: the distributor. Which waiting call goes to which agent, what state each agent is in, when an offer
 * ends, when wrap-up is over. Pure: no I/O, no clock, no lock; one event in, a list of effects out, and the
 * next deadline to be asked for. Equal cases are broken by id: one input gives one output everywhere.
 * Meaning of every state and rule: ../../docs/acd.md (semantics 3.2, 3.3, 3.7).
 *
 * An agent is two axes: presence (what the agent wants) and activity (what the line does). There is one
 * offer per agent in the whole system, whatever queues the agent serves. An able idle agent never stays
 * idle while a call waits that the agent may take.
 */
#ifndef CALLFLOOR_ACD_H
#define CALLFLOOR_ACD_H

#include "callfloor/conf.h"

enum acd_presence { ACD_LOGGED_OUT, ACD_READY, ACD_NOT_READY, ACD_PRESENCES };
enum acd_activity {
    ACD_IDLE,
    ACD_RESERVED, /* offered, phone has not rung yet */
    ACD_RINGING,
    ACD_TALKING,
    ACD_HOLD,
    ACD_WRAPUP,
    ACD_BUSY_OTHER,  /* a call that did not come through the distributor */
    ACD_UNREACHABLE, /* no phone registered, or it does not answer */
    ACD_CONSULT,     /* speaks with a third party about the call, the caller is on hold */
    ACD_CONFERENCE,  /* all three speak */
    ACD_ACTIVITIES
};
const char *acd_presence_name(enum acd_presence presence); /* "logged_out" "ready" "not_ready" */
const char *acd_activity_name(enum acd_activity activity); /* "idle" "reserved" ... */

/* Why an offer ended. */
enum acd_offer_result {
    ACD_OFFER_ANSWERED,
    ACD_OFFER_NO_ANSWER,   /* ring timeout: counts as missed */
    ACD_OFFER_REJECTED,    /* 603 or declined by the person: counts as missed */
    ACD_OFFER_BUSY,        /* 486, 600 */
    ACD_OFFER_UNREACHABLE, /* 404 408 480 5xx, no binding: the phone's fault, not missed */
    ACD_OFFER_CALLER_GONE, /* ring counted, not missed */
    ACD_OFFER_LOST_RACE,
    ACD_OFFER_CANCELLED, /* withdrawn by the system: agent forced out, drain, reload */
    ACD_OFFER_RESULTS
};
const char *acd_offer_result_name(enum acd_offer_result result);

/* How a queue visit ended; exactly one per visit. */
enum acd_visit_result {
    ACD_VISIT_ANSWERED,
    ACD_VISIT_ABANDONED, /* caller hung up, also while an agent's phone rang */
    ACD_VISIT_TIMEOUT,   /* max_wait_ms */
    ACD_VISIT_FULL,      /* refused at the door: max_waiting */
    ACD_VISIT_NO_AGENTS, /* refused at the door: nobody is logged in */
    ACD_VISIT_WITHDRAWN, /* taken out by a supervisor or by reload (queue removed) */
    ACD_VISIT_FAILED,    /* system failure */
    ACD_VISIT_CLOSED,    /* refused at the door: closed */
    ACD_VISIT_PAUSED,    /* refused at the door: all who are logged in are paused */
    ACD_VISIT_TOO_LONG,  /* refused at the door: the expected wait is too long */
    ACD_VISIT_EMPTY,     /* let out: nobody is logged in any more (NO_AGENTS is at the door only) */
    ACD_VISIT_EXIT_KEY,  /* the caller pressed a key to leave */
    ACD_VISIT_CALLBACK,  /* the caller took a callback; the callback enters with the same place */
    ACD_VISIT_RESULTS
};
const char *acd_visit_result_name(enum acd_visit_result result);

enum acd_event_type {
    ACD_EV_TICK,      /* only time has passed */
    ACD_EV_CONFIGURE, /* conf: the first, or a new one after a reload; borrowed until the next CONFIGURE */
    /* calls: `call` is the caller's own number, not 0. A call is known while it waits and while an agent
     * talks with it: HANDLE_END comes before it may enter again */
    ACD_EV_CALL_ENTER,  /* call, queue, priority (added to the queue's), since_ms (place in line; 0 = now),
                           caller (0, or who it is: a lost place is found by it), preferred, excluded */
    ACD_EV_CALL_LEAVE,  /* call, visit_result (ABANDONED, WITHDRAWN, FAILED, EXIT_KEY, CALLBACK); harmless
                           when not waiting. After ABANDONED and FAILED the place may be resumed */
    ACD_EV_LOST_PLACE,  /* queue, caller, since_ms, priority: a place lost before a restart */
    ACD_EV_TELL,        /* call: the caller is to hear the expected wait: ACD_FX_TOLD follows */
    ACD_EV_QUEUE_CLOSE, /* queue: no new callers, until QUEUE_OPEN or a reload changes `closed` */
    ACD_EV_QUEUE_OPEN,
    /* offers: answers to ACD_FX_OFFER, by offer number; a stale one is refused with -ESTALE */
    ACD_EV_OFFER_RINGING,  /* offer: 180 came */
    ACD_EV_OFFER_ANSWERED, /* offer */
    ACD_EV_OFFER_FAILED,   /* offer, offer_result (any but ANSWERED and CALLER_GONE) */
    /* talking */
    ACD_EV_HOLD,        /* agent */
    ACD_EV_RESUME,      /* agent */
    ACD_EV_CONSULT,     /* agent: talks with a third party (from talking, hold, conference) */
    ACD_EV_CONFERENCE,  /* agent: the three are joined (from consult) */
    ACD_EV_CONSULT_END, /* agent: the third party has gone or could not be had: talking again */
    ACD_EV_TRANSFER,    /* agent, to: hands the talk over and is in wrap-up; `to` talks from now on (idle or
                           busy_other,    where one of his other calls becomes this one; if paused, the pause is
                           pending) */
    ACD_EV_HANDLE_END,  /* agent: the talk is over, wrap-up begins */
    /* what the agent or a supervisor does */
    ACD_EV_LOGIN,       /* agent -> not_ready(login), or ready when `ready` */
    ACD_EV_LOGOUT,      /* agent: at once, or pending until the activity is idle again */
    ACD_EV_PAUSE,       /* agent, reason (1-based in conf->pause_reason, 0 = none given): pending likewise */
    ACD_EV_UNPAUSE,     /* agent: ready; overwrites a pending request */
    ACD_EV_WRAP_DONE,   /* agent */
    ACD_EV_WRAP_MORE,   /* agent, ms: wrap-up lasts that much longer; -EPROTO when used up */
    ACD_EV_DISPOSITION, /* agent: the result of the talk was given (in the talk or in wrap-up) */
    ACD_EV_SKILL, /* agent, skill, level (0 = takes it away; NEVER32 = as configured again): kept over reloads
                   */
    /* what the line does */
    ACD_EV_REACHABLE,   /* agent */
    ACD_EV_UNREACHABLE, /* agent: an offer in progress fails as UNREACHABLE, a talk goes on */
    ACD_EV_OTHER_BEGIN, /* agent: a non-queue call begins (an offer in progress is cancelled); they are
                           counted */
    ACD_EV_OTHER_END,   /* agent: one of them has ended */
    /* after a restart, before anything else: presence, reason and since when (since_ms) as saved */
    ACD_EV_RESTORE, /* agent, presence, reason, since_ms, idle_order_ms (0 = since_ms), handles, talk_ms */
    ACD_EV_RESTORE_WRAPUP, /* after it: agent, queue, call, since_ms (the talk was over then), ms (what is
                              left of wrap-up; 0 = as much as the queue gives from since_ms). Presence is
                              pending */
    ACD_EV_TYPES
};

enum { ACD_EXCLUDED = 3 };
struct acd_event {
    enum acd_event_type type;
    uint64_t now_ms; /* must not go back: an earlier one counts as the latest seen */
    const struct conf *conf;
    uint64_t call;
    uint32_t queue, agent, to, offer;
    int32_t priority;
    uint32_t reason, ms;
    bool ready;
    uint64_t since_ms;
    uint64_t caller;
    uint32_t preferred;              /* agent, 0 = none */
    uint32_t excluded[ACD_EXCLUDED]; /* agents who shall not get the call; 0 = none */
    uint32_t skill, level;
    enum acd_visit_result visit_result;
    enum acd_offer_result offer_result;
    enum acd_presence presence;
    uint64_t idle_order_ms, talk_ms; /* RESTORE */
    uint32_t handles;
};

enum acd_effect_type {
    ACD_FX_OFFER,     /* ring `agent` for `call`; offer is the number to answer with */
    ACD_FX_CANCEL,    /* stop ringing `agent`: offer, offer_result tells why */
    ACD_FX_CONNECT,   /* join call and agent: the offer was answered */
    ACD_FX_OFFER_END, /* offer, call, queue, agent, offer_result, reserve_ms, ring_ms: for the record. Times
                         of the reservation and of the first ringing (0 = never rang) */
    ACD_FX_VISIT_END, /* call, queue, visit_result, enter_ms, position_in, position_out: for the record;
                         on TIMEOUT, FULL, NO_AGENTS, WITHDRAWN the layer above decides where the call goes */
    ACD_FX_AGENT,     /* agent's presence, activity or reason changed: now_* fields, and what it was */
    ACD_FX_WRAP_END,  /* agent: wrap-up of the handle of `call` is over (also at the end of a 0 ms wrap-up) */
    ACD_FX_ENTERED, /* call, queue, position_in, enter_ms, since_ms (earlier than enter_ms: resumed), wait_ms
                       (expected, P80; NEVER = cannot be told) */
    ACD_FX_STEP,    /* call, queue, step (1-based in conf_queue.step): wants less from now on */
    ACD_FX_RESERVE, /* queue, tier: agents up to this tier help from now on (1 = no more) */
    ACD_FX_TOLD,    /* call, queue, position_out, wait_ms: what the caller may be told; NEVER = say nothing */
    ACD_FX_TYPES
};

struct acd_effect {
    enum acd_effect_type type;
    uint64_t call;
    uint32_t queue, agent, offer;
    enum acd_offer_result offer_result;
    enum acd_visit_result visit_result;
    uint64_t reserve_ms, ring_ms, enter_ms, since_ms, wait_ms;
    uint32_t position_in, position_out, step, tier;
    uint64_t decision; /* OFFER, VISIT_END: number of the last decision about the call, for acd_why() */
    /* ACD_FX_AGENT */
    enum acd_presence presence, was_presence;
    enum acd_activity activity, was_activity;
    uint32_t reason, was_reason; /* see ACD_REASON_* */
    uint64_t was_since_ms;       /* the state that ended had lasted since then */
};
/* Reasons besides those of the configuration (1..count). */
enum { ACD_REASON_NONE = 0, ACD_REASON_LOGIN = 1000, ACD_REASON_MISSED, ACD_REASON_REJECTED };
/* Text of a reason: the configuration's, or "login", "missed", "rejected", or "". */
const char *acd_reason_name(const struct conf *conf, uint32_t reason);

/* A list the caller owns; acd_step() appends and grows it. Zero-initialise; free(list.item) at the end. */
struct acd_effects {
    struct acd_effect *item;
    uint32_t count, capacity;
};

struct acd;
/* 0 or -ENOMEM. seed: for the strategies that draw lots. */
int acd_create(struct acd **acdp, uint64_t seed);
void acd_destroy(struct acd *acd);

/* Takes one event, appends effects in the order in which they are to be carried out. 0; -EINVAL (unknown
 * agent, queue, call known already); -ESTALE (an offer that is over); -EPROTO (the event makes no sense in
 * the agent's state: nothing changed); -ENOMEM. Deadlines that have passed by now_ms are expired first. */
int acd_step(struct acd *acd, const struct acd_event *event, struct acd_effects *out);
/* When a step (ACD_EV_TICK) is wanted next; NEVER if none. */
uint64_t acd_deadline(const struct acd *acd);

/* ---- looking ---- */

struct acd_agent_view {
    enum acd_presence presence, pending_presence; /* pending = presence when nothing is pending */
    enum acd_activity activity;
    uint32_t reason, pending_reason;
    bool pending;
    uint64_t since_ms;      /* this presence+activity */
    uint64_t idle_order_ms; /* end of the last handle or login: "longest idle" counts from here */
    uint64_t call;          /* reserved, ringing, talking, hold, wrap-up */
    uint32_t queue;         /* of that call */
    uint32_t offer;
    uint64_t deadline_ms;  /* ring, wrap-up or delay timer; NEVER if none */
    uint32_t missed;       /* in a row */
    uint32_t extensions;   /* of this wrap-up so far */
    bool want_disposition; /* wrap-up waits for it */
    uint32_t handles;      /* since login */
    uint64_t talk_ms;      /* since login */
};
int acd_agent_view(const struct acd *acd, uint32_t agent, struct acd_agent_view *out);

struct acd_queue_view {
    uint32_t waiting, offered; /* offered: of the waiting, those for whom a phone rings now */
    /* of agents who serve the queue and have the skills it wants. idle: ready and idle; not_ready: without a
     * call or wrap-up */
    uint32_t agents, logged_in, idle, talking, wrapup, not_ready;
    uint64_t oldest_ms; /* enter time of the first in line, NEVER if none */
    uint32_t tier;      /* agents up to this tier help now */
    bool closed;
    uint64_t wait_ms;          /* expected (P80) of a caller who would come now; NEVER = nobody there */
    uint32_t told, told_wrong; /* of those told a wait and known to the end; wrong: waited longer */
    bool telling;              /* false: was wrong too often */
};
int acd_queue_view(const struct acd *acd, uint32_t queue, struct acd_queue_view *out);

/* Place in line (1 = next) of a waiting call in its queue, 0 when not waiting. */
uint32_t acd_position(const struct acd *acd, uint64_t call);
/* Why an agent does, or does not, get a waiting call now. */
enum acd_why_not {
    ACD_WHY_ABLE,  /* could be offered it */
    ACD_WHY_RINGS, /* is being offered this call */
    ACD_WHY_QUEUE, /* does not serve the queue */
    ACD_WHY_TIER,
    ACD_WHY_SKILL,
    ACD_WHY_EXCLUDED,
    ACD_WHY_PREFERRED, /* the call still waits for its preferred agent */
    ACD_WHY_LOGGED_OUT,
    ACD_WHY_PAUSED,
    ACD_WHY_UNREACHABLE,
    ACD_WHY_BUSY, /* offer, talk, other call */
    ACD_WHY_WRAPUP,
    ACD_WHY_DELAY, /* after busy, refusal, no answer */
    ACD_WHY_NOTS
};
const char *acd_why_not_name(enum acd_why_not why);
enum acd_why_not acd_why_not(const struct acd *acd, uint64_t call, uint32_t agent);

/* One decision, or step on the way to one. Kept in a ring of conf->decisions; the oldest are overwritten. */
enum acd_decision_kind {
    ACD_DID_ENTER,   /* value: position; since_ms */
    ACD_DID_REFUSE,  /* result: why the door was shut; value: callers waiting or expected wait */
    ACD_DID_RESUME,  /* value: ms the place was older */
    ACD_DID_PREFER,  /* agent: waits for this one alone; value: for so many ms */
    ACD_DID_ANYONE,  /* that time is over, or the agent has gone */
    ACD_DID_STEP,    /* value: step */
    ACD_DID_RESERVE, /* (call 0) value: tier */
    ACD_DID_OFFER, /* agent, score; candidates: able ones; other[]: the best of those not taken; value: calls
                      ahead in order of service that no able agent could take */
    ACD_DID_PASS,  /* agent: idle longer (or scored better) than the one offered, but passed over; why */
    ACD_DID_OVER,  /* agent, offer_result */
    ACD_DID_LEAVE, /* result; value: position */
    ACD_DID_KINDS
};
const char *acd_decision_name(enum acd_decision_kind kind);
enum { ACD_OTHERS = 3 };
struct acd_decision {
    uint64_t number;       /* 1.. ascending */
    uint64_t call, before; /* before: number of the call's decision before this one, 0 = none */
    uint64_t now_ms;
    uint32_t queue, agent;
    uint8_t kind, why, result, step, tier, strategy; /* result: acd_visit_result or acd_offer_result */
    uint32_t candidates, value;
    int32_t score; /* of the agent, in thousandths; only comparable within one decision */
    struct {
        uint32_t agent;
        int32_t score;
    } other[ACD_OTHERS]; /* agent 0 = none */
};
/* Calls fn for what is still known about a call, oldest first; returns how many. truncated (may be NULL): the
 * beginning has been overwritten. */
uint32_t acd_explain(const struct acd *acd, uint64_t call,
                     void (*fn)(void *arg, const struct acd_decision *decision), void *arg, bool *truncated);
/* One decision by its number; NULL when overwritten. */
const struct acd_decision *acd_decision(const struct acd *acd, uint64_t number);
/* One line of text, with names from conf: "offer agent=1002 score=... able=5 next=1003:... " Returns bytes
 * as snprintf. */
int acd_decision_text(const struct conf *conf, const struct acd_decision *decision, char *text, size_t size);

/* Calls fn for each waiting call of a queue (0 = all), in order of service. */
void acd_each_waiting(const struct acd *acd, uint32_t queue,
                      void (*fn)(void *arg, uint64_t call, uint32_t queue, uint64_t enter_ms), void *arg);
uint32_t acd_waiting(const struct acd *acd); /* calls known and waiting, in all queues */

/* Written apart from the code it checks: every invariant of ../../docs/acd.md over the whole state.
 * NULL, or a text naming the first one broken. For tests and the simulator (linear time). */
const char *acd_check(const struct acd *acd);

/* One line of text per effect or event, for traces, debug log and tests. Returns bytes as snprintf. */
int acd_effect_text(const struct acd_effect *effect, char *text, size_t size);
int acd_event_text(const struct acd_event *event, char *text, size_t size);

#endif
