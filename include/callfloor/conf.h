/* SPDX-License-Identifier: Apache-2.0
 *
 * conf: the whole configuration as plain data, checked and complete. Every folder may read it; only
 * `daemon` (conf_*.c) makes it, from libconfig text. It is never changed after it was made: a reload makes
 * a new one and swaps. Strings are never NULL ("" = not given).
 *
 * Numbers of agents, queues, menus, skills, trunks: 1-based positions in the arrays below, stable over
 * reloads: conf_load() is given the old configuration, keeps the numbers of names that stay, and leaves
 * `removed` entries where a name has gone. So a number means the same thing as long as the daemon runs.
 */
#ifndef CALLFLOOR_CONF_H
#define CALLFLOOR_CONF_H

#include "callfloor/base.h"

enum {
    CONF_MAX_AGENTS = 10000,
    CONF_MAX_QUEUES = 500,
    CONF_MAX_SKILLS = 200,
    CONF_MAX_MENUS = 500,
    CONF_MAX_TRUNKS = 200,
    CONF_MAX_NUMBERS = 10000,
};

/* Where a call goes next. In text: "menu:main", "queue:sales", "agent:1001", "play:closed" (once, then
 * hang up), "loop:music" (until the caller hangs up), "hangup". */
enum conf_target_kind {
    CONF_TARGET_NONE,
    CONF_TARGET_MENU,
    CONF_TARGET_QUEUE,
    CONF_TARGET_AGENT,
    CONF_TARGET_PLAY,
    CONF_TARGET_LOOP,
    CONF_TARGET_HANGUP,
};
struct conf_target {
    enum conf_target_kind kind;
    uint32_t id;  /* of the menu, queue or agent */
    char *prompt; /* PLAY, LOOP: prompt name */
};

struct conf_listen {
    bool tcp; /* else UDP */
    char *address;
    uint16_t port;
};

/* A carrier or PBX. INVITEs are trusted when they come from one of its peers. */
struct conf_peer {
    char *address;      /* numeric IPv4/IPv6, or a name (resolved asynchronously) */
    uint8_t prefix_len; /* network, e.g. 24; full length for one host */
    uint16_t port;      /* where we send to; default 5060 */
};
/* Called or calling number as the trunk gives it: strip n leading characters, then prepend. */
struct conf_rewrite {
    char *match; /* prefix that must be there, "" = any */
    uint32_t strip;
    char *prepend;
};
struct conf_trunk {
    char *name;
    bool removed;
    struct conf_peer *peer;
    uint32_t peer_count;
    bool tcp;
    bool probe; /* OPTIONS pings */
    uint32_t probe_interval_ms;
    char *register_user; /* "" = no outbound registration */
    char *register_password;
    char *register_domain;
    uint32_t register_expires_s;
    struct conf_rewrite *called, *calling;
    uint32_t called_count, calling_count;
    uint32_t max_calls; /* 0 = no limit of its own */
};

struct conf_number {
    char *number; /* as called, after rewriting; a trailing '*' matches any rest */
    struct conf_target target;
};

enum { CONF_DIGITS = 12 }; /* 0-9, *, # */
struct conf_menu {
    char *name;
    bool removed;
    char *welcome; /* prompt names; "" = none */
    char *prompt;
    char *invalid;
    char *timeout;
    char *goodbye; /* before hanging up after the last attempt */
    bool barge_in;
    uint32_t digit_timeout_ms;
    uint32_t attempts;
    struct conf_target choice[CONF_DIGITS]; /* index 0-9, 10 = '*', 11 = '#' */
    struct conf_target fallback;            /* after the last attempt; NONE = goodbye and hang up */
};

struct conf_skill_level {
    uint32_t skill; /* number in skill_name[] */
    uint32_t level; /* 1..10; on a queue: the least level wanted */
};

/* A wish for skills, written as "english >= 3 and (billing or sales >= 2)", in postfix order. A bare name
 * wants any level; a comparison with a skill that the agent does not have is false, whatever it compares. */
