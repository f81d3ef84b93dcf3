/* SPDX-License-Identifier: Apache-2.0
 * The reconciler: every few seconds floor, distributor, SIP and media are compared, and what does not fit is
 * put right by the same events that ordinary life makes. Nothing should ever be found; each repair is a fault
 * somewhere, so it is counted and logged. Done in slices, so that thousands of calls cost no hiccup. */
#include "floor/reconcile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void repair_fn(struct floor *f, uint64_t object);
static repair_fn leg_is_over, end_leg_again, drop_leg, end_leg, drop_sip, drop_media, fail_call_of_leg,
    join_again, part, fail_offer, end_talk, clear_desk, unreachable, reachable, other_over, other_begins,
    enter_again, withdraw, caller_lost, fail_call, move_on;

/* What may be wrong, and what is done about it. */
static const struct {
    const char *name, *found, *done, *object;
    repair_fn *repair;
} kinds[FLOOR_REPAIRS] = {
    [FLOOR_REPAIR_LEG_LOST] = {"leg_lost", "SIP does not have the leg", "taken as ended", "leg", leg_is_over},
    [FLOOR_REPAIR_LEG_NOT_ENDED] = {"leg_not_ended", "SIP still has the leg", "ended again", "leg",
                                    end_leg_again},
    [FLOOR_REPAIR_LEG_STUCK] = {"leg_stuck", "the leg does not end", "taken as ended", "leg", leg_is_over},
    [FLOOR_REPAIR_LEG_UNOWNED] = {"leg_unowned", "no call has the leg", "ended", "leg", drop_leg},
    [FLOOR_REPAIR_LEG_DIFFERS] = {"leg_differs", "answered for SIP or for the call, not for both", "ended",
                                  "leg", end_leg},
    [FLOOR_REPAIR_SIP_LEAK] = {"sip_leak", "SIP has a leg that nobody else has", "ended", "leg", drop_sip},
    [FLOOR_REPAIR_MEDIA_LEAK] = {"media_leak", "media has a leg that nobody else has", "closed", "leg",
                                 drop_media},
    [FLOOR_REPAIR_MEDIA_LOST] = {"media_lost", "media does not have the leg", "call ended", "leg",
                                 fail_call_of_leg},
    [FLOOR_REPAIR_NOT_JOINED] = {"not_joined", "caller and agent do not hear each other", "joined", "leg",
                                 join_again},
    [FLOOR_REPAIR_JOINED] = {"joined", "the caller hears somebody, but talks to nobody", "parted", "leg",
                             part},
    [FLOOR_REPAIR_OFFER_LOST] = {"offer_lost", "the agent is offered a call, but no phone rings for it",
                                 "offer failed", "agent", fail_offer},
    [FLOOR_REPAIR_TALK_LOST] = {"talk_lost", "the agent is in a talk that is not there", "talk ended",
                                "agent", end_talk},
    [FLOOR_REPAIR_DESK_BUSY] = {"desk_busy", "phones ring or talk, the distributor knows of nothing",
                                "phones freed", "agent", clear_desk},
    [FLOOR_REPAIR_UNREACHABLE] = {"unreachable", "no phone can be reached, the distributor does not know",
                                  "told", "agent", unreachable},
    [FLOOR_REPAIR_REACHABLE] = {"reachable", "a phone can be reached, the distributor does not know", "told",
                                "agent", reachable},
    [FLOOR_REPAIR_OTHER_LOST] = {"other_call_lost", "a call of the agent's own is counted, there is none",
                                 "counted off", "agent", other_over},
    [FLOOR_REPAIR_OTHER_UNKNOWN] = {"other_call_unknown", "a call of the agent's own is not counted",
                                    "counted", "agent", other_begins},
    [FLOOR_REPAIR_CALL_NOT_IN_LINE] = {"call_not_in_line", "the caller waits, the distributor does not know",
                                       "entered at the old place", "call", enter_again},
    [FLOOR_REPAIR_CALL_GHOST] = {"call_ghost", "the distributor has a caller who does not wait", "withdrawn",
                                 "call", withdraw},
    [FLOOR_REPAIR_CALLER_LOST] = {"caller_lost", "the caller has no leg", "taken as gone", "call",
                                  caller_lost},
    [FLOOR_REPAIR_CALL_NO_AGENT] = {"call_no_agent", "the agent is not at the phone for the call", "ended",
                                    "call", fail_call},
    [FLOOR_REPAIR_CALL_STUCK] = {"call_stuck", "the call's timer or prompt does not end", "moved on", "call",
                                 move_on},
};

