/* SPDX-License-Identifier: Apache-2.0
 * The parts are built, wired to each other, run and taken down here. */
#include "daemon/daemon.h"
#include "callfloor/log.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const int handled[] = {SIGTERM, SIGINT, SIGHUP};

int daemon_failed(int err, const char *what, const char *name) {
    log_error("daemon", "event=start_failed what=%s name=%s error=%s", what, log_value(name),
              log_value(strerror(-err)));
    return err;
}

void daemon_raise_limits(const struct conf *conf) {
    struct rlimit limit;
    /* a joined call: RTP and RTCP of two legs; besides them listeners, files, sessions, TCP connections */
    uint64_t wanted = (uint64_t)conf->max_calls * 4 + conf->console_sessions + 512;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted)
        log_warn("daemon", "event=few_descriptors limit=%llu wanted=%llu max_calls=%u",
                 (unsigned long long)limit.rlim_cur, (unsigned long long)wanted, conf->max_calls);
}

/* ---- events ---- */

static void on_signal(evutil_socket_t number, short what, void *arg) {
    struct daemon *d = arg;
    log_info("daemon", "event=signal number=%d", (int)number);
    if (number == SIGHUP)
        daemon_reload(d, NULL, 0);
    else
        daemon_stop(d, d->phase != PHASE_RUNNING);
}

static void on_tick(evutil_socket_t fd, short what, void *arg) {
    daemon_notify_tick(arg);
}

static uint64_t floor_hook(void *arg, uint64_t now_ms) {
    struct daemon *d = arg;
    if (!d->floor)
        return NEVER;
    floor_turn(d->floor);
    return floor_deadline(d->floor);
}

static uint64_t daemon_hook(void *arg, uint64_t now_ms) {
    struct daemon *d = arg;
    uint64_t stop_ms = daemon_stop_step(d, now_ms), state_ms = state_step(d->state, d->floor, d->ua, now_ms);
    return stop_ms < state_ms ? stop_ms : state_ms;
}

static void presence_changed(void *arg, uint32_t agent) {
    state_changed(((struct daemon *)arg)->state, loop_now_ms());
}

static void floor_has_work(void *arg) {
    loop_again(((struct daemon *)arg)->loop);
}

static int on_console_reload(void *arg, char *message, size_t size) {
    return daemon_reload(arg, message, size);
}
static void on_console_drain(void *arg, bool now) {
    daemon_stop(arg, now);
}

/* ---- building ---- */

static int make_state_dir(const char *path) {
    struct stat st;
    if (mkdir(path, 0750) && errno != EEXIST)
        return -errno;
    if (!stat(path, &st) && !S_ISDIR(st.st_mode))
        return -ENOTDIR;
    return access(path, R_OK | W_OK | X_OK) ? -errno : 0;
}

static int start_signals(struct daemon *d) {
    for (size_t i = 0; i < ARRAY_LEN(handled); i++) {
        d->signals[i] = evsignal_new(loop_base(d->loop), handled[i], on_signal, d);
        if (!d->signals[i] || event_add(d->signals[i], NULL))
            return -ENOMEM;
    }
    struct timeval second = {1, 0};
    d->tick = event_new(loop_base(d->loop), -1, EV_PERSIST, on_tick, d);
    if (!d->tick || event_add(d->tick, &second))
        return -ENOMEM;
    return daemon_notify_start(d);
}

