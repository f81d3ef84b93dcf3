/* SPDX-License-Identifier: Apache-2.0
 * The dead-call rule: who sends nothing and does not answer is not there any more, and must not keep an agent
 * in a call (or a place in a queue) for ever. Silence alone proves nothing (mute, hold), so SIP asks within
 * the dialog; a leg is dead when it has not been heard since the question was sent and the question failed.
 * Where silence is agreed on (hold) two questions must fail. */
#include "floor/internal.h"

#include <errno.h>

enum { UNHEARD_MS = 2000 };

static unsigned long long call_number(const struct floor *f, const struct leg *leg) {
    return leg->call->id - f->first_id + 1;
}
static const char *side(const struct leg *leg) {
    return leg->role == LEG_CALLER ? "caller" : "agent";
}

static void floor_probe(struct floor *f, struct leg *leg) {
    if (!f->ua.probe || leg->probing || !leg->call || leg->state != LEG_UP)
        return;
    leg->probed_ms = leg->asked_ms = floor_now_ms(f);
    leg->probing = f->ua.probe(f->ua.ctx, leg->id) == 0;
}

void floor_leg_silent(struct floor *f, struct leg *leg, uint32_t for_ms) {
    if (!leg->call || leg->state != LEG_UP)
        return;
    if (leg->call->progress.state == CALL_TALKING)
        log_info("floor", "event=no_audio call=%llu side=%s for_ms=%u", call_number(f, leg), side(leg),
                 for_ms);
    floor_probe(f, leg);
}

/* From time to time, for silences that go on, and for legs on hold. */
void floor_probe_if_silent(struct floor *f, struct leg *leg, const struct media_leg *media) {
    uint32_t timeout_ms = f->conf->rtp_timeout_ms;
    if (!media || !timeout_ms || !leg->call || leg->state != LEG_UP)
        return;
    uint64_t now_ms = floor_now_ms(f);
    if (media->expects && media->unheard_ms < timeout_ms)
        leg->probed_ms = 0; /* the next silence is another one */
    else if (!leg->probed_ms)
        leg->probed_ms = now_ms;
    else if (now_ms - leg->probed_ms >= timeout_ms)
        floor_probe(f, leg);
}

/* Its phone does not answer OPTIONS any more: if there is a call on it, is that still there? */
void floor_probe_agent(struct floor *f, uint32_t agent) {
    const struct desk *desk = floor_desk(f, agent);
    for (uint32_t i = 0; desk->answered && i < desk->phone_count; i++) {
        struct leg *leg = floor_leg(f, desk->phones[i]);
        if (leg)
            floor_probe(f, leg);
    }
}

static void leg_is_dead(struct floor *f, struct leg *leg, uint32_t unheard_ms) {
    struct call *call = leg->call;
    f->dead_total++;
    log_warn("floor", "event=peer_gone call=%llu side=%s state=%s unheard_ms=%u", call_number(f, leg),
             side(leg), call_state_name(call->progress.state), unheard_ms);
    if (leg->role == LEG_PHONE) {
        floor_post_call(f, call->id, &(struct call_event){.type = CALL_EV_FAIL});
        return;
    }
    call->leg = 0;
    call->contact.sip_status = 408;
    floor_post_call(f, call->id, &(struct call_event){.type = CALL_EV_CALLER_LOST});
    floor_leg_end(f, leg, UA_END_NORMAL, NULL);
}

void floor_probed(void *ctx, uint32_t id, bool alive) {
    struct floor *f = ctx;
    struct leg *leg = floor_leg(f, id);
    struct media_leg media = {0};
    if (!leg || !leg->probing)
        return;
    leg->probing = false;
    if (alive || !leg->call || leg->state != LEG_UP) {
        leg->probe_failures = 0;
        return;
    }
    uint64_t since_ms = floor_now_ms(f) - leg->asked_ms;
    /* a quick 481 is no proof against audio that has just been heard */
    uint32_t timeout_ms = f->conf->rtp_timeout_ms,
             least_ms = timeout_ms && timeout_ms < UNHEARD_MS ? timeout_ms : UNHEARD_MS;
    if (since_ms < least_ms)
        since_ms = least_ms;
    int err = f->media.leg ? f->media.leg(f->media.ctx, id, &media) : -ENOENT;
    if (!err && media.expects && media.unheard_ms < since_ms) {
        log_info("floor", "event=probe_unanswered call=%llu side=%s heard_ms_ago=%u", call_number(f, leg),
                 side(leg), media.unheard_ms);
        leg->probe_failures = 0; /* it lives */
        return;
    }
    if ((err || !media.expects) && !leg->probe_failures++) {
        floor_probe(f, leg);
        return;
    }
    leg_is_dead(f, leg, media.unheard_ms);
    floor_pump(f);
}
