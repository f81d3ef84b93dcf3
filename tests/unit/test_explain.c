/* LIBS: sim floor call acd ivr stats conf base */
/* SPDX-License-Identifier: Apache-2.0
 * A day of 20,000 calls with faults: each can be explained, and what the explanations claim is compared with
 * what the simulator saw from outside: which phones rang and when, who picked up, who was busy, who hung up.
 */
#include "callfloor/log.h"
#include "sim/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Much of what the distributor can: steps, tiers, reserve, ring-all, scores, preferred agents, doors. */
static const char conf_text[] =
    "general = { state_dir = \"/nonexistent\"; prompts_dir = \"/nonexistent\";\n"
    "            pause_reasons = [ \"break\", \"lunch\" ]; };\n"
    "distributor = { decisions = %u; };\n"
    "store = { database = \"fake\"; };\n"
    "trunks = ( { name = \"carrier\"; peers = ( { address = \"203.0.113.7\"; } ); } );\n"
    "skills = [ \"english\", \"billing\" ];\n"
    "queues = ( { name = \"sales\"; wrapup_ms = 10000; strategy = \"scored\"; resume_ms = 900000;\n"
    "             max_expected_wait_ms = 180000;\n"
    "             skills = [ \"billing:1\" ]; steps = ( { after_ms = 60000; } );\n"
    "             reserve = ( { tier = 2; waiting = 6; waiting_back = 2; hold_ms = 60000; } );\n"
    "             preferred = \"last\"; preferred_wait_ms = 20000; },\n"
    "           { name = \"support\"; wrapup_ms = 20000; max_wait_ms = 90000; overflow = \"queue:sales\";\n"
    "             skills = [ \"english:3\" ]; strategy = \"skill_then_idle\"; max_waiting = 10; "
    "need_unpaused = true; steps = (\n"
    "               { after_ms = 20000; require = \"english >= 2\"; },\n"
    "               { after_ms = 40000; require = \"english >= 2 or billing\"; tier = 2; } ); },\n"
    "           { name = \"vip\"; priority = 50; wrapup_ms = 0; max_waiting = 20; strategy = \"ring_all\";\n"
    "             ring_max = 3; overflow = \"play:closed\"; need_agents = true;\n"
    "             empty_grace_ms = 20000; exits = ( { digit = \"5\";\n"
    "             target = \"play:closed\"; } ); } );\n"
    "menus = ( { name = \"main\"; welcome = \"welcome\"; prompt = \"menu\"; choices = (\n"
    "  { digit = \"1\"; target = \"queue:sales\"; }, { digit = \"2\"; target = \"queue:support\"; },\n"
    "  { digit = \"0\"; target = \"menu:main\"; }, { digit = \"9\"; target = \"agent:1001\"; } ); } );\n"
    "numbers = ( { number = \"100\"; target = \"menu:main\"; },\n"
    "            { number = \"200\"; target = \"queue:vip\"; } );\n"
    "agents = ( { ids = \"1001-1020\"; password = \"not used here\"; queues = [ \"sales\", \"vip\" ];\n"
    "             skills = [ \"billing:4\" ]; },\n"
    "           { ids = \"1021-1040\"; password = \"not used here\"; queues = [ \"sales\", \"support\" ];\n"
    "             skills = [ \"english:5\" ]; },\n"
    "           { ids = \"1041-1050\"; password = \"not used here\"; queues = [ \"sales:2\", \"support:2\" "
    "];\n"
    "             skills = [ \"english:2\", \"billing:2\" ]; } );\n";

static void conf_error(void *arg, const char *message) {
    print_message("%s\n", message);
}

static struct conf *make_conf(uint32_t decisions) {
    char text[sizeof conf_text + 20];
    struct conf *conf = NULL;
    snprintf(text, sizeof text, conf_text, decisions);
    assert_int_equal(conf_parse(&conf, text, NULL, conf_error, NULL), 0);
    return conf;
}

/* ---- what was seen of the agents over the day ---- */

struct span {
    uint64_t from_us, to_us;
};
struct spans {
    struct span *item;
    uint32_t count, capacity;
};
enum { AGENTS = 50 };
static struct {
    struct world *world;
    const struct conf *conf;
    uint64_t wall_us;            /* wall clock less monotonic; constant on this day */
    struct spans phone[AGENTS];  /* the phone rang or was in a talk: from outside */
    struct spans wrapup[AGENTS]; /* from the handles */
    struct spans able[AGENTS];   /* ready and idle, by the agents' own state rows */
    char **why;                  /* of offers: the row's text, by id - first_id */
    uint32_t why_capacity;
    uint64_t first_id, start_ms;
    uint32_t asked; /* calls looked at while they waited */
    uint64_t lot;
} day;

