/* SPDX-License-Identifier: Apache-2.0
 * LIBS: acd conf base
 * What one event costs the distributor: microseconds of CPU per event with agents and waiting callers in
 * steady state, for each strategy and with all rules. Built like a unit test (see LIBS); prints a table, with
 * a file name also writes it as CSV (tests/bench/plot_acd.sh draws docs/acd-cost.svg from it). cycle    a
 * caller is answered, the talk ends, the next is offered, a new one comes (mean of all events) arrival  a
 * call enters while all agents are busy freed    wrap-up done: the agent's next call is found and offered
 *   hang-up  a waiting caller, anywhere in line, leaves
 *   quiet    a call enters while all agents are idle, and is offered to the best (or to four, ring all)
 *   tell     a waiting caller is told the expected wait
 *   99 %     of freed and quiet events cost at most that
 * Then the memory a waiting call and an agent take. "rules": each queue has three steps with expressions,
 * three tiers, a reserve with all kinds of marks; every tenth call prefers an agent or excludes some. */
#include "../unit/acd_world.h"

#include <malloc.h>
#include <time.h>

enum { ROUNDS = 10000, WARM = 2000 };
enum event_kind { CYCLE, ARRIVAL, FREED, HANGUP, QUIET, TELL, KINDS };

struct shape {
    uint32_t agents, depth, queues, skills;
    int strategy; /* below 0: longest idle and skill then idle in turn */
    bool rules;
};
struct bench {
    struct shape shape;
    struct acd *acd;
    struct conf *conf;
    struct acd_effects fx;
    uint64_t now, next_call, *waiting, rng;
    uint32_t *slot; /* of a waiting call, by number */
};
struct result {
    double mean[KINDS], late[KINDS]; /* late: 99 % */
    double reload_ms, call_bytes, agent_bytes;
};

static const char *const names[CONF_STRATEGIES] = {
    [CONF_LONGEST_IDLE] = "longest_idle",
    [CONF_SKILL_THEN_IDLE] = "skill_then_idle",
    [CONF_FEWEST_CALLS] = "fewest_calls",
    [CONF_LEAST_TALK] = "least_talk",
    [CONF_ROUND_ROBIN] = "round_robin",
    [CONF_LINEAR] = "linear",
    [CONF_RANDOM] = "random",
    [CONF_WEIGHTED] = "weighted",
    [CONF_RING_ALL] = "ring_all",
    [CONF_RING_PROGRESSIVELY] = "ring_progressively",
    [CONF_SCORED] = "scored",
};

static double cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static uint32_t draw(struct bench *b, uint32_t below) {
    return (uint32_t)(rng_next(&b->rng) % below);
}

static void must(struct bench *b, struct acd_event event) {
    event.now_ms = b->now;
    b->fx.count = 0;
    int rc = acd_step(b->acd, &event, &b->fx);
    if (rc) {
        fprintf(stderr, "event %d: %s\n", event.type, strerror(-rc));
        exit(1);
    }
}

/* ---- configurations ---- */

static void add_rules(struct conf_queue *queue, uint32_t skill, uint32_t skills) {
    const struct conf_test own = {.kind = CONF_TEST_LEVEL, .skill = skill, .least = 3, .most = 10};
    const struct conf_test other = {
        .kind = CONF_TEST_LEVEL, .skill = skill % skills + 1, .least = 1, .most = 10};
    struct conf_step *first = world_step(queue, 100000, 1);
    world_test(&first->require, own);
    world_test(&first->require, other);
    world_test(&first->require, (struct conf_test){.kind = CONF_TEST_OR});
    world_test(&world_step(queue, 200000, 2)->require, other);
    (void)world_step(queue, 300000, 3);
    world_reserve(queue, (struct conf_reserve){.tier = 2,
                                               .waiting = 20,
                                               .waiting_back = 10,
                                               .expected_wait_ms = 600000,
                                               .expected_wait_back_ms = 300000,
                                               .slack_ms = 5000,
                                               .hold_ms = 10000});
    world_reserve(queue, (struct conf_reserve){.tier = 3, .no_agents = true, .hold_ms = 10000});
    queue->preferred = CONF_PREFERRED_LAST;
    queue->preferred_wait_ms = 20000;
    queue->service_level_ms = 20000;
    queue->resume_ms = 60000;
}

