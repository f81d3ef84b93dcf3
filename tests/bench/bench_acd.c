/* SPDX-License-Identifier: Apache-2.0
 * LIBS: acd base
 * What one event costs the distributor: microseconds of CPU per event with agents and waiting callers in
 * steady state. Built like a unit test (see LIBS); prints a table and exits.
 *   cycle    a caller is answered, the talk ends, the next is offered, a new one comes (mean of all events)
 *   arrival  a call enters while all agents are busy
 *   freed    wrap-up done: the agent's next call is found and offered
 *   hang-up  a waiting caller, anywhere in line, leaves
 *   quiet    a call enters while all agents are idle, and is offered to the best */
#include "../unit/acd_world.h"

#include <time.h>

struct bench {
    struct acd *acd;
    struct conf *conf;
    struct acd_effects fx;
    uint64_t now, next_call, *waiting, rng;
    uint32_t *slot; /* of a waiting call, by number */
    uint32_t agents, queues, skills, depth;
};

static double cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
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

/* Each agent serves five queues and has three skills of its own mix; each queue wants one skill. */
static struct conf *make_conf(struct bench *b) {
    struct conf *conf = world_conf(b->agents, b->queues, b->skills);
    for (uint32_t q = 0; q < b->queues; q++) {
        conf->queue[q].wrapup_ms = 1000000;
        conf->queue[q].ring_ms = 1000000000;
        conf->queue[q].max_wait_ms = 1000000000;
        conf->queue[q].strategy = q % 2 ? CONF_SKILL_THEN_IDLE : CONF_LONGEST_IDLE;
        world_skill(&conf->queue[q].skill, &conf->queue[q].skill_count, q % b->skills + 1, 1);
    }
    for (uint32_t a = 0; a < b->agents; a++)
        for (uint32_t k = 0; k < 5; k++) {
            uint32_t queue = (a * 5 + k * 7) % b->queues + 1;
            world_list(&conf->agent[a].queue, &conf->agent[a].queue_count, queue);
            world_skill(&conf->agent[a].skill, &conf->agent[a].skill_count, (queue - 1) % b->skills + 1,
                        1 + (uint32_t)(rng_next(&b->rng) % 5));
        }
    return conf;
}

static void enter(struct bench *b, uint32_t slot) {
    b->waiting[slot] = ++b->next_call;
    b->slot[b->next_call] = slot;
    must(b, (struct acd_event){.type = ACD_EV_CALL_ENTER,
                               .call = b->next_call,
                               .queue = 1 + (uint32_t)(rng_next(&b->rng) % b->queues),
                               .priority = (int32_t)(rng_next(&b->rng) % 3)});
}

/* Agents answer whatever is offered; then everybody talks and `depth` callers wait. */
static void fill(struct bench *b) {
    must(b, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = b->conf});
    for (uint32_t a = 1; a <= b->agents; a++) {
        must(b, (struct acd_event){.type = ACD_EV_REACHABLE, .agent = a});
        must(b, (struct acd_event){.type = ACD_EV_LOGIN, .agent = a, .ready = true});
    }
    for (uint32_t busy = 0; busy < b->agents;) {
        enter(b, 0);
        if (b->fx.count && b->fx.item[0].type == ACD_FX_OFFER) {
            must(b, (struct acd_event){.type = ACD_EV_OFFER_ANSWERED, .offer = b->fx.item[0].offer});
            busy++;
        } else {
            must(b, (struct acd_event){.type = ACD_EV_CALL_LEAVE,
                                       .call = b->next_call,
                                       .visit_result = ACD_VISIT_ABANDONED});
        }
    }
    for (uint32_t i = 0; i < b->depth; i++)
        enter(b, i);
}

