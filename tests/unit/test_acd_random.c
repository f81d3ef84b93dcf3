/* SPDX-License-Identifier: Apache-2.0
 * LIBS: acd conf base
 * The distributor under thousands of seeded runs of random events: sensible ones, stale and duplicate ones,
 * nonsense, phones that come and go, reloads in mid-ring, time that jumps, memory that fails. After each
 * event the invariants (acd_check) and the books (acd_audit.h) must be right. A failure names its seed; run
 * "test_acd_random SEED" to see that run's events and effects. */
#include "acd/acd_mem.h"
#include "acd_audit.h"

#include <setjmp.h>

#include <cmocka.h>

enum { RUNS = 2500, EVENTS = 300, MOST_QUEUES = 5, MOST_SKILLS = 3 };

struct run {
    uint64_t seed, rng, now;
    struct acd *acd;
    struct conf *conf;
    struct audit *audit;
    uint32_t next_call, agents, refused, memory_failures;
    bool verbose;
};

static uint32_t draw(struct run *run, uint32_t below) {
    return (uint32_t)(rng_next(&run->rng) % below);
}
static bool chance(struct run *run, uint32_t percent) {
    return draw(run, 100) < percent;
}

/* ---- configurations ---- */

static void shape_queue(struct run *run, struct conf_queue *queue) {
    static const uint32_t waits[] = {0, 0, 5000, 20000}, delays[] = {0, 500, 3000, 10000};
    free(queue->skill);
    *queue = (struct conf_queue){
        .removed = chance(run, 5),
        .strategy = chance(run, 50) ? CONF_LONGEST_IDLE : CONF_SKILL_THEN_IDLE,
        .priority = chance(run, 50) ? 0 : draw(run, 3),
        .ring_ms = 2000 + draw(run, 12000),
        .wrapup_ms = chance(run, 30) ? 0 : draw(run, 8000),
        .max_wait_ms = waits[draw(run, 4)],
        .max_waiting = chance(run, 50) ? 0 : 1 + draw(run, 6),
        .missed_limit = draw(run, 3),
        .busy_delay_ms = delays[draw(run, 4)],
        .reject_delay_ms = delays[draw(run, 4)],
        .no_answer_delay_ms = delays[draw(run, 4)],
        .need_agents = chance(run, 25),
    };
    for (uint32_t skill = 1; skill <= MOST_SKILLS; skill++)
        if (chance(run, 25))
            world_skill(&queue->skill, &queue->skill_count, skill, 1 + draw(run, 4));
}

static void shape_agent(struct run *run, struct conf_agent *agent) {
    free(agent->skill);
    free(agent->queue);
    *agent = (struct conf_agent){.removed = chance(run, 5),
                                 .auto_login = chance(run, 40),
                                 .wrapup_max_ms = chance(run, 60) ? NEVER32 : draw(run, 5000)};
    for (uint32_t queue = 1; queue <= run->conf->queue_count; queue++)
        if (chance(run, 60))
            world_list(&agent->queue, &agent->queue_count, queue);
    for (uint32_t skill = 1; skill <= MOST_SKILLS; skill++)
        if (chance(run, 60))
            world_skill(&agent->skill, &agent->skill_count, skill, 1 + draw(run, 5));
}

static struct conf *first_conf(struct run *run) {
    uint32_t agents = chance(run, 10) ? 1 + draw(run, 60) : 1 + draw(run, 8);
    struct conf *conf = run->conf = world_conf(agents, 1 + draw(run, MOST_QUEUES), MOST_SKILLS);
    for (uint32_t i = 0; i < conf->queue_count; i++)
        shape_queue(run, &conf->queue[i]);
    for (uint32_t i = 0; i < conf->agent_count; i++)
        shape_agent(run, &conf->agent[i]);
    return conf;
}

/* A reload: now and then everything changes, mostly one thing; numbers stay, more may come. */
static struct conf *changed_conf(struct run *run) {
    struct conf *conf = world_copy(run->conf);
    if (chance(run, 20) && conf->agent_count < AUDIT_AGENTS - 20)
        world_grow(conf, conf->agent_count + (chance(run, 30) ? 1 + draw(run, 20) : 1), 0);
    if (chance(run, 10) && conf->queue_count < MOST_QUEUES)
        world_grow(conf, 0, conf->queue_count + 1);
    bool all = chance(run, 10);
    for (uint32_t i = 0; i < conf->queue_count; i++)
        if (all || chance(run, 20))
            shape_queue(run, &conf->queue[i]);
    for (uint32_t i = 0; i < conf->agent_count; i++)
        if (all || chance(run, 15))
            shape_agent(run, &conf->agent[i]);
    return conf;
}