static void add_span(struct spans *spans, uint64_t from_us, uint64_t to_us) {
    if (spans->count == spans->capacity) {
        spans->capacity = spans->capacity ? 2 * spans->capacity : 256;
        spans->item = realloc(spans->item, spans->capacity * sizeof *spans->item);
        assert_non_null(spans->item);
    }
    spans->item[spans->count++] = (struct span){from_us, to_us};
}

static int by_begin(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    return x->from_us < y->from_us ? -1 : x->from_us > y->from_us;
}

/* The span that begins last before the time given; spans of one kind do not overlap. */
static const struct span *span_at(const struct spans *spans, uint64_t at_us) {
    uint32_t low = 0, high = spans->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (spans->item[middle].from_us <= at_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &spans->item[low - 1] : NULL;
}

/* In it during the whole of this millisecond. */
static bool all_through(const struct spans *spans, uint64_t ms) {
    const struct span *span = span_at(spans, ms * 1000);
    return span && span->from_us < ms * 1000 && span->to_us > ms * 1000 + 999;
}
/* In it at some moment of this millisecond. */
static bool within(const struct spans *spans, uint64_t ms) {
    const struct span *span = span_at(spans, ms * 1000 + 999);
    return span && span->to_us >= ms * 1000;
}

/* ---- while it runs ---- */

struct look {
    uint64_t call;
};

static bool on_the_phone(uint32_t agent) {
    const struct world *w = day.world;
    for (uint32_t i = 0; i < w->leg_capacity; i++)
        if (w->leg[i].id && !w->leg[i].over && !w->leg[i].incoming && w->leg[i].agent == agent)
            return true;
    return false;
}
/* A phone of the agent rings, or has been told to ring, for the call. */
static bool rings_for(uint32_t agent, uint64_t contact) {
    const struct world *w = day.world;
    for (uint32_t i = 0; i < w->leg_capacity; i++) {
        const struct fake_leg *leg = &w->leg[i];
        if (leg->id && !leg->over && !leg->incoming && !leg->answered && leg->agent == agent && leg->call &&
            w->call[leg->call - 1].contact_id == contact)
            return true;
    }
    return false;
}
static uint64_t looked_at;
static void look_begin(void *arg, const struct floor_story *story) {
    looked_at = story->id;
    assert_non_null(story->call);
    assert_non_null(story->waits);
    assert_true(story->decisions > 0);
    assert_false(story->truncated && day.conf->decisions > 100000);
}
static void look_decision(void *arg, const struct floor_decision_view *decision) {}
/* Who could be offered the call, or is only kept from it by its rules or a moment's delay, is not on the
 * phone now; whose phone rings for it, is. */
static void look_agent(void *arg, const struct floor_candidate_view *a) {
    uint32_t agent = conf_find_agent(day.conf, a->id);
    assert_int_equal(a->why == ACD_WHY_RINGS, rings_for(agent, looked_at));
    if (a->why == ACD_WHY_ABLE || a->why == ACD_WHY_DELAY || a->why == ACD_WHY_WRAPUP)
        assert_false(on_the_phone(agent));
    if (a->why == ACD_WHY_PAUSED)
        assert_int_equal(a->presence, ACD_NOT_READY);
    if (a->why == ACD_WHY_LOGGED_OUT)
        assert_int_equal(a->presence, ACD_LOGGED_OUT);
    if (a->why == ACD_WHY_WRAPUP)
        assert_int_equal(a->activity, ACD_WRAPUP);
}
static void look_waiting(void *arg, const struct floor_waiting_view *view) {
    struct look *look = arg;
    uint32_t all = 0;
    for (int why = 0; why < ACD_WHY_NOTS; why++)
        all += view->agents[why];
    assert_int_equal(view->agents[ACD_WHY_QUEUE], 0);
    assert_int_equal(all, !strcmp(view->queue, "sales") ? 50 : !strcmp(view->queue, "support") ? 30 : 20);
    if (!look->call || rng_next(&day.lot) % 3 == 0)
        look->call = view->id;
}

static void watch(void *arg, const struct record *row) {
    const struct record_agent_state *state = &row->agent_state;
    uint32_t agent;
    if (row->kind == RECORD_AGENT_STATE && state->end_us && !strcmp(state->presence, "ready") &&
        !strcmp(state->activity, "idle")) {
        agent = conf_find_agent(day.conf, state->agent);
        add_span(&day.able[agent - 1], state->start_us - day.wall_us, state->end_us - day.wall_us);
    } else if (row->kind == RECORD_HANDLE && row->handle.wrap_end_us) {
        agent = conf_find_agent(day.conf, row->handle.agent);
        add_span(&day.wrapup[agent - 1], row->handle.end_us - day.wall_us,
                 row->handle.wrap_end_us - day.wall_us);
    } else if (row->kind == RECORD_OFFER && row->offer.end_us) {
        uint64_t at = row->offer.id - day.first_id;
        while (at >= day.why_capacity) {
            day.why = realloc(day.why, (day.why_capacity + 65536) * sizeof *day.why);
            assert_non_null(day.why);
            memset(day.why + day.why_capacity, 0, 65536 * sizeof *day.why);
            day.why_capacity += 65536;
        }
        day.why[at] = strdup(row->offer.why);
    } else if (row->kind == RECORD_CONTACT && rng_next(&day.lot) % 20 == 0) {
        const struct floor_story_sink sink = {NULL, look_begin, look_decision, look_agent};
        struct look look = {0};
        floor_each_waiting(world_floor(day.world), NULL, look_waiting, &look);
        if (!look.call)
            return;
        assert_int_equal(floor_call_explain(world_floor(day.world), look.call, &sink), 0);
        day.asked++;
    }
}

enum { HOUR_MS = 3600 * 1000 };
#define AT(h, m) ((h)*3600000000ull + (m)*60000000ull)
static char vip_agents[] = "1001-1020", support_agents[] = "1021-1050", one_agent[] = "1041";
static struct act acts[] = {
    {.kind = ACT_CLOSE, .at_us = AT(10, 0), .queue = "sales"},
    {.kind = ACT_OPEN, .at_us = AT(10, 20), .queue = "sales"},
    {.kind = ACT_SKILL, .at_us = AT(12, 0), .agents = one_agent, .skill = "english", .level = 0},
    {.kind = ACT_SKILL, .at_us = AT(13, 0), .agents = one_agent, .skill = "english", .level = -1},
    {.kind = ACT_PAUSE, .at_us = AT(14, 0), .agents = vip_agents},
    {.kind = ACT_PAUSE, .at_us = AT(14, 4), .agents = vip_agents},
    {.kind = ACT_LOGOUT, .at_us = AT(14, 6), .agents = vip_agents},
    {.kind = ACT_LOGIN, .at_us = AT(14, 40), .agents = vip_agents},
    {.kind = ACT_PAUSE, .at_us = AT(16, 0), .agents = support_agents},
    {.kind = ACT_PAUSE, .at_us = AT(16, 4), .agents = support_agents}, /* those who have come back, too */
    {.kind = ACT_PAUSE, .at_us = AT(16, 8), .agents = support_agents},
    {.kind = ACT_PAUSE, .at_us = AT(16, 12), .agents = support_agents},
    {.kind = ACT_PAUSE, .at_us = AT(16, 16), .agents = support_agents},
    {.kind = ACT_PAUSE, .at_us = AT(16, 20), .agents = support_agents},
    {.kind = ACT_PAUSE, .at_us = AT(16, 24), .agents = support_agents},
    {.kind = ACT_PAUSE, .at_us = AT(16, 28), .agents = support_agents},
    {.kind = ACT_PAUSE, .at_us = AT(16, 32), .agents = support_agents},
    {.kind = ACT_UNPAUSE, .at_us = AT(16, 40), .agents = support_agents},
};
static bool without_english(uint32_t agent, uint64_t ms) {
    uint64_t from_ms = day.start_ms + 12 * HOUR_MS;
    return agent == 41 && ms >= from_ms && ms < from_ms + HOUR_MS;
}

static void run_day(uint32_t decisions, uint64_t seed) {
    struct scenario scenario = scenario_default;
    struct world_result result;
    scenario.check = false; /* test_sim does */
    scenario.faults.clock_jumps = 0;
    scenario.every_queue.exit_digit = '5';
    scenario.every_queue.exit_share = 0.1;
    scenario.every_queue.exit_after = (struct draw){DRAW_EXPONENTIAL, 20000000, 0};
    scenario.act = acts;
    scenario.act_count = ARRAY_LEN(acts);
    memset(&day, 0, sizeof day);
    day.lot = seed;
    log_set_level(NULL, "error");
    setenv("TZ", "UTC", 1);
    struct conf *conf = make_conf(decisions);
    day.conf = conf;
    assert_int_equal(world_create(&day.world, conf, &scenario, seed), 0);
    day.wall_us = day.world->wall0_us;
    day.first_id = day.world->first_id;
    day.start_ms = world_now_us(day.world) / 1000;
    world_watch_rows(day.world, watch, NULL);
    world_run(day.world, &result);
    if (result.broken)
        fail_msg("seed %llu: %s", (unsigned long long)seed, result.broken);
    assert_true(result.calls > 18000);
}

static void end_day(void) {
    struct conf *conf = (struct conf *)day.conf;
    world_destroy(day.world);
    for (uint32_t i = 0; i < AGENTS; i++) {
        free(day.phone[i].item);
        free(day.wrapup[i].item);
        free(day.able[i].item);
    }
    for (uint32_t i = 0; i < day.why_capacity; i++)
        free(day.why[i]);
    free(day.why);
    conf_free(conf);
}

/* ---- what is claimed of a call ---- */

enum { CLAIMS = 600, TEXT = 300 };
struct claim {
    uint64_t ms; /* monotonic, as the distributor counts */
    char text[TEXT];
    char kind[16], result[24], why[24];
    uint32_t queue, agent, next[ACD_OTHERS], position, step, tier, able, waiting;
    double measure, next_measure[ACD_OTHERS]; /* what the strategy goes by: more is better in this center */
};
static struct {
    struct claim claim[CLAIMS];
    uint32_t count, decisions;
    bool truncated, over;
} told;

/* The text behind "KEY=" up to the next space, "" when there is none. */
static void value(const char *text, const char *key, char *out, size_t size) {
    const char *at = strstr(text, key);
    *out = 0;
    if (at)
        snprintf(out, size, "%.*s", (int)strcspn(at + strlen(key), " ,:"), at + strlen(key));
}
static uint32_t number(const char *text, const char *key, uint32_t missing) {
    char word[40];
    uint32_t out = missing;
    value(text, key, word, sizeof word);
    if (*word)
        assert_int_equal(str_to_u32(word, 0, UINT32_MAX, &out), 0);
    return out;
}
static uint32_t agent_named(const char *text, const char *key) {
    char word[NAME_LEN];
    value(text, key, word, sizeof word);
    uint32_t agent = conf_find_agent(day.conf, word);
    assert_true(!*word || agent);
    return agent;
}

static double measure(const char *text) {
    static const char *const names[] = {" idle_s=", " levels=", " score="};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strstr(text, names[i]))
            return strtod(strstr(text, names[i]) + strlen(names[i]), NULL);
    return 0;
}

