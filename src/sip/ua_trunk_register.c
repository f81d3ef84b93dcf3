/* SPDX-License-Identifier: Apache-2.0
 * Our registrations with carriers. */
#include "sip/ua_trunk.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CHALLENGES_MAX = 3 }; /* in one round, so that a broken registrar cannot keep us asking */

uint32_t ua_trunk_backoff_ms(uint32_t failures) {
    uint32_t ms = UA_TRUNK_REGISTER_RETRY_MS;
    while (--failures && ms < UA_TRUNK_REGISTER_RETRY_MAX_MS)
        ms *= 2;
    return ms < UA_TRUNK_REGISTER_RETRY_MAX_MS ? ms : UA_TRUNK_REGISTER_RETRY_MAX_MS;
}

bool ua_trunk_registered(const struct ua_trunk *trunk) {
    const struct ua_registration *r = &trunk->registration;
    return r->state != UA_REGISTER_OFF && r->valid_ms > ua_now_ms(trunk->ua);
}

/* The one place where the state changes. at_ms: of the next attempt, only for WAITING. */
static void move(struct ua_trunk *trunk, enum ua_register_state state, uint64_t at_ms) {
    struct ua_registration *r = &trunk->registration;
    if (r->transaction && state != UA_REGISTER_SENT) {
        nta_outgoing_destroy(r->transaction);
        r->transaction = NULL;
    }
    r->state = state;
    r->at_ms = state == UA_REGISTER_WAITING ? at_ms : NEVER;
    ua_trunk_wake(trunk->ua, r->at_ms);
}

static void failed(struct ua_trunk *trunk, const char *why) {
    struct ua_registration *r = &trunk->registration;
    uint64_t wait_ms = ua_trunk_backoff_ms(++r->failures);

    wait_ms = (uint64_t)((double)wait_ms * (0.8 + 0.4 * rng_unit(&trunk->ua->trunks->dice)));
    ua_trunk_error(trunk, "registration: %s", why);
    log_warn("sip", "event=trunk_register_failed trunk=%s error=%s again_in_ms=%llu", trunk->name,
             log_value(why), (unsigned long long)wait_ms);
    move(trunk, UA_REGISTER_WAITING, ua_now_ms(trunk->ua) + wait_ms);
    ua_trunk_settle(trunk);
}

/* ---- responses ---- */

/* How long the registrar keeps us: the expiry of our contact among its list, or the header's. */
static uint32_t granted(const struct ua_trunk *trunk, const sip_t *sip) {
    uint32_t seconds = trunk->registration.expires_s, found;

    if (sip->sip_expires)
        seconds = (uint32_t)sip->sip_expires->ex_delta;
    for (const sip_contact_t *m = sip->sip_contact; m; m = m->m_next)
        if (m->m_expires && m->m_url->url_user && !strcmp(m->m_url->url_user, trunk->registration.user) &&
            !str_to_u32(m->m_expires, 0, UINT32_MAX, &found))
            seconds = found;
    return seconds < 86400 ? seconds : 86400;
}

static void succeeded(struct ua_trunk *trunk, const sip_t *sip) {
    struct ua_registration *r = &trunk->registration;
    uint64_t now_ms = ua_now_ms(trunk->ua);
    uint32_t seconds = granted(trunk, sip);

    if (!seconds) {
        failed(trunk, "accepted, but not kept");
        return;
    }
    if (!ua_trunk_registered(trunk))
        log_info("sip", "event=trunk_registered trunk=%s expires_s=%u", trunk->name, seconds);
    r->failures = 0;
    r->valid_ms = now_ms + (uint64_t)seconds * 1000;
    trunk->last_error[0] = 0;
    move(trunk, UA_REGISTER_WAITING, now_ms + (uint64_t)seconds * 800); /* at 80 % of the time */
    ua_trunk_wake(trunk->ua, r->valid_ms);
    ua_trunk_settle(trunk);
}

