/* SPDX-License-Identifier: Apache-2.0
 * What outlives a restart, as JSON: state.json (presence, places in line, clock) and registrations.json (made
 * by SIP). */
#include "daemon/state.h"
#include "callfloor/floor.h"
#include "callfloor/log.h"
#include "callfloor/loop.h"
#include "callfloor/sip.h"
#include "daemon/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_STATE, FILE_REGISTRATIONS };
static const char *const file_names[WRITER_FILES] = {"state.json", "registrations.json"};
enum {
    SOON_MS = 200,        /* changes are gathered so long */
    LOOK_MS = 2000,       /* has the number of registrations changed? */
    REFRESH_MS = 30000,   /* registrations are compared as a whole */
    WAITING_MS = 5000,    /* who waits is said to wait still: a place counts from when it was lost */
    CLOCK_STEP_MS = 1000, /* more ids than one run makes within a second's worth of them */
    COST_SHARE = 20,      /* saving takes at most a 20th of the time */
    MAX_BYTES = 64 << 20,
};

struct state {
    struct writer *writer;
    json_t *saved;                 /* of the last run, until state_restore() */
    char *registrations;           /* the same; afterwards what was saved last */
    uint64_t first_ms, started_ms; /* clock of this run's ids, and when that was */
    uint64_t *since_us;            /* of each agent's presence and reason, by number - 1; 0 = not known */
    uint32_t since_count;
    uint64_t due_ms, look_ms, refresh_ms, cost_ms;
    uint64_t places;     /* floor_place_changes() when they were saved */
    uint64_t waiting_ms; /* when they are saved again though nothing has changed; NEVER: there are none */
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
    state->due_ms = state->waiting_ms = NEVER;
    int err = writer_create(&state->writer, paths);
    if (err) {
        state_destroy(state);
        return err;
    }
    state->saved = read_json(path[FILE_STATE]);
    state->registrations = read_text(path[FILE_REGISTRATIONS]);
    *sp = state;
    return 0;
}

void state_destroy(struct state *state) {
    if (!state)
        return;
    writer_destroy(state->writer);
    json_decref(state->saved);
    free(state->registrations);
    free(state->since_us);
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

/* ---- presence ---- */

static void set_since(struct state *state, uint32_t agent, uint64_t since_us) {
    if (agent > state->since_count) {
        uint32_t count = agent + 100;
        uint64_t *grown = realloc(state->since_us, count * sizeof *grown);
        if (!grown)
            return; /* its beginning is then the time of the save */
        memset(grown + state->since_count, 0, (count - state->since_count) * sizeof *grown);
        state->since_us = grown;
        state->since_count = count;
    }
    state->since_us[agent - 1] = since_us;
}

static void restore_agent(struct state *state, const struct conf *conf, struct floor *floor, json_t *item) {
    const char *id = json_string_value(json_object_get(item, "id")),
               *presence = json_string_value(json_object_get(item, "presence")),
               *reason = json_string_value(json_object_get(item, "reason"));
    json_int_t since_us = json_integer_value(json_object_get(item, "since_us"));
    uint32_t agent = id ? conf_find_agent(conf, id) : 0;
    if (!agent || !presence || since_us < 0)
        return; /* no longer an agent */
    int err = floor_restore_agent(floor, id, presence, reason ? reason : "", (uint64_t)since_us);
    if (err)
        log_warn("daemon", "event=presence_not_restored agent=%s presence=%s error=%d", log_value(id),
                 log_value(presence), -err);
    else
        set_since(state, agent, (uint64_t)since_us);
}

/* A hash has 64 bits, a number in JSON 63. */
static void restore_place(struct floor *floor, json_t *item) {
    const char *queue = json_string_value(json_object_get(item, "queue")),
               *caller = json_string_value(json_object_get(item, "caller"));
    json_int_t since_us = json_integer_value(json_object_get(item, "since_us")),
               lost_us = json_integer_value(json_object_get(item, "lost_us"));
    if (queue && caller && since_us > 0 && lost_us > 0) /* what is too old or of no queue is refused */
        (void)floor_restore_place(floor, &(struct floor_place){queue, strtoull(caller, NULL, 16),
                                                               (uint64_t)since_us, (uint64_t)lost_us});
}

void state_restore(struct state *state, const struct conf *conf, struct floor *floor, struct ua *ua) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(state->saved, "agents"), i, item)
        restore_agent(state, conf, floor, item);
    json_array_foreach(json_object_get(state->saved, "places"), i, item) restore_place(floor, item);
    json_decref(state->saved);
    state->saved = NULL;
    if (state->registrations && ua_restore_bindings(ua, state->registrations))
        log_warn("daemon", "event=registrations_not_restored");
    state->due_ms = 0; /* this run's clock of ids is to be known before the next start */
}

