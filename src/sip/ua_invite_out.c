/* SPDX-License-Identifier: Apache-2.0
 *
 * Outgoing calls: INVITE, its responses (reliable ones are PRACKed), ACK, CANCEL. */
#include "sip/ua_leg.h"

#include <errno.h>
#include <sofia-sip/nta_tport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- INVITE ---- */

/* A number of theirs as the user part of a URI of ours. */
static void escape_user(const char *user, char *out, size_t size) {
    static const char plain[] = "-_.!~*'()&=+$,"; /* RFC 3261 25.1, without ';' '?' '/' */
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)user; *p && n + 4 < size; p++) {
        bool alnum = (*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z');
        if (alnum || strchr(plain, *p))
            out[n++] = (char)*p;
        else
            n += (size_t)snprintf(out + n, size - n, "%%%02X", *p);
    }
    out[n] = '\0';
}

static void quote_name(const char *name, char *out, size_t size) {
    size_t n = 0;
    if (name && name[0]) {
        out[n++] = '"';
        for (const char *p = name; *p && n + 4 < size; p++) {
            if (*p == '"' || *p == '\\')
                out[n++] = '\\';
            if ((unsigned char)*p >= 0x20 && *p != 0x7f)
                out[n++] = *p;
        }
        out[n++] = '"';
        out[n++] = ' ';
    }
    out[n] = '\0';
}

/* uri: sip: or sips: with a host, without headers. */
static int check_uri(su_home_t *home, const char *uri, url_t **out) {
    if (!uri || strlen(uri) >= URI_LEN || strpbrk(uri, "\r\n<> \""))
        return -EINVAL;
    url_t *url = url_make(home, uri);
    if (!url || (url->url_type != url_sip && url->url_type != url_sips) || !url->url_host ||
        !url->url_host[0] || url->url_headers)
        return -EINVAL;
    *out = url;
    return 0;
}

/* Sofia's own Call-ID asks the kernel for all network interfaces, 0.5 ms for each call. */
static void make_call_id(char *text, size_t size) {
    uint64_t random[2] = {0};
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != sizeof random) /* early at boot */
        random[0] = loop_now_us(), random[1] = (uint64_t)(uintptr_t)text;
    snprintf(text, size, "%016llx%016llx", (unsigned long long)random[0], (unsigned long long)random[1]);
}

static int make_dialog(struct ua_leg *leg, const struct ua_invite *what, const url_t *url) {
    char call_id[40], from[URI_LEN * 2], to[URI_LEN], user[NUMBER_LEN * 3 + 4], name[NAME_LEN * 2 + 8],
        ours[URI_LEN];
    escape_user(what->caller ? what->caller : "", user, sizeof user);
    if (ua_contact_uri(leg->ua, user[0] ? user : "anonymous", leg->tcp, leg->peer, ours, sizeof ours))
        return -ENETUNREACH;
    quote_name(what->caller_name, name, sizeof name);
    snprintf(from, sizeof from, "%s<%s>", name, ours);
    escape_user(what->called ? what->called : "", user, sizeof user);
    snprintf(to, sizeof to, "<sip:%s%s%s>", user, user[0] ? "@" : "", url->url_host);
    make_call_id(call_id, sizeof call_id);
    sip_contact_t target[1]; /* until a response brings a Contact that can be used */
    sip_contact_init(target);
    *target->m_url = *url;
    leg->dialog =
        nta_leg_tcreate(leg->ua->agent, ua_dialog_request, leg, SIPTAG_FROM_STR(from), SIPTAG_TO_STR(to),
                        SIPTAG_CALL_ID_STR(call_id), NTATAG_TARGET(target), TAG_END());
    return leg->dialog && nta_leg_tag(leg->dialog, NULL) ? 0 : -EINVAL;
}