/* ---- events ---- */

/* An agent with that trait, from a random one on; else any. */
static uint32_t agent_who(struct run *run, bool (*trait)(const struct run *run, uint32_t agent)) {
    uint32_t count = run->conf->agent_count, from = draw(run, count);
    for (uint32_t i = 0; i < count; i++)
        if (trait(run, (from + i) % count + 1))
            return (from + i) % count + 1;
    return from + 1;
}
static bool is_offered(const struct run *run, uint32_t agent) {
    return run->audit->offers[agent] != 0;
}
static bool is_talking(const struct run *run, uint32_t agent) {
    return run->audit->agent[agent].handle && run->audit->agent[agent].activity != ACD_WRAPUP;
}

static void some_offer(struct run *run, struct acd_event *event) {
    static const enum acd_event_type types[] = {ACD_EV_OFFER_RINGING,  ACD_EV_OFFER_RINGING,
                                                ACD_EV_OFFER_ANSWERED, ACD_EV_OFFER_ANSWERED,
                                                ACD_EV_OFFER_ANSWERED, ACD_EV_OFFER_FAILED};
    event->type = types[draw(run, 6)];
    event->offer_result = (enum acd_offer_result)draw(run, ACD_OFFER_RESULTS + 1);
    event->offer = chance(run, 90) ? run->audit->offers[agent_who(run, is_offered)]
                                   : draw(run, run->audit->last_offer + 2);
}

/* What the agent would do next to be able to work. */
static enum acd_event_type sensible(const struct audit_agent *a) {
    if (a->activity == ACD_UNREACHABLE)
        return ACD_EV_REACHABLE;
    if (a->activity == ACD_BUSY_OTHER)
        return ACD_EV_OTHER_END;
    if (a->presence == ACD_LOGGED_OUT)
        return ACD_EV_LOGIN;
    if (a->presence == ACD_NOT_READY)
        return ACD_EV_UNPAUSE;
    return a->activity == ACD_WRAPUP ? ACD_EV_WRAP_DONE : ACD_EV_TICK;
}

static void some_agent_act(struct run *run, struct acd_event *event) {
    static const enum acd_event_type types[] = {
        ACD_EV_LOGIN,     ACD_EV_LOGOUT,    ACD_EV_PAUSE,       ACD_EV_UNPAUSE,     ACD_EV_WRAP_DONE,
        ACD_EV_WRAP_MORE, ACD_EV_REACHABLE, ACD_EV_UNREACHABLE, ACD_EV_OTHER_BEGIN, ACD_EV_OTHER_END};
    event->type = event->agent && event->agent <= AUDIT_AGENTS && chance(run, 70)
                      ? sensible(&run->audit->agent[event->agent])
                      : types[draw(run, ARRAY_LEN(types))];
    event->reason = draw(run, 4);
    event->ready = chance(run, 80);
    event->ms = draw(run, 4000);
}

static void some_talk_act(struct run *run, struct acd_event *event) {
    static const enum acd_event_type types[] = {ACD_EV_HOLD, ACD_EV_RESUME, ACD_EV_HANDLE_END,
                                                ACD_EV_HANDLE_END, ACD_EV_HANDLE_END};
    event->type = types[draw(run, ARRAY_LEN(types))];
    if (chance(run, 95))
        event->agent = agent_who(run, is_talking);
}

static void some_call(struct run *run, struct acd_event *event) {
    bool enter = chance(run, 65);
    event->type = enter ? ACD_EV_CALL_ENTER : ACD_EV_CALL_LEAVE;
    event->queue = chance(run, 97) ? 1 + draw(run, run->conf->queue_count) : draw(run, MOST_QUEUES + 3);
    event->visit_result =
        chance(run, 80) ? ACD_VISIT_ABANDONED : (enum acd_visit_result)draw(run, ACD_VISIT_RESULTS + 1);
    if (enter && chance(run, 92) && run->next_call < AUDIT_CALLS)
        event->call = run->next_call++;
    else /* known, gone, or never heard of */
        event->call = draw(run, run->next_call + 1);
    event->priority = chance(run, 80) ? 0 : (int32_t)draw(run, 9) - 4;
    event->since_ms = chance(run, 85) || !run->now ? 0 : 1 + rng_next(&run->rng) % (run->now + 5000);
}

