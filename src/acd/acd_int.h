/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_int: the distributor from inside. Who writes what: agents' state only acd_agent.c, offers acd_offer.c,
 * calls acd_call.c, lines and doors acd_queue.c, groups of agents acd_skill.c, deadlines acd_deadline.c,
 * who gets whom acd_match.c.
 */
#ifndef ACD_INT_H
#define ACD_INT_H

#include "acd/acd_mem.h"
#include "acd/acd_order.h"
#include "callfloor/acd.h"
#include <uthash.h>

enum {
    ACD_RESERVE_MS = 5000, /* a phone that has not rung by then does not answer */
    ACD_SILENT_MS = 5000,  /* and stays out at least so long */
    ACD_BACKOFF_MS = 1000, /* least delay after a busy or a refusal, or a phone would be rung in a loop */
    ACD_STEP_ROOM = 16,    /* effects one event or deadline can cause by itself (CONFIGURE asks for more) */
};

struct acd_agent;
struct acd_queue;

/* Agents with the same queues and the same skills: only the one who is idle longest can be next. */
struct acd_group {
    struct acd_tree idle; /* able ones, by idle order */
    uint8_t *level;       /* by skill number, 0 = does not have it */
    uint64_t *lines;      /* bits: lines whose calls these agents may take */
    uint32_t index;
    uint32_t count[ACD_PRESENCES][ACD_ACTIVITIES];
};

/* Calls with the same requirements: only the first can be next. At present one line per queue. */
struct acd_line {
    struct acd_tree turn; /* those for whom no phone rings, by order of service */
    struct acd_queue *queue;
    uint32_t index;
};

struct acd_queue {
    struct acd_tree place; /* all who wait, ringing or not, by order of service */
    struct acd_line line;
    struct conf_queue set; /* numbers only; the last known ones when removed */
    uint32_t number;
    bool removed;
};

enum acd_call_state { ACD_CALL_WAITING, ACD_CALL_OFFERED, ACD_CALL_TALKING };

struct acd_call {
    uint64_t id, enter_ms, since_ms, serial; /* serial: arrival, breaks ties */
    struct acd_queue *queue;
    struct acd_agent *agent; /* offered or talking */
    enum acd_call_state state;
    int32_t own_priority;
    uint32_t position_in;
    uint32_t avoid; /* agent of the last offer that failed */
    struct acd_node place, turn, timer;
    UT_hash_handle hh;
    struct acd_call *next_free;
};

struct acd_agent {
    uint32_t id;
    bool met;     /* has had an entry in the configuration, maybe a removed one */
    bool removed; /* not in it now */
    bool reachable;
    bool pending;
    enum acd_presence presence, pending_presence;
    enum acd_activity activity;
    uint32_t reason, pending_reason;
    uint32_t other_calls, missed, wrapup_cap_ms;
    uint64_t since_ms, idle_order_ms;
    uint64_t ready_at_ms;  /* delay after a busy, a refusal, no answer */
    uint64_t silent_to_ms; /* the phone did not answer: taken as unreachable until then */
    /* offer and handle */
    struct acd_call *call; /* offered or talking */
    uint64_t call_id;      /* the same, kept for wrap-up */
    struct acd_queue *queue;
    uint32_t offer;
    uint64_t reserve_ms, ring_ms, ring_to_ms, wrap_to_ms;
    struct acd_group *group; /* NULL when removed */
    struct acd_node idle, timer;
};

/* What follows from a configuration: groups, and who may serve which line. Made new on each CONFIGURE. */
struct acd_plan {
    uint32_t group_count, group_words, line_count, line_words, skill_count, agent_count;
    struct acd_group *group;
    uint32_t *group_of;    /* by agent number - 1; UINT32_MAX = removed */
    uint64_t *admits;      /* line_count rows of group_words: groups that may serve the line */
    uint64_t *idle_groups; /* groups with an able agent */
    uint64_t *busy_lines;  /* lines with a call whose turn can come */
    uint64_t *dirty_lines; /* lines where something changed since the last match */
    uint64_t *door_lines;  /* lines whose agents may all be gone: callers to be let out */
    uint64_t *bits;        /* memory of all the above */
    uint8_t *levels;
};

struct acd {
    uint64_t now, seed, serial;
    const struct conf *conf;
    struct acd_plan plan;
    struct acd_agent **agent; /* by number - 1 */
    struct acd_queue **queue; /* by number - 1 */
    uint32_t agent_count, queue_count, waiting;
    struct acd_call *calls, *free_calls; /* calls: by id */
    struct acd_tree timers;
    uint32_t *offer_cell; /* agent of offer n at n & mask; an entry is live when the agent says so */
    uint32_t offer_mask, offer_last;
    bool doors_dirty;        /* some bit of door_lines is set */
    bool matching_dirty;     /* some bit of dirty_lines is set */
    struct acd_effects *out; /* of the step in progress */
};

/* ---- bits ---- */
static inline uint32_t acd_words(uint32_t bits) {
    return (bits + 63) / 64;
}
static inline void acd_bit_set(uint64_t *bits, uint32_t n) {
    bits[n / 64] |= 1ull << n % 64;
}
static inline void acd_bit_clear(uint64_t *bits, uint32_t n) {
    bits[n / 64] &= ~(1ull << n % 64);
}
static inline bool acd_bit(const uint64_t *bits, uint32_t n) {
    return bits[n / 64] >> n % 64 & 1;
}
static inline const uint64_t *acd_admits(const struct acd_plan *plan, uint32_t line) {
    return plan->admits + (size_t)line * plan->group_words;
}

