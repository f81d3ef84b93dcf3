/* SPDX-License-Identifier: Apache-2.0
 * The console over TCP: telnet options, login, prompt. */
#include "console/session.h"

#include "callfloor/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prompt[] = "callfloor> ";

static void say(struct session *s, const char *text) {
    for (;;) { /* telnet ends lines with CR LF */
        size_t n = strcspn(text, "\n");
        telnet_send(s->telnet, text, n);
        if (!text[n])
            return;
        telnet_send(s->telnet, "\r\n", 2);
        text += n + 1;
    }
}

/* Nothing of what is typed shall be shown: we claim to echo, and do not. */
static void hide_typing(struct session *s, bool hide) {
    telnet_negotiate(s->telnet, hide ? TELNET_WILL : TELNET_WONT, TELNET_TELOPT_ECHO);
}

/* ---- login ---- */

static void ask_user(struct session *s) {
    s->state = SESSION_USER;
    say(s, "login: ");
}

static void refuse(struct session *s) {
    uint64_t locked_ms = login_locked_ms(s->console->login, s->source);
    char text[128];
    if (locked_ms) {
        snprintf(text, sizeof text, "too many failed logins from here; try again in %llu s",
                 (unsigned long long)(locked_ms + 999) / 1000);
        session_close(s, text);
    } else if (++s->tries >= SESSION_LOGIN_TRIES) {
        session_close(s, "login failed");
    } else {
        say(s, "login failed\n");
        ask_user(s);
    }
}

static void on_checked(void *arg, enum console_login_result result, bool admin) {
    struct session *s = arg;
    s->ticket = 0;
    if (result == CONSOLE_LOGIN_OK) {
        s->state = SESSION_READY;
        s->admin = admin;
        s->active_ms = loop_now_ms();
        snprintf(s->who, sizeof s->who, "%s@%s", s->user, s->source);
        log_info("console", "event=login user=%s source=%s admin=%d", log_value(s->user),
                 log_value(s->source), admin);
        say(s, prompt);
    } else {
        refuse(s);
    }
    session_resume(s);
}

static void take_password(struct session *s, char *password) {
    hide_typing(s, false);
    say(s, "\n");
    if (strlen(password) >= LOGIN_PASSWORD_MAX) {
        refuse(s);
        return;
    }
    s->state = SESSION_CHECKING;
    s->ticket = login_begin(s->console->login, "telnet", s->source, s->user, password, on_checked, s);
    explicit_bzero(password, strlen(password));
    if (!s->ticket && login_locked_ms(s->console->login, s->source))
        refuse(s);
    else if (!s->ticket)
        session_close(s, "too many logins at once; try again");
}

static void take_user(struct session *s, const char *user) {
    if (!*user) {
        ask_user(s);
        return;
    }
    if (str_copy(s->user, sizeof s->user, user))
        str_copy(s->user, sizeof s->user,
                 "?"); /* nobody's name: it fails after the password like any other */
    s->state = SESSION_PASSWORD;
    hide_typing(s, true);
    say(s, "Password: ");
}

/* ---- commands ---- */

static void take_command(struct session *s, const char *line) {
    struct command_result result;
    command_run(&s->console->env, line, false, s->admin, s->who, &result);
    if (result.text)
        say(s, result.text);
    free(result.text);
    if (result.quit)
        session_close(s, "bye");
    else
        say(s, prompt);
}

static void on_line(struct session *s, char *line) {
    switch (s->state) {
    case SESSION_USER:
        take_user(s, line);
        break;
    case SESSION_PASSWORD:
        take_password(s, line);
        break;
    case SESSION_READY:
        take_command(s, line);
        break;
    case SESSION_CHECKING:
    case SESSION_CLOSING:
        break;
    }
}

static void on_too_long(struct session *s) {
    if (s->state == SESSION_PASSWORD)
        hide_typing(s, false);
    say(s, "the line is too long (more than 1024 bytes) and was dropped\n");
    if (s->state == SESSION_READY)
        say(s, prompt);
    else
        ask_user(s);
}

/* ---- telnet ---- */

