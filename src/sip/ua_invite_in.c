/* SPDX-License-Identifier: Apache-2.0
 *
 * Incoming calls: the floor is asked, then 180, 200 or a refusal; ACK, CANCEL and PRACK come back. */
#include "sip/ua_leg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the call arrives ---- */

static int sdp_status(int error) {
    return error == -ENOTSUP ? 488 : error == -EMSGSIZE ? 413 : error == -ENOMEM ? 500 : 400;
}

static void refuse_irq(struct ua *ua, nta_incoming_t *irq, const struct ua_refusal *why) {
    char headers[256] = "", reason[sizeof why->reason];
    int status = why->status >= 400 && why->status < 700 ? why->status : 500, n = 0;
    size_t r = 0;
    for (const char *p = why->reason; *p && r + 1 < sizeof reason; p++)
        if ((unsigned char)*p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f)
            reason[r++] = *p;
    reason[r] = '\0';
    if (why->retry_after_s)
        n = snprintf(headers, sizeof headers, "Retry-After: %u\r\n", why->retry_after_s);
    if (status == 488 && !r)
        snprintf(headers + n, sizeof headers - (size_t)n,
                 "Warning: 305 callfloor \"Incompatible media format\"");
    else if (r)
        snprintf(headers + n, sizeof headers - (size_t)n, "Warning: 399 callfloor \"%s\"", reason);
    ua->count.refused++;
    ua_reply_with(ua, irq, status, NULL, headers[0] ? headers : NULL);
}

/* Who calls: from a trunk the identity it asserts (RFC 3325) goes before From. */
static int read_caller(const struct ua_leg *leg, const sip_t *sip, char *number, char *name) {
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const url_t *url = sip->sip_from->a_url;
    const char *display = sip->sip_from->a_display;
    int error;
    for (const sip_unknown_t *h = leg->trunk ? sip->sip_unknown : NULL; h; h = h->un_next) {
        if (!h->un_name || strcasecmp(h->un_name, "P-Asserted-Identity") != 0 || strlen(h->un_value) > 512)
            continue;
        sip_from_t *asserted = sip_from_make(home, h->un_value);
        if (asserted && asserted->a_url->url_user) {
            url = asserted->a_url;
            display = asserted->a_display && asserted->a_display[0] ? asserted->a_display : display;
            break;
        }
    }
    error = ua_user_part(url->url_user, number, NUMBER_LEN);
    size_t n = 0;
    for (const char *p = display ? display : ""; *p && n + 1 < NAME_LEN; p++)
        if ((unsigned char)*p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f)
            name[n++] = *p;
    name[n] = '\0';
    su_home_deinit(home);
    return error;
}

static int read_numbers(const struct ua_leg *leg, const sip_t *sip, char *called, char *caller, char *name) {
    const struct conf_trunk *trunk = leg->trunk ? conf_trunk(leg->ua->conf, leg->trunk) : NULL;
    char plain[NUMBER_LEN];
    if (ua_user_part(sip->sip_request->rq_url->url_user, plain, sizeof plain))
        return -EINVAL;
    if (trunk)
        ua_trunk_rewrite(trunk->called, trunk->called_count, plain, called, NUMBER_LEN);
    else
        str_copy(called, NUMBER_LEN, plain);
    if (read_caller(leg, sip, plain, name))
        return -EINVAL;
    if (trunk)
        ua_trunk_rewrite(trunk->calling, trunk->calling_count, plain, caller, NUMBER_LEN);
    else
        str_copy(caller, NUMBER_LEN, plain);
    return 0;
}

static int make_dialog(struct ua_leg *leg, const sip_t *sip) {
    struct sockaddr_storage from;
    leg->dialog = nta_leg_tcreate(leg->ua->agent, ua_dialog_request, leg, SIPTAG_CALL_ID(sip->sip_call_id),
                                  SIPTAG_FROM(sip->sip_to), SIPTAG_TO(sip->sip_from),
                                  NTATAG_REMOTE_CSEQ(sip->sip_cseq->cs_seq), TAG_END());
    if (!leg->dialog || !nta_leg_tag(leg->dialog, nta_incoming_tag(leg->irq, NULL)))
        return -ENOMEM;
    ua_leg_learn_target(leg, sip, true);
    if (ua_source(leg->ua, leg->irq, &from) == 0)
        ua_leg_learn_route(leg, sip, (const struct sockaddr *)&from);
    return 0;
}

