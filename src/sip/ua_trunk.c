/* SPDX-License-Identifier: Apache-2.0
 * Trunks: life cycle, state, whose address this is, numbers rewritten, calls counted. */
#include "sip/ua_trunk.h"

#include <errno.h>
#include <event2/dns.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ---- */

void ua_trunk_rewrite(const struct conf_rewrite *rules, uint32_t count, const char *number, char *out,
                      size_t size) {
    for (uint32_t i = 0; i < count; i++) {
        size_t match = strlen(rules[i].match), length = strlen(number);
        if (strncmp(number, rules[i].match, match))
            continue;
        snprintf(out, size, "%s%s", rules[i].prepend,
                 number + (rules[i].strip < length ? rules[i].strip : length));
        return;
    }
    str_copy(out, size, number);
}

/* ---- small things ---- */

void ua_trunk_wake(struct ua *ua, uint64_t at_ms) {
    if (at_ms < ua->trunks->next_ms)
        ua->trunks->next_ms = at_ms;
}

void ua_trunk_error(struct ua_trunk *trunk, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(trunk->last_error, sizeof trunk->last_error, format, args);
    va_end(args);
}

static struct ua_trunk *find(const struct ua *ua, uint32_t number) {
    return ua->trunks && number && number <= ua->trunks->count ? ua->trunks->trunk[number] : NULL;
}

struct ua_trunk_peer *ua_trunk_find_peer(struct ua *ua, uint32_t number, uint32_t serial) {
    struct ua_trunk *trunk = find(ua, number);
    for (uint32_t i = 0; trunk && i < trunk->peer_count; i++)
        if (trunk->peer[i].serial == serial)
            return &trunk->peer[i];
    return NULL;
}

const struct ua_trunk_peer *ua_trunk_host(const struct ua_trunk *trunk) {
    for (uint32_t i = 0; i < trunk->peer_count; i++)
        if (trunk->peer[i].host && trunk->peer[i].address_count)
            return &trunk->peer[i];
    return NULL;
}

void ua_trunk_route(const struct ua_trunk *trunk, const struct ua_trunk_peer *peer, char *out, size_t size) {
    char host[ADDRESS_LEN];
    ua_address_host(&peer->address[0], host, sizeof host);
    snprintf(out, size, "sip:%s:%u%s", host, peer->port, trunk->tcp ? ";transport=tcp" : "");
}

/* ---- up and down ---- */

static bool is_up(const struct ua_trunk *trunk) {
    bool probed = false;
    for (uint32_t i = 0; trunk->probe && i < trunk->peer_count; i++) {
        probed |= trunk->peer[i].host;
        if (trunk->peer[i].host && trunk->peer[i].answers)
            return true;
    }
    if (probed)
        return false;
    return trunk->registration.state == UA_REGISTER_OFF || ua_trunk_registered(trunk);
}

void ua_trunk_settle(struct ua_trunk *trunk) {
    struct ua *ua = trunk->ua;
    bool up = is_up(trunk);

    if (up == trunk->up)
        return;
    trunk->up = up;
    trunk->changed_ms = ua_now_ms(ua);
    if (up)
        log_info("sip", "event=trunk_up trunk=%s", trunk->name);
    else
        log_warn("sip", "event=trunk_down trunk=%s error=%s", trunk->name, log_value(trunk->last_error));
    if (ua->trunks->telling)
        ua->sink.trunk_changed(ua->sink.ctx, trunk->number, up);
}

int ua_trunk_state(struct ua *ua, uint32_t number, struct ua_trunk_state *out) {
    const struct ua_trunk *trunk = find(ua, number);
    memset(out, 0, sizeof *out);
    if (!trunk)
        return -ENOENT;
    out->up = trunk->up;
    out->probed = trunk->probed;
    out->registering = trunk->registration.state != UA_REGISTER_OFF;
    out->registered = ua_trunk_registered(trunk);
    out->calls = trunk->calls;
    out->changed_ms = trunk->changed_ms;
    out->rtt_ms = trunk->rtt_ms;
    str_copy(out->last_error, sizeof out->last_error, trunk->last_error);
    return 0;
}

int ua_trunk_take(struct ua *ua, uint32_t number) {
    struct ua_trunk *trunk = find(ua, number);
    const struct conf_trunk *conf = trunk ? ua_trunk_conf(trunk) : NULL;
    if (!conf)
        return -ENOENT;
    trunk->calls++;
    return 0;
}

