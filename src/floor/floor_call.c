/* SPDX-License-Identifier: Apache-2.0
 * A call's life: made at the INVITE, its effects carried out, freed when its record is closed. */
#include "floor/internal.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { LOOKUP_MS = 150 };

struct call *floor_call_new(struct floor *f) {
    struct call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->id = call->contact.id = floor_new_id(f);
    call->anchor_us = floor_now_us(f);
    call->anchor_wall_us = f->clock.wall_us(f->clock.ctx);
    call->contact.start_us = call->anchor_wall_us;
    call->state_ms = floor_now_ms(f);
    call->deadline.key = call->id;
    call->ivr.deadline_ms = NEVER;
    HASH_ADD(hh, f->calls, id, sizeof call->id, call);
    if (!call->hh.tbl) { /* uthash could not get memory */
        free(call);
        return NULL;
    }
    call->prev = f->last_call;
    *(f->last_call ? &f->last_call->next : &f->first_call) = call;
    f->last_call = call;
    f->call_count++;
    f->calls_total++;
    return call;
}

void floor_call_free(struct floor *f, uint64_t id) {
    struct call *call = floor_call(f, id);
    if (!call)
        return;
    if (call->caller_agent)
        floor_post_acd(f, &(struct acd_event){.type = ACD_EV_OTHER_END, .agent = call->caller_agent});
    deadline_clear(&f->deadlines, &call->deadline);
    HASH_DEL(f->calls, call);
    *(call->prev ? &call->prev->next : &f->first_call) = call->next;
    *(call->next ? &call->next->prev : &f->last_call) = call->prev;
    f->call_count--;
    free(call);
}

/* ---- what the caller hears ---- */

bool floor_play(struct floor *f, struct call *call, const char *const *name, uint32_t count, bool loop) {
    struct media_play play = {.loop = loop};
    for (uint32_t i = 0; i < count && play.count < MEDIA_PLAY_MAX; i++) {
        uint32_t prompt = name[i] && *name[i] ? f->media.prompt(f->media.ctx, name[i]) : 0;
        if (prompt)
            play.prompt[play.count++] = prompt;
    }
    call->play_id = play.play_id = ++f->next_play_id;
    return play.count && call->leg && f->media.play(f->media.ctx, call->leg, &play) == 0;
}

/* These prompts, or else silence: what was heard before is over. */
static void play_or_stop(struct floor *f, struct call *call, const char *const *name, uint32_t count,
                         bool loop) {
    bool heard = call->play_id != 0;
    if (!floor_play(f, call, name, count, loop) && heard)
        f->media.stop(f->media.ctx, call->leg);
}

void floor_play_music(struct floor *f, struct call *call) {
    const struct conf_queue *queue = conf_queue(f->conf, call->queue);
    const char *name[1] = {queue ? queue->music : NULL};
    play_or_stop(f, call, name, 1, true);
}

void floor_call_ivr(struct floor *f, struct call *call, const struct ivr_event *first) {
    struct ivr_event event = *first;
    bool again = true;
    /* a prompt without a file counts as played at once; the interpreter bounds the number of menus */
    for (int round = 0; again && round < 4 * IVR_MAX_STEPS; round++) {
        struct ivr_effects fx;
        again = false;
        event.now_ms = floor_now_ms(f);
        if (ivr_step(&call->ivr, f->conf, &event, &fx))
            break;
        for (uint32_t i = 0; i < fx.count; i++) {
            struct ivr_effect *e = &fx.item[i];
            if (e->type == IVR_FX_GO) {
                call->ivr.deadline_ms = NEVER;
                floor_post_route(f, call->id, &e->target);
            } else if (e->type == IVR_FX_STOP) {
                f->media.stop(f->media.ctx, call->leg);
            } else if (!floor_play(f, call, e->prompt, e->prompt_count, false)) {
                event = (struct ivr_event){.type = IVR_EV_PLAYED, .play_id = e->play_id};
                again = true;
            }
        }
    }
    str_copy(call->contact.menu_path, sizeof call->contact.menu_path, call->ivr.path);
    deadline_set(&f->deadlines, &call->deadline, ivr_deadline(&call->ivr));
}

