/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_int: the distributor from inside. Who writes what: agents' state only acd_agent.c, offers acd_offer.c,
 * calls acd_call.c, places and doors acd_queue.c, steps of requirements acd_step.c, calls that wait for one
 * agent acd_prefer.c, load marks acd_reserve.c, groups of agents acd_skill.c, deadlines acd_deadline.c, who
 * gets whom acd_match.c (which call) and acd_pick.c (which agent).
 */
#ifndef ACD_INT_H
#define ACD_INT_H

#include "acd/acd_decision.h"
#include "acd/acd_mem.h"
#include "acd/acd_order.h"
#include "acd/acd_wait.h"
#include "callfloor/acd.h"
#include <uthash.h>

enum {
    ACD_RESERVE_MS = 5000, /* a phone that has not rung by then does not answer */
    ACD_SILENT_MS = 5000,  /* and stays out at least so long */
    ACD_BACKOFF_MS = 1000, /* least delay after a busy or a refusal, or a phone would be rung in a loop */
    ACD_RING_STEP_MS = 5000,
    ACD_STEP_ROOM = 16,     /* effects one event or deadline can cause by itself (CONFIGURE asks for more) */
    ACD_LOST_PLACES = 1024, /* remembered */
    ACD_TIERS = 9,
    ACD_MOST_RESERVES = 8,
    ACD_SHARE_MS =
        60000, /* how often shares of agents between queues are reckoned anew when nobody came or left */
    ACD_SHARE_GROUPS = 200, /* and when somebody did: at once; with more, after a ms for each group */
};

struct acd_agent;
struct acd_queue;

/* Orders in which the able agents of a group are kept; each only when some queue's strategy wants it. */
enum acd_agent_order { ACD_BY_IDLE, ACD_BY_CALLS, ACD_BY_TALK, ACD_BY_NUMBER, ACD_AGENT_ORDERS };

/* Agents with the same queues, tiers and skills: only the first in the wanted order can be next. */
struct acd_group {
    struct acd_tree able[ACD_AGENT_ORDERS];
    const uint8_t *level;  /* by skill number, 0 = does not have it */
    const uint8_t *tier;   /* by queue number - 1, 0 = does not serve it */
    uint64_t *lines;       /* bits: lines whose calls these agents may take, at some tier */
    const uint32_t *queue; /* numbers - 1 of the queues they may take calls of */
    uint32_t queue_count;
    uint32_t index;
    uint32_t count[ACD_PRESENCES][ACD_ACTIVITIES];
    uint32_t logged_in, present; /* present: ready, and the phone can be reached */
};

/* Calls of a queue that are at the same step want the same: only the first can be next. */
struct acd_line {
    struct acd_tree turn; /* those who want a phone (more), by order of service */
    struct acd_queue *queue;
    uint32_t index, step;
    uint64_t
        *admits; /* rows of group_words, by tier - 1: groups that may serve at that tier; queue->tiers rows */
    struct acd_wait_service service; /* what callers at this step can count on */
    struct acd_wait_service alone;   /* the same without the reserve */
};

struct acd_queue {
    struct acd_tree place;                          /* all who wait, ringing or not, by order of service */
    struct conf_queue set;                          /* lists are the configuration's own; none when removed */
    struct acd_line *line;                          /* by step */
    uint32_t number, first_line, line_count, tiers; /* tiers: highest that anybody has here */
    bool removed, closed, known;                    /* known: has been in a configuration */
    uint32_t open_tier;                             /* reserve */
    uint32_t reserves_in;                           /* bits */
    uint64_t reserve_in_ms[ACD_MOST_RESERVES];
    uint64_t empty_ms;   /* since when nobody is logged in; NEVER = somebody is */
    uint32_t last_agent; /* offered: round robin */
    struct acd_wait wait;
    const uint64_t *share_row; /* groups that take its calls, and how many of them work; as of then */
    uint32_t share_agents;
    uint64_t counted_ms, counted_serial;
    double *overlap; /* by queue number - 1: part of its calls that they take, too */
    uint64_t shared_ms,
        shared_serial;  /* when staff and overlap were reckoned; shared_serial: see acd.staff_serial */
    const int32_t *fit; /* by group: SKILL_THEN_IDLE and SCORED, what the skills are worth here; else NULL */
    uint64_t *staff_groups; /* bits: groups that may take calls of some step at some tier */
    uint64_t *serve_groups; /* bits: groups that are listed for the queue, whatever their skills */
    struct acd_node timer;
};

enum acd_call_state { ACD_CALL_WAITING, ACD_CALL_TALKING };

