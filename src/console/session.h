/* SPDX-License-Identifier: Apache-2.0
 *
 * session: one connection to the console. The common part (console_session.c) knows lines, limits, timers
 * and back-pressure; what a line means is the business of its kind: telnet (console_telnet.c: login, prompt)
 * or unix socket (console_socket.c: framed answers for callfloorctl).
 *
 * Nothing a client sends or fails to read can hold the control thread: input is bounded, at most
 * SESSION_LINES_PER_TURN commands run per turn, and no further one while the client has not taken the
 * answers before.
 */
#ifndef CALLFLOOR_CONSOLE_SESSION_H
#define CALLFLOOR_CONSOLE_SESSION_H

#include "console/command.h"
#include "console/login.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <libtelnet.h>
#include <sys/queue.h>
#include <sys/stat.h>

enum {
    SESSION_CHUNK = 4096,           /* input is looked at in pieces of this size */
    SESSION_INPUT_MAX = 64 << 10,   /* undone input; more is a flood */
    SESSION_LINE_FLOOD = 256 << 10, /* one line; beyond, its sender is not a person */
    SESSION_OUTPUT_MAX = 256 << 10, /* untaken output; above, no further command runs */
    SESSION_LINES_PER_TURN = 4,
    SESSION_WRITE_TIMEOUT_S = 30,  /* a reader that takes nothing for so long is closed */
    SESSION_CLOSE_MS = 5000,       /* for the last words */
    SESSION_LOGIN_MS = 60000,      /* from connect to login */
    SESSION_LOGIN_TRIES = 3,       /* per connection */
    SESSION_RATE_BYTES = 64 << 10, /* per second, TCP */
    SESSION_RATE_BURST = 256 << 10,
    SESSION_UNIX_MAX = 64, /* sessions on the unix socket */
};

struct session;
struct session_kind {
    void (*input)(struct session *s, const char *data, size_t length); /* raw bytes; calls session_typed() */
    void (*line)(struct session *s, char *line);                       /* one whole line, without its end */
    void (*too_long)(struct session *s);                               /* a line that was dropped */
    void (*released)(struct session *s);                               /* frees what the kind holds */
};

enum session_state { SESSION_USER, SESSION_PASSWORD, SESSION_CHECKING, SESSION_READY, SESSION_CLOSING };

struct session {
    LIST_ENTRY(session) entry;
    struct console *console;
    const struct session_kind *kind;
    struct bufferevent *bev;
    struct event *timer;
    struct evbuffer *typed; /* decoded input: lines end in \n */
    enum session_state state;
    bool admin, dropping, after_cr;
    bool eof;       /* the client writes no more; what it wrote is still answered */
    size_t dropped; /* bytes of the line being dropped */
    uint64_t began_ms, active_ms, close_ms;
    char source[ADDRESS_LEN], user[NAME_LEN], who[NAME_LEN + ADDRESS_LEN + 8];
    /* telnet */
    telnet_t *telnet;
    enum { IAC_NONE, IAC_SEEN, IAC_SUB, IAC_SUB_SEEN } iac;
    size_t sub_bytes; /* of subnegotiations, in all */
    uint64_t ticket;
    uint32_t tries;
};
LIST_HEAD(session_list, session);

struct console {
    struct loop *loop;
    struct command_env env;
    struct console_daemon daemon;
    struct login *login;
    struct ev_token_bucket_cfg *rate;
    struct session_list telnet_sessions, unix_sessions;
    uint32_t telnet_count, unix_count;
    struct evconnlistener *tcp, *local;
    struct event *accept_again; /* listeners that ran out of descriptors are tried again */
    uint16_t port;
    char socket_path[108];
    dev_t socket_dev;
    ino_t socket_inode;
};

extern const struct session_kind session_telnet, session_unix;

/* Takes fd (closed on failure). 0 or -ENOMEM. */
int session_create(struct console *console, const struct session_kind *kind, evutil_socket_t fd,
                   const char *source, struct session **sp);
/* Decoded input; CR LF, CR NUL, CR and LF each end a line. */
void session_typed(struct session *s, const char *data, size_t length);
void session_write(struct session *s, const char *data, size_t length);
/* Says the reason (may be NULL), then closes when it was taken, at the latest after SESSION_CLOSE_MS. */
void session_close(struct session *s, const char *reason);
/* Goes on with typed lines after a pause (a password was being checked). */
void session_resume(struct session *s);
void session_free(struct session *s);

/* For accepted connections. */
void telnet_accepted(struct console *console, evutil_socket_t fd, const struct sockaddr *peer);
void unix_accepted(struct console *console, evutil_socket_t fd);

/* Listeners (console_listen.c). 0 or -errno, logged. */
int console_listen_tcp(struct console *console);
int console_listen_unix(struct console *console);
void console_listen_end(struct console *console);

#endif
