/* SPDX-License-Identifier: Apache-2.0
 *
 * sim: a whole call center in virtual time. The floor is the daemon's own; around it stand fake SIP, media
 * and store ports, callers and agents made by seeded generators. One seed gives one run on every machine:
 * the hash of two builds must agree.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "callfloor/floor.h"
#include "sim/plan.h"
#include "sim/scenario.h"
#include "sim/tally.h"

struct world;
struct recorder;

struct world_result {
    uint64_t events, rows, row_errors, hash, calls, refused;
    uint64_t virtual_ms;
    uint64_t answered, abandoned, other, wait_ms_sum, in_time;
    uint64_t unplaced;  /* callers of the plan for whom no number leads to their queue */
    const char *broken; /* first invariant broken, NULL when none; valid as long as the world */
    uint64_t broken_at_ms;
};

extern const char world_default_conf[]; /* libconfig text: 50 agents, three queues, one menu */
/* The same center with other rules, for reloads under traffic: scenario.faults.changed. */
extern const char *const world_changed_conf[];
extern const uint32_t world_changed_conf_count;

/* conf: borrowed. 0 or -ENOMEM. The plan is made from scenario and seed. */
int world_create(struct world **wp, const struct conf *conf, const struct scenario *scenario, uint64_t seed);
/* plan: borrowed. */
int world_create_planned(struct world **wp, const struct conf *conf, const struct scenario *scenario,
                         const struct plan *plan, uint64_t seed);
void world_destroy(struct world *w);
/* Runs the day, then lets everybody go home; stops at the first broken invariant. */
void world_run(struct world *w, struct world_result *result);
struct floor *world_floor(struct world *w);
const struct conf *world_conf(const struct world *w); /* the last one, after reloads */
const struct tally *world_tally(const struct world *w);
/* Every row that the floor writes, as it is written. Before world_run(). */
void world_watch_rows(struct world *w, void (*fn)(void *arg, const struct record *row), void *arg);
bool world_row_is_first(const struct world *w); /* while fn runs: it is the row's first image */

/* ---- the truth: what happened to each caller, as seen from outside ----
 * Noted by the fakes, not by the floor: a phone rang when its INVITE came. What only the floor can know
 * (position, recorded results) is taken from its rows and marked "row". Times: world_now_us(), monotonic; the
 * distributor's now_ms is that / 1000. 0 = did not happen. */

struct world_offer { /* the phones of one agent rang for the call once */
    uint64_t row_id; /* row: of the offer; 0 = none was written */
    uint32_t agent;
    bool direct; /* row: not through a queue */
    uint64_t invited_us, rang_us, picked_up_us;
    uint64_t ended_us;            /* the phone stopped ringing, or the talk was over */
    uint16_t refused;             /* SIP status by which the phone refused */
    bool cancelled;               /* ended by the floor before anybody picked up */
    bool elsewhere;               /* cancelled because another phone had answered */
    enum acd_offer_result result; /* row; ACD_OFFER_RESULTS = still open */
};
struct world_visit {
    uint64_t row_id;
    uint32_t queue;
    uint64_t entered_us, left_us;       /* left_us 0: still waiting */
    uint32_t ahead;                     /* callers waiting in that queue when this one came */
    uint32_t position_in, position_out; /* row */
    enum acd_visit_result result;       /* row; ACD_VISIT_RESULTS = still open */
};
struct world_call {
    uint32_t caller;  /* 1-based in the plan; 0 = an agent called */
    uint32_t attempt; /* 1, 2...: called again after being lost */
    uint32_t person;
    uint64_t contact_id; /* of the contact row */
    uint64_t placed_us, answered_us, ended_us;
    bool hung_up;   /* the caller did */
    uint32_t leg;   /* the caller's */
    uint32_t agent; /* who talked to the caller, 0 = nobody */
    uint64_t joined_us, talk_ended_us;
    struct world_visit *visit;
    struct world_offer *offer;
    uint32_t visit_count, offer_count;
};
uint32_t world_calls(const struct world *w);
const struct world_call *world_call_at(const struct world *w, uint32_t i); /* 0.. in order of arrival */
const struct world_call *world_call_by_contact(const struct world *w, uint64_t contact_id); /* NULL: none */

/* ---- private to sim ---- */

typedef void world_fn(struct world *w, uint64_t a, uint64_t b);
uint64_t world_now_us(const struct world *w);
void world_at(struct world *w, uint64_t in_us, world_fn *fn, uint64_t a,
              uint64_t b); /* fn(w, a, b) in in_us */
void world_hash(struct world *w, const void *data, size_t size);
PRINTF_LIKE(2, 3) void world_broken(struct world *w, const char *format, ...);

enum { FAKE_PROMPT_US = 3000000 };
#define FAKE_FIRST_NUMBER 48500000000ull /* of person 0 */
/* Streams of a caller: what is drawn from each does not depend on what was drawn from others. */
enum world_stream {
    STREAM_ROUTE = 16,
    STREAM_PATIENCE,
    STREAM_TALK,
    STREAM_WRAP,
    STREAM_AGAIN,
    STREAM_EXIT,
    STREAM_LEG,
    STREAM_LOOKUP,
    STREAM_AGENT,
    STREAM_FAULT,
};

