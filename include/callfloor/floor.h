/* SPDX-License-Identifier: Apache-2.0
 *
 * floor: the switchboard. It owns all calls, turns effects of the pure modules into acts on the ports and
 * what the ports report into steps, and is what the front ends (console, web, metrics) look at and command.
 * It includes no library: with fake ports it runs in virtual time.
 */
#ifndef CALLFLOOR_FLOOR_H
#define CALLFLOOR_FLOOR_H

#include "callfloor/acd.h"
#include "callfloor/conf.h"
#include "callfloor/ports.h"
#include "callfloor/stats.h"

struct floor;

struct floor_setup {
    const struct conf *conf; /* borrowed until floor_reload() or destroy */
    struct ua_port ua;
    struct media_port media;
    struct store_port store;
    struct clock_port clock;
    uint64_t first_id; /* of records: record_first_id() */
    uint64_t seed;
    /* An agent's presence changed and should survive a restart (daemon saves it). May be NULL. */
    void (*presence_changed)(void *arg, uint32_t agent);
    /* There is work for floor_turn() (floor_deadline() is now). May be NULL. */
    void (*wake)(void *arg);
    void *arg;
};
int floor_create(struct floor **fp, const struct floor_setup *setup);
/* Forgets everything without telling anybody; end calls with floor_drain() first. */
void floor_destroy(struct floor *f);

/* The sinks to give to the adapters (ctx is the floor). The ports are needed at floor_create(), the sinks by
 * the adapters afterwards: adapters are created first without sinks, then started with them. */
struct ua_sink floor_ua_sink(struct floor *f);
struct media_sink floor_media_sink(struct floor *f);
struct store_sink floor_store_sink(struct floor *f);

/* One turn: deadlines that have passed, then effects until quiet. To be called at floor_deadline(), after
 * each batch of sink calls and commands, and once a second (cheap when there is nothing to do). */
void floor_turn(struct floor *f);
uint64_t floor_deadline(const struct floor *f); /* monotonic ms; NEVER if none. May be `now` */

/* Swaps the configuration; calls in progress go on. conf must be made from the old one (conf_load's old). */
int floor_reload(struct floor *f, const struct conf *conf);
/* No new calls (503) from now; now=true also ends the ones in progress. */
void floor_drain(struct floor *f, bool now);
bool floor_draining(const struct floor *f);
/* Calls alive (wrap-up not counted), or else legs whose end SIP has not confirmed yet: 0 means that a drain
 * is complete. */
uint32_t floor_calls(const struct floor *f);

/* ---- what outlives a restart: told for saving at any time; restored before anything else happens. All times
 * are wall clock; cut_us: when the earlier daemon was last alive. Restoring what is no longer in the
 * configuration: -ENOENT. ---- */

struct floor_saved_agent {
    const char *id;
    enum acd_presence presence; /* as it will be when a call in progress is over */
    const char *reason;
    uint64_t since_us;    /* of presence and reason; 0 = has been so from the start */
    uint64_t idle_us;     /* place in the order of the idle; 0 = since_us */
    uint32_t handles;     /* since login */
    uint64_t talk_ms;     /* since login */
    const char *queue;    /* of a talk or wrap-up in progress, "" = none */
    uint64_t call;        /* its record id */
    uint64_t talk_end_us; /* 0 = they talk */
    uint64_t wrap_end_us; /* 0 = no timer */
};
void floor_each_saved_agent(const struct floor *f,
                            void (*fn)(void *arg, const struct floor_saved_agent *agent), void *arg);
/* Who talked is in wrap-up from cut_us. */
int floor_restore_agent(struct floor *f, const struct floor_saved_agent *saved, uint64_t cut_us);

/* The day's figures, and what an agent's time since since_us is to be added to. To be restored on the same
 * floor_day() only. */
struct floor_saved_figures {
    const char *id;
    enum acd_presence presence;
    enum acd_activity activity;
    uint64_t since_us;
    const struct stats_agent *today;
};
uint32_t floor_day(const struct floor *f);
void floor_each_saved_queue(const struct floor *f,
                            void (*fn)(void *arg, const char *name, const struct stats_queue *today),
                            void *arg);
void floor_each_saved_figures(const struct floor *f,
                              void (*fn)(void *arg, const struct floor_saved_figures *figures), void *arg);
int floor_restore_queue(struct floor *f, const char *name, const struct stats_queue *today);
int floor_restore_figures(struct floor *f, const struct floor_saved_figures *figures, uint64_t cut_us);

/* Places in line, to be found again after a restart by callers who were lost: those who were lost lately, and
 * those who wait now. Pointers are borrowed. */
