/* SPDX-License-Identifier: Apache-2.0
 * What SIP, media and store report. */
#include "floor/internal.h"

#include <errno.h>
#include <string.h>

/* ---- a new call ---- */

static uint32_t trunk_calls(const struct floor *f, uint32_t trunk) {
    uint32_t count = 0;
    for (const struct call *call = f->first_call; call; call = call->next) {
        const struct leg *leg = floor_leg(f, call->leg);
        count += leg && leg->trunk == trunk;
    }
    return count;
}

static uint16_t admit(const struct floor *f, const struct ua_incoming *in, const char **why) {
    const struct conf_trunk *trunk = in->trunk ? conf_trunk(f->conf, in->trunk) : NULL;
    struct media_desc answer;
    *why = f->draining                           ? "shutting down"
           : f->journal_full                     ? "calls cannot be recorded"
           : f->call_count >= f->conf->max_calls ? "all lines are busy"
           : trunk && trunk->max_calls && trunk_calls(f, in->trunk) >= trunk->max_calls
               ? "the trunk's lines are busy"
               : NULL;
    if (*why)
        return 503;
    if (in->offer && floor_negotiate(in->offer, &answer)) {
        *why = "no common codec";
        return 488;
    }
    return 0;
}

static uint16_t route(const struct floor *f, const struct ua_incoming *in, struct conf_target *target) {
    const struct conf_number *number = conf_route(f->conf, in->called);
    uint32_t agent = in->agent ? conf_find_agent(f->conf, in->called) : 0;
    if (agent)
        *target = (struct conf_target){.kind = CONF_TARGET_AGENT, .id = agent};
    else if (number)
        *target = number->target;
    else
        return 404;
    return 0;
}

static void fill_contact(const struct floor *f, struct record_contact *contact,
                         const struct ua_incoming *in) {
    const struct conf_trunk *trunk = in->trunk ? conf_trunk(f->conf, in->trunk) : NULL;
    str_copy(contact->direction, sizeof contact->direction, in->trunk ? "inbound" : "internal");
    str_copy(contact->trunk, sizeof contact->trunk, trunk ? trunk->name : "");
    str_copy(contact->called, sizeof contact->called, in->called);
    str_copy(contact->caller, sizeof contact->caller, in->caller);
    str_copy(contact->caller_name, sizeof contact->caller_name, in->caller_name);
}

/* A call that never was: its record says why. */
static uint32_t refuse(struct floor *f, const struct ua_incoming *in, uint16_t status, const char *why,
                       struct ua_refusal *refusal) {
    struct record row = {.kind = RECORD_CONTACT};
    uint32_t dropped = 0;
    *refusal = (struct ua_refusal){.status = status, .retry_after_s = status == 503 ? 10 : 0};
    str_copy(refusal->reason, sizeof refusal->reason, why);
    f->refused_total++;
    row.contact.id = floor_new_id(f);
    fill_contact(f, &row.contact, in);
    row.contact.start_us = row.contact.end_us = f->clock.wall_us(f->clock.ctx);
    str_copy(row.contact.result, sizeof row.contact.result, "refused");
    str_copy(row.contact.ended_by, sizeof row.contact.ended_by, "system");
    row.contact.sip_status = status;
    (void)f->store.put(f->store.ctx, &row);
    if (log_allowed(&f->refuse_limit, floor_now_ms(f), 20, &dropped))
        log_warn("floor", "event=refused status=%u why=%s called=%s caller=%s also_dropped_lines=%u", status,
                 log_value(why), log_value(in->called), log_value(in->caller), dropped);
    return 0;
}

/* A star code is carried out at once; the call only tells the agent whether it was, by a prompt or, where
 * there is none, by a final status. -ENOENT: no star code; 0: *target is what to play; else the status. */
static int star_code(struct floor *f, const struct ua_incoming *in, struct conf_target *target) {
    static char done[] = "agent-ok", refused[] = "agent-error";
    if (!in->agent || in->called[0] != '*')
        return -ENOENT;
    int err = floor_star_code(f, in->agent, in->called);
    if (err == -ENOENT)
        return -ENOENT;
    *target = (struct conf_target){.kind = CONF_TARGET_PLAY, .prompt = err ? refused : done};
    return err && !f->media.prompt(f->media.ctx, refused) ? 403 : 0;
}

static void look_up(struct floor *f, struct call *call, const struct leg *leg) {
    const char *number = call->contact.caller;
    if (!leg->trunk || !*number || !strcasecmp(number, "anonymous"))
        return;
    call->lookup_pending = f->store.customer(f->store.ctx, leg->id, number) == 0;
}