const char *floor_repair_name(enum floor_repair kind) {
    return kind < FLOOR_REPAIRS ? kinds[kind].name : "?";
}
const char *floor_repair_found(enum floor_repair kind) {
    return kind < FLOOR_REPAIRS ? kinds[kind].found : "?";
}
const char *floor_repair_done(enum floor_repair kind) {
    return kind < FLOOR_REPAIRS ? kinds[kind].done : "?";
}

static bool phone_of(const struct desk *desk, uint32_t leg) {
    for (uint32_t i = 0; desk && i < desk->phone_count; i++)
        if (desk->phones[i] == leg)
            return true;
    return false;
}
/* Do call and desk know of the leg that says it is theirs? */
static bool knows(struct floor *f, const struct call *call, const struct leg *leg) {
    return leg->role == LEG_CALLER ? call->leg == leg->id : phone_of(floor_desk(f, leg->agent), leg->id);
}

/* ---- repairs: events as everybody else makes them ---- */

static void leg_is_over(struct floor *f, uint64_t id) {
    struct ua_sink sink = floor_ua_sink(f);
    sink.ended(f, (uint32_t)id, 408, false, "lost");
}
static void end_leg_again(struct floor *f, uint64_t id) {
    f->ua.end(f->ua.ctx, (uint32_t)id, UA_END_NORMAL, NULL);
}
static void drop_leg(struct floor *f, uint64_t id) {
    floor_leg_end(f, floor_leg(f, (uint32_t)id), UA_END_NORMAL, NULL);
}
/* The call hears of it as of any end: ua_sink.ended follows. */
static void end_leg(struct floor *f, uint64_t id) {
    f->ua.end(f->ua.ctx, (uint32_t)id, UA_END_NORMAL, NULL);
}
static void drop_sip(struct floor *f, uint64_t id) {
    f->ua.end(f->ua.ctx, (uint32_t)id, UA_END_NORMAL, NULL);
}
static void drop_media(struct floor *f, uint64_t id) {
    f->media.close(f->media.ctx, (uint32_t)id);
}
static void fail_call_of_leg(struct floor *f, uint64_t id) {
    const struct leg *leg = floor_leg(f, (uint32_t)id);
    const struct call *call = leg->call;
    if (leg->role == LEG_CALLER || call->phone == leg->id)
        fail_call(f, call->id);
    else /* one of several that ring */
        end_leg(f, id);
}
static void join_again(struct floor *f, uint64_t id) {
    struct call *call = floor_leg(f, (uint32_t)id)->call;
    if (f->media.join(f->media.ctx, call->leg, call->phone))
        log_warn("floor", "event=join_failed call=%llu", (unsigned long long)call->id);
}
static void part(struct floor *f, uint64_t id) {
    f->media.part(f->media.ctx, (uint32_t)id);
}
static void fail_offer(struct floor *f, uint64_t agent) {
    struct acd_agent_view view;
    if (acd_agent_view(f->acd, (uint32_t)agent, &view) == 0)
        floor_post_acd(f, &(struct acd_event){.type = ACD_EV_OFFER_FAILED,
                                              .offer = view.offer,
                                              .offer_result = ACD_OFFER_CANCELLED});
}
static void end_talk(struct floor *f, uint64_t agent) {
    floor_desk_end(f, (uint32_t)agent);
    /* again, for a desk that had nothing to end: refused when it is over already */
    floor_post_acd(f, &(struct acd_event){.type = ACD_EV_HANDLE_END, .agent = (uint32_t)agent});
}
static bool rings_for(struct floor *f, const struct call *call, uint32_t agent) {
    uint32_t at = call ? call->first_desk : 0;
    while (at && at != agent)
        at = f->desk[at - 1].next_desk;
    return at != 0;
}
static void clear_desk(struct floor *f, uint64_t number) {
    uint32_t agent = (uint32_t)number;
    const struct desk *desk = floor_desk(f, agent);
    const struct call *call = floor_call(f, desk->call_id);
    if (desk->offer)
        floor_effect(f, &(struct acd_effect){.type = ACD_FX_OFFER_END,
                                             .call = rings_for(f, call, agent) ? call->id : 0,
                                             .agent = agent,
                                             .offer = desk->offer,
                                             .offer_result = ACD_OFFER_CANCELLED,
                                             .reserve_ms = floor_now_ms(f)});
    else if (call && call->agent == agent)
        fail_call(f, call->id);
    else
        floor_desk_end(f, agent);
}
static void agent_event(struct floor *f, enum acd_event_type type, uint64_t agent) {
    floor_post_acd(f, &(struct acd_event){.type = type, .agent = (uint32_t)agent});
}
static void unreachable(struct floor *f, uint64_t agent) {
    agent_event(f, ACD_EV_UNREACHABLE, agent);
}
static void reachable(struct floor *f, uint64_t agent) {
    agent_event(f, ACD_EV_REACHABLE, agent);
}
static void other_over(struct floor *f, uint64_t agent) {
    agent_event(f, ACD_EV_OTHER_END, agent);
}
static void other_begins(struct floor *f, uint64_t agent) {
    agent_event(f, ACD_EV_OTHER_BEGIN, agent);
}
static void enter_again(struct floor *f, uint64_t id) {
    const struct call *call = floor_call(f, id);
    uint64_t since_us = call->visit.since_us ? call->visit.since_us : call->visit.enter_us,
             now_us = floor_call_time(f, call), now_ms = floor_now_ms(f),
             ago_ms = since_us < now_us ? (now_us - since_us) / 1000 : 0;
    floor_post_acd(f, &(struct acd_event){.type = ACD_EV_CALL_ENTER,
                                          .call = id,
                                          .queue = call->queue,
                                          .since_ms = ago_ms < now_ms ? now_ms - ago_ms : 1,
                                          .caller = floor_caller_key(call->contact.caller)});
}
static void withdraw(struct floor *f, uint64_t id) {
    floor_post_acd(
        f, &(struct acd_event){.type = ACD_EV_CALL_LEAVE, .call = id, .visit_result = ACD_VISIT_WITHDRAWN});
}
/* The call may end now: no leg that it does not know of may go on pointing to it. */
static void loosen(struct floor *f, const struct call *call) {
    for (uint32_t id = slots_next(&f->legs, 0); id; id = slots_next(&f->legs, id)) {
        struct leg *leg = floor_leg(f, id);
        if (leg->call == call && !knows(f, call, leg))
            floor_leg_end(f, leg, UA_END_NORMAL, NULL);
    }
}
static void caller_lost(struct floor *f, uint64_t id) {
    loosen(f, floor_call(f, id));
    floor_post_call(f, id, &(struct call_event){.type = CALL_EV_CALLER_LOST});
}
static void fail_call(struct floor *f, uint64_t id) {
    loosen(f, floor_call(f, id));
    floor_post_call(f, id, &(struct call_event){.type = CALL_EV_FAIL});
}
static void move_on(struct floor *f, uint64_t id) {
    struct call *call = floor_call(f, id);
    struct media_sink sink = floor_media_sink(f);
    bool timed = call->progress.state == CALL_LOOKUP ||
                 (call->progress.state == CALL_MENU && call->ivr.deadline_ms != NEVER);
    if (call->progress.state == CALL_ENDED) {
        loosen(f, call);
        floor_post_free(f, id);
    } else if (call->progress.state == CALL_NEW)
        fail_call(f, id);
    else if (timed)
        floor_call_deadline(f, call);
    else
        sink.played(f, call->leg, call->play_id);
}

