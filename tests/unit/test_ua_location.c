/* LIBS: sip base */
/* SPDX-License-Identifier: Apache-2.0
 * The location service in virtual time: REGISTER rules, expiry, probes, and who is told what. */
#include "callfloor/conf.h"
#include "sip/ua_location.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { T0 = 1000000, ANA = 3, BEN = 4 };

struct world {
    struct ua_location *l;
    uint64_t now;
    char told[4096]; /* "+3" reachable, "-3" not */
    uint32_t cseq;
    /* what was probed */
    uint32_t probes, last_agent, last_serial;
    int answer; /* 1 answer at once, 0 refuse at once, -1 later */
};

static void on_changed(void *arg, uint32_t agent, bool reachable) {
    struct world *w = arg;
    size_t n = strlen(w->told);
    snprintf(w->told + n, sizeof w->told - n, "%s%c%u", n ? " " : "", reachable ? '+' : '-', agent);
    /* the table can be read from here and agrees */
    bool found = false;
    for (const struct ua_contact *c = ua_location_of(w->l, agent); c; c = c->next)
        found |= c->reachable;
    assert_int_equal(found, reachable);
    assert_int_equal(ua_location_reachable(w->l, agent), reachable);
}

static void on_probe(void *arg, const struct ua_contact *c) {
    struct world *w = arg;
    w->probes++;
    w->last_agent = c->agent;
    w->last_serial = c->serial;
    if (w->answer >= 0)
        ua_location_probed(w->l, c->agent, c->serial, w->answer, w->now);
}

/* What was told since the last question. */
static const char *told(struct world *w) {
    static char copy[sizeof w->told];
    memcpy(copy, w->told, sizeof copy);
    w->told[0] = 0;
    return copy;
}

/* Virtual time up to `until`, waking only when the table wants to. Returns how often it was woken. */
static uint32_t run(struct world *w, uint64_t until) {
    uint32_t wakes = 0;
    for (;;) {
        uint64_t next = ua_location_tick(w->l, w->now, on_probe, w);
        assert_true(next > w->now || next == NEVER);
        if (next > until)
            break;
        w->now = next;
        wakes++;
    }
    w->now = until;
    return wakes;
}

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    w->now = T0;
    w->answer = 1;
    assert_int_equal(ua_location_create(&w->l, on_changed, w), 0);
    *state = w;
    return 0;
}
static int tear_down(void **state) {
    struct world *w = *state;
    ua_location_destroy(w->l);
    free(w);
    return 0;
}

static struct ua_register request(uint32_t agent, const char *call_id, uint32_t cseq) {
    return (struct ua_register){.agent = agent,
                                .call_id = call_id,
                                .cseq = cseq,
                                .agent_name = "phone/1",
                                .source = "192.0.2.1:5060",
                                .route = ""};
}
static void with(struct ua_register *r, const char *uri, uint32_t expires_s) {
    struct ua_register_contact *c = &r->contact[r->count++];
    strcpy(c->uri, uri);
    c->instance[0] = 0;
    c->expires_s = expires_s;
}
static int put(struct world *w, uint32_t agent, const char *call_id, uint32_t cseq, const char *uri,
               uint32_t expires_s) {
    struct ua_register r = request(agent, call_id, cseq);
    with(&r, uri, expires_s);
    return ua_location_register(w->l, &r, w->now);
}
/* "uri uri" of an agent, newest first. */
static const char *listed(struct world *w, uint32_t agent) {
    static char text[2048];
    size_t n = 0;
    text[0] = 0;
    for (const struct ua_contact *c = ua_location_of(w->l, agent); c; c = c->next)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " " : "", c->uri);
    return text;
}