enum conf_test_kind { CONF_TEST_LEVEL, CONF_TEST_AND, CONF_TEST_OR, CONF_TEST_NOT };
struct conf_test {
    enum conf_test_kind kind;
    uint32_t skill;
    uint8_t least, most; /* LEVEL: both included */
};
enum { CONF_MAX_TESTS = 64 };
struct conf_require {
    char *text; /* as written; NULL or "" = everybody will do */
    struct conf_test *test;
    uint32_t count; /* at most CONF_MAX_TESTS; 0 = everybody will do */
};

/* How a queue picks among able idle agents. In all of them ties go to the longest idle, then to the lower
 * number. */
enum conf_strategy {
    CONF_LONGEST_IDLE,
    CONF_SKILL_THEN_IDLE,    /* highest sum of levels in the skills the queue names */
    CONF_FEWEST_CALLS,       /* handles since login */
    CONF_LEAST_TALK,         /* talk time since login */
    CONF_ROUND_ROBIN,        /* the next by number after the last one offered; memory kept over reloads */
    CONF_LINEAR,             /* always the lowest number */
    CONF_RANDOM,             /* all alike */
    CONF_WEIGHTED,           /* random, in proportion to the agents' weight */
    CONF_RING_ALL,           /* up to ring_max phones at once */
    CONF_RING_PROGRESSIVELY, /* one phone more each ring_step_ms, those that ring go on ringing */
    CONF_SCORED,             /* see struct conf_score */
    CONF_STRATEGIES
};

/* Scored strategy (../../docs/acd.md):
 *   skill * sum(level over the named skills)/(10 * named skills) + preferred * is the preferred agent
 *   + idle * min(idle, idle_cap)/idle_cap - waste * rare skills that the call does not need */
struct conf_score {
    uint32_t skill, preferred, idle, waste; /* 0..1000 */
    uint32_t idle_cap_ms;                   /* 0 = 600000 */
};

/* Order of service, one for all queues. */
enum conf_order {
    CONF_ORDER_PRIORITY, /* priority, then the place in time */
    CONF_ORDER_AGE,      /* the place in time alone */
    CONF_ORDER_SLACK,    /* least time left to the queue's service_level_ms */
    CONF_ORDER_AGEING,   /* priority + ageing * minutes waited, at most priority_max: highest first */
};

/* What a call wants after so long a wait, instead of what it wanted before. Its place in line stays. */
struct conf_step {
    uint32_t after_ms; /* since the place in time; ascending */
    struct conf_require require;
    uint32_t tier; /* agents up to this tier may take it, 1..9; 0 = 1 */
};

/* Agents of a higher tier help all callers of a queue while it is under load. It comes in when any of the
 * given limits is reached (0 = not given), and goes out when all are below the lower marks, but not before
 * hold_ms. */
struct conf_reserve {
    uint32_t tier;                                    /* 2..9: agents up to this tier come in */
    uint32_t waiting, waiting_back;                   /* callers; out when at most waiting_back wait */
    uint32_t expected_wait_ms, expected_wait_back_ms; /* of a caller who would come now (P80) */
    uint32_t slack_ms; /* the first in line has less than this left to service_level_ms; out with the rest */
    bool no_agents;    /* none of tier 1 is logged in and not paused */
    uint32_t hold_ms;
};

enum conf_wrapup {
    CONF_WRAPUP_LIMIT,       /* until "done" or the timer */
    CONF_WRAPUP_DISPOSITION, /* the same, but not before a disposition was given: timer and "done" wait */
};
enum conf_preferred { CONF_PREFERRED_NONE, CONF_PREFERRED_LAST, CONF_PREFERRED_OWNER };

