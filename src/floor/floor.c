/* SPDX-License-Identifier: Apache-2.0
 * The switchboard's life, its turn, and the one queue of work. */
#include "floor/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

enum { MAX_LEGS = 250000, DAY_CHECK_MS = 1000 };

uint64_t floor_now_us(const struct floor *f) {
    return f->clock.now_us(f->clock.ctx);
}

uint64_t floor_now_ms(const struct floor *f) {
    return floor_now_us(f) / 1000;
}

uint64_t floor_new_id(struct floor *f) {
    return f->next_id++;
}

struct desk *floor_desk(struct floor *f, uint32_t agent) {
    return agent && agent <= f->desk_count ? &f->desk[agent - 1] : NULL;
}

struct call *floor_call(const struct floor *f, uint64_t id) {
    struct call *call;
    HASH_FIND(hh, f->calls, &id, sizeof id, call);
    return call;
}

/* ---- work ---- */

static struct work *post(struct floor *f) {
    struct work_queue *q = f->pumping ? &f->inner : &f->outer;
    if (!f->pumping && f->wake)
        f->wake(f->arg);
    if (q->count == q->capacity) {
        uint32_t capacity = q->capacity ? 2 * q->capacity : 64;
        struct work *item = malloc(capacity * sizeof *item);
        if (!item) {
            f->out_of_memory = true;
            return NULL;
        }
        for (uint32_t i = 0; i < q->count; i++)
            item[i] = q->item[(q->first + i) % q->capacity];
        free(q->item);
        *q = (struct work_queue){item, 0, q->count, capacity};
    }
    return &q->item[(q->first + q->count++) % q->capacity];
}

static bool take(struct work_queue *q, struct work *out) {
    if (!q->count)
        return false;
    *out = q->item[q->first];
    q->first = (q->first + 1) % q->capacity;
    q->count--;
    return true;
}

/* What one event leads to has the same cause as that event. */
static uint64_t now_or_cause(const struct floor *f) {
    return f->pumping ? f->cause_us : floor_now_us(f);
}

void floor_post_acd(struct floor *f, const struct acd_event *event) {
    struct work *w = post(f);
    if (w)
        *w = (struct work){.kind = WORK_ACD, .posted_us = now_or_cause(f), .acd = *event};
}

void floor_post_call(struct floor *f, uint64_t call, const struct call_event *event) {
    struct work *w = post(f);
    if (w)
        *w = (struct work){.kind = WORK_CALL, .posted_us = now_or_cause(f), .call = call, .step = *event};
}

void floor_post_free(struct floor *f, uint64_t call) {
    struct work *w = post(f);
    if (w)
        *w = (struct work){.kind = WORK_FREE_CALL, .call = call};
}

void floor_post_route(struct floor *f, uint64_t call, const struct conf_target *target) {
    floor_post_call(f, call, &(struct call_event){.type = CALL_EV_ROUTE, .target = *target});
}

/* A call the distributor would not take (its queue went in a reload, no memory) would wait for ever. */
static void not_entered(struct floor *f, uint64_t id) {
    struct call *call = floor_call(f, id);
    if (!call)
        return;
    call->visit.leave_us = floor_call_time(f, call);
    str_copy(call->visit.result, sizeof call->visit.result, acd_visit_result_name(ACD_VISIT_FAILED));
    floor_put_visit(f, call);
    stats_visit_end(f->stats, f->conf, call->queue, ACD_VISIT_FAILED, 0);
    call->visit.id = 0;
    floor_post_call(f, id, &(struct call_event){.type = CALL_EV_FAIL});
}

int floor_acd_step(struct floor *f, const struct acd_event *what) {
    struct acd_event copy = *what, *event = &copy;
    char text[256];
    event->now_ms = floor_now_ms(f);
    /* a timer that is due comes before the event; how late it is belongs to the dispatch delay */
    uint64_t due_ms = acd_deadline(f->acd);
    if (due_ms <= event->now_ms && due_ms * 1000 < f->cause_us)
        f->cause_us = due_ms * 1000;
    f->effects.count = 0;
    int err = acd_step(f->acd, event, &f->effects);
    if (log_enabled(LOG_LEVEL_DEBUG, "acd")) {
        acd_event_text(event, text, sizeof text);
        log_debug("acd", "event=step result=%d what=%s", err, log_value(text));
    }
    if (err == -ENOMEM)
        f->out_of_memory = true;
    for (uint32_t i = 0; i < f->effects.count; i++)
        floor_effect(f, &f->effects.item[i]);
    if (err && event->type == ACD_EV_CALL_ENTER)
        not_entered(f, event->call);
    return err;
}

int floor_acd_now(struct floor *f, const struct acd_event *event) {
    floor_pump(f); /* what was posted before comes before */
    f->pumping = true;
    f->cause_us = floor_now_us(f);
    int err = floor_acd_step(f, event);
    f->pumping = false;
    floor_pump(f);
    return err;
}

void floor_pump(struct floor *f) {
    struct work w;
    if (f->pumping)
        return;
    f->pumping = true;
    while (take(&f->inner, &w) || take(&f->outer, &w)) {
        f->cause_us = w.posted_us;
        switch (w.kind) {
        case WORK_ACD:
            (void)floor_acd_step(f, &w.acd);
            break;
        case WORK_CALL:
            floor_call_step(f, w.call, &w.step);
            break;
        case WORK_FREE_CALL:
            floor_call_free(f, w.call);
            break;
        }
    }
    f->pumping = false;
    if (f->out_of_memory) {
        f->out_of_memory = false;
        log_error("floor", "event=out_of_memory");
    }
}

