/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_random: seeded runs of the distributor. Random configurations of everything it can do, random events
 * (sensible ones, stale and duplicate ones, nonsense), time that jumps, reloads, memory that fails; each step
 * is looked at by acd_check() and by the books (acd_audit.h, acd_balance.h).
 */
#ifndef ACD_RANDOM_H
#define ACD_RANDOM_H

#include "acd/acd_mem.h"
#include "acd_balance.h"

#include <setjmp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST_QUEUES = 5, MOST_SKILLS = 4 };
#define ANY_STRATEGY CONF_STRATEGIES

/* What kind of world; percents of events. */
struct kind {
    uint32_t agents, many_agents, many_percent, queues, waiting;
    uint32_t reloads, nonsense, jumps, duplicates, no_memory;
    bool blind;                  /* never looks at views and invariants */
    enum conf_strategy strategy; /* ANY_STRATEGY: any */
};

struct run {
    uint64_t seed, rng, now;
    const struct kind *kind;
    struct acd *acd;
    struct conf *conf;
    struct audit *audit;
    uint32_t next_call, refused, memory_failures;
    bool verbose, drains, unfinished; /* unfinished: the last step had no memory for all */
};

static inline uint32_t draw(struct run *run, uint32_t below) {
    return (uint32_t)(rng_next(&run->rng) % below);
}
static inline bool chance(struct run *run, uint32_t percent) {
    return draw(run, 100) < percent;
}
/* Whole seconds now and then, so that things fall into the same millisecond. */
static inline uint32_t some_ms(struct run *run, uint32_t most) {
    uint32_t ms = 1 + draw(run, most);
    return chance(run, 30) && ms > 1000 ? ms / 1000 * 1000 : ms;
}
static inline uint32_t perhaps(struct run *run, uint32_t percent, uint32_t most) {
    return chance(run, percent) ? some_ms(run, most) : 0;
}

/* ---- configurations ---- */

static inline struct conf_test some_test(struct run *run) {
    static const uint8_t range[][2] = {{1, 10}, {1, 10}, {2, 10}, {3, 10}, {4, 10}, {0, 2}, {1, 3}, {2, 2}};
    uint32_t i = draw(run, ARRAY_LEN(range));
    return (struct conf_test){CONF_TEST_LEVEL, 1 + draw(run, MOST_SKILLS), range[i][0], range[i][1]};
}

static inline void some_require(struct run *run, struct conf_require *require, uint32_t parts) {
    for (uint32_t i = 0; i < parts; i++) {
        world_test(require, some_test(run));
        if (chance(run, 15))
            world_test(require, (struct conf_test){.kind = CONF_TEST_NOT});
        if (i && chance(run, 50))
            world_test(require, (struct conf_test){.kind = CONF_TEST_AND});
        else if (i)
            world_test(require, (struct conf_test){.kind = CONF_TEST_OR});
    }
    if (parts && chance(run, 8))
        world_test(require, (struct conf_test){.kind = CONF_TEST_NOT});
}

static inline void some_steps(struct run *run, struct conf_queue *queue) {
    uint32_t after = 0, count = chance(run, 45) ? 1 + draw(run, 3) : 0;
    for (uint32_t i = 0; i < count; i++) {
        after += some_ms(run, 6000);
        struct conf_step *step = world_step(queue, after, draw(run, 4));
        some_require(run, &step->require, chance(run, 40) ? 0 : 1 + draw(run, 2));
    }
}

static inline void some_reserves(struct run *run, struct conf_queue *queue) {
    uint32_t count = chance(run, 35) ? 1 + draw(run, 2) : 0;
    for (uint32_t i = 0; i < count; i++) {
        struct conf_reserve r = {.tier = 2 + draw(run, 2), .hold_ms = perhaps(run, 60, 4000)};
        if (chance(run, 60)) {
            r.waiting = 1 + draw(run, 4);
            r.waiting_back = draw(run, r.waiting);
        }
        if (chance(run, 15)) {
            r.expected_wait_ms = 1000 + draw(run, 200000);
            r.expected_wait_back_ms = draw(run, r.expected_wait_ms);
        }
        r.slack_ms = perhaps(run, 30, 5000);
        r.no_agents = chance(run, 30);
        world_reserve(queue, r);
    }
}