static void comes_and_goes(void **state) {
    struct world *w = *state;
    assert_int_equal(ua_location_tick(w->l, w->now, on_probe, w), NEVER);
    assert_int_equal(put(w, ANA, "a", 1, "sip:a@1", 60), 0);
    assert_string_equal(told(w), "+3");
    assert_int_equal(put(w, ANA, "b", 1, "sip:a@2", 120), 0);
    assert_string_equal(told(w), ""); /* she was already */
    assert_string_equal(listed(w, ANA), "sip:a@2 sip:a@1");
    assert_int_equal(ua_location_count(w->l), 2);
    run(w, T0 + 59999);
    assert_string_equal(listed(w, ANA), "sip:a@2 sip:a@1");
    run(w, T0 + 60000);
    assert_string_equal(listed(w, ANA), "sip:a@2");
    assert_string_equal(told(w), "");
    run(w, T0 + 120000);
    assert_string_equal(listed(w, ANA), "");
    assert_string_equal(told(w), "-3");
    assert_int_equal(ua_location_count(w->l), 0);
    assert_null(ua_location_all(w->l));
    assert_int_equal(ua_location_tick(w->l, w->now + 1000, on_probe, w), NEVER);
}

static void refresh_and_unregister(void **state) {
    struct world *w = *state;
    assert_int_equal(put(w, ANA, "a", 1, "sip:a@1", 60), 0);
    run(w, T0 + 50000);
    assert_int_equal(put(w, ANA, "a", 2, "sip:a@1", 60), 0);
    run(w, T0 + 109999);
    assert_string_equal(listed(w, ANA), "sip:a@1");
    assert_int_equal(ua_location_count(w->l), 1);
    assert_int_equal(put(w, ANA, "a", 3, "sip:unknown@1", 0), 0); /* nothing to forget */
    assert_int_equal(put(w, ANA, "a", 4, "sip:a@1", 0), 0);
    assert_string_equal(listed(w, ANA), "");
    assert_string_equal(told(w), "+3 -3");
}

/* RFC 3261 10.3: an older request of the same Call-ID must not undo a newer one, and changes nothing. */
static void order_of_cseq(void **state) {
    struct world *w = *state;
    assert_int_equal(put(w, ANA, "a", 5, "sip:a@1", 60), 0);
    assert_int_equal(put(w, ANA, "a", 5, "sip:a@1", 0), -ESTALE);
    assert_int_equal(put(w, ANA, "a", 4, "sip:a@1", 600), -ESTALE);
    struct ua_register r = request(ANA, "a", 4);
    with(&r, "sip:new@1", 60);
    with(&r, "sip:a@1", 60);
    assert_int_equal(ua_location_register(w->l, &r, w->now), -ESTALE);
    assert_string_equal(listed(w, ANA), "sip:a@1"); /* all or nothing */
    r = request(ANA, "a", 5);
    r.all = true;
    assert_int_equal(ua_location_register(w->l, &r, w->now), -ESTALE);
    r.cseq = 6;
    assert_int_equal(ua_location_register(w->l, &r, w->now), 0);
    assert_string_equal(listed(w, ANA), "");
    assert_int_equal(put(w, ANA, "a", 9, "sip:a@1", 60), 0);
    assert_int_equal(put(w, ANA, "rebooted", 1, "sip:a@1", 60), 0); /* another Call-ID starts anew */
    assert_int_equal(put(w, BEN, "a", 1, "sip:a@1", 60), 0);        /* and another agent has his own */
}