/* ---- suspects ---- */

static bool suspected(const struct suspects *all, const struct suspect *s) {
    for (uint32_t i = 0; i < all->count; i++)
        if (all->item[i].kind == s->kind && all->item[i].object == s->object &&
            all->item[i].state == s->state)
            return true;
    return false;
}

static void log_repair(struct floor *f, const struct suspect *s) {
    char who[NAME_LEN + 16];
    const char *object = kinds[s->kind].object;
    if (!strcmp(object, "agent"))
        str_copy(who, sizeof who, f->conf->agent[s->object - 1].id);
    else
        snprintf(who, sizeof who, "%llu",
                 (unsigned long long)(strcmp(object, "call") ? s->object : s->object - f->first_id + 1));
    log_warn("floor", "event=repaired what=%s %s=%s why=%s done=%s", kinds[s->kind].name, object, who,
             log_value(kinds[s->kind].found), log_value(kinds[s->kind].done));
}

/* Found wrong. The second time in a row, and as it was then, it is repaired. */
static void found(struct floor *f, enum floor_repair kind, uint64_t object, uint64_t state) {
    struct floor_reconcile *r = f->reconcile;
    struct suspects *now = &r->seen[r->passes % 2];
    struct suspect s = {kind, object, state};
    if (kind == FLOOR_REPAIRS)
        return;
    if (!suspected(&r->seen[(r->passes + 1) % 2], &s)) {
        if (now->count < RECONCILE_SUSPECTS)
            now->item[now->count++] = s;
        return;
    }
    r->repairs[kind]++;
    log_repair(f, &s);
    kinds[kind].repair(f, object);
    floor_pump(f);
}