static void told_begin(void *arg, const struct floor_story *story) {
    told.count = 0;
    told.decisions = story->decisions;
    told.truncated = story->truncated;
    told.over = !story->call;
}
static void told_decision(void *arg, const struct floor_decision_view *d) {
    char word[NAME_LEN];
    assert_true(told.count < CLAIMS);
    struct claim *c = &told.claim[told.count++];
    *c = (struct claim){.ms = (d->at_us - day.wall_us) / 1000};
    str_copy(c->text, sizeof c->text, d->text);
    snprintf(c->kind, sizeof c->kind, "%.*s", (int)strcspn(d->text, " "), d->text);
    value(d->text, " queue=", word, sizeof word);
    c->queue = conf_find_queue(day.conf, word);
    c->agent = agent_named(d->text, " agent=");
    value(d->text, " result=", c->result, sizeof c->result);
    value(d->text, " why=", c->why, sizeof c->why);
    c->position = number(d->text, " position=", 0);
    c->waiting = number(d->text, " waiting=", 0);
    c->measure = measure(d->text);
    c->step = number(d->text, " step=", 0);
    c->tier = number(d->text, " tier=", 1);
    c->able = number(d->text, " able=", 0);
    const char *next = strstr(d->text, " next=");
    for (int i = 0; next && i < ACD_OTHERS; i++) {
        char key[2] = {i ? ',' : '=', 0};
        next = strstr(next, key);
        if (next && strcspn(next, " ") > 1) {
            c->next[i] = agent_named(next, key);
            c->next_measure[i] = strtod(next + strcspn(next, ":") + 1, NULL);
        }
        next = next ? next + 1 : NULL;
        if (next && !memchr(next, ',', strcspn(next, " ")))
            break;
    }
}
static void told_agent(void *arg, const struct floor_candidate_view *agent) {
    fail_msg("nobody waits any more");
}
static void ask(uint64_t contact) {
    const struct floor_story_sink sink = {NULL, told_begin, told_decision, told_agent};
    assert_int_equal(floor_call_explain(world_floor(day.world), contact, &sink), 0);
    assert_int_equal(told.count, told.decisions);
    assert_true(told.over);
}