struct conf_queue {
    char *name;
    bool removed;
    enum conf_strategy strategy;
    uint32_t priority;     /* 0..100, higher is served first */
    uint32_t ageing;       /* CONF_ORDER_AGEING: points per minute */
    uint32_t priority_max; /* CONF_ORDER_AGEING: cap of the score; 0 = none */
    uint32_t ring_ms;
    uint32_t ring_max;     /* RING_ALL, RING_PROGRESSIVELY: phones at once; 0 = all */
    uint32_t ring_step_ms; /* RING_PROGRESSIVELY; 0 = 5000 */
    struct conf_score score;
    uint32_t wrapup_ms;
    uint32_t wrapup_max_ms; /* cap over agents' own times; 0 = none */
    enum conf_wrapup wrapup_mode;
    uint32_t wrapup_extend_ms;  /* what one "more time" gives at most; 0 = as asked */
    uint32_t wrapup_extensions; /* how often; 0 = never, NEVER32 = always */
    uint32_t max_wait_ms;       /* 0 = for ever */
    uint32_t max_waiting;       /* callers; 0 = limits.calls */
    uint32_t service_level_ms;
    uint32_t short_abandon_ms;
    uint32_t missed_limit; /* missed offers in a row until not-ready(missed); 0 = never */
    uint32_t busy_delay_ms, reject_delay_ms, no_answer_delay_ms;
    char *music;                    /* prompt name, looped while waiting */
    char *greeting;                 /* played once on entry, "" = none */
    struct conf_skill_level *skill; /* required: all of them, and `require` too */
    uint32_t skill_count;
    struct conf_require require;
    struct conf_step *step; /* relaxation and escalation */
    uint32_t step_count;
    struct conf_reserve *reserve;
    uint32_t reserve_count;
    struct conf_target
        overflow; /* where a caller goes who was refused at the door or let out; NONE = hang up */
    /* join rules */
    bool closed;                   /* as configured; a supervisor may open it */
    bool need_agents;              /* refuse entry while nobody is logged in */
    bool need_unpaused;            /* refuse entry while all who are logged in are paused */
    uint32_t max_expected_wait_ms; /* refuse entry when the expected wait (P80) is longer; 0 = never */
    /* leave rules beside max_wait_ms */
    uint32_t empty_grace_ms; /* need_agents: so long after the last one left callers are let out */
    struct conf_target exit[CONF_DIGITS]; /* a digit pressed while waiting leads there; NONE = ignored */
    uint32_t
        resume_ms; /* who was lost while waiting and calls again within this gets the old place; 0 = off */
    enum conf_preferred preferred;
    uint32_t preferred_wait_ms; /* so long only the preferred agent is offered the call */
    /* what the expected wait starts from before it has learnt; 0 = 240000 and 120000 */
    uint32_t expected_handle_ms, expected_patience_ms;
};

struct conf_agent {
    char *id; /* extension and SIP user, e.g. "1001" */
    char *name;
    bool removed;
    char *password; /* plain, or "" */
    char *ha1;      /* 32 hex digits MD5(user:realm:password), or "" */
    char *contact;  /* fixed SIP URI instead of registering, or "" */
    struct conf_skill_level *skill;
    uint32_t skill_count;
    uint32_t *queue; /* numbers of the queues the agent serves */
    uint32_t queue_count;
    uint8_t *tier;          /* by position in queue[], 1..9; NULL = 1 everywhere */
    uint32_t weight;        /* CONF_WEIGHTED, 1..100; 0 = 1 */
    uint32_t own_wrapup_ms; /* instead of the queue's, under its wrapup_max_ms; 0 = the queue's */
    uint32_t wrapup_max_ms; /* cap over the queue's value; NEVER32 = no cap */
    bool auto_login;        /* ready as soon as the daemon starts and the phone is reachable */
    bool auto_answer;       /* ask the phone to answer by itself */
};
#define NEVER32 UINT32_MAX

struct conf_user { /* console and web */
    char *name;
    char *password_hash; /* crypt(3), e.g. yescrypt; never plain */
    bool admin;          /* else: may only look */
};

