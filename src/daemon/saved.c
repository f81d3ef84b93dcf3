/* SPDX-License-Identifier: Apache-2.0
 * What outlives a restart, as JSON. A field that is 0 or empty is left out. */
#include "daemon/saved.h"
#include "callfloor/floor.h"
#include "callfloor/log.h"
#include "daemon/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- growing lists ---- */

struct list {
    void *item;
    size_t count, capacity;
    bool failed;
};

static void *append(struct list *list, size_t size) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        void *more = realloc(list->item, capacity * size);
        if (!more) {
            list->failed = true;
            return NULL;
        }
        list->item = more;
        list->capacity = capacity;
    }
    void *item = (char *)list->item + size * list->count++;
    memset(item, 0, size);
    return item;
}

/* ---- fields ---- */

static void put_number(json_t *object, const char *name, uint64_t value) {
    if (value)
        json_object_set_new(object, name, json_integer((json_int_t)value));
}
static void put_text(json_t *object, const char *name, const char *value) {
    if (*value)
        json_object_set_new(object, name, json_string(value));
}
static uint64_t number_of(const json_t *object, const char *name) {
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}
static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* Figures as a table: number by number, named as in the headers. */
struct figure {
    const char *name;
    size_t offset;
    bool wide;
};
#define WIDE(of, field)                                                                                      \
    { #field, offsetof(struct of, field), true }
#define NARROW(of, field)                                                                                    \
    { #field, offsetof(struct of, field), false }

static const struct figure queue_figures[] = {
    NARROW(stats_queue, offered),
    NARROW(stats_queue, answered),
    NARROW(stats_queue, abandoned),
    NARROW(stats_queue, short_abandoned),
    NARROW(stats_queue, other),
    NARROW(stats_queue, answered_in_time),
    NARROW(stats_queue, abandoned_in_time),
    WIDE(stats_queue, answered_wait_ms),
    WIDE(stats_queue, abandoned_wait_ms),
    WIDE(stats_queue, longest_wait_ms),
    WIDE(stats_queue, talk_ms),
    WIDE(stats_queue, hold_ms),
    WIDE(stats_queue, wrap_ms),
    WIDE(stats_queue, ring_ms),
    NARROW(stats_queue, handles),
    NARROW(stats_queue, resumed),
    NARROW(stats_queue, steps),
    NARROW(stats_queue, reserves),
};
static const struct figure agent_figures[] = {
    NARROW(stats_agent, offers),   NARROW(stats_agent, answered),   NARROW(stats_agent, missed),
    NARROW(stats_agent, rejected), NARROW(stats_agent, handles),    NARROW(stats_agent, lost_races),
    WIDE(stats_agent, ring_ms),    WIDE(stats_agent, talk_ms),      WIDE(stats_agent, hold_ms),
    WIDE(stats_agent, wrap_ms),    WIDE(stats_agent, logged_in_ms), WIDE(stats_agent, idle_ms),
    WIDE(stats_agent, pause_ms),   WIDE(stats_agent, other_ms),     WIDE(stats_agent, unreachable_ms),
    NARROW(stats_agent, pauses),
};
/* New figures are to be saved, too; then the size here is to be put right. */
_Static_assert(sizeof(struct stats_queue) == 28 + 4 + 7 * 8 + 4 + 4 * ACD_VISIT_RESULTS + 4 * 4,
               "figures of queues");
_Static_assert(sizeof(struct stats_agent) == 6 * 4 + 9 * 8 + 4 + 4, "figures of agents");

static void put_figures(json_t *object, const struct figure *figure, size_t count, const void *from) {
    for (size_t i = 0; i < count; i++) {
        const char *at = (const char *)from + figure[i].offset;
        uint32_t narrow;
        uint64_t wide;
        memcpy(&narrow, at, sizeof narrow);
        if (figure[i].wide)
            memcpy(&wide, at, sizeof wide);
        else
            wide = narrow;
        put_number(object, figure[i].name, wide);
    }
}
static void take_figures(const json_t *object, const struct figure *figure, size_t count, void *to) {
    for (size_t i = 0; i < count; i++) {
        char *at = (char *)to + figure[i].offset;
        uint64_t wide = number_of(object, figure[i].name);
        uint32_t narrow = wide < NEVER32 ? (uint32_t)wide : 0;
        if (figure[i].wide)
            memcpy(at, &wide, sizeof wide);
        else
            memcpy(at, &narrow, sizeof narrow);
    }
}

/* ---- state.json: copies ---- */

struct copied_agent {
    struct floor_saved_agent agent; /* its texts point nowhere */
    char id[NAME_LEN], reason[NAME_LEN], queue[NAME_LEN];
};
struct copied_place {
    struct floor_place place;
    char queue[NAME_LEN];
};
struct state_job {
    struct writer_job job;
    struct list agents, places;
    uint64_t id_ms;
    bool force;
    struct saved_last *last;
};

static void copy_agent(void *arg, const struct floor_saved_agent *agent) {
    struct state_job *state = arg;
    if (!agent->since_us && agent->presence == ACD_LOGGED_OUT)
        return; /* as it is without having been saved */
    struct copied_agent *copy = append(&state->agents, sizeof *copy);
    if (!copy)
        return;
    copy->agent = *agent;
    str_copy(copy->id, sizeof copy->id, agent->id);
    str_copy(copy->reason, sizeof copy->reason, agent->reason);
    str_copy(copy->queue, sizeof copy->queue, agent->queue);
}
static void copy_place(void *arg, const struct floor_place *place) {
    struct state_job *state = arg;
    struct copied_place *copy = append(&state->places, sizeof *copy);
    if (!copy)
        return;
    copy->place = *place;
    str_copy(copy->queue, sizeof copy->queue, place->queue);
}

/* ---- state.json: text, on the writer's thread ---- */

static json_t *agent_json(const struct copied_agent *copy) {
    const struct floor_saved_agent *a = &copy->agent;
    json_t *object = json_object();
    put_text(object, "id", copy->id);
    put_text(object, "presence", acd_presence_name(a->presence));
    put_text(object, "reason", copy->reason);
    put_number(object, "since_us", a->since_us);
    put_number(object, "idle_us", a->idle_us);
    put_number(object, "handles", a->handles);
    put_number(object, "talk_ms", a->talk_ms);
    put_text(object, "queue", copy->queue);
    put_number(object, "call", a->call);
    put_number(object, "talk_end_us", a->talk_end_us);
    put_number(object, "wrap_end_us", a->wrap_end_us);
    return object;
}
static json_t *place_json(const struct copied_place *copy) {
    char caller[20];
    json_t *object = json_object();
    snprintf(caller, sizeof caller, "%" PRIx64, copy->place.caller); /* a number in JSON has 63 bits */
    put_text(object, "queue", copy->queue);
    put_text(object, "caller", caller);
    put_number(object, "since_us", copy->place.since_us);
    put_number(object, "lost_us", copy->place.lost_us);
    return object;
}

/* NULL when it is the same as last. Takes json. */
static char *changed_text(json_t *json, bool force, struct saved_last *last) {
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (text && !force && last->text && !strcmp(text, last->text)) {
        free(text);
        return NULL;
    }
    free(last->text);
    last->text = text;
    return text ? strdup(text) : NULL;
}

static char *state_text(struct writer_job *job) {
    struct state_job *state = (struct state_job *)job;
    json_t *agents = json_array(), *places = json_array();
    for (size_t i = 0; i < state->agents.count; i++)
        json_array_append_new(agents, agent_json(&((struct copied_agent *)state->agents.item)[i]));
    for (size_t i = 0; i < state->places.count; i++)
        json_array_append_new(places, place_json(&((struct copied_place *)state->places.item)[i]));
    char *text =
        changed_text(json_pack("{s:o, s:o}", "agents", agents, "places", places), state->force, state->last);
    char *whole = NULL;
    /* the clock would make a difference each time */
    if (text && asprintf(&whole, "{\"version\":1,\"id_ms\":%" PRIu64 ",%s", state->id_ms, text + 1) < 0)
        whole = NULL;
    free(text);
    return whole;
}
static void drop_state(struct writer_job *job) {
    struct state_job *state = (struct state_job *)job;
    free(state->agents.item);
    free(state->places.item);
    free(state);
}

struct writer_job *saved_state(struct floor *floor, uint64_t id_ms, bool force, struct saved_last *last) {
    struct state_job *state = calloc(1, sizeof *state);
    if (!state)
        return NULL;
    *state =
        (struct state_job){.job = {state_text, drop_state}, .id_ms = id_ms, .force = force, .last = last};
    floor_each_saved_agent(floor, copy_agent, state);
    floor_each_place(floor, copy_place, state);
    if (state->agents.failed || state->places.failed) {
        drop_state(&state->job);
        return NULL;
    }
    return &state->job;
}

/* ---- today.json ---- */

struct copied_queue {
    char name[NAME_LEN];
    struct stats_queue today;
};
struct copied_figures {
    char id[NAME_LEN];
    struct floor_saved_figures figures; /* its id and today point nowhere */
    struct stats_agent today;
};
struct today_job {
    struct writer_job job;
    struct list queues, agents;
    uint32_t day;
    bool force;
    struct saved_last *last;
};

static void copy_queue(void *arg, const char *name, const struct stats_queue *today) {
    static const struct stats_queue nothing;
    struct today_job *t = arg;
    struct copied_queue *copy =
        memcmp(today, &nothing, sizeof nothing) ? append(&t->queues, sizeof *copy) : NULL;
    if (!copy)
        return;
    str_copy(copy->name, sizeof copy->name, name);
    copy->today = *today;
}
static void copy_figures(void *arg, const struct floor_saved_figures *figures) {
    static const struct stats_agent nothing;
    struct today_job *t = arg;
    if (figures->presence == ACD_LOGGED_OUT && !memcmp(figures->today, &nothing, sizeof nothing))
        return;
    struct copied_figures *copy = append(&t->agents, sizeof *copy);
    if (!copy)
        return;
    str_copy(copy->id, sizeof copy->id, figures->id);
    copy->figures = *figures;
    copy->today = *figures->today;
}

static json_t *queue_json(const struct copied_queue *copy) {
    json_t *object = json_object(), *ends = json_object();
    put_text(object, "name", copy->name);
    put_figures(object, queue_figures, ARRAY_LEN(queue_figures), &copy->today);
    for (int i = 0; i < ACD_VISIT_RESULTS; i++)
        put_number(ends, acd_visit_result_name((enum acd_visit_result)i), copy->today.ends[i]);
    json_object_set_new(object, "ends", ends);
    return object;
}
static json_t *figures_json(const struct copied_figures *copy) {
    json_t *object = json_object();
    put_text(object, "id", copy->id);
    put_text(object, "presence", acd_presence_name(copy->figures.presence));
    put_text(object, "activity", acd_activity_name(copy->figures.activity));
    put_number(object, "since_us", copy->figures.since_us);
    put_figures(object, agent_figures, ARRAY_LEN(agent_figures), &copy->today);
    return object;
}

static char *today_text(struct writer_job *job) {
    struct today_job *t = (struct today_job *)job;
    json_t *queues = json_array(), *agents = json_array();
    for (size_t i = 0; i < t->queues.count; i++)
        json_array_append_new(queues, queue_json(&((struct copied_queue *)t->queues.item)[i]));
    for (size_t i = 0; i < t->agents.count; i++)
        json_array_append_new(agents, figures_json(&((struct copied_figures *)t->agents.item)[i]));
    return changed_text(json_pack("{s:i, s:I, s:o, s:o}", "version", 1, "day", (json_int_t)t->day, "queues",
                                  queues, "agents", agents),
                        t->force, t->last);
}
static void drop_today(struct writer_job *job) {
    struct today_job *t = (struct today_job *)job;
    free(t->queues.item);
    free(t->agents.item);
    free(t);
}

struct writer_job *saved_today(struct floor *floor, bool force, struct saved_last *last) {
    struct today_job *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    *t = (struct today_job){
        .job = {today_text, drop_today}, .day = floor_day(floor), .force = force, .last = last};
    floor_each_saved_queue(floor, copy_queue, t);
    floor_each_saved_figures(floor, copy_figures, t);
    if (t->queues.failed || t->agents.failed) {
        drop_today(&t->job);
        return NULL;
    }
    return &t->job;
}

/* ---- reading ---- */

static bool presence_of(const char *name, enum acd_presence *presence) {
    for (int i = 0; i < ACD_PRESENCES; i++)
        if (!strcmp(name, acd_presence_name((enum acd_presence)i)))
            return *presence = (enum acd_presence)i, true;
    return false;
}
static bool activity_of(const char *name, enum acd_activity *activity) {
    for (int i = 0; i < ACD_ACTIVITIES; i++)
        if (!strcmp(name, acd_activity_name((enum acd_activity)i)))
            return *activity = (enum acd_activity)i, true;
    return false;
}

static void not_restored(const char *what, const char *name, int err) {
    if (err && err != -ENOENT) /* no longer in the configuration */
        log_warn("daemon", "event=%s_not_restored name=%s error=%d", what, log_value(name), -err);
}

static void restore_agent(const json_t *item, struct floor *floor, uint64_t cut_us) {
    struct floor_saved_agent agent = {
        .id = text_of(item, "id"),
        .reason = text_of(item, "reason"),
        .since_us = number_of(item, "since_us"),
        .idle_us = number_of(item, "idle_us"),
        .handles = (uint32_t)number_of(item, "handles"),
        .talk_ms = number_of(item, "talk_ms"),
        .queue = text_of(item, "queue"),
        .call = number_of(item, "call"),
        .talk_end_us = number_of(item, "talk_end_us"),
        .wrap_end_us = number_of(item, "wrap_end_us"),
    };
    if (!*agent.id)
        return;
    bool known = presence_of(text_of(item, "presence"), &agent.presence);
    not_restored("presence", agent.id, known ? floor_restore_agent(floor, &agent, cut_us) : -EINVAL);
}

static void restore_place(const json_t *item, struct floor *floor) {
    struct floor_place place = {.queue = text_of(item, "queue"),
                                .caller = strtoull(text_of(item, "caller"), NULL, 16),
                                .since_us = number_of(item, "since_us"),
                                .lost_us = number_of(item, "lost_us")};
    if (place.caller && place.since_us && place.lost_us) /* what is too old or of no queue is refused */
        (void)floor_restore_place(floor, &place);
}

void saved_restore_state(const struct json_t *json, struct floor *floor, uint64_t cut_us) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(json, "agents"), i, item) restore_agent(item, floor, cut_us);
    json_array_foreach(json_object_get(json, "places"), i, item) restore_place(item, floor);
}