void floor_call_deadline(struct floor *f, struct call *call) {
    if (call->progress.state == CALL_MENU)
        floor_call_ivr(f, call, &(struct ivr_event){.type = IVR_EV_TICK});
    else if (call->progress.state == CALL_LOOKUP)
        floor_post_call(f, call->id, &(struct call_event){.type = CALL_EV_CUSTOMER, .target = call->target});
}

/* ---- effects ---- */

static void answer(struct floor *f, struct call *call) {
    struct leg *leg = floor_leg(f, call->leg);
    if (!leg || leg->state == LEG_UP)
        return;
    if (call->has_offer && floor_leg_agree(f, leg, &leg->remote)) { /* an address we cannot send to */
        log_warn("floor", "event=media_not_set call=%llu", (unsigned long long)call->id);
        floor_post_call(f, call->id, &(struct call_event){.type = CALL_EV_FAIL});
        return;
    }
    if (f->ua.answer(f->ua.ctx, leg->id, &leg->local))
        return; /* gone already: ended will say so */
    leg->state = LEG_UP;
    call->contact.answer_us = floor_call_time(f, call);
    floor_put_contact(f, call);
}

/* Who has been answered already, by a menu or a queue, cannot be told by SIP any more that it rings. */
static void ring(struct floor *f, struct call *call) {
    static const char *const name[1] = {"ringback"};
    const struct leg *leg = floor_leg(f, call->leg);
    if (leg && leg->state == LEG_UP)
        play_or_stop(f, call, name, 1, true);
    else
        f->ua.ring(f->ua.ctx, call->leg);
}

static void lookup(struct floor *f, struct call *call) {
    if (call->lookup_pending)
        deadline_set(&f->deadlines, &call->deadline, floor_now_ms(f) + LOOKUP_MS);
    else
        floor_post_call(f, call->id, &(struct call_event){.type = CALL_EV_CUSTOMER, .target = call->target});
}

/* Of this customer's two agents the one that the queue prefers; 0 = none, or not known in time. */
static uint32_t preferred_agent(const struct call *call, const struct conf_queue *queue) {
    switch (queue ? queue->preferred : CONF_PREFERRED_NONE) {
    case CONF_PREFERRED_NONE:
        break;
    case CONF_PREFERRED_LAST:
        return call->last_agent;
    case CONF_PREFERRED_OWNER:
        return call->owner_agent;
    }
    return 0;
}

static void enter(struct floor *f, struct call *call, uint32_t queue_id) {
    const struct conf_queue *queue = conf_queue(f->conf, queue_id);
    deadline_clear(&f->deadlines, &call->deadline);
    call->queue = queue_id;
    call->visit = (struct record_visit){.id = floor_new_id(f), .contact_id = call->id};
    str_copy(call->visit.queue, sizeof call->visit.queue, queue ? queue->name : "");
    call->visit.priority = queue ? queue->priority : 0;
    call->visit.enter_us = floor_call_time(f, call); /* the row is put when the distributor has the caller */
    stats_enter(f->stats, queue_id);
    if (queue) {
        const char *name[2] = {queue->greeting, queue->music};
        /* the music repeats, the greeting does not; without music the greeting is heard once */
        play_or_stop(f, call, name, 2, *queue->music != 0);
    }
    floor_post_acd(f, &(struct acd_event){.type = ACD_EV_CALL_ENTER,
                                          .call = call->id,
                                          .queue = queue_id,
                                          .caller = floor_caller_key(call->contact.caller),
                                          .preferred = preferred_agent(call, queue)});
}

static void end_caller(struct floor *f, struct call *call, uint16_t status) {
    struct leg *leg = floor_leg(f, call->leg);
    call->leg = 0;
    if (!leg)
        return;
    if (leg->state == LEG_UP)
        floor_leg_end(f, leg, UA_END_NORMAL, NULL);
    else {
        call->contact.sip_status = status ? status : 480;
        floor_leg_end(f, leg, UA_END_REFUSE, &(struct ua_refusal){.status = status ? status : 480});
    }
}