/* ---- claims against the truth ---- */

static struct {
    uint32_t enters, refuses[ACD_VISIT_RESULTS], resumes, prefers, steps, offers, next, passes,
        overs[ACD_OFFER_RESULTS], leaves[ACD_VISIT_RESULTS], without, unrung, asked;
} seen;

static const struct claim *at_claim;
static uint64_t at_contact;
/* "what" is told with the line that made the claim. */
#define CLAIM(condition, ...)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            print_error("contact %llu, ms %llu, \"%s\": ", (unsigned long long)at_contact,                   \
                        (unsigned long long)at_claim->ms, at_claim->text);                                   \
            fail_msg(__VA_ARGS__);                                                                           \
        }                                                                                                    \
    } while (0)

struct checking {
    const struct world_call *call;
    uint32_t visit, offers, step, queue;
    bool in_visit;
    uint32_t preferred;    /* for whom alone it waits */
    uint32_t open[AGENTS]; /* 1-based offer that rings, by agent */
    bool tried[AGENTS];    /* an offer to the agent has ended */
    uint32_t answered;     /* agent */
};

static const struct world_offer *next_offer(struct checking *c) {
    while (c->offers < c->call->offer_count && c->call->offer[c->offers].direct)
        c->offers++;
    return c->offers < c->call->offer_count ? &c->call->offer[c->offers++] : NULL;
}