static void at_most_five(void **state) {
    struct world *w = *state;
    char uri[32];
    for (int i = 1; i <= 7; i++) {
        snprintf(uri, sizeof uri, "sip:a@%d", i);
        assert_int_equal(put(w, ANA, uri, 1, uri, 60), 0);
    }
    assert_string_equal(listed(w, ANA), "sip:a@7 sip:a@6 sip:a@5 sip:a@4 sip:a@3");
    assert_int_equal(put(w, ANA, "sip:a@3", 2, "sip:a@3", 60), 0); /* refreshed: the youngest now */
    assert_int_equal(put(w, ANA, "sip:a@8", 1, "sip:a@8", 60), 0);
    assert_string_equal(listed(w, ANA), "sip:a@8 sip:a@3 sip:a@7 sip:a@6 sip:a@5");
    assert_int_equal(ua_location_fix(w->l, ANA, "sip:a@desk", w->now), 0); /* not counted */
    assert_int_equal(put(w, ANA, "sip:a@9", 1, "sip:a@9", 60), 0);
    assert_string_equal(listed(w, ANA), "sip:a@9 sip:a@desk sip:a@8 sip:a@3 sip:a@7 sip:a@6");
    assert_int_equal(ua_location_count(w->l), 5);
    struct ua_register r = request(ANA, "x", 1);
    r.count = UA_LOCATION_CONTACTS + 1;
    assert_int_equal(ua_location_register(w->l, &r, w->now), -EINVAL);
    assert_int_equal(put(w, 0, "x", 1, "sip:x", 60), -EINVAL);
    assert_int_equal(put(w, CONF_MAX_AGENTS + 1, "x", 1, "sip:x", 60), -EINVAL);
    assert_int_equal(put(w, CONF_MAX_AGENTS, "x", 1, "sip:x", 60), 0);
}

static void same_phone_new_address(void **state) {
    struct world *w = *state;
    struct ua_register r = request(ANA, "a", 1);
    with(&r, "sip:a@1", 60);
    strcpy(r.contact[0].instance, "\"<urn:uuid:1>\"");
    assert_int_equal(ua_location_register(w->l, &r, w->now), 0);
    assert_int_equal(put(w, ANA, "other", 1, "sip:other", 60), 0);
    r.call_id = "rebooted";
    strcpy(r.contact[0].uri, "sip:a@2");
    assert_int_equal(ua_location_register(w->l, &r, w->now), 0);
    assert_string_equal(listed(w, ANA), "sip:a@2 sip:other");
}

static void star_forgets_all_but_the_fixed(void **state) {
    struct world *w = *state;
    assert_int_equal(ua_location_fix(w->l, ANA, "sip:a@desk", w->now), 0);
    assert_int_equal(put(w, ANA, "a", 1, "sip:a@1", 60), 0);
    assert_int_equal(put(w, ANA, "b", 1, "sip:a@2", 60), 0);
    struct ua_register r = request(ANA, "c", 1);
    r.all = true;
    assert_int_equal(ua_location_register(w->l, &r, w->now), 0);
    assert_string_equal(listed(w, ANA), "sip:a@desk");
    assert_string_equal(told(w), "+3");
    assert_int_equal(put(w, ANA, "d", 1, "sip:a@desk", 0), 0); /* nor can a phone sign it off */
    assert_string_equal(listed(w, ANA), "sip:a@desk");
}

/* ---- fixed contacts ---- */

static void fixed_contacts(void **state) {
    struct world *w = *state;
    assert_int_equal(ua_location_fix(w->l, ANA, "", w->now), 0);
    assert_string_equal(told(w), "");
    assert_int_equal(ua_location_fix(w->l, ANA, "sip:a@desk", w->now), 0);
    assert_string_equal(told(w), "+3");
    assert_int_equal(ua_location_fix(w->l, ANA, "sip:a@desk", w->now), 0);
    assert_int_equal(ua_location_fix(w->l, ANA, "sip:a@other", w->now), 0);
    assert_string_equal(told(w), "");
    assert_string_equal(listed(w, ANA), "sip:a@other");
    run(w, T0 + 100 * 86400000ull); /* never expires, and without probing nobody is asked */
    assert_int_equal(w->probes, 0);
    assert_string_equal(listed(w, ANA), "sip:a@other");
    char longer[URI_LEN + 1];
    memset(longer, 'x', URI_LEN);
    longer[URI_LEN] = 0;
    assert_int_equal(ua_location_fix(w->l, ANA, longer, w->now), -EINVAL);
    assert_string_equal(listed(w, ANA), "sip:a@other");
    assert_int_equal(ua_location_fix(w->l, ANA, "", w->now), 0);
    assert_string_equal(told(w), "-3");
    assert_int_equal(ua_location_fix(w->l, BEN, "sip:b@desk", w->now), 0);
    assert_int_equal(put(w, BEN, "b", 1, "sip:b@1", 60), 0);
    ua_location_forget(w->l, BEN);
    assert_string_equal(told(w), "+4 -4");
    ua_location_forget(w->l, BEN);
    ua_location_forget(w->l, CONF_MAX_AGENTS);
}

