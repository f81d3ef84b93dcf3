/* SPDX-License-Identifier: Apache-2.0
 * The daemon: builds all parts, lets them run, takes them down. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "callfloor/console.h"
#include "callfloor/floor.h"
#include "callfloor/loop.h"
#include "callfloor/media.h"
#include "callfloor/sip.h"
#include "callfloor/store.h"
#include "callfloor/web.h"
#include "daemon/check.h"
#include "daemon/state.h"

struct event;

/* The way to the end; only daemon_stop.c changes it. */
enum phase {
    PHASE_RUNNING,
    PHASE_DRAINING, /* no new calls; waiting for those in progress, at most limits.drain_ms */
    PHASE_ENDING,   /* calls in progress are being ended */
    PHASE_FLUSHING, /* waiting for the last records to reach the disk */
    PHASE_OVER,
};

struct daemon {
    struct loop *loop;
    struct conf *conf;
    struct store *store;
    struct media *media;
    struct ua *ua;
    struct floor *floor;
    struct console *console;
    struct web *web;
    char *fixed[DAEMON_FIXED]; /* options that stay as they were at the start */
    struct state *state;       /* what outlives a restart */
    struct event *signals[3], *tick, *watchdog;
    enum phase phase;
    uint64_t phase_until_ms; /* of DRAINING, ENDING, FLUSHING */
    int notify_fd;           /* to systemd; -1 = none */
    char status[160];        /* as systemd was last told */
    char untold[80];         /* what it could not be told yet */
};

/* Everything up to "ready". conf is taken over. 0, or a negative errno, logged. */
int daemon_start(struct daemon *d, struct conf *conf);
/* Runs until it is told to end. */
int daemon_run(struct daemon *d);
/* Takes down what there is; for a half-built one too. */
void daemon_end(struct daemon *d);

/* Builds a new configuration from the file, swaps it in; a bad file changes nothing. message: for the one
 * who asked, may be NULL. 0 or a negative errno. */
int daemon_reload(struct daemon *d, char *message, size_t size);

/* Drain, then end; now: without waiting for calls in progress. */
void daemon_stop(struct daemon *d, bool now);
/* Moves on from phase to phase; returns when it wants to be called again. */
uint64_t daemon_stop_step(struct daemon *d, uint64_t now_ms);

/* Raises the limit of open files; warns when calls could not all have their sockets. */
void daemon_raise_limits(const struct conf *conf);
/* The one line a failed start leaves. */
int daemon_failed(int err, const char *what, const char *name);

/* ---- systemd; all do nothing outside of it, and none waits ---- */

/* Opens the way to systemd and pings its watchdog from the loop, at half its interval. */
int daemon_notify_start(struct daemon *d);
void daemon_notify_end(struct daemon *d);
void daemon_notify_ready(struct daemon *d);
void daemon_notify_reloading(struct daemon *d);
void daemon_notify_stopping(struct daemon *d);
/* Once a second: what `systemctl status` shows; while stopping, a request for more time. */
void daemon_notify_tick(struct daemon *d);

#endif
