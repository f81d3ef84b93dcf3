/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests within a dialog: theirs (BYE, re-INVITE, UPDATE, INFO, OPTIONS) and ours (BYE, INFO). */
#include "sip/ua_leg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- BYE ---- */

void ua_reason_text(const sip_t *sip, const char *otherwise, char *text, size_t size) {
    const sip_reason_t *reason = sip->sip_reason;
    const char *from = reason && reason->re_text ? reason->re_text : otherwise;
    size_t n = 0;
    for (; *from && n + 1 < size; from++)
        if (*from != '"' && (unsigned char)*from >= 0x20)
            text[n++] = *from;
    text[n] = '\0';
}

static int on_bye_response(void *magic, nta_outgoing_t *orq, const sip_t *sip) {
    struct ua_leg *leg = magic;
    int status = sip && sip->sip_status ? sip->sip_status->st_status : nta_outgoing_status(orq);
    /* whatever it is (a challenge, 481, a timeout): the session is over on our side */
    if (status >= 200 && orq == leg->other) {
        nta_outgoing_destroy(orq);
        leg->other = NULL;
        ua_leg_event(leg, UA_EV_DONE, NULL);
    }
    return 0;
}

void ua_leg_bye(struct ua_leg *leg, uint16_t status, const char *reason) {
    char text[96] = "";
    if (status)
        snprintf(text, sizeof text, "SIP;cause=%u;text=\"%.64s\"", status, reason);
    if (leg->other)
        nta_outgoing_destroy(leg->other);
    leg->other = nta_outgoing_tcreate(leg->dialog, on_bye_response, leg, ua_leg_route(leg), SIP_METHOD_BYE,
                                      NULL, SIPTAG_USER_AGENT_STR(ua_product),
                                      TAG_IF(text[0], SIPTAG_REASON_STR(text)), TAG_END());
    if (leg->other)
        leg->ua->count.requests_out++;
    else
        ua_leg_event(leg, UA_EV_DONE, NULL);
}

static int on_bye(struct ua_leg *leg, nta_incoming_t *irq, const sip_t *sip) {
    char text[48];
    ua_reason_text(sip, "BYE", text, sizeof text);
    ua_leg_event(leg, UA_EV_BYE, &(struct ua_leg_input){.text = text});
    return 200;
}

/* ---- offers: re-INVITE and UPDATE ---- */

static int refuse(struct ua_leg *leg, nta_incoming_t *irq, int status, const char *phrase,
                  const char *header) {
    leg->ua->count.refused++;
    ua_reply_with(leg->ua, irq, status, phrase, header);
    nta_incoming_destroy(irq);
    return 0;
}

/* What an offer is refused with before the floor is asked, 0 = nothing. */
static int check_offer(const struct ua_leg *leg, nta_incoming_t *irq, const sip_t *sip, bool invite) {
    if (sip->sip_contact && (!ua_contact_is_good(sip->sip_contact) || sip->sip_contact->m_next))
        return 400;
    if (ua_unknown_option(sip))
        return 420;
    if (ua_session_check(leg->ua, sip))
        return 422;
    if (ua_body_sdp(sip) == -ENOMSG)
        return 415;
    bool offers = invite || ua_body_sdp(sip) == 0;
    if (!offers)
        return 0;
    if (leg->state == UA_LEG_ANSWERED || leg->irq || leg->other_is_invite)
        return 491; /* an offer of ours, or of theirs, is still open */
    return leg->state == UA_LEG_UP ? 0 : 500;
}

static int refuse_offer(struct ua_leg *leg, nta_incoming_t *irq, const sip_t *sip, int status) {
    char header[96] = "";
    if (status == 420)
        snprintf(header, sizeof header, "Unsupported: %.64s", ua_unknown_option(sip));
    else if (status == 422)
        snprintf(header, sizeof header, "Min-SE: %d", UA_MIN_EXPIRES_S);
    else if (status == 415)
        snprintf(header, sizeof header, "Accept: application/sdp");
    else if (status == 500)
        snprintf(header, sizeof header, "Retry-After: 3");
    else if (status == 488)
        snprintf(header, sizeof header, "Warning: 305 callfloor \"Incompatible media format\"");
    return refuse(leg, irq, status, NULL, header[0] ? header : NULL);
}

