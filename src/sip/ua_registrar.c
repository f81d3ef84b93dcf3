/* SPDX-License-Identifier: Apache-2.0
 * REGISTER from agents' phones (RFC 3261 10.3). */
#include "sip/ua_address.h"
#include "sip/ua_bindings.h"

#include <errno.h>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/url.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { EXPIRES_DEFAULT_S = 3600 };

/* What the request leads to: a status, and with 423 the least time we take. */
struct verdict {
    int status;
    const char *phrase;
};

static bool came_by_tcp(struct ua *ua, nta_incoming_t *irq) {
    tport_t *transport = nta_incoming_transport(ua->agent, irq, NULL);
    bool tcp = transport && tport_is_tcp(transport);
    tport_unref(transport);
    return tcp;
}

/* Only a plain sip: URI with a host may become a Request-URI of ours. */
static bool usable(const url_t *url, char *uri, size_t size) {
    if (url->url_type != url_sip || !url->url_host || !url->url_host[0] || url->url_headers ||
        url->url_password)
        return false;
    if (url->url_params && (strcasestr(url->url_params, "method=") || strcasestr(url->url_params, "maddr=")))
        return false;
    issize_t length = url_e(uri, (isize_t)size, url);
    return length > 0 && (size_t)length < size && !strpbrk(uri, "\r\n\t<> \"");
}

/* Contact parameter, else the header, else our default; nonsense counts as not given (RFC 3261 10.2.1.1). */
static uint32_t expires_of(const sip_t *sip, const sip_contact_t *m) {
    uint32_t seconds;
    if (m->m_expires && !str_to_u32(m->m_expires, 0, UINT32_MAX, &seconds))
        return seconds;
    if (sip->sip_expires)
        return (uint32_t)sip->sip_expires->ex_delta;
    return EXPIRES_DEFAULT_S;
}

static struct verdict read_contact(const struct ua *ua, const sip_t *sip, const sip_contact_t *m,
                                   struct ua_register_contact *out) {
    const char *instance = msg_params_find(m->m_params, "+sip.instance=");

    if (!usable(m->m_url, out->uri, sizeof out->uri))
        return (struct verdict){400, "Bad Contact Header"};
    out->instance[0] = 0; /* one that is too long cannot be compared, so it does not count */
    if (instance && str_copy(out->instance, sizeof out->instance, instance))
        out->instance[0] = 0;
    out->expires_s = expires_of(sip, m);
    if (out->expires_s && out->expires_s < ua->conf->register_min_s)
        return (struct verdict){SIP_423_INTERVAL_TOO_BRIEF};
    if (out->expires_s > ua->conf->register_max_s)
        out->expires_s = ua->conf->register_max_s;
    return (struct verdict){0, NULL};
}

static struct verdict read_contacts(const struct ua *ua, const sip_t *sip, struct ua_register *out) {
    for (const sip_contact_t *m = sip->sip_contact; m; m = m->m_next) {
        if (m->m_url->url_type == url_any) { /* "*": alone, and only to forget */
            if (m != sip->sip_contact || m->m_next || !sip->sip_expires || sip->sip_expires->ex_delta)
                return (struct verdict){400, "Bad Contact Header"};
            out->all = true;
            return (struct verdict){0, NULL};
        }
        if (out->count == UA_LOCATION_CONTACTS)
            return (struct verdict){403, "Too Many Contacts"};
        struct verdict v = read_contact(ua, sip, m, &out->contact[out->count]);
        if (v.status)
            return v;
        out->count++;
    }
    return (struct verdict){0, NULL};
}

/* Where requests to the phone must go. A Contact names an address the phone believes in; only where it is
 * the very host that sent the REGISTER over UDP is it taken. So nobody can point us at a third party, and
 * phones behind NAT are reached through the hole they keep open; over TCP through their connection. */
static void find_route(const sip_contact_t *m, const struct sockaddr *from, bool tcp, char *out,
                       size_t size) {
    struct ua_address source, contact;
    char host[ADDRESS_LEN];

    out[0] = 0;
    if (ua_address_of(from, &source))
        return;
    if (!tcp && m && m->m_url->url_host && !ua_address_parse(m->m_url->url_host, &contact, NULL) &&
        ua_address_same(&source, &contact))
        return;
    ua_address_host(&source, host, sizeof host);
    snprintf(out, size, "sip:%s:%u;transport=%s", host, ua_address_port(from), tcp ? "tcp" : "udp");
}