static int send_invite(struct ua_leg *leg, const url_string_t *uri, const char *route) {
    char sdp[UA_SDP_MAX], contact[URI_LEN], headers[320], session[96];
    int length = ua_leg_write_sdp(leg, &leg->local, sdp, sizeof sdp);
    if (length < 0)
        return -EINVAL;
    ua_leg_contact(leg, contact, sizeof contact);
    ua_session_request_headers(leg, session, sizeof session);
    snprintf(headers, sizeof headers, "%s%s%s", session, session[0] && leg->auto_answer ? "\r\n" : "",
             leg->auto_answer ? "Call-Info: <sip:callfloor.invalid>;answer-after=0\r\n"
                                "Alert-Info: <http://127.0.0.1>;info=alert-autoanswer"
                              : "");
    nta_outgoing_t *old = leg->invite;
    leg->invite = nta_outgoing_tcreate(
        leg->dialog, ua_out_response, leg, route ? URL_STRING_MAKE(route) : NULL, SIP_METHOD_INVITE, uri,
        NTATAG_PASS_100(1), SIPTAG_CONTACT_STR(contact), SIPTAG_ALLOW_STR(ua_allow),
        SIPTAG_SUPPORTED_STR(ua_supported), SIPTAG_USER_AGENT_STR(ua_product),
        TAG_IF(headers[0], SIPTAG_HEADER_STR(headers)), SIPTAG_CONTENT_TYPE_STR("application/sdp"),
        SIPTAG_PAYLOAD_STR(sdp), TAG_END());
    if (old)
        nta_outgoing_destroy(old);
    if (!leg->invite)
        return -EINVAL;
    leg->invite_cseq = nta_outgoing_cseq(leg->invite);
    leg->ua->count.requests_out++;
    return 0;
}

int ua_call(struct ua *ua, uint32_t number, const struct ua_invite *what) {
    su_home_t home[1] = {SU_HOME_INIT(home)};
    char route[URI_LEN], transport[8] = "";
    url_t *url = NULL;
    int error = check_uri(home, what->uri, &url);
    struct ua_leg *leg = error ? NULL : ua_leg_new(ua, false);
    if (!error && !leg)
        error = -ENOMEM;
    if (!error) {
        if (url->url_params)
            url_param(url->url_params, "transport", transport, sizeof transport);
        leg->tcp = strcasecmp(transport, "tcp") == 0;
        leg->agent = what->agent;
        leg->auto_answer = what->auto_answer;
        leg->local = *what->offer;
        leg->has_local = true;
        leg->expires_s = ua->conf->session_expires_s;
        str_copy(leg->peer, sizeof leg->peer, url->url_host);
        error = make_dialog(leg, what, url);
    }
    if (!error) {
        bool detour = what->agent && ua_bindings_route(ua, what->agent, what->uri, route, sizeof route);
        error = send_invite(leg, URL_STRING_MAKE(what->uri), detour ? route : NULL);
    }
    if (!error)
        error = ua_leg_set_number(leg, number);
    if (!error)
        ua_leg_event(leg, UA_EV_INVITE, NULL);
    else if (leg)
        ua_leg_discard(leg);
    su_home_deinit(home);
    return error;
}

/* ---- dialog of the responses ---- */

/* The dialog is with the branch that spoke last; another one (a forked INVITE) needs another dialog. */
static int follow_branch(struct ua_leg *leg, const sip_t *sip) {
    const char *tag = sip->sip_to->a_tag, *known = nta_leg_get_rtag(leg->dialog);
    if (!tag)
        return 0;
    if (known && strcasecmp(known, tag) != 0) {
        sip_cseq_t cseq[1];
        sip_cseq_init(cseq);
        cseq->cs_seq = nta_leg_get_seq(leg->dialog);
        sip_contact_t target[1];
        sip_contact_init(target);
        *target->m_url = *nta_outgoing_request_uri(leg->invite);
        nta_leg_t *other =
            nta_leg_tcreate(leg->ua->agent, ua_dialog_request, leg, SIPTAG_CALL_ID(sip->sip_call_id),
                            SIPTAG_FROM(sip->sip_from), SIPTAG_TO(sip->sip_to), SIPTAG_CSEQ(cseq),
                            NTATAG_TARGET(target), TAG_END());
        if (!other)
            return -ENOMEM;
        nta_leg_destroy(leg->dialog);
        leg->dialog = other;
        leg->rseq = 0;
    } else if (!known && !nta_leg_rtag(leg->dialog, tag)) {
        return -ENOMEM;
    }
    ua_leg_learn_target(leg, sip, true);
    return 0;
}