/* 0 and in/offer filled, or the refusal. */
static int read_invite(struct ua_leg *leg, const sip_t *sip, struct media_desc *offer,
                       struct ua_refusal *no) {
    int error = ua_leg_read_sdp(leg, sip, offer);
    if (error == -ENOENT)
        leg->delayed_offer = true;
    else if (error) {
        no->status = (uint16_t)sdp_status(error);
        if (error == -EINVAL) {
            leg->ua->count.malformed++;
            str_copy(no->reason, sizeof no->reason, "Malformed session description");
        }
        return -EPROTO;
    } else {
        ua_leg_keep_remote(leg, offer);
    }
    leg->reliable_only = ua_lists((const msg_list_t *)sip->sip_require, "100rel");
    leg->peer_updates = ua_lists((const msg_list_t *)sip->sip_allow, "UPDATE");
    ua_session_from_request(leg, sip);
    leg->trunk_taken = leg->trunk && ua_trunk_take(leg->ua, leg->trunk) == 0;
    if (make_dialog(leg, sip)) {
        *no = (struct ua_refusal){500, 0, ""};
        return -EPROTO;
    }
    return 0;
}

static uint32_t ask_floor(struct ua_leg *leg, const sip_t *sip, struct ua_refusal *no) {
    char called[NUMBER_LEN], caller[NUMBER_LEN], name[NAME_LEN];
    struct media_desc offer;
    if (read_invite(leg, sip, &offer, no))
        return 0;
    if (read_numbers(leg, sip, called, caller, name)) {
        *no = (struct ua_refusal){400, 0, "Bad number"};
        return 0;
    }
    struct ua_incoming in = {
        .trunk = leg->trunk,
        .agent = leg->agent,
        .called = called,
        .caller = caller,
        .caller_name = name,
        .call_id = sip->sip_call_id->i_id,
        .offer = leg->delayed_offer ? NULL : &offer,
    };
    return leg->ua->sink.invited(leg->ua->sink.ctx, &in, no);
}

void ua_invited(struct ua *ua, nta_incoming_t *irq, const sip_t *sip, uint32_t trunk, uint32_t agent,
                const struct sockaddr *from) {
    struct ua_refusal no = {0, 0, ""};
    struct ua_leg *leg = ua_leg_new(ua, true);
    if (!leg) {
        ua_reply(ua, irq, 500, NULL);
        nta_incoming_destroy(irq);
        return;
    }
    leg->trunk = trunk;
    leg->agent = trunk ? 0 : agent;
    leg->irq = irq;
    leg->tcp = sip->sip_via->v_protocol && strcasestr(sip->sip_via->v_protocol, "TCP");
    ua_sockaddr_host(from, leg->peer, sizeof leg->peer);
    nta_incoming_treply(irq, SIP_100_TRYING, TAG_END());
    uint32_t number = ask_floor(leg, sip, &no);
    if (!number) {
        uint32_t unlogged;
        if (log_allowed(&ua->log_refused, ua_now_ms(ua), 20, &unlogged))
            log_info("sip", "event=call_refused status=%u why=%s call_id=%s unlogged=%u", no.status,
                     log_value(no.reason), log_value(sip->sip_call_id->i_id), unlogged);
        refuse_irq(ua, irq, &no);
        ua_leg_discard(leg);
        return;
    }
    nta_incoming_bind(irq, ua_ack_or_cancel, leg);
    bool lost = ua_leg_set_number(leg, number) != 0;
    leg->number = number;
    ua_leg_event(leg, UA_EV_INVITED, NULL);
    if (lost)
        ua_leg_event(leg, UA_EV_LOST, &(struct ua_leg_input){.status = 500, .text = "out of memory"});
}

/* ---- the floor's wishes ---- */

/* PRACK of our 180, or NULL when it came to nothing. */
static int on_prack(void *magic, nta_reliable_t *reliable, nta_incoming_t *prack, const sip_t *sip) {
    nta_reliable_destroy(reliable);
    if (!prack || !sip)
        return 0;
    if (ua_body_sdp(sip) == -ENOENT)
        return 200;
    nta_incoming_treply(prack, SIP_488_NOT_ACCEPTABLE,
                        TAG_END()); /* there is no answer of ours yet to change */
    nta_incoming_destroy(prack);
    return 0;
}

int ua_in_ring(struct ua_leg *leg, const struct ua_leg_input *input) {
    char contact[URI_LEN];
    ua_leg_contact(leg, contact, sizeof contact);
    if (!leg->reliable_only) {
        nta_incoming_treply(leg->irq, SIP_180_RINGING, SIPTAG_CONTACT_STR(contact), TAG_END());
        return 0;
    }
    if (leg->delayed_offer)
        return 0; /* a reliable 180 would have to bring our offer (RFC 3262 5), which we make in the 200 */
    nta_reliable_treply(leg->irq, on_prack, NULL, SIP_180_RINGING, SIPTAG_CONTACT_STR(contact), TAG_END());
    return 0;
}