static uint32_t tier_of(uint32_t agent, uint32_t queue) {
    const struct conf_agent *a = &day.conf->agent[agent - 1];
    for (uint32_t i = 0; i < a->queue_count; i++)
        if (a->queue[i] == queue)
            return a->tier ? a->tier[i] : 1;
    return 0;
}
static bool skilled(uint32_t agent, uint32_t queue, uint32_t step) {
    const struct conf_agent *a = &day.conf->agent[agent - 1];
    const struct conf_queue *q = &day.conf->queue[queue - 1];
    uint8_t level[8] = {0};
    for (uint32_t i = 0; i < a->skill_count; i++)
        level[a->skill[i].skill] = (uint8_t)a->skill[i].level;
    if (without_english(agent, at_claim->ms))
        level[1] = 0;
    for (uint32_t i = 0; i < q->skill_count && !step; i++)
        if (level[q->skill[i].skill] < q->skill[i].level)
            return false;
    return conf_require_met(step ? &q->step[step - 1].require : &q->require, level, day.conf->skill_count);
}
/* Nobody who is called able was on the phone or in wrap-up, or was anything but ready and idle. */
static void was_free(uint32_t agent) {
    const char *id = day.conf->agent[agent - 1].id;
    CLAIM(!all_through(&day.phone[agent - 1], at_claim->ms), "%s was on the phone", id);
    CLAIM(!all_through(&day.wrapup[agent - 1], at_claim->ms), "%s was in wrap-up", id);
    CLAIM(within(&day.able[agent - 1], at_claim->ms), "%s was not ready and idle", id);
}

static void check_enter(struct checking *c, const struct claim *claim) {
    CLAIM(!c->in_visit && c->visit < c->call->visit_count, "no such visit");
    const struct world_visit *visit = &c->call->visit[c->visit];
    bool refused = !strcmp(claim->kind, "refuse");
    CLAIM(claim->queue == visit->queue, "it was queue %u", visit->queue);
    CLAIM(claim->ms == visit->entered_us / 1000, "it was at %llu",
          (unsigned long long)visit->entered_us / 1000);
    c->queue = visit->queue;
    c->step = c->preferred = 0;
    if (refused) {
        CLAIM(!strcmp(claim->result, acd_visit_result_name(visit->result)), "it was %s",
              acd_visit_result_name(visit->result));
        if (visit->result == ACD_VISIT_TOO_LONG)
            CLAIM(number(claim->text, " expected_ms=", 0) > 180000, "is not too long");
        else
            CLAIM(claim->waiting == visit->ahead, "%u waited", visit->ahead);
        c->visit++;
        seen.refuses[visit->result]++;
        return;
    }
    const struct claim *after = claim + 1;
    bool resumed = after < told.claim + told.count && !strcmp(after->kind, "resume");
    CLAIM(claim->position == visit->position_in, "the row says %u", visit->position_in);
    CLAIM(resumed ? claim->position <= visit->ahead + 1 : claim->position == visit->ahead + 1,
          "%u waited before", visit->ahead);
    c->in_visit = true;
    seen.enters++;
}

/* The same person was lost in that queue not long ago, and some visit of theirs there began at that place. */
static void check_resume(struct checking *c, const struct claim *claim) {
    uint64_t place_ms = claim->ms - number(claim->text, " older_ms=", 0);
    bool lost = false, began = false;
    for (uint32_t i = 0; i < world_calls(day.world); i++) {
        const struct world_call *earlier = world_call_at(day.world, i);
        if (earlier->person != c->call->person || !earlier->caller)
            continue;
        for (uint32_t j = 0; j < earlier->visit_count; j++) {
            const struct world_visit *visit = &earlier->visit[j];
            if (visit->queue != c->queue || visit->entered_us / 1000 >= claim->ms)
                continue;
            began |= visit->entered_us / 1000 == place_ms;
            lost |= (visit->result == ACD_VISIT_ABANDONED || visit->result == ACD_VISIT_FAILED) &&
                    visit->left_us / 1000 <= claim->ms && visit->left_us / 1000 + 900000 >= claim->ms;
        }
    }
    CLAIM(lost, "nobody was lost");
    CLAIM(began, "no visit began then");
    seen.resumes++;
}

