/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests outside of dialogs. Whatever can be refused without keeping anything of it is answered
 * statelessly: a transaction of Sofia's costs 9.5 kB for 32 s, and some messages hurt it. */
#include "sip/ua_address.h"
#include "sip/ua_leg.h"

#include <errno.h>
#include <sofia-sip/nta_stateless.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    STRANGERS_PER_S = 300, /* requests from outside the trunks heard each second, others are dropped */
    SOURCE_PER_S = 100,    /* of these from one address */
    BODY_MAX = 16384,
    HEADERS_MAX_LEN = 1024, /* of one identity: Call-ID, tags, users */
};

/* A refusal decided before the floor is asked. */
struct verdict {
    int status;
    const char *phrase, *header;
};

bool ua_contact_is_good(const sip_contact_t *contact) {
    if (!contact)
        return false;
    const url_t *url = contact->m_url;
    return (url->url_type == url_sip || url->url_type == url_sips) && url->url_host && url->url_host[0];
}

bool ua_lists(const msg_list_t *list, const char *token) {
    for (; list; list = (const msg_list_t *)list->k_next)
        if (list->k_items)
            for (const msg_param_t *item = list->k_items; *item; item++)
                if (strcasecmp(*item, token) == 0)
                    return true;
    return false;
}

static int hex(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int ua_user_part(const char *user, char *out, size_t size) {
    size_t n = 0;
    for (const char *p = user ? user : ""; *p && *p != ';'; p++) {
        int c = (unsigned char)*p;
        if (c == '%') {
            int high = hex(p[1]), low = high >= 0 ? hex(p[2]) : -1;
            if (low < 0)
                return -EINVAL;
            c = high << 4 | low;
            p += 2;
        }
        if (c < 0x20 || c == 0x7f || n + 1 >= size)
            return -EINVAL;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return 0;
}

/* ---- what must hold for any INVITE ---- */

static bool too_long(const sip_t *sip) {
    const sip_from_t *from = sip->sip_from;
    return strlen(sip->sip_call_id->i_id) > HEADERS_MAX_LEN ||
           (from->a_tag && strlen(from->a_tag) > HEADERS_MAX_LEN) ||
           (from->a_url->url_user && strlen(from->a_url->url_user) > HEADERS_MAX_LEN);
}

const char *ua_unknown_option(const sip_t *sip) {
    for (const msg_list_t *list = sip->sip_require; list; list = (const msg_list_t *)list->k_next)
        for (const msg_param_t *item = list->k_items; item && *item; item++)
            if (strcasecmp(*item, "100rel") != 0 && strcasecmp(*item, "timer") != 0)
                return *item;
    return NULL;
}

static bool accepts_sdp(const sip_t *sip) {
    const sip_accept_t *accept = sip->sip_accept;
    for (; accept; accept = accept->ac_next)
        if (!accept->ac_type || strcasecmp(accept->ac_type, "application/sdp") == 0 ||
            strcmp(accept->ac_type, "*/*") == 0 || strcasecmp(accept->ac_type, "application/*") == 0)
            return true;
    return !sip->sip_accept;
}

/* status 0: nothing to say against it. text: room for the header. */
static struct verdict check_invite(const struct ua *ua, const sip_t *sip, char *text, size_t size) {
    const url_t *called = sip->sip_request->rq_url;
    if (called->url_type != url_sip && called->url_type != url_sips)
        return (struct verdict){SIP_416_UNSUPPORTED_URI, NULL};
    if (sip->sip_max_forwards && sip->sip_max_forwards->mf_count == 0)
        return (struct verdict){483, sip_483_Too_many_hops, NULL};
    const char *option = ua_unknown_option(sip);
    if (option) {
        snprintf(text, size, "Unsupported: %.64s", option);
        return (struct verdict){SIP_420_BAD_EXTENSION, text};
    }
    if (!ua_contact_is_good(sip->sip_contact) || sip->sip_contact->m_next)
        return (struct verdict){400, "Bad Contact Header", NULL};
    if (too_long(sip))
        return (struct verdict){400, "Header Too Long", NULL};
    if (!accepts_sdp(sip))
        return (struct verdict){SIP_406_NOT_ACCEPTABLE, "Accept: application/sdp"};
    int body = ua_body_sdp(sip);
    if (body == -ENOMSG)
        return (struct verdict){SIP_415_UNSUPPORTED_MEDIA,
                                "Accept: application/sdp\r\nAccept-Encoding: identity"};
    if (body == 0 && sip->sip_payload->pl_len > BODY_MAX)
        return (struct verdict){SIP_413_REQUEST_TOO_LARGE, NULL};
    if (ua_session_check(ua, sip)) {
        snprintf(text, size, "Min-SE: %d", UA_MIN_EXPIRES_S);
        return (struct verdict){SIP_422_SESSION_TIMER_TOO_SMALL, text};
    }
    return (struct verdict){0, NULL, NULL};
}

/* ---- who asks ---- */

struct asker {
    uint32_t trunk, agent;
    struct sockaddr_storage from;
};

/* Does this agent's phone register from, or have its fixed contact at, this very address and port? */
static bool is_phone_of(struct ua *ua, uint32_t agent, const struct sockaddr *from) {
    struct ua_binding binding[8];
    char source[ADDRESS_LEN + 8];
    if (ua_bindings_is_fixed_source(ua, agent, from))
        return true;
    ua_address_text(from, source, sizeof source);
    uint32_t count = ua_bindings_list(ua, agent, binding, ARRAY_LEN(binding));
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(binding[i].source, source) == 0)
            return true;
    return false;
}

/* A trunk by its address, else whom From claims to be. A phone on the same host as a trunk (a small office,
 * a test) is told from it by its port. */
static void classify(struct ua *ua, msg_t *msg, const sip_t *sip, struct asker *who) {
    su_sockaddr_t *source = msg_addr(msg);
    char user[NUMBER_LEN];
    const struct sockaddr *from = (const struct sockaddr *)&who->from;
    memset(who, 0, sizeof *who);
    memcpy(&who->from, &source->su_sa, sizeof *source < sizeof who->from ? sizeof *source : sizeof who->from);
    who->trunk = ua_trunk_of_source(ua, from);
    if (sip->sip_request->rq_method != sip_method_invite ||
        ua_user_part(sip->sip_from->a_url->url_user, user, sizeof user))
        return;
    who->agent = user[0] ? conf_find_agent(ua->conf, user) : 0;
    if (who->trunk && who->agent && is_phone_of(ua, who->agent, from))
        who->trunk = 0;
}

/* Requests from outside the trunks are heard as long as they are not too many, in all and from one address.
 */
static bool hears(struct ua *ua, const struct asker *who) {
    struct ua_address address;
    const struct sockaddr *from = (const struct sockaddr *)&who->from;
    uint64_t hash = ua->source_seed;
    if (who->trunk)
        return true;
    if (ua_digest_banned(ua, from) || ua_address_of(from, &address))
        return false;
    for (size_t i = 0; i < sizeof address.byte; i++)
        hash = (hash ^ address.byte[i]) * 1099511628211u;
    return ua_rate_allows(&ua->sources[(hash >> 32) % UA_SOURCES], SOURCE_PER_S, ua_now_ms(ua)) &&
           ua_rate_allows(&ua->strangers, STRANGERS_PER_S, ua_now_ms(ua));
}

static void refuse(struct ua *ua, msg_t *msg, const struct verdict *why) {
    bool allow = why->status == 405 || why->status == 501;
    ua->count.refused++;
    nta_msg_treply(ua->agent, msg, why->status, why->phrase, SIPTAG_SERVER_STR(ua_product),
                   TAG_IF(allow, SIPTAG_ALLOW_STR(ua_allow)),
                   TAG_IF(why->header, SIPTAG_HEADER_STR(why->header)), TAG_END());
}

static void log_refused(struct ua *ua, const sip_t *sip, const struct asker *who, const struct verdict *why) {
    uint32_t dropped;
    char source[ADDRESS_LEN + 8];
    if (!log_allowed(&ua->log_refused, ua_now_ms(ua), 20, &dropped))
        return;
    ua_address_text((const struct sockaddr *)&who->from, source, sizeof source);
    log_info("sip", "event=refused method=%s status=%d why=%s source=%s from=%s to=%s unlogged=%u",
             log_value(sip->sip_request->rq_method_name), why->status, log_value(why->phrase), source,
             log_value(sip->sip_from->a_url->url_user), log_value(sip->sip_request->rq_url->url_user),
             dropped);
}

static void refuse_logged(struct ua *ua, msg_t *msg, const sip_t *sip, const struct asker *who,
                          const struct verdict *why) {
    log_refused(ua, sip, who, why);
    refuse(ua, msg, why);
}

/* ---- INVITE ---- */

static bool proven(struct ua *ua, msg_t **msgp, sip_t *sip, const struct asker *who) {
    const struct sockaddr *from = (const struct sockaddr *)&who->from;
    if (who->trunk || ua_bindings_is_fixed_source(ua, who->agent, from))
        return true;
    nta_incoming_t *irq = nta_incoming_create(ua->agent, NULL, *msgp, sip, TAG_END());
    *msgp = NULL;
    if (!irq)
        return false;
    if (ua_digest_check_request(ua, irq, sip, who->agent) == 0) {
        ua_invited(ua, irq, sip, who->trunk, who->agent, from);
        return false; /* done */
    }
    nta_incoming_destroy(irq);
    return false;
}

static void on_invite(struct ua *ua, msg_t *msg, sip_t *sip, const struct asker *who) {
    char text[128];
    struct verdict no = {0, NULL, NULL};
    if (!who->trunk && !who->agent)
        no = (struct verdict){SIP_403_FORBIDDEN, NULL};
    else
        no = check_invite(ua, sip, text, sizeof text);
    if (!no.status && ua->stopping)
        no = (struct verdict){SIP_503_SERVICE_UNAVAILABLE, "Retry-After: 30"};
    if (!no.status && (who->trunk || sip->sip_authorization || sip->sip_proxy_authorization) &&
        !ua_rate_allows(&ua->invites, ua->conf->max_calls_per_second, ua_now_ms(ua)))
        no = (struct verdict){SIP_503_SERVICE_UNAVAILABLE, "Retry-After: 2"};
    if (no.status) {
        refuse_logged(ua, msg, sip, who, &no);
        return;
    }
    if (proven(ua, &msg, sip, who)) {
        nta_incoming_t *irq = nta_incoming_create(ua->agent, NULL, msg, sip, TAG_END());
        if (irq)
            ua_invited(ua, irq, sip, who->trunk, who->agent, (const struct sockaddr *)&who->from);
    }
}

/* ---- all methods ---- */

static void on_register(struct ua *ua, msg_t *msg, sip_t *sip) {
    nta_incoming_t *irq = nta_incoming_create(ua->agent, NULL, msg, sip, TAG_END());
    if (irq)
        ua_registrar_request(ua, irq, sip);
}

static void on_request(struct ua *ua, msg_t *msg, sip_t *sip, const struct asker *who) {
    sip_method_t method = sip->sip_request->rq_method;
    if (sip->sip_to->a_tag || method == sip_method_bye || method == sip_method_cancel ||
        method == sip_method_prack || method == sip_method_update || method == sip_method_info) {
        refuse(ua, msg, &(struct verdict){SIP_481_NO_TRANSACTION, NULL});
        return;
    }
    switch ((int)method) {
    case sip_method_invite:
        on_invite(ua, msg, sip, who);
        return;
    case sip_method_register:
        on_register(ua, msg, sip);
        return;
    case sip_method_options:
        ua_options(ua, msg, sip);
        return;
    case sip_method_unknown:
        refuse(ua, msg, &(struct verdict){SIP_501_NOT_IMPLEMENTED, NULL});
        return;
    default:
        refuse(ua, msg, &(struct verdict){SIP_405_METHOD_NOT_ALLOWED, NULL});
        return;
    }
}

/* Sofia's message callback: all that belongs to no transaction and no dialog. Takes msg. */
int ua_message(void *arg, nta_agent_t *agent, msg_t *msg, sip_t *sip) {
    struct ua *ua = arg;
    struct asker who;
    if (!sip || !sip->sip_request || sip->sip_request->rq_method == sip_method_ack || !sip->sip_cseq ||
        !sip->sip_from || !sip->sip_to || !sip->sip_call_id) {
        nta_msg_discard(agent, msg); /* stray responses and ACKs have no answer */
        return 0;
    }
    ua->count.requests_in++;
    classify(ua, msg, sip, &who);
    if (!hears(ua, &who)) {
        nta_msg_discard(agent, msg);
        return 0;
    }
    on_request(ua, msg, sip, &who);
    return 0;
}