static inline enum conf_strategy some_strategy(struct run *run) {
    return run->kind->strategy == ANY_STRATEGY ? (enum conf_strategy)draw(run, CONF_STRATEGIES)
                                               : run->kind->strategy;
}

static inline void shape_rules(struct run *run, struct conf_queue *queue) {
    queue->removed = chance(run, run->kind->reloads ? 5 : 0);
    queue->priority = chance(run, 50) ? 0 : draw(run, 3);
    queue->ageing = chance(run, 30) ? 0 : draw(run, 60);
    queue->priority_max = chance(run, 40) ? 0 : 1 + draw(run, 8);
    queue->max_wait_ms = perhaps(run, 40, 20000);
    queue->max_waiting = chance(run, 60) ? 0 : 1 + draw(run, 6);
    queue->service_level_ms = some_ms(run, 10000);
    queue->missed_limit = draw(run, 3);
    queue->busy_delay_ms = perhaps(run, 60, 10000);
    queue->reject_delay_ms = perhaps(run, 60, 10000);
    queue->no_answer_delay_ms = perhaps(run, 60, 10000);
    queue->closed = chance(run, 3);
    queue->need_agents = chance(run, 25);
    queue->need_unpaused = chance(run, 15);
    queue->max_expected_wait_ms = perhaps(run, 10, 300000);
    queue->empty_grace_ms = perhaps(run, 50, 3000);
    queue->resume_ms = perhaps(run, 60, 20000);
    queue->preferred = chance(run, 60) ? CONF_PREFERRED_LAST : CONF_PREFERRED_NONE;
    queue->preferred_wait_ms = perhaps(run, 80, 6000);
}

static inline void shape_queue(struct run *run, struct conf_queue *queue, uint32_t number) {
    world_clear_queue(queue);
    *queue = world_queue(number);
    shape_rules(run, queue);
    queue->strategy = some_strategy(run);
    queue->ring_ms = 2000 + draw(run, 12000);
    queue->ring_max = chance(run, 50) ? 0 : 1 + draw(run, 3);
    queue->ring_step_ms = chance(run, 20) ? 0 : some_ms(run, 4000);
    queue->score = (struct conf_score){draw(run, 200), draw(run, 200), draw(run, 200), draw(run, 60),
                                       perhaps(run, 70, 20000)};
    queue->wrapup_ms = perhaps(run, 70, 8000);
    queue->wrapup_max_ms = perhaps(run, 30, 6000);
    queue->wrapup_mode = chance(run, 30) ? CONF_WRAPUP_DISPOSITION : CONF_WRAPUP_LIMIT;
    queue->wrapup_extend_ms = perhaps(run, 50, 3000);
    queue->wrapup_extensions = chance(run, 30) ? NEVER32 : draw(run, 3);
    queue->expected_handle_ms = perhaps(run, 50, 20000);
    for (uint32_t skill = 1; skill <= MOST_SKILLS; skill++)
        if (chance(run, 18))
            world_skill(&queue->skill, &queue->skill_count, skill, draw(run, 4));
    some_require(run, &queue->require, chance(run, 75) ? 0 : 1 + draw(run, 2));
    some_steps(run, queue);
    some_reserves(run, queue);
}

static inline void shape_agent(struct run *run, struct conf_agent *agent, uint32_t number) {
    world_clear_agent(agent);
    *agent = world_agent(number);
    agent->removed = chance(run, run->kind->reloads ? 5 : 0);
    agent->auto_login = chance(run, 40);
    agent->wrapup_max_ms = chance(run, 60) ? NEVER32 : draw(run, 5000);
    agent->own_wrapup_ms = perhaps(run, 20, 5000);
    agent->weight = draw(run, 6);
    for (uint32_t queue = 1; queue <= run->conf->queue_count; queue++)
        if (chance(run, 60))
            world_serve(agent, queue, chance(run, 65) ? 1 : 1 + draw(run, 3));
    for (uint32_t skill = 1; skill <= MOST_SKILLS; skill++)
        if (chance(run, 60))
            world_skill(&agent->skill, &agent->skill_count, skill, 1 + draw(run, 5));
}