struct fake_leg {
    uint32_t id; /* 0: free */
    bool incoming, answered, over, media, playing, joined, joined_before, delayed_offer, held, mute;
    uint32_t agent, other, play_id;
    uint32_t call;  /* 1-based in w->call; 0 = none */
    uint32_t offer; /* 1-based in its offers */
    uint64_t stream, mute_us;
};

struct fake_agent {
    bool there, reachable; /* the phone */
    bool on_duty, on_break, away;
    uint64_t stream;
    uint64_t handle_id; /* the last one */
    const struct agent_habits *habits;
    const struct shift *shift;
    uint32_t duty_end; /* behind the last recorded duty; 0 = none */
};

struct fake_row {
    uint32_t call;
    uint32_t item; /* 1-based offer or visit of the call */
    uint8_t kind;
    bool known, closed, answered;
};

struct world {
    const struct conf *conf;
    struct scenario scenario;
    const struct plan *plan;
    struct plan *own_plan;
    struct floor *floor;
    struct ua_sink ua;
    struct media_sink media;
    struct store_sink store;
    uint64_t now_us, start_us, wall0_us, seed, noise, hash, events, sequence;
    int64_t wall_jump_us;
    struct world_event *heap;
    uint32_t heap_count, heap_capacity;
    struct fake_leg *leg; /* by slot index; grows */
    uint32_t leg_capacity;
    struct fake_agent *agent; /* by agent number; grows */
    uint32_t agent_count;
    struct world_call *call;
    uint32_t call_count, call_capacity, placing;
    struct route *route; /* by way */
    bool *routed;
    uint32_t *last_agent; /* by person: who talked to them last */
    uint32_t *waiting;    /* by queue: open visits */
    uint32_t queue_count;
    uint32_t ports_in_use;
    uint64_t rows, row_errors, first_id;
    struct fake_row *row; /* by id - first_id */
    uint64_t row_capacity;
    struct conf **reloaded; /* configurations made on the way */
    uint32_t reloaded_count;
    struct tally *tally;
    void (*row_fn)(void *arg, const struct record *row);
    void *row_arg;
    bool row_first;
    const char *broken;
    char broken_text[240];
    uint64_t broken_at_ms, unplaced;
    bool closing;
};

struct fake_leg *world_leg(struct world *w, uint32_t id); /* made when missing */
uint64_t world_stream(const struct world *w, const struct world_call *call, enum world_stream what);
struct ua_port fake_ua(struct world *w);
struct media_port fake_media(struct world *w);
struct store_port fake_store(struct world *w);
void fake_ua_hangup(struct world *w, struct fake_leg *leg, uint16_t status);
/* Rows that are open although nobody is there any more; 0 is right at the end. */
uint64_t fake_store_open_rows(const struct world *w);
/* What is told comes twice; what happened is never told. */
bool world_twice(struct world *w);
bool world_untold(struct world *w);

/* truth.c */
struct world_call *truth_call(struct world *w, uint32_t number); /* NULL for 0 */
uint32_t truth_new_call(struct world *w, uint32_t caller, uint32_t attempt, uint32_t person);
void truth_row(struct world *w, const struct record *r, struct fake_row *row, const struct fake_row *contact);
void truth_invited(struct world *w, struct fake_leg *leg, const char *caller_name);
struct world_offer *truth_offer(struct world *w, const struct fake_leg *leg); /* NULL: none */
void truth_done(struct world *w);

/* caller.c */
void caller_start(struct world *w);
void caller_answered(struct world *w, struct fake_leg *leg);
void caller_joined(struct world *w, struct fake_leg *caller, struct fake_leg *phone);
void caller_entered(struct world *w, struct world_call *call, uint32_t queue); /* a visit has begun */
void caller_ended(struct world *w, struct world_call *call);
void caller_agent_calls(struct world *w, uint32_t agent, const char *called);

/* phone.c */
void phone_invited(struct world *w, struct fake_leg *leg);

/* agent.c */
int agent_grow(struct world *w); /* room for what the configuration has */
void agent_start(struct world *w, uint32_t first);
void agent_back_to_work(struct world *w, uint32_t agent, uint64_t in_us);
void agent_go_home(struct world *w);
void agent_wrapping(struct world *w, const struct record_handle *row, struct world_call *call);
void agent_state_begins(struct world *w, const struct record_agent_state *row);
void agent_reachable(struct world *w, uint32_t agent, bool yes);
const struct agent_habits *agent_habits_of(const struct world *w, uint32_t agent);

/* fault.c, act.c */
void fault_start(struct world *w);
void fault_reload(struct world *w);
int fault_take_conf(struct world *w, struct conf *conf); /* owned by the world from here on */
void act_start(struct world *w);

#endif