static void check_offer(struct checking *c, const struct claim *claim) {
    const struct world_offer *offer = next_offer(c);
    CLAIM(c->in_visit && offer, "no phone rang");
    CLAIM(claim->agent == offer->agent, "it was agent %u", offer->agent);
    if (offer->invited_us)
        CLAIM(claim->ms == offer->invited_us / 1000, "it was at %llu",
              (unsigned long long)offer->invited_us / 1000);
    else
        seen.unrung++;
    CLAIM(!c->open[claim->agent - 1], "it rings already");
    c->open[claim->agent - 1] = c->offers;
    was_free(claim->agent);
    bool own = c->preferred == claim->agent;
    CLAIM(claim->step == c->step, "the last step was %u", c->step);
    CLAIM(tier_of(claim->agent, c->queue), "does not serve the queue");
    CLAIM(own || tier_of(claim->agent, c->queue) <= claim->tier, "is of tier %u",
          tier_of(claim->agent, c->queue));
    CLAIM(own || skilled(claim->agent, c->queue, c->step), "has not got the skills");
    CLAIM(!c->preferred || own, "waits for agent %u alone", c->preferred);
    uint32_t able = 0, named = 1;
    for (uint32_t agent = 1; agent <= AGENTS; agent++) {
        uint32_t tier = tier_of(agent, c->queue);
        able += tier && tier <= claim->tier && skilled(agent, c->queue, c->step) &&
                within(&day.able[agent - 1], claim->ms);
    }
    for (int i = 0; i < ACD_OTHERS && claim->next[i]; i++) {
        was_free(claim->next[i]);
        CLAIM(skilled(claim->next[i], c->queue, c->step), "next %d has not got the skills", i);
        CLAIM(claim->next[i] != claim->agent, "next is the same");
        CLAIM(claim->measure >= claim->next_measure[i] || c->tried[claim->next[i] - 1], "next %d is better",
              i);
        named++;
        seen.next++;
    }
    CLAIM(claim->able >= named && (own || claim->able <= able), "%u were free, %u are named", able, named);
    const char *why = offer->row_id && offer->row_id - day.first_id < day.why_capacity
                          ? day.why[offer->row_id - day.first_id]
                          : NULL;
    CLAIM(why && !strcmp(why, claim->text), "the row says \"%s\"", why ? why : "nothing");
    seen.offers++;
}

static void check_pass(struct checking *c, const struct claim *claim) {
    was_free(claim->agent);
    uint32_t tier = tier_of(claim->agent, c->queue);
    CLAIM(tier, "does not serve the queue");
    if (!strcmp(claim->why, "skill"))
        CLAIM(!skilled(claim->agent, c->queue, c->step), "has the skills");
    else if (!strcmp(claim->why, "tier"))
        CLAIM(tier > 1, "is of tier %u", tier);
    else if (!strcmp(claim->why, "preferred"))
        CLAIM(c->preferred && c->preferred != claim->agent, "nobody is preferred");
    else
        CLAIM(false, "is no reason");
    seen.passes++;
}

/* The result of an offer, by what the phone did and what became of the call. */
static void check_result(const struct checking *c, const struct world_offer *offer,
                         enum acd_offer_result result) {
    const struct world_call *call = c->call;
    bool picked_up = offer->picked_up_us && offer->picked_up_us / 1000 <= at_claim->ms;
    /* a 200 that was lost does not count, nor one that came in the moment of a timeout */
    bool taken = picked_up && !offer->cancelled && offer->picked_up_us / 1000 < at_claim->ms;
    switch (result) {
    case ACD_OFFER_ANSWERED:
        CLAIM(picked_up && !offer->cancelled, "the phone was not picked up");
        break;
    case ACD_OFFER_NO_ANSWER:
        CLAIM(!taken, "the phone was picked up");
        CLAIM(!call->ended_us || call->ended_us / 1000 >= at_claim->ms, "the caller was gone");
        break;
    case ACD_OFFER_REJECTED:
        CLAIM(offer->refused == 603, "the phone said %u", offer->refused);
        break;
    case ACD_OFFER_BUSY:
        CLAIM(offer->refused == 486, "the phone said %u", offer->refused);
        break;
    case ACD_OFFER_UNREACHABLE:
        CLAIM(!taken, "the phone was picked up");
        CLAIM(offer->refused != 603 && offer->refused != 486, "the phone said %u", offer->refused);
        break;
    case ACD_OFFER_CALLER_GONE:
        CLAIM(call->ended_us && call->ended_us / 1000 <= at_claim->ms + 1, "the caller was there");
        break;
    case ACD_OFFER_LOST_RACE:
        CLAIM(c->answered && c->answered != offer->agent, "nobody had answered");
        CLAIM(offer->elsewhere || offer->picked_up_us, "the phone was not told so");
        break;
    case ACD_OFFER_CANCELLED:
        CLAIM(!offer->refused, "the phone said %u", offer->refused);
        break;
    case ACD_OFFER_RESULTS:
        CLAIM(false, "is no result");
    }
}

