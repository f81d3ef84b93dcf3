/* SPDX-License-Identifier: Apache-2.0
 *
 * Session timers (RFC 4028): a dialog whose other side has vanished does not stay up for ever. */
#include "sip/ua_leg.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { EXPIRES_MAX_S = 86400 };

static bool supports_timer(const sip_t *sip) {
    return ua_lists((const msg_list_t *)sip->sip_supported, "timer") ||
           ua_lists((const msg_list_t *)sip->sip_require, "timer");
}

int ua_session_check(const struct ua *ua, const sip_t *sip) {
    const sip_session_expires_t *wanted = sip->sip_session_expires;
    return wanted && wanted->x_delta < UA_MIN_EXPIRES_S && supports_timer(sip) ? 422 : 0;
}

static uint32_t bounded(const struct ua_leg *leg, unsigned long seconds) {
    if (seconds < leg->min_expires_s)
        seconds = leg->min_expires_s;
    return seconds > EXPIRES_MAX_S ? EXPIRES_MAX_S : (uint32_t)seconds;
}

/* In a request "uac" is its sender. */
void ua_session_from_request(struct ua_leg *leg, const sip_t *sip) {
    const sip_session_expires_t *wanted = sip->sip_session_expires;
    leg->peer_timers = supports_timer(sip);
    if (sip->sip_min_se && sip->sip_min_se->min_delta <= EXPIRES_MAX_S &&
        sip->sip_min_se->min_delta > leg->min_expires_s)
        leg->min_expires_s = (uint32_t)sip->sip_min_se->min_delta;
    if (wanted) {
        leg->expires_s = bounded(leg, wanted->x_delta);
        leg->we_refresh =
            !leg->peer_timers || (wanted->x_refresher && strcasecmp(wanted->x_refresher, "uas") == 0);
    } else {
        leg->expires_s =
            leg->ua->conf->session_expires_s ? bounded(leg, leg->ua->conf->session_expires_s) : 0;
        leg->we_refresh = !leg->peer_timers;
    }
}

/* In a response "uac" is who sent the request: we. When the other side knows no session timers but we were
 * told to use them, we refresh all the same: a vanished phone then shows as a refresh without an answer. */
void ua_session_from_response(struct ua_leg *leg, const sip_t *sip) {
    const sip_session_expires_t *agreed = sip->sip_session_expires;
    if (agreed) {
        leg->expires_s = bounded(leg, agreed->x_delta);
        leg->we_refresh = !agreed->x_refresher || strcasecmp(agreed->x_refresher, "uas") != 0;
    } else {
        leg->expires_s =
            leg->ua->conf->session_expires_s ? bounded(leg, leg->ua->conf->session_expires_s) : 0;
        leg->we_refresh = true;
    }
}

void ua_session_response_headers(const struct ua_leg *leg, char *text, size_t size) {
    text[0] = '\0';
    if (leg->expires_s)
        snprintf(text, size, "Session-Expires: %u;refresher=%s%s", leg->expires_s,
                 leg->we_refresh ? "uas" : "uac", leg->we_refresh ? "" : "\r\nRequire: timer");
}

void ua_session_request_headers(const struct ua_leg *leg, char *text, size_t size) {
    text[0] = '\0';
    if (leg->expires_s)
        snprintf(text, size, "Session-Expires: %u%s\r\nMin-SE: %u", leg->expires_s,
                 leg->state == UA_LEG_UP ? ";refresher=uac" : "", leg->min_expires_s);
}

/* ---- the timer ---- */

static void arm(struct ua_leg *leg, enum ua_session_task task, uint32_t in_ms) {
    leg->session_task = (uint8_t)task;
    leg->session.key = leg->sdp_id;
    if (deadline_set(&leg->ua->legs->sessions, &leg->session, ua_now_ms(leg->ua) + in_ms))
        log_error("sip", "event=session_timer_lost leg=%u", leg->number);
}

/* How long before the end of the interval the session counts as dead (RFC 4028 10). */
static uint32_t margin_s(const struct ua_leg *leg) {
    return leg->expires_s / 3 < 32 ? leg->expires_s / 3 : 32;
}

void ua_session_stop(struct ua_leg *leg) {
    deadline_clear(&leg->ua->legs->sessions, &leg->session);
}

void ua_session_start(struct ua_leg *leg) {
    ua_session_stop(leg);
    if (!leg->expires_s)
        return;
    if (leg->we_refresh)
        arm(leg, UA_SESSION_REFRESH, leg->expires_s * 500);
    else
        arm(leg, UA_SESSION_EXPIRE, (leg->expires_s - margin_s(leg)) * 1000);
}

/* ---- our refreshes: UPDATE where the other side knows it, else re-INVITE with the same SDP ---- */

static void send_refresh(struct ua_leg *leg);