/* The best challenge we can answer. 0 or -ENOENT. */
static int take_challenge(struct ua_registration *r, const sip_t *sip, int status) {
    const msg_auth_t *a = status == 407 ? sip->sip_proxy_authenticate : sip->sip_www_authenticate;
    struct ua_digest_params p;
    bool found = false;

    for (; a; a = a->au_next) {
        if (!a->au_scheme || strcasecmp(a->au_scheme, "Digest") || ua_digest_parse(a->au_params, &p) ||
            (p.qop_else && !p.qop))
            continue;
        if (found && p.algorithm <= r->digest.challenge.algorithm)
            continue;
        r->digest = (struct ua_digest_client){.known = true, .proxy = status == 407, .challenge = p};
        found = true;
    }
    return found ? 0 : -ENOENT;
}

static void send_register(struct ua_trunk *trunk, uint32_t expires_s);

static void challenged(struct ua_trunk *trunk, const sip_t *sip, int status) {
    struct ua_registration *r = &trunk->registration;
    bool answered = r->digest.known && r->challenges; /* with these credentials already */

    if (take_challenge(r, sip, status)) {
        r->digest.known = false;
        failed(trunk, "no digest challenge we can answer");
    } else if ((answered && !r->digest.challenge.stale) || r->challenges >= CHALLENGES_MAX) {
        r->digest.known = false;
        r->valid_ms = 0;
        failed(trunk, "wrong user or password");
    } else {
        r->challenges++;
        send_register(trunk, r->expires_s);
    }
}

static void too_brief(struct ua_trunk *trunk, const sip_t *sip) {
    struct ua_registration *r = &trunk->registration;
    uint32_t least = sip->sip_min_expires ? (uint32_t)sip->sip_min_expires->me_delta : 0;
    if (least <= r->expires_s || least > 86400) {
        failed(trunk, "423 without a usable Min-Expires");
        return;
    }
    r->expires_s = least;
    send_register(trunk, r->expires_s);
}

static int on_response(void *arg, nta_outgoing_t *transaction, const sip_t *sip) {
    struct ua_trunk *trunk = arg;
    struct ua_registration *r = &trunk->registration;
    int status = nta_outgoing_status(transaction);
    bool internal = !sip || nta_sip_is_internal(sip);
    char why[64];

    if (status < 200)
        return 0;
    if (!r->transaction) {
        r->early = true;
        return 0;
    }
    if (transaction != r->transaction) /* one that was given up */
        return 0;
    if (internal) {
        failed(trunk, status == 408 ? "no answer" : "cannot be reached");
    } else if (status < 300) {
        succeeded(trunk, sip);
    } else if (status == 401 || status == 407) {
        challenged(trunk, sip, status);
    } else if (status == 423) {
        too_brief(trunk, sip);
    } else {
        snprintf(why, sizeof why, "%d %.40s", status,
                 sip->sip_status && sip->sip_status->st_phrase ? sip->sip_status->st_phrase : "");
        if (status < 500 || status >= 600)
            r->valid_ms = 0; /* they do not want us */
        failed(trunk, why);
    }
    return 0;
}

/* ---- requests ---- */

/* NULL callback: nobody waits for the answer. */
static nta_outgoing_t *make_request(struct ua_trunk *trunk, nta_response_f *callback, uint32_t expires_s) {
    const struct ua_trunk_peer *peer = ua_trunk_host(trunk);
    struct ua_registration *r = &trunk->registration;
    char uri[URI_LEN], route[URI_LEN], aor[URI_LEN + NAME_LEN], ours[URI_LEN], contact[URI_LEN + 32],
        host[ADDRESS_LEN];
    char cseq[32], expires[16], credentials[1024] = "";
    struct ua_guard guard;
    nta_outgoing_t *volatile made = NULL;

    if (!peer)
        return NULL;
    ua_trunk_route(trunk, peer, route, sizeof route);
    ua_address_host(&peer->address[0], host, sizeof host);
    snprintf(uri, sizeof uri, "sip:%s", r->domain);
    snprintf(aor, sizeof aor, "<sip:%s@%s>", r->user, r->domain);
    if (ua_contact_uri(trunk->ua, r->user, trunk->tcp, host, ours, sizeof ours))
        return NULL;
    snprintf(contact, sizeof contact, "<%s>", ours);
    snprintf(cseq, sizeof cseq, "%u REGISTER", ++r->cseq);
    snprintf(expires, sizeof expires, "%u", expires_s);
    if (r->digest.known && ua_digest_authorize(&r->digest, r->user, r->password, "REGISTER", uri, credentials,
                                               sizeof credentials) < 0)
        credentials[0] = 0;
    bool proxy = r->digest.proxy;
    if (UA_GUARD_ENTER(&guard))
        made = nta_outgoing_tcreate(
            trunk->ua->default_leg, callback, trunk, URL_STRING_MAKE(route), SIP_METHOD_REGISTER,
            URL_STRING_MAKE(uri), SIPTAG_FROM_STR(aor), SIPTAG_TO_STR(aor), SIPTAG_CALL_ID_STR(r->call_id),
            SIPTAG_CSEQ_STR(cseq), SIPTAG_CONTACT_STR(contact), SIPTAG_EXPIRES_STR(expires),
            SIPTAG_USER_AGENT_STR(ua_product),
            TAG_IF(credentials[0] && !proxy, SIPTAG_AUTHORIZATION_STR(credentials)),
            TAG_IF(credentials[0] && proxy, SIPTAG_PROXY_AUTHORIZATION_STR(credentials)), TAG_END());
    ua_guard_leave(&guard);
    if (made)
        trunk->ua->count.requests_out++;
    ua_kick(trunk->ua);
    return made;
}

