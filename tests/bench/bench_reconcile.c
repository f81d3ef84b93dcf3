/* SPDX-License-Identifier: Apache-2.0
 * LIBS: floor call acd ivr stats conf base
 * What a pass of the reconciler costs: microseconds of CPU for all of it, and for its longest slice, which is
 * how long nothing else can happen. Many agents, calls in talk and in queues, adapters that look up tables.
 * And, likewise in one go, what it costs to tell all that is saved for a restart. */
#include "callfloor/floor.h"
#include "callfloor/log.h"
#include "floor/reconcile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LEGS = 1 << 16 };

static struct {
    struct floor *floor;
    uint64_t now_us;
    uint32_t sip[LEGS], rtp[LEGS], joined[LEGS], phone;
    bool up[LEGS];
    struct ua_binding binding;
} w;

static double cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static uint64_t now(void *ctx) {
    return w.now_us;
}
static uint64_t wall(void *ctx) {
    return 1790000000000000u + w.now_us;
}
static int invite(void *ctx, uint32_t leg, const struct ua_invite *what) {
    w.sip[slot_index(leg)] = w.phone = leg;
    return 0;
}
static int ring(void *ctx, uint32_t leg) {
    return 0;
}
static int answer(void *ctx, uint32_t leg, const struct media_desc *local) {
    w.up[slot_index(leg)] = true;
    return 0;
}
static void end(void *ctx, uint32_t leg, enum ua_end_cause cause, const struct ua_refusal *refusal) {}
static uint32_t bindings(void *ctx, uint32_t agent, struct ua_binding *out, uint32_t max) {
    *out = w.binding;
    return 1;
}
static enum ua_dialog dialog(void *ctx, uint32_t leg) {
    uint32_t at = slot_index(leg);
    return w.sip[at] != leg ? UA_DIALOG_NONE : w.up[at] ? UA_DIALOG_UP : UA_DIALOG_EARLY;
}
static uint32_t next_in(const uint32_t *table, uint32_t *cursor) {
    while (*cursor < LEGS)
        if (table[(*cursor)++])
            return table[*cursor - 1];
    return 0;
}
static uint32_t ua_next(void *ctx, uint32_t *cursor) {
    return next_in(w.sip, cursor);
}
static int open_leg(void *ctx, uint32_t leg, struct media_desc *local) {
    w.rtp[slot_index(leg)] = leg;
    *local = (struct media_desc){
        .address = "127.0.0.1", .port = 10000, .codec_count = 1, .codec = {{MEDIA_PCMA, 8}}, .direction = 3};
    return 0;
}
static int set(void *ctx, uint32_t leg, const struct media_stream *agreed) {
    return 0;
}
static int play(void *ctx, uint32_t leg, const struct media_play *what) {
    return 0;
}
static void stop(void *ctx, uint32_t leg) {}
static int join(void *ctx, uint32_t leg, uint32_t other) {
    w.joined[slot_index(leg)] = other;
    w.joined[slot_index(other)] = leg;
    return 0;
}
static uint32_t prompt(void *ctx, const char *name) {
    return 1;
}
static int look(void *ctx, uint32_t leg, struct media_leg *out) {
    uint32_t at = slot_index(leg);
    if (w.rtp[at] != leg)
        return -ENOENT;
    *out = (struct media_leg){.joined = w.joined[at], .playing = true, .expects = true};
    return 0;
}
static uint32_t media_next(void *ctx, uint32_t *cursor) {
    return next_in(w.rtp, cursor);
}
static int put(void *ctx, const struct record *row) {
    return 0;
}
static int customer(void *ctx, uint32_t request, const char *number) {
    return -ENOTCONN;
}

static const struct media_desc audio = {
    .address = "192.0.2.1", .port = 4000, .codec_count = 1, .codec = {{MEDIA_PCMA, 8}}, .direction = 3};

static struct conf *make_conf(uint32_t agents) {
    size_t size = 4096 + agents * 80ull, used;
    char *text = malloc(size);
    struct conf *conf = NULL;
    used = (size_t)snprintf(text, size,
                            "general = { state_dir = \"/tmp\"; prompts_dir = \"/tmp\"; };\n"
                            "limits = { max_calls = 20000; };\n"
                            "trunks = ( { name = \"t\"; peers = ( { address = \"192.0.2.1\"; } ); } );\n"
                            "queues = ( { name = \"q\"; ring_ms = 600000; } );\n"
                            "numbers = ( { number = \"1\"; target = \"queue:q\"; } );\nagents = (");
    for (uint32_t i = 0; i < agents; i++)
        used += (size_t)snprintf(text + used, size - used,
                                 "%s{ id = \"%u\"; password = \"a secret\"; queues = [ \"q\" ]; }\n",
                                 i ? "," : "", 100000 + i);
    snprintf(text + used, size - used, ");\n");
    if (conf_parse(&conf, text, NULL, NULL, NULL))
        exit(1);
    free(text);
    return conf;
}