void ua_trunk_release(struct ua *ua, uint32_t number) {
    struct ua_trunk *trunk = find(ua, number);
    if (trunk && trunk->calls)
        trunk->calls--;
}

uint32_t ua_trunk_of_source(struct ua *ua, const struct sockaddr *from) {
    struct ua_address source;
    uint32_t best = 0;
    int longest = -1;

    if (!ua->trunks || ua_address_of(from, &source))
        return 0;
    for (uint32_t n = 1; n <= ua->trunks->count; n++) {
        const struct ua_trunk *trunk = ua->trunks->trunk[n];
        for (uint32_t i = 0; trunk && i < trunk->peer_count; i++) {
            const struct ua_trunk_peer *peer = &trunk->peer[i];
            for (uint32_t a = 0; a < peer->address_count; a++)
                if (peer->prefix_len > longest &&
                    ua_address_within(&source, &peer->address[a], peer->prefix_len)) {
                    best = n;
                    longest = peer->prefix_len;
                }
        }
    }
    return best;
}

/* ---- life cycle ---- */

static void free_peers(struct ua_trunk *trunk) {
    for (uint32_t i = 0; i < trunk->peer_count; i++) {
        ua_trunk_lookup_cancel(&trunk->peer[i]);
        free(trunk->peer[i].name);
    }
    free(trunk->peer);
    trunk->peer = NULL;
    trunk->peer_count = 0;
}

static void free_trunk(struct ua_trunk *trunk) {
    if (!trunk)
        return;
    ua_trunk_register_stop(trunk);
    free_peers(trunk);
    free(trunk);
}

static int make_peers(struct ua_trunk *trunk, const struct conf_trunk *conf, uint64_t now_ms) {
    struct ua_trunks *all = trunk->ua->trunks;

    trunk->peer = calloc(conf->peer_count ? conf->peer_count : 1, sizeof *trunk->peer);
    if (!trunk->peer)
        return -ENOMEM;
    for (uint32_t i = 0; i < conf->peer_count; i++) {
        const struct conf_peer *from = &conf->peer[i];
        struct ua_trunk_peer *peer = &trunk->peer[i];
        unsigned bits;
        trunk->peer_count = i + 1;
        if (!(peer->name = strdup(from->address)))
            return -ENOMEM;
        peer->port = from->port ? from->port : 5060;
        peer->prefix_len = 128;
        peer->numeric = ua_address_parse(from->address, &peer->address[0], &bits) == 0;
        if (peer->numeric) {
            unsigned given = from->prefix_len < bits ? from->prefix_len : bits;
            peer->address_count = 1;
            peer->prefix_len = (uint8_t)(128 - bits + given);
        }
        peer->host = peer->prefix_len == 128;
        peer->answers = true; /* until proven otherwise */
        peer->serial = ++all->serials;
        peer->lookup_ms = peer->numeric ? NEVER : now_ms;
        peer->probe_ms = conf->probe && peer->host ? now_ms + (uint64_t)(rng_unit(&all->dice) * 1000) : NEVER;
        ua_trunk_wake(trunk->ua, peer->lookup_ms);
        ua_trunk_wake(trunk->ua, peer->probe_ms);
    }
    return 0;
}

static bool same_peers(const struct ua_trunk *trunk, const struct conf_trunk *conf) {
    if (trunk->peer_count != conf->peer_count || trunk->tcp != conf->tcp || trunk->probe != conf->probe)
        return false;
    for (uint32_t i = 0; i < conf->peer_count; i++) {
        const struct ua_trunk_peer *peer = &trunk->peer[i];
        const struct conf_peer *from = &conf->peer[i];
        struct ua_address address;
        unsigned bits = 128;
        if (strcmp(peer->name, from->address) || peer->port != (from->port ? from->port : 5060))
            return false;
        if (ua_address_parse(from->address, &address, &bits) == 0 &&
            peer->prefix_len != 128 - bits + (from->prefix_len < bits ? from->prefix_len : bits))
            return false;
    }
    return true;
}