static inline void shape_all(struct run *run, struct conf *conf) {
    conf->order = (enum conf_order)draw(run, 4);
    conf->pause_keeps_place_ms = perhaps(run, 50, 8000);
    conf->rare_skill_percent = chance(run, 40) ? 0 : 10 + draw(run, 60);
}

static inline struct conf *first_conf(struct run *run) {
    const struct kind *kind = run->kind;
    uint32_t agents = 1 + draw(run, chance(run, kind->many_percent) ? kind->many_agents : kind->agents);
    struct conf *conf = run->conf = world_conf(agents, 1 + draw(run, kind->queues), MOST_SKILLS);
    shape_all(run, conf);
    for (uint32_t i = 0; i < conf->queue_count; i++)
        shape_queue(run, &conf->queue[i], i + 1);
    for (uint32_t i = 0; i < conf->agent_count; i++)
        shape_agent(run, &conf->agent[i], i + 1);
    return conf;
}

/* A reload: now and then everything changes, mostly one thing; numbers stay, more may come. */
static inline struct conf *changed_conf(struct run *run) {
    struct conf *conf = world_copy(run->conf);
    if (chance(run, 20) && conf->agent_count < AUDIT_AGENTS - 20)
        world_grow(conf, conf->agent_count + (chance(run, 30) ? 1 + draw(run, 20) : 1), 0);
    if (chance(run, 10) && conf->queue_count < MOST_QUEUES)
        world_grow(conf, 0, conf->queue_count + 1);
    bool all = chance(run, 10);
    if (all)
        shape_all(run, conf);
    for (uint32_t i = 0; i < conf->queue_count; i++)
        if (all || chance(run, 20))
            shape_queue(run, &conf->queue[i], i + 1);
        else if (chance(run, 10) && !conf->queue[i].removed)
            shape_rules(run, &conf->queue[i]);
    for (uint32_t i = 0; i < conf->agent_count; i++)
        if (all || chance(run, 15))
            shape_agent(run, &conf->agent[i], i + 1);
    return conf;
}

/* ---- events ---- */

/* An agent with that trait, from a random one on; else any. */
static inline uint32_t agent_who(struct run *run, bool (*trait)(const struct run *run, uint32_t agent)) {
    uint32_t count = run->conf->agent_count, from = draw(run, count);
    for (uint32_t i = 0; i < count; i++)
        if (trait(run, (from + i) % count + 1))
            return (from + i) % count + 1;
    return from + 1;
}
static inline bool is_offered(const struct run *run, uint32_t agent) {
    return run->audit->agent[agent].offer != 0;
}
static inline bool is_talking(const struct run *run, uint32_t agent) {
    return audit_talks(&run->audit->agent[agent]);
}
static inline bool is_free(const struct run *run, uint32_t agent) {
    const struct audit_agent *a = &run->audit->agent[agent];
    return a->presence != ACD_LOGGED_OUT && (a->activity == ACD_IDLE || a->activity == ACD_BUSY_OTHER);
}
static inline bool is_busy(const struct run *run, uint32_t agent) {
    return run->audit->agent[agent].handle != 0;
}

static inline void some_offer(struct run *run, struct acd_event *event) {
    static const enum acd_event_type types[] = {ACD_EV_OFFER_RINGING,  ACD_EV_OFFER_RINGING,
                                                ACD_EV_OFFER_ANSWERED, ACD_EV_OFFER_ANSWERED,
                                                ACD_EV_OFFER_ANSWERED, ACD_EV_OFFER_FAILED};
    event->type = types[draw(run, 6)];
    event->offer_result = (enum acd_offer_result)draw(run, ACD_OFFER_RESULTS + 1);
    event->offer = chance(run, 100 - run->kind->nonsense)
                       ? run->audit->agent[agent_who(run, is_offered)].offer
                       : draw(run, run->audit->last_offer + 2);
}