static void on_iac(struct session *s, unsigned char command) {
    switch (command) {
    case TELNET_AYT:
        say(s, "[yes]\n");
        break;
    case TELNET_IP:
    case TELNET_ABORT:
        evbuffer_drain(s->typed, evbuffer_get_length(s->typed));
        if (s->state == SESSION_READY) {
            say(s, "\n");
            say(s, prompt);
        }
        break;
    case TELNET_EOF:
        session_close(s, NULL);
        break;
    default:
        break;
    }
}

static void on_telnet(telnet_t *telnet, telnet_event_t *event, void *arg) {
    struct session *s = arg;
    switch (event->type) {
    case TELNET_EV_DATA:
        session_typed(s, event->data.buffer, event->data.size);
        break;
    case TELNET_EV_SEND:
        session_write(s, event->data.buffer, event->data.size);
        break;
    case TELNET_EV_IAC:
        on_iac(s, event->iac.cmd);
        break;
    case TELNET_EV_ERROR:
        session_close(s, NULL);
        break;
    default: /* options are refused by libtelnet, having found none in our table */
        break;
    }
}

/* Subnegotiations are dropped here: none of them is legal, as we agree to no option, and libtelnet would
 * parse them all the same (compression included, which it starts because the peer says so). */
static size_t without_subnegotiations(struct session *s, const char *data, size_t length, char *out) {
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)data[i];
        switch (s->iac) {
        case IAC_NONE:
            if (c == TELNET_IAC)
                s->iac = IAC_SEEN;
            else
                out[n++] = (char)c;
            break;
        case IAC_SEEN:
            s->iac = c == TELNET_SB ? IAC_SUB : IAC_NONE;
            if (c != TELNET_SB) {
                out[n++] = (char)TELNET_IAC;
                out[n++] = (char)c;
            }
            break;
        case IAC_SUB:
            s->sub_bytes++;
            if (c == TELNET_IAC)
                s->iac = IAC_SUB_SEEN;
            break;
        case IAC_SUB_SEEN:
            s->iac = c == TELNET_SE ? IAC_NONE : IAC_SUB;
            break;
        }
    }
    return n;
}

static void on_input(struct session *s, const char *data, size_t length) {
    char clean[SESSION_CHUNK + 1]; /* an IAC of the chunk before may come on top */
    size_t n = without_subnegotiations(s, data, length, clean);
    if (s->sub_bytes > SESSION_INPUT_MAX)
        session_close(s, NULL);
    else
        telnet_recv(s->telnet, clean, n);
}

static void on_released(struct session *s) {
    login_cancel(s->console->login, s->ticket);
    if (s->telnet)
        telnet_free(s->telnet);
}

const struct session_kind session_telnet = {on_input, on_line, on_too_long, on_released};

static void address_of(const struct sockaddr *peer, char text[ADDRESS_LEN]) {
    const void *address = peer->sa_family == AF_INET6
                              ? (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)peer)->sin_addr;
    if (!inet_ntop(peer->sa_family, address, text, ADDRESS_LEN))
        str_copy(text, ADDRESS_LEN, "?");
}

void telnet_accepted(struct console *console, evutil_socket_t fd, const struct sockaddr *peer) {
    static const telnet_telopt_t none[] = {{-1, 0, 0}};
    static const char busy[] = "too many sessions\r\n";
    char source[ADDRESS_LEN];
    struct session *s;
    address_of(peer, source);
    if (console->telnet_count >= console->env.conf->console_sessions) {
        if (send(fd, busy, sizeof busy - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            log_debug("console", "event=busy_untold source=%s", log_value(source));
        evutil_closesocket(fd);
        return;
    }
    if (session_create(console, &session_telnet, fd, source, &s))
        return;
    str_copy(s->who, sizeof s->who, source);
    s->telnet = telnet_init(none, on_telnet, 0, s);
    if (!s->telnet) {
        session_close(s, "out of memory");
        return;
    }
    if (login_locked_ms(console->login, source)) {
        refuse(s);
        return;
    }
    say(s, "Callfloor console\n");
    ask_user(s);
}