/* A trunk as the configuration has it now; what did not change goes on undisturbed. */
static int follow(struct ua *ua, uint32_t number, uint64_t now_ms) {
    struct ua_trunk **slot = &ua->trunks->trunk[number], *trunk = *slot;
    const struct conf_trunk *conf = conf_trunk(ua->conf, number);
    int err = 0;

    if (!conf) {
        free_trunk(trunk);
        *slot = NULL;
        return 0;
    }
    if (!trunk) {
        if (!(trunk = *slot = calloc(1, sizeof *trunk)))
            return -ENOMEM;
        trunk->ua = ua;
        trunk->number = number;
        trunk->changed_ms = now_ms;
    }
    str_copy(trunk->name, sizeof trunk->name, conf->name);
    trunk->probe_interval_ms = conf->probe_interval_ms ? conf->probe_interval_ms : 1000;
    if (!trunk->peer || !same_peers(trunk, conf)) {
        free_peers(trunk);
        trunk->tcp = conf->tcp;
        trunk->probe = conf->probe;
        trunk->probed = false;
        err = make_peers(trunk, conf, now_ms);
    }
    return err;
}

static int follow_conf(struct ua *ua) {
    struct ua_trunks *all = ua->trunks;
    uint64_t now_ms = ua_now_ms(ua);
    uint32_t count = ua->conf->trunk_count;

    if (count > all->count) {
        struct ua_trunk **grown = realloc(all->trunk, (count + 1) * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        memset(grown + all->count + 1, 0, (count - all->count) * sizeof *grown);
        grown[0] = NULL;
        all->trunk = grown;
        all->count = count;
    }
    for (uint32_t n = 1; n <= all->count; n++) {
        int err = follow(ua, n, now_ms);
        if (err)
            return err;
    }
    return 0;
}

int ua_trunks_create(struct ua *ua) {
    struct ua_trunks *all = calloc(1, sizeof *all);
    if (!all)
        return -ENOMEM;
    all->next_ms = NEVER;
    all->dice = 2;
    ua->trunks = all;
    return follow_conf(ua);
}

void ua_trunks_start(struct ua *ua) {
    struct ua_trunks *all = ua->trunks;
    uint64_t now_ms = ua_now_ms(ua);

    all->telling = true;
    for (uint32_t n = 1; n <= all->count; n++) {
        struct ua_trunk *trunk = all->trunk[n];
        if (!trunk)
            continue;
        ua_trunk_register_start(trunk, now_ms);
        trunk->up = is_up(trunk);
        ua->sink.trunk_changed(ua->sink.ctx, n, trunk->up);
    }
}

void ua_trunks_reload(struct ua *ua) {
    struct ua_trunks *all = ua->trunks;
    uint64_t now_ms = ua_now_ms(ua);

    if (follow_conf(ua))
        log_error("sip", "event=trunks_reload error=%s", strerror(ENOMEM));
    for (uint32_t n = 1; all->telling && n <= all->count; n++)
        if (all->trunk[n]) {
            ua_trunk_register_start(all->trunk[n], now_ms);
            ua_trunk_settle(all->trunk[n]);
        }
}

uint64_t ua_trunks_tick(struct ua *ua, uint64_t now_ms) {
    struct ua_trunks *all = ua->trunks;

    if (now_ms >= all->next_ms) {
        all->next_ms = NEVER;
        for (uint32_t n = 1; n <= all->count; n++) {
            struct ua_trunk *trunk = all->trunk[n];
            for (uint32_t i = 0; trunk && i < trunk->peer_count; i++) {
                ua_trunk_lookup(trunk, &trunk->peer[i], now_ms);
                ua_trunk_probe(trunk, &trunk->peer[i], now_ms);
            }
            if (trunk) {
                ua_trunk_register_tick(trunk, now_ms);
                ua_trunk_settle(trunk);
            }
        }
    }
    uint64_t probes_ms = ua_probes_tick(ua, &all->probes, now_ms);
    return probes_ms < all->next_ms ? probes_ms : all->next_ms;
}

void ua_trunks_destroy(struct ua *ua) {
    struct ua_trunks *all = ua->trunks;
    if (!all)
        return;
    all->telling = false;
    ua_probes_forget(&all->probes);
    for (uint32_t n = 1; n <= all->count; n++)
        free_trunk(all->trunk[n]);
    if (all->dns)
        evdns_base_free(all->dns, 1);
    free(all->trunk);
    free(all);
    ua->trunks = NULL;
}