static struct acd_event some_event(struct run *run) {
    struct acd_event event = {.now_ms = run->now, .agent = 1 + draw(run, run->conf->agent_count)};
    uint32_t kind = draw(run, 100);
    if (chance(run, 2))
        event.agent = draw(run, AUDIT_AGENTS + 2);
    if (kind < 25)
        some_call(run, &event);
    else if (kind < 50)
        some_offer(run, &event);
    else if (kind < 65)
        some_talk_act(run, &event);
    else if (kind < 96)
        some_agent_act(run, &event);
    else if (kind < 98)
        event.type = ACD_EV_CONFIGURE;
    else if (kind < 99) {
        event.type = ACD_EV_RESTORE;
        event.presence = (enum acd_presence)draw(run, ACD_PRESENCES + 1);
        event.reason = draw(run, 3);
        event.since_ms = rng_next(&run->rng) % (run->now + 1);
    }
    return event;
}

/* Mostly from deadline to deadline, as the real clock does; sometimes too late, sometimes backwards. */
static void pass_time(struct run *run, struct acd_event *event) {
    uint64_t deadline = acd_deadline(run->acd);
    uint64_t next = run->now + (chance(run, 40) ? 0 : draw(run, chance(run, 20) ? 6000 : 700));
    if (next >= deadline && chance(run, 90))
        next = deadline > run->now ? deadline : run->now;
    run->now = event->now_ms = next;
    if (chance(run, 3))
        event->now_ms -= next < 500 ? next : draw(run, 500);
}

/* ---- one event through, everything looked at ---- */

static void complain(const struct run *run, const struct acd_event *event, const char *what) {
    char text[300];
    acd_event_text(event, text, sizeof text);
    fprintf(stderr, "seed %" PRIu64 ", event \"%s\": %s\n", run->seed, text, what);
    fail();
}

/* What the step may not do: refuse and act at the same time is checked by acd_check and the books. */
static void keep_books(struct run *run, const struct acd_event *event, const struct acd_effects *effects,
                       uint32_t from) {
    for (uint32_t i = from; i < effects->count; i++) {
        char text[300];
        acd_effect_text(&effects->item[i], text, sizeof text);
        if (run->verbose)
            printf("    %s\n", text);
        if (!audit_effect(run->audit, &effects->item[i], effects->count - i)) {
            fprintf(stderr, "effect \"%s\": ", text);
            complain(run, event, run->audit->text);
        }
    }
}

static bool takes_entry(const struct run *run, const struct acd_event *event) {
    const struct audit_call *call = &run->audit->call[event->call];
    if (event->type != ACD_EV_CALL_ENTER || !event->call || event->call > AUDIT_CALLS || !event->queue ||
        event->queue > run->conf->queue_count || run->conf->queue[event->queue - 1].removed || call->open)
        return false;
    for (uint32_t i = 1; i <= AUDIT_AGENTS; i++)
        if (run->audit->agent[i].handle == event->call && run->audit->agent[i].activity != ACD_WRAPUP)
            return false; /* still being talked with */
    return true;
}

/* Who the event is about is put into the books first, where the effects depend on it. */
static uint32_t announce(struct run *run, const struct acd_event *event, const struct acd_effects *effects,
                         uint32_t from) {
    struct audit *audit = run->audit;
    if (event->type == ACD_EV_CALL_ENTER)
        audit_enter(audit, event);
    for (uint32_t i = from; i < effects->count && event->type == ACD_EV_OFFER_FAILED; i++) {
        const struct acd_effect *fx = &effects->item[i];
        /* the layer above gave up: the agent is left alone for a second */
        if (fx->type == ACD_FX_OFFER_END && fx->offer == event->offer &&
            (fx->offer_result == ACD_OFFER_CANCELLED || fx->offer_result == ACD_OFFER_LOST_RACE))
            audit->agent[fx->agent].ready_at_ms = audit->now + 1000;
    }
    if (event->type == ACD_EV_RESTORE) {
        struct audit_agent *a = &audit->agent[event->agent];
        bool changed = from < effects->count && effects->item[from].type == ACD_FX_AGENT;
        if (changed)
            keep_books(run, event, &(struct acd_effects){effects->item, from + 1, 0}, from);
        a->since_ms = a->idle_order_ms =
            event->since_ms && event->since_ms < audit->now ? event->since_ms : audit->now;
        a->restored = true;
        return from + changed;
    }
    return from;
}

/* Agents seen in the configuration for the first time: their time begins. */
static void meet(struct audit *audit) {
    for (uint32_t i = 1; i <= audit->conf->agent_count; i++) {
        struct audit_agent *a = &audit->agent[i];
        if (a->born)
            continue;
        a->born = true;
        a->born_ms = a->since_ms = audit->now;
    }
}

