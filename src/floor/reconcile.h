/* SPDX-License-Identifier: Apache-2.0
 * The reconciler from inside. What the floor, the distributor, SIP and media each know of a thing are facts;
 * floor_compare.c says, from the facts alone, what is wrong with them; floor_reconcile.c gathers and repairs.
 */
#ifndef FLOOR_RECONCILE_H
#define FLOOR_RECONCILE_H

#include "floor/internal.h"

enum {
    RECONCILE_EVERY_MS = 5000,
    RECONCILE_SLICE = 256,       /* objects looked at in one go */
    RECONCILE_PAUSE_MS = 10,     /* between two slices */
    RECONCILE_SUSPECTS = 1024,   /* remembered from one pass to the next; more wait for their turn */
    RECONCILE_ENDING_MS = 64000, /* two transactions: no leg takes longer to end */
    RECONCILE_STUCK_MS = 5000,   /* no state of a call that has a timer is overdue for so long */
};

struct leg_facts {
    enum leg_role role;
    enum leg_state state;
    bool owned;         /* its call and desk know of it */
    uint64_t ending_ms; /* for so long it has been ending */
    enum ua_dialog sip;
    bool media_open, media_known; /* the floor has opened it; media has it */
    bool talks;                   /* its call talks, with both legs open to each other */
    bool may_join;                /* its call talks, in whatever way */
    uint32_t joined, partner;     /* by media; as it should be */
};
enum floor_repair floor_compare_leg(const struct leg_facts *l);

struct agent_facts {
    enum acd_activity activity;
    bool timed;                  /* the activity ends by itself */
    uint32_t offer;              /* the distributor's */
    enum call_state call;        /* state of the call the distributor says; CALL_STATES: no such call */
    bool same_call;              /* the desk has that call */
    bool has_agent;              /* and that call has this agent */
    uint32_t desk_offer, phones; /* phones: legs that ring or talk */
    bool desk_direct, desk_answered;
    bool other_call; /* there is a call of the agent's own, or a direct one */
    bool reachable;  /* SIP: some phone can be reached */
};
enum floor_repair floor_compare_agent(const struct agent_facts *a);

struct call_facts {
    enum call_state state;
    bool has_caller; /* its leg is there and not ending */
    bool in_line;    /* the distributor has it waiting */
    bool has_agent;  /* the desk that it rings directly or talks to is at it */
    bool waits_for_prompt, hears_prompt;
    uint64_t overdue_ms; /* NEVER: its timer is not set although the state has one */
};
enum floor_repair floor_compare_call(const struct call_facts *c);

/* A thing in which something was wrong. Only when it is wrong in the same way in the next pass, and nothing
 * has happened to it in between (state), it is repaired: what is on its way is no discrepancy. */
struct suspect {
    enum floor_repair kind;
    uint64_t object, state;
};
struct suspects {
    struct suspect item[RECONCILE_SUSPECTS];
    uint32_t count;
};

enum reconcile_phase {
    RECONCILE_CALLS,
    RECONCILE_AGENTS,
    RECONCILE_LEGS,
    RECONCILE_SIP,
    RECONCILE_MEDIA,
    RECONCILE_QUEUES,
    RECONCILE_PHASES
};
struct floor_reconcile {
    enum reconcile_phase phase;
    uint64_t cursor; /* within the phase */
    bool in_pass;
    uint64_t due_ms;                   /* of the next slice, or of the next pass */
    uint64_t passes, took_us, pass_us; /* of the pass in progress; of the last complete one */
    struct suspects seen[2];           /* by passes % 2: of this pass, and of the one before */
    uint32_t *own_call; /* by agent number - 1: pass in which a call of the agent's own was there */
    uint32_t own_calls;
    uint64_t repairs[FLOOR_REPAIRS];
};

#endif