static void restore_queue(const json_t *item, struct floor *floor) {
    struct stats_queue today = {0};
    const json_t *ends = json_object_get(item, "ends");
    take_figures(item, queue_figures, ARRAY_LEN(queue_figures), &today);
    for (int i = 0; i < ACD_VISIT_RESULTS; i++)
        today.ends[i] = (uint32_t)number_of(ends, acd_visit_result_name((enum acd_visit_result)i));
    not_restored("figures", text_of(item, "name"), floor_restore_queue(floor, text_of(item, "name"), &today));
}

static void restore_figures(const json_t *item, struct floor *floor, uint64_t cut_us) {
    struct stats_agent today = {0};
    struct floor_saved_figures figures = {
        .id = text_of(item, "id"), .since_us = number_of(item, "since_us"), .today = &today};
    take_figures(item, agent_figures, ARRAY_LEN(agent_figures), &today);
    if (!presence_of(text_of(item, "presence"), &figures.presence) ||
        !activity_of(text_of(item, "activity"), &figures.activity))
        figures.since_us = cut_us;
    not_restored("figures", figures.id, floor_restore_figures(floor, &figures, cut_us));
}

void saved_restore_today(const struct json_t *json, struct floor *floor, uint64_t cut_us) {
    size_t i;
    json_t *item;
    if (number_of(json, "day") != floor_day(floor))
        return;
    json_array_foreach(json_object_get(json, "queues"), i, item) restore_queue(item, floor);
    json_array_foreach(json_object_get(json, "agents"), i, item) restore_figures(item, floor, cut_us);
}