static void measure(struct bench *b, uint32_t rounds, double us[4]) {
    double spent[4] = {0}, at;
    for (uint32_t i = 0; i < rounds; i++) {
        uint32_t agent = 1 + (uint32_t)(rng_next(&b->rng) % b->agents);
        uint32_t slot = (uint32_t)(rng_next(&b->rng) % b->depth);
        b->now += 5;
        at = cpu_us();
        must(b, (struct acd_event){.type = ACD_EV_HANDLE_END, .agent = agent});
        spent[0] += cpu_us() - at;
        at = cpu_us();
        must(b, (struct acd_event){.type = ACD_EV_WRAP_DONE, .agent = agent});
        spent[2] += cpu_us() - at;
        struct acd_effect offer = b->fx.item[b->fx.count - 2];
        if (offer.type != ACD_FX_OFFER) {
            fprintf(stderr, "nobody was offered\n");
            exit(1);
        }
        at = cpu_us();
        must(b, (struct acd_event){.type = ACD_EV_OFFER_RINGING, .offer = offer.offer});
        must(b, (struct acd_event){.type = ACD_EV_OFFER_ANSWERED, .offer = offer.offer});
        spent[0] += cpu_us() - at;
        at = cpu_us();
        enter(b, b->slot[offer.call]);
        spent[1] += cpu_us() - at;
        at = cpu_us();
        must(b, (struct acd_event){.type = ACD_EV_CALL_LEAVE,
                                   .call = b->waiting[slot],
                                   .visit_result = ACD_VISIT_ABANDONED});
        spent[3] += cpu_us() - at;
        enter(b, slot);
    }
    double clock = cpu_us();
    for (uint32_t i = 0; i < 1000; i++)
        (void)cpu_us();
    clock = (cpu_us() - clock) / 1000;
    us[0] = (spent[0] + spent[1] + spent[2] + spent[3]) / rounds / 6 - clock;
    for (int i = 1; i < 4; i++)
        us[i] = spent[i] / rounds - clock;
}

/* All agents idle: the matcher has the most to choose from. */
static double quiet(struct bench *b, uint32_t rounds) {
    double spent = 0, at;
    must(b, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = b->conf});
    for (uint32_t a = 1; a <= b->agents; a++) {
        must(b, (struct acd_event){.type = ACD_EV_REACHABLE, .agent = a});
        must(b, (struct acd_event){.type = ACD_EV_LOGIN, .agent = a, .ready = true});
    }
    for (uint32_t i = 0; i < rounds; i++) {
        b->now++;
        at = cpu_us();
        enter(b, 0);
        spent += cpu_us() - at;
        must(b, (struct acd_event){
                    .type = ACD_EV_CALL_LEAVE, .call = b->next_call, .visit_result = ACD_VISIT_ABANDONED});
    }
    return spent / rounds;
}

static void open_bench(struct bench *b) {
    b->waiting = calloc(b->depth, sizeof *b->waiting);
    b->slot = calloc(1 << 20, sizeof *b->slot);
    b->conf = make_conf(b);
    if (acd_create(&b->acd, 1))
        exit(1);
}

static void close_bench(struct bench *b) {
    acd_destroy(b->acd);
    world_free(b->conf);
    free(b->fx.item);
    free(b->waiting);
    free(b->slot);
}

static void run(uint32_t agents, uint32_t depth, uint32_t queues, uint32_t skills) {
    const struct bench start = {
        .agents = agents, .depth = depth, .queues = queues, .skills = skills, .rng = 1, .now = 1};
    struct bench b = start;
    double us[4];
    open_bench(&b);
    fill(&b);
    measure(&b, 2000, us); /* caches warm */
    measure(&b, 20000, us);
    double at = cpu_us();
    must(&b, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = b.conf});
    double reload_ms = (cpu_us() - at) / 1000;
    close_bench(&b);
    b = start;
    open_bench(&b);
    printf("%7u %8u %7u %7u %8.2f %8.2f %8.2f %8.2f %8.2f %9.1f\n", agents, depth, queues, skills, us[0],
           us[1], us[2], us[3], quiet(&b, 20000), reload_ms);
    close_bench(&b);
}

int main(void) {
    printf("%7s %8s %7s %7s %8s %8s %8s %8s %8s %9s\n", "agents", "waiting", "queues", "skills", "cycle us",
           "arrival", "freed", "hang-up", "quiet", "reload ms");
    run(100, 1000, 10, 10);
    run(1000, 10000, 50, 50);
    run(10000, 10000, 50, 200);
    return 0;
}