/* What the agent would do next to be able to work. */
static inline enum acd_event_type sensible(struct run *run, const struct audit_agent *a) {
    if (a->activity == ACD_UNREACHABLE)
        return ACD_EV_REACHABLE;
    if (a->activity == ACD_BUSY_OTHER)
        return ACD_EV_OTHER_END;
    if (a->presence == ACD_LOGGED_OUT)
        return ACD_EV_LOGIN;
    if (a->presence == ACD_NOT_READY)
        return ACD_EV_UNPAUSE;
    if (a->activity != ACD_WRAPUP)
        return ACD_EV_TICK;
    return a->want_disposition || chance(run, 20) ? ACD_EV_DISPOSITION : ACD_EV_WRAP_DONE;
}

static inline void some_agent_act(struct run *run, struct acd_event *event) {
    static const enum acd_event_type types[] = {ACD_EV_LOGIN,     ACD_EV_LOGOUT,      ACD_EV_PAUSE,
                                                ACD_EV_UNPAUSE,   ACD_EV_WRAP_DONE,   ACD_EV_WRAP_MORE,
                                                ACD_EV_REACHABLE, ACD_EV_UNREACHABLE, ACD_EV_OTHER_BEGIN,
                                                ACD_EV_OTHER_END, ACD_EV_DISPOSITION, ACD_EV_WRAP_MORE};
    event->type = event->agent && event->agent <= AUDIT_AGENTS && chance(run, 70)
                      ? sensible(run, &run->audit->agent[event->agent])
                      : types[draw(run, ARRAY_LEN(types))];
    bool of_wrapup = event->type == ACD_EV_WRAP_MORE || event->type == ACD_EV_DISPOSITION;
    if (of_wrapup && chance(run, 80))
        event->agent = agent_who(run, is_busy);
    event->reason = draw(run, 4);
    event->ready = chance(run, 80);
    event->ms = draw(run, 4000);
}

static inline void some_talk_act(struct run *run, struct acd_event *event) {
    static const enum acd_event_type types[] = {
        ACD_EV_HOLD,       ACD_EV_RESUME,     ACD_EV_CONSULT,    ACD_EV_CONFERENCE, ACD_EV_CONSULT_END,
        ACD_EV_HANDLE_END, ACD_EV_HANDLE_END, ACD_EV_HANDLE_END, ACD_EV_HANDLE_END, ACD_EV_TRANSFER};
    event->type = types[draw(run, ARRAY_LEN(types))];
    if (chance(run, 95))
        event->agent = agent_who(run, is_talking);
    if (event->type == ACD_EV_TRANSFER)
        event->to = chance(run, 95) ? agent_who(run, is_free) : draw(run, AUDIT_AGENTS + 2);
}

/* Who is not waiting just now. */
static inline uint64_t some_caller(struct run *run) {
    uint64_t caller = 1 + draw(run, 12);
    for (uint32_t i = 0; i < run->audit->waiting; i++)
        if (run->audit->call[run->audit->line[i]].caller == caller)
            return 0;
    return chance(run, 60) ? caller : 0;
}

static inline void some_call(struct run *run, struct acd_event *event) {
    static const enum acd_visit_result leaves[] = {ACD_VISIT_ABANDONED, ACD_VISIT_ABANDONED, ACD_VISIT_FAILED,
                                                   ACD_VISIT_CALLBACK, ACD_VISIT_EXIT_KEY};
    bool enter = chance(run, 65) && run->audit->waiting < run->kind->waiting;
    event->type = enter ? ACD_EV_CALL_ENTER : ACD_EV_CALL_LEAVE;
    event->queue = chance(run, 97) ? 1 + draw(run, run->conf->queue_count) : draw(run, MOST_QUEUES + 3);
    event->visit_result = chance(run, 85) ? leaves[draw(run, ARRAY_LEN(leaves))]
                                          : (enum acd_visit_result)draw(run, ACD_VISIT_RESULTS + 1);
    if (enter && chance(run, 92) && run->next_call < AUDIT_CALLS)
        event->call = run->next_call++;
    else if (!enter && run->audit->waiting && chance(run, 50))
        event->call = run->audit->line[draw(run, run->audit->waiting)];
    else /* known, gone, or never heard of */
        event->call = draw(run, run->next_call + 1);
    event->priority = chance(run, 80) ? 0 : (int32_t)draw(run, 9) - 4;
    event->since_ms = chance(run, 85) || !run->now ? 0 : 1 + rng_next(&run->rng) % (run->now + 5000);
    event->caller = enter ? some_caller(run) : 0;
    event->preferred = enter && chance(run, 30) ? draw(run, run->conf->agent_count + 2) : 0;
    for (int i = 0; i < ACD_EXCLUDED && enter; i++)
        event->excluded[i] = chance(run, 10) ? draw(run, run->conf->agent_count + 2) : 0;
}

