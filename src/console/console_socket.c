/* SPDX-License-Identifier: Apache-2.0
 * The console over the unix socket, for callfloorctl. Who may open it is an admin.
 *
 * Protocol: the client sends command lines; each is answered by one line "ok LENGTH" or "error LENGTH" and
 * LENGTH bytes of text (JSON when "-j" stood in the line). `quit` is answered, then the connection ends. */
#include "console/session.h"

#include "callfloor/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void answer(struct session *s, bool ok, const char *text) {
    char head[48];
    int n = snprintf(head, sizeof head, "%s %zu\n", ok ? "ok" : "error", strlen(text));
    session_write(s, head, (size_t)n);
    session_write(s, text, strlen(text));
}

static void on_line(struct session *s, char *line) {
    struct command_result result;
    command_run(&s->console->env, line, false, true, s->who, &result);
    answer(s, !result.err, result.text ? result.text : "out of memory\n");
    free(result.text);
    if (result.quit)
        session_close(s, NULL);
}

static void on_too_long(struct session *s) {
    answer(s, false, "the line is too long (more than 1024 bytes)\n");
}

static void on_input(struct session *s, const char *data, size_t length) {
    session_typed(s, data, length);
}

static void on_released(struct session *s) {}

const struct session_kind session_unix = {on_input, on_line, on_too_long, on_released};

void unix_accepted(struct console *console, evutil_socket_t fd) {
    struct ucred peer = {0};
    socklen_t length = sizeof peer;
    struct session *s;
    if (console->unix_count >= SESSION_UNIX_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length)) {
        log_warn("console", "event=refused socket=unix sessions=%u", console->unix_count);
        evutil_closesocket(fd);
        return;
    }
    if (session_create(console, &session_unix, fd, "unix", &s))
        return;
    s->state = SESSION_READY;
    s->admin = true;
    snprintf(s->who, sizeof s->who, "unix:uid=%u", (unsigned)peer.uid);
}