/* ---- facts ---- */

static void look_at_leg(struct floor *f, struct leg *leg) {
    const struct call *call = leg->call;
    struct media_leg media = {0};
    struct leg_facts l = {.role = leg->role,
                          .state = leg->state,
                          .sip = f->ua.dialog(f->ua.ctx, leg->id),
                          .media_open = leg->media_open};
    int err = f->media.leg(f->media.ctx, leg->id, &media);
    l.media_known = err != -ENOENT;
    l.ending_ms = leg->state == LEG_ENDING ? floor_now_ms(f) - leg->ending_ms : 0;
    if (call) {
        struct acd_agent_view view = {.activity = ACD_ACTIVITIES};
        const struct desk *desk = floor_desk(f, call->agent);
        (void)acd_agent_view(f->acd, call->agent, &view);
        l.owned = knows(f, call, leg);
        l.may_join = call->progress.state == CALL_TALKING;
        l.talks = l.may_join && !err && leg->role == LEG_CALLER && desk &&
                  (view.activity == ACD_TALKING || (view.activity == ACD_BUSY_OTHER && desk->direct));
        l.partner = call->phone;
        l.joined = leg->role == LEG_CALLER && !err ? media.joined : 0;
    }
    floor_probe_if_silent(f, leg, err ? NULL : &media);
    found(f, floor_compare_leg(&l), leg->id, (uint64_t)leg->state << 32 | l.partner);
}

static void look_at_agent(struct floor *f, uint32_t agent) {
    const struct floor_reconcile *r = f->reconcile;
    const struct desk *desk = floor_desk(f, agent);
    struct ua_binding binding[FLOOR_MAX_PHONES];
    struct acd_agent_view view;
    if (!desk || acd_agent_view(f->acd, agent, &view))
        return;
    const struct call *call = floor_call(f, view.call);
    struct agent_facts a = {
        .activity = view.activity,
        .timed = view.deadline_ms != NEVER,
        .offer = view.offer,
        .call = call ? call->progress.state : CALL_STATES,
        .same_call = view.call && desk->call_id == view.call,
        .has_agent = call && call->agent == agent,
        .desk_offer = desk->offer,
        .desk_direct = desk->direct != NULL,
        .desk_answered = desk->answered,
        .other_call = (desk->direct && floor_call(f, desk->call_id)) ||
                      (agent <= r->own_calls && r->own_call[agent - 1] == (uint32_t)r->passes),
    };
    for (uint32_t i = 0; i < desk->phone_count; i++) {
        const struct leg *leg = floor_leg(f, desk->phones[i]);
        a.phones += leg && leg->role == LEG_PHONE && leg->agent == agent && leg->state != LEG_ENDING;
    }
    if (view.activity == ACD_IDLE || view.activity == ACD_UNREACHABLE) {
        uint32_t count = f->ua.bindings(f->ua.ctx, agent, binding, FLOOR_MAX_PHONES);
        for (uint32_t i = 0; i < count; i++)
            a.reachable |= binding[i].reachable;
    }
    found(f, floor_compare_agent(&a), agent, view.since_ms ^ view.call << 20 ^ (uint64_t)view.offer << 40);
}