/* 200 with SDP (NULL: without), Contact and session timer. */
static int accept_offer(struct ua_leg *leg, nta_incoming_t *irq, const struct media_desc *ours) {
    char sdp[UA_SDP_MAX] = "", contact[URI_LEN], session[96];
    if (ours && ua_leg_write_sdp(leg, ours, sdp, sizeof sdp) < 0)
        return -EINVAL;
    ua_leg_contact(leg, contact, sizeof contact);
    ua_session_response_headers(leg, session, sizeof session);
    return nta_incoming_treply(irq, SIP_200_OK, SIPTAG_CONTACT_STR(contact), SIPTAG_ALLOW_STR(ua_allow),
                               SIPTAG_SUPPORTED_STR(ua_supported), SIPTAG_SERVER_STR(ua_product),
                               TAG_IF(session[0], SIPTAG_HEADER_STR(session)),
                               TAG_IF(sdp[0], SIPTAG_CONTENT_TYPE_STR("application/sdp")),
                               TAG_IF(sdp[0], SIPTAG_PAYLOAD_STR(sdp)), TAG_END());
}

/* Asks the floor; ours is filled when 0 comes back, else it is the status to refuse with. */
static int take_offer(struct ua_leg *leg, const sip_t *sip, struct media_desc *ours) {
    struct media_desc theirs;
    int error = ua_leg_read_sdp(leg, sip, &theirs);
    if (error)
        return error == -ENOTSUP ? 488 : error == -EMSGSIZE ? 413 : 400;
    memset(ours, 0, sizeof *ours);
    if (leg->ua->sink.reoffered(leg->ua->sink.ctx, leg->number, &theirs, ours))
        return 488;
    ua_leg_keep_remote(leg, &theirs);
    return 0;
}

static void moved(struct ua_leg *leg, nta_incoming_t *irq, const sip_t *sip) {
    struct sockaddr_storage from;
    ua_leg_learn_target(leg, sip, false);
    if (ua_source(leg->ua, irq, &from) == 0)
        ua_leg_learn_route(leg, sip, (const struct sockaddr *)&from);
}

static int on_reinvite(struct ua_leg *leg, nta_incoming_t *irq, const sip_t *sip) {
    struct media_desc ours = leg->local;
    int status = check_offer(leg, irq, sip, true);
    bool delayed = ua_body_sdp(sip) == -ENOENT;
    if (!status && !delayed)
        status = take_offer(leg, sip, &ours);
    if (status)
        return refuse_offer(leg, irq, sip, status);
    if (delayed)
        ours.direction = MEDIA_SENDRECV; /* an offer of ours: whoever was on hold may come back */
    moved(leg, irq, sip);
    ua_session_from_request(leg, sip);
    if (leg->state != UA_LEG_UP) /* the floor ended the leg while being asked */
        return refuse(leg, irq, 487, NULL, NULL);
    leg->irq = irq;
    leg->answer_in_ack = delayed;
    nta_incoming_bind(irq, ua_ack_or_cancel, leg);
    if (accept_offer(leg, irq, &ours) < 0) {
        leg->irq = NULL;
        return refuse(leg, irq, 500, NULL, NULL);
    }
    ua_session_start(leg);
    return 0;
}

void ua_reinvite_acked(struct ua_leg *leg, const sip_t *sip) {
    struct media_desc theirs, unused;
    if (sip && sip->sip_request->rq_method == sip_method_cancel)
        return; /* too late: it was answered at once */
    nta_incoming_destroy(leg->irq);
    leg->irq = NULL;
    if (leg->state != UA_LEG_UP)
        return;
    if (!sip) {
        ua_leg_event(leg, UA_EV_LOST, &(struct ua_leg_input){.status = 408, .text = "no ACK"});
        return;
    }
    if (leg->answer_in_ack && ua_leg_read_sdp(leg, sip, &theirs) == 0 &&
        leg->ua->sink.reoffered(leg->ua->sink.ctx, leg->number, &theirs, &unused) == 0)
        ua_leg_keep_remote(leg, &theirs);
}

static int on_update(struct ua_leg *leg, nta_incoming_t *irq, const sip_t *sip) {
    struct media_desc ours;
    bool offers = ua_body_sdp(sip) == 0;
    int status = check_offer(leg, irq, sip, false);
    if (!status && offers)
        status = take_offer(leg, sip, &ours);
    if (status)
        return refuse_offer(leg, irq, sip, status);
    moved(leg, irq, sip);
    ua_session_from_request(leg, sip);
    if (accept_offer(leg, irq, offers ? &ours : NULL) < 0)
        return refuse(leg, irq, 500, NULL, NULL);
    nta_incoming_destroy(irq);
    if (leg->state == UA_LEG_UP)
        ua_session_start(leg);
    return 0;
}

