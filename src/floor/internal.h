/* SPDX-License-Identifier: Apache-2.0
 * floor, private: its objects, and what its files offer each other. */
#ifndef FLOOR_INTERNAL_H
#define FLOOR_INTERNAL_H

#include "callfloor/call.h"
#include "callfloor/deadlines.h"
#include "callfloor/floor.h"
#include "callfloor/ivr.h"
#include "callfloor/log.h"

#include <uthash.h>

enum { FLOOR_MAX_PHONES = 5 };

/* ---- legs: one SIP dialog with its media ---- */

enum leg_role { LEG_CALLER, LEG_PHONE };
enum leg_state { LEG_OFFERED, LEG_RINGING, LEG_UP, LEG_ENDING };

struct leg {
    uint32_t id;
    enum leg_role role;
    enum leg_state state;
    bool media_open, held; /* held: its own side put us on hold */
    struct call *call;     /* NULL: the call is over, only the end of the SIP dialog is awaited */
    uint32_t trunk, agent; /* whose line it is */
    struct media_desc local, remote;
    uint64_t ending_ms; /* since when it is ending */
    bool probing;       /* SIP has been asked whether the other side is there: at asked_ms */
    uint8_t probe_failures;
    uint64_t asked_ms, probed_ms; /* probed_ms: of this silence, the last question or its beginning */
};

/* ---- calls ---- */

struct call {
    uint64_t id; /* contact record; the distributor's number of the call too */
    UT_hash_handle hh;
    struct call *prev, *next; /* all calls, in order of arrival */
    struct call_progress progress;
    struct conf_target target;      /* where it is going, or is */
    struct conf_target exit;        /* where it goes when it leaves the queue by a key */
    uint32_t leg;                   /* the caller's; 0 when over */
    uint32_t phone;                 /* the agent's leg it talks to */
    uint32_t agent;                 /* it rings directly, talks or has talked to; 0 while it waits */
    uint32_t first_desk, last_desk; /* agents whose phones ring for it in the queue: a list, see desk */
    uint32_t queue;
    uint32_t caller_agent; /* the caller is an agent's phone */
    bool lookup_pending, has_offer, held_by_agent, service, customer_new;
    char customer_name[NAME_LEN];     /* from the CRM; told to the agent instead of the caller's own */
    uint32_t last_agent, owner_agent; /* from there: who talked to the customer last, who looks after it */
    struct ivr_run ivr;
    struct deadline deadline; /* of the menu, or of the lookup */
    uint32_t play_id;
    uint64_t anchor_wall_us, anchor_us; /* one reading of both clocks: all times of its records */
    uint64_t state_ms;
    struct record_contact contact;
    struct record_visit visit; /* the open one; id 0 = none */
};

/* ---- desks: what the floor knows of an agent beside the distributor ---- */

struct desk {
    uint32_t phones[FLOOR_MAX_PHONES]; /* legs being rung, or the one that answered */
    uint32_t phone_count;
    uint32_t offer;                /* distributor's number; 0 = none */
    uint32_t next_desk, prev_desk; /* agents whose phones ring for the same call, in order of the offers */
    struct call *direct;           /* call that rings or talks not through a queue */
    uint64_t call_id;              /* of offer or handle */
    bool answered;
    uint16_t sip_status; /* best reason why no phone took it */
    uint64_t ring_us;    /* first 180 */
    uint64_t answered_us, hold_since_us, hold_us;
    uint64_t anchor_wall_us, anchor_us; /* of the call's records */
    uint32_t handle_queue;
    struct record_offer offer_row;
    struct record_handle handle_row; /* id 0 = none open; wrap-up may go on */
    struct record_agent_state state_row;
    uint64_t state_anchor_us; /* monotonic time of state_row.start_us */
    uint64_t presence_us;     /* wall time since when presence and reason are as they are; 0 = always */
};

/* ---- work: events waiting for their step, so that nothing happens inside anything else. What one event
 * leads to (`inner`) is done before the next event from outside (`outer`): an abandoned call has left the
 * distributor before an agent's late answer is looked at. ---- */