/* ---- the turn ---- */

static void check_day(struct floor *f, uint64_t now_ms) {
    time_t wall = (time_t)(f->clock.wall_us(f->clock.ctx) / 1000000);
    struct tm local;
    if (localtime_r(&wall, &local))
        stats_day(f->stats, (uint32_t)(local.tm_year * 366 + local.tm_yday), now_ms);
    f->day_check_ms = now_ms + DAY_CHECK_MS;
}

void floor_turn(struct floor *f) {
    uint64_t now_ms = floor_now_ms(f);
    struct deadline *first;
    if (now_ms >= f->day_check_ms)
        check_day(f, now_ms);
    floor_pump(f);
    while ((first = deadline_first(&f->deadlines)) && first->at_ms <= now_ms) {
        struct call *call = floor_call(f, first->key);
        deadline_clear(&f->deadlines, first);
        if (call)
            floor_call_deadline(f, call);
        floor_pump(f);
    }
    if (acd_deadline(f->acd) <= now_ms) {
        floor_post_acd(f, &(struct acd_event){.type = ACD_EV_TICK});
        floor_pump(f);
    }
    floor_reconcile_turn(f);
}

uint64_t floor_deadline(const struct floor *f) {
    if (f->outer.count || f->inner.count)
        return floor_now_ms(f);
    uint64_t at = acd_deadline(f->acd), call = deadline_next_ms(&f->deadlines),
             reconcile = floor_reconcile_deadline(f);
    if (reconcile < at)
        at = reconcile;
    return call < at ? call : at;
}

/* ---- life ---- */

static int grow_desks(struct floor *f, const struct conf *conf) {
    if (conf->agent_count <= f->desk_count)
        return 0;
    struct desk *desk = realloc(f->desk, conf->agent_count * sizeof *desk);
    if (!desk)
        return -ENOMEM;
    memset(desk + f->desk_count, 0, (conf->agent_count - f->desk_count) * sizeof *desk);
    f->desk = desk;
    f->desk_count = conf->agent_count;
    return 0;
}

int floor_create(struct floor **fp, const struct floor_setup *setup) {
    struct floor *f = calloc(1, sizeof *f);
    int err = -ENOMEM;
    if (!f)
        return -ENOMEM;
    f->conf = setup->conf;
    f->ua = setup->ua;
    f->media = setup->media;
    f->store = setup->store;
    f->clock = setup->clock;
    f->presence_changed = setup->presence_changed;
    f->wake = setup->wake;
    f->arg = setup->arg;
    f->first_id = f->next_id = setup->first_id;
    f->started_ms = floor_now_ms(f);
    if ((err = slots_init(&f->legs, MAX_LEGS)) || (err = stats_create(&f->stats)) ||
        (err = acd_create(&f->acd, setup->seed)) || (err = grow_desks(f, setup->conf)) ||
        (err = floor_reconcile_create(f)))
        goto fail;
    check_day(f, f->started_ms);
    floor_post_acd(f, &(struct acd_event){.type = ACD_EV_CONFIGURE, .conf = f->conf});
    floor_pump(f);
    *fp = f;
    return 0;
fail:
    floor_destroy(f);
    return err;
}

void floor_destroy(struct floor *f) {
    struct call *call, *next;
    if (!f)
        return;
    for (call = f->first_call; call; call = next) {
        next = call->next;
        HASH_DEL(f->calls, call);
        free(call);
    }
    for (uint32_t id = slots_next(&f->legs, 0); id; id = slots_next(&f->legs, id))
        free(slots_get(&f->legs, id));
    slots_done(&f->legs);
    deadlines_done(&f->deadlines);
    acd_destroy(f->acd);
    stats_destroy(f->stats);
    floor_reconcile_destroy(f);
    free(f->effects.item);
    free(f->outer.item);
    free(f->inner.item);
    free(f->desk);
    free(f);
}

/* Nobody can give one any more, so a wrap-up that waits for it would never end. */
static void let_off_dispositions(struct floor *f) {
    for (uint32_t agent = 1; agent <= f->conf->agent_count; agent++)
        floor_post_acd(f, &(struct acd_event){.type = ACD_EV_DISPOSITION, .agent = agent});
    floor_pump(f);
}

int floor_reload(struct floor *f, const struct conf *conf) {
    const struct conf *old = f->conf;
    int err = grow_desks(f, conf);
    if (err)
        return err;
    /* what was posted or is due may point into the old configuration */
    (void)floor_acd_now(f, &(struct acd_event){.type = ACD_EV_TICK});
    f->conf = conf;
    f->leaving = old;
    err = floor_acd_now(f, &(struct acd_event){.type = ACD_EV_CONFIGURE, .conf = conf});
    f->leaving = NULL;
    if (err) /* the distributor goes on with the old one */
        f->conf = old;
    for (struct call *call = f->first_call; call; call = call->next)
        if (call->target.prompt) /* of the one that goes; it has been played already */
            call->target.prompt = NULL;
    if (!err && old->disposition_count && !conf->disposition_count)
        let_off_dispositions(f);
    return err;
}

void floor_drain(struct floor *f, bool now) {
    f->draining = true;
    if (!now)
        return;
    f->drain_now = true;
    for (struct call *call = f->first_call; call; call = call->next)
        floor_post_call(f, call->id, &(struct call_event){.type = CALL_EV_FAIL});
    floor_pump(f);
}

bool floor_draining(const struct floor *f) {
    return f->draining;
}

uint32_t floor_calls(const struct floor *f) {
    return f->call_count ? f->call_count : f->leg_count;
}
