/* SPDX-License-Identifier: Apache-2.0
 * Decisions: kept in a ring, found by call, told in a line of text each. */
#include "acd/acd_decision.h"

#include "acd/acd_mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the ring ---- */

const struct acd_decision *acd_decisions_get(const struct acd_decisions *ring, uint64_t number) {
    if (!number || number > ring->last || ring->last - number >= ring->size)
        return NULL;
    const struct acd_decision *entry = &ring->item[number & ring->mask];
    return entry->number == number ? entry : NULL;
}

static uint64_t *bucket_of(const struct acd_decisions *ring, uint64_t call) {
    uint64_t hash = call * 0x9e3779b97f4a7c15u;
    return &ring->bucket[hash >> 32 & ring->mask];
}

uint64_t acd_decisions_last(const struct acd_decisions *ring, uint64_t call) {
    if (!ring->size || !call)
        return 0;
    uint64_t number = *bucket_of(ring, call);
    const struct acd_decision *entry;
    while ((entry = acd_decisions_get(ring, number)) && entry->call != call)
        number = ring->link[number & ring->mask].older;
    return entry ? number : 0;
}

/* The entry's place in its bucket and in its call's chain. */
static void link_in(struct acd_decisions *ring, const struct acd_decision *entry) {
    struct acd_decision_link *link = &ring->link[entry->number & ring->mask];
    *link = (struct acd_decision_link){0};
    if (acd_decisions_get(ring, entry->before))
        ring->link[entry->before & ring->mask].after = entry->number;
    if (entry->call) {
        uint64_t *bucket = bucket_of(ring, entry->call);
        link->older = *bucket;
        *bucket = entry->number;
    }
}

struct acd_decision *acd_decisions_add(struct acd_decisions *ring, uint64_t call, uint64_t *last) {
    uint64_t before = last && *last ? *last : acd_decisions_last(ring, call);
    uint64_t number = ++ring->last;
    struct acd_decision *entry = ring->size ? &ring->item[number & ring->mask] : &ring->scratch;
    *entry = (struct acd_decision){.number = number, .call = call, .before = before};
    if (ring->size)
        link_in(ring, entry);
    if (last)
        *last = number;
    return entry;
}

static int make(struct acd_decisions *ring, uint32_t size) {
    ring->size = ring->mask = 0;
    ring->item = NULL;
    ring->link = NULL;
    ring->bucket = NULL;
    if (!size)
        return 0;
    ring->item = acd_alloc(size * sizeof *ring->item);
    ring->link = acd_alloc(size * sizeof *ring->link);
    ring->bucket = acd_alloc(size * sizeof *ring->bucket);
    if (!ring->item || !ring->link || !ring->bucket) {
        acd_decisions_free(ring);
        return -ENOMEM;
    }
    ring->size = size;
    ring->mask = size - 1;
    return 0;
}

int acd_decisions_resize(struct acd_decisions *ring, uint32_t size) {
    struct acd_decisions other = {.last = ring->last};
    uint32_t rounded = size ? 1 : 0;
    while (rounded && rounded < size && rounded < ACD_DECISIONS_MAX)
        rounded *= 2;
    if (rounded == ring->size)
        return 0;
    if (make(&other, rounded))
        return -ENOMEM;
    uint32_t kept = rounded < ring->size ? rounded : ring->size;
    uint64_t number = ring->last > kept ? ring->last - kept + 1 : 1;
    for (; other.item && number <= ring->last; number++) {
        const struct acd_decision *entry = acd_decisions_get(ring, number);
        if (!entry)
            continue; /* made while the ring was smaller */
        other.item[number & other.mask] = *entry;
        link_in(&other, entry);
    }
    acd_decisions_free(ring);
    *ring = other;
    return 0;
}

void acd_decisions_free(struct acd_decisions *ring) {
    free(ring->item);
    free(ring->link);
    free(ring->bucket);
    *ring = (struct acd_decisions){.last = ring->last};
}

