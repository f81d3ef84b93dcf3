/* SPDX-License-Identifier: Apache-2.0
 * The location table at work: fixed contacts, probes, what the core and the floor ask of it. */
#include "sip/ua_bindings.h"
#include "sip/ua_digest.h"

#include <errno.h>
#include <sofia-sip/url.h>
#include <stdlib.h>
#include <string.h>

static const char *name_of(const struct ua *ua, uint32_t agent) {
    const struct conf_agent *a = conf_agent(ua->conf, agent);
    return a ? a->id : "";
}

static void on_changed(void *arg, uint32_t agent, bool reachable) {
    struct ua *ua = arg;
    if (!ua->bindings->telling)
        return;
    log_info("sip", "event=agent_reachable agent=%s reachable=%d", name_of(ua, agent), reachable);
    ua->sink.agent_reachable(ua->sink.ctx, agent, reachable);
}

int ua_bindings_create(struct ua *ua) {
    struct ua_bindings *b = calloc(1, sizeof *b);
    if (!b)
        return -ENOMEM;
    ua->bindings = b;
    int err = ua_location_create(&b->location, on_changed, ua);
    if (!err)
        err = ua_digest_create(&ua->digest);
    return err;
}

void ua_bindings_destroy(struct ua *ua) {
    if (ua->bindings) {
        ua_probes_forget(&ua->bindings->probes);
        ua_location_destroy(ua->bindings->location);
        free(ua->bindings);
        ua->bindings = NULL;
    }
    ua_digest_destroy(ua->digest);
    ua->digest = NULL;
}

/* Fixed contacts as the configuration has them now; agents that are gone are forgotten. */
static void follow_conf(struct ua *ua) {
    struct ua_location *l = ua->bindings->location;
    uint64_t now_ms = ua_now_ms(ua);

    ua_location_set_probing(l, ua->conf->agent_probe_ms, now_ms);
    for (uint32_t agent = 1; agent <= ua->conf->agent_count; agent++) {
        const struct conf_agent *a = conf_agent(ua->conf, agent);
        if (!a) {
            ua_location_forget(l, agent);
            continue;
        }
        bool usable = !a->contact[0] || !strncasecmp(a->contact, "sip:", 4);
        int err = ua_location_fix(l, agent, usable ? a->contact : "", now_ms);
        if (err || !usable)
            log_error("sip", "event=contact_unusable agent=%s contact=%s error=%s", a->id,
                      log_value(a->contact), usable ? strerror(-err) : "not a sip: URI");
    }
    ua->count.registrations = ua_location_count(l);
}

void ua_bindings_start(struct ua *ua) {
    struct ua_bindings *b = ua->bindings;
    b->telling = true;
    for (uint32_t agent = 1; agent <= ua->conf->agent_count; agent++)
        if (ua_location_reachable(b->location, agent)) /* restored */
            ua->sink.agent_reachable(ua->sink.ctx, agent, true);
    follow_conf(ua);
}

void ua_bindings_reload(struct ua *ua) {
    if (ua->bindings->telling)
        follow_conf(ua);
}

/* ---- probes ---- */

static void on_probed(struct ua *ua, const struct ua_probe_result *r) {
    if (!r->answered)
        log_debug("sip", "event=phone_silent agent=%s status=%u", name_of(ua, r->who), r->status);
    ua_location_probed(ua->bindings->location, r->who, r->serial, r->answered, ua_now_ms(ua));
}

static void probe(void *arg, const struct ua_contact *c) {
    struct ua *ua = arg;
    uint32_t agent = c->agent, serial = c->serial;
    if (ua_probe_send(ua, &ua->bindings->probes, on_probed, agent, serial, c->uri, c->route, NULL, c->tcp))
        ua_location_probed(ua->bindings->location, agent, serial, false, ua_now_ms(ua));
}

uint64_t ua_bindings_tick(struct ua *ua, uint64_t now_ms) {
    struct ua_bindings *b = ua->bindings;
    uint64_t table_ms = ua_location_tick(b->location, now_ms, probe, ua);
    uint64_t probes_ms = ua_probes_tick(ua, &b->probes, now_ms);
    ua->count.registrations = ua_location_count(b->location);
    return probes_ms < table_ms ? probes_ms : table_ms;
}

/* ---- questions ---- */

uint32_t ua_bindings_list(struct ua *ua, uint32_t agent, struct ua_binding *out, uint32_t max) {
    uint64_t now_ms = ua_now_ms(ua);
    uint32_t count = 0;
    for (const struct ua_contact *c = ua_location_of(ua->bindings->location, agent); c && count < max;
         c = c->next) {
        if (c->expires_ms <= now_ms)
            continue;
        struct ua_binding *o = &out[count++];
        memset(o, 0, sizeof *o);
        memcpy(o->uri, c->uri, sizeof o->uri);
        memcpy(o->agent_name, c->agent_name, sizeof o->agent_name);
        memcpy(o->source, c->source, sizeof o->source);
        o->expires_ms = c->expires_ms;
        o->fixed = c->fixed;
        o->reachable = c->reachable;
    }
    return count;
}

bool ua_bindings_route(struct ua *ua, uint32_t agent, const char *uri, char *route, size_t size) {
    for (const struct ua_contact *c = ua_location_of(ua->bindings->location, agent); c; c = c->next)
        if (c->route[0] && !strcmp(c->uri, uri))
            return str_copy(route, size, c->route) == 0;
    return false;
}

bool ua_bindings_is_fixed_source(struct ua *ua, uint32_t agent, const struct sockaddr *from) {
    struct ua_address source, host;
    const struct ua_contact *c = ua_location_of(ua->bindings->location, agent);
    bool same = false;

    while (c && !c->fixed)
        c = c->next;
    if (!c || ua_address_of(from, &source))
        return false;
    su_home_t home[1] = {SU_HOME_INIT(home)};
    url_t *url = url_hdup(home, URL_STRING_MAKE(c->uri)->us_url);
    if (url && url->url_host && !ua_address_parse(url->url_host, &host, NULL))
        same = ua_address_same(&source, &host) &&
               ua_address_port(from) == (url->url_port ? (uint16_t)strtoul(url->url_port, NULL, 10) : 5060);
    su_home_deinit(home);
    return same;
}