/* acd.c: room for effects. acd_emit() needs room asked for before. */
int acd_room(struct acd *acd, size_t effects);
struct acd_effect *acd_emit(struct acd *acd, enum acd_effect_type type);
/* Lets callers out whose agents are gone, then matches. Stops early without memory; acd_deadline() is then
 * now, and the next step goes on. */
void acd_settle(struct acd *acd);

/* acd_agent.c */
enum acd_input { /* what can happen to the activity */
                 ACD_IN_OFFER,
                 ACD_IN_RING,
                 ACD_IN_ANSWER,
                 ACD_IN_OFFER_OVER,
                 ACD_IN_HOLD,
                 ACD_IN_RESUME,
                 ACD_IN_TALK_OVER,
                 ACD_IN_WRAP_OVER,
                 ACD_IN_LINE, /* reachability or other calls changed */
                 ACD_INPUTS
};
struct acd_agent *acd_agent(const struct acd *acd, uint32_t id); /* NULL: unknown; removed ones are known */
/* Moves the activity by the table; pending presence is applied when it comes to rest. -EPROTO: refused. */
int acd_agent_move(struct acd *acd, struct acd_agent *agent, enum acd_input input);
/* Presence at once when the agent is at rest, else pending: the last wish wins. */
void acd_agent_want(struct acd *acd, struct acd_agent *agent, enum acd_presence presence, uint32_t reason);
void acd_agent_restore(struct acd *acd, struct acd_agent *agent, const struct acd_event *event);
/* Idle list, timer and group follow the state. */
void acd_agent_refresh(struct acd *acd, struct acd_agent *agent);
void acd_agent_join_group(struct acd *acd, struct acd_agent *agent, struct acd_group *group);
bool acd_agent_able(const struct acd *acd, const struct acd_agent *agent);
bool acd_agent_in_offer(const struct acd_agent *agent);
/* When the timer of the state ends; NEVER when the state has none. */
uint64_t acd_agent_due(const struct acd *acd, const struct acd_agent *agent);
void acd_agent_log_out(struct acd *acd, struct acd_agent *agent);
void acd_wrap_over(struct acd *acd, struct acd_agent *agent);
void acd_talk_over(struct acd *acd, struct acd_agent *agent);

/* acd_offer.c */
struct acd_agent *acd_offer_find(const struct acd *acd, uint32_t offer);
void acd_offer_begin(struct acd *acd, struct acd_call *call, struct acd_agent *agent);
void acd_offer_answered(struct acd *acd, struct acd_agent *agent);
/* cancel: the distributor gives up by itself, the phone must be told. The call is without agent afterwards:
 * acd_call_back() puts it in line again. */
struct acd_call *acd_offer_over(struct acd *acd, struct acd_agent *agent, enum acd_offer_result result,
                                bool cancel);
/* The same, and the call goes back to its place. */
void acd_offer_fail(struct acd *acd, struct acd_agent *agent, enum acd_offer_result result, bool cancel);

/* acd_call.c */
struct acd_call *acd_call(const struct acd *acd, uint64_t id);
int acd_call_enter(struct acd *acd, const struct acd_event *event);
int acd_call_leave(struct acd *acd, const struct acd_event *event);
/* Ends the visit of a waiting call, its offer included, and forgets the call. */
void acd_call_out(struct acd *acd, struct acd_call *call, enum acd_visit_result result);
void acd_call_answered(struct acd *acd, struct acd_call *call);
void acd_call_back(struct acd *acd, struct acd_call *call); /* after a failed offer */
void acd_call_reorder(struct acd *acd, struct acd_call *call);
void acd_call_forget(struct acd *acd, struct acd_call *call);
void acd_call_free_all(struct acd *acd);

/* acd_queue.c */
struct acd_queue *acd_queue(const struct acd *acd, uint32_t number); /* NULL: unknown; removed are known */
struct acd_key acd_queue_key(const struct acd_call *call);
/* Whether the door is open: 0, or the result of the refusal. */
bool acd_queue_door(const struct acd *acd, const struct acd_queue *queue, enum acd_visit_result *refusal);
void acd_line_add(struct acd *acd, struct acd_call *call);
void acd_line_remove(struct acd *acd, struct acd_call *call);
bool acd_queue_staffed(const struct acd *acd, const struct acd_queue *queue);
void acd_doors_check(struct acd *acd, const struct acd_group *group); /* somebody logged out */
int acd_doors(struct acd *acd);

/* acd_skill.c */
/* lines: at least conf->queue_count. 0 or -ENOMEM. */
int acd_plan_make(struct acd_plan *plan, const struct conf *conf, uint32_t lines);
void acd_plan_free(struct acd_plan *plan);
/* How well agents of the group fit: sum of their levels in the skills wanted. */
uint32_t acd_skill_fit(const struct acd *acd, const struct acd_group *group, const struct acd_queue *queue);

/* acd_match.c */
void acd_match_group(struct acd *acd, const struct acd_group *group); /* an agent of it became able */
void acd_match_line(struct acd *acd, const struct acd_line *line);    /* a call of it waits for its turn */
int acd_match(struct acd *acd);

/* acd_deadline.c */
void acd_timer_agent(struct acd *acd, struct acd_agent *agent);
void acd_timer_call(struct acd *acd, struct acd_call *call);
int acd_expire(struct acd *acd);

/* acd_conf.c */
int acd_configure(struct acd *acd, const struct acd_event *event);

#endif