uint32_t acd_decisions_explain(const struct acd_decisions *ring, uint64_t call,
                               void (*fn)(void *, const struct acd_decision *), void *arg, bool *truncated) {
    const struct acd_decision *entry = acd_decisions_get(ring, acd_decisions_last(ring, call)), *before;
    uint32_t count = 0;
    while (entry && (before = acd_decisions_get(ring, entry->before)))
        entry = before;
    if (truncated)
        *truncated = entry && entry->before;
    for (; entry; entry = acd_decisions_get(ring, ring->link[entry->number & ring->mask].after)) {
        fn(arg, entry);
        count++;
    }
    return count;
}

/* ---- as text ---- */

#define NAME_OF(names, n) ((size_t)(n) < ARRAY_LEN(names) ? (names)[n] : "?")

const char *acd_decision_name(enum acd_decision_kind kind) {
    static const char *const names[ACD_DID_KINDS] = {
        [ACD_DID_ENTER] = "enter",     [ACD_DID_REFUSE] = "refuse", [ACD_DID_RESUME] = "resume",
        [ACD_DID_PREFER] = "prefer",   [ACD_DID_ANYONE] = "anyone", [ACD_DID_STEP] = "step",
        [ACD_DID_RESERVE] = "reserve", [ACD_DID_OFFER] = "offer",   [ACD_DID_PASS] = "pass",
        [ACD_DID_OVER] = "over",       [ACD_DID_LEAVE] = "leave"};
    return NAME_OF(names, kind);
}

const char *acd_why_not_name(enum acd_why_not why) {
    static const char *const names[ACD_WHY_NOTS] = {
        [ACD_WHY_ABLE] = "able",           [ACD_WHY_RINGS] = "rings",
        [ACD_WHY_QUEUE] = "other_queue",   [ACD_WHY_TIER] = "tier",
        [ACD_WHY_SKILL] = "skill",         [ACD_WHY_EXCLUDED] = "excluded",
        [ACD_WHY_PREFERRED] = "preferred", [ACD_WHY_LOGGED_OUT] = "logged_out",
        [ACD_WHY_PAUSED] = "paused",       [ACD_WHY_UNREACHABLE] = "unreachable",
        [ACD_WHY_BUSY] = "busy",           [ACD_WHY_WRAPUP] = "wrapup",
        [ACD_WHY_DELAY] = "delay"};
    return NAME_OF(names, why);
}

/* measure: what a score is under this strategy; NULL: it would only repeat the agent's number. */
static const struct {
    const char *name, *measure;
} strategies[CONF_STRATEGIES] = {[CONF_LONGEST_IDLE] = {"longest_idle", "idle_s"},
                                 [CONF_SKILL_THEN_IDLE] = {"skill_then_idle", "levels"},
                                 [CONF_FEWEST_CALLS] = {"fewest_calls", "calls"},
                                 [CONF_LEAST_TALK] = {"least_talk", "talk_s"},
                                 [CONF_ROUND_ROBIN] = {"round_robin", NULL},
                                 [CONF_LINEAR] = {"linear", NULL},
                                 [CONF_RANDOM] = {"random", "idle_s"},
                                 [CONF_WEIGHTED] = {"weighted", "weight"},
                                 [CONF_RING_ALL] = {"ring_all", "idle_s"},
                                 [CONF_RING_PROGRESSIVELY] = {"ring_progressively", "idle_s"},
                                 [CONF_SCORED] = {"scored", "score"}};

struct line {
    const struct conf *conf;
    char *text;
    size_t size;
    int used;
};

static void PRINTF_LIKE(2, 3) add(struct line *line, const char *format, ...) {
    va_list args;
    size_t used = (size_t)line->used;
    va_start(args, format);
    int more = vsnprintf(used < line->size ? line->text + used : NULL,
                         used < line->size ? line->size - used : 0, format, args);
    va_end(args);
    line->used += more > 0 ? more : 0;
}

/* Also of one that has gone from the configuration; a number where there is no name. */
static void add_agent(struct line *line, const char *key, uint32_t agent) {
    if (line->conf && agent && agent <= line->conf->agent_count)
        add(line, "%s%s", key, line->conf->agent[agent - 1].id);
    else
        add(line, "%s%" PRIu32, key, agent);
}
static void add_queue(struct line *line, uint32_t queue) {
    if (line->conf && queue && queue <= line->conf->queue_count)
        add(line, " queue=%s", line->conf->queue[queue - 1].name);
    else
        add(line, " queue=%" PRIu32, queue);
}