struct work {
    enum { WORK_ACD, WORK_CALL, WORK_FREE_CALL } kind;
    uint64_t call, posted_us;
    union {
        struct acd_event acd;
        struct call_event step;
    };
};

struct work_queue {
    struct work *item;
    uint32_t first, count, capacity;
};

enum { DELAY_BUCKETS = 96 };

/* A place in line that its caller may find again. Times: wall clock. */
struct lost_place {
    uint64_t caller; /* floor_caller_key(), 0 = free */
    uint32_t queue;
    uint64_t since_us, lost_us;
};
enum { FLOOR_PLACES = 1024 };

struct floor {
    const struct conf *conf;
    const struct conf *leaving; /* during a reload: the one before; else NULL */
    struct ua_port ua;
    struct media_port media;
    struct store_port store;
    struct clock_port clock;
    void (*presence_changed)(void *arg, uint32_t agent);
    void (*wake)(void *arg);
    void *arg;

    struct acd *acd;
    struct stats *stats;
    struct acd_effects effects;
    struct slots legs;
    struct call *calls; /* hash by id */
    struct call *first_call, *last_call;
    struct deadlines deadlines;
    struct desk *desk; /* by agent number */
    uint32_t desk_count;

    struct work_queue outer, inner;
    bool pumping, draining, drain_now, journal_full, out_of_memory;

    uint64_t first_id, next_id, started_ms, day_check_ms;
    uint32_t call_count, leg_count, next_play_id;
    uint64_t calls_total, refused_total, failed_total, dead_total;
    struct floor_reconcile *reconcile;
    uint64_t cause_us; /* when what is being worked off happened, or was due */
    struct lost_place place[FLOOR_PLACES];
    uint32_t next_place;
    uint64_t place_changes;
    uint64_t delay_bucket[DELAY_BUCKETS], dispatches;
    struct log_limit refuse_limit;
};

/* floor.c */
uint64_t floor_now_ms(const struct floor *f);
uint64_t floor_now_us(const struct floor *f);
uint64_t floor_new_id(struct floor *f);
void floor_post_acd(struct floor *f, const struct acd_event *event);
void floor_post_call(struct floor *f, uint64_t call, const struct call_event *event);
void floor_post_free(struct floor *f, uint64_t call);
void floor_post_route(struct floor *f, uint64_t call, const struct conf_target *target);
/* One distributor event at once, for commands that want to know its result; not while pumping. */
int floor_acd_now(struct floor *f, const struct acd_event *event);
/* The same while pumping, for acts of a call; never from a distributor's effect. */
int floor_acd_step(struct floor *f, const struct acd_event *event);
/* Works off all that is posted, unless it is being done already further up. */
void floor_pump(struct floor *f);
struct desk *floor_desk(struct floor *f, uint32_t agent);
struct call *floor_call(const struct floor *f, uint64_t id);

/* floor_call.c: a call's life and effects */
struct call *floor_call_new(struct floor *f);
void floor_call_free(struct floor *f, uint64_t id);
void floor_call_step(struct floor *f, uint64_t id, const struct call_event *event);
void floor_call_ivr(struct floor *f, struct call *call, const struct ivr_event *event);
void floor_call_deadline(struct floor *f, struct call *call);
/* False when none of the prompts exists: nothing will be played. */
bool floor_play(struct floor *f, struct call *call, const char *const *name, uint32_t count, bool loop);
void floor_play_music(struct floor *f, struct call *call);

/* floor_leg.c: legs and what was agreed on them */
struct leg *floor_leg(const struct floor *f, uint32_t id);
int floor_leg_new(struct floor *f, enum leg_role role, struct call *call, struct leg **legp);
/* Ends the SIP side (if it is not over) and the media; the leg goes when SIP says ended. */
void floor_leg_end(struct floor *f, struct leg *leg, enum ua_end_cause cause,
                   const struct ua_refusal *refusal);