/* A reload swaps configurations; without memory the old one stays. */
static int reload(struct run *run, struct acd_event *event, struct acd_effects *effects) {
    struct conf *conf = changed_conf(run), *old = run->conf;
    event->conf = conf;
    int rc = acd_step(run->acd, event, effects);
    if (!rc) {
        run->audit->conf = run->conf = conf;
        meet(run->audit);
    }
    world_free(rc ? conf : old);
    return rc;
}

static int send(struct run *run, struct acd_event *event, struct acd_effects *effects) {
    bool enters = takes_entry(run, event), live = false;
    bool of_offer = event->type >= ACD_EV_OFFER_RINGING && event->type <= ACD_EV_OFFER_FAILED;
    for (uint32_t i = 1; i <= AUDIT_AGENTS && event->offer; i++)
        live |= run->audit->offers[i] == event->offer;
    uint32_t from = effects->count;
    int rc =
        event->type == ACD_EV_CONFIGURE ? reload(run, event, effects) : acd_step(run->acd, event, effects);
    if (event->type == ACD_EV_CALL_ENTER && rc != -ENOMEM && enters != (rc == 0))
        complain(run, event, enters ? "refused" : "should be refused");
    if (of_offer && rc != -EINVAL && rc != -ENOMEM && live != (rc == 0))
        complain(run, event, live ? "a live offer is refused" : "an offer that is over is taken");
    if (!rc)
        from = announce(run, event, effects, from);
    keep_books(run, event, effects, from);
    return rc;
}

static int step(struct run *run, struct acd_event *event) {
    struct acd_effects effects = {0};
    char text[300];
    if (run->verbose) {
        acd_event_text(event, text, sizeof text);
        printf("%s\n", text);
    }
    if (event->now_ms > run->audit->now)
        run->audit->now = event->now_ms;
    run->audit->late = acd_deadline(run->acd) < run->audit->now;
    /* Deadlines would be taken by the event itself; asked for apart, so that the books know them first. */
    int rc = acd_step(run->acd, &(struct acd_event){.type = ACD_EV_TICK, .now_ms = event->now_ms}, &effects);
    keep_books(run, event, &effects, 0);
    if (!rc)
        rc = send(run, event, &effects);
    if (run->verbose && rc)
        printf("    ! %s\n", strerrorname_np(-rc));
    run->refused += rc != 0;
    run->memory_failures += rc == -ENOMEM;
    free(effects.item);
    const char *broken = acd_check(run->acd);
    if (broken)
        complain(run, event, broken);
    return rc;
}

/* ---- a whole run ---- */

static void begin(struct run *run, uint64_t seed, bool verbose) {
    *run = (struct run){.seed = seed, .rng = seed, .next_call = 1, .verbose = verbose};
    run->audit = calloc(1, sizeof *run->audit);
    audit_begin(run->audit);
    run->audit->conf = first_conf(run);
    assert_int_equal(acd_create(&run->acd, seed), 0);
}

static void configure_first(struct run *run) {
    struct acd_event event = {.type = ACD_EV_CONFIGURE, .conf = run->conf};
    struct acd_effects effects = {0};
    while (acd_step(run->acd, &event, &effects) == -ENOMEM)
        acd_mem_left = -1;
    meet(run->audit);
    keep_books(run, &event, &effects, 0);
    free(effects.item);
}

/* Everybody hangs up and goes home: nothing may be left. */
static void drain(struct run *run) {
    for (uint32_t call = 1; call <= run->next_call; call++)
        step(run, &(struct acd_event){.type = ACD_EV_CALL_LEAVE,
                                      .now_ms = run->now,
                                      .call = call,
                                      .visit_result = ACD_VISIT_ABANDONED});
    for (uint32_t agent = 1; agent <= run->conf->agent_count; agent++) {
        step(run, &(struct acd_event){.type = ACD_EV_HANDLE_END, .now_ms = run->now, .agent = agent});
        step(run, &(struct acd_event){.type = ACD_EV_WRAP_DONE, .now_ms = run->now, .agent = agent});
        step(run, &(struct acd_event){.type = ACD_EV_LOGOUT, .now_ms = run->now, .agent = agent});
        while (!step(run, &(struct acd_event){.type = ACD_EV_OTHER_END, .now_ms = run->now, .agent = agent}))
            ;
    }
    for (int i = 0; i < 1000 && acd_deadline(run->acd) != NEVER; i++) {
        run->now = acd_deadline(run->acd);
        step(run, &(struct acd_event){.type = ACD_EV_TICK, .now_ms = run->now});
    }
}

