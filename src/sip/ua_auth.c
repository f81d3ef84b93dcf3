/* SPDX-License-Identifier: Apache-2.0
 * Proof that a request comes from an agent's phone: Sofia's parsed Authorization to our digest. */
#include "sip/ua_bindings.h"
#include "sip/ua_digest.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

bool ua_digest_banned(const struct ua *ua, const struct sockaddr *from) {
    struct ua_address source;
    return ua->digest && !ua_address_of(from, &source) &&
           ua_digest_is_banned(ua->digest, &source, ua_now_ms(ua));
}

/* The credentials for our realm. 0, -ENOENT, -EINVAL. */
static int find_credentials(const struct ua *ua, const sip_t *sip, struct ua_digest_params *out) {
    int err = -ENOENT;
    for (const sip_authorization_t *a = sip->sip_authorization; a; a = a->au_next) {
        if (!a->au_scheme || strcasecmp(a->au_scheme, "Digest"))
            continue;
        int parsed = ua_digest_parse(a->au_params, out);
        if (!parsed && !strcmp(out->realm, ua->conf->realm))
            return 0;
        if (parsed == -EINVAL) /* for another realm, or of another algorithm: as if it were not there */
            err = parsed;
    }
    return err;
}

/* MD5 only: RFC 8760 wants SHA-256 offered in a second header, but phones built on libre up to 1.x (baresip)
 * give up at the sight of it. Credentials with SHA-256 are taken all the same, if the password is known. */
static void challenge(struct ua *ua, nta_incoming_t *irq, const struct ua_address *source, bool stale) {
    char value[2][UA_DIGEST_CHALLENGE_LEN];

    ua_digest_challenge(ua->digest, ua->conf->realm, source, false, stale, ua_now_ms(ua), value);
    nta_incoming_treply(irq, SIP_401_UNAUTHORIZED, SIPTAG_WWW_AUTHENTICATE_STR(value[0]),
                        SIPTAG_SERVER_STR(ua_product), TAG_END());
}

static void refused(struct ua *ua, nta_incoming_t *irq, const sip_t *sip, const struct ua_digest_params *p,
                    const struct sockaddr *from) {
    char source[ADDRESS_LEN + 8];
    uint32_t dropped;

    ua->count.auth_failures++;
    if (log_allowed(&ua->bindings->log_auth, ua_now_ms(ua), 10, &dropped)) {
        ua_address_text(from, source, sizeof source);
        log_warn("sip", "event=auth_failed method=%s user=%s source=%s banned=%d unlogged=%u",
                 log_value(sip->sip_request->rq_method_name), log_value(p->username), source,
                 ua_digest_banned(ua, from), dropped);
    }
    ua_reply(ua, irq, SIP_403_FORBIDDEN);
}

int ua_digest_check_request(struct ua *ua, nta_incoming_t *irq, const sip_t *sip, uint32_t agent) {
    const struct conf_agent *a = conf_agent(ua->conf, agent);
    struct sockaddr_storage from;
    struct ua_address source;
    struct ua_digest_params p;

    if (ua_source(ua, irq, &from) || ua_address_of((struct sockaddr *)&from, &source)) {
        ua_reply(ua, irq, SIP_400_BAD_REQUEST);
        return -EACCES;
    }
    int err = find_credentials(ua, sip, &p);
    if (err == -EINVAL) {
        ua_reply(ua, irq, 400, "Bad Authorization Header");
        return -EACCES;
    }
    if (err) {
        challenge(ua, irq, &source, false);
        return -EACCES;
    }
    struct ua_digest_secret secret = {a ? a->id : "", ua->conf->realm, a ? a->password : "", a ? a->ha1 : ""};
    switch (ua_digest_verify(ua->digest, &p, a ? &secret : NULL, sip->sip_request->rq_method_name, &source,
                             ua_now_ms(ua))) {
    case UA_DIGEST_PROVEN:
        return 0;
    case UA_DIGEST_STALE:
        challenge(ua, irq, &source, true);
        return -EACCES;
    case UA_DIGEST_WRONG:
        break;
    }
    refused(ua, irq, sip, &p, (struct sockaddr *)&from);
    return -EACCES;
}
