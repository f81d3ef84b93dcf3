/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP digest for SIP (RFC 2617, 7616, 8760), both ways: MD5 and SHA-256, qop=auth. Sofia only knows MD5.
 *
 * As a server we keep next to nothing: a nonce carries its time and number and is signed, together with the
 * address it was given to, by a key of this process. A table of fixed size remembers which nonce counts
 * were used (each only once), another one counts wrong passwords per address. Only answers to a nonce of
 * ours are counted, so nobody gets another address banned by forging it.
 */
#ifndef CALLFLOOR_UA_DIGEST_H
#define CALLFLOOR_UA_DIGEST_H

#include "callfloor/base.h"
#include "sip/ua_address.h"

enum ua_digest_algorithm { UA_DIGEST_MD5, UA_DIGEST_SHA256 };
enum {
    UA_DIGEST_HEX = 65, /* room for a hash in hex */
    UA_DIGEST_NONCE_MS = 300000,
    UA_DIGEST_FAILURES = 20,       /* wrong passwords from one address ... */
    UA_DIGEST_FAILURE_MS = 60000,  /* ... in this time ... */
    UA_DIGEST_BAN_MS = 300000,     /* ... and it is not heard for this long */
    UA_DIGEST_CHALLENGE_LEN = 384, /* of one WWW-Authenticate value */
};

/* Credentials (Authorization) or a challenge (WWW-Authenticate). Absent parameters are "". */
struct ua_digest_params {
    char username[NAME_LEN], realm[128], nonce[256], uri[URI_LEN], response[UA_DIGEST_HEX];
    char cnonce[128], opaque[128];
    char nc[9];
    enum ua_digest_algorithm algorithm;
    bool qop;      /* "auth" is (among) the value(s) */
    bool qop_else; /* only other values */
    bool stale;
};

/* list: NULL-terminated `name=value` strings, as Sofia parses them. 0; -EINVAL: malformed, given twice, or
 * too long; -ENOTSUP: an algorithm we do not know. */
int ua_digest_parse(const char *const *list, struct ua_digest_params *out);

/* What proves the knowledge of a password. ha1 (MD5 only) is used when there is no password. */
struct ua_digest_secret {
    const char *username, *realm, *password, *ha1;
};
/* The response of these parameters (nonce, uri, algorithm, and with qop nc and cnonce). 0, -ENOKEY (no
 * password, or an HA1 for another algorithm), -EIO (OpenSSL). */
int ua_digest_response(const struct ua_digest_params *params, const struct ua_digest_secret *secret,
                       const char *method, char out[UA_DIGEST_HEX]);

/* ---- server ---- */

struct ua_digest;
int ua_digest_create(struct ua_digest **digestp);
void ua_digest_destroy(struct ua_digest *digest);

/* Fresh WWW-Authenticate values, best algorithm first; returns how many (1 or 2). sha256: offer it too. */
uint32_t ua_digest_challenge(struct ua_digest *digest, const char *realm, const struct ua_address *source,
                             bool sha256, bool stale, uint64_t now_ms, char out[2][UA_DIGEST_CHALLENGE_LEN]);

enum ua_digest_verdict {
    UA_DIGEST_PROVEN,
    UA_DIGEST_STALE, /* nonce unknown, too old, or used: challenge again with stale=true */
    UA_DIGEST_WRONG, /* counted */
};
/* secret NULL: there is no such user (takes as long as for one). */
enum ua_digest_verdict ua_digest_verify(struct ua_digest *digest, const struct ua_digest_params *params,
                                        const struct ua_digest_secret *secret, const char *method,
                                        const struct ua_address *source, uint64_t now_ms);
bool ua_digest_is_banned(const struct ua_digest *digest, const struct ua_address *source, uint64_t now_ms);

/* ---- client ---- */

/* A challenge we may answer, again and again as long as the other side takes it. */
struct ua_digest_client {
    bool known, proxy;
    struct ua_digest_params challenge;
    uint32_t count;
};
/* Value of the (Proxy-)Authorization header. Bytes, -ENOKEY, -ENOTSUP (auth-int only), -ENOSPC, -EIO. */
int ua_digest_authorize(struct ua_digest_client *client, const char *username, const char *password,
                        const char *method, const char *uri, char *out, size_t size);

#endif