static void ack_refresh(struct ua_leg *leg, nta_outgoing_t *orq, const sip_t *sip) {
    struct media_desc theirs, unused;
    struct sockaddr_storage from;
    sip_cseq_t cseq[1];
    sip_cseq_init(cseq);
    cseq->cs_seq = nta_outgoing_cseq(orq);
    cseq->cs_method = sip_method_ack;
    cseq->cs_method_name = "ACK";
    ua_leg_learn_target(leg, sip, false);
    if (ua_response_source(orq, &from) == 0)
        ua_leg_learn_route(leg, sip, (const struct sockaddr *)&from);
    nta_outgoing_t *ack = nta_outgoing_tcreate(leg->dialog, NULL, NULL, ua_leg_route(leg), SIP_METHOD_ACK,
                                               NULL, SIPTAG_CSEQ(cseq), TAG_END());
    if (ack)
        nta_outgoing_destroy(ack);
    if (ua_leg_read_sdp(leg, sip, &theirs) == 0 && memcmp(&theirs, &leg->remote, sizeof theirs) != 0 &&
        leg->ua->sink.reoffered(leg->ua->sink.ctx, leg->number, &theirs, &unused) == 0)
        ua_leg_keep_remote(leg, &theirs);
}

static uint32_t glare_ms(const struct ua_leg *leg) { /* RFC 3261 14.1 */
    uint64_t seed = loop_now_us() ^ leg->sdp_id;
    uint32_t random = (uint32_t)(rng_next(&seed) % 1900);
    return leg->incoming ? random + 10 : random + 2100;
}

static void refresh_failed(struct ua_leg *leg, const sip_t *sip, int status, bool by_update) {
    if (status == 481 || status == 408)
        ua_leg_event(
            leg, UA_EV_LOST,
            &(struct ua_leg_input){.status = (uint16_t)status, .text = "session refresh unanswered"});
    else if (status == 491)
        arm(leg, UA_SESSION_REFRESH, glare_ms(leg));
    else if (by_update && (status == 405 || status == 501)) {
        leg->peer_updates = false;
        send_refresh(leg);
    } else if (status == 422 && sip->sip_min_se && leg->retries++ < 3) {
        leg->min_expires_s = bounded(leg, sip->sip_min_se->min_delta);
        leg->expires_s = bounded(leg, leg->expires_s);
        send_refresh(leg);
    } /* else: it expires when its time has come */
}

static int on_refresh_response(void *magic, nta_outgoing_t *orq, const sip_t *sip) {
    struct ua_leg *leg = magic;
    int status = sip && sip->sip_status ? sip->sip_status->st_status : nta_outgoing_status(orq);
    if (status < 200 || orq != leg->other)
        return 0;
    bool by_update = !leg->other_is_invite;
    leg->other = NULL;
    leg->other_is_invite = false;
    if (status < 300 && sip) {
        if (!by_update)
            ack_refresh(leg, orq, sip);
        leg->retries = 0;
        if (leg->state == UA_LEG_UP) {
            ua_session_from_response(leg, sip);
            ua_session_start(leg);
        }
    } else {
        refresh_failed(leg, sip, sip ? status : 408, by_update);
    }
    nta_outgoing_destroy(orq);
    return 0;
}

static void send_refresh(struct ua_leg *leg) {
    char sdp[UA_SDP_MAX] = "", contact[URI_LEN], session[96];
    bool invite = !leg->peer_updates;
    if (leg->other || (invite && leg->irq)) {
        arm(leg, UA_SESSION_REFRESH, 2000);
        return;
    }
    if (invite && ua_leg_write_sdp(leg, &leg->local, sdp, sizeof sdp) < 0)
        return;
    ua_leg_contact(leg, contact, sizeof contact);
    ua_session_request_headers(leg, session, sizeof session);
    leg->other = nta_outgoing_tcreate(leg->dialog, on_refresh_response, leg, ua_leg_route(leg),
                                      invite ? sip_method_invite : sip_method_update,
                                      invite ? "INVITE" : "UPDATE", NULL, SIPTAG_CONTACT_STR(contact),
                                      SIPTAG_ALLOW_STR(ua_allow), SIPTAG_SUPPORTED_STR(ua_supported),
                                      SIPTAG_USER_AGENT_STR(ua_product), SIPTAG_HEADER_STR(session),
                                      TAG_IF(invite, SIPTAG_CONTENT_TYPE_STR("application/sdp")),
                                      TAG_IF(invite, SIPTAG_PAYLOAD_STR(sdp)), TAG_END());
    leg->other_is_invite = leg->other && invite;
    leg->ua->count.requests_out++;
    arm(leg, UA_SESSION_EXPIRE, (leg->expires_s / 2 - margin_s(leg)) * 1000 + 1000);
}

static void session_due(struct ua_leg *leg) {
    struct ua_guard guard;
    if (leg->state != UA_LEG_UP)
        return;
    if (UA_GUARD_ENTER(&guard)) {
        if (leg->session_task == UA_SESSION_REFRESH)
            send_refresh(leg);
        else
            ua_leg_event(leg, UA_EV_LOST, &(struct ua_leg_input){.status = 408, .text = "session expired"});
    }
    ua_guard_leave(&guard);
    ua_kick(leg->ua);
}

uint64_t ua_sessions_tick(struct ua *ua, uint64_t now_ms) {
    struct deadlines *sessions = &ua->legs->sessions;
    struct deadline *first;
    while ((first = deadline_first(sessions)) && first->at_ms <= now_ms) {
        deadline_clear(sessions, first);
        session_due((struct ua_leg *)(void *)((char *)first - offsetof(struct ua_leg, session)));
    }
    return deadline_next_ms(sessions);
}