static inline void some_rare_event(struct run *run, struct acd_event *event) {
    static const enum acd_event_type types[] = {
        ACD_EV_RESTORE,    ACD_EV_RESTORE_WRAPUP, ACD_EV_QUEUE_CLOSE, ACD_EV_QUEUE_OPEN, ACD_EV_QUEUE_OPEN,
        ACD_EV_QUEUE_OPEN, ACD_EV_QUEUE_OPEN,     ACD_EV_LOST_PLACE,  ACD_EV_SKILL,      ACD_EV_SKILL,
        ACD_EV_TELL,       ACD_EV_TELL,           ACD_EV_TELL,        ACD_EV_TELL};
    event->type = types[draw(run, ARRAY_LEN(types))];
    if (event->type == ACD_EV_QUEUE_CLOSE && chance(run, 50))
        event->type = ACD_EV_TELL;
    event->queue = chance(run, 95) ? 1 + draw(run, run->conf->queue_count) : draw(run, MOST_QUEUES + 3);
    event->presence = (enum acd_presence)draw(run, ACD_PRESENCES + 1);
    event->reason = draw(run, 3);
    event->since_ms = rng_next(&run->rng) % (run->now + 1);
    event->idle_order_ms = chance(run, 50) ? rng_next(&run->rng) % (run->now + 1000) : 0;
    event->handles = draw(run, 4);
    event->talk_ms = draw(run, 9000);
    event->ms = perhaps(run, 50, 5000);
    event->caller = some_caller(run);
    event->skill = chance(run, 95) ? 1 + draw(run, MOST_SKILLS) : draw(run, MOST_SKILLS + 3);
    event->level = chance(run, 30) ? NEVER32 : draw(run, chance(run, 95) ? 6 : 13);
    event->call = run->audit->waiting ? run->audit->line[draw(run, run->audit->waiting)] : draw(run, 9);
    if (event->type == ACD_EV_RESTORE_WRAPUP) { /* of a call of another life */
        event->call = chance(run, 95) ? AUDIT_CALLS - draw(run, 100) : 0;
        event->since_ms = run->now - draw(run, 9000);
    }
}

static inline bool anybody(struct run *run, bool (*trait)(const struct run *run, uint32_t agent)) {
    return trait(run, agent_who(run, trait)) || chance(run, run->kind->nonsense);
}

static inline struct acd_event some_event(struct run *run) {
    struct acd_event event = {.now_ms = run->now, .agent = 1 + draw(run, run->conf->agent_count)};
    uint32_t kind = draw(run, 100);
    if (kind >= 25 && kind < 48 && !anybody(run, is_offered))
        kind = chance(run, 50) ? 0 : 70; /* a call, or something an agent does */
    if (kind >= 48 && kind < 62 && !anybody(run, is_talking))
        kind = chance(run, 50) ? 0 : 70;
    if (draw(run, 1000) < 2 * run->kind->nonsense)
        event.agent = draw(run, AUDIT_AGENTS + 2);
    if (kind < 25)
        some_call(run, &event);
    else if (kind < 48)
        some_offer(run, &event);
    else if (kind < 62)
        some_talk_act(run, &event);
    else if (kind < 91)
        some_agent_act(run, &event);
    else if (kind < 91 + run->kind->reloads)
        event.type = ACD_EV_CONFIGURE;
    else if (kind < 99)
        some_rare_event(run, &event);
    return event;
}