static void balance(struct run *run) {
    const struct audit *audit = run->audit;
    const struct acd_event event = {.type = ACD_EV_TICK, .now_ms = run->now};
    uint32_t ended = 0;
    for (int i = 0; i < ACD_VISIT_RESULTS; i++)
        ended += audit->ended[i];
    if (audit->entered != ended || acd_waiting(run->acd) || acd_deadline(run->acd) != NEVER)
        complain(run, &event, "calls or deadlines are left after the end");
    for (uint32_t i = 1; i <= AUDIT_AGENTS; i++) {
        const struct audit_agent *a = &audit->agent[i];
        if (audit->offers[i] || a->handle || a->presence != ACD_LOGGED_OUT)
            complain(run, &event, "an agent is not free after the end");
        /* the states cover all the time up to the last change (a restored time came from outside) */
        if (!a->restored && a->spent_ms != a->since_ms - a->born_ms)
            complain(run, &event, "an agent's states do not add up to the time");
    }
}

static void end(struct run *run) {
    acd_destroy(run->acd);
    world_free(run->conf);
    free(run->audit);
}

struct totals {
    uint64_t hash, events, entered, answered, refused, memory_failures;
};

/* fail_at: from that allocation on all fail until the step is over; then memory is back. Below 0: never. */
static struct totals play(uint64_t seed, int64_t fail_at, uint32_t events, bool verbose) {
    struct run run;
    acd_mem_left = -1;
    begin(&run, seed, verbose);
    acd_mem_left = fail_at;
    configure_first(&run);
    for (uint32_t i = 0; i < events; i++) {
        struct acd_event event = some_event(&run);
        pass_time(&run, &event);
        step(&run, &event);
        if (acd_mem_left == 0)
            acd_mem_left = -1;
    }
    struct totals totals = {.events = events, .memory_failures = run.memory_failures};
    bool had_enough = acd_mem_left > 0;
    acd_mem_left = -1;
    drain(&run);
    balance(&run);
    totals.hash = run.audit->hash;
    totals.entered = run.audit->entered;
    totals.answered = run.audit->ended[ACD_VISIT_ANSWERED];
    totals.refused = run.refused;
    if (had_enough)
        totals.events = 0; /* the run needs no more allocations than that: the sweep is complete */
    end(&run);
    return totals;
}

static void random_runs(void **state) {
    struct totals all = {0};
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct totals one = play(seed, -1, EVENTS, false);
        all.events += one.events;
        all.entered += one.entered;
        all.answered += one.answered;
        all.refused += one.refused;
        all.hash = all.hash * 31 + one.hash;
    }
    printf("%d runs, %" PRIu64 " events (%" PRIu64 " refused), %" PRIu64 " calls, %" PRIu64
           " answered, hash %016" PRIx64 "\n",
           RUNS, all.events, all.refused, all.entered, all.answered, all.hash);
    /* the runs must be about something */
    assert_true(all.answered * 10 > all.entered && all.refused < all.events);
}

static void same_seed_same_run(void **state) {
    for (uint64_t seed = 1; seed <= 20; seed++)
        assert_true(play(seed, -1, EVENTS, false).hash == play(seed, -1, EVENTS, false).hash);
}

/* The first allocation fails, then the second, until a run needs no more. */
static void memory_fails(void **state) {
    uint64_t failures = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        int64_t fail_at = 0;
        for (struct totals one = {.events = 1}; one.events; fail_at++) {
            one = play(seed, fail_at, 60, false);
            failures += one.memory_failures;
        }
        assert_true(fail_at > 20);
    }
    printf("%" PRIu64 " steps refused for lack of memory, none lost anything\n", failures);
    assert_true(failures > 300);
}

static void create_without_memory(void **state) {
    struct acd *acd = (struct acd *)state;
    acd_mem_left = 0;
    assert_int_equal(acd_create(&acd, 1), -ENOMEM);
    assert_ptr_equal(acd, state); /* untouched */
    acd_mem_left = -1;
    acd_destroy(NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_runs),
        cmocka_unit_test(same_seed_same_run),
        cmocka_unit_test(memory_fails),
        cmocka_unit_test(create_without_memory),
    };
    if (argc > 1) {
        play(strtoull(argv[1], NULL, 10), argc > 2 ? atoll(argv[2]) : -1,
             argc > 3 ? (uint32_t)atoi(argv[3]) : EVENTS, true);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