/* ---- probes ---- */

static void probed_at_its_pace(void **state) {
    struct world *w = *state;
    ua_location_set_probing(w->l, 30000, w->now);
    assert_int_equal(put(w, ANA, "a", 1, "sip:a@1", 86400), 0);
    run(w, T0 + 3600000); /* an hour: 120 of them, give or take the jitter */
    assert_in_range(w->probes, 110, 130);
    assert_string_equal(told(w), "+3");
}

static void silent_phone_is_given_up_in_time(void **state) {
    struct world *w = *state;
    ua_location_set_probing(w->l, 15000, w->now);
    assert_int_equal(put(w, ANA, "a", 1, "sip:a@1", 86400), 0);
    run(w, T0 + 60000);
    uint64_t died = w->now;
    w->answer = -1;
    assert_string_equal(told(w), "+3");
    for (int miss = 1; miss <= 3; miss++) {
        uint32_t before = w->probes;
        while (w->probes == before)
            run(w, w->now + 100);
        run(w, w->now + 4000); /* Sofia gives up; nothing else was sent meanwhile */
        assert_int_equal(w->probes, before + 1);
        assert_string_equal(told(w), "");
        ua_location_probed(w->l, w->last_agent, w->last_serial, false, w->now);
        ua_location_probed(w->l, w->last_agent, w->last_serial, false, w->now); /* told twice, counts once */
    }
    assert_string_equal(told(w), "-3");
    assert_in_range(w->now - died, 14000, 32000);
    assert_string_equal(listed(w, ANA), "sip:a@1"); /* kept */
    w->answer = 0;
    uint32_t before = w->probes;
    run(w, w->now + 150000); /* asked on, but not more often than before */
    assert_in_range(w->probes - before, 8, 12);
    assert_string_equal(told(w), "");
    w->answer = 1;
    run(w, w->now + 20000);
    assert_string_equal(told(w), "+3");
}

static void one_lost_answer_is_nothing(void **state) {
    struct world *w = *state;
    ua_location_set_probing(w->l, 10000, w->now);
    assert_int_equal(put(w, ANA, "a", 1, "sip:a@1", 86400), 0);
    told(w);
    for (int i = 0; i < 50; i++) {
        w->answer = i % 3 == 0; /* two of three get lost, never three in a row */
        uint32_t before = w->probes;
        while (w->probes == before)
            run(w, w->now + 100);
    }
    assert_string_equal(told(w), "");
}

static void register_proves_life(void **state) {
    struct world *w = *state;
    ua_location_set_probing(w->l, 10000, w->now);
    w->answer = 0;
    assert_int_equal(put(w, ANA, "a", 1, "sip:a@1", 86400), 0);
    run(w, T0 + 60000);
    assert_string_equal(told(w), "+3 -3");
    w->answer = -1;
    uint32_t before = w->probes;
    while (w->probes == before)
        run(w, w->now + 100);
    uint32_t serial = w->last_serial;
    assert_int_equal(put(w, ANA, "a", 2, "sip:a@1", 86400), 0);
    assert_string_equal(told(w), "+3");
    ua_location_probed(w->l, ANA, serial, false, w->now); /* of before: means nothing now */
    ua_location_probed(w->l, ANA, 12345, false, w->now);
    ua_location_probed(w->l, BEN, serial, false, w->now);
    ua_location_probed(w->l, 4000000, serial, false, w->now);
    assert_int_equal(ua_location_of(w->l, ANA)->missed, 0);
}