struct acd_call {
    uint64_t id, enter_ms, since_ms, serial; /* serial: arrival, breaks ties */
    uint64_t caller;
    struct acd_queue *queue;
    struct acd_agent *ringing; /* those being offered it, chained by next_ringing */
    uint32_t ringing_count;
    enum acd_call_state state;
    int32_t own_priority;
    uint32_t position_in, step;
    uint32_t avoid; /* agent of the last offer that failed */
    uint32_t excluded[ACD_EXCLUDED];
    uint32_t preferred;
    struct acd_agent *only;        /* waits for this one alone */
    uint64_t only_to_ms, round_ms; /* round_ms: since when phones ring without a break */
    uint64_t first_offer_ms;       /* 0: had none yet */
    uint64_t last_decision;
    struct acd_wait_told told;
    bool capped; /* CONF_ORDER_AGEING: at priority_max */
    struct acd_node place, turn, timer;
    UT_hash_handle hh;
    struct acd_call *next_free;
};

struct acd_agent {
    uint32_t id;
    bool met;     /* has had an entry in the configuration, maybe a removed one */
    bool removed; /* not in it now */
    bool fresh;   /* while a configuration comes in: was removed before */
    bool reachable;
    bool pending;
    bool present; /* as counted in the group and the queues' staff */
    enum acd_presence presence, pending_presence;
    enum acd_activity activity;
    uint32_t reason, pending_reason;
    uint32_t other_calls, missed;
    uint32_t wrapup_cap_ms, own_wrapup_ms, weight;
    uint64_t since_ms, idle_order_ms, pause_ms;
    uint64_t ready_at_ms;  /* delay after a busy, a refusal, no answer */
    uint64_t silent_to_ms; /* the phone did not answer: taken as unreachable until then */
    uint32_t handles;      /* since login */
    uint64_t talk_ms, talk_since_ms;
    /* offer and handle */
    struct acd_call *call; /* offered or talking */
    struct acd_agent *next_ringing;
    uint64_t call_id; /* the same, kept for wrap-up */
    struct acd_queue *queue;
    uint32_t offer;
    uint64_t reserve_ms, ring_ms, ring_to_ms;
    uint64_t wrap_to_ms; /* NEVER: waits for a disposition */
    uint32_t extensions;
    enum conf_wrapup wrap_mode; /* the queue's rules when the wrap-up began */
    uint32_t wrap_extend_ms, wrap_extensions;
    bool disposed;           /* a disposition was given */
    bool cut;                /* the talk was before a restart */
    struct acd_group *group; /* NULL when removed */
    struct acd_tree own;     /* calls that wait for this agent alone */
    struct acd_agent *next_dirty;
    bool dirty; /* in the list of agents whose own calls are to be looked at */
    struct acd_node able[ACD_AGENT_ORDERS], timer;
};

/* What follows from a configuration: groups, lines, and who may serve which. Made new on each CONFIGURE. */
struct acd_plan {
    uint32_t group_count, group_words, line_count, line_words, queue_count, queue_words, skill_count,
        agent_count;
    uint32_t orders; /* bits of enum acd_agent_order */
    struct acd_group *group;
    struct acd_line *line;
    uint32_t *group_of;                /* by agent number - 1; UINT32_MAX = removed */
    uint32_t *queue_tiers;             /* by queue number - 1 */
    uint32_t *first_line;              /* by queue number - 1 */
    uint64_t *rare;                    /* bits: skills held by few */
    uint64_t *named;                   /* queue_count rows of skill words: skills the queue names */
    uint64_t *able_groups;             /* groups with an able agent */
    uint64_t *in_groups;               /* groups with somebody logged in */
    uint64_t *ready_groups;            /* groups with somebody ready, whatever the line does */
    uint64_t *busy_lines;              /* lines with a call that wants a phone */
    uint64_t *dirty_lines;             /* lines where something changed since the last match */
    uint64_t *door_queues;             /* queues where somebody has logged out or in */
    uint64_t *load_queues;             /* queues whose marks are to be looked at */
    uint64_t *mark_queues;             /* queues that have marks (reserve) */
    uint64_t *bits;                    /* memory of all the bits, also the queues' and lines' */
    uint64_t *queue_bits;              /* queue_count times two rows of group_words */
    uint8_t *bytes;                    /* of levels and tiers */
    uint32_t *able_count, *able_share; /* by group: able agents, and the sum of their weights */
    struct acd_key *heads;             /* by order, by group: key of the first able agent */
    int32_t **fit;                     /* by queue number - 1, see acd_queue */
    uint32_t *queue_lists;             /* of the groups */
    double *overlaps;                  /* of the queues */
    uint32_t *share_list;              /* room to reckon in, this and the next three */
    const uint64_t **share_row;        /* by queue number - 1 */
    struct acd_wait_group *share_group;
    struct acd_wait_demand *demand;
};