/* Mostly from deadline to deadline, as the real clock does; sometimes too late, sometimes backwards. */
static inline void pass_time(struct run *run, struct acd_event *event) {
    uint64_t deadline = acd_deadline(run->acd);
    uint64_t next = run->now + (chance(run, 40) ? 0 : draw(run, chance(run, 20) ? 6000 : 700));
    bool jump = draw(run, 1000) < 10 * run->kind->jumps;
    if (jump)
        next += draw(run, 60000);
    if (next >= deadline && !jump && chance(run, 100 - 3 * run->kind->jumps))
        next = deadline > run->now ? deadline : run->now;
    run->now = event->now_ms = next;
    if (chance(run, run->kind->jumps))
        event->now_ms -= next < 500 ? next : draw(run, 500);
}

/* ---- one event through, everything looked at ---- */

static bool random_child; /* of play_many(): the parent fails */

static inline void complain(const struct run *run, const struct acd_event *event, const char *what) {
    char text[300];
    acd_event_text(event, text, sizeof text);
    fprintf(stderr, "seed %" PRIu64 ", event \"%s\": %s\n", run->seed, text, what);
    if (random_child)
        _exit(1);
    fail();
}

static inline void keep_books(struct run *run, const struct acd_event *event,
                              const struct acd_effects *effects, uint32_t from) {
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
    if (*run->audit->text) /* from before the effects */
        complain(run, event, run->audit->text);
}

/* A reload swaps configurations; without memory the old one stays. */
static inline int reload(struct run *run, struct acd_event *event, struct acd_effects *effects) {
    struct conf *conf = changed_conf(run), *old = run->conf;
    event->conf = conf;
    int rc = acd_step(run->acd, event, effects);
    if (!rc) {
        run->conf = conf;
        audit_configured(run->audit, old, conf);
    }
    world_free(rc ? conf : old);
    return rc;
}

static inline int send(struct run *run, struct acd_event *event) {
    struct acd_effects effects = {0};
    bool tight = acd_mem_left >= 0;
    audit_before(run->audit, run->acd, event);
    enum audit_answer wanted = audit_answer(run->audit, event);
    int rc =
        event->type == ACD_EV_CONFIGURE ? reload(run, event, &effects) : acd_step(run->acd, event, &effects);
    if (rc != -ENOMEM && wanted != AUDIT_EITHER && (wanted == AUDIT_TAKEN) != (rc == 0))
        complain(run, event, wanted == AUDIT_TAKEN ? "refused" : "should be refused");
    uint32_t from = rc ? 0 : audit_accepted(run->audit, event, effects.item, effects.count);
    keep_books(run, event, &effects, from);
    if (run->verbose && rc)
        printf("    ! %s\n", strerrorname_np(-rc));
    free(effects.item);
    /* what there was no memory for is done by the next step */
    bool unfinished = tight && (rc == -ENOMEM || acd_deadline(run->acd) <= run->audit->now);
    run->unfinished = unfinished;
    const char *broken = unfinished || run->kind->blind ? NULL : acd_check(run->acd);
    if (broken || (!tight && acd_deadline(run->acd) <= run->audit->now))
        complain(run, event, broken ? broken : "the next deadline has passed");
    if (!unfinished && !audit_after(run->audit))
        complain(run, event, run->audit->text);
    for (uint32_t i = 0; i < run->audit->waiting && chance(run, 3) && !unfinished; i++) {
        uint32_t agent = 1 + draw(run, run->conf->agent_count);
        if (!run->kind->blind && !audit_why_not(run->audit, run->audit->line[i], agent))
            complain(run, event, run->audit->text);
    }
    run->memory_failures += rc == -ENOMEM;
    return rc;
}

