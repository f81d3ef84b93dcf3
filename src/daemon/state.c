/* SPDX-License-Identifier: Apache-2.0
 * What outlives a restart: when it is read, given back, and saved. */
#include "daemon/state.h"
#include "callfloor/floor.h"
#include "callfloor/log.h"
#include "callfloor/loop.h"
#include "callfloor/sip.h"
#include "daemon/saved.h"
#include "daemon/writer.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_STATE, FILE_REGISTRATIONS, FILE_TODAY };
static const char *const file_names[WRITER_FILES] = {"state.json", "registrations.json", "today.json"};
enum {
    SOON_MS = 200,        /* changes of presence are gathered so long */
    EVERY_MS = 5000,      /* what else there is: wrap-ups, who waits, figures */
    LOOK_MS = 2000,       /* has the number of registrations changed? */
    REFRESH_MS = 30000,   /* registrations are compared as a whole */
    CLOCK_STEP_MS = 1000, /* more ids than one run makes within a second's worth of them */
    COST_SHARE = 20,      /* saving takes at most a 20th of the time */
    MAX_BYTES = 64 << 20,
};

struct state {
    struct writer *writer;
    json_t *saved, *today;         /* of the last run, until state_restore() */
    uint64_t alive_us;             /* when that was last alive; 0 = not known */
    char *registrations;           /* of the last run; afterwards what was saved last */
    uint64_t first_ms, started_ms; /* clock of this run's ids, and when that was */
    struct saved_last last_state, last_today;
    uint64_t places; /* floor_place_changes() when they were saved */
    bool force;      /* write even if nothing has changed */
    uint64_t due_ms, look_ms, refresh_ms, cost_ms;
    uint32_t registered;
};

/* ---- reading ---- */

/* The text of a file (malloc'ed), NULL when there is none or it is unreadable, which is logged. */
static char *read_text(const char *path) {
    FILE *file = fopen(path, "re");
    char *text = NULL;
    long size = -1;
    if (!file) {
        if (errno != ENOENT)
            log_warn("daemon", "event=state_unreadable file=%s error=%s", log_value(path),
                     log_value(strerror(errno)));
        return NULL;
    }
    if (!fseek(file, 0, SEEK_END))
        size = ftell(file);
    rewind(file);
    if (size >= 0 && size <= MAX_BYTES && (text = malloc((size_t)size + 1))) {
        size_t length = fread(text, 1, (size_t)size, file);
        text[length] = 0;
    } else {
        log_warn("daemon", "event=state_unreadable file=%s error=size", log_value(path));
    }
    fclose(file);
    return text;
}

static json_t *read_json(const char *path) {
    json_error_t error;
    char *text = read_text(path);
    if (!text)
        return NULL;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!json || json_integer_value(json_object_get(json, "version")) != 1) {
        log_warn("daemon", "event=state_damaged file=%s line=%d error=%s", log_value(path),
                 json ? 0 : error.line, log_value(json ? "version is not 1" : error.text));
        json_decref(json);
        json = NULL;
    }
    free(text);
    return json;
}

/* The store touches it each second; before it does so in this run, it tells of the last. */
static uint64_t alive_us(const char *dir) {
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/alive", dir);
    return stat(path, &st) ? 0 : (uint64_t)st.st_mtim.tv_sec * 1000000 + (uint64_t)st.st_mtim.tv_nsec / 1000;
}

int state_create(struct state **sp, const char *dir) {
    char path[WRITER_FILES][512];
    const char *paths[WRITER_FILES];
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        return -ENOMEM;
    for (int i = 0; i < WRITER_FILES; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s", dir, file_names[i]);
        paths[i] = path[i];
    }
    state->due_ms = NEVER;
    int err = writer_create(&state->writer, paths);
    if (err) {
        state_destroy(state);
        return err;
    }
    state->saved = read_json(path[FILE_STATE]);
    state->today = read_json(path[FILE_TODAY]);
    state->alive_us = alive_us(dir);
    state->registrations = read_text(path[FILE_REGISTRATIONS]);
    *sp = state;
    return 0;
}

void state_destroy(struct state *state) {
    if (!state)
        return;
    if (!writer_destroy(state->writer))
        return; /* its thread still hangs in the disk, and uses the rest */
    json_decref(state->saved);
    json_decref(state->today);
    free(state->registrations);
    free(state->last_state.text);
    free(state->last_today.text);
    free(state);
}

