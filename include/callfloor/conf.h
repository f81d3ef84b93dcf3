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

/* How a queue picks among able idle agents. */
enum conf_strategy { CONF_LONGEST_IDLE, CONF_SKILL_THEN_IDLE };

struct conf_queue {
    char *name;
    bool removed;
    enum conf_strategy strategy;
    uint32_t priority; /* 0..100, higher is served first */
    uint32_t ring_ms;
    uint32_t wrapup_ms;
    uint32_t max_wait_ms; /* 0 = for ever */
    uint32_t max_waiting; /* callers; 0 = limits.calls */
    uint32_t service_level_ms;
    uint32_t short_abandon_ms;
    uint32_t missed_limit; /* missed offers in a row until not-ready(missed); 0 = never */
    uint32_t busy_delay_ms, reject_delay_ms, no_answer_delay_ms;
    char *music;                    /* prompt name, looped while waiting */
    char *greeting;                 /* played once on entry, "" = none */
    struct conf_skill_level *skill; /* required */
    uint32_t skill_count;
    struct conf_target
        overflow;     /* where a caller goes on timeout, full, or no agent logged in; NONE = stay */
    bool need_agents; /* refuse entry while nobody is logged in */
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
    uint32_t wrapup_max_ms; /* cap over the queue's value; NEVER32 = no cap */
    bool auto_login;        /* ready as soon as the daemon starts and the phone is reachable */
    bool auto_answer;       /* ask the phone to answer by itself (Call-Info/Alert-Info) */
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
