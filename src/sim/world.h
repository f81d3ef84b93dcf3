/* SPDX-License-Identifier: Apache-2.0
 *
 * sim: a whole call center in virtual time. The floor is the daemon's own; around it stand fake SIP, media
 * and store ports, callers and agents made by a seeded generator. One seed gives one run on every machine:
 * world_hash() of two builds must agree.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "callfloor/floor.h"

struct world;

/* What happens besides the configuration. Durations in ms; shares 0..1. */
struct scenario {
    uint64_t day_ms;
    uint32_t calls; /* spread over the day by the two-peak profile, random (Poisson) within it */
    double talk_mean_ms, patience_mean_ms, answer_mean_ms;
    double wrap_done_share;         /* of agents who end wrap-up by themselves */
    double no_answer, reject, busy; /* shares of offers */
    double unreachable_per_hour;    /* per agent: phone gone for about a minute */
    double pause_per_hour;          /* per agent */
    double hold_share;              /* of talks with one hold in it */
    double late_answer_share;       /* of cancelled phones: their 200 crosses our CANCEL */
    double own_call_per_hour;       /* per agent: dials a star code or another agent */
    double database_away_share;     /* of customer lookups that fail or come late */
    uint32_t reloads;               /* over the day, under traffic */
    bool check;                     /* floor_check() after every event */
};
extern const struct scenario scenario_default; /* 20,000 calls in 24 h */

struct world_result {
    uint64_t events, rows, row_errors, hash, calls, refused;
    uint64_t virtual_ms;
    uint64_t answered, abandoned, other, wait_ms_sum, in_time;
    const char *broken; /* first invariant broken, NULL when none; valid as long as the world */
    uint64_t broken_at_ms;
};

extern const char world_default_conf[]; /* libconfig text: 50 agents, three queues, one menu */

/* conf: borrowed. 0 or -ENOMEM. */
int world_create(struct world **wp, const struct conf *conf, const struct scenario *scenario, uint64_t seed);
void world_destroy(struct world *w);
/* Runs the day, then lets everybody go home; stops at the first broken invariant. */
void world_run(struct world *w, struct world_result *result);
struct floor *world_floor(struct world *w);

/* ---- private to sim ---- */

typedef void world_fn(struct world *w, uint64_t a, uint64_t b);
uint64_t world_now_us(const struct world *w);
void world_at(struct world *w, uint64_t in_us, world_fn *fn, uint64_t a,
              uint64_t b);                      /* fn(w, a, b) in in_us */
double world_unit(struct world *w);             /* uniform in [0,1) */
double world_exp(struct world *w, double mean); /* exponential */
bool world_chance(struct world *w, double share);
void world_hash(struct world *w, const void *data, size_t size);
void world_broken(struct world *w, const char *what);

enum { WORLD_LEGS = 4096 }; /* by slot index */
struct fake_leg {
    uint32_t id; /* 0: free */
    bool incoming, answered, over, media, playing, joined, joined_before, held;
    uint32_t agent, other, play_id, trunk;
    bool in_menu;
};
struct fake_binding {
    bool there, reachable;
};

struct world {
    const struct conf *conf;
    struct scenario scenario;
    struct floor *floor;
    struct ua_sink ua;
    struct media_sink media;
    struct store_sink store;
    uint64_t now_us, wall0_us, rng, hash, events, sequence;
    struct world_event *heap;
    uint32_t heap_count, heap_capacity;
    struct fake_leg *leg; /* by slot index; grows */
    uint32_t leg_capacity;
    struct fake_binding *binding; /* by agent number */
    uint32_t ports_in_use;
    uint64_t rows, row_errors;
    struct fake_row *row; /* hash by id */
    const char *broken;
    char broken_text[240];
    uint64_t broken_at_ms;
    bool closing;
    uint64_t answered, abandoned, other, wait_ms_sum, in_time;
};

struct fake_leg *world_leg(struct world *w, uint32_t id); /* made when missing */
struct ua_port fake_ua(struct world *w);
struct media_port fake_media(struct world *w);
struct store_port fake_store(struct world *w);
void fake_store_done(struct world *w);
/* Rows that are open although nobody is there any more; 0 is right at the end. */
uint64_t fake_store_open_rows(const struct world *w, uint64_t *total);

/* traffic.c: how callers and agents behave */
void traffic_start(struct world *w);
void traffic_close(struct world *w); /* no new calls; agents log out when idle */
void traffic_caller_answered(struct world *w, struct fake_leg *leg);
void traffic_phone_invited(struct world *w, struct fake_leg *leg);
void traffic_joined(struct world *w, struct fake_leg *caller, struct fake_leg *phone);

#endif
