/* SPDX-License-Identifier: Apache-2.0
 * The way to the end: drain, end what is left, flush the records. One step per turn of the loop. */
#include "callfloor/log.h"
#include "daemon/daemon.h"

enum { END_MS = 5000, FLUSH_MS = 5000 };

static const char *const names[] = {"running", "draining", "ending", "flushing", "over"};

/* The one place that changes the phase. */
static void enter(struct daemon *d, enum phase phase, uint64_t limit_ms) {
    d->phase = phase;
    d->phase_until_ms = loop_now_ms() + limit_ms;
    log_info("daemon", "event=stop phase=%s calls=%u limit_ms=%llu", names[phase], floor_calls(d->floor),
             (unsigned long long)limit_ms);
    if (phase == PHASE_DRAINING || phase == PHASE_ENDING)
        floor_drain(d->floor, phase == PHASE_ENDING);
    if (phase == PHASE_OVER)
        loop_stop(d->loop);
}

void daemon_stop(struct daemon *d, bool now) {
    if (d->phase == PHASE_RUNNING)
        daemon_notify_stopping(d);
    if (now && d->phase < PHASE_ENDING)
        enter(d, PHASE_ENDING, END_MS);
    else if (!now && d->phase == PHASE_RUNNING)
        enter(d, PHASE_DRAINING, d->conf->drain_ms);
}

uint64_t daemon_stop_step(struct daemon *d, uint64_t now_ms) {
    bool late = now_ms >= d->phase_until_ms;
    switch (d->phase) {
    case PHASE_RUNNING:
    case PHASE_OVER:
        return NEVER;
    case PHASE_DRAINING:
        if (!floor_calls(d->floor))
            enter(d, PHASE_FLUSHING, FLUSH_MS);
        else if (late)
            enter(d, PHASE_ENDING, END_MS);
        break;
    case PHASE_ENDING:
        if (late && floor_calls(d->floor))
            log_warn("daemon", "event=calls_left calls=%u", floor_calls(d->floor));
        if (late || !floor_calls(d->floor))
            enter(d, PHASE_FLUSHING, FLUSH_MS);
        break;
    case PHASE_FLUSHING:
        if (!store_flushed(d->store) && !late)
            return now_ms + 10; /* the store has no event for it */
        if (late)
            log_warn("daemon", "event=records_left");
        enter(d, PHASE_OVER, 0);
        return NEVER;
    }
    return d->phase_until_ms;
}