/* ---- INFO ---- */

static bool is_digit(char c) {
    return (c >= '0' && c <= '9') || c == '*' || c == '#' || (c >= 'A' && c <= 'D');
}

/* "Signal= 5\r\nDuration= 160" or just "5". 0 or -EINVAL. */
static int read_info_digit(const sip_t *sip, char *digit, uint32_t *duration_ms) {
    char body[128];
    const sip_payload_t *payload = sip->sip_payload;
    const char *type = sip->sip_content_type ? sip->sip_content_type->c_type : NULL;
    if (!type || !payload || !payload->pl_len || payload->pl_len >= sizeof body)
        return -EINVAL;
    memcpy(body, payload->pl_data, payload->pl_len);
    body[payload->pl_len] = '\0';
    const char *signal = body;
    *duration_ms = 100;
    if (strcasecmp(type, "application/dtmf-relay") == 0) {
        const char *duration = strcasestr(body, "duration=");
        signal = strcasestr(body, "signal=");
        if (!signal)
            return -EINVAL;
        signal += strlen("signal=");
        unsigned ms = duration ? (unsigned)strtoul(duration + strlen("duration="), NULL, 10) : 0;
        if (ms && ms <= 10000)
            *duration_ms = ms;
    } else if (strcasecmp(type, "application/dtmf") != 0) {
        return -EINVAL;
    }
    signal += strspn(signal, " \t");
    *digit = *signal >= 'a' && *signal <= 'd' ? (char)(*signal - 0x20) : *signal;
    return is_digit(*digit) ? 0 : -EINVAL;
}

static int on_info(struct ua_leg *leg, const sip_t *sip) {
    char digit;
    uint32_t duration_ms;
    if (leg->number && read_info_digit(sip, &digit, &duration_ms) == 0)
        leg->ua->sink.info_digit(leg->ua->sink.ctx, leg->number, digit, duration_ms);
    return 200;
}

static int on_info_response(void *magic, nta_outgoing_t *orq, const sip_t *sip) {
    if (nta_outgoing_status(orq) >= 200)
        nta_outgoing_destroy(orq);
    return 0;
}

int ua_leg_send_info(struct ua_leg *leg, char digit, uint32_t duration_ms) {
    char body[64];
    if (leg->state != UA_LEG_UP)
        return -ENOTCONN;
    if (!is_digit(digit))
        return -EINVAL;
    snprintf(body, sizeof body, "Signal=%c\r\nDuration=%u\r\n", digit, duration_ms);
    if (!nta_outgoing_tcreate(leg->dialog, on_info_response, NULL, ua_leg_route(leg), SIP_METHOD_INFO, NULL,
                              SIPTAG_CONTENT_TYPE_STR("application/dtmf-relay"), SIPTAG_PAYLOAD_STR(body),
                              SIPTAG_USER_AGENT_STR(ua_product), TAG_END()))
        return -ENOMEM;
    leg->ua->count.requests_out++;
    return 0;
}

/* ---- all methods ---- */

int ua_dialog_request(void *magic, nta_leg_t *dialog, nta_incoming_t *irq, const sip_t *sip) {
    struct ua_leg *leg = magic;
    sip_method_t method = sip->sip_request->rq_method;
    if (method == sip_method_ack) { /* repeated, of an INVITE long done with */
        nta_incoming_destroy(irq);
        return 0;
    }
    leg->ua->count.requests_in++;
    if (!sip->sip_to->a_tag) /* Sofia lets the rest of the dialog's name do */
        return refuse(leg, irq, 481, NULL, NULL);
    if (method == sip_method_bye)
        return leg->state == UA_LEG_GONE ? 481 : on_bye(leg, irq, sip);
    if (leg->state > UA_LEG_UP)
        return refuse(leg, irq, 481, NULL, NULL);
    switch ((int)method) {
    case sip_method_invite:
        return on_reinvite(leg, irq, sip);
    case sip_method_update:
        return on_update(leg, irq, sip);
    case sip_method_info:
        return on_info(leg, sip);
    case sip_method_options:
        ua_reply_with(leg->ua, irq, 200, NULL, ua_options_headers);
        nta_incoming_destroy(irq);
        return 0;
    default:
        return refuse(leg, irq, 405, NULL, NULL);
    }
}