static inline int step(struct run *run, struct acd_event *event) {
    struct acd_event tick = {.type = ACD_EV_TICK, .now_ms = event->now_ms};
    uint64_t now = event->now_ms > run->audit->now ? event->now_ms : run->audit->now;
    if (run->verbose) {
        char text[300];
        acd_event_text(event, text, sizeof text);
        printf("%s\n", text);
    }
    if (draw(run, 1000) < 10 * run->kind->no_memory && !run->drains)
        acd_mem_left = draw(run, 3);
    run->audit->late = acd_deadline(run->acd) < now || run->unfinished;
    /* Deadlines would be taken by the event itself; asked for apart, so that the books know them first. */
    int rc = send(run, &tick);
    run->audit->late = false;
    if (!rc && event->type != ACD_EV_TICK)
        rc = send(run, event);
    if (run->kind->no_memory)
        acd_mem_left = -1;
    run->refused += rc != 0;
    return rc;
}

/* ---- a whole run ---- */

static inline void begin(struct run *run, const struct kind *kind, uint64_t seed, bool verbose) {
    *run = (struct run){
        .seed = seed, .rng = seed, .kind = kind, .next_call = 1, .verbose = verbose, .now = 20000};
    run->audit = calloc(1, sizeof *run->audit);
    audit_begin(run->audit);
    run->audit->blind = kind->blind;
    run->audit->conf = first_conf(run);
    assert_int_equal(acd_create(&run->acd, seed), 0);
}

static inline void configure_first(struct run *run) {
    struct acd_event event = {.type = ACD_EV_CONFIGURE, .now_ms = run->now, .conf = run->conf};
    struct acd_effects effects = {0};
    run->audit->acd = run->acd;
    run->audit->event = &event;
    run->audit->now = run->now;
    while (acd_step(run->acd, &event, &effects) == -ENOMEM)
        acd_mem_left = -1;
    audit_configured(run->audit, NULL, run->conf);
    keep_books(run, &event, &effects, 0);
    free(effects.item);
}

/* Everybody hangs up and goes home: nothing may be left. */
static inline void drain(struct run *run) {
    static const enum acd_event_type home[] = {ACD_EV_HANDLE_END, ACD_EV_DISPOSITION, ACD_EV_WRAP_DONE,
                                               ACD_EV_LOGOUT};
    run->drains = true;
    for (uint32_t call = 1; call <= run->next_call; call++)
        step(run, &(struct acd_event){.type = ACD_EV_CALL_LEAVE,
                                      .now_ms = run->now,
                                      .call = call,
                                      .visit_result = ACD_VISIT_ABANDONED});
    for (uint32_t agent = 1; agent <= run->conf->agent_count; agent++) {
        for (size_t i = 0; i < ARRAY_LEN(home); i++)
            step(run, &(struct acd_event){.type = home[i], .now_ms = run->now, .agent = agent});
        while (!step(run, &(struct acd_event){.type = ACD_EV_OTHER_END, .now_ms = run->now, .agent = agent}))
            ;
    }
    for (int i = 0; i < 1000 && acd_deadline(run->acd) != NEVER; i++) {
        run->now = acd_deadline(run->acd);
        step(run, &(struct acd_event){.type = ACD_EV_TICK, .now_ms = run->now});
    }
}

static inline void balance(struct run *run) {
    const struct audit *audit = run->audit;
    const struct acd_event event = {.type = ACD_EV_TICK, .now_ms = run->now};
    uint32_t ended = 0;
    for (int i = 0; i < ACD_VISIT_RESULTS; i++)
        ended += audit->ended[i];
    if (audit->entered != ended || acd_waiting(run->acd) || audit->waiting)
        complain(run, &event, "calls are left after the end");
    if (acd_deadline(run->acd) != NEVER)
        complain(run, &event, "deadlines are left after the end");
    for (uint32_t i = 1; i <= AUDIT_AGENTS; i++) {
        const struct audit_agent *a = &audit->agent[i];
        if (a->offer || a->handle || a->presence != ACD_LOGGED_OUT)
            complain(run, &event, "an agent is not free after the end");
        /* the states cover all the time up to the last change (a restored time came from outside) */
        if (!a->restored && a->spent_ms != a->since_ms - a->born_ms)
            complain(run, &event, "an agent's states do not add up to the time");
    }
}

static inline void end(struct run *run) {
    acd_destroy(run->acd);
    world_free(run->conf);
    free(run->audit);
}