static void one_of_two_phones_is_enough(void **state) {
    struct world *w = *state;
    ua_location_set_probing(w->l, 10000, w->now);
    assert_int_equal(put(w, ANA, "a", 1, "sip:a@1", 86400), 0);
    assert_int_equal(put(w, ANA, "b", 1, "sip:a@2", 86400), 0);
    uint32_t dead = ua_location_of(w->l, ANA)->serial;
    told(w);
    w->answer = -1;
    for (uint64_t end = w->now + 120000; w->now < end;) {
        uint32_t before = w->probes;
        run(w, w->now + 100);
        if (w->probes != before) /* one probe per step is enough here: phones do not march in step */
            ua_location_probed(w->l, w->last_agent, w->last_serial, w->last_serial != dead, w->now);
    }
    assert_string_equal(told(w), "");
    assert_false(ua_location_of(w->l, ANA)->reachable);
    assert_int_equal(put(w, ANA, "a", 2, "sip:a@1", 0), 0); /* the living one leaves */
    assert_string_equal(told(w), "-3");
}

static void probing_switched_off_forgives(void **state) {
    struct world *w = *state;
    ua_location_set_probing(w->l, 10000, w->now);
    w->answer = 0;
    assert_int_equal(ua_location_fix(w->l, ANA, "sip:a@desk", w->now), 0);
    run(w, T0 + 60000);
    assert_string_equal(told(w), "+3 -3");
    ua_location_set_probing(w->l, 0, w->now);
    assert_string_equal(told(w), "+3");
    uint32_t before = w->probes;
    run(w, w->now + 3600000);
    assert_int_equal(w->probes, before);
    ua_location_set_probing(w->l, 10000, w->now);
    run(w, w->now + 60000);
    assert_string_equal(told(w), "-3");
}

/* A thousand fixed phones: spread over the interval, few wake-ups, few probes at once. */
static void a_thousand_fixed_phones(void **state) {
    struct world *w = *state;
    uint32_t most = 0;
    ua_location_set_probing(w->l, 30000, w->now);
    for (uint32_t agent = 1; agent <= 1000; agent++)
        assert_int_equal(ua_location_fix(w->l, agent, "sip:x@desk", w->now), 0);
    told(w);
    for (int second = 0; second < 120; second++) {
        uint32_t before = w->probes;
        uint32_t wakes = run(w, w->now + 1000);
        assert_in_range(wakes, 0, 10);
        if (w->probes - before > most)
            most = w->probes - before;
    }
    assert_in_range(w->probes, 3500, 5000);
    assert_in_range(most, 33, 80);
    ua_location_set_probing(w->l, 0, w->now);
    assert_in_range(run(w, w->now + 3600000), 0, 1); /* without probing they cost nothing */
}

/* Whatever happens in between, the table is walked once in 100 ms. */
static void walked_now_and_then(void **state) {
    struct world *w = *state;
    ua_location_set_probing(w->l, 10, w->now);
    assert_int_equal(put(w, ANA, "a", 1, "sip:a@1", 60), 0);
    w->now += 50;
    assert_int_equal(ua_location_tick(w->l, w->now, on_probe, w), w->now + 100);
    assert_int_equal(w->probes, 1);
    assert_int_equal(put(w, BEN, "b", 1, "sip:b@1", 60), 0);
    assert_int_equal(ua_location_tick(w->l, w->now + 99, on_probe, w), w->now + 100);
    assert_int_equal(w->probes, 1);
    ua_location_tick(w->l, w->now + 100, on_probe, w);
    assert_int_equal(w->probes, 3);
}

/* ---- saved tables ---- */

