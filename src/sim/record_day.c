/* SPDX-License-Identifier: Apache-2.0
 * A simulated day as a recording: the same lines that callfloor.replay() makes of the rows in PostgreSQL. */
#include "sim/replay.h"
#include "sim/world.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct recorded_contact { /* what is known so far */
    uint64_t id;
    UT_hash_handle hh;
    char called[NUMBER_LEN], caller[NUMBER_LEN], queue[NAME_LEN], result[24], agent[NAME_LEN];
    uint64_t enter_us, leave_us, exit_us, ring_us, rang_us, talk_ms, wrap_ms;
    uint32_t visits, offers, missed, rejected, busy;
    uint32_t open; /* visits and offers: they may end after the contact */
    bool handled, over, wrapping;
};
struct recorded_presence { /* the interval that may still grow */
    char presence[16], reason[NAME_LEN];
    uint64_t from_us, to_us;
};
struct recorder {
    FILE *file;
    struct world *world;
    struct recorded_contact *contacts;
    struct recorded_presence *presence; /* by agent */
    uint32_t agents;
    int err;
};

static void write_line(struct recorder *r, json_t *line) {
    if (!line || json_dumpf(line, r->file, JSON_COMPACT) || putc('\n', r->file) == EOF)
        r->err = -EIO;
    json_decref(line);
}

static json_int_t ms(uint64_t us) {
    return (json_int_t)(us / 1000);
}

/* ---- contacts ---- */

static void write_contact(struct recorder *r, const struct recorded_contact *c) {
    char caller[24];
    snprintf(caller, sizeof caller, "%012llx",
             (unsigned long long)(draw_key_text(r->world->seed, c->caller) & 0xffffffffffff));
    json_t *line = json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:i, s:i, s:i, s:i, s:i, s:I}", "kind",
                             "contact", "at_ms", ms(c->enter_us), "called", c->called, "caller", caller,
                             "queue", c->queue, "result", c->result, "wait_ms", ms(c->leave_us - c->enter_us),
                             "visits", (int)c->visits, "offers", (int)c->offers, "missed", (int)c->missed,
                             "rejected", (int)c->rejected, "busy", (int)c->busy, "rang_ms", ms(c->rang_us));
    if (line && c->handled) {
        json_object_set_new(line, "agent", json_string(c->agent));
        json_object_set_new(line, "ring_ms", json_integer(ms(c->ring_us)));
        json_object_set_new(line, "talk_ms", json_integer((json_int_t)c->talk_ms));
        json_object_set_new(line, "wrap_ms", json_integer((json_int_t)c->wrap_ms));
    }
    if (line && c->exit_us)
        json_object_set_new(line, "exit_ms", json_integer(ms(c->exit_us)));
    write_line(r, line);
}

/* A contact whose call is over and whose wrap-up has ended. */
static void maybe_done(struct recorder *r, struct recorded_contact *c) {
    if (!c->over || c->wrapping || c->open)
        return;
    if (c->visits)
        write_contact(r, c);
    HASH_DEL(r->contacts, c);
    free(c);
}

static void contact_row(struct recorder *r, const struct record_contact *row, struct recorded_contact *c) {
    if (strcmp(row->direction, "inbound") != 0 || (!c && row->end_us))
        return;
    if (!c) {
        c = calloc(1, sizeof *c);
        if (!c) {
            r->err = -ENOMEM;
            return;
        }
        c->id = row->id;
        str_copy(c->called, sizeof c->called, row->called);
        str_copy(c->caller, sizeof c->caller, row->caller);
        HASH_ADD(hh, r->contacts, id, sizeof c->id, c);
    }
    c->over = row->end_us != 0;
    maybe_done(r, c);
}

static void visit_row(struct recorder *r, const struct record_visit *row, struct recorded_contact *c,
                      bool first) {
    c->open += first;
    if (!c->enter_us) {
        c->enter_us = row->enter_us;
        str_copy(c->queue, sizeof c->queue, row->queue);
    }
    if (!row->leave_us)
        return;
    if (!c->visits++ && !strcmp(row->result, acd_visit_result_name(ACD_VISIT_EXIT_KEY)))
        c->exit_us = row->leave_us - row->enter_us;
    c->leave_us = row->leave_us;
    str_copy(c->result, sizeof c->result, row->result);
    c->open--;
    maybe_done(r, c);
}

static void offer_row(struct recorder *r, const struct record_offer *row, struct recorded_contact *c,
                      bool first) {
    c->open += first;
    if (!row->end_us)
        return;
    c->open--;
    if (!row->visit_id) {
        maybe_done(r, c);
        return;
    }
    c->offers++;
    c->missed += !strcmp(row->result, acd_offer_result_name(ACD_OFFER_NO_ANSWER));
    c->rejected += !strcmp(row->result, acd_offer_result_name(ACD_OFFER_REJECTED));
    c->busy += !strcmp(row->result, acd_offer_result_name(ACD_OFFER_BUSY));
    uint64_t ring_us = row->ring_us ? row->end_us - row->ring_us : 0;
    bool answered = !strcmp(row->result, acd_offer_result_name(ACD_OFFER_ANSWERED));
    if (answered)
        c->ring_us = ring_us;
    if (answered || !strcmp(row->result, acd_offer_result_name(ACD_OFFER_CALLER_GONE)) ||
        !strcmp(row->result, acd_offer_result_name(ACD_OFFER_LOST_RACE)))
        c->rang_us += ring_us;
    maybe_done(r, c);
}

