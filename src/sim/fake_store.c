/* SPDX-License-Identifier: Apache-2.0
 * Fake store: keeps what matters of each row and checks that rows live as they should (semantics 3.1). */
#include "sim/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct fake_row {
    uint64_t id, parent;
    uint8_t kind;
    bool closed;
    uint32_t answered_offers; /* of a visit */
    UT_hash_handle hh;
};

static struct fake_row *find(const struct world *w, uint64_t id) {
    struct fake_row *row;
    HASH_FIND(hh, w->row, &id, sizeof id, row);
    return row;
}

static void wrong(struct world *w, const struct record *r, uint64_t id, const char *what) {
    char text[160];
    w->row_errors++;
    snprintf(text, sizeof text, "row %s %llu: %s", record_kind_name(r->kind), (unsigned long long)id, what);
    world_broken(w, text);
}

/* What all kinds have: id, begin, end (0 = open). */
static void outline(const struct record *r, uint64_t *id, uint64_t *parent, uint64_t *begin, uint64_t *end,
                    const char **result) {
    switch (r->kind) {
    case RECORD_CONTACT:
        *id = r->contact.id, *begin = r->contact.start_us, *end = r->contact.end_us,
        *result = r->contact.result;
        break;
    case RECORD_VISIT:
        *id = r->visit.id, *parent = r->visit.contact_id, *begin = r->visit.enter_us,
        *end = r->visit.leave_us;
        *result = r->visit.result;
        break;
    case RECORD_OFFER:
        *id = r->offer.id, *parent = r->offer.contact_id, *begin = r->offer.reserve_us,
        *end = r->offer.end_us;
        *result = r->offer.result;
        break;
    case RECORD_HANDLE:
        *id = r->handle.id, *parent = r->handle.contact_id, *begin = r->handle.start_us;
        *end = r->handle.wrap_end_us;
        *result = r->handle.ended_by;
        break;
    case RECORD_AGENT_STATE:
        *id = r->agent_state.id, *begin = r->agent_state.start_us, *end = r->agent_state.end_us;
        *result = *end ? "x" : "";
        break;
    case RECORD_KINDS:
        break;
    }
}

static void hash_record(struct world *w, const struct record *r) {
    size_t count;
    const struct record_field *field = record_fields(r->kind, &count);
    world_hash(w, &r->kind, 1);
    for (size_t i = 0; i < count; i++) {
        const char *at = (const char *)r + field[i].offset;
        world_hash(w, at, field[i].type == RECORD_TEXT ? strlen(at) : field[i].size);
    }
}

static void count(struct world *w, const struct record_visit *visit) {
    uint64_t wait_ms = (visit->leave_us - visit->enter_us) / 1000;
    uint32_t queue = conf_find_queue(w->conf, visit->queue);
    if (!strcmp(visit->result, "answered")) {
        w->answered++;
        w->wait_ms_sum += wait_ms;
        w->in_time += queue && wait_ms <= w->conf->queue[queue - 1].service_level_ms;
    } else if (!strcmp(visit->result, "abandoned")) {
        w->abandoned++;
    } else {
        w->other++;
    }
}

static int put(void *ctx, const struct record *r) {
    struct world *w = ctx;
    uint64_t id = 0, parent = 0, begin = 0, end = 0;
    const char *result = "";
    outline(r, &id, &parent, &begin, &end, &result);
    struct fake_row *row = find(w, id);
    w->rows++;
    hash_record(w, r);
    if (!id || !begin)
        wrong(w, r, id, "no id or no begin");
    if (end && (end < begin || !*result))
        wrong(w, r, id, "ends before it begins, or without a result");
    if (parent && !find(w, parent))
        wrong(w, r, id, "belongs to a contact that was never written");
    if (row && row->closed)
        wrong(w, r, id, "is written again after it was closed");
    if (row && row->kind != r->kind)
        wrong(w, r, id, "has changed its kind");
    if (!row) {
        row = calloc(1, sizeof *row);
        if (!row)
            return -ENOMEM;
        row->id = id;
        row->kind = (uint8_t)r->kind;
        row->parent = parent;
        HASH_ADD(hh, w->row, id, sizeof row->id, row);
    }
    if (end && r->kind == RECORD_VISIT)
        count(w, &r->visit);
    if (r->kind == RECORD_HANDLE && !row->closed && end) {
        const struct fake_row *offer = find(w, r->handle.offer_id);
        if (!offer || offer->kind != RECORD_OFFER || !offer->answered_offers)
            wrong(w, r, id, "has no offer that was answered");
        if (r->handle.end_us > end ||
            r->handle.talk_ms + r->handle.hold_ms != (r->handle.end_us - begin) / 1000)
            wrong(w, r, id, "talk and hold do not add up");
    }
    if (r->kind == RECORD_OFFER && !strcmp(r->offer.result, "answered"))
        row->answered_offers = 1;
    row->closed = end != 0;
    if (row->closed && r->kind == RECORD_AGENT_STATE) { /* many; nothing refers to them */
        HASH_DEL(w->row, row);
        free(row);
    }
    return 0;
}

static void found(struct world *w, uint64_t request, uint64_t number) {
    struct store_customer customer = {.id = number, .is_new = number % 3 == 0};
    w->store.customer(w->store.ctx, (uint32_t)request, &customer);
}

static int customer(void *ctx, uint32_t request, const char *number) {
    struct world *w = ctx;
    uint64_t value = 0;
    if (world_chance(w, w->scenario.database_away_share))
        return -ENOTCONN;
    (void)str_to_u64(number, &value);
    bool late = world_chance(w, w->scenario.database_away_share);
    world_at(w, late ? 100000 : 1000, found, request, late ? 0 : value);
    return 0;
}

static void state(void *ctx, struct store_state *out) {
    *out = (struct store_state){.configured = true, .connected = true};
}

struct store_port fake_store(struct world *w) {
    return (struct store_port){w, put, customer, state};
}

uint64_t fake_store_open_rows(const struct world *w, uint64_t *total) {
    uint64_t open = 0;
    *total = 0;
    for (const struct fake_row *row = w->row; row; row = row->hh.next) {
        (*total)++;
        open += !row->closed && row->kind != RECORD_AGENT_STATE;
    }
    return open;
}

void fake_store_done(struct world *w) {
    struct fake_row *row, *next;
    HASH_ITER (hh, w->row, row, next) {
        HASH_DEL(w->row, row);
        free(row);
    }
}