uint64_t state_first_ms(struct state *state, uint64_t wall_ms) {
    json_int_t last = json_integer_value(json_object_get(state->saved, "id_ms"));
    state->first_ms = wall_ms;
    if (last > 0 && (uint64_t)last >= wall_ms) {
        log_warn("daemon", "event=clock_went_back by_ms=%llu",
                 (unsigned long long)((uint64_t)last - wall_ms));
        state->first_ms = (uint64_t)last + CLOCK_STEP_MS;
    }
    state->started_ms = loop_now_ms();
    return state->first_ms;
}

/* ---- what the floor tells ---- */

static void restore(json_t **json, struct floor *floor, uint64_t cut_us,
                    void (*fn)(const struct json_t *json, struct floor *floor, uint64_t cut_us)) {
    if (*json)
        fn(*json, floor, cut_us);
    json_decref(*json);
    *json = NULL;
}

void state_restore(struct state *state, struct floor *floor, struct ua *ua) {
    struct clock_port clock = loop_clock();
    uint64_t wall_us = clock.wall_us(clock.ctx),
             cut_us = state->alive_us && state->alive_us < wall_us ? state->alive_us : wall_us;
    restore(&state->saved, floor, cut_us, saved_restore_state);
    restore(&state->today, floor, cut_us, saved_restore_today); /* after it: what it changed is no figure */
    if (state->registrations && ua_restore_bindings(ua, state->registrations))
        log_warn("daemon", "event=registrations_not_restored");
    state->due_ms = 0; /* this run's clock of ids is to be known before the next start */
    state->force = true;
}

void state_changed(struct state *state, uint64_t now_ms) {
    uint64_t wait = state->cost_ms * COST_SHARE > SOON_MS ? state->cost_ms * COST_SHARE : SOON_MS;
    if (now_ms + wait < state->due_ms)
        state->due_ms = now_ms + wait;
}

static void hand_over(struct state *state, int file, struct writer_job *job) {
    if (job)
        writer_put_job(state->writer, file, job);
    else
        log_error("daemon", "event=state_not_saved file=%s error=memory", file_names[file]);
}

static void save_floor(struct state *state, struct floor *floor, uint64_t now_ms) {
    uint64_t begin_ms = loop_now_ms();
    hand_over(
        state, FILE_STATE,
        saved_state(floor, state->first_ms + (now_ms - state->started_ms), state->force, &state->last_state));
    state->places = floor_place_changes(floor);
    hand_over(state, FILE_TODAY, saved_today(floor, state->force, &state->last_today));
    state->force = false;
    state->cost_ms = loop_now_ms() - begin_ms;
    state->due_ms =
        now_ms + (state->cost_ms * COST_SHARE > EVERY_MS ? state->cost_ms * COST_SHARE : EVERY_MS);
}

/* ---- registrations ---- */

static void save_registrations(struct state *state, struct ua *ua) {
    char *text = ua_save_bindings(ua);
    if (!text || (state->registrations && !strcmp(text, state->registrations))) {
        free(text);
        return;
    }
    free(state->registrations);
    state->registrations = strdup(text);
    writer_put(state->writer, FILE_REGISTRATIONS, text);
}

static void look_at_registrations(struct state *state, struct floor *floor, struct ua *ua, uint64_t now_ms) {
    struct floor_counters counters;
    if (now_ms < state->look_ms)
        return;
    floor_counters(floor, &counters);
    if (counters.ua.registrations != state->registered || now_ms >= state->refresh_ms) {
        save_registrations(state, ua);
        state->registered = counters.ua.registrations;
        state->refresh_ms = now_ms + REFRESH_MS;
    }
    state->look_ms = now_ms + LOOK_MS;
}

uint64_t state_step(struct state *state, struct floor *floor, struct ua *ua, uint64_t now_ms) {
    int file, err = writer_error(state->writer, &file);
    if (err) {
        log_error("daemon", "event=state_not_saved file=%s error=%s", file_names[file],
                  log_value(strerror(err)));
        state->force = true;
    }
    if (now_ms >= state->look_ms && floor_place_changes(floor) != state->places)
        state_changed(state, now_ms);
    if (now_ms >= state->due_ms)
        save_floor(state, floor, now_ms);
    look_at_registrations(state, floor, ua, now_ms);
    return state->due_ms < state->look_ms ? state->due_ms : state->look_ms;
}

void state_save_all(struct state *state, struct floor *floor, struct ua *ua, uint64_t now_ms) {
    state->force = true;
    save_floor(state, floor, now_ms);
    save_registrations(state, ua);
}