static int create_parts(struct daemon *d) {
    struct clock_port clock = loop_clock();
    uint64_t wall_us = clock.wall_us(clock.ctx);
    const struct conf *conf = d->conf;
    uint64_t first_id = record_first_id(conf->node, state_first_ms(d->state, wall_us / 1000));
    struct store_setup store = {d->loop, conf, conf->sql_dir, first_id, wall_us};
    int err = store_create(&d->store, &store);
    if (err) /* about the journal it has told itself */
        return err == -ENOMEM ? daemon_failed(err, "store", conf->state_dir) : err;
    if ((err = media_create(&d->media, d->loop, conf)))
        return daemon_failed(err, "media", conf->rtp_address);
    if ((err = ua_create(&d->ua, d->loop, conf)))
        return daemon_failed(err, "sip", conf->path);
    struct floor_setup floor = {
        .conf = conf,
        .ua = ua_get_port(d->ua),
        .media = media_get_port(d->media),
        .store = store_get_port(d->store),
        .clock = clock,
        .first_id = first_id,
        .presence_changed = presence_changed,
        .wake = floor_has_work,
        .arg = d,
    };
    if (getrandom(&floor.seed, sizeof floor.seed, GRND_NONBLOCK) < 0)
        floor.seed = first_id;
    if ((err = floor_create(&d->floor, &floor)))
        return daemon_failed(err, "floor", conf->path);
    struct console_daemon self = {d, on_console_reload, on_console_drain};
    if ((err = console_create(&d->console, d->loop, d->floor, conf, &self)))
        return daemon_failed(err, "console", conf->path);
    if ((err = web_create(&d->web, d->loop, d->floor, d->console, conf)))
        return daemon_failed(err, "web", conf->path);
    return 0;
}

/* The parts get to know the floor; who cannot have its address says so itself. */
static int start_parts(struct daemon *d) {
    struct ua_sink ua = floor_ua_sink(d->floor);
    struct media_sink media = floor_media_sink(d->floor);
    struct store_sink store = floor_store_sink(d->floor);
    state_restore(d->state, d->floor, d->ua);
    store_start(d->store, &store);
    media_start(d->media, &media);
    int err = ua_start(d->ua, &ua);
    if (!err)
        err = console_start(d->console);
    return err ? err : web_start(d->web);
}

int daemon_start(struct daemon *d, struct conf *conf) {
    sigset_t set, before;
    d->conf = conf;
    d->notify_fd = -1;
    daemon_fixed_keep(d->fixed, conf);
    daemon_raise_limits(conf);
    int err = make_state_dir(conf->state_dir);
    if (err)
        return daemon_failed(err, "state_dir", conf->state_dir);
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(handled); i++)
        sigaddset(&set, handled[i]);
    signal(SIGPIPE, SIG_IGN);
    if ((err = loop_create(&d->loop)))
        return daemon_failed(err, "loop", "");
    pthread_sigmask(SIG_BLOCK, &set, &before); /* for the threads of the parts */
    err = state_create(&d->state, conf->state_dir);
    if (err)
        daemon_failed(err, "state", conf->state_dir);
    else if (!(err = loop_add_hook(d->loop, "floor", floor_hook, d)))
        err = create_parts(d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!err)
        err = start_parts(d);
    if (!err && ((err = loop_add_hook(d->loop, "daemon", daemon_hook, d)) || (err = start_signals(d))))
        daemon_failed(err, "events", "");
    if (err)
        return err;
    log_info("daemon", "event=ready version=" CALLFLOOR_VERSION " file=%s agents=%u queues=%u numbers=%u",
             log_value(conf->path), conf->agent_count, conf->queue_count, conf->number_count);
    daemon_log_missing_prompts(conf);
    daemon_notify_ready(d);
    return 0;
}

int daemon_run(struct daemon *d) {
    return loop_run(d->loop);
}

void daemon_end(struct daemon *d) {
    if (d->phase == PHASE_OVER)
        state_save_all(d->state, d->floor, d->ua, loop_now_ms());
    for (size_t i = 0; i < ARRAY_LEN(d->signals); i++)
        if (d->signals[i]) {
            event_free(d->signals[i]);
            signal(handled[i], SIG_IGN); /* it ends already, in good order */
        }
    if (d->tick)
        event_free(d->tick);
    daemon_notify_end(d);
    web_destroy(d->web);
    console_destroy(d->console);
    ua_destroy(d->ua);
    media_destroy(d->media);
    floor_destroy(d->floor);
    store_destroy(d->store);
    state_destroy(d->state);
    loop_destroy(d->loop);
    daemon_fixed_free(d->fixed);
    conf_free(d->conf);
}