static void learn_route(struct ua_leg *leg, nta_outgoing_t *orq, const sip_t *sip) {
    struct sockaddr_storage from;
    if (ua_response_source(orq, &from) == 0)
        ua_leg_learn_route(leg, sip, (const struct sockaddr *)&from);
}

static void prack(struct ua_leg *leg, const sip_t *sip) {
    char rack[64];
    snprintf(rack, sizeof rack, "%u %u INVITE", (unsigned)sip->sip_rseq->rs_response, leg->invite_cseq);
    if (nta_outgoing_tcreate(leg->dialog, NULL, NULL, ua_leg_route(leg), SIP_METHOD_PRACK, NULL,
                             SIPTAG_RACK_STR(rack), SIPTAG_USER_AGENT_STR(ua_product), TAG_END()))
        leg->ua->count.requests_out++;
}

/* Reliable 1xx: true when it is new and in order; it is acknowledged. */
static bool take_reliable(struct ua_leg *leg, const sip_t *sip) {
    uint32_t rseq = sip->sip_rseq->rs_response;
    if (!sip->sip_to->a_tag || (leg->rseq && rseq != leg->rseq + 1))
        return false;
    leg->rseq = rseq;
    prack(leg, sip);
    return true;
}

/* ---- responses ---- */

static void on_provisional(struct ua_leg *leg, nta_outgoing_t *orq, const sip_t *sip) {
    struct media_desc early;
    uint16_t status = (uint16_t)sip->sip_status->st_status;
    struct ua_leg_input input = {.status = status};
    if (status > 100) {
        follow_branch(leg, sip);
        learn_route(leg, orq, sip);
        if (sip->sip_rseq && ua_lists((const msg_list_t *)sip->sip_require, "100rel") &&
            !take_reliable(leg, sip))
            return;
        if (ua_leg_read_sdp(leg, sip, &early) == 0) {
            input.media = &early;
            ua_leg_keep_remote(leg, &early);
        }
    }
    ua_leg_event(leg, UA_EV_PROGRESS, &input);
}

static void on_success(struct ua_leg *leg, nta_outgoing_t *orq, const sip_t *sip) {
    struct media_desc answer;
    int error = ua_leg_read_sdp(leg, sip, &answer);
    if (error == -ENOENT && leg->has_remote) { /* it came with a reliable 1xx */
        answer = leg->remote;
        error = 0;
    }
    if (follow_branch(leg, sip))
        error = -ENOMEM;
    learn_route(leg, orq, sip);
    leg->peer_updates = ua_lists((const msg_list_t *)sip->sip_allow, "UPDATE");
    ua_session_from_response(leg, sip);
    if (error)
        ua_leg_event(leg, UA_EV_BAD_OK,
                     &(struct ua_leg_input){.status = 488, .text = "no usable SDP answer"});
    else {
        ua_leg_keep_remote(leg, &answer);
        ua_leg_event(leg, UA_EV_OK, &(struct ua_leg_input){.status = 200, .media = &answer});
    }
}

/* 422: the other side wants a longer session interval. */
static bool retry_longer(struct ua_leg *leg, nta_outgoing_t *orq, const sip_t *sip) {
    if (sip->sip_status->st_status != 422 || !sip->sip_min_se || leg->retries++ >= 2 ||
        (leg->state != UA_LEG_CALLING && leg->state != UA_LEG_PROCEEDING))
        return false;
    leg->min_expires_s = sip->sip_min_se->min_delta > 7200 ? 7200 : (uint32_t)sip->sip_min_se->min_delta;
    if (leg->expires_s < leg->min_expires_s)
        leg->expires_s = leg->min_expires_s;
    su_home_t home[1] = {SU_HOME_INIT(home)};
    char *route = nta_outgoing_route_uri(orq) ? url_as_string(home, nta_outgoing_route_uri(orq)) : NULL;
    url_t *uri = url_hdup(home, nta_outgoing_request_uri(orq));
    bool sent = uri && send_invite(leg, (const url_string_t *)uri, route) == 0;
    su_home_deinit(home);
    if (sent)
        ua_leg_event(leg, UA_EV_RETRIED, NULL);
    return sent;
}