static void check_over(struct checking *c, const struct claim *claim) {
    uint32_t number_of = c->open[claim->agent - 1], result = 0;
    CLAIM(number_of, "no phone rang");
    const struct world_offer *offer = &c->call->offer[number_of - 1];
    c->open[claim->agent - 1] = 0;
    c->tried[claim->agent - 1] = true;
    while (result < ACD_OFFER_RESULTS && strcmp(acd_offer_result_name(result), claim->result))
        result++;
    CLAIM(offer->result == result, "the row says %s", acd_offer_result_name(offer->result));
    check_result(c, offer, result);
    if (result == ACD_OFFER_ANSWERED)
        c->answered = claim->agent;
    seen.overs[result]++;
}

static void check_leave(struct checking *c, const struct claim *claim) {
    CLAIM(c->in_visit, "it was not in a queue");
    const struct world_visit *visit = &c->call->visit[c->visit++];
    c->in_visit = false;
    CLAIM(claim->queue == visit->queue, "it was queue %u", visit->queue);
    CLAIM(!strcmp(claim->result, acd_visit_result_name(visit->result)), "the row says %s",
          acd_visit_result_name(visit->result));
    CLAIM(claim->ms == visit->left_us / 1000, "it was at %llu", (unsigned long long)visit->left_us / 1000);
    CLAIM(claim->position == visit->position_out, "the row says %u", visit->position_out);
    for (uint32_t i = 0; i < AGENTS; i++)
        CLAIM(!c->open[i], "a phone rings on");
    if (visit->result == ACD_VISIT_ANSWERED) {
        CLAIM(c->answered, "nobody answered");
        CLAIM(!c->call->agent || c->call->agent == c->answered, "it talked to agent %u", c->call->agent);
        CLAIM(c->call->agent || c->call->ended_us / 1000 <= claim->ms + 1, "it talked to nobody");
    } else {
        CLAIM(!c->answered, "somebody answered");
    }
    if (visit->result == ACD_VISIT_ABANDONED)
        CLAIM(c->call->hung_up || c->call->ended_us / 1000 <= claim->ms + 1, "the caller did not hang up");
    seen.leaves[visit->result]++;
}

static void check_call(const struct world_call *call) {
    struct checking c = {.call = call};
    uint64_t before_ms = 0;
    at_contact = call->contact_id;
    ask(call->contact_id);
    assert_false(told.truncated);
    if (!call->visit_count) {
        assert_int_equal(told.count, 0);
        seen.without++;
        return;
    }
    for (uint32_t i = 0; i < told.count; i++) {
        const struct claim *claim = at_claim = &told.claim[i];
        CLAIM(claim->ms >= before_ms, "time goes back");
        before_ms = claim->ms;
        if (!strcmp(claim->kind, "enter") || !strcmp(claim->kind, "refuse")) {
            check_enter(&c, claim);
        } else if (!strcmp(claim->kind, "resume")) {
            check_resume(&c, claim);
        } else if (!strcmp(claim->kind, "prefer")) {
            c.preferred = claim->agent;
            seen.prefers++;
        } else if (!strcmp(claim->kind, "anyone")) {
            CLAIM(c.preferred && c.preferred == agent_named(claim->text, " instead_of="),
                  "nobody was preferred");
            c.preferred = 0;
        } else if (!strcmp(claim->kind, "step")) {
            CLAIM(claim->step > c.step && claim->step <= day.conf->queue[c.queue - 1].step_count,
                  "was at step %u", c.step);
            c.step = claim->step;
            seen.steps++;
        } else if (!strcmp(claim->kind, "offer")) {
            check_offer(&c, claim);
        } else if (!strcmp(claim->kind, "pass")) {
            check_pass(&c, claim);
        } else if (!strcmp(claim->kind, "over")) {
            check_over(&c, claim);
        } else if (!strcmp(claim->kind, "leave")) {
            check_leave(&c, claim);
        } else {
            CLAIM(false, "is of no known kind");
        }
    }
    at_claim = &told.claim[told.count ? told.count - 1 : 0];
    CLAIM(!c.in_visit && c.visit == call->visit_count, "%u of %u visits", c.visit, call->visit_count);
    CLAIM(!next_offer(&c), "not all phones that rang are told");
}