static uint32_t invited(void *ctx, const struct ua_incoming *in, struct ua_refusal *refusal) {
    struct floor *f = ctx;
    struct conf_target target = {0};
    struct leg *leg = NULL;
    const char *why = "";
    uint16_t status = admit(f, in, &why);
    if (status)
        return refuse(f, in, status, why, refusal);
    int code = star_code(f, in, &target);
    bool service = code == 0;
    if (code > 0)
        return refuse(f, in, (uint16_t)code, "not possible now", refusal);
    if (!service && (status = route(f, in, &target)))
        return refuse(f, in, status, "no such number", refusal);
    struct call *call = floor_call_new(f);
    if (!call)
        return refuse(f, in, 500, "out of memory", refusal);
    int err = floor_leg_new(f, LEG_CALLER, call, &leg);
    if (err) {
        f->calls_total--;
        floor_call_free(f, call->id);
        return refuse(f, in, 503, err == -EADDRINUSE ? "no free RTP port" : "no media", refusal);
    }
    fill_contact(f, &call->contact, in);
    leg->trunk = in->trunk;
    leg->agent = in->agent;
    call->leg = leg->id;
    call->service = service;
    if (in->offer) {
        call->has_offer = true;
        leg->remote = *in->offer;
        (void)floor_negotiate(in->offer, &leg->local); /* admit() has tried it */
        leg->remote.codec_count = 1;
    }
    log_info("floor", "event=call call=%llu caller=%s called=%s trunk=%s",
             (unsigned long long)(call->id - f->first_id + 1), log_value(in->caller), log_value(in->called),
             call->contact.trunk);
    floor_put_contact(f, call);
    look_up(f, call, leg);
    if (in->agent && !service) {
        call->caller_agent = in->agent;
        floor_post_acd(f, &(struct acd_event){.type = ACD_EV_OTHER_BEGIN, .agent = in->agent});
    }
    floor_post_route(f, call->id, &target);
    return leg->id;
}

/* ---- legs ---- */

static void ringing(void *ctx, uint32_t id, uint16_t status, const struct media_desc *early) {
    struct floor *f = ctx;
    struct leg *leg = floor_leg(f, id);
    if (!leg || leg->role != LEG_PHONE || leg->state != LEG_OFFERED)
        return;
    leg->state = LEG_RINGING;
    floor_phone_ringing(f, leg);
    floor_pump(f);
}

static void answered(void *ctx, uint32_t id, const struct media_desc *remote) {
    struct floor *f = ctx;
    struct leg *leg = floor_leg(f, id);
    if (!leg || leg->role != LEG_PHONE)
        return;
    floor_phone_answered(f, leg, remote);
    floor_pump(f);
}

static void confirmed(void *ctx, uint32_t id, const struct media_desc *remote) {
    struct floor *f = ctx;
    struct leg *leg = floor_leg(f, id);
    if (!leg || !leg->call || leg->call->has_offer)
        return;
    leg->call->has_offer = true;
    if (floor_leg_agree(f, leg, remote))
        floor_post_call(f, leg->call->id, &(struct call_event){.type = CALL_EV_FAIL});
    floor_pump(f);
}

static int reoffered(void *ctx, uint32_t id, const struct media_desc *offer, struct media_desc *answer) {
    struct floor *f = ctx;
    struct leg *leg = floor_leg(f, id);
    if (!leg || !leg->call || !leg->media_open)
        return -ESTALE;
    struct media_desc before = leg->local;
    *answer = leg->local;
    int err = floor_negotiate(offer, answer);
    if (!err) {
        leg->local = *answer; /* media is told what we answer now, not what was said before */
        err = floor_leg_agree(f, leg, offer);
    }
    if (err) {
        leg->local = before;
        return err;
    }
    leg->held = !(offer->direction & MEDIA_RECVONLY) || !strcmp(offer->address, "0.0.0.0");
    if (leg->role == LEG_PHONE)
        floor_phone_hold(f, leg, leg->held);
    floor_pump(f);
    return 0;
}

static void ended(void *ctx, uint32_t id, uint16_t status, bool by_us, const char *text) {
    struct floor *f = ctx;
    struct leg *leg = floor_leg(f, id);
    if (!leg)
        return;
    struct call *call = leg->call;
    log_debug("floor", "event=leg_end leg=%u status=%u by_us=%d text=%s", id, status, by_us, log_value(text));
    leg->state = LEG_ENDING;
    if (leg->role == LEG_PHONE) {
        floor_phone_ended(f, leg, status);
    } else if (call) {
        bool hung_up = status == 0 || status == 487; /* else nobody did: no ACK, session expired */
        call->leg = 0;
        if (status && (!call->contact.answer_us || !hung_up))
            call->contact.sip_status = status;
        floor_post_call(f, call->id,
                        &(struct call_event){.type = hung_up ? CALL_EV_CALLER_GONE : CALL_EV_CALLER_LOST});
    }
    floor_leg_gone(f, leg);
    floor_pump(f);
}

static void agent_reachable(void *ctx, uint32_t agent, bool reachable) {
    struct floor *f = ctx;
    if (!floor_desk(f, agent))
        return;
    floor_post_acd(
        f, &(struct acd_event){.type = reachable ? ACD_EV_REACHABLE : ACD_EV_UNREACHABLE, .agent = agent});
    if (!reachable)
        floor_probe_agent(f, agent);
    floor_pump(f);
}