static void send_register(struct ua_trunk *trunk, uint32_t expires_s) {
    struct ua_registration *r = &trunk->registration;
    nta_outgoing_t *old = r->transaction;

    r->transaction = NULL;
    r->early = false;
    r->transaction = make_request(trunk, on_response, expires_s);
    if (old)
        nta_outgoing_destroy(old);
    if (r->transaction && !r->early)
        move(trunk, UA_REGISTER_SENT, NEVER);
    else
        failed(trunk, ua_trunk_host(trunk) ? "cannot be sent" : "no address known");
}

/* ---- life cycle ---- */

static bool unchanged(const struct ua_registration *r, const struct conf_trunk *conf) {
    return r->user && !strcmp(r->user, conf->register_user) &&
           !strcmp(r->password, conf->register_password) && !strcmp(r->domain, conf->register_domain) &&
           r->wanted_s == conf->register_expires_s;
}

void ua_trunk_register_start(struct ua_trunk *trunk, uint64_t now_ms) {
    struct ua_registration *r = &trunk->registration;
    const struct conf_trunk *conf = ua_trunk_conf(trunk);
    unsigned char noise[12];

    if (conf && conf->register_user[0] && r->state != UA_REGISTER_OFF && unchanged(r, conf))
        return;
    ua_trunk_register_stop(trunk);
    if (!conf || !conf->register_user[0])
        return;
    r->user = strdup(conf->register_user);
    r->password = strdup(conf->register_password);
    r->domain = strdup(conf->register_domain);
    if (!r->user || !r->password || !r->domain || RAND_bytes(noise, sizeof noise) != 1) {
        log_error("sip", "event=trunk_register_failed trunk=%s error=%s", trunk->name, strerror(ENOMEM));
        return;
    }
    for (size_t i = 0; i < sizeof noise; i++)
        snprintf(r->call_id + 2 * i, 3, "%02x", noise[i]);
    r->wanted_s = conf->register_expires_s;
    r->expires_s = r->wanted_s ? r->wanted_s : 3600;
    move(trunk, UA_REGISTER_WAITING, now_ms);
}

void ua_trunk_register_tick(struct ua_trunk *trunk, uint64_t now_ms) {
    struct ua_registration *r = &trunk->registration;

    if (r->state == UA_REGISTER_OFF)
        return;
    if (r->valid_ms > now_ms)
        ua_trunk_wake(trunk->ua, r->valid_ms);
    if (r->state != UA_REGISTER_WAITING)
        return;
    if (r->at_ms > now_ms || !ua_trunk_host(trunk)) { /* a name being looked up wakes us when it is known */
        if (r->at_ms > now_ms)
            ua_trunk_wake(trunk->ua, r->at_ms);
        return;
    }
    r->challenges = 0;
    send_register(trunk, r->expires_s);
}

void ua_trunk_register_stop(struct ua_trunk *trunk) {
    struct ua_registration *r = &trunk->registration;
    if (ua_trunk_registered(trunk))
        make_request(trunk, NULL, 0);
    if (r->transaction)
        nta_outgoing_destroy(r->transaction);
    free(r->user);
    free(r->password);
    free(r->domain);
    *r = (struct ua_registration){.at_ms = NEVER};
}