static void close_call(struct floor *f, struct call *call, const struct call_effect *fx) {
    const char *result = call->service ? "service" : fx->result;
    call->contact.end_us = floor_call_time(f, call);
    str_copy(call->contact.result, sizeof call->contact.result, result);
    str_copy(call->contact.ended_by, sizeof call->contact.ended_by, fx->ended_by);
    if (!strcmp(result, "failed"))
        f->failed_total++;
    floor_put_contact(f, call);
    log_info("floor", "event=call_end call=%llu result=%s by=%s caller=%s called=%s ms=%llu",
             (unsigned long long)(call->id - f->first_id + 1), result, fx->ended_by,
             log_value(call->contact.caller), log_value(call->contact.called),
             (unsigned long long)((call->contact.end_us - call->contact.start_us) / 1000));
    floor_post_free(f, call->id); /* after what was posted for the distributor */
}

static void leave(struct floor *f, struct call *call, enum acd_visit_result result) {
    floor_post_acd(f,
                   &(struct acd_event){.type = ACD_EV_CALL_LEAVE, .call = call->id, .visit_result = result});
}

static void play_target(struct floor *f, struct call *call, const struct conf_target *target) {
    const char *name[1] = {target->prompt};
    bool loop = target->kind == CONF_TARGET_LOOP;
    if (!floor_play(f, call, name, 1, loop) && !loop)
        floor_post_call(f, call->id, &(struct call_event){.type = CALL_EV_PLAYED});
}

static void carry_out(struct floor *f, struct call *call, const struct call_effect *fx, const char *by) {
    switch (fx->type) {
    case CALL_FX_ANSWER:
        answer(f, call);
        break;
    case CALL_FX_RING:
        ring(f, call);
        break;
    case CALL_FX_MENU:
        call->ivr = (struct ivr_run){.deadline_ms = NEVER};
        floor_call_ivr(f, call, &(struct ivr_event){.type = IVR_EV_START, .menu = fx->target.id});
        break;
    case CALL_FX_LOOKUP:
        lookup(f, call);
        break;
    case CALL_FX_ENTER:
        enter(f, call, fx->target.id);
        break;
    case CALL_FX_LEAVE:
        leave(f, call, ACD_VISIT_ABANDONED);
        break;
    case CALL_FX_WITHDRAW:
        leave(f, call, ACD_VISIT_WITHDRAWN);
        break;
    case CALL_FX_DROP:
        leave(f, call, ACD_VISIT_FAILED);
        break;
    case CALL_FX_EXIT:
        call->exit = fx->target;
        leave(f, call, ACD_VISIT_EXIT_KEY);
        break;
    case CALL_FX_RING_AGENT: {
        int status = floor_ring_direct(f, call, fx->target.id);
        if (status)
            floor_post_call(f, call->id,
                            &(struct call_event){.type = CALL_EV_AGENT_FAILED, .status = (uint16_t)status});
        break;
    }
    case CALL_FX_JOIN:
        floor_join(f, call);
        break;
    case CALL_FX_PLAY:
        play_target(f, call, &fx->target);
        break;
    case CALL_FX_END_CALLER:
        end_caller(f, call, fx->status);
        break;
    case CALL_FX_END_AGENT:
        floor_end_agent(f, call, by);
        break;
    case CALL_FX_CLOSE:
        close_call(f, call, fx);
        break;
    case CALL_FX_TYPES:
        break;
    }
}

static const char *ended_by(enum call_event_type what) {
    switch (what) {
    case CALL_EV_CALLER_GONE:
        return "caller";
    case CALL_EV_CALLER_LOST:
    case CALL_EV_HANGUP:
    case CALL_EV_FAIL:
        return "system";
    default:
        return "agent";
    }
}

void floor_call_step(struct floor *f, uint64_t id, const struct call_event *event) {
    struct call *call = floor_call(f, id);
    struct call_effects fx;
    if (!call)
        return;
    enum call_state before = call->progress.state;
    if (call_step(&call->progress, event, &fx))
        return;
    if (event->type == CALL_EV_ROUTE)
        call->target = event->target;
    if (call->progress.state != before) {
        call->state_ms = floor_now_ms(f);
        log_debug("floor", "event=call call=%llu from=%s to=%s", (unsigned long long)(id - f->first_id + 1),
                  call_state_name(before), call_state_name(call->progress.state));
    }
    for (uint32_t i = 0; i < fx.count; i++)
        carry_out(f, call, &fx.item[i], ended_by(event->type));
}