/* Each agent serves five queues and has three skills of its own mix; each queue wants one skill. */
static struct conf *make_conf(struct bench *b) {
    const struct shape *s = &b->shape;
    struct conf *conf = world_conf(s->agents, s->queues, s->skills);
    for (uint32_t q = 0; q < s->queues; q++) {
        struct conf_queue *queue = &conf->queue[q];
        queue->wrapup_ms = 1000000;
        queue->ring_ms = 1000000000;
        queue->ring_max = 4;
        queue->max_wait_ms = 1000000000;
        queue->score = (struct conf_score){100, 100, 50, 20, 0};
        queue->strategy = s->strategy >= 0 ? (enum conf_strategy)s->strategy
                          : q % 2          ? CONF_SKILL_THEN_IDLE
                                           : CONF_LONGEST_IDLE;
        world_skill(&queue->skill, &queue->skill_count, q % s->skills + 1, 1);
        if (s->rules)
            add_rules(queue, q % s->skills + 1, s->skills);
    }
    for (uint32_t a = 0; a < s->agents; a++) {
        struct conf_agent *agent = &conf->agent[a];
        agent->weight = 1 + a % 9;
        for (uint32_t k = 0; k < 5; k++) {
            uint32_t queue = (a * 5 + k * 7) % s->queues + 1;
            world_serve(agent, queue, s->rules && k > 2 ? k - 1 : 1);
            world_skill(&agent->skill, &agent->skill_count, (queue - 1) % s->skills + 1, 1 + draw(b, 5));
        }
    }
    return conf;
}

/* ---- events ---- */

static void enter(struct bench *b, uint32_t slot) {
    struct acd_event event = {
        .type = ACD_EV_CALL_ENTER, .queue = 1 + draw(b, b->shape.queues), .priority = (int32_t)draw(b, 3)};
    b->waiting[slot] = event.call = ++b->next_call;
    b->slot[b->next_call] = slot;
    if (b->shape.rules && draw(b, 10) == 0)
        event.preferred = 1 + draw(b, b->shape.agents);
    if (b->shape.rules && draw(b, 10) == 0)
        event.excluded[0] = 1 + draw(b, b->shape.agents);
    must(b, event);
}

static void leave(struct bench *b, uint64_t call) {
    must(b, (struct acd_event){.type = ACD_EV_CALL_LEAVE, .call = call, .visit_result = ACD_VISIT_ABANDONED});
}

/* The first offer among the effects of the last event; NULL when there is none. */
static const struct acd_effect *offer_of(const struct bench *b) {
    for (uint32_t i = 0; i < b->fx.count; i++)
        if (b->fx.item[i].type == ACD_FX_OFFER)
            return &b->fx.item[i];
    return NULL;
}

static void open_bench(struct bench *b, const struct shape *shape) {
    *b = (struct bench){.shape = *shape, .rng = 1, .now = 1};
    b->waiting = calloc(shape->depth + 1, sizeof *b->waiting);
    b->slot = calloc(1 << 20, sizeof *b->slot);
    b->conf = make_conf(b);
    if (acd_create(&b->acd, 1))
        exit(1);
    must(b, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = b->conf});
    for (uint32_t a = 1; a <= shape->agents; a++) {
        must(b, (struct acd_event){.type = ACD_EV_REACHABLE, .agent = a});
        must(b, (struct acd_event){.type = ACD_EV_LOGIN, .agent = a, .ready = true});
    }
}

static void close_bench(struct bench *b) {
    acd_destroy(b->acd);
    world_free(b->conf);
    free(b->fx.item);
    free(b->waiting);
    free(b->slot);
}

/* Agents answer whatever is offered until all talk or nobody more can be had; then `depth` callers wait. */
static void fill(struct bench *b) {
    uint32_t in_vain = 0;
    for (uint32_t busy = 0; busy < b->shape.agents && in_vain < 4 * b->shape.agents;) {
        enter(b, 0);
        const struct acd_effect *offer = offer_of(b);
        if (offer) {
            must(b, (struct acd_event){.type = ACD_EV_OFFER_ANSWERED, .offer = offer->offer});
            busy++;
        } else {
            leave(b, b->next_call);
            in_vain++;
        }
    }
    for (uint32_t i = 0; i < b->shape.depth; i++) {
        enter(b, i);
        for (const struct acd_effect *offer; (offer = offer_of(b));) { /* one more after all */
            must(b, (struct acd_event){.type = ACD_EV_OFFER_ANSWERED, .offer = offer->offer});
            enter(b, i);
        }
    }
}