int ua_in_answer(struct ua_leg *leg, const struct ua_leg_input *input) {
    char sdp[UA_SDP_MAX], contact[URI_LEN], session[96];
    int length = ua_leg_write_sdp(leg, input->media, sdp, sizeof sdp);
    if (length < 0) {
        ua_reply(leg->ua, leg->irq, 500, NULL);
        ua_leg_event(leg, UA_EV_BYE, &(struct ua_leg_input){.status = 500, .text = "bad local SDP"});
        return length;
    }
    ua_leg_contact(leg, contact, sizeof contact);
    ua_session_response_headers(leg, session, sizeof session);
    int sent = nta_incoming_treply(
        leg->irq, SIP_200_OK, SIPTAG_CONTACT_STR(contact), SIPTAG_ALLOW_STR(ua_allow),
        SIPTAG_SUPPORTED_STR(ua_supported), TAG_IF(session[0], SIPTAG_HEADER_STR(session)),
        SIPTAG_CONTENT_TYPE_STR("application/sdp"), SIPTAG_PAYLOAD_STR(sdp), TAG_END());
    if (sent < 0) {
        ua_leg_event(leg, UA_EV_BYE, &(struct ua_leg_input){.status = 500, .text = "cannot answer"});
        return -EIO;
    }
    return 0;
}

int ua_in_refuse(struct ua_leg *leg, const struct ua_leg_input *input) {
    struct ua_refusal no = {480, 0, ""};
    if (input->cause == UA_END_REFUSE && input->refusal)
        no = *input->refusal;
    if (no.status < 400 || no.status > 699)
        no.status = 500;
    refuse_irq(leg->ua, leg->irq, &no);
    return ua_leg_tell_end(leg, no.status, no.reason[0] ? no.reason : "refused");
}

/* Sofia answers both the CANCEL and, with 487, the INVITE. */
int ua_in_cancelled(struct ua_leg *leg, const struct ua_leg_input *input) {
    return ua_leg_tell_end(leg, 487, input->text);
}

int ua_in_dropped(struct ua_leg *leg, const struct ua_leg_input *input) {
    int status = input->status ? input->status : 487;
    if (nta_incoming_status(leg->irq) < 200)
        ua_reply(leg->ua, leg->irq, status, NULL);
    return ua_leg_tell_end(leg, (uint16_t)status, input->text);
}

int ua_in_confirmed(struct ua_leg *leg, const struct ua_leg_input *input) {
    nta_incoming_destroy(leg->irq);
    leg->irq = NULL;
    ua_session_start(leg);
    leg->ua->sink.confirmed(leg->ua->sink.ctx, leg->number, input->media);
    return 0;
}

/* ---- ACK and CANCEL ---- */

static void first_ack(struct ua_leg *leg, const sip_t *sip) {
    struct media_desc answer;
    if (!leg->delayed_offer) {
        ua_leg_event(leg, UA_EV_ACK, NULL);
        return;
    }
    int error = ua_leg_read_sdp(leg, sip, &answer);
    if (error) {
        ua_leg_event(leg, UA_EV_BAD_ACK,
                     &(struct ua_leg_input){.status = 488, .text = "no usable answer in the ACK"});
        return;
    }
    ua_leg_keep_remote(leg, &answer);
    ua_leg_event(leg, UA_EV_ACK, &(struct ua_leg_input){.media = &answer});
}

/* Of the INVITE or re-INVITE in leg->irq. sip NULL: given up waiting for the ACK (or PRACK). */
int ua_ack_or_cancel(void *magic, nta_incoming_t *irq, const sip_t *sip) {
    struct ua_leg *leg = magic;
    if (leg->irq != irq)
        return 0;
    bool first = leg->state != UA_LEG_UP && leg->state != UA_LEG_LEAVING && leg->state != UA_LEG_GONE;
    if (!first) {
        ua_reinvite_acked(leg, sip);
        return 0;
    }
    if (!sip) {
        bool answered = leg->state == UA_LEG_ANSWERED || leg->state == UA_LEG_BYE_DUE;
        ua_leg_event(
            leg, answered ? UA_EV_NO_ACK : UA_EV_LOST,
            &(struct ua_leg_input){.status = answered ? 408 : 504, .text = answered ? "no ACK" : "no PRACK"});
        return 0;
    }
    if (sip->sip_request->rq_method == sip_method_cancel) {
        char text[48];
        ua_reason_text(sip, "cancelled by the caller", text, sizeof text);
        ua_leg_event(leg, UA_EV_CANCEL, &(struct ua_leg_input){.text = text});
    } else {
        first_ack(leg, sip);
    }
    return 0;
}