struct conf {
    char *path; /* file it came from */
    /* general */
    uint32_t node;       /* 1..127, part of record ids */
    char *state_dir;     /* journal, agents' presence */
    char *prompts_dir;   /* NAME.wav */
    char **pause_reason; /* allowed reasons; star code *2N picks the N-th */
    uint32_t pause_reason_count;
    char **disposition; /* results of a talk that agents may give; star code *4N picks the N-th */
    uint32_t disposition_count;
    /* distributor */
    enum conf_order order;
    uint32_t pause_keeps_place_ms; /* a longer pause starts the idle time afresh; 0 = none does */
    uint32_t rare_skill_percent;   /* CONF_SCORED: rare = held by less than this share of agents; 0 = 20 */
    uint32_t decisions;            /* kept in memory for `explain`; 0 = 65536 */
    /* sip */
    struct conf_listen *listen;
    uint32_t listen_count;
    char *realm;          /* digest realm */
    char *public_address; /* told in Contact and SDP; "" = the address of the socket */
    uint32_t register_min_s, register_max_s;
    uint32_t agent_probe_ms;    /* OPTIONS to each agent's phone; 0 = never */
    uint32_t session_expires_s; /* RFC 4028; 0 = not asked for */
    /* rtp */
    char *rtp_address;
    uint16_t rtp_port_min, rtp_port_max;
    uint32_t rtp_timeout_ms; /* event when nothing was received for so long; 0 = never */
    /* limits */
    uint32_t max_calls;
    uint32_t max_calls_per_second; /* of new INVITEs; above: 503 with Retry-After */
    uint32_t drain_ms;
    /* store */
    char *database;             /* libpq conninfo; "" = journal only */
    char *sql_dir;              /* migrations */
    uint64_t journal_max_bytes; /* new calls are refused when it is full */
    /* console, web */
    char *console_address;
    uint16_t console_port; /* 0 = off */
    char *console_socket;  /* unix socket, "" = off */
    uint32_t console_sessions;
    uint32_t console_idle_ms;
    char *web_address;
    uint16_t web_port; /* 0 = off */
    struct conf_user *user;
    uint32_t user_count;
    /* people, numbers, routing */
    struct conf_trunk *trunk;
    uint32_t trunk_count;
    struct conf_number *number;
    uint32_t number_count;
    struct conf_menu *menu;
    uint32_t menu_count;
    char **skill_name;
    uint32_t skill_count;
    struct conf_queue *queue;
    uint32_t queue_count;
    struct conf_agent *agent;
    uint32_t agent_count;
    struct conf_index *index; /* behind conf_find_*() and conf_route(); NULL when handmade: they search */
};

/* Entry by number; NULL when out of range or removed. */
const struct conf_agent *conf_agent(const struct conf *conf, uint32_t id);
const struct conf_queue *conf_queue(const struct conf *conf, uint32_t id);
const struct conf_menu *conf_menu(const struct conf *conf, uint32_t id);
const struct conf_trunk *conf_trunk(const struct conf *conf, uint32_t id);
/* Number by name; 0 when there is none (or it was removed). */
uint32_t conf_find_agent(const struct conf *conf, const char *id);
uint32_t conf_find_queue(const struct conf *conf, const char *name);
uint32_t conf_find_menu(const struct conf *conf, const char *name);
uint32_t conf_find_trunk(const struct conf *conf, const char *name);
/* Are the levels (by skill number, [0] unused, 0 = does not have it) what is wanted? */
bool conf_require_met(const struct conf_require *require, const uint8_t *level, uint32_t skill_count);
/* Longest match among the numbers; NULL when none. */
const struct conf_number *conf_route(const struct conf *conf, const char *called);

/* The part in `daemon`, which needs libconfig. errors: receives one line per problem,
 * "FILE:LINE: PATH: what is wrong (expected ...)", for as many problems as were found (50 at most). A line
 * with ": warning: " in it is no error: the file is taken all the same.
 * old: running configuration whose numbers are kept, or NULL. 0, -EINVAL (errors told), -ENOMEM. */
typedef void conf_error_fn(void *arg, const char *message);
int conf_load(struct conf **confp, const char *path, const struct conf *old, conf_error_fn *errors,
              void *arg);
/* The same from text (tests, simulator). */
int conf_parse(struct conf **confp, const char *text, const struct conf *old, conf_error_fn *errors,
               void *arg);
void conf_free(struct conf *conf);

#endif