/* All contacts share one source, so they share the route; if one of them is elsewhere, it is needed. */
static void find_routes(const sip_t *sip, const struct sockaddr *from, bool tcp, char *out, size_t size) {
    const sip_contact_t *m = sip->sip_contact;
    do
        find_route(m, from, tcp, out, size);
    while (!out[0] && m && (m = m->m_next));
}

static void answer(struct ua *ua, nta_incoming_t *irq, uint32_t agent) {
    char contacts[UA_LOCATION_CONTACTS * (URI_LEN + 32)] = "";
    uint64_t now_ms = ua_now_ms(ua);
    size_t n = 0;

    for (const struct ua_contact *c = ua_location_of(ua->bindings->location, agent); c; c = c->next)
        if (!c->fixed && c->expires_ms > now_ms && n + URI_LEN + 32 <= sizeof contacts)
            n += (size_t)snprintf(contacts + n, sizeof contacts - n, "%s<%s>;expires=%u", n ? ", " : "",
                                  c->uri, (unsigned)((c->expires_ms - now_ms + 999) / 1000));
    nta_incoming_treply(irq, SIP_200_OK, TAG_IF(n, SIPTAG_CONTACT_STR(contacts)),
                        SIPTAG_SERVER_STR(ua_product), TAG_END());
}

static struct verdict store(struct ua *ua, nta_incoming_t *irq, const sip_t *sip, uint32_t agent) {
    struct sockaddr_storage from;
    char source[ADDRESS_LEN + 8] = "", route[UA_ROUTE_LEN];
    struct ua_register what = {
        .agent = agent, .call_id = sip->sip_call_id->i_id, .cseq = sip->sip_cseq->cs_seq};

    struct verdict v = read_contacts(ua, sip, &what);
    if (v.status)
        return v;
    if (!what.all && !what.count)
        return (struct verdict){0, NULL}; /* only asks */
    if (strlen(what.call_id) >= UA_CALL_ID_LEN)
        return (struct verdict){400, "Call-ID Too Long"};
    if (ua_source(ua, irq, &from))
        return (struct verdict){SIP_400_BAD_REQUEST};
    what.tcp = came_by_tcp(ua, irq);
    ua_address_text((struct sockaddr *)&from, source, sizeof source);
    find_routes(sip, (struct sockaddr *)&from, what.tcp, route, sizeof route);
    what.source = source;
    what.route = route;
    what.agent_name = sip->sip_user_agent ? sip->sip_user_agent->g_string : "";
    int err = ua_location_register(ua->bindings->location, &what, ua_now_ms(ua));
    ua->count.registrations = ua_location_count(ua->bindings->location);
    log_debug("sip", "event=register agent=%s source=%s contacts=%u route=%s error=%d",
              log_value(sip->sip_to->a_url->url_user), source, what.count, route, err);
    if (err == -ESTALE)
        return (struct verdict){500, "CSeq Out Of Order"};
    if (err)
        return (struct verdict){SIP_500_INTERNAL_SERVER_ERROR};
    return (struct verdict){0, NULL};
}

/* Who wants to be registered: the user of To, who must also be that of From. 0 = nobody we know. */
static uint32_t agent_of(const struct ua *ua, const sip_t *sip) {
    const char *to = sip->sip_to->a_url->url_user, *from = sip->sip_from->a_url->url_user;
    if (!to || !from || strcmp(to, from) || strlen(to) >= NAME_LEN)
        return 0;
    return conf_find_agent(ua->conf, to);
}

void ua_registrar_request(struct ua *ua, nta_incoming_t *irq, const sip_t *sip) {
    char least[32];
    uint32_t agent = agent_of(ua, sip);

    if (nta_check_required(irq, sip, NULL, SIPTAG_SERVER_STR(ua_product), TAG_END()) == 0 &&
        ua_digest_check_request(ua, irq, sip, agent) == 0) {
        struct verdict v = store(ua, irq, sip, agent);
        snprintf(least, sizeof least, "Min-Expires: %u", ua->conf->register_min_s);
        if (!v.status)
            answer(ua, irq, agent);
        else if (v.status == 423)
            ua_reply_with(ua, irq, v.status, v.phrase, least);
        else
            ua_reply(ua, irq, v.status, v.phrase);
    }
    nta_incoming_destroy(irq);
}
