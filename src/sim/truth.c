/* SPDX-License-Identifier: Apache-2.0
 * What really happened to each caller, noted from outside. */
#include "sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t world_calls(const struct world *w) {
    return w->call_count;
}

const struct world_call *world_call_at(const struct world *w, uint32_t i) {
    return i < w->call_count ? &w->call[i] : NULL;
}

const struct world_call *world_call_by_contact(const struct world *w, uint64_t contact_id) {
    uint64_t i = contact_id - w->first_id;
    bool known = contact_id >= w->first_id && i < w->row_capacity && w->row[i].known &&
                 w->row[i].kind == RECORD_CONTACT && w->row[i].call;
    return known ? &w->call[w->row[i].call - 1] : NULL;
}

struct world_call *truth_call(struct world *w, uint32_t number) {
    return number ? &w->call[number - 1] : NULL;
}

uint32_t truth_new_call(struct world *w, uint32_t caller, uint32_t attempt, uint32_t person) {
    if (w->call_count == w->call_capacity) {
        uint32_t capacity = w->call_capacity ? 2 * w->call_capacity : 1024;
        struct world_call *bigger = realloc(w->call, capacity * sizeof *bigger);
        if (!bigger)
            abort();
        w->call = bigger;
        w->call_capacity = capacity;
    }
    w->call[w->call_count] =
        (struct world_call){.caller = caller, .attempt = attempt, .person = person, .placed_us = w->now_us};
    return ++w->call_count;
}

void truth_done(struct world *w) {
    for (uint32_t i = 0; i < w->call_count; i++) {
        free(w->call[i].visit);
        free(w->call[i].offer);
    }
    free(w->call);
}

static struct world_offer *new_offer(struct world_call *call, uint32_t agent) {
    struct world_offer *bigger = realloc(call->offer, (call->offer_count + 1) * sizeof *bigger);
    if (!bigger)
        abort();
    call->offer = bigger;
    bigger[call->offer_count] = (struct world_offer){.agent = agent, .result = ACD_OFFER_RESULTS};
    return &bigger[call->offer_count++];
}

/* The caller's name says which call it is: the fakes give it, and the floor passes it on. */
void truth_invited(struct world *w, struct fake_leg *leg, const char *caller_name) {
    uint64_t number = 0;
    if (*caller_name != '#' || str_to_u64(caller_name + 1, &number) || !number || number > w->call_count)
        return;
    struct world_call *call = truth_call(w, (uint32_t)number);
    leg->call = (uint32_t)number;
    new_offer(call, leg->agent)->invited_us = w->now_us;
    leg->offer = call->offer_count;
}

struct world_offer *truth_offer(struct world *w, const struct fake_leg *leg) {
    struct world_call *call = leg->offer ? truth_call(w, leg->call) : NULL;
    return call ? &call->offer[leg->offer - 1] : NULL;
}

/* ---- what only the floor can know: from its rows ---- */

static void visit_row(struct world *w, const struct record_visit *r, struct fake_row *row,
                      struct world_call *call) {
    if (!row->item) {
        struct world_visit *bigger = realloc(call->visit, (call->visit_count + 1) * sizeof *bigger);
        if (!bigger)
            abort();
        call->visit = bigger;
        uint32_t queue = conf_find_queue(w->conf, r->queue);
        bigger[call->visit_count] = (struct world_visit){.row_id = r->id,
                                                         .queue = queue,
                                                         .entered_us = w->now_us,
                                                         .ahead = w->waiting[queue]++,
                                                         .result = ACD_VISIT_RESULTS};
        row->item = ++call->visit_count;
        caller_entered(w, call, queue);
    }
    struct world_visit *visit = &call->visit[row->item - 1];
    visit->position_in = r->position_in;
    visit->position_out = r->position_out;
    if (!r->leave_us || visit->left_us)
        return;
    visit->left_us = w->now_us;
    w->waiting[visit->queue]--;
    for (visit->result = 0; visit->result < ACD_VISIT_RESULTS; visit->result++)
        if (!strcmp(acd_visit_result_name(visit->result), r->result))
            break;
}

static void offer_row(struct world *w, const struct record_offer *r, struct fake_row *row,
                      struct world_call *call) {
    uint32_t agent = conf_find_agent(w->conf, r->agent);
    for (uint32_t i = call->offer_count; i && !row->item; i--)
        if (call->offer[i - 1].agent == agent && !call->offer[i - 1].row_id)
            row->item = i;
    if (!row->item) { /* no phone could be invited */
        new_offer(call, agent);
        row->item = call->offer_count;
    }
    struct world_offer *offer = &call->offer[row->item - 1];
    offer->row_id = r->id;
    offer->direct = !r->visit_id;
    if (!r->end_us)
        return;
    for (offer->result = 0; offer->result < ACD_OFFER_RESULTS; offer->result++)
        if (!strcmp(acd_offer_result_name(offer->result), r->result))
            break;
}

static void handle_row(struct world *w, const struct record_handle *r, struct world_call *call) {
    if (!r->end_us || call->talk_ended_us)
        return;
    call->talk_ended_us = w->now_us;
    if (*r->queue)
        agent_wrapping(w, r, call);
}

void truth_row(struct world *w, const struct record *r, struct fake_row *row,
               const struct fake_row *contact) {
    if (r->kind == RECORD_CONTACT && !row->call && w->placing) {
        row->call = w->placing;
        truth_call(w, row->call)->contact_id = r->contact.id;
    } else if (contact) {
        row->call = contact->call;
    }
    if (r->kind == RECORD_AGENT_STATE && !r->agent_state.end_us)
        agent_state_begins(w, &r->agent_state);
    struct world_call *call = truth_call(w, row->call);
    if (!call)
        return;
    if (r->kind == RECORD_HANDLE)
        handle_row(w, &r->handle, call);
    else if (r->kind == RECORD_VISIT)
        visit_row(w, &r->visit, row, call);
    else if (r->kind == RECORD_OFFER)
        offer_row(w, &r->offer, row, call);
}