/* ---- measuring ---- */

struct times {
    double *us;
    uint32_t count;
};

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void add_time(struct times *times, double us) {
    times->us[times->count++] = us;
}

/* Reading the clock costs something, too. */
static double clock_us(void) {
    double at = cpu_us();
    for (int i = 0; i < 1000; i++)
        (void)cpu_us();
    return (cpu_us() - at) / 1000;
}

static void sum_up(struct times *times, double *mean, double *late) {
    double sum = 0, clock = clock_us();
    for (uint32_t i = 0; i < times->count; i++)
        sum += times->us[i];
    qsort(times->us, times->count, sizeof *times->us, by_size);
    *mean = times->count ? sum / times->count - clock : 0;
    *late = times->count ? times->us[times->count * 99 / 100] - clock : 0;
}

/* An agent who can be had by the call's line: who talks now, by chance. */
static bool one_round(struct bench *b, struct times *times, double *cycle) {
    struct acd_agent_view view;
    uint32_t agent = 1 + draw(b, b->shape.agents), slot = draw(b, b->shape.depth);
    if (acd_agent_view(b->acd, agent, &view) || view.activity != ACD_TALKING)
        return false;
    b->now += 5;
    double at = cpu_us();
    must(b, (struct acd_event){.type = ACD_EV_HANDLE_END, .agent = agent});
    *cycle += cpu_us() - at;
    at = cpu_us();
    must(b, (struct acd_event){.type = ACD_EV_WRAP_DONE, .agent = agent});
    double us = cpu_us() - at;
    const struct acd_effect *found = offer_of(b);
    if (!found) {
        fprintf(stderr, "nobody was offered\n");
        exit(1);
    }
    add_time(&times[FREED], us);
    *cycle += us;
    struct acd_effect offer = *found;
    at = cpu_us();
    must(b, (struct acd_event){.type = ACD_EV_OFFER_RINGING, .offer = offer.offer});
    must(b, (struct acd_event){.type = ACD_EV_OFFER_ANSWERED, .offer = offer.offer});
    *cycle += cpu_us() - at;
    at = cpu_us();
    enter(b, b->slot[offer.call]);
    us = cpu_us() - at;
    add_time(&times[ARRIVAL], us);
    *cycle += us;
    at = cpu_us();
    must(b, (struct acd_event){.type = ACD_EV_TELL, .call = b->waiting[slot]});
    add_time(&times[TELL], cpu_us() - at);
    at = cpu_us();
    leave(b, b->waiting[slot]);
    us = cpu_us() - at;
    add_time(&times[HANGUP], us);
    *cycle += us;
    enter(b, slot);
    return true;
}

/* All agents idle: the matcher has the most to choose from. */
static void quiet(const struct shape *shape, struct times *times) {
    struct bench b;
    open_bench(&b, shape);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        b.now += 5;
        double at = cpu_us();
        enter(&b, 0);
        add_time(times, cpu_us() - at);
        leave(&b, b.next_call);
    }
    close_bench(&b);
}

static struct result measure(const struct shape *shape) {
    struct result result = {0};
    struct times times[KINDS];
    struct bench b;
    for (int i = 0; i < KINDS; i++)
        times[i] = (struct times){calloc(ROUNDS + WARM, sizeof(double)), 0};
    open_bench(&b, shape);
    fill(&b);
    double cycle = 0;
    for (uint32_t i = 0; i < WARM;) /* caches */
        i += one_round(&b, times, &cycle);
    cycle = 0;
    for (int i = 0; i < KINDS; i++)
        times[i].count = 0;
    for (uint32_t i = 0; i < ROUNDS;)
        i += one_round(&b, times, &cycle);
    quiet(shape, &times[QUIET]);
    for (int i = ARRIVAL; i < KINDS; i++)
        sum_up(&times[i], &result.mean[i], &result.late[i]);
    result.mean[CYCLE] = cycle / ROUNDS / 6 - clock_us();
    double at = cpu_us();
    must(&b, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = b.conf});
    result.reload_ms = (cpu_us() - at) / 1000;
    close_bench(&b);
    for (int i = 0; i < KINDS; i++)
        free(times[i].us);
    return result;
}

