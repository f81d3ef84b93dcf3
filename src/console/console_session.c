/* SPDX-License-Identifier: Apache-2.0
 * What all connections have in common: lines, limits, timers, back-pressure, the end. */
#include "console/session.h"

#include "callfloor/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- timer ---- */

static uint64_t deadline(const struct session *s) {
    uint32_t idle_ms = s->console->env.conf->console_idle_ms;
    if (s->state == SESSION_CLOSING)
        return s->close_ms;
    uint64_t at = s->state == SESSION_READY ? NEVER : s->began_ms + SESSION_LOGIN_MS;
    if (idle_ms && s->active_ms + idle_ms < at)
        at = s->active_ms + idle_ms;
    return at;
}

static void arm(struct session *s) {
    uint64_t now = loop_now_ms(), at = deadline(s);
    uint64_t in = at == NEVER ? 3600000 : at > now ? at - now + 1 : 0;
    struct timeval tv = {(time_t)(in / 1000), (suseconds_t)(in % 1000 * 1000)};
    evtimer_add(s->timer, &tv);
}

/* Runs at the next turn, outside of every other callback of the session. */
static void arm_now(struct session *s) {
    struct timeval tv = {0, 0};
    evtimer_add(s->timer, &tv);
}

/* ---- lines ---- */

static bool full(const struct session *s) {
    return evbuffer_get_length(bufferevent_get_output(s->bev)) > SESSION_OUTPUT_MAX;
}

/* Removes control characters and what backspace took back. */
static void edit(char *line) {
    size_t n = 0;
    for (const char *p = line; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if ((c == 8 || c == 127) && n) {
            do
                n--;
            while (n && (line[n] & 0xc0) == 0x80);
        } else if (c >= 32 && c != 127) {
            line[n++] = (char)c;
        } else if (c == '\t') {
            line[n++] = ' ';
        }
    }
    line[n] = 0;
}

static void flood(struct session *s) {
    log_warn("console", "event=flood who=%s source=%s", log_value(s->who), log_value(s->source));
    session_close(s, "too much input");
}

/* Drops the rest of a line that is too long. False: its end has not come yet. */
static bool drop(struct session *s) {
    struct evbuffer_ptr end = evbuffer_search_eol(s->typed, NULL, NULL, EVBUFFER_EOL_LF);
    if (end.pos < 0) {
        s->dropped += evbuffer_get_length(s->typed);
        evbuffer_drain(s->typed, evbuffer_get_length(s->typed));
        if (s->dropped > SESSION_LINE_FLOOD)
            flood(s);
        return false;
    }
    s->dropped = 0;
    evbuffer_drain(s->typed, (size_t)end.pos + 1);
    s->dropping = false;
    s->kind->too_long(s);
    return true;
}

/* Takes one line. False when there is none yet. */
static bool take_line(struct session *s) {
    if (s->dropping)
        return drop(s);
    struct evbuffer_ptr end = evbuffer_search_eol(s->typed, NULL, NULL, EVBUFFER_EOL_LF);
    size_t length = end.pos < 0 ? evbuffer_get_length(s->typed) : (size_t)end.pos;
    char line[COMMAND_LINE_MAX + 1];
    if (length > COMMAND_LINE_MAX) {
        s->dropping = true;
        return drop(s);
    }
    if (end.pos < 0)
        return false;
    evbuffer_remove(s->typed, line, length);
    evbuffer_drain(s->typed, 1);
    line[length] = 0;
    edit(line);
    s->active_ms = loop_now_ms();
    s->kind->line(s, line);
    return true;
}

static void work(struct session *s) {
    for (int n = 0; s->state != SESSION_CLOSING && s->state != SESSION_CHECKING && !full(s); n++) {
        if (n == SESSION_LINES_PER_TURN) { /* what was typed is worked off before more is read */
            bufferevent_disable(s->bev, EV_READ);
            arm_now(s);
            return;
        }
        if (!take_line(s))
            break;
    }
    bool waiting = s->state == SESSION_CHECKING || full(s);
    if (s->eof && !waiting)
        session_close(s, NULL);
    if (s->state == SESSION_CLOSING)
        return;
    if (waiting || s->eof)
        bufferevent_disable(s->bev, EV_READ);
    else
        bufferevent_enable(s->bev, EV_READ);
    arm(s);
}

void session_resume(struct session *s) {
    arm_now(s);
}

