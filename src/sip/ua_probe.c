/* SPDX-License-Identifier: Apache-2.0
 * OPTIONS pings. */
#include "sip/ua_probe.h"

#include <errno.h>
#include <sofia-sip/url.h>
#include <stdlib.h>

struct ua_probe {
    struct ua_probe *next;
    struct ua_probes *probes;
    struct ua *ua;
    ua_probe_fn *fn;
    nta_outgoing_t *transaction; /* NULL: Sofia is still making it, or has given it up */
    uint64_t sent_ms;
    struct ua_probe_result result;
    bool over; /* answered before Sofia had returned the transaction */
};

static struct ua_probe **link_to(struct ua_probes *probes, const struct ua_probe *p) {
    struct ua_probe **link = &probes->first;
    while (*link != p)
        link = &(*link)->next;
    return link;
}

static void release(struct ua_probe *p) {
    *link_to(p->probes, p) = p->next;
    if (p->transaction)
        nta_outgoing_destroy(p->transaction);
    free(p);
}

static void finish(struct ua_probe *p) {
    struct ua *ua = p->ua;
    ua_probe_fn *fn = p->fn;
    struct ua_probe_result result = p->result;
    release(p);
    fn(ua, &result);
}

static int on_response(void *arg, nta_outgoing_t *transaction, const sip_t *sip) {
    struct ua_probe *p = arg;
    int status = nta_outgoing_status(transaction);

    if (status < 200)
        return 0;
    p->result.answered = sip && !nta_sip_is_internal(sip);
    p->result.status = (uint16_t)status;
    p->result.rtt_ms = (uint32_t)(ua_now_ms(p->ua) - p->sent_ms);
    p->over = true;
    if (p->transaction)
        finish(p);
    return 0;
}

int ua_probe_send(struct ua *ua, struct ua_probes *probes, ua_probe_fn *fn, uint32_t who, uint32_t serial,
                  const char *uri, const char *route, const char *host, bool tcp) {
    char ours[URI_LEN], from[URI_LEN + 2];
    struct ua_guard guard;
    volatile bool returned = false;
    struct ua_probe *p;
    int err = ua_contact_uri(ua, "callfloor", tcp, host, ours, sizeof ours);

    if (err)
        return err;
    if (!(p = calloc(1, sizeof *p)))
        return -ENOMEM;
    *p = (struct ua_probe){.probes = probes, .ua = ua, .fn = fn, .sent_ms = ua_now_ms(ua)};
    p->result.who = who;
    p->result.serial = serial;
    *link_to(probes, NULL) = p;
    snprintf(from, sizeof from, "<%s>", ours);
    if (UA_GUARD_ENTER(&guard)) {
        p->transaction = nta_outgoing_tcreate(
            ua->default_leg, on_response, p, route && *route ? URL_STRING_MAKE(route) : NULL,
            SIP_METHOD_OPTIONS, URL_STRING_MAKE(uri), SIPTAG_FROM_STR(from), SIPTAG_CONTACT_STR(from),
            SIPTAG_ACCEPT_STR("application/sdp"), SIPTAG_USER_AGENT_STR(ua_product), TAG_END());
        returned = true;
    }
    ua_guard_leave(&guard);
    if (!p->transaction) {
        if (returned)
            release(p);
        else /* an assertion failed: Sofia may still know p */
            *link_to(probes, p) = p->next;
        return -EINVAL;
    }
    ua->count.requests_out++;
    if (p->over) { /* told at the next tick */
        *link_to(probes, p) = p->next;
        p->next = probes->first;
        probes->first = p;
    }
    ua_kick(ua);
    return 0;
}

uint64_t ua_probes_tick(struct ua *ua, struct ua_probes *probes, uint64_t now_ms) {
    for (struct ua_probe *p = probes->first, *next; p; p = next) {
        next = p->next;
        if (!p->over && p->sent_ms + UA_PROBE_ANSWER_MS > now_ms)
            return p->sent_ms + UA_PROBE_ANSWER_MS;
        if (!p->over)
            p->result.status = 408;
        finish(p);
    }
    return NEVER;
}

void ua_probes_forget(struct ua_probes *probes) {
    for (struct ua_probe *p = probes->first, *next; p; p = next) {
        next = p->next;
        release(p);
    }
}