static void soon(struct state *state, uint64_t now_ms) {
    uint64_t wait = state->cost_ms * COST_SHARE > SOON_MS ? state->cost_ms * COST_SHARE : SOON_MS;
    if (state->due_ms == NEVER)
        state->due_ms = now_ms + wait;
}

void state_changed(struct state *state, uint32_t agent, uint64_t now_ms, uint64_t wall_us) {
    set_since(state, agent, wall_us);
    soon(state, now_ms);
}

struct gather {
    const struct state *state;
    const struct conf *conf;
    uint64_t wall_us;
    json_t *agents;
};

/* What an agent wishes for after a talk holds: after a restart there is no talk. */
static void gather_agent(void *arg, const struct floor_agent_view *view) {
    struct gather *g = arg;
    uint32_t agent = conf_find_agent(g->conf, view->id);
    uint64_t since = agent && agent <= g->state->since_count ? g->state->since_us[agent - 1] : 0;
    enum acd_presence presence = view->acd.presence;
    const char *reason = view->reason;
    if (view->acd.pending) {
        presence = view->acd.pending_presence;
        reason = acd_reason_name(g->conf, view->acd.pending_reason);
        since = g->wall_us;
    }
    if (!since && presence == ACD_LOGGED_OUT)
        return; /* as it is without having been saved */
    json_array_append_new(g->agents, json_pack("{s:s, s:s, s:s, s:I}", "id", view->id, "presence",
                                               acd_presence_name(presence), "reason", reason ? reason : "",
                                               "since_us", (json_int_t)(since ? since : g->wall_us)));
}

static void gather_place(void *arg, const struct floor_place *place) {
    char caller[20];
    snprintf(caller, sizeof caller, "%" PRIx64, place->caller);
    json_array_append_new(arg, json_pack("{s:s, s:s, s:I, s:I}", "queue", place->queue, "caller", caller,
                                         "since_us", (json_int_t)place->since_us, "lost_us",
                                         (json_int_t)place->lost_us));
}

static void save_floor(struct state *state, const struct conf *conf, struct floor *floor, uint64_t now_ms) {
    struct clock_port clock = loop_clock();
    struct gather g = {state, conf, clock.wall_us(clock.ctx), json_array()};
    json_t *places = json_array();
    floor_each_agent(floor, gather_agent, &g);
    floor_each_place(floor, gather_place, places);
    state->places = floor_place_changes(floor);
    state->waiting_ms = json_array_size(places) ? now_ms + WAITING_MS : NEVER;
    json_t *json = json_pack("{s:i, s:I, s:o, s:o}", "version", 1, "id_ms",
                             (json_int_t)(state->first_ms + (now_ms - state->started_ms)), "agents", g.agents,
                             "places", places);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (text)
        writer_put(state->writer, FILE_STATE, text);
    state->due_ms = NEVER;
    state->cost_ms = loop_now_ms() - now_ms;
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

uint64_t state_step(struct state *state, const struct conf *conf, struct floor *floor, struct ua *ua,
                    uint64_t now_ms) {
    int file, err = writer_error(state->writer, &file);
    if (err)
        log_error("daemon", "event=state_not_saved file=%s error=%s", file_names[file],
                  log_value(strerror(err)));
    if (now_ms >= state->look_ms && state->due_ms == NEVER &&
        (floor_place_changes(floor) != state->places || now_ms >= state->waiting_ms))
        soon(state, now_ms);
    if (now_ms >= state->due_ms)
        save_floor(state, conf, floor, now_ms);
    look_at_registrations(state, floor, ua, now_ms);
    return state->due_ms < state->look_ms ? state->due_ms : state->look_ms;
}

void state_save_all(struct state *state, const struct conf *conf, struct floor *floor, struct ua *ua,
                    uint64_t now_ms) {
    save_floor(state, conf, floor, now_ms);
    save_registrations(state, ua);
}
