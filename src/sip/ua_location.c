/* SPDX-License-Identifier: Apache-2.0
 * The location service: contacts of agents, their expiry and whether they answer. */
#include "sip/ua_location.h"
#include "callfloor/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 100,        /* the table is not walked more often */
    PROBES_PER_TICK = 64, /* so that a thousand phones due at once do not stall a call */
};

struct place {
    struct ua_contact *first;
    bool reachable; /* as told */
};
struct ua_location {
    ua_location_fn *changed;
    void *arg;
    struct place *place; /* by agent */
    uint32_t places, registered, serials;
    struct ua_contact *all;
    uint32_t probe_interval_ms;
    uint64_t next_ms, walked_ms;
    uint64_t dice;
};

int ua_location_create(struct ua_location **lp, ua_location_fn *changed, void *arg) {
    struct ua_location *l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    *l = (struct ua_location){.changed = changed, .arg = arg, .next_ms = NEVER, .dice = 1};
    *lp = l;
    return 0;
}

void ua_location_destroy(struct ua_location *l) {
    if (!l)
        return;
    while (l->all) {
        struct ua_contact *c = l->all;
        l->all = c->all_next;
        free(c);
    }
    free(l->place);
    free(l);
}

static int make_place(struct ua_location *l, uint32_t agent) {
    if (!agent || agent > CONF_MAX_AGENTS)
        return -EINVAL;
    if (agent < l->places)
        return 0;
    uint32_t places = l->places ? l->places : 64;
    while (places <= agent)
        places *= 2;
    struct place *grown = realloc(l->place, places * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    memset(grown + l->places, 0, (places - l->places) * sizeof *grown);
    l->place = grown;
    l->places = places;
    return 0;
}

const struct ua_contact *ua_location_of(const struct ua_location *l, uint32_t agent) {
    return agent < l->places ? l->place[agent].first : NULL;
}
const struct ua_contact *ua_location_all(const struct ua_location *l) {
    return l->all;
}
bool ua_location_reachable(const struct ua_location *l, uint32_t agent) {
    return agent < l->places && l->place[agent].reachable;
}
uint32_t ua_location_count(const struct ua_location *l) {
    return l->registered;
}

/* Tells when the sum over the agent's contacts has changed. */
static void settle(struct ua_location *l, uint32_t agent) {
    bool reachable = false;
    for (struct ua_contact *c = l->place[agent].first; c; c = c->next)
        reachable |= c->reachable;
    if (reachable == l->place[agent].reachable)
        return;
    l->place[agent].reachable = reachable;
    l->changed(l->arg, agent, reachable);
}

/* ---- contacts ---- */

static void wake(struct ua_location *l, uint64_t at_ms) {
    if (at_ms < l->next_ms)
        l->next_ms = at_ms;
}

/* Time of the next probe: `least` to 1.1 of the interval from now, so that phones do not march in step. */
static void plan_probe(struct ua_location *l, struct ua_contact *c, double least, uint64_t now_ms) {
    double share = least + (1.1 - least) * rng_unit(&l->dice);
    c->probe_ms = l->probe_interval_ms ? now_ms + (uint64_t)(share * l->probe_interval_ms) : NEVER;
    wake(l, c->probe_ms);
}

static void add(struct ua_location *l, struct ua_contact *c) {
    struct place *place = &l->place[c->agent];
    c->serial = ++l->serials;
    c->next = place->first;
    place->first = c;
    c->all_prev = NULL;
    c->all_next = l->all;
    if (l->all)
        l->all->all_prev = c;
    l->all = c;
    l->registered += !c->fixed;
    wake(l, c->expires_ms);
}

static void drop(struct ua_location *l, struct ua_contact *c) {
    struct ua_contact **link = &l->place[c->agent].first;
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    if (c->all_prev)
        c->all_prev->all_next = c->all_next;
    else
        l->all = c->all_next;
    if (c->all_next)
        c->all_next->all_prev = c->all_prev;
    l->registered -= !c->fixed;
    free(c);
}

static struct ua_contact *find_uri(const struct place *place, const char *uri) {
    for (struct ua_contact *c = place->first; c; c = c->next)
        if (!c->fixed && !strcmp(c->uri, uri))
            return c;
    return NULL;
}

/* Oldest last; the list is newest first. */
static void keep_newest(struct ua_location *l, uint32_t agent) {
    struct ua_contact *c = l->place[agent].first, *next;
    for (uint32_t kept = 0; c; c = next) {
        next = c->next;
        if (!c->fixed && ++kept > UA_LOCATION_CONTACTS)
            drop(l, c);
    }
}

/* ---- REGISTER ---- */

/* RFC 3261 10.3: of one Call-ID only a higher CSeq changes a binding. */
static bool out_of_order(const struct place *place, const struct ua_register *what) {
    for (struct ua_contact *c = place->first; c; c = c->next) {
        bool meant = what->all;
        for (uint32_t i = 0; i < what->count; i++)
            meant |= !strcmp(c->uri, what->contact[i].uri);
        if (meant && !c->fixed && !strcmp(c->call_id, what->call_id) && what->cseq <= c->cseq)
            return true;
    }
    return false;
}

static struct ua_contact *make_contact(const struct ua_register *what, const struct ua_register_contact *from,
                                       uint64_t now_ms) {
    struct ua_contact *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->agent = what->agent;
    str_copy(c->uri, sizeof c->uri, from->uri);
    str_copy(c->instance, sizeof c->instance, from->instance);
    str_copy(c->route, sizeof c->route, what->route);
    str_copy(c->source, sizeof c->source, what->source);
    str_copy(c->call_id, sizeof c->call_id, what->call_id);
    str_copy(c->agent_name, sizeof c->agent_name, what->agent_name);
    c->cseq = what->cseq;
    c->tcp = what->tcp;
    c->reachable = true;
    c->expires_ms = now_ms + (uint64_t)from->expires_s * 1000;
    return c;
}

static void replace(struct ua_location *l, struct ua_contact *c, uint64_t now_ms) {
    struct place *place = &l->place[c->agent];
    struct ua_contact *old = find_uri(place, c->uri);
    if (old)
        drop(l, old);
    for (struct ua_contact *o = place->first, *next; o && c->instance[0]; o = next) {
        next = o->next;
        if (!strcmp(o->instance, c->instance)) /* fixed ones have none */
            drop(l, o);
    }
    add(l, c);
    plan_probe(l, c, 0.5, now_ms);
}

int ua_location_register(struct ua_location *l, const struct ua_register *what, uint64_t now_ms) {
    struct ua_contact *made[UA_LOCATION_CONTACTS] = {NULL};
    int err = make_place(l, what->agent);

    if (err)
        return err;
    if (what->count > UA_LOCATION_CONTACTS)
        return -EINVAL;
    struct place *place = &l->place[what->agent];
    if (out_of_order(place, what))
        return -ESTALE;
    for (uint32_t i = 0; i < what->count; i++)
        if (what->contact[i].expires_s && !(made[i] = make_contact(what, &what->contact[i], now_ms))) {
            while (i--)
                free(made[i]);
            return -ENOMEM;
        }
    for (struct ua_contact *c = what->all ? place->first : NULL, *next; c; c = next) {
        next = c->next;
        if (!c->fixed)
            drop(l, c);
    }
    for (uint32_t i = 0; i < what->count; i++) {
        if (made[i]) {
            replace(l, made[i], now_ms);
            continue;
        }
        struct ua_contact *gone = find_uri(place, what->contact[i].uri);
        if (gone)
            drop(l, gone);
    }
    keep_newest(l, what->agent);
    settle(l, what->agent);
    return 0;
}

/* ---- configuration, saved tables ---- */

int ua_location_fix(struct ua_location *l, uint32_t agent, const char *uri, uint64_t now_ms) {
    struct ua_contact *old = NULL, *c = NULL;

    if (!*uri && agent >= l->places)
        return 0;
    int err = make_place(l, agent);
    if (err)
        return err;
    for (c = l->place[agent].first; c; c = c->next)
        if (c->fixed)
            old = c;
    if (old && !strcmp(old->uri, uri))
        return 0;
    if (*uri) {
        if (!(c = calloc(1, sizeof *c)))
            return -ENOMEM;
        if (str_copy(c->uri, sizeof c->uri, uri)) {
            free(c);
            return -EINVAL;
        }
    }
    if (old)
        drop(l, old);
    if (c) {
        c->agent = agent;
        c->fixed = c->reachable = true;
        c->expires_ms = NEVER;
        add(l, c);
        plan_probe(l, c, 0, now_ms);
    }
    settle(l, agent);
    return 0;
}

void ua_location_forget(struct ua_location *l, uint32_t agent) {
    if (agent >= l->places)
        return;
    while (l->place[agent].first)
        drop(l, l->place[agent].first);
    settle(l, agent);
}

int ua_location_restore(struct ua_location *l, const struct ua_contact *saved, uint64_t now_ms) {
    uint32_t count = 0;
    int err = make_place(l, saved->agent);

    if (err)
        return err;
    if (saved->fixed || !saved->uri[0] || saved->expires_ms <= now_ms || saved->expires_ms == NEVER)
        return -EINVAL;
    if (find_uri(&l->place[saved->agent], saved->uri))
        return -EEXIST; /* the phone was faster */
    for (struct ua_contact *c = l->place[saved->agent].first; c; c = c->next)
        count += !c->fixed;
    if (count >= UA_LOCATION_CONTACTS)
        return -ENOSPC;
    struct ua_contact *c = malloc(sizeof *c);
    if (!c)
        return -ENOMEM;
    *c = *saved;
    c->probing = false;
    c->missed = 0;
    add(l, c);
    plan_probe(l, c, 0, now_ms);
    settle(l, c->agent);
    return 0;
}

/* ---- time ---- */

void ua_location_set_probing(struct ua_location *l, uint32_t interval_ms, uint64_t now_ms) {
    if (interval_ms == l->probe_interval_ms)
        return;
    l->probe_interval_ms = interval_ms;
    for (struct ua_contact *c = l->all; c; c = c->all_next) {
        plan_probe(l, c, 0, now_ms);
        if (!interval_ms) { /* nobody would ever find out again */
            c->reachable = true;
            c->missed = 0;
            c->probing = false;
        }
    }
    for (uint32_t agent = 1; agent < l->places && !interval_ms; agent++)
        settle(l, agent);
}

uint64_t ua_location_tick(struct ua_location *l, uint64_t now_ms, ua_location_probe_fn *probe, void *arg) {
    uint32_t probes = 0;

    if (now_ms < l->next_ms)
        return l->next_ms;
    if (l->walked_ms && now_ms < l->walked_ms + TICK_MS)
        return l->walked_ms + TICK_MS;
    l->walked_ms = now_ms;
    l->next_ms = NEVER;
    for (struct ua_contact *c = l->all, *next; c; c = next) {
        next = c->all_next;
        if (c->expires_ms <= now_ms) {
            uint32_t agent = c->agent;
            drop(l, c);
            settle(l, agent);
            continue;
        }
        if (c->probe_ms <= now_ms && probes < PROBES_PER_TICK) {
            probes++;
            c->probing = true;
            c->probe_ms = NEVER; /* the answer plans the next one */
            probe(arg, c);
        }
        wake(l, c->expires_ms);
        wake(l, c->probe_ms);
    }
    if (l->next_ms < now_ms + TICK_MS)
        l->next_ms = now_ms + TICK_MS;
    return l->next_ms;
}

void ua_location_probed(struct ua_location *l, uint32_t agent, uint32_t serial, bool answered,
                        uint64_t now_ms) {
    struct ua_contact *c = (struct ua_contact *)ua_location_of(l, agent);

    while (c && c->serial != serial)
        c = c->next;
    if (!c || !c->probing)
        return;
    c->probing = false;
    if (answered) {
        c->missed = 0;
        c->reachable = true;
    } else if (c->missed < UA_LOCATION_MISSES && ++c->missed == UA_LOCATION_MISSES) {
        c->reachable = false;
    }
    if (c->missed && c->missed < UA_LOCATION_MISSES) {
        c->probe_ms = l->probe_interval_ms ? now_ms + UA_LOCATION_RETRY_MS : NEVER;
        wake(l, c->probe_ms);
    } else {
        plan_probe(l, c, 0.9, now_ms);
    }
    settle(l, agent);
}