static void trunk_changed(void *ctx, uint32_t trunk, bool up) {
    struct floor *f = ctx;
    const struct conf_trunk *t = conf_trunk(f->conf, trunk);
    log_write(up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "floor", "event=trunk_%s trunk=%s", up ? "up" : "down",
              t ? t->name : "?");
}

/* ---- media ---- */

/* In a queue most digits mean nothing, some lead out of it. */
static void queue_digit(struct floor *f, struct call *call, char digit) {
    static const char digits[] = "0123456789*#";
    const struct conf_queue *queue = conf_queue(f->conf, call->queue);
    const char *at = digit ? strchr(digits, digit) : NULL;
    if (queue && at && queue->exit[at - digits].kind != CONF_TARGET_NONE)
        floor_post_call(f, call->id,
                        &(struct call_event){.type = CALL_EV_EXIT, .target = queue->exit[at - digits]});
}

static void caller_digit(struct floor *f, struct call *call, char digit) {
    if (call->progress.state == CALL_MENU)
        floor_call_ivr(f, call, &(struct ivr_event){.type = IVR_EV_DIGIT, .digit = digit});
    else if (call->progress.state == CALL_QUEUED)
        queue_digit(f, call, digit);
}

static void digit(void *ctx, uint32_t id, char what, uint32_t duration_ms) {
    struct floor *f = ctx;
    struct leg *leg = floor_leg(f, id);
    if (leg && leg->call && leg->role == LEG_CALLER)
        caller_digit(f, leg->call, what);
    floor_pump(f);
}

/* By SIP INFO: media has not seen it, so the other side of a talk is told too. */
static void info_digit(void *ctx, uint32_t id, char what, uint32_t duration_ms) {
    struct floor *f = ctx;
    struct leg *leg = floor_leg(f, id);
    if (!leg || !leg->call)
        return;
    struct call *call = leg->call;
    if (call->progress.state == CALL_TALKING)
        (void)f->media.send_digit(f->media.ctx, leg->role == LEG_CALLER ? call->phone : call->leg, what,
                                  duration_ms);
    else if (leg->role == LEG_CALLER)
        caller_digit(f, call, what);
    floor_pump(f);
}

static void played(void *ctx, uint32_t id, uint32_t play_id) {
    struct floor *f = ctx;
    struct leg *leg = floor_leg(f, id);
    struct call *call = leg ? leg->call : NULL;
    if (!call || leg->role != LEG_CALLER || call->play_id != play_id)
        return; /* something else is playing by now */
    if (call->progress.state == CALL_MENU)
        floor_call_ivr(f, call, &(struct ivr_event){.type = IVR_EV_PLAYED, .play_id = call->ivr.play_id});
    else if (call->progress.state == CALL_PLAYING)
        floor_post_call(f, call->id, &(struct call_event){.type = CALL_EV_PLAYED});
    floor_pump(f);
}

static void silent(void *ctx, uint32_t id, uint32_t for_ms) {
    struct floor *f = ctx;
    struct leg *leg = floor_leg(f, id);
    if (leg)
        floor_leg_silent(f, leg, for_ms);
}

static void media_closed(void *ctx, uint32_t id, const struct media_stats *stats) {
    log_debug("floor", "event=media_end leg=%u in=%llu out=%llu lost=%u jitter_us=%u", id,
              (unsigned long long)stats->packets_in, (unsigned long long)stats->packets_out, stats->lost,
              stats->jitter_us);
}

/* ---- store ---- */

static void customer(void *ctx, uint32_t request, const struct store_customer *found) {
    struct floor *f = ctx;
    struct leg *leg = floor_leg(f, request);
    struct call *call = leg ? leg->call : NULL;
    if (!call || !call->lookup_pending)
        return;
    call->lookup_pending = false;
    if (found->id) {
        call->contact.customer_id = found->id;
        call->customer_new = found->is_new;
        str_copy(call->customer_name, sizeof call->customer_name, found->name);
        call->last_agent = conf_find_agent(f->conf, found->last_agent);
        call->owner_agent = conf_find_agent(f->conf, found->owner_agent);
    }
    if (call->progress.state == CALL_LOOKUP)
        floor_post_call(f, call->id, &(struct call_event){.type = CALL_EV_CUSTOMER, .target = call->target});
    floor_pump(f);
}

static void journal_full(void *ctx, bool full) {
    struct floor *f = ctx;
    f->journal_full = full;
    log_write(full ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "floor", "event=%s",
              full ? "new_calls_refused why=\"journal full\"" : "new_calls_taken_again");
}

struct ua_sink floor_ua_sink(struct floor *f) {
    return (struct ua_sink){f,     invited,    ringing,         answered,      confirmed,   reoffered,
                            ended, info_digit, agent_reachable, trunk_changed, floor_probed};
}

struct media_sink floor_media_sink(struct floor *f) {
    return (struct media_sink){f, digit, played, silent, media_closed};
}

struct store_sink floor_store_sink(struct floor *f) {
    return (struct store_sink){f, customer, journal_full};
}