/* Thousandths, without needless zeros: 83.5 */
static void add_score(struct line *line, const char *key, int32_t score) {
    int64_t value = score;
    int digits = 3;
    uint64_t size = (uint64_t)(value < 0 ? -value : value), rest = size % 1000;
    for (; digits && rest % 10 == 0; digits--)
        rest /= 10;
    add(line, "%s%s%" PRIu64, key, value < 0 ? "-" : "", size / 1000);
    if (digits)
        add(line, ".%0*" PRIu64, digits, rest);
}

static bool scores_tell(const struct acd_decision *d) {
    for (int i = 0; i < ACD_OTHERS; i++)
        if (d->other[i].agent && d->other[i].score)
            return true;
    return d->score != 0;
}

static void add_offer(struct line *line, const struct acd_decision *d) {
    bool known = d->strategy < CONF_STRATEGIES;
    const char *measure = known && scores_tell(d) ? strategies[d->strategy].measure : NULL;
    add_agent(line, " agent=", d->agent);
    add(line, " strategy=%s", known ? strategies[d->strategy].name : "?");
    if (measure) {
        add(line, " %s", measure);
        add_score(line, "=", d->score);
    }
    add(line, " able=%" PRIu32, d->candidates);
    const char *key = " next=";
    for (int i = 0; i < ACD_OTHERS; i++) {
        if (!d->other[i].agent)
            continue;
        add_agent(line, key, d->other[i].agent);
        if (measure)
            add_score(line, ":", d->other[i].score);
        key = ",";
    }
    if (d->step)
        add(line, " step=%u", d->step);
    if (d->tier > 1)
        add(line, " tier=%u", d->tier);
    if (d->value)
        add(line, " ahead_blocked=%" PRIu32, d->value);
}

int acd_decision_text(const struct conf *conf, const struct acd_decision *d, char *text, size_t size) {
    struct line line = {conf, text, size, 0};
    add(&line, "%s", acd_decision_name(d->kind));
    switch ((enum acd_decision_kind)d->kind) {
    case ACD_DID_ENTER:
        add_queue(&line, d->queue);
        add(&line, " position=%" PRIu32, d->value);
        break;
    case ACD_DID_REFUSE:
        add_queue(&line, d->queue);
        add(&line, " result=%s %s=%" PRIu32, acd_visit_result_name(d->result),
            d->result == ACD_VISIT_TOO_LONG ? "expected_ms" : "waiting", d->value);
        break;
    case ACD_DID_RESUME:
        add_queue(&line, d->queue);
        add(&line, " older_ms=%" PRIu32, d->value);
        break;
    case ACD_DID_PREFER:
        add_agent(&line, " agent=", d->agent);
        add(&line, " for_ms=%" PRIu32, d->value);
        break;
    case ACD_DID_ANYONE:
        if (d->agent)
            add_agent(&line, " instead_of=", d->agent);
        if (d->why)
            add(&line, " why=%s", acd_why_not_name(d->why));
        break;
    case ACD_DID_STEP:
        add(&line, " step=%" PRIu32, d->value);
        if (d->tier > 1)
            add(&line, " tier=%u", d->tier);
        break;
    case ACD_DID_RESERVE:
        add_queue(&line, d->queue);
        add(&line, " tier=%" PRIu32, d->value);
        break;
    case ACD_DID_OFFER:
        add_offer(&line, d);
        break;
    case ACD_DID_PASS:
        add_agent(&line, " agent=", d->agent);
        add(&line, " why=%s", acd_why_not_name(d->why));
        break;
    case ACD_DID_OVER:
        add_agent(&line, " agent=", d->agent);
        add(&line, " result=%s", acd_offer_result_name(d->result));
        break;
    case ACD_DID_LEAVE:
        add_queue(&line, d->queue);
        add(&line, " result=%s", acd_visit_result_name(d->result));
        if (d->value)
            add(&line, " position=%" PRIu32, d->value);
        break;
    case ACD_DID_KINDS:
        break;
    }
    return line.used;
}