void session_typed(struct session *s, const char *data, size_t length) {
    if (s->state == SESSION_CLOSING)
        return;
    for (size_t i = 0; i < length; i++) {
        char c = data[i];
        bool after_cr = s->after_cr;
        s->after_cr = c == '\r';
        if (after_cr && (c == '\n' || c == 0))
            continue;
        if (c == '\r')
            c = '\n';
        if (c)
            evbuffer_add(s->typed, &c, 1);
    }
    if (evbuffer_get_length(s->typed) > SESSION_INPUT_MAX)
        flood(s);
}

/* ---- bufferevent ---- */

static void on_read(struct bufferevent *bev, void *arg) {
    struct session *s = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    char chunk[SESSION_CHUNK];
    int n;
    while (s->state != SESSION_CLOSING && (n = evbuffer_remove(in, chunk, sizeof chunk)) > 0)
        s->kind->input(s, chunk, (size_t)n);
    if (s->state == SESSION_CLOSING)
        evbuffer_drain(in, evbuffer_get_length(in));
    work(s);
}

/* All output was taken. */
static void on_written(struct bufferevent *bev, void *arg) {
    struct session *s = arg;
    if (s->state == SESSION_CLOSING)
        s->close_ms = 0;
    arm_now(s);
}

static void on_event(struct bufferevent *bev, short what, void *arg) {
    struct session *s = arg;
    if (what & BEV_EVENT_EOF && s->state != SESSION_CLOSING) {
        s->eof = true;
        arm_now(s);
        return;
    }
    if (what & BEV_EVENT_TIMEOUT)
        log_info("console", "event=slow_reader who=%s source=%s", log_value(s->who), log_value(s->source));
    bufferevent_disable(bev, EV_READ | EV_WRITE);
    s->state = SESSION_CLOSING;
    s->close_ms = 0;
    arm_now(s);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct session *s = arg;
    if (loop_now_ms() >= deadline(s)) {
        if (s->state == SESSION_CLOSING) {
            session_free(s);
            return;
        }
        session_close(s, s->state == SESSION_READY ? "idle for too long" : "login took too long");
        return;
    }
    work(s);
}

/* ---- begin and end ---- */

int session_create(struct console *console, const struct session_kind *kind, evutil_socket_t fd,
                   const char *source, struct session **sp) {
    struct session *s = calloc(1, sizeof *s);
    bool local = kind == &session_unix;
    struct event_base *base = loop_base(console->loop);
    if (s) {
        s->console = console;
        s->kind = kind;
        s->began_ms = s->active_ms = loop_now_ms();
        str_copy(s->source, sizeof s->source, source);
        s->typed = evbuffer_new();
        s->timer = evtimer_new(base, on_timer, s);
        s->bev = s->typed && s->timer ? bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
    }
    if (!s || !s->bev) {
        evutil_closesocket(fd);
        if (s && s->timer)
            event_free(s->timer);
        if (s && s->typed)
            evbuffer_free(s->typed);
        free(s);
        return -ENOMEM;
    }
    LIST_INSERT_HEAD(local ? &console->unix_sessions : &console->telnet_sessions, s, entry);
    *(local ? &console->unix_count : &console->telnet_count) += 1;
    bufferevent_setcb(s->bev, on_read, on_written, on_event, s);
    bufferevent_set_timeouts(s->bev, NULL, &(struct timeval){SESSION_WRITE_TIMEOUT_S, 0});
    if (!local)
        bufferevent_set_rate_limit(s->bev, console->rate);
    bufferevent_enable(s->bev, EV_READ | EV_WRITE);
    arm(s);
    *sp = s;
    return 0;
}

void session_write(struct session *s, const char *data, size_t length) {
    bufferevent_write(s->bev, data, length);
}

void session_close(struct session *s, const char *reason) {
    if (s->state == SESSION_CLOSING)
        return;
    if (reason) {
        session_write(s, reason, strlen(reason));
        session_write(s, "\r\n", 2);
    }
    s->state = SESSION_CLOSING;
    bufferevent_disable(s->bev, EV_READ);
    bool nothing_left = !evbuffer_get_length(bufferevent_get_output(s->bev));
    s->close_ms = nothing_left ? 0 : loop_now_ms() + SESSION_CLOSE_MS;
    arm(s);
}

void session_free(struct session *s) {
    bool local = s->kind == &session_unix;
    LIST_REMOVE(s, entry);
    *(local ? &s->console->unix_count : &s->console->telnet_count) -= 1;
    s->kind->released(s);
    event_free(s->timer);
    bufferevent_free(s->bev);
    evbuffer_free(s->typed);
    free(s);
}