/* ---- memory ---- */

static double used_bytes(void) {
    struct mallinfo2 m = mallinfo2();
    return (double)(m.uordblks + m.hblkhd);
}

/* What twice as many agents take more, and what each caller takes who waits. */
static void weigh(const struct shape *shape, struct result *result) {
    struct shape few = *shape;
    double taken[2];
    for (int i = 0; i < 2; i++) {
        struct bench b = {.shape = few, .rng = 1, .now = 1};
        b.conf = make_conf(&b);
        double before = used_bytes();
        if (acd_create(&b.acd, 1))
            exit(1);
        must(&b, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = b.conf});
        taken[i] = used_bytes() - before - (double)malloc_usable_size(b.fx.item); /* that is the caller's */
        b.waiting = calloc(shape->depth + 1, sizeof *b.waiting);
        b.slot = calloc(1 << 20, sizeof *b.slot);
        for (int k = 0; k < 100; k++) /* the list of effects has its size */
            enter(&b, 0);
        before = used_bytes();
        for (uint32_t k = 0; k < shape->depth; k++)
            enter(&b, k);
        result->call_bytes = (used_bytes() - before) / shape->depth;
        close_bench(&b);
        few.agents /= 2;
    }
    result->agent_bytes = (taken[0] - taken[1]) / (shape->agents - shape->agents / 2);
}

/* ---- the table ---- */

static void row(FILE *csv, struct shape shape) {
    struct result r = measure(&shape);
    const char *strategy = shape.strategy < 0 ? "two" : names[shape.strategy];
    weigh(&shape, &r);
    printf("%7u %8u %6u %6u %-18s %-5s %7.2f %7.2f %7.2f %7.2f %7.2f %7.2f %8.1f %8.1f %9.1f %7.0f %7.0f\n",
           shape.agents, shape.depth, shape.queues, shape.skills, strategy, shape.rules ? "rules" : "",
           r.mean[CYCLE], r.mean[ARRIVAL], r.mean[FREED], r.mean[HANGUP], r.mean[QUIET], r.mean[TELL],
           r.late[FREED], r.late[QUIET], r.reload_ms, r.call_bytes, r.agent_bytes);
    fflush(stdout);
    if (csv)
        fprintf(csv, "%u,%u,%u,%u,%s,%d,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.2f,%.2f,%.2f,%.0f,%.0f\n",
                shape.agents, shape.depth, shape.queues, shape.skills, strategy, shape.rules, r.mean[CYCLE],
                r.mean[ARRIVAL], r.mean[FREED], r.mean[HANGUP], r.mean[QUIET], r.mean[TELL], r.late[FREED],
                r.late[QUIET], r.reload_ms, r.call_bytes, r.agent_bytes);
}

int main(int argc, char **argv) {
    static const struct shape sizes[] = {
        {100, 1000, 10, 10, -1, false}, {1000, 10000, 50, 50, -1, false}, {10000, 10000, 50, 200, -1, false}};
    FILE *csv = argc > 1 ? fopen(argv[1], "w") : NULL;
    if (argc > 1 && !csv) {
        perror(argv[1]);
        return 1;
    }
    if (csv)
        fputs("agents,waiting,queues,skills,strategy,rules,cycle_us,arrival_us,freed_us,hangup_us,quiet_us,"
              "tell_us,"
              "freed_99_us,quiet_99_us,reload_ms,call_bytes,agent_bytes\n",
              csv);
    printf("%7s %8s %6s %6s %-18s %-5s %7s %7s %7s %7s %7s %7s %8s %8s %9s %7s %7s\n", "agents", "waiting",
           "queues", "skills", "strategy", "", "cycle", "arrival", "freed", "hang-up", "quiet", "tell",
           "freed99%", "quiet99%", "reload ms", "B/call", "B/agent");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct shape shape = sizes[i];
        row(csv, shape);
        shape.rules = true;
        row(csv, shape);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i += 2)
        for (int strategy = 0; strategy < CONF_STRATEGIES; strategy++) {
            struct shape shape = sizes[i];
            shape.strategy = strategy;
            row(csv, shape);
        }
    if (csv && fclose(csv)) {
        perror(argv[1]);
        return 1;
    }
    return 0;
}