static void call_in(void) {
    struct ua_sink sink = floor_ua_sink(w.floor);
    struct ua_refusal refusal = {0};
    struct ua_incoming in = {
        .trunk = 1, .called = "1", .caller = "48555", .caller_name = "", .call_id = "x", .offer = &audio};
    uint32_t leg = sink.invited(sink.ctx, &in, &refusal);
    if (!leg) {
        fprintf(stderr, "refused: %u %s\n", refusal.status, refusal.reason);
        exit(1);
    }
    w.sip[slot_index(leg)] = leg;
    w.phone = 0;
    floor_turn(w.floor);
    if (!w.phone)
        return;
    w.up[slot_index(w.phone)] = true;
    sink.answered(sink.ctx, w.phone, &audio);
    floor_turn(w.floor);
}

/* As src/daemon/saved.c copies it. */
static struct copied {
    struct floor_saved_agent agent;
    struct floor_saved_figures figures;
    struct stats_agent today;
    char id[NAME_LEN], reason[NAME_LEN], queue[NAME_LEN];
} * copied;
static uint32_t copies;

static void copy_agent(void *arg, const struct floor_saved_agent *agent) {
    struct copied *c = &copied[copies++];
    c->agent = *agent;
    str_copy(c->id, sizeof c->id, agent->id);
    str_copy(c->reason, sizeof c->reason, agent->reason);
    str_copy(c->queue, sizeof c->queue, agent->queue);
}
static void copy_figures(void *arg, const struct floor_saved_figures *figures) {
    struct copied *c = &copied[copies++];
    c->figures = *figures;
    c->today = *figures->today;
}
static void copy_place(void *arg, const struct floor_place *place) {
    (*(uint32_t *)arg)++;
}

static double save_us(uint32_t agents) {
    uint32_t places = 0;
    double start = cpu_us();
    copied = calloc(agents, sizeof *copied);
    copies = 0;
    floor_each_saved_agent(w.floor, copy_agent, NULL);
    copies = 0;
    floor_each_saved_figures(w.floor, copy_figures, NULL);
    floor_each_place(w.floor, copy_place, &places);
    double took = cpu_us() - start;
    free(copied);
    return took;
}

static void bench(uint32_t agents, uint32_t in, uint32_t calls) {
    struct conf *conf = make_conf(agents);
    memset(&w, 0, sizeof w);
    w.now_us = 1000000000;
    w.binding.reachable = true;
    struct floor_setup how = {.conf = conf,
                              .ua = {.invite = invite,
                                     .ring = ring,
                                     .answer = answer,
                                     .end = end,
                                     .bindings = bindings,
                                     .dialog = dialog,
                                     .next_leg = ua_next},
                              .media = {.open = open_leg,
                                        .set = set,
                                        .play = play,
                                        .stop = stop,
                                        .join = join,
                                        .prompt = prompt,
                                        .leg = look,
                                        .next_leg = media_next},
                              .store = {.put = put, .customer = customer},
                              .clock = {NULL, now, wall},
                              .first_id = record_first_id(1, 1790000000000u),
                              .seed = 1};
    if (floor_create(&w.floor, &how))
        exit(1);
    struct ua_sink sink = floor_ua_sink(w.floor);
    for (uint32_t agent = 1; agent <= agents; agent++)
        sink.agent_reachable(sink.ctx, agent, true);
    for (uint32_t agent = 0; agent < in; agent++)
        (void)floor_agent_login(w.floor, conf->agent[agent].id, true, "bench");
    for (uint32_t i = 0; i < calls; i++)
        call_in();
    struct floor_reconcile *r = w.floor->reconcile;
    double all = 0, longest = 0;
    uint32_t slices = 0;
    uint64_t passes = r->passes + 20;
    r->in_pass = false;
    while (r->passes < passes || r->in_pass) {
        w.now_us = r->due_ms * 1000;
        double start = cpu_us();
        floor_reconcile_turn(w.floor);
        double took = cpu_us() - start;
        all += took;
        longest = took > longest ? took : longest;
        slices++;
    }
    uint64_t repairs = 0;
    for (int kind = 0; kind < FLOOR_REPAIRS; kind++)
        repairs += r->repairs[kind];
    double save = save_us(agents);
    printf("%8u %8u %8u %8u %10.0f %10.0f %9.3f %% %8llu %8.0f\n", agents, in, calls, slices / 20, all / 20,
           longest, all / 20 / (RECONCILE_EVERY_MS * 1000.0 + all / 20) * 100, (unsigned long long)repairs,
           save);
    floor_destroy(w.floor);
    conf_free(conf);
}

int main(void) {
    log_set_level(NULL, "error");
    printf("%8s %8s %8s %8s %10s %10s %11s %8s %8s\n", "agents", "in", "calls", "slices", "pass us",
           "slice us", "of a core", "repairs", "save us");
    bench(100, 100, 150);
    bench(1000, 1000, 1500);
    bench(10000, 1000, 1500);
    bench(10000, 10000, 12000);
    return 0;
}