int ua_out_response(void *magic, nta_outgoing_t *orq, const sip_t *sip) {
    struct ua_leg *leg = magic;
    if (orq != leg->invite)
        return 0;
    int status = sip && sip->sip_status ? sip->sip_status->st_status : nta_outgoing_status(orq);
    if (!sip || status >= 300) {
        if (sip && retry_longer(leg, orq, sip))
            return 0;
        ua_leg_event(leg, UA_EV_FAILED,
                     &(struct ua_leg_input){.status = (uint16_t)status,
                                            .text = sip ? sip->sip_status->st_phrase : "no response"});
    } else if (status >= 200) {
        on_success(leg, orq, sip);
    } else {
        on_provisional(leg, orq, sip);
    }
    return 0;
}

/* ---- actions ---- */

int ua_out_progress(struct ua_leg *leg, const struct ua_leg_input *input) {
    if (input->status > 100 && leg->number)
        leg->ua->sink.ringing(leg->ua->sink.ctx, leg->number, input->status, input->media);
    return 0;
}

/* Its CSeq is the INVITE's, whatever PRACKs were sent since. Sofia keeps it to answer repeated 200s. */
static void send_ack(struct ua_leg *leg) {
    sip_cseq_t cseq[1];
    sip_cseq_init(cseq);
    cseq->cs_seq = leg->invite_cseq;
    cseq->cs_method = sip_method_ack;
    cseq->cs_method_name = "ACK";
    nta_outgoing_t *ack = nta_outgoing_tcreate(leg->dialog, NULL, NULL, ua_leg_route(leg), SIP_METHOD_ACK,
                                               NULL, SIPTAG_CSEQ(cseq), TAG_END());
    if (ack) {
        nta_outgoing_destroy(ack);
        leg->ua->count.requests_out++;
    }
    nta_outgoing_destroy(leg->invite);
    leg->invite = NULL;
}

int ua_out_up(struct ua_leg *leg, const struct ua_leg_input *input) {
    send_ack(leg);
    ua_session_start(leg);
    leg->ua->sink.answered(leg->ua->sink.ctx, leg->number, input->media);
    return 0;
}

int ua_out_late_ok(struct ua_leg *leg, const struct ua_leg_input *input) {
    send_ack(leg);
    ua_leg_bye(leg, 0, NULL);
    return 0;
}

int ua_out_bad_ok(struct ua_leg *leg, const struct ua_leg_input *input) {
    ua_leg_tell_end(leg, input->status, input->text);
    send_ack(leg);
    ua_leg_bye(leg, input->status, input->text);
    return 0;
}

/* Only after a 1xx: Sofia aborts when a 200 comes instead of one (nta.c, nta_outgoing_tcancel). */
int ua_out_cancel(struct ua_leg *leg, const struct ua_leg_input *input) {
    if (input->cause == UA_END_ANSWERED_ELSEWHERE)
        leg->elsewhere = true;
    ua_leg_tell_end(leg, input->status, input->text);
    if (nta_outgoing_status(leg->invite) < 100)
        return -EPROTO;
    nta_outgoing_tcancel(
        leg->invite, NULL, NULL,
        TAG_IF(leg->elsewhere, SIPTAG_REASON_STR("SIP;cause=200;text=\"Call completed elsewhere\"")),
        TAG_END());
    leg->ua->count.requests_out++;
    return 0;
}

/* The CANCEL has to wait for a 1xx; the floor does not. */
int ua_out_cancel_due(struct ua_leg *leg, const struct ua_leg_input *input) {
    leg->elsewhere = input->cause == UA_END_ANSWERED_ELSEWHERE;
    return ua_leg_tell_end(leg, input->status, input->text);
}