/* SIP is done with the leg: closes the media if it is still open, and frees. */
void floor_leg_gone(struct floor *f, struct leg *leg);
/* The first codec of offer that we have. 0 with answer's codec, payload types, direction set; -ENOTSUP. */
int floor_negotiate(const struct media_desc *offer, struct media_desc *answer);
int floor_leg_agree(struct floor *f, struct leg *leg, const struct media_desc *remote);

/* floor_effect.c: what the distributor wants */
void floor_effect(struct floor *f, const struct acd_effect *fx);

/* floor_desk.c: agents' phones, talks with them */
/* Now, on the clock of the records of the desk's call. */
uint64_t floor_desk_time(const struct floor *f, const struct desk *desk);
/* Rings every phone of the agent that can be reached; how many. decision: the distributor's, 0 = none. */
uint32_t floor_ring_phones(struct floor *f, struct call *call, uint32_t agent, uint64_t decision);
void floor_stop_phones(struct floor *f, struct desk *desk, uint32_t but, enum ua_end_cause cause);
void floor_close_offer(struct floor *f, struct desk *desk, enum acd_offer_result result);
int floor_ring_direct(struct floor *f, struct call *call, uint32_t agent);
void floor_phone_ringing(struct floor *f, struct leg *leg);
void floor_phone_answered(struct floor *f, struct leg *leg, const struct media_desc *remote);
void floor_phone_ended(struct floor *f, struct leg *leg, uint16_t status);
void floor_phone_hold(struct floor *f, struct leg *leg, bool held);
void floor_end_agent(struct floor *f, struct call *call, const char *ended_by);
/* Whatever phones of the agent still ring or talk: they stop, a talk is over. */
void floor_desk_end(struct floor *f, uint32_t agent);
void floor_join(struct floor *f, struct call *call);

/* floor_place.c: places in line over a restart */
void floor_place_begins(struct floor *f, const struct call *call, bool resumed);
void floor_place_ends(struct floor *f, const struct call *call, bool lost);

/* floor_record.c */
uint64_t floor_call_time(const struct floor *f, const struct call *call); /* now, on the call's clock */
void floor_put_contact(struct floor *f, const struct call *call);
void floor_put_visit(struct floor *f, const struct call *call);
void floor_put_offer(struct floor *f, const struct desk *desk);
void floor_put_handle(struct floor *f, const struct desk *desk);
void floor_agent_state(struct floor *f, const struct acd_effect *fx);
void floor_visit_place(struct call *call, const struct acd_effect *fx); /* since_us, step */
void floor_visit_entered(struct floor *f, const struct acd_effect *fx);
void floor_visit_step(struct floor *f, const struct acd_effect *fx);
void floor_offer_why(const struct floor *f, struct desk *desk, uint64_t decision);

/* floor_agent.c: what an agent or supervisor commands */
/* Carries out the star code `called` for the agent. 0; -ENOENT: no such code; others: refused. */
int floor_star_code(struct floor *f, uint32_t agent, const char *called);

/* floor_view.c */
struct floor_call_view floor_view_call(const struct floor *f, const struct call *call);

/* floor_alive.c: who is not there any more. Asks SIP whether the other side is; floor_probed() hears the
 * answer. */
void floor_leg_silent(struct floor *f, struct leg *leg, uint32_t for_ms);
void floor_probe_if_silent(struct floor *f, struct leg *leg, const struct media_leg *media);
void floor_probe_agent(struct floor *f, uint32_t agent);
void floor_probed(void *ctx, uint32_t leg, bool alive);

/* floor_reconcile.c */
int floor_reconcile_create(struct floor *f);
void floor_reconcile_destroy(struct floor *f);
void floor_reconcile_turn(struct floor *f); /* when no work is waiting */
uint64_t floor_reconcile_deadline(const struct floor *f);
void floor_reconcile_counters(const struct floor *f, struct floor_counters *out);

/* floor_delay.c: how long the distributor's decision took to reach SIP */
void floor_delay_add(struct floor *f, uint64_t us);
uint32_t floor_delay_quantile(const struct floor *f, double q);

#endif
