/* SPDX-License-Identifier: Apache-2.0
 * What systemd is told, and its watchdog. */
#include "callfloor/log.h"
#include "daemon/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

enum { STATUS_MS = 1000, EXTEND_US = 15000000 };

void daemon_notify_ready(struct daemon *d) {
    d->status[0] = 0;
    sd_notifyf(0, "READY=1\nSTATUS=ready");
    daemon_notify_status(d);
}

void daemon_notify_reloading(void) {
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)loop_now_us());
}

void daemon_notify_stopping(void) {
    sd_notify(0, "STOPPING=1");
}

void daemon_notify_status(struct daemon *d) {
    static const char *const phases[] = {"ready", "draining", "ending calls", "writing records", "ended"};
    struct floor_counters c;
    char status[sizeof d->status];
    uint64_t now_ms = loop_now_ms();
    if (now_ms < d->status_ms + STATUS_MS && d->status[0])
        return;
    d->status_ms = now_ms;
    if (d->phase != PHASE_RUNNING) /* limits.drain_ms decides, not TimeoutStopSec */
        sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%d", EXTEND_US);
    floor_counters(d->floor, &c);
    snprintf(status, sizeof status, "STATUS=%s: %u calls, %u waiting, %s", phases[d->phase], c.calls,
             c.waiting,
             !c.store.configured ? "no database"
             : c.store.connected ? "database connected"
                                 : "database away");
    if (!strcmp(status, d->status))
        return;
    str_copy(d->status, sizeof d->status, status);
    sd_notify(0, status);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg) {
    sd_notify(0, "WATCHDOG=1");
}

int daemon_watchdog_start(struct daemon *d) {
    uint64_t usec;
    if (sd_watchdog_enabled(0, &usec) <= 0)
        return 0;
    usec /= 2;
    struct timeval tv = {(time_t)(usec / 1000000), (suseconds_t)(usec % 1000000)};
    d->watchdog = event_new(loop_base(d->loop), -1, EV_PERSIST, on_watchdog, d);
    if (!d->watchdog || event_add(d->watchdog, &tv))
        return -ENOMEM;
    return 0;
}