struct floor_place {
    const char *queue;
    uint64_t caller;            /* floor_caller_key() */
    uint64_t since_us, lost_us; /* wall time: place in line; when it was lost (now, for those who wait) */
};
void floor_each_place(const struct floor *f, void (*fn)(void *arg, const struct floor_place *), void *arg);
/* Another number: the places, or what agents wish for after a talk, may have changed. */
uint64_t floor_place_changes(const struct floor *f);
/* 0; -ENOENT no such queue; -ESTALE too old; -EINVAL. */
int floor_restore_place(struct floor *f, const struct floor_place *place);

/* ---- commands; `who` (login of the commander, or "star code") goes into the log ----
 * 0; -ENOENT no such agent, queue or call; -EPROTO not possible in its state; -EINVAL unknown reason, skill,
 * disposition. */
int floor_agent_login(struct floor *f, const char *agent, bool ready, const char *who);
int floor_agent_logout(struct floor *f, const char *agent, const char *who);
int floor_agent_pause(struct floor *f, const char *agent, const char *reason,
                      const char *who); /* "" = none */
int floor_agent_unpause(struct floor *f, const char *agent, const char *who);
int floor_agent_wrap_done(struct floor *f, const char *agent, const char *who);
/* More time for wrap-up; ms 0: as much as the queue gives, or a minute. -EPROTO also when the agent has had
 * it all. */
int floor_agent_wrap_more(struct floor *f, const char *agent, uint32_t ms, const char *who);
/* The result of the talk, during it or in wrap-up; the last one is kept. */
int floor_agent_disposition(struct floor *f, const char *agent, const char *name, const char *who);
/* level 1..10, 0: takes the skill away, -1: as configured. Until the daemon ends. */
int floor_agent_skill(struct floor *f, const char *agent, const char *skill, int level, const char *who);
/* No new callers, until opened or a reload changes `closed`. */
int floor_queue_close(struct floor *f, const char *queue, const char *who);
int floor_queue_open(struct floor *f, const char *queue, const char *who);
int floor_call_hangup(struct floor *f, uint64_t call, const char *who); /* short number or record id */

/* ---- looking: fn is called once per object, in order of number; pointers are borrowed ---- */

struct floor_call_view {
    uint64_t number;   /* short, counts from the start of the daemon */
    uint64_t id;       /* of the contact record */
    const char *state; /* menu queued ringing talking hold direct playing ending */
    const char *caller, *caller_name, *called, *trunk, *queue, *menu_path;
    const char *agent;         /* who talks to it, or the first of those whose phones ring */
    uint32_t position;         /* in the queue, 0 = not waiting */
    uint64_t age_ms, state_ms; /* since it began; in this state */
    bool customer_new;
    uint64_t customer_id;
};
struct floor_agent_view {
    const char *id, *name, *reason, *queue;
    const char *disposition; /* given for the talk or wrap-up in progress, "" = none */
    struct acd_agent_view acd;
    uint64_t state_ms, timer_ms; /* in this state; left on its timer (0 = none) */
    uint64_t counted_ms;         /* of state_ms, what counts in `today`: not from before a restart */
    uint64_t call;               /* short number, 0 = none */
    uint32_t phones, phones_reachable;
    const struct stats_agent *today;
};
struct floor_queue_view {
    const char *name;
    struct acd_queue_view acd;
    uint64_t longest_ms; /* of those waiting now */
    const struct stats_queue *today;
    uint32_t service_level_ms;
};
struct floor_waiting_view {
    uint64_t number, id;
    const char *queue, *caller, *caller_name;
    uint32_t position;         /* in its queue */
    uint64_t wait_ms, line_ms; /* since it entered; since its place in line, earlier when resumed */
    uint64_t told_ms;          /* expected wait at entry; NEVER = could not be told */
    uint32_t step;
    const char *wants;             /* of an agent, now; "" = anybody of the queue */
    const char *rings;             /* agents whose phones ring for it */
    bool counted;                  /* false: there are too many calls and agents to look at each pair */
    uint32_t agents[ACD_WHY_NOTS]; /* of the queue, by why they do not get it; [ACD_WHY_QUEUE] is 0 */
};
struct floor_trunk_view {
    const char *name;
    struct ua_trunk_state state;
    uint64_t state_ms;
};
struct floor_registration_view {
    const char *agent;
    struct ua_binding binding;
    uint64_t expires_in_ms; /* NEVER for a fixed contact */
};
void floor_each_call(const struct floor *f, void (*fn)(void *arg, const struct floor_call_view *), void *arg);
void floor_each_agent(const struct floor *f, void (*fn)(void *arg, const struct floor_agent_view *),
                      void *arg);
void floor_each_queue(const struct floor *f, void (*fn)(void *arg, const struct floor_queue_view *),
                      void *arg);
