/* SPDX-License-Identifier: Apache-2.0
 * LIBS: acd conf base
 * Plays the scenarios of acd_scenarios.txt (explained there), each a test of its own. */
#include "acd_script.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct stage {
    struct acd *acd;
    struct conf *draft, *running;
    char text[16384];
    size_t used;
    bool entered; /* the scenario wants to see these effects, too */
};
/* What of an event's effects is shown: ">" all, "~" all but agents' states, "." none. */
enum shown { ALL, NO_STATES, NONE };

static void PRINTF_LIKE(2, 3) say(struct stage *stage, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int more = vsnprintf(stage->text + stage->used, sizeof stage->text - stage->used, format, args);
    va_end(args);
    stage->used += (size_t)more;
    assert_true(stage->used < sizeof stage->text);
}

static void say_agent(struct stage *stage, uint32_t id) {
    struct acd_agent_view v;
    if (acd_agent_view(stage->acd, id, &v)) {
        say(stage, "unknown\n");
        return;
    }
    say(stage, "%s/%s since=%" PRIu64 " idle_order=%" PRIu64 " missed=%u", acd_presence_name(v.presence),
        acd_activity_name(v.activity), v.since_ms, v.idle_order_ms, v.missed);
    if (v.call)
        say(stage, " call=%" PRIu64 " queue=%u offer=%u", v.call, v.queue, v.offer);
    if (v.pending)
        say(stage, " pending=%s(%u)", acd_presence_name(v.pending_presence), v.pending_reason);
    if (v.deadline_ms != NEVER)
        say(stage, " deadline=%" PRIu64, v.deadline_ms);
    say(stage, "\n");
}

static void say_queue(struct stage *stage, uint32_t number) {
    struct acd_queue_view v;
    if (acd_queue_view(stage->acd, number, &v)) {
        say(stage, "unknown\n");
        return;
    }
    say(stage, "waiting=%u offered=%u agents=%u in=%u idle=%u talking=%u wrapup=%u not_ready=%u", v.waiting,
        v.offered, v.agents, v.logged_in, v.idle, v.talking, v.wrapup, v.not_ready);
    if (v.oldest_ms != NEVER)
        say(stage, " oldest=%" PRIu64, v.oldest_ms);
    say(stage, "\n");
}

/* What an agent has done since the login, and what wrap-up waits for. */
static void say_work(struct stage *stage, uint32_t id) {
    struct acd_agent_view v;
    if (acd_agent_view(stage->acd, id, &v)) {
        say(stage, "unknown\n");
        return;
    }
    say(stage, "handles=%u talk=%" PRIu64 " extensions=%u%s\n", v.handles, v.talk_ms, v.extensions,
        v.want_disposition ? " disposition wanted" : "");
}

static void say_door(struct stage *stage, uint32_t number) {
    struct acd_queue_view v;
    if (acd_queue_view(stage->acd, number, &v)) {
        say(stage, "unknown\n");
        return;
    }
    say(stage, "tier=%u %s\n", v.tier, v.closed ? "closed" : "open");
}

static void say_expected(struct stage *stage, uint32_t number) {
    struct acd_queue_view v;
    if (acd_queue_view(stage->acd, number, &v)) {
        say(stage, "unknown\n");
        return;
    }
    say(stage, "wait=%" PRId64 " told=%u wrong=%u%s\n", v.wait_ms == NEVER ? -1 : (int64_t)v.wait_ms, v.told,
        v.told_wrong, v.telling ? "" : " silent");
}

static void say_decision(void *arg, const struct acd_decision *decision) {
    struct stage *stage = arg;
    char text[400];
    acd_decision_text(stage->running, decision, text, sizeof text);
    say(stage, "%s\n", text);
}

static void say_waiting(void *arg, uint64_t call, uint32_t queue, uint64_t enter_ms) {
    say(arg, " %" PRIu64 "@%u", call, queue);
}

static void answer(struct stage *stage, const char *question) {
    unsigned number = 0, agent = 0;
    if (sscanf(question, "why %u %u", &number, &agent) == 2) {
        say(stage, "%s\n", acd_why_not_name(acd_why_not(stage->acd, number, agent)));
    } else if (sscanf(question, "explain %u", &number) == 1) {
        acd_explain(stage->acd, number, say_decision, stage, NULL);
    } else if (sscanf(question, "work %u", &number) == 1) {
        say_work(stage, number);
    } else if (sscanf(question, "door %u", &number) == 1) {
        say_door(stage, number);
    } else if (sscanf(question, "expected %u", &number) == 1) {
        say_expected(stage, number);
    } else if (sscanf(question, "agent %u", &number) == 1) {
        say_agent(stage, number);
    } else if (sscanf(question, "queue %u", &number) == 1) {
        say_queue(stage, number);
    } else if (sscanf(question, "call %u", &number) == 1) {
        say(stage, "place=%u\n", acd_position(stage->acd, number));
    } else if (sscanf(question, "waiting %u", &number) == 1) {
        say(stage, "%u:", acd_waiting(stage->acd));
        acd_each_waiting(stage->acd, number, say_waiting, stage);
        say(stage, "\n");
    } else {
        assert_string_equal(question, "deadline");
        if (acd_deadline(stage->acd) == NEVER)
            say(stage, "never\n");
        else
            say(stage, "%" PRIu64 "\n", acd_deadline(stage->acd));
    }
}

