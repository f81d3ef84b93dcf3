/* SPDX-License-Identifier: Apache-2.0
 * What the control thread asks of the media thread. */
#include "media/engine.h"
#include "media/rtcp.h"

#include <string.h>
#include <sys/epoll.h>

enum { FIRST_REPORT_US = 2500000 };

void engine_repace(struct engine *e, struct leg *leg) {
    leg->speaks = leg->play.active || rtp_dtmf_out_busy(&leg->dtmf_out);
    if (leg->set && (leg->speaks || (leg->peer == LEG_NO_PEER && leg->terms.may_send)))
        pace_add(&e->pace, engine_slot(e, leg));
    else
        pace_remove(&e->pace, engine_slot(e, leg));
}

static void open_leg(struct engine *e, struct leg *leg, const struct command *c) {
    memset(leg, 0, sizeof *leg);
    leg->rtp_fd = c->open.rtp_fd;
    leg->rtcp_fd = c->open.rtcp_fd;
    leg->id = c->open.leg;
    leg->peer = LEG_NO_PEER;
    leg->open = true;
    leg->random = c->open.seed;
    leg->report_us = e->now_us + FIRST_REPORT_US;
    uint64_t ssrc = rng_next(&leg->random), start = rng_next(&leg->random);
    rtp_out_init(&leg->out, (uint32_t)ssrc, (uint16_t)(start & 0x7fff), (uint32_t)(start >> 32), e->now_us);
    struct epoll_event rtp = {.events = EPOLLIN, .data.u64 = c->slot};
    struct epoll_event rtcp = {.events = EPOLLIN, .data.u64 = c->slot | UINT64_C(1) << 32};
    epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, leg->rtp_fd, &rtp);
    epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, leg->rtcp_fd, &rtcp);
    leg->active_at = e->active_count;
    e->active[e->active_count++] = c->slot;
}

static void part(struct engine *e, struct leg *leg) {
    if (leg->peer == LEG_NO_PEER)
        return;
    struct leg *peer = &e->leg[leg->peer];
    leg->peer = peer->peer = LEG_NO_PEER;
    engine_repace(e, peer);
    engine_repace(e, leg);
}

static void close_leg(struct engine *e, struct leg *leg) {
    uint32_t slot = engine_slot(e, leg);
    part(e, leg);
    play_stop(&leg->play, &e->retired);
    pace_remove(&e->pace, slot);
    epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, leg->rtp_fd, NULL);
    epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, leg->rtcp_fd, NULL);
    uint32_t last = e->active[--e->active_count];
    e->active[leg->active_at] = last;
    e->leg[last].active_at = leg->active_at;
    leg->open = leg->set = false;
    leg->stats.lost = rtp_in_lost(&leg->in);
    leg->stats.late = leg->in.late;
    leg->stats.jitter_us = (leg->in.jitter16 >> 4) * (1000000 / RTP_RATE);
    engine_post(e, &(struct engine_event){.kind = EVENT_CLOSED, .slot = slot, .leg = leg->id});
}

static void set_terms(struct engine *e, struct leg *leg, const struct leg_terms *terms) {
    bool expected = leg->set && leg->terms.expects;
    leg->terms = *terms;
    if (!expected && terms->expects) {
        leg->heard_us = e->now_us;
        leg->silence_told = false;
    }
    leg->set = true;
    if (terms->has_address && latch_set(&leg->latch, &terms->rtp, e->now_us)) {
        if (leg->connected)
            engine_disconnect(leg);
        leg->rtcp_peer = terms->rtcp;
        leg->in.last_us = 0; /* whatever comes from there is a new stream */
    }
    engine_repace(e, leg);
}

static void play(struct engine *e, struct leg *leg, const struct media_play *what) {
    play_stop(&leg->play, &e->retired);
    play_start(&leg->play, what, e->prompts);
    engine_repace(e, leg);
}

static void stop(struct engine *e, struct leg *leg) {
    play_stop(&leg->play, &e->retired);
    engine_repace(e, leg);
}

static void join(struct engine *e, struct leg *leg, struct leg *other) {
    if (leg == other || !other->open)
        return;
    if (leg->peer != engine_slot(e, other)) {
        part(e, leg);
        part(e, other);
        leg->peer = engine_slot(e, other);
        other->peer = engine_slot(e, leg);
    }
    stop(e, leg);
    stop(e, other);
}

/* Prompts that are gone or replaced go back to the control thread as soon as nobody plays them. */
static void swap_prompts(struct engine *e, struct prompt_set *set) {
    struct prompt_set *old = e->prompts;
    e->prompts = set;
    if (!old)
        return;
    for (uint32_t i = 1; i <= old->count; i++) {
        struct prompt *prompt = old->prompt[i];
        if (!prompt || (i <= set->count && set->prompt[i] == prompt))
            continue;
        prompt->retired = true;
        if (!prompt->users) {
            prompt->next = e->retired;
            e->retired = prompt;
        }
    }
    old->next = e->old_sets;
    e->old_sets = old;
}

static void obey(struct engine *e, const struct command *c) {
    struct leg *leg = &e->leg[c->slot];
    switch ((enum command_kind)c->kind) {
    case COMMAND_OPEN:
        open_leg(e, leg, c);
        break;
    case COMMAND_SET:
        set_terms(e, leg, &c->terms);
        break;
    case COMMAND_PLAY:
        play(e, leg, &c->play);
        break;
    case COMMAND_STOP:
        stop(e, leg);
        break;
    case COMMAND_JOIN:
        join(e, leg, &e->leg[c->other]);
        break;
    case COMMAND_PART:
        part(e, leg);
        break;
    case COMMAND_DIGIT:
        if (rtp_dtmf_out_add(&leg->dtmf_out, c->digit, c->duration_ms) < 0)
            e->dropped++;
        engine_repace(e, leg);
        break;
    case COMMAND_CLOSE:
        close_leg(e, leg);
        break;
    case COMMAND_PROMPTS:
        swap_prompts(e, c->prompts);
        break;
    case COMMAND_TIMEOUT:
        e->timeout_ms = c->timeout_ms;
        break;
    case COMMAND_QUIT:
        e->quit = true;
        break;
    }
}

void engine_take_commands(struct engine *e) {
    struct command command;
    while (!e->quit && ring_pop(&e->commands, &command))
        obey(e, &command);
}