/* In order of service over all queues, or of one (NULL = all). */
void floor_each_waiting(const struct floor *f, const char *queue,
                        void (*fn)(void *arg, const struct floor_waiting_view *), void *arg);
void floor_each_trunk(const struct floor *f, void (*fn)(void *arg, const struct floor_trunk_view *),
                      void *arg);
void floor_each_registration(const struct floor *f,
                             void (*fn)(void *arg, const struct floor_registration_view *), void *arg);

/* ---- one call explained ---- */

struct floor_story {
    uint64_t number, id;                    /* number 0: of an earlier run */
    const struct floor_call_view *call;     /* NULL: it is over */
    const struct floor_waiting_view *waits; /* NULL: it does not wait in a queue */
    uint32_t decisions;                     /* that are still known */
    bool truncated;                         /* the first ones are not */
};
struct floor_decision_view {
    uint64_t number, at_us; /* wall clock */
    const char *text;       /* acd_decision_text() */
};
struct floor_candidate_view { /* an agent of the queue in which the call waits */
    const char *id, *name;
    enum acd_why_not why;
    uint32_t tier; /* in that queue */
    enum acd_presence presence;
    enum acd_activity activity;
    uint64_t state_ms;  /* for so long */
    uint64_t busy_call; /* short number of the call the agent has, 0 = none */
};
struct floor_story_sink {
    void *arg;
    void (*begin)(void *arg, const struct floor_story *story);
    void (*decision)(void *arg, const struct floor_decision_view *decision);
    void (*agent)(void *arg, const struct floor_candidate_view *agent);
};
/* What is known about a call, by short number or record id: begin, each decision, and, while it waits, each
 * agent of its queue. 0 (also when nothing is known any more); -ENOENT: there was no such call. */
int floor_call_explain(const struct floor *f, uint64_t call, const struct floor_story_sink *sink);

/* What the reconciler finds and puts right: floor, distributor, SIP and media do not agree about it. Each is
 * a fault of the program; the target is 0. */
enum floor_repair {
    FLOOR_REPAIR_LEG_LOST,
    FLOOR_REPAIR_LEG_NOT_ENDED,
    FLOOR_REPAIR_LEG_STUCK,
    FLOOR_REPAIR_LEG_UNOWNED,
    FLOOR_REPAIR_LEG_DIFFERS,
    FLOOR_REPAIR_SIP_LEAK,
    FLOOR_REPAIR_MEDIA_LEAK,
    FLOOR_REPAIR_MEDIA_LOST,
    FLOOR_REPAIR_NOT_JOINED,
    FLOOR_REPAIR_JOINED,
    FLOOR_REPAIR_OFFER_LOST,
    FLOOR_REPAIR_TALK_LOST,
    FLOOR_REPAIR_DESK_BUSY,
    FLOOR_REPAIR_UNREACHABLE,
    FLOOR_REPAIR_REACHABLE,
    FLOOR_REPAIR_OTHER_LOST,
    FLOOR_REPAIR_OTHER_UNKNOWN,
    FLOOR_REPAIR_CALL_NOT_IN_LINE,
    FLOOR_REPAIR_CALL_GHOST,
    FLOOR_REPAIR_CALLER_LOST,
    FLOOR_REPAIR_CALL_NO_AGENT,
    FLOOR_REPAIR_CALL_STUCK,
    FLOOR_REPAIRS
};
const char *floor_repair_name(enum floor_repair kind);  /* "leg_lost" */
const char *floor_repair_found(enum floor_repair kind); /* what is wrong, in words */
const char *floor_repair_done(enum floor_repair kind);  /* what is done about it */

struct floor_counters {
    uint32_t calls, legs, waiting;
    uint64_t calls_total, refused_total, failed_total;
    uint64_t dead_total; /* legs ended because their other side was not there any more */
    uint64_t repairs[FLOOR_REPAIRS], reconcile_passes;
    uint64_t reconcile_us; /* the last pass, without the pauses in it */
    struct ua_counters ua;
    struct media_counters media;
    struct store_state store;
    /* microseconds from what made an offer possible (a caller came, an agent became free, a timer was due) to
     * "INVITE handed to SIP" */
    uint32_t dispatch_p50_us, dispatch_p99_us;
    uint64_t dispatches;
    uint64_t uptime_ms;
    bool draining;
};
void floor_counters(const struct floor *f, struct floor_counters *out);

/* Who a caller is, to find a lost place again: a hash of the number's digits, + and letters ("alice100" is
 * not "bob100"), the same everywhere and for ever; 0 when there are fewer than three digits, as in
 * "anonymous". */
uint64_t floor_caller_key(const char *number);

/* Every invariant over the whole floor (calls, legs, agents, acd_check). NULL, or what is broken. */
const char *floor_check(const struct floor *f);

#endif
