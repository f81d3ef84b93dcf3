/* SPDX-License-Identifier: Apache-2.0
 *
 * call: what happens to one caller's call, from the INVITE to the last leg. Pure and small: a table of
 * states and events; effects say what the floor is to do. Which agent is the distributor's matter (acd.h),
 * what a digit means the interpreter's (ivr.h).
 *
 *   new -> menu -> lookup -> queued -> talking -> ended
 *     \-> direct (ringing one agent) -/     \-> (overflow) menu, queued, playing ...
 *     \-> playing (a prompt once, or for ever)
 */
#ifndef CALLFLOOR_CALL_H
#define CALLFLOOR_CALL_H

#include "callfloor/conf.h"

enum call_state {
    CALL_NEW,
    CALL_MENU,
    CALL_LOOKUP, /* about to be queued; waits a moment for the customer's name, so that the agent sees it */
    CALL_QUEUED,
    CALL_DIRECT, /* one agent is being rung, not through a queue */
    CALL_TALKING,
    CALL_PLAYING,
    CALL_ENDED,
    CALL_STATES
};
const char *call_state_name(enum call_state state);

enum call_event_type {
    CALL_EV_ROUTE,        /* target: by number, by menu, by overflow */
    CALL_EV_CUSTOMER,     /* the customer lookup is over, with or without an answer */
    CALL_EV_CONNECT,      /* an agent has answered */
    CALL_EV_AGENT_FAILED, /* the agent rung directly could not be had: status */
    CALL_EV_AGENT_GONE,   /* the agent's leg is over */
    CALL_EV_PLAYED,
    CALL_EV_EXIT, /* the caller has pressed a key that leads out of the queue: target */
    CALL_EV_CALLER_GONE,
    CALL_EV_CALLER_LOST, /* not by the caller's will: the line is dead */
    CALL_EV_HANGUP,      /* by a supervisor */
    CALL_EV_FAIL,        /* the system cannot go on with the call: status */
    CALL_EV_TYPES
};
struct call_event {
    enum call_event_type type;
    struct conf_target target;
    uint16_t status;
};

enum call_effect_type {
    CALL_FX_ANSWER,   /* the caller's leg, when not answered yet */
    CALL_FX_RING,     /* tell the caller that it rings */
    CALL_FX_MENU,     /* start the menu target.id */
    CALL_FX_LOOKUP,   /* wait for the customer lookup; CALL_EV_CUSTOMER must follow */
    CALL_FX_ENTER,    /* queue target.id */
    CALL_FX_LEAVE,    /* take the call out of the queue: its caller is gone */
    CALL_FX_WITHDRAW, /* take it out: somebody wants it so */
    CALL_FX_DROP,     /* take it out: the system has failed the caller */
    CALL_FX_EXIT,     /* the caller wants out, to target; CALL_EV_ROUTE follows unless an agent was faster */
    CALL_FX_RING_AGENT, /* target.id, directly */
    CALL_FX_JOIN,       /* caller and agent hear each other */
    CALL_FX_PLAY,       /* target.prompt, loop = target.kind LOOP */
    CALL_FX_END_CALLER, /* status: to refuse with when not answered yet (0 = 480) */
    CALL_FX_END_AGENT,  /* also one that is only ringing */
    CALL_FX_CLOSE,      /* the record: result, ended_by */
    CALL_FX_TYPES
};
struct call_effect {
    enum call_effect_type type;
    struct conf_target target;
    uint16_t status;
    const char *result, *ended_by; /* literals */
};
struct call_effects {
    struct call_effect item[6]; /* a step never makes more */
    uint32_t count;
};

enum { CALL_MAX_HOPS = 20 };
/* Plain data; zero-initialise. */
struct call_progress {
    enum call_state state;
    uint32_t hops; /* targets so far: bounds overflow loops */
    bool was_queued, handled;
};

/* 0; -EPROTO: the event makes no sense in this state, nothing changed. out is filled afresh. */
int call_step(struct call_progress *call, const struct call_event *event, struct call_effects *out);

#endif
