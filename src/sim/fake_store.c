/* SPDX-License-Identifier: Apache-2.0
 * Fake store: keeps what matters of each row and checks that rows live as they should (semantics 3.1). */
#include "sim/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What all kinds have: id, begin, end (0 = open). */
struct outline {
    uint64_t id, parent, begin, end;
    const char *result;
};

static struct outline outline(const struct record *r) {
    switch (r->kind) {
    case RECORD_CONTACT:
        return (struct outline){r->contact.id, 0, r->contact.start_us, r->contact.end_us, r->contact.result};
    case RECORD_VISIT:
        return (struct outline){r->visit.id, r->visit.contact_id, r->visit.enter_us, r->visit.leave_us,
                                r->visit.result};
    case RECORD_OFFER:
        return (struct outline){r->offer.id, r->offer.contact_id, r->offer.reserve_us, r->offer.end_us,
                                r->offer.result};
    case RECORD_HANDLE:
        return (struct outline){r->handle.id, r->handle.contact_id, r->handle.start_us, r->handle.wrap_end_us,
                                r->handle.ended_by};
    case RECORD_AGENT_STATE:
        return (struct outline){r->agent_state.id, 0, r->agent_state.start_us, r->agent_state.end_us,
                                r->agent_state.end_us ? "x" : ""};
    case RECORD_KINDS:
        break;
    }
    return (struct outline){.result = ""};
}

/* NULL: no such id was given out. */
static struct fake_row *row_at(struct world *w, uint64_t id) {
    uint64_t i = id - w->first_id;
    if (id < w->first_id || i > UINT32_MAX)
        return NULL;
    if (i >= w->row_capacity) {
        uint64_t capacity = w->row_capacity ? 2 * w->row_capacity : 65536;
        while (capacity <= i)
            capacity *= 2;
        struct fake_row *bigger = realloc(w->row, capacity * sizeof *bigger);
        if (!bigger)
            abort();
        memset(bigger + w->row_capacity, 0, (capacity - w->row_capacity) * sizeof *bigger);
        w->row = bigger;
        w->row_capacity = capacity;
    }
    return &w->row[i];
}

static struct fake_row *known(struct world *w, uint64_t id) {
    struct fake_row *row = id ? row_at(w, id) : NULL;
    return row && row->known ? row : NULL;
}

static void wrong(struct world *w, const struct record *r, uint64_t id, const char *what) {
    w->row_errors++;
    world_broken(w, "row %s %llu: %s", record_kind_name(r->kind), (unsigned long long)id, what);
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

static void check_handle(struct world *w, const struct record *r) {
    const struct fake_row *offer = known(w, r->handle.offer_id);
    if (!offer || offer->kind != RECORD_OFFER || !offer->answered)
        wrong(w, r, r->handle.id, "has no offer that was answered");
    if (r->handle.end_us > r->handle.wrap_end_us ||
        r->handle.talk_ms + r->handle.hold_ms != (r->handle.end_us - r->handle.start_us) / 1000)
        wrong(w, r, r->handle.id, "talk and hold do not add up");
}

static int put(void *ctx, const struct record *r) {
    struct world *w = ctx;
    struct outline o = outline(r);
    struct fake_row *row = row_at(w, o.id);
    w->rows++;
    hash_record(w, r);
    if (!row || !o.begin) {
        wrong(w, r, o.id, "no id or no begin");
        return 0;
    }
    if (o.end && (o.end < o.begin || !*o.result))
        wrong(w, r, o.id, "ends before it begins, or without a result");
    if (o.parent && !known(w, o.parent))
        wrong(w, r, o.id, "belongs to a contact that was never written");
    if (row->closed)
        wrong(w, r, o.id, "is written again after it was closed");
    if (row->known && row->kind != r->kind)
        wrong(w, r, o.id, "has changed its kind");
    bool closes = o.end && !row->closed;
    w->row_first = !row->known;
    row->known = true;
    row->kind = (uint8_t)r->kind;
    truth_row(w, r, row, known(w, o.parent));
    row = row_at(w, o.id);
    if (closes && r->kind == RECORD_HANDLE)
        check_handle(w, r);
    if (r->kind == RECORD_OFFER && !strcmp(r->offer.result, acd_offer_result_name(ACD_OFFER_ANSWERED)))
        row->answered = true;
    row->closed = o.end != 0;
    if (closes)
        tally_row(w->tally, w->conf, r, w->now_us);
    if (w->row_fn)
        w->row_fn(w->row_arg, r);
    return 0;
}

/* ---- customers ---- */

static void found(struct world *w, uint64_t request, uint64_t number) {
    struct store_customer customer = {.id = number, .is_new = number % 3 == 0};
    uint64_t person = number - FAKE_FIRST_NUMBER;
    if (number && person < w->plan->persons) {
        uint32_t last = w->last_agent[person], owner = (uint32_t)(person % w->conf->agent_count) + 1;
        if (last)
            str_copy(customer.last_agent, sizeof customer.last_agent, w->conf->agent[last - 1].id);
        if (person % 3 == 1)
            str_copy(customer.owner_agent, sizeof customer.owner_agent, w->conf->agent[owner - 1].id);
    }
    w->store.customer(w->store.ctx, (uint32_t)request, &customer);
    if (world_twice(w))
        w->store.customer(w->store.ctx, (uint32_t)request, &customer);
}

static int customer(void *ctx, uint32_t request, const char *number) {
    struct world *w = ctx;
    uint64_t value = 0;
    (void)str_to_u64(number, &value);
    /* its own stream: what the database does is part of what the caller meets */
    uint64_t stream = draw_key(w->seed, STREAM_LOOKUP, value ^ w->placing);
    if (draw_chance(&stream, w->scenario.faults.database_away))
        return -ENOTCONN;
    bool late = draw_chance(&stream, w->scenario.faults.database_away);
    world_at(w, late ? 100000 : 1000, found, request, late ? 0 : value);
    return 0;
}

static void state(void *ctx, struct store_state *out) {
    *out = (struct store_state){.configured = true, .connected = true};
}

struct store_port fake_store(struct world *w) {
    return (struct store_port){w, put, customer, state};
}

uint64_t fake_store_open_rows(const struct world *w) {
    uint64_t open = 0;
    for (uint64_t i = 0; i < w->row_capacity; i++)
        open += w->row[i].known && !w->row[i].closed && w->row[i].kind != RECORD_AGENT_STATE;
    return open;
}