static bool shows(const struct stage *stage, const struct acd_effect *effect, enum shown shown) {
    if (effect->type == ACD_FX_ENTERED)
        return stage->entered && shown != NONE;
    return shown == ALL || (shown == NO_STATES && effect->type != ACD_FX_AGENT);
}

static void send(struct stage *stage, const char *line, enum shown shown) {
    struct acd_event event;
    struct acd_effects effects = {0};
    struct conf *old = NULL;
    char text[300];
    if (script_event(&event, line))
        fail_msg("not an event: %s", line);
    acd_event_text(&event, text, sizeof text);
    assert_string_equal(text, line); /* both directions agree */
    if (event.type == ACD_EV_CONFIGURE) {
        old = stage->running;
        event.conf = stage->running = world_copy(stage->draft);
    }
    int rc = acd_step(stage->acd, &event, &effects);
    world_free(old);
    for (uint32_t i = 0; i < effects.count; i++) {
        acd_effect_text(&effects.item[i], text, sizeof text);
        if (shows(stage, &effects.item[i], shown))
            say(stage, "%s\n", text);
    }
    free(effects.item);
    if (rc)
        say(stage, "! %s\n", strerrorname_np(-rc));
    const char *broken = acd_check(stage->acd);
    if (broken)
        fail_msg("after \"%s\": %s", line, broken);
}

/* An event for each of "agent=3-5". */
static void send_all(struct stage *stage, const char *line, enum shown shown) {
    const char *range = strstr(line, "agent=");
    unsigned first, last;
    int used;
    if (!range || sscanf(range, "agent=%u-%u%n", &first, &last, &used) != 2) {
        send(stage, line, shown);
        return;
    }
    for (; first <= last; first++) {
        char text[200];
        snprintf(text, sizeof text, "%.*sagent=%u%s", (int)(range - line), line, first, range + used);
        send(stage, text, shown);
    }
}

/* The whole transcript of a script; to be freed. */
static char *transcript(const char *name, const char *script) {
    struct stage *stage = calloc(1, sizeof *stage);
    char *copy = strdup(script), *rest = NULL, *text;
    stage->draft = world_conf(0, 0, 0);
    stage->entered = strstr(script, "\nentered");
    assert_int_equal(acd_create(&stage->acd, 1), 0);
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *body = line + 2;
        if (!strchr("@>~.?#", *line))
            continue;
        say(stage, "%s\n", line);
        if (*line == '@' && script_line(stage->draft, body))
            fail_msg("%s: not a configuration: %s", name, line);
        else if (strchr(">~.", *line))
            send_all(stage, body, *line == '>' ? ALL : *line == '~' ? NO_STATES : NONE);
        else if (*line == '?')
            answer(stage, body);
    }
    acd_destroy(stage->acd);
    world_free(stage->draft);
    world_free(stage->running);
    text = strdup(stage->text);
    free(stage);
    free(copy);
    return text;
}

static void play(const char *name, const char *script) {
    char *text = transcript(name, script);
    bool same = !strcmp(text, script);
    if (!same)
        fprintf(stderr, "---- %s: expected\n%s---- but it went\n%s----\n", name, script, text);
    free(text);
    assert_true(same);
}

static void scenario(void **state) {
    char *const *part = *state;
    play(part[0], part[1]);
}

static char *slurp(const char *path) {
    enum { MOST = 1 << 20 };
    char *text = calloc(1, MOST);
    FILE *file = fopen(path, "r");
    if (!file || !text) {
        fprintf(stderr, "cannot read %s (run from the top of the source tree)\n", path);
        exit(1);
    }
    text[fread(text, 1, MOST - 1, file)] = 0;
    fclose(file);
    return text;
}

/* With a file: plays it and prints the transcript, to write new scenarios with. */
static int play_file(const char *path) {
    char *script = slurp(path), *text = transcript(path, script);
    fputs(text, stdout);
    free(script);
    free(text);
    return 0;
}

static char *parts[200][2]; /* name, script */

/* Cuts the file at its "== name" lines; lines that are empty belong to nobody. */
static size_t cut(char *text) {
    size_t count = 0;
    char *at = strstr(text, "\n== ");
    while (at && count < ARRAY_LEN(parts)) {
        char *name = at + 4, *next = strstr(name, "\n== ");
        char *end = next ? next : name + strlen(name);
        while (end[-1] == '\n')
            end--;
        char *script = strchr(name, '\n') + 1;
        parts[count][0] = strndup(name, (size_t)(script - 1 - name));
        parts[count][1] = calloc(1, (size_t)(end - script) + 2);
        memcpy(parts[count][1], script, (size_t)(end - script));
        parts[count++][1][end - script] = '\n';
        at = next;
    }
    return count;
}

int main(int argc, char **argv) {
    static struct CMUnitTest tests[ARRAY_LEN(parts)];
    char path[512];
    if (argc > 1)
        return play_file(argv[1]);
    snprintf(path, sizeof path, "%.*s/acd_scenarios.txt", (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__);
    char *text = slurp(path);
    size_t count = cut(text);
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){parts[i][0], scenario, NULL, NULL, parts[i]};
    int failed = count ? _cmocka_run_group_tests("scenarios", tests, count, NULL, NULL) : 1;
    for (size_t i = 0; i < count; i++) {
        free(parts[i][0]);
        free(parts[i][1]);
    }
    free(text);
    return failed;
}