static void collect_phones(void) {
    const struct world *w = day.world;
    for (uint32_t i = 0; i < world_calls(w); i++) {
        const struct world_call *call = world_call_at(w, i);
        for (uint32_t j = 0; j < call->offer_count; j++) {
            const struct world_offer *offer = &call->offer[j];
            if (offer->invited_us)
                add_span(&day.phone[offer->agent - 1], offer->invited_us,
                         offer->ended_us ? offer->ended_us : world_now_us(w));
        }
    }
    for (uint32_t i = 0; i < AGENTS; i++) {
        qsort(day.phone[i].item, day.phone[i].count, sizeof(struct span), by_begin);
        qsort(day.wrapup[i].item, day.wrapup[i].count, sizeof(struct span), by_begin);
        qsort(day.able[i].item, day.able[i].count, sizeof(struct span), by_begin);
    }
}

/* ---- the tests ---- */

enum { SEEDS = 5, LINES = 400000, CALLS = 60000 };
/* What was told of each call of the last day when nothing had been forgotten: hashes of its lines. */
static struct {
    uint64_t line[LINES], world;
    uint32_t from[CALLS + 1], calls;
} whole;

static uint64_t hash_of(const struct claim *claim) {
    uint64_t hash = 0xcbf29ce484222325u ^ claim->ms;
    for (const char *p = claim->text; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
    return hash;
}

static void check_day(uint64_t seed) {
    run_day(1000000, seed);
    collect_phones();
    whole.calls = world_calls(day.world);
    whole.world = day.world->hash;
    assert_in_range(whole.calls, 20000, CALLS);
    for (uint32_t i = 0; i < whole.calls; i++) {
        const struct world_call *call = world_call_at(day.world, i);
        uint32_t at = whole.from[i];
        if (call->contact_id)
            check_call(call);
        else
            told.count = 0; /* was never placed */
        assert_true(at + told.count <= LINES);
        for (uint32_t j = 0; j < told.count; j++)
            whole.line[at++] = hash_of(&told.claim[j]);
        whole.from[i + 1] = at;
    }
    seen.asked += day.asked;
    end_day();
}

static void test_every_call_of_a_day_is_explained_truly(void **state) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        check_day(seed);
    /* the days have had all of it */
    assert_true(seen.enters > 30000 && seen.offers > 50000 && seen.next > 50000 && seen.passes > 5000);
    assert_true(seen.steps > 500 && seen.prefers > 500 && seen.resumes > 10 && seen.without > 5000);
    assert_true(seen.asked > 5000);
    for (int i = 0; i < ACD_OFFER_RESULTS; i++)
        if (!seen.overs[i])
            fail_msg("no offer ended %s", acd_offer_result_name((enum acd_offer_result)i));
    for (int i = 0; i < ACD_VISIT_RESULTS; i++)
        if (!seen.leaves[i] && !seen.refuses[i] && i != ACD_VISIT_WITHDRAWN && i != ACD_VISIT_CALLBACK)
            fail_msg("no visit ended %s", acd_visit_result_name((enum acd_visit_result)i));
}

/* With less memory the same day goes the same way, and what is still told is the end of the whole story. */
static void test_what_is_forgotten_is_said(void **state) {
    static const uint32_t sizes[] = {3000, 40000};
    uint32_t complete = 0, cut = 0, forgotten = 0;
    for (size_t n = 0; n < ARRAY_LEN(sizes); n++) {
        run_day(sizes[n], SEEDS);
        assert_true(day.world->hash == whole.world);
        assert_int_equal(world_calls(day.world), whole.calls);
        for (uint32_t i = 0; i < whole.calls; i++) {
            const struct world_call *call = world_call_at(day.world, i);
            uint32_t lines = whole.from[i + 1] - whole.from[i];
            if (!call->contact_id)
                continue;
            ask(call->contact_id);
            assert_true(told.count <= lines);
            for (uint32_t j = 0; j < told.count; j++)
                assert_true(hash_of(&told.claim[j]) == whole.line[whole.from[i + 1] - told.count + j]);
            if (told.count)
                assert_int_equal(told.truncated, told.count < lines);
            complete += told.count && told.count == lines;
            cut += told.count && told.count < lines;
            forgotten += lines && !told.count;
        }
        end_day();
    }
    assert_true(complete > 3000 && cut > 0 && forgotten > 10000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_of_a_day_is_explained_truly),
        cmocka_unit_test(test_what_is_forgotten_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
