/* SPDX-License-Identifier: Apache-2.0
 *
 * scenario: what happens besides the configuration. Who calls when and how patient they are, who works when,
 * what supervisors do, what fails. Read from a libconfig file (docs/simulator.md); plain data. Times of the
 * day count from local midnight.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "callfloor/conf.h"
#include "sim/draw.h"

enum { SCENARIO_DIGITS = 16, SCENARIO_BREAKS = 8 };

/* Calls that come for one purpose. */
struct arrivals {
    char number[NUMBER_LEN];      /* called; "" = one that leads to the queue */
    char queue[NAME_LEN];         /* wanted; "" = whatever the digits lead to */
    char digits[SCENARIO_DIGITS]; /* pressed in menus; "" = those that lead to the queue */
    uint64_t from_us, interval_us;
    double *count; /* calls expected in each interval */
    uint32_t intervals;
    bool exact; /* exactly so many; else random (Poisson) with this mean */
    int line;   /* of the file */
};

/* How callers of a queue are, and what their calls need. */
struct queue_habits {
    char name[NAME_LEN]; /* "" = of all queues not named */
    struct draw patience, talk, wrapup;
    double hold;  /* share of talks with a hold in it */
    double done;  /* share of wrap-ups that the agent ends as soon as the work is done */
    double more;  /* share of wrap-ups in which the agent asks for more time */
    double again; /* share of callers lost while waiting who call again */
    struct draw again_after;
    char exit_digit; /* pressed while waiting; 0 = none */
    double exit_share;
    struct draw exit_after;
    int line;
};

/* How agents are. */
struct agent_habits {
    struct draw answer;             /* from the first ringing */
    double no_answer, reject, busy; /* shares of offers */
    double pause_per_hour;          /* unplanned */
    struct draw pause;
    double own_call_per_hour; /* dials a star code or another agent */
    struct draw notice;       /* until the agent notices having been paused for calls missed */
};

struct shift_break {
    uint64_t at_us, length_us, stagger_us; /* stagger: so much later for each further agent of the shift */
    char reason[NAME_LEN];
};
struct shift {
    char *ids; /* "1001-1030, 1040" or "*" */
    uint64_t login_us, logout_us;
    struct shift_break rest[SCENARIO_BREAKS];
    uint32_t break_count;
    struct agent_habits habits;
    int line;
};

/* What a supervisor does. */
enum act_kind {
    ACT_CLOSE,
    ACT_OPEN,
    ACT_SKILL,
    ACT_LOGIN,
    ACT_LOGOUT,
    ACT_PAUSE,
    ACT_UNPAUSE,
    ACT_RELOAD,
    ACTS
};
struct act {
    enum act_kind kind;
    uint64_t at_us;
    char *agents; /* as in shift.ids */
    char queue[NAME_LEN], skill[NAME_LEN], reason[NAME_LEN];
    int level;  /* 0 = takes it away, -1 = as configured */
    char *path; /* ACT_RELOAD: the new configuration */
    int line;
};

/* What fails. Shares 0..1. */
struct faults {
    double unreachable_per_hour; /* per agent: the phone is gone for about a minute, and SIP knows */
    double dead_per_hour; /* per agent: the phone dies silently, in a talk too; found out within 30 s */
    double away_per_hour; /* per agent: does not answer any more, without a pause */
    double caller_lost;   /* of callers: the network drops the call */
    double lost_invite;   /* of offers: nothing ever comes from the phone */
    double lost_answer;   /* of offers: rings for ever, the 200 is lost */
    double late_answer;   /* of cancelled phones: their 200 crosses our CANCEL */
    double no_ringing;    /* of offers: a 200 without a 180 */
    double duplicate;     /* of reports by SIP, media, store: come twice */
    double lost_report;   /* of ends, played prompts, phones gone or back: SIP or media never tell */
    double database_away; /* of customer lookups: fail or come late */
    double late_loop;     /* of deadlines: seen up to late_loop_us after they were due */
    uint64_t late_loop_us;
    double stray_per_hour;      /* per agent: a command that may not fit the agent's state */
    double nonsense;            /* of callers with a plan: press something else first */
    uint32_t clock_jumps;       /* over the day: the wall clock steps by up to an hour, either way */
    uint32_t reloads;           /* over the day, under traffic */
    double reload_ringing;      /* of offers: a reload while the phone rings */
    const char *const *changed; /* texts the reloads take in turn; NULL = the same configuration again */
    uint32_t changed_count;
};

struct scenario {
    uint64_t begin_us;    /* of the day */
    uint64_t day_us;      /* how long calls come */
    uint64_t close_us;    /* so long at most agents stay for those who wait at the end */
    uint64_t interval_us; /* of the report */
    uint32_t calls;       /* without arrivals: spread over the day by the two-peak profile */
    uint32_t persons;     /* who they come from */
    struct queue_habits every_queue;
    struct agent_habits every_agent;
    struct faults faults;
    bool check; /* floor_check() after every event */
    const char *with,
        *without; /* agents who work all day, or do not come, whatever the shifts say; or NULL */
    /* owned by a scenario that was read from a file; NULL in those of the program */
    char *path;
    struct arrivals *arrivals;
    uint32_t arrivals_count;
    struct queue_habits *queue;
    uint32_t queue_count;
    struct shift *shift; /* none: everybody logs in at the beginning and stays */
    uint32_t shift_count;
    struct act *act;
    uint32_t act_count;
};
extern const struct scenario scenario_default; /* 20,000 calls in 24 h, a little of all that fails */
extern const struct scenario scenario_plain;   /* nothing fails, nobody does more than needed; no calls */

typedef void scenario_error_fn(void *arg, const char *message);
/* Into a copy of scenario_plain: what the file does not say does not happen. Problems are told as FILE:LINE:
 * ... ; 0 or -EINVAL. */
int scenario_load(struct scenario *s, const char *path, scenario_error_fn *errors, void *arg);
int scenario_parse(struct scenario *s, const char *text, scenario_error_fn *errors, void *arg);
/* Frees what a loaded scenario owns. */
void scenario_done(struct scenario *s);
/* Names in the scenario that the configuration does not have. 0 or -EINVAL. */
int scenario_check(const struct scenario *s, const struct conf *conf, scenario_error_fn *errors, void *arg);

const struct queue_habits *scenario_queue(const struct scenario *s, const char *name);
/* Does "1001-1030, 1040" name this agent? */
bool scenario_names(const char *ids, const char *id);
bool scenario_names_any(const char *ids, const struct conf *conf);
/* calls spread over day_us by weights, as expected counts of equal intervals. NULL: out of memory. */
double *scenario_spread(double calls, const double *weight, uint32_t count);
extern const double scenario_two_peaks[24];

#endif