static void restored(void **state) {
    struct world *w = *state;
    struct ua_contact saved = {
        .agent = ANA, .expires_ms = T0 + 60000, .reachable = true, .missed = 2, .probing = true};
    strcpy(saved.uri, "sip:a@1");
    strcpy(saved.call_id, "a");
    saved.cseq = 7;
    assert_int_equal(ua_location_restore(w->l, &saved, w->now), 0);
    assert_string_equal(told(w), "+3");
    assert_int_equal(ua_location_restore(w->l, &saved, w->now), -EEXIST);
    assert_int_equal(put(w, ANA, "a", 7, "sip:a@1", 60), -ESTALE); /* order holds over the restart */
    assert_int_equal(ua_location_of(w->l, ANA)->missed, 0);
    for (int i = 2; i <= 5; i++) {
        snprintf(saved.uri, sizeof saved.uri, "sip:a@%d", i);
        assert_int_equal(ua_location_restore(w->l, &saved, w->now), 0);
    }
    strcpy(saved.uri, "sip:a@6");
    assert_int_equal(ua_location_restore(w->l, &saved, w->now), -ENOSPC);
    saved.agent = BEN;
    saved.expires_ms = T0;
    assert_int_equal(ua_location_restore(w->l, &saved, w->now), -EINVAL);
    saved.expires_ms = NEVER;
    assert_int_equal(ua_location_restore(w->l, &saved, w->now), -EINVAL);
    saved.expires_ms = T0 + 1, saved.agent = 0;
    assert_int_equal(ua_location_restore(w->l, &saved, w->now), -EINVAL);
    run(w, T0 + 60000);
    assert_string_equal(told(w), "-3");
}

/* Any mix of requests: never more than five, told exactly the changes, empty in the end. */
static void random_days(void **state) {
    struct world *w = *state;
    uint64_t dice = 7;
    bool reachable[20] = {false};
    char uri[32], call_id[32];
    ua_location_set_probing(w->l, 20000, w->now);
    for (int step = 0; step < 20000; step++) {
        uint32_t agent = 1 + (uint32_t)(rng_next(&dice) % 19);
        snprintf(uri, sizeof uri, "sip:a@%u", (unsigned)(rng_next(&dice) % 9));
        snprintf(call_id, sizeof call_id, "c%u", (unsigned)(rng_next(&dice) % 4));
        w->answer = (int)(rng_next(&dice) % 3) - 1;
        switch (rng_next(&dice) % 6) {
        case 0:
            put(w, agent, call_id, ++w->cseq, uri, 0);
            break;
        case 1:
            ua_location_fix(w->l, agent, rng_next(&dice) & 1 ? uri : "", w->now);
            break;
        case 2:
            if (rng_next(&dice) % 20 == 0)
                ua_location_forget(w->l, agent);
            break;
        default:
            put(w, agent, call_id, rng_next(&dice) & 3 ? ++w->cseq : 1, uri,
                1 + (uint32_t)(rng_next(&dice) % 100));
        }
        run(w, w->now + rng_next(&dice) % 3000);
        for (char *p = w->told, *end; *p; p = end) { /* each message is a change */
            bool now = *p == '+';
            unsigned long who = strtoul(p + 1, &end, 10);
            assert_int_not_equal(reachable[who], now);
            reachable[who] = now;
            end += strspn(end, " ");
        }
        w->told[0] = 0;
        uint32_t all = 0;
        for (uint32_t a = 1; a < 20; a++) {
            uint32_t here = 0;
            for (const struct ua_contact *c = ua_location_of(w->l, a); c; c = c->next)
                here += !c->fixed;
            assert_in_range(here, 0, UA_LOCATION_CONTACTS);
            all += here;
            assert_int_equal(ua_location_reachable(w->l, a), reachable[a]);
        }
        assert_int_equal(ua_location_count(w->l), all);
    }
    for (uint32_t a = 1; a < 20; a++)
        ua_location_forget(w->l, a);
    assert_null(ua_location_all(w->l));
}

int main(void) {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(comes_and_goes),
        TEST(refresh_and_unregister),
        TEST(order_of_cseq),
        TEST(at_most_five),
        TEST(same_phone_new_address),
        TEST(star_forgets_all_but_the_fixed),
        TEST(fixed_contacts),
        TEST(probed_at_its_pace),
        TEST(silent_phone_is_given_up_in_time),
        TEST(one_lost_answer_is_nothing),
        TEST(register_proves_life),
        TEST(one_of_two_phones_is_enough),
        TEST(probing_switched_off_forgives),
        TEST(a_thousand_fixed_phones),
        TEST(walked_now_and_then),
        TEST(restored),
        TEST(random_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
