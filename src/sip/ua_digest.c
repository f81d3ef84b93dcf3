/* SPDX-License-Identifier: Apache-2.0
 * Digest: parameters, hashes, nonces, replay and failure tables. */
#include "sip/ua_digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    NONCE_SLOTS = 16384, /* nonces that proved something lately; a lost one costs a new challenge */
    NONCE_BYTES = 32,    /* 8 time, 8 number, 16 signature */
    NONCE_HEX = 2 * NONCE_BYTES + 1,
    FAILURE_SETS = 256,
    FAILURE_WAYS = 4,
};

struct nonce_slot {
    uint64_t number; /* of the nonce; 0 = empty */
    uint64_t seen;   /* bit n: count high - n was used */
    uint32_t high;
};
struct failure {
    struct ua_address source; /* IPv6: the /64 */
    uint64_t first_ms, last_ms, banned_until_ms;
    uint32_t count; /* 0 = empty */
};
struct ua_digest {
    unsigned char key[32];
    uint64_t numbers; /* nonces given */
    struct nonce_slot slot[NONCE_SLOTS];
    struct failure failure[FAILURE_SETS][FAILURE_WAYS];
};

/* ---- parameters ---- */

/* value: token or quoted string; copied without quotes and escapes. */
static int take_text(const char *value, char *out, size_t size) {
    size_t n = 0;
    bool quoted = *value == '"';

    if (*out)
        return -EINVAL; /* given twice */
    for (value += quoted; *value && !(quoted && *value == '"'); value++) {
        if (quoted && *value == '\\' && value[1])
            value++;
        if (n + 1 >= size || (unsigned char)*value < 0x20 || *value == 0x7f)
            return -EINVAL;
        out[n++] = *value;
    }
    out[n] = 0;
    return quoted && (value[0] != '"' || value[1]) ? -EINVAL : 0;
}

static int take_algorithm(const char *value, struct ua_digest_params *out) {
    char name[32] = "";
    int err = take_text(value, name, sizeof name);
    if (err)
        return err;
    if (!strcasecmp(name, "MD5"))
        out->algorithm = UA_DIGEST_MD5;
    else if (!strcasecmp(name, "SHA-256"))
        out->algorithm = UA_DIGEST_SHA256;
    else
        return -ENOTSUP;
    return 0;
}

/* A list in a challenge, one word in credentials. */
static int take_qop(const char *value, struct ua_digest_params *out) {
    char list[64] = "", *save = NULL;
    int err = take_text(value, list, sizeof list);
    if (err)
        return err;
    for (char *word = strtok_r(list, " ,", &save); word; word = strtok_r(NULL, " ,", &save))
        if (!strcasecmp(word, "auth"))
            out->qop = true;
        else
            out->qop_else = true;
    return 0;
}

int ua_digest_parse(const char *const *list, struct ua_digest_params *out) {
    static const struct {
        const char *name;
        size_t offset, size;
    } texts[] = {
#define TEXT(field) {#field, offsetof(struct ua_digest_params, field), sizeof out->field}
        TEXT(username), TEXT(realm),  TEXT(nonce),  TEXT(uri),
        TEXT(response), TEXT(cnonce), TEXT(opaque), TEXT(nc),
#undef TEXT
    };
    memset(out, 0, sizeof *out);
    for (size_t n = 0; list && list[n]; n++) {
        const char *equals = strchr(list[n], '='), *value = equals ? equals + 1 : "";
        size_t length = equals ? (size_t)(equals - list[n]) : 0;
        int err = 0;

        if (n >= 32 || !length)
            return -EINVAL;
        if (length == 9 && !strncasecmp(list[n], "algorithm", 9))
            err = take_algorithm(value, out);
        else if (length == 3 && !strncasecmp(list[n], "qop", 3))
            err = take_qop(value, out);
        else if (length == 5 && !strncasecmp(list[n], "stale", 5))
            out->stale = !strcasecmp(value, "true") || !strcasecmp(value, "\"true\"");
        else
            for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                if (length == strlen(texts[i].name) && !strncasecmp(list[n], texts[i].name, length))
                    err = take_text(value, (char *)out + texts[i].offset, texts[i].size);
        if (err)
            return err;
    }
    return out->realm[0] && out->nonce[0] ? 0 : -EINVAL;
}