static void handle_row(struct recorder *r, const struct record_handle *row, struct recorded_contact *c) {
    if (!row->visit_id)
        return;
    c->wrapping = !row->wrap_end_us;
    c->handled = true;
    c->talk_ms = (uint64_t)row->talk_ms + row->hold_ms;
    c->wrap_ms = row->wrap_ms;
    str_copy(c->agent, sizeof c->agent, row->agent);
    maybe_done(r, c);
}

/* ---- presence ---- */

static void write_presence(struct recorder *r, const char *agent, const struct recorded_presence *p) {
    if (p->to_us > p->from_us)
        write_line(r, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "kind", "presence", "agent", agent,
                                "presence", p->presence, "reason", p->reason, "from_ms", ms(p->from_us),
                                "to_ms", ms(p->to_us)));
}

static const char *presence_of(const struct record_agent_state *row) {
    bool ready = !strcmp(row->presence, acd_presence_name(ACD_READY));
    if (!strcmp(row->presence, acd_presence_name(ACD_LOGGED_OUT)))
        return NULL; /* finishing a call: not there any more */
    if (!strcmp(row->activity, acd_activity_name(ACD_BUSY_OTHER)))
        return "busy";
    return !ready                                                       ? "not_ready"
           : !strcmp(row->activity, acd_activity_name(ACD_UNREACHABLE)) ? "unreachable"
                                                                        : "ready";
}

static bool room_for(struct recorder *r, uint32_t agent) {
    if (agent < r->agents)
        return true;
    struct recorded_presence *bigger = realloc(r->presence, (agent + 1) * sizeof *bigger);
    if (!bigger) {
        r->err = -ENOMEM;
        return false;
    }
    memset(bigger + r->agents, 0, (agent + 1 - r->agents) * sizeof *bigger);
    r->presence = bigger;
    r->agents = agent + 1;
    return true;
}

static void state_row(struct recorder *r, const struct record_agent_state *row) {
    uint32_t agent = conf_find_agent(r->world->conf, row->agent);
    const char *presence = presence_of(row);
    if (!row->end_us || !presence || !agent || !room_for(r, agent))
        return;
    struct recorded_presence *p = &r->presence[agent];
    bool same =
        p->to_us == row->start_us && !strcmp(p->presence, presence) && !strcmp(p->reason, row->reason);
    if (!same) {
        write_presence(r, row->agent, p);
        *p = (struct recorded_presence){.from_us = row->start_us};
        str_copy(p->presence, sizeof p->presence, presence);
        str_copy(p->reason, sizeof p->reason, row->reason);
    }
    p->to_us = row->end_us;
}

/* ---- the day ---- */

static struct recorded_contact *find(struct recorder *r, uint64_t id) {
    struct recorded_contact *c;
    HASH_FIND(hh, r->contacts, &id, sizeof id, c);
    return c;
}

static void row(void *arg, const struct record *record) {
    struct recorder *r = arg;
    bool first = world_row_is_first(r->world);
    struct recorded_contact *c;
    switch (record->kind) {
    case RECORD_CONTACT:
        contact_row(r, &record->contact, find(r, record->contact.id));
        break;
    case RECORD_VISIT:
        if ((c = find(r, record->visit.contact_id)))
            visit_row(r, &record->visit, c, first);
        break;
    case RECORD_OFFER:
        if ((c = find(r, record->offer.contact_id)))
            offer_row(r, &record->offer, c, first);
        break;
    case RECORD_HANDLE:
        if ((c = find(r, record->handle.contact_id)))
            handle_row(r, &record->handle, c);
        break;
    case RECORD_AGENT_STATE:
        state_row(r, &record->agent_state);
        break;
    case RECORD_KINDS:
        break;
    }
}

int record_start(struct recorder **rp, struct world *w, const char *path) {
    struct recorder *r = calloc(1, sizeof *r);
    const struct plan *plan = w->plan;
    if (!r)
        return -ENOMEM;
    r->world = w;
    r->file = fopen(path, "w");
    if (!r->file) {
        int err = -errno;
        free(r);
        return err;
    }
    write_line(r, json_pack("{s:s, s:i, s:I, s:I, s:I}", "kind", "day", "version", 1, "from_ms",
                            ms(plan->wall_us), "to_ms", ms(plan->wall_us + plan->day_us), "utc_offset_s",
                            (json_int_t)(plan->utc_offset_us / 1000000)));
    world_watch_rows(w, row, r);
    *rp = r;
    return 0;
}

int record_finish(struct recorder *r) {
    struct recorded_contact *c, *next;
    for (uint32_t agent = 1; agent < r->agents; agent++)
        write_presence(r, r->world->conf->agent[agent - 1].id, &r->presence[agent]);
    HASH_ITER (hh, r->contacts, c, next) {
        HASH_DEL(r->contacts, c);
        free(c);
    }
    int err = fclose(r->file) ? -errno : 0;
    err = r->err ? r->err : err;
    free(r->presence);
    free(r);
    return err;
}