struct totals {
    uint64_t hash, runs, events, entered, ended[ACD_VISIT_RESULTS], refused, memory_failures, offers, judged;
};

/* fail_at: from that allocation on all fail until the step is over; then memory is back. Below 0: never. */
static inline struct totals play(const struct kind *kind, uint64_t seed, int64_t fail_at, uint32_t events,
                                 bool verbose) {
    struct run run;
    acd_mem_left = -1;
    begin(&run, kind, seed, verbose);
    acd_mem_left = fail_at;
    configure_first(&run);
    for (uint32_t i = 0; i < events; i++) {
        struct acd_event event = some_event(&run);
        pass_time(&run, &event);
        step(&run, &event);
        if (chance(&run, kind->duplicates))
            step(&run, &event);
        if (acd_mem_left == 0)
            acd_mem_left = -1;
    }
    struct totals totals = {.runs = 1, .events = events, .memory_failures = run.memory_failures};
    bool had_enough = acd_mem_left > 0;
    acd_mem_left = -1;
    drain(&run);
    balance(&run);
    totals.hash = run.audit->hash;
    totals.entered = run.audit->entered;
    for (int i = 0; i < ACD_VISIT_RESULTS; i++)
        totals.ended[i] = run.audit->ended[i];
    totals.refused = run.refused;
    totals.offers = run.audit->offers_seen;
    totals.judged = run.audit->offers_judged;
    if (had_enough)
        totals.events = 0; /* the run needs no more allocations than that: the sweep is complete */
    end(&run);
    return totals;
}

static inline void add_totals(struct totals *all, const struct totals *one) {
    all->runs += one->runs;
    all->events += one->events;
    all->entered += one->entered;
    all->refused += one->refused;
    all->memory_failures += one->memory_failures;
    all->offers += one->offers;
    all->judged += one->judged;
    all->hash += one->hash; /* in whatever order */
    for (int i = 0; i < ACD_VISIT_RESULTS; i++)
        all->ended[i] += one->ended[i];
}

/* Seeds first to last, spread over the processors. */
static inline struct totals play_many(const struct kind *kind, uint64_t first, uint64_t last,
                                      uint32_t events) {
    enum { MOST_WORKERS = 4 };
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int workers = cores < 1 ? 1 : cores > MOST_WORKERS ? MOST_WORKERS : (int)cores, pipes[MOST_WORKERS][2];
    pid_t pids[MOST_WORKERS];
    struct totals all = {0};
    fflush(stdout);
    for (int w = 0; w < workers; w++) {
        assert_int_equal(pipe(pipes[w]), 0);
        pids[w] = fork();
        assert_true(pids[w] >= 0);
        if (pids[w])
            continue;
        random_child = true;
        for (uint64_t seed = first + (uint64_t)w; seed <= last; seed += (uint64_t)workers) {
            struct totals one = play(kind, seed, -1, events, false);
            add_totals(&all, &one);
        }
        _exit(write(pipes[w][1], &all, sizeof all) == sizeof all ? 0 : 1);
    }
    bool failed = false;
    for (int w = 0; w < workers; w++) {
        struct totals one = {0};
        int status = 1;
        close(pipes[w][1]);
        bool told = read(pipes[w][0], &one, sizeof one) == sizeof one;
        close(pipes[w][0]);
        failed |= waitpid(pids[w], &status, 0) != pids[w] || status || !told;
        add_totals(&all, &one);
    }
    assert_false(failed);
    return all;
}

static inline void print_totals(const struct totals *t) {
    printf("%" PRIu64 " runs, %" PRIu64 " events (%" PRIu64 " refused, %" PRIu64
           " for lack of memory), %" PRIu64 " calls, %" PRIu64 " offers (%" PRIu64
           " judged), hash %016" PRIx64 "\n",
           t->runs, t->events, t->refused, t->memory_failures, t->entered, t->offers, t->judged, t->hash);
    for (int i = 0; i < ACD_VISIT_RESULTS; i++)
        printf("%s %s %" PRIu64, i ? "," : "   ", acd_visit_result_name((enum acd_visit_result)i),
               t->ended[i]);
    printf("\n");
}

#endif