/* The caller is an agent: one call of his own. */
static void note_own_call(struct floor *f, const struct call *call) {
    struct floor_reconcile *r = f->reconcile;
    if (!call->caller_agent)
        return;
    if (call->caller_agent > r->own_calls) {
        uint32_t *more = realloc(r->own_call, f->desk_count * sizeof *more);
        if (!more)
            return;
        memset(more + r->own_calls, 0, (f->desk_count - r->own_calls) * sizeof *more);
        r->own_call = more;
        r->own_calls = f->desk_count;
    }
    r->own_call[call->caller_agent - 1] = (uint32_t)r->passes;
}

static uint64_t overdue_ms(const struct floor *f, const struct call *call) {
    uint64_t now_ms = floor_now_ms(f), due_ms = NEVER;
    if (call->progress.state == CALL_NEW)
        due_ms = call->state_ms;
    else if (call->progress.state == CALL_LOOKUP)
        due_ms = call->deadline.place ? call->deadline.at_ms : call->state_ms;
    else if (call->progress.state == CALL_MENU)
        due_ms = call->ivr.deadline_ms;
    return due_ms < now_ms ? now_ms - due_ms : 0;
}

static void look_at_call(struct floor *f, const struct call *call) {
    const struct leg *leg = floor_leg(f, call->leg);
    const struct desk *desk = floor_desk(f, call->agent);
    struct media_leg media;
    enum call_state state = call->progress.state;
    struct call_facts c = {
        .state = state,
        .has_caller = leg && leg->call == call && leg->state != LEG_ENDING,
        .in_line = state == CALL_QUEUED && acd_position(f->acd, call->id) != 0,
        .has_agent = desk && desk->call_id == call->id && desk->phone_count &&
                     desk->answered == (state == CALL_TALKING),
        .waits_for_prompt = (state == CALL_MENU && call->ivr.deadline_ms == NEVER) ||
                            (state == CALL_PLAYING && call->target.kind == CONF_TARGET_PLAY),
        .overdue_ms = overdue_ms(f, call),
    };
    note_own_call(f, call);
    if (c.waits_for_prompt)
        c.hears_prompt = f->media.leg(f->media.ctx, call->leg, &media) != 0 || media.playing;
    found(f, floor_compare_call(&c), call->id, call->state_ms << 24 ^ call->play_id);
}

/* ---- one object of each phase; false when there was none left ---- */

static bool next_call(struct floor *f, uint64_t *cursor) {
    const struct call *call = *cursor ? floor_call(f, *cursor) : f->first_call;
    if (call && *cursor)
        call = call->next;
    else if (!call) /* gone meanwhile: the first that came after it */
        for (call = f->first_call; call && call->id <= *cursor;)
            call = call->next;
    if (!call)
        return false;
    *cursor = call->id;
    look_at_call(f, call);
    return true;
}
static bool next_agent(struct floor *f, uint64_t *cursor) {
    if (*cursor >= f->conf->agent_count)
        return false;
    look_at_agent(f, (uint32_t)++ * cursor);
    return true;
}
static bool next_leg(struct floor *f, uint64_t *cursor) {
    uint32_t id = slots_next(&f->legs, (uint32_t)*cursor);
    *cursor = id;
    if (id)
        look_at_leg(f, floor_leg(f, id));
    return id != 0;
}
static bool next_sip(struct floor *f, uint64_t *cursor) {
    uint32_t at = (uint32_t)*cursor, id = f->ua.next_leg(f->ua.ctx, &at);
    *cursor = at;
    if (id && !floor_leg(f, id))
        found(f, FLOOR_REPAIR_SIP_LEAK, id, 0);
    return id != 0;
}
static bool next_media(struct floor *f, uint64_t *cursor) {
    uint32_t at = (uint32_t)*cursor, id = f->media.next_leg(f->media.ctx, &at);
    *cursor = at;
    if (id) {
        const struct leg *leg = floor_leg(f, id);
        if (!leg || !leg->media_open)
            found(f, FLOOR_REPAIR_MEDIA_LEAK, id, 0);
    }
    return id != 0;
}