struct acd_lost_place {
    uint64_t caller, since_ms, until_ms, serial; /* caller 0: free; serial: order of losing */
    uint32_t queue;
    int32_t priority;
};

struct acd_skill_change {
    uint32_t agent, skill, level;
};

struct acd {
    uint64_t now, rng, serial;
    const struct conf *conf;
    struct acd_plan plan;
    struct acd_agent **agent; /* by number - 1 */
    struct acd_queue **queue; /* by number - 1 */
    uint32_t agent_count, queue_count, waiting;
    struct acd_call *calls, *free_calls; /* calls: by id */
    struct acd_tree timers;
    uint32_t *offer_cell; /* agent of offer n at n & mask; an entry is live when the agent says so */
    uint32_t offer_mask, offer_last;
    bool doors_dirty;               /* some bit of door_queues is set */
    bool loads_dirty;               /* some bit of load_queues is set */
    bool matching_dirty;            /* some bit of dirty_lines is set, or dirty_agents */
    struct acd_agent *dirty_agents; /* with calls of their own: able now, or not to be waited for any more */
    uint64_t staff_serial;          /* counts who comes to work and leaves */
    struct acd_skill_change *change;
    uint32_t change_count;
    struct acd_lost_place lost[ACD_LOST_PLACES];
    uint64_t lost_serial;
    struct acd_decisions decisions;
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
static inline void acd_bit_put(uint64_t *bits, uint32_t n, bool on) {
    if (on)
        acd_bit_set(bits, n);
    else
        acd_bit_clear(bits, n);
}
static inline bool acd_bit(const uint64_t *bits, uint32_t n) {
    return bits[n / 64] >> n % 64 & 1;
}
static inline bool acd_bits_meet(const uint64_t *a, const uint64_t *b, uint32_t words) {
    for (uint32_t w = 0; w < words; w++)
        if (a[w] & b[w])
            return true;
    return false;
}

/* acd.c: room for effects. acd_emit() needs room asked for before. */
int acd_room(struct acd *acd, size_t effects);
struct acd_effect *acd_emit(struct acd *acd, enum acd_effect_type type);
/* Lets callers out whose agents are gone, opens and shuts the reserve, then matches. Stops early without
 * memory; acd_deadline() is then now, and the next step goes on. */
void acd_settle(struct acd *acd);
struct acd_decision *acd_decide(struct acd *acd, struct acd_call *call, enum acd_decision_kind kind);

/* acd_agent.c */
enum acd_input { /* what can happen to the activity */
                 ACD_IN_OFFER,
                 ACD_IN_RING,
                 ACD_IN_ANSWER,
                 ACD_IN_OFFER_OVER,
                 ACD_IN_HOLD,
                 ACD_IN_RESUME,
                 ACD_IN_CONSULT,
                 ACD_IN_CONFERENCE,
                 ACD_IN_CONSULT_OVER,
                 ACD_IN_TAKE_OVER,
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
/* In wrap-up, since then; the presence there is becomes pending. */
void acd_agent_restore_wrapup(struct acd *acd, struct acd_agent *agent, uint64_t since_ms);
/* Idle lists, timer and group follow the state. */
void acd_agent_refresh(struct acd *acd, struct acd_agent *agent);
void acd_agent_join_group(struct acd *acd, struct acd_agent *agent, struct acd_group *group);
bool acd_agent_able(const struct acd *acd, const struct acd_agent *agent);
bool acd_agent_in_offer(const struct acd_agent *agent);
bool acd_agent_in_talk(const struct acd_agent *agent); /* hold, consult and conference included */
/* When the timer of the state ends; NEVER when the state has none. */
uint64_t acd_agent_due(const struct acd *acd, const struct acd_agent *agent);
void acd_agent_log_out(struct acd *acd, struct acd_agent *agent);

/* acd_transfer.c */
int acd_transfer(struct acd *acd, const struct acd_event *event);

/* acd_wrapup.c */
void acd_talk_over(struct acd *acd, struct acd_agent *agent);
/* The same, when the call goes on with another agent. */
void acd_talk_handed_over(struct acd *acd, struct acd_agent *agent);
void acd_wrap_over(struct acd *acd, struct acd_agent *agent);
void acd_wrap_due(struct acd *acd, struct acd_agent *agent); /* its timer has ended */
int acd_wrap_restore(struct acd *acd, struct acd_agent *agent, const struct acd_event *event);
int acd_wrap_done(struct acd *acd, struct acd_agent *agent);
int acd_wrap_more(struct acd *acd, struct acd_agent *agent, uint32_t ms);
int acd_disposition(struct acd *acd, struct acd_agent *agent);

/* acd_offer.c */
struct acd_agent *acd_offer_find(const struct acd *acd, uint32_t offer);
void acd_offer_begin(struct acd *acd, struct acd_call *call, struct acd_agent *agent);
int acd_offer_answered(struct acd *acd, struct acd_agent *agent);
/* cancel: the distributor gives up by itself, the phone must be told. The call may be without any phone
 * afterwards: acd_call_back() puts it in line again. */
struct acd_call *acd_offer_over(struct acd *acd, struct acd_agent *agent, enum acd_offer_result result,
                                bool cancel);
/* The same, and the call goes back to its place. */
void acd_offer_fail(struct acd *acd, struct acd_agent *agent, enum acd_offer_result result, bool cancel);

/* acd_call.c */
struct acd_call *acd_call(const struct acd *acd, uint64_t id);
int acd_call_enter(struct acd *acd, const struct acd_event *event);
int acd_call_leave(struct acd *acd, const struct acd_event *event);
/* Ends the visit of a waiting call, its offers included, and forgets the call. Asks for its own room. */
int acd_call_out(struct acd *acd, struct acd_call *call, enum acd_visit_result result);
void acd_call_answered(struct acd *acd, struct acd_call *call, struct acd_agent *agent);
void acd_call_back(struct acd *acd, struct acd_call *call); /* after a failed offer */
/* How many phones are to ring for it now. */
uint32_t acd_call_phones(const struct acd *acd, const struct acd_call *call);
/* In its line, or in the agent's own tree, exactly when it wants a phone more; its timer follows too. */
void acd_call_refresh(struct acd *acd, struct acd_call *call);
uint64_t acd_call_due(const struct acd *acd, const struct acd_call *call);
int acd_call_on_time(struct acd *acd, struct acd_call *call);
void acd_call_detach(struct acd *acd, struct acd_call *call); /* from all trees, for a new plan */
void acd_call_attach(struct acd *acd, struct acd_call *call);
void acd_call_forget(struct acd *acd, struct acd_call *call);
void acd_call_free_all(struct acd *acd);

/* acd_queue.c */
struct acd_queue *acd_queue(const struct acd *acd, uint32_t number); /* NULL: unknown; removed are known */
/* Order of service: within a queue by key, between queues by acd_call_before(). */
struct acd_key acd_queue_key(const struct acd *acd, const struct acd_call *call);
bool acd_call_before(const struct acd *acd, const struct acd_call *a, const struct acd_call *b);
uint64_t acd_call_cap_ms(const struct acd *acd, const struct acd_call *call); /* NEVER: no cap ahead */
/* Whether the door is open, or the result of the refusal. resumed: the caller has a place already. */
bool acd_queue_door(struct acd *acd, struct acd_queue *queue, bool resumed, enum acd_visit_result *refusal);
bool acd_queue_staffed(const struct acd *acd, const struct acd_queue *queue); /* anybody logged in */
bool acd_queue_unpaused(const struct acd *acd, const struct acd_queue *queue);
void acd_doors_check(struct acd *acd, const struct acd_group *group); /* somebody logged out or in */
int acd_doors(struct acd *acd);
void acd_queue_timer(struct acd *acd, struct acd_queue *queue);
int acd_queue_on_time(struct acd *acd, struct acd_queue *queue);

/* acd_step.c */
static inline struct acd_line *acd_call_line(const struct acd_call *call) {
    return &call->queue->line[call->step];
}
static inline uint32_t acd_line_tier(const struct acd_line *line) {
    const struct conf_queue *set = &line->queue->set;
    uint32_t tier = line->step ? set->step[line->step - 1].tier : 1;
    if (tier < line->queue->open_tier)
        tier = line->queue->open_tier;
    return tier < line->queue->tiers ? tier ? tier : 1 : line->queue->tiers;
}
/* Groups that may serve the line's calls now. */
static inline const uint64_t *acd_admits(const struct acd_plan *plan, const struct acd_line *line) {
    return line->admits + (size_t)(acd_line_tier(line) - 1) * plan->group_words;
}
/* The step a call should be at; never less than it is at. */
uint32_t acd_step_now(const struct acd *acd, const struct acd_call *call);
uint64_t acd_step_due(const struct acd *acd, const struct acd_call *call);
/* Moves the call on where its time has come or nobody is left for it. Needs room for one effect. */
void acd_step_advance(struct acd *acd, struct acd_call *call);
int acd_step_queue(struct acd *acd, struct acd_queue *queue); /* all its calls, after a logout */

/* acd_prefer.c */
void acd_prefer_begin(struct acd *acd, struct acd_call *call, uint32_t agent);
void acd_prefer_end(struct acd *acd, struct acd_call *call); /* everybody's now; no harm when it is already */
bool acd_preferable(const struct acd_agent *agent, const struct acd_queue *queue);
void acd_agent_dirty(struct acd *acd, struct acd_agent *agent);
/* Calls of agents who are not to be waited for any more go to all. */
void acd_prefer_release(struct acd *acd);

/* acd_reserve.c */
void acd_loads_check(struct acd *acd, const struct acd_group *group); /* an agent of it came or went */
void acd_load_check(struct acd *acd, const struct acd_queue *queue);
int acd_loads(struct acd *acd);
/* After a reload: entries that are gone are out. Needs room for one effect. */
void acd_reserve_swap(struct acd *acd, struct acd_queue *queue);
uint64_t acd_reserve_due(const struct acd *acd, const struct acd_queue *queue);

/* acd_resume.c */
void acd_lose_place(struct acd *acd, uint32_t queue, uint64_t caller, uint64_t since_ms, int32_t priority);
/* The place of a caller who was lost; false when there is none. take: it is used up. */
bool acd_resume(struct acd *acd, const struct acd_queue *queue, uint64_t caller, uint64_t *since_ms,
                int32_t *priority, bool take);

/* acd_staff.c: expected wait */
/* Of a waiting call, or (call NULL) of one who would come now. */
struct acd_wait_guess acd_expected(struct acd *acd, struct acd_queue *queue, const struct acd_call *call);
/* Of a new caller, if the reserve were not in: what the reserve's marks are about, or it would chase itself.
 */
struct acd_wait_guess acd_expected_alone(struct acd *acd, struct acd_queue *queue);
uint32_t acd_staff(const struct acd *acd, const struct acd_queue *queue); /* ready, and can be reached */
int acd_tell(struct acd *acd, const struct acd_event *event);

/* acd_view.c: all of the view but the expected wait, which takes longer than the rest */
void acd_queue_figures(const struct acd *acd, const struct acd_queue *queue, struct acd_queue_view *out);

/* acd_skill.c */
/* 0 or -ENOMEM. */
int acd_plan_make(struct acd_plan *plan, const struct acd *acd, const struct conf *conf, uint32_t queues);
void acd_plan_free(struct acd_plan *plan);
int acd_skill_change(struct acd *acd, const struct acd_event *event);

/* acd_match.c */
void acd_match_group(struct acd *acd, const struct acd_group *group); /* an agent of it became able */
void acd_match_line(struct acd *acd, const struct acd_line *line);    /* a call of it waits for its turn */
void acd_match_queue(struct acd *acd, const struct acd_queue *queue); /* more agents may serve it now */
int acd_match(struct acd *acd);

/* acd_pick.c */
bool acd_excludes(const struct acd_call *call, uint32_t agent);
/* Able agents who may get the call, exclusions apart; counted up to `most`. */
uint32_t acd_candidates(const struct acd *acd, const struct acd_call *call, uint32_t most);
/* Calls of the queue before that key which want a phone (more). */
uint32_t acd_wanting_before(const struct acd_queue *queue, const struct acd_key *key);
/* Is there an able agent who may get the call? */
bool acd_pickable(const struct acd *acd, const struct acd_call *call);
/* The best of them, with the decision written down. Not NULL when acd_pickable(). */
struct acd_agent *acd_pick(struct acd *acd, struct acd_call *call);

/* acd_deadline.c */
void acd_timer_set(struct acd *acd, struct acd_node *timer, uint64_t due, uint64_t id);
void acd_timer_agent(struct acd *acd, struct acd_agent *agent);
void acd_timer_call(struct acd *acd, struct acd_call *call);
int acd_expire(struct acd *acd);

/* acd_conf.c */
int acd_configure(struct acd *acd, const struct acd_event *event);
int acd_replan(struct acd *acd, const struct conf *conf);
#define ACD_TIMER_QUEUE (1ull << 62)
#define ACD_TIMER_CALL (1ull << 63)

#endif
