/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the other side of a leg still there, and which legs are there at all. The question is OPTIONS within the
 * dialog (RFC 3261 11): whatever the answer, whoever knows the dialog is alive. Nobody is: 481, or no answer.
 */
#include "sip/ua_leg.h"

#include <errno.h>
#include <stddef.h>

static void tell(struct ua_leg *leg, bool alive) {
    struct ua *ua = leg->ua;
    ua_leg_probe_stop(leg);
    if (leg->number && leg->state == UA_LEG_UP && ua->sink.probed)
        ua->sink.probed(ua->sink.ctx, leg->number, alive);
}

static int on_response(void *magic, nta_outgoing_t *orq, const sip_t *sip) {
    struct ua_leg *leg = magic;
    int status = nta_outgoing_status(orq);
    if (status < 200 || orq != leg->probe)
        return 0;
    bool theirs = sip && !nta_sip_is_internal(sip);
    log_debug("sip", "event=leg_probed leg=%u status=%d answered=%d", leg->number, status, theirs);
    tell(leg, theirs && status != 481 && status != 408);
    return 0;
}

int ua_leg_probe(struct ua_leg *leg) {
    char contact[URI_LEN];
    if (leg->state != UA_LEG_UP)
        return -ESTALE;
    if (leg->probe)
        return 0; /* that one's answer will do */
    ua_leg_contact(leg, contact, sizeof contact);
    leg->probe = nta_outgoing_tcreate(leg->dialog, on_response, leg, ua_leg_route(leg), SIP_METHOD_OPTIONS,
                                      NULL, SIPTAG_CONTACT_STR(contact), SIPTAG_ACCEPT_STR("application/sdp"),
                                      SIPTAG_USER_AGENT_STR(ua_product), TAG_END());
    if (!leg->probe)
        return -ENOMEM;
    leg->ua->count.requests_out++;
    leg->probe_due.key = leg->sdp_id;
    int err = deadline_set(&leg->ua->legs->probes, &leg->probe_due, ua_now_ms(leg->ua) + UA_ALIVE_ANSWER_MS);
    if (err)
        ua_leg_probe_stop(leg);
    return err;
}

void ua_leg_probe_stop(struct ua_leg *leg) {
    deadline_clear(&leg->ua->legs->probes, &leg->probe_due);
    if (leg->probe)
        nta_outgoing_destroy(leg->probe);
    leg->probe = NULL;
}

uint64_t ua_leg_probes_tick(struct ua *ua, uint64_t now_ms) {
    struct deadlines *probes = &ua->legs->probes;
    struct deadline *first;
    struct ua_guard guard;
    while ((first = deadline_first(probes)) && first->at_ms <= now_ms) {
        struct ua_leg *leg = (struct ua_leg *)(void *)((char *)first - offsetof(struct ua_leg, probe_due));
        deadline_clear(probes, first);
        if (UA_GUARD_ENTER(&guard))
            tell(leg, false);
        ua_guard_leave(&guard);
        ua_kick(ua);
    }
    return deadline_next_ms(probes);
}

/* ---- which legs there are ---- */

enum ua_dialog ua_leg_dialog(const struct ua *ua, uint32_t number) {
    const struct ua_leg *leg = ua_leg_find(ua, number);
    if (!leg)
        return UA_DIALOG_NONE;
    return leg->state == UA_LEG_UP || leg->state == UA_LEG_ANSWERED ? UA_DIALOG_UP : UA_DIALOG_EARLY;
}

uint32_t ua_leg_next(const struct ua *ua, uint32_t *cursor) {
    const struct ua_legs *legs = ua->legs;
    while (*cursor < legs->size) {
        const struct ua_leg *leg = legs->by_index[(*cursor)++];
        if (leg)
            return leg->number;
    }
    return 0;
}