struct ghosts {
    struct floor *f;
    struct suspect item[16]; /* the rest in the next pass */
    uint32_t count;
};
static void look_at_waiting(void *arg, uint64_t id, uint32_t queue, uint64_t enter_ms) {
    struct ghosts *g = arg;
    const struct call *call = floor_call(g->f, id);
    if ((!call || call->progress.state != CALL_QUEUED || call->queue != queue) &&
        g->count < ARRAY_LEN(g->item))
        g->item[g->count++] = (struct suspect){FLOOR_REPAIR_CALL_GHOST, id, enter_ms};
}
static bool next_queue(struct floor *f, uint64_t *cursor) {
    struct ghosts g = {.f = f};
    if (*cursor >= f->conf->queue_count)
        return false;
    acd_each_waiting(f->acd, (uint32_t)++ * cursor, look_at_waiting, &g);
    for (uint32_t i = 0; i < g.count; i++)
        found(f, g.item[i].kind, g.item[i].object, g.item[i].state);
    return true;
}

/* ---- passes ---- */

static bool (*const next[RECONCILE_PHASES])(struct floor *f, uint64_t *cursor) = {
    [RECONCILE_CALLS] = next_call, [RECONCILE_AGENTS] = next_agent, [RECONCILE_LEGS] = next_leg,
    [RECONCILE_SIP] = next_sip,    [RECONCILE_MEDIA] = next_media,  [RECONCILE_QUEUES] = next_queue,
};

static bool slice(struct floor *f) {
    struct floor_reconcile *r = f->reconcile;
    for (int n = 0; n < RECONCILE_SLICE; n++)
        if (!next[r->phase](f, &r->cursor)) {
            r->cursor = 0;
            if (++r->phase == RECONCILE_PHASES)
                return false;
        }
    return true;
}

void floor_reconcile_turn(struct floor *f) {
    struct floor_reconcile *r = f->reconcile;
    uint64_t now_ms = floor_now_ms(f), began_us = floor_now_us(f);
    if (!r || now_ms < r->due_ms)
        return;
    if (!r->in_pass) {
        r->in_pass = true;
        r->phase = RECONCILE_CALLS;
        r->cursor = r->pass_us = 0;
        r->seen[++r->passes % 2].count = 0;
    }
    r->in_pass = slice(f);
    r->pass_us += floor_now_us(f) - began_us;
    r->due_ms = now_ms + (r->in_pass ? RECONCILE_PAUSE_MS : RECONCILE_EVERY_MS);
    if (!r->in_pass)
        r->took_us = r->pass_us;
}

/* A pass that is due needs no turn of its own: there is one each second anyway. Not so the rest of a pass, or
 * a second look. */
uint64_t floor_reconcile_deadline(const struct floor *f) {
    const struct floor_reconcile *r = f->reconcile;
    return r && (r->in_pass || r->seen[r->passes % 2].count) ? r->due_ms : NEVER;
}

int floor_reconcile_create(struct floor *f) {
    if (!f->ua.dialog || !f->media.leg) /* adapters that cannot be asked */
        return 0;
    f->reconcile = calloc(1, sizeof *f->reconcile);
    if (!f->reconcile)
        return -ENOMEM;
    f->reconcile->due_ms = floor_now_ms(f) + RECONCILE_EVERY_MS;
    return 0;
}

void floor_reconcile_destroy(struct floor *f) {
    if (f->reconcile)
        free(f->reconcile->own_call);
    free(f->reconcile);
    f->reconcile = NULL;
}

void floor_reconcile_counters(const struct floor *f, struct floor_counters *out) {
    const struct floor_reconcile *r = f->reconcile;
    if (!r)
        return;
    memcpy(out->repairs, r->repairs, sizeof out->repairs);
    out->reconcile_passes = r->passes - r->in_pass;
    out->reconcile_us = r->took_us;
}