/* ---- hashes ---- */

static void to_hex(const unsigned char *bytes, size_t count, char *out) {
    for (size_t i = 0; i < count; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* Hash of the parts with a colon between, in hex. */
static int hash(enum ua_digest_algorithm algorithm, const char *const *part, size_t parts,
                char out[UA_DIGEST_HEX]) {
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestInit_ex(ctx, algorithm == UA_DIGEST_SHA256 ? EVP_sha256() : EVP_md5(), NULL);

    for (size_t i = 0; good && i < parts; i++)
        good = (!i || EVP_DigestUpdate(ctx, ":", 1)) && EVP_DigestUpdate(ctx, part[i], strlen(part[i]));
    good = good && EVP_DigestFinal_ex(ctx, raw, &length) && length <= 32;
    EVP_MD_CTX_free(ctx);
    if (!good)
        return -EIO;
    to_hex(raw, length, out);
    OPENSSL_cleanse(raw, sizeof raw);
    return 0;
}

int ua_digest_response(const struct ua_digest_params *params, const struct ua_digest_secret *secret,
                       const char *method, char out[UA_DIGEST_HEX]) {
    char ha1[UA_DIGEST_HEX] = "", ha2[UA_DIGEST_HEX];
    const char *const a1[] = {secret->username, secret->realm, secret->password};
    const char *const a2[] = {method, params->uri};
    const char *const plain[] = {ha1, params->nonce, ha2};
    const char *const with_qop[] = {ha1, params->nonce, params->nc, params->cnonce, "auth", ha2};
    int err = 0;

    if (secret->password && *secret->password)
        err = hash(params->algorithm, a1, ARRAY_LEN(a1), ha1);
    else if (params->algorithm != UA_DIGEST_MD5 || !secret->ha1 || strlen(secret->ha1) != 32)
        return -ENOKEY;
    else
        for (int i = 0; i < 32; i++) { /* in the configuration in any case */
            char c = secret->ha1[i];
            ha1[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
        }
    if (!err)
        err = hash(params->algorithm, a2, ARRAY_LEN(a2), ha2);
    if (!err)
        err = params->qop ? hash(params->algorithm, with_qop, ARRAY_LEN(with_qop), out)
                          : hash(params->algorithm, plain, ARRAY_LEN(plain), out);
    OPENSSL_cleanse(ha1, sizeof ha1);
    return err;
}

/* ---- nonces ---- */

static void put_u64(unsigned char *at, uint64_t value) {
    for (int i = 7; i >= 0; i--, value >>= 8)
        at[i] = (unsigned char)value;
}
static uint64_t get_u64(const unsigned char *at) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | at[i];
    return value;
}

static void sign(const struct ua_digest *digest, const unsigned char *nonce, const struct ua_address *source,
                 unsigned char signature[16]) {
    unsigned char text[32], mac[EVP_MAX_MD_SIZE] = {0};
    unsigned length = 0;
    memcpy(text, nonce, 16);
    memcpy(text + 16, source->byte, 16);
    HMAC(EVP_sha256(), digest->key, sizeof digest->key, text, sizeof text, mac, &length);
    memcpy(signature, mac, 16);
}

/* Is it one of ours, given to this address, and still young? Its number then. */
static bool nonce_is_ours(const struct ua_digest *digest, const char *text, const struct ua_address *source,
                          uint64_t now_ms, uint64_t *number) {
    unsigned char nonce[NONCE_BYTES], signature[16];

    if (strlen(text) != NONCE_HEX - 1 || strspn(text, "0123456789abcdef") != NONCE_HEX - 1)
        return false;
    for (int i = 0; i < NONCE_BYTES; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], 0};
        nonce[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    sign(digest, nonce, source, signature);
    uint64_t given_ms = get_u64(nonce);
    *number = get_u64(nonce + 8);
    return !CRYPTO_memcmp(signature, nonce + 16, sizeof signature) && given_ms <= now_ms &&
           now_ms - given_ms < UA_DIGEST_NONCE_MS;
}

/* Each count of a nonce proves one request, in any order within 64. */
static bool use_count(struct ua_digest *digest, uint64_t number, uint32_t count) {
    struct nonce_slot *slot = &digest->slot[number % NONCE_SLOTS];

    if (!count || slot->number > number)
        return false;
    if (slot->number < number)
        *slot = (struct nonce_slot){.number = number, .seen = 1, .high = count};
    else if (count > slot->high) {
        uint32_t by = count - slot->high;
        slot->seen = (by < 64 ? slot->seen << by : 0) | 1;
        slot->high = count;
    } else {
        uint32_t back = slot->high - count;
        if (back >= 64 || (slot->seen >> back & 1))
            return false;
        slot->seen |= UINT64_C(1) << back;
    }
    return true;
}

/* ---- failures ---- */

static struct ua_address network_of(const struct ua_address *source) {
    static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct ua_address network = *source;
    if (memcmp(source->byte, v4_prefix, sizeof v4_prefix))
        memset(network.byte + 8, 0, 8);
    return network;
}

static uint32_t set_of(const struct ua_digest *digest, const struct ua_address *network) {
    uint64_t hashed = get_u64(digest->key);
    for (int i = 0; i < 16; i += 8) {
        hashed ^= get_u64(network->byte + i);
        hashed = rng_next(&hashed);
    }
    return (uint32_t)(hashed % FAILURE_SETS);
}

static const struct failure *find_failure(const struct ua_digest *digest, const struct ua_address *network) {
    const struct failure *set = digest->failure[set_of(digest, network)];
    for (int i = 0; i < FAILURE_WAYS; i++)
        if (set[i].count && ua_address_same(&set[i].source, network))
            return &set[i];
    return NULL;
}

static void count_failure(struct ua_digest *digest, const struct ua_address *source, uint64_t now_ms) {
    struct ua_address network = network_of(source);
    struct failure *set = digest->failure[set_of(digest, &network)];
    struct failure *entry = (struct failure *)find_failure(digest, &network);

    if (!entry) { /* the one nobody will miss: empty, or silent for the longest time and not banned */
        entry = set;
        for (int i = 1; i < FAILURE_WAYS; i++) {
            uint64_t kept = entry->banned_until_ms > now_ms ? entry->banned_until_ms : entry->last_ms;
            uint64_t other = set[i].banned_until_ms > now_ms ? set[i].banned_until_ms : set[i].last_ms;
            if (entry->count && (!set[i].count || other < kept))
                entry = &set[i];
        }
        *entry = (struct failure){.source = network, .first_ms = now_ms};
    } else if (now_ms - entry->first_ms > UA_DIGEST_FAILURE_MS) {
        entry->first_ms = now_ms;
        entry->count = 0;
    }
    entry->last_ms = now_ms;
    if (++entry->count >= UA_DIGEST_FAILURES)
        entry->banned_until_ms = now_ms + UA_DIGEST_BAN_MS;
}

bool ua_digest_is_banned(const struct ua_digest *digest, const struct ua_address *source, uint64_t now_ms) {
    struct ua_address network = network_of(source);
    const struct failure *entry = find_failure(digest, &network);
    return entry && entry->banned_until_ms > now_ms;
}

/* ---- server ---- */

int ua_digest_create(struct ua_digest **digestp) {
    struct ua_digest *digest = calloc(1, sizeof *digest);
    if (!digest)
        return -ENOMEM;
    if (RAND_bytes(digest->key, sizeof digest->key) != 1) {
        free(digest);
        return -EIO;
    }
    *digestp = digest;
    return 0;
}

void ua_digest_destroy(struct ua_digest *digest) {
    if (digest)
        OPENSSL_cleanse(digest->key, sizeof digest->key);
    free(digest);
}

uint32_t ua_digest_challenge(struct ua_digest *digest, const char *realm, const struct ua_address *source,
                             bool sha256, bool stale, uint64_t now_ms, char out[2][UA_DIGEST_CHALLENGE_LEN]) {
    unsigned char nonce[NONCE_BYTES];
    char text[NONCE_HEX];
    uint32_t count = 0;

    put_u64(nonce, now_ms);
    put_u64(nonce + 8, ++digest->numbers);
    sign(digest, nonce, source, nonce + 16);
    to_hex(nonce, sizeof nonce, text);
    for (int i = sha256 ? 0 : 1; i < 2; i++)
        snprintf(out[count++], UA_DIGEST_CHALLENGE_LEN,
                 "Digest realm=\"%s\", nonce=\"%s\", algorithm=%s, qop=\"auth\"%s", realm, text,
                 i ? "MD5" : "SHA-256", stale ? ", stale=true" : "");
    return count;
}

static bool parse_count(const char *text, uint32_t *out) {
    if (strlen(text) != 8 || strspn(text, "0123456789abcdefABCDEF") != 8)
        return false;
    *out = (uint32_t)strtoul(text, NULL, 16);
    return true;
}

enum ua_digest_verdict ua_digest_verify(struct ua_digest *digest, const struct ua_digest_params *params,
                                        const struct ua_digest_secret *secret, const char *method,
                                        const struct ua_address *source, uint64_t now_ms) {
    static const struct ua_digest_secret nobody = {"nobody", "nowhere", "nothing", ""};
    char expected[UA_DIGEST_HEX] = "", given[UA_DIGEST_HEX] = "";
    size_t length = params->algorithm == UA_DIGEST_SHA256 ? 64 : 32;
    uint64_t number = 0;
    uint32_t count = 1; /* without qop a nonce serves once */

    /* Before the response: else a made-up nonce would tell, uncounted, whether a guess was right. */
    if (!nonce_is_ours(digest, params->nonce, source, now_ms, &number))
        return UA_DIGEST_STALE;
    bool well_formed = !params->qop_else && params->uri[0] && strlen(params->response) == length &&
                       (!params->qop || (params->cnonce[0] && parse_count(params->nc, &count)));
    int err = ua_digest_response(params, secret ? secret : &nobody, method, expected);
    for (size_t i = 0; i < sizeof given - 1 && params->response[i]; i++) {
        char c = params->response[i];
        given[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    }
    if (CRYPTO_memcmp(expected, given, sizeof given) || err || !well_formed || !secret ||
        strcmp(params->username, secret->username) || strcmp(params->realm, secret->realm)) {
        count_failure(digest, source, now_ms);
        return UA_DIGEST_WRONG;
    }
    return use_count(digest, number, count) ? UA_DIGEST_PROVEN : UA_DIGEST_STALE;
}

/* ---- client ---- */

/* text as the inside of a quoted string. */
static int escape(const char *text, char *out, size_t size) {
    size_t n = 0;
    for (; *text; text++) {
        if (n + 3 > size)
            return -ENOSPC;
        if (*text == '"' || *text == '\\')
            out[n++] = '\\';
        out[n++] = *text;
    }
    out[n] = 0;
    return 0;
}

int ua_digest_authorize(struct ua_digest_client *client, const char *username, const char *password,
                        const char *method, const char *uri, char *out, size_t size) {
    struct ua_digest_params p = client->challenge;
    struct ua_digest_secret secret = {username, p.realm, password, ""};
    char user[2 * NAME_LEN], realm[2 * sizeof p.realm], nonce[2 * sizeof p.nonce],
        opaque[2 * sizeof p.opaque];
    unsigned char noise[8];
    int err;

    if (!client->known || (p.qop_else && !p.qop))
        return -ENOTSUP;
    if (str_copy(p.uri, sizeof p.uri, uri) || escape(username, user, sizeof user) ||
        escape(p.realm, realm, sizeof realm) || escape(p.nonce, nonce, sizeof nonce) ||
        escape(p.opaque, opaque, sizeof opaque))
        return -ENOSPC;
    if (RAND_bytes(noise, sizeof noise) != 1)
        return -EIO;
    to_hex(noise, sizeof noise, p.cnonce);
    snprintf(p.nc, sizeof p.nc, "%08x", ++client->count);
    if ((err = ua_digest_response(&p, &secret, method, p.response)) < 0)
        return err;
    int n = snprintf(
        out, size,
        "Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\", algorithm=%s", user,
        realm, nonce, p.uri, p.response, p.algorithm == UA_DIGEST_SHA256 ? "SHA-256" : "MD5");
    if (n > 0 && (size_t)n < size && p.qop)
        n += snprintf(out + n, size - (size_t)n, ", qop=auth, nc=%s, cnonce=\"%s\"", p.nc, p.cnonce);
    if (n > 0 && (size_t)n < size && p.opaque[0])
        n += snprintf(out + n, size - (size_t)n, ", opaque=\"%s\"", opaque);
    return n > 0 && (size_t)n < size ? n : -ENOSPC;
}
