/* SPDX-License-Identifier: Apache-2.0
 * What systemd is told, and its watchdog. Not by sd_notify(): that waits when the receiver does not read (its
 * queue holds ten messages), and the control thread never waits. */
#include "callfloor/log.h"
#include "daemon/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { EXTEND_US = 15000000 };

/* Connected to NOTIFY_SOCKET, or -1 when there is no systemd. */
static int open_socket(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (*path != '/' && *path != '@') || str_copy(address.sun_path, sizeof address.sun_path, path))
        return -1;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (*path == '@')
        address.sun_path[0] = 0; /* abstract: not ended by a zero byte */
    else
        size++;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, size)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool tell(struct daemon *d, const char *text) {
    return d->notify_fd < 0 || send(d->notify_fd, text, strlen(text), MSG_NOSIGNAL) >= 0 || errno != EAGAIN;
}

/* Must arrive: kept for the next tick when the receiver's queue is full; a later one replaces it. */
static void tell_surely(struct daemon *d, const char *text) {
    str_copy(d->untold, sizeof d->untold, tell(d, text) ? "" : text);
}

void daemon_notify_ready(struct daemon *d) {
    tell_surely(d, "READY=1\nSTATUS=ready");
    d->status[0] = 0;
}

void daemon_notify_reloading(struct daemon *d) {
    char text[80];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)loop_now_us());
    tell_surely(d, text);
}

void daemon_notify_stopping(struct daemon *d) {
    tell_surely(d, "STOPPING=1");
}

static void status(struct daemon *d) {
    static const char *const phases[] = {"ready", "draining", "ending calls", "writing records", "ended"};
    struct floor_counters c;
    char text[sizeof d->status];
    floor_counters(d->floor, &c);
    snprintf(text, sizeof text, "STATUS=%s: %u calls, %u waiting, %s", phases[d->phase], c.calls, c.waiting,
             !c.store.configured ? "no database"
             : c.store.connected ? "database connected"
                                 : "database away");
    if (strcmp(text, d->status) && tell(d, text))
        str_copy(d->status, sizeof d->status, text);
}

void daemon_notify_tick(struct daemon *d) {
    char text[sizeof d->untold];
    if (d->untold[0]) {
        str_copy(text, sizeof text, d->untold);
        tell_surely(d, text);
    }
    if (d->phase != PHASE_RUNNING) { /* limits.drain_ms decides, not TimeoutStopSec */
        snprintf(text, sizeof text, "EXTEND_TIMEOUT_USEC=%d", EXTEND_US);
        tell(d, text);
    }
    status(d);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg) {
    tell(arg, "WATCHDOG=1");
}

int daemon_notify_start(struct daemon *d) {
    uint64_t usec;
    d->notify_fd = open_socket();
    if (sd_watchdog_enabled(0, &usec) <= 0)
        return 0;
    usec /= 2;
    struct timeval tv = {(time_t)(usec / 1000000), (suseconds_t)(usec % 1000000)};
    d->watchdog = event_new(loop_base(d->loop), -1, EV_PERSIST, on_watchdog, d);
    if (!d->watchdog || event_add(d->watchdog, &tv))
        return -ENOMEM;
    return 0;
}

void daemon_notify_end(struct daemon *d) {
    if (d->watchdog)
        event_free(d->watchdog);
    if (d->notify_fd >= 0)
        close(d->notify_fd);
}
