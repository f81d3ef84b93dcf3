/* SPDX-License-Identifier: Apache-2.0
 *
 * What both kinds of legs keep of the other side: its SDP, its Contact, the way to it. */
#include "sip/ua_address.h"
#include "sip/ua_leg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int ua_body_sdp(const sip_t *sip) {
    const sip_payload_t *body = sip->sip_payload;
    if (!body || !body->pl_len)
        return -ENOENT;
    const sip_content_type_t *type = sip->sip_content_type;
    if (!type || !type->c_type || strcasecmp(type->c_type, "application/sdp") != 0)
        return -ENOMSG;
    if (sip->sip_content_encoding)
        return -ENOMSG;
    return 0;
}

int ua_leg_read_sdp(struct ua_leg *leg, const sip_t *sip, struct media_desc *out) {
    struct ua_sdp_layout layout;
    int error = ua_body_sdp(sip);
    if (error)
        return error;
    error = ua_sdp_read_layout(sip->sip_payload->pl_data, sip->sip_payload->pl_len, out, &layout);
    if (error)
        return error;
    if (!layout.others)
        return 0; /* one stream needs no memory of its place; an earlier layout stays as it was */
    if (!leg->layout && !(leg->layout = malloc(sizeof *leg->layout)))
        return -ENOMEM;
    *leg->layout = layout;
    return 0;
}

void ua_leg_keep_remote(struct ua_leg *leg, const struct media_desc *desc) {
    leg->remote = *desc;
    leg->has_remote = true;
}

int ua_leg_write_sdp(struct ua_leg *leg, const struct media_desc *desc, char *text, size_t size) {
    uint64_t version = leg->sdp_version;
    struct media_desc told = *desc;
    int error = ua_own_address(leg->ua, desc->address, leg->peer, told.address, sizeof told.address);
    if (error)
        return error;
    if (leg->has_local && memcmp(&leg->local, desc, sizeof *desc) != 0)
        version++;
    int length = ua_sdp_write_layout(&told, leg->layout, leg->sdp_id, leg->sdp_id + version, text, size);
    if (length < 0)
        return length;
    leg->sdp_version = version;
    leg->local = *desc;
    leg->has_local = true;
    return length;
}

/* ---- the way to the other side ---- */

int ua_response_source(nta_outgoing_t *orq, struct sockaddr_storage *from) {
    msg_t *msg = nta_outgoing_getresponse(orq);
    memset(from, 0, sizeof *from);
    if (!msg)
        return -EINVAL;
    memcpy(from, &msg_addr(msg)->su_sa, sizeof(su_sockaddr_t));
    msg_destroy(msg);
    return 0;
}

const url_string_t *ua_leg_route(const struct ua_leg *leg) {
    return leg->route ? URL_STRING_MAKE(leg->route) : NULL;
}

/* Requests in the dialog go back the way the message came, instead of where it asks for, when
 *   - the next hop is a name: the message came from that hop, and Sofia leaks an ACK whose name it cannot
 *     resolve (it stays in its queue of unresolved ones for ever);
 *   - an agent's phone gives an address of its own that is not where it sent from: it lies behind NAT. */
void ua_leg_learn_route(struct ua_leg *leg, const sip_t *sip, const struct sockaddr *from) {
    const sip_route_t *hops = NULL;
    const sip_contact_t *target = NULL;
    struct ua_address source, next;
    char text[ADDRESS_LEN + 8], route[ADDRESS_LEN + 40];
    free(leg->route);
    leg->route = NULL;
    nta_leg_get_route(leg->dialog, &hops, &target);
    const url_t *url = hops ? hops->r_url : target ? target->m_url : NULL;
    if (!url || !url->url_host || ua_address_of(from, &source))
        return;
    bool numeric = ua_address_parse(url->url_host, &next, NULL) == 0;
    if (numeric && (hops || !leg->agent || ua_address_same(&source, &next)))
        return;
    ua_address_text(from, text, sizeof text);
    bool tcp = sip->sip_via && sip->sip_via->v_protocol && strcasestr(sip->sip_via->v_protocol, "TCP");
    snprintf(route, sizeof route, "sip:%s%s", text, tcp ? ";transport=tcp" : "");
    leg->route = strdup(route);
}

void ua_leg_learn_target(struct ua_leg *leg, const sip_t *sip, bool initial) {
    const sip_contact_t *contact = ua_contact_is_good(sip->sip_contact) ? sip->sip_contact : NULL;
    if (leg->incoming && initial)
        nta_leg_server_route(leg->dialog, sip->sip_record_route, contact);
    else
        nta_leg_client_reroute(leg->dialog, sip->sip_record_route, contact, initial);
}
