/* SPDX-License-Identifier: Apache-2.0
 * LIBS: console stats loop base
 * Commands of the console: words, rights, tables, JSON. The floor is a fake of a few fixed objects. */
#include "console/command.h"

#include "callfloor/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "fake_floor.h"

/* ---- its configuration ---- */

static char *reasons[] = {(char *)"lunch", (char *)"meeting"};
static char *dispositions[] = {(char *)"sold", (char *)"lost"}, *skills[] = {(char *)"english"};
static uint32_t sales_only[] = {1};
static struct conf_queue queues[] = {{.name = (char *)"sales"}, {.name = (char *)"support"}};
static struct conf_agent agents[] = {
    {.id = (char *)"1001", .queue = sales_only, .queue_count = 1},
    {.id = (char *)"1002", .queue = sales_only, .queue_count = 1},
    {.id = (char *)"1003"},
};
static const struct conf conf = {.path = (char *)"/etc/test.conf",
                                 .pause_reason = reasons,
                                 .pause_reason_count = 2,
                                 .disposition = dispositions,
                                 .disposition_count = 2,
                                 .skill_name = skills,
                                 .skill_count = 1,
                                 .queue = queues,
                                 .queue_count = 2,
                                 .agent = agents,
                                 .agent_count = 3};
const struct conf_agent *conf_agent(const struct conf *c, uint32_t id) {
    return id ? &c->agent[id - 1] : NULL;
}
const struct conf_queue *conf_queue(const struct conf *c, uint32_t id) {
    return id && id <= c->queue_count ? &c->queue[id - 1] : NULL;
}
uint32_t conf_find_agent(const struct conf *c, const char *id) {
    for (uint32_t i = 0; i < c->agent_count; i++)
        if (!strcmp(c->agent[i].id, id))
            return i + 1;
    return 0;
}
uint32_t conf_find_queue(const struct conf *c, const char *name) {
    for (uint32_t i = 0; i < c->queue_count; i++)
        if (!strcmp(c->queue[i].name, name))
            return i + 1;
    return 0;
}

static int reload_result;
static int fake_reload(void *arg, char *message, size_t size) {
    act("reload");
    snprintf(message, size,
             reload_result ? "a.conf:3: queues: no\na.conf:4: agents: no\n" : "reloaded: 2 queues\n");
    return reload_result;
}
static void fake_drain(void *arg, bool now) {
    act("drain%s", now ? " now" : "");
}
static const struct console_daemon console_daemon = {NULL, fake_reload, fake_drain};
static const struct command_env env = {floor_of_tests, &conf, &console_daemon};

/* ---- running ---- */

static struct command_result result;

static int setup(void **state) {
    empty_floor = false;
    acts[0] = 0;
    act_result = reload_result = 0;
    log_set_level(NULL, "error");
    return 0;
}
static int teardown(void **state) {
    free(result.text);
    result.text = NULL;
    return 0;
}
static const char *run_as(const char *line, bool json, bool admin) {
    free(result.text);
    command_run(&env, line, json, admin, "tess", &result);
    assert_non_null(result.text);
    return result.text;
}
static const char *run(const char *line) {
    return run_as(line, false, true);
}
static json_t *parse(const char *line) {
    json_error_t error;
    json_t *value = json_loads(run_as(line, true, true), JSON_DECODE_ANY, &error);
    if (!value)
        fail_msg("'%s': %s: %s", line, error.text, result.text);
    return value;
}

/* ---- tables ---- */

static void test_calls_text(void **state) {
    assert_string_equal(
        run("show calls"),
        "call  state    caller     name    called  trunk    menu    queue  pos  agent      age  in state\n"
        "   1  talking  +48123     Jan \xc5\xbb   3000    carrier  main:1  sales    -  1001   1:02:05      "
        "1:05\n"
        "   9  queued   +48?[2J    bad???  3000    carrier  main:1  sales    1            1:01      1:00\n"
        "  12  menu     anonymous          3001    carrier  main             -            0:04      0:04\n");
    assert_int_equal(result.err, 0);
}
static void test_calls_json(void **state) {
    json_t *all = parse("show calls"), *first = json_array_get(all, 0), *second = json_array_get(all, 1);
    assert_int_equal(json_array_size(all), 3);
    assert_int_equal(json_integer_value(json_object_get(first, "call")), 1);
    assert_string_equal(json_string_value(json_object_get(first, "id")), "900000000000000001");
    assert_string_equal(json_string_value(json_object_get(first, "customer_id")), "42");
    assert_true(json_is_null(json_object_get(second, "customer_id")));
    assert_int_equal(json_integer_value(json_object_get(first, "age_ms")), 3725000);
    assert_string_equal(json_string_value(json_object_get(first, "caller_name")), "Jan \xc5\xbb");
    assert_true(json_is_true(json_object_get(first, "customer_new")));
    assert_true(json_is_null(json_object_get(first, "position")));
    assert_int_equal(json_integer_value(json_object_get(second, "position")), 1);
    assert_string_equal(json_string_value(json_object_get(second, "caller")), "+48?[2J");
    assert_string_equal(json_string_value(json_object_get(second, "caller_name")), "bad???");
    json_decref(all);
}
static void test_filter_by_queue(void **state) {
    json_t *all = parse("show calls sales");
    assert_int_equal(json_array_size(all), 2);
    json_decref(all);
    all = parse("show agents sales");
    assert_int_equal(json_array_size(all), 2);
    json_decref(all);
    assert_string_equal(run("show calls support"), "no calls\n");
    assert_string_equal(run("show queues nosuch"), "no queue 'nosuch'; see: show queues\n");
    assert_int_equal(result.err, -ENOENT);
}
static void test_queues_text(void **state) {
    assert_string_equal(run("show queues"), "queue    waiting  ringing  longest  expected  wrong  closed  "
                                            "tier  agents  logged in  idle  talking  "
                                            "wrap-up  paused  offered  answered  abandoned     SL\n"
                                            "sales          2        1     1:01      1:35  17.5%  no         "
                                            "2       3          2     0        1  "
                                            "      0       1       12         7          2  60.0%\n"
                                            "support        0        0        -         -      -  yes        "
                                            "1       1          0     0        0  "
                                            "      0       0        0         0          0      -\n");
    json_t *all = parse("show queues"), *sales = json_array_get(all, 0), *support = json_array_get(all, 1);
    assert_int_equal(json_integer_value(json_object_get(sales, "expected_ms")), 95000);
    assert_int_equal(json_integer_value(json_object_get(sales, "told_wrong")), 7);
    assert_true(json_is_true(json_object_get(sales, "telling")));
    assert_true(json_is_null(json_object_get(support, "expected_ms")));
    assert_true(json_is_null(json_object_get(support, "told_wrong_share")));
    json_decref(all);
}
static void test_waiting(void **state) {
    assert_string_equal(
        run("show waiting"),
        "queue    pos  call  caller   name  waited  in line  told  step  wants         waits for\n"
        "sales      1     9  +48?[2J  bad?    1:01     2:41  0:45     1  english >= 2  3 logged_out, 1 "
        "paused, 2 "
        "busy\n"
        "sales      2    10                   0:04     0:04     -     0                rings 1002 1003\n"
        "support    1    11  +481             0:03     0:03  0:00     0                see: explain\n");
    json_t *all = parse("show waiting support"), *one = json_array_get(all, 0);
    assert_int_equal(json_array_size(all), 1);
    assert_int_equal(json_integer_value(json_object_get(one, "call")), 11);
    assert_int_equal(json_integer_value(json_object_get(one, "told_ms")), 1);
    json_decref(all);
    assert_string_equal(run("show waiting nosuch"), "no queue 'nosuch'; see: show queues\n");
}
static void test_explain(void **state) {
    setenv("TZ", "CET-1", 1);
    tzset();
    assert_string_equal(run("explain 9"),
                        "call                  9\n"
                        "id                    900009\n"
                        "state                 queued\n"
                        "caller                +48?[2J\n"
                        "queue                 sales\n"
                        "agent                 -\n"
                        "position              1\n"
                        "waited                1:01\n"
                        "in line for           2:41\n"
                        "expected at entry     0:45\n"
                        "step                  1\n"
                        "wants                 english >= 2\n"
                        "waits for             3 logged_out, 1 paused, 2 busy\n"
                        "decisions             2\n"
                        "first ones forgotten  no\n"
                        "\n"
                        "time                decision\n"
                        "09-21 15:13:20.123  enter queue=sales position=1\n"
                        "09-21 15:14:21.999  offer agent=1001 strategy=longest_idle able=1\n"
                        "\n"
                        "agent  name  tier  why     presence   activity  since  call\n"
                        "1001   Anna     1  busy    ready      talking    1:05     1\n"
                        "1002   Bo       2  paused  not_ready  idle      10:00     -\n");
    run("explain 5");
    assert_non_null(strstr(result.text, "state                 over\ndecisions             2\n"
                                        "first ones forgotten  yes\n\ntime "));
    run("explain 1");
    assert_non_null(strstr(result.text, "agent                 1001\ndecisions             2\n"));
    run("explain 5");
    assert_null(strstr(result.text, "activity"));
    assert_string_equal(run("explain 6"), "nothing is remembered of call 6; ask the database: "
                                          "SELECT * FROM callfloor.explain(900006)\n");
    assert_string_equal(run("explain 4"), "nothing is remembered of contact 900004; ask the database: "
                                          "SELECT * FROM callfloor.explain(900004)\n");
    assert_int_equal(result.err, 0);
    assert_string_equal(run("explain 101"), "there was no call 101; see: show calls\n");
    assert_int_equal(result.err, -ENOENT);
    assert_string_equal(run("explain x"), "'x' is no call number; see: show calls\n");
    run_as("explain 9", false, false); /* who may look may ask */
    assert_int_equal(result.err, 0);
}
static void test_explain_json(void **state) {
    json_t *all = parse("explain 9"), *call = json_array_get(json_object_get(all, "call"), 0);
    json_t *decisions = json_object_get(all, "decisions"), *able = json_object_get(all, "agents");
    assert_string_equal(json_string_value(json_object_get(call, "id")), "900009");
    assert_int_equal(json_integer_value(json_object_get(call, "line_ms")), 161000);
    assert_int_equal(json_array_size(decisions), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(decisions, 0), "at")),
                        "2026-09-21T14:13:20.123Z");
    assert_string_equal(json_string_value(json_object_get(json_array_get(able, 1), "why")), "paused");
    assert_true(json_is_null(json_object_get(json_array_get(able, 1), "busy_call")));
    json_decref(all);
    all = parse("explain 1");
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(all, "call"), 0), "wait_ms")));
    assert_null(json_object_get(all, "agents"));
    json_decref(all);
    all = parse("explain 6");
    assert_non_null(json_object_get(all, "message"));
    json_decref(all);
}
static void test_stats(void **state) {
    run("show stats");
    assert_non_null(strstr(
        result.text, "sales         12         7          2      1      1        2  0:20  60.0%  66.7%  "
                     "0:10     1:01        7  2:10  2:15\n"));
    assert_non_null(strstr(result.text, "\n\nagent"));
    /* Anna is talking for 65 s: talk 765 s; occupancy (35 + 765 + 70 + 140) / (4310 - 300) */
    assert_non_null(strstr(
        result.text, "1001   Anna      7       8       1         0  0:35  12:45  1:10  2:20  2:10  50:00"
                     "       2    5:00   0:00      0:00    1:11:50      25.2%\n"));
    json_t *both = parse("show stats today"), *row;
    row = json_array_get(json_object_get(both, "queues"), 0);
    assert_true(json_real_value(json_object_get(row, "service_level")) == 0.6);
    assert_int_equal(json_integer_value(json_object_get(row, "asa_ms")), 10000);
    assert_int_equal(json_integer_value(json_object_get(row, "aht_ms")), 130000);
    assert_int_equal(json_integer_value(json_object_get(row, "aht4_ms")), 135000);
    assert_int_equal(json_integer_value(json_object_get(row, "refused")), 1);
    assert_int_equal(json_integer_value(json_object_get(row, "timed_out")), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "resumed")), 2);
    assert_int_equal(json_integer_value(json_object_get(row, "steps")), 3);
    assert_int_equal(json_integer_value(json_object_get(row, "reserves")), 4);
    row = json_array_get(json_object_get(both, "queues"), 1);
    assert_true(json_is_null(json_object_get(row, "service_level")));
    assert_true(json_is_null(json_object_get(row, "asa_ms")));
    row = json_array_get(json_object_get(both, "agents"), 1); /* Bo: paused since 10 minutes */
    assert_int_equal(json_integer_value(json_object_get(row, "pause_ms")), 600000);
    assert_true(json_is_null(json_object_get(row, "occupancy")));
    row = json_array_get(json_object_get(both, "agents"), 2);
    assert_int_equal(json_integer_value(json_object_get(row, "logged_in_ms")), 0);
    json_decref(both);
    json_t *one = parse("show stats q");
    assert_true(json_is_array(one));
    json_decref(one);
    run("show stats tomorrow");
    assert_string_equal(result.text,
                        "show stats: unknown part 'tomorrow'; expected today, queues or agents\n");
}
static void test_other_tables(void **state) {
    run("show agents");
    assert_non_null(strstr(result.text, "1001   Anna  ready       talking                  1:05      -  "
                                        "not_ready lunch  sales     1       1"));
    assert_non_null(strstr(result.text, "occupancy  more  disposition\n"));
    assert_non_null(strstr(result.text, "     2  sold\n"));
    assert_non_null(strstr(result.text, "     -  wanted\n"));
    json_t *all = parse("show agents"), *anna = json_array_get(all, 0), *cy = json_array_get(all, 2);
    assert_string_equal(json_string_value(json_object_get(anna, "disposition")), "sold");
    assert_string_equal(json_string_value(json_object_get(cy, "disposition")), "");
    assert_true(json_is_true(json_object_get(cy, "want_disposition")));
    assert_int_equal(json_integer_value(json_object_get(anna, "talk_since_login_ms")), 700000);
    json_decref(all);
    assert_string_equal(run("show trunks"),
                        "trunk    state         since  registered  calls  rtt ms  last error\n"
                        "carrier  up          2:00:00                  3      14\n"
                        "backup   down           0:05  no              0       -  408 timeout\n"
                        "pbx      assumed up  2:00:00                  0       -\n");
    run("show registrations");
    assert_non_null(strstr(result.text, "192.0.2.5:5062  baresip     0:59  no     yes\n"));
    run("show store");
    assert_non_null(strstr(result.text, "records written      55\n"));
    assert_non_null(strstr(result.text, "last error           gone?away\n"));
    run("show version");
    assert_non_null(strstr(result.text, "version              callfloor " CALLFLOOR_VERSION "\n"));
    assert_non_null(strstr(result.text, "SIP legs             5\n"));
    assert_non_null(strstr(result.text, "dispatch p99 us      -\n"));
    run("show repairs");
    assert_non_null(strstr(result.text, "passes           77\n"));
    assert_non_null(strstr(result.text, "legs found dead  4\n"));
    assert_non_null(strstr(result.text, "repairs          3\n"));
    assert_non_null(strstr(result.text, "leg_lost        2  SIP does not have the leg  taken as ended\n"));
    run("show log");
    assert_non_null(strstr(result.text, "console  error\n"));
}
static void test_empty(void **state) {
    static const char *const lines[][2] = {
        {"show calls", "no calls\n"},
        {"show queues", "no queues\n"},
        {"show agents", "no agents\n"},
        {"show waiting", "nobody waits\n"},
        {"show stats", "no queues\n\nno agents\n"},
        {"show trunks", "no trunks\n"},
        {"show registrations", "no registrations\n"},
    };
    empty_floor = true;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        assert_string_equal(run(lines[i][0]), lines[i][1]);
        json_t *none = parse(lines[i][0]);
        assert_true(json_array_size(none) == 0);
        json_decref(none);
    }
    assert_string_equal(run("-j show calls"), "[]\n");
    assert_string_equal(run("show stats -j"), "{\"queues\":[],\n\"agents\":[]}\n");
    assert_string_equal(run("json show trunks"), "[]\n");
    assert_string_equal(run("  \t "), "");
}

/* ---- words ---- */

static void test_words(void **state) {
    static const struct {
        const char *line;
        int err;
        const char *begin;
    } lines[] = {
        {"sh c", 0, "call  state"},
        {"SHOW calls", -ENOENT,
         "unknown command 'SHOW'; expected one of: show, explain, agent, queue, call, reload, drain, log, "
         "help, quit, exit"},
        {"show", -ENOENT,
         "'show' needs another word: calls, queues, agents, trunks, registrations, store, version, repairs, "
         "log, "
         "stats, waiting"},
        {"show s", -ENOENT, "'s' may mean: store, stats"},
        {"show sta", 0, "queue "},
        {"show nonsense", -ENOENT, "unknown word 'nonsense' after 'show'; expected one of: calls"},
        {"show calls a b", -EINVAL, "show calls: too many arguments; expected: show calls [QUEUE]"},
        {"agent log 1001", -ENOENT, "'log' may mean: login, logout"},
        {"agent login", -EINVAL, "agent login: too few arguments; expected: agent login AGENT [paused]"},
        {"agent more 1001 0", -EINVAL, "'0' is no number of seconds"},
        {"agent skill 1001 english 11", -EINVAL,
         "'11' is no level; expected 1 to 10, 0 to take it away, or reset"},
        {"explain", -EINVAL, "explain: too few arguments; expected: explain CALL"},
        {"c h 12", 0, "call 12 is being ended"},
        {"call hangup -5", -EINVAL, "'-5' is no call number"},
        {"call hangup 99999999999999999999", -EINVAL, "'99999999999999999999' is no call number"},
        {"call hangup 0", -EINVAL, "'0' is no call number"},
        {"log level error", 0, "log level of all areas is error"},
        {"log level sip warn", 0, "log level of sip is warn"},
        {"log level spi warn", -ENOENT, "no log area 'spi'; see: show log"},
        {"log level loud", -EINVAL, "unknown level 'loud'; expected error, warn, info or debug"},
        {"drain later", -EINVAL, "unknown word 'later'; expected: drain [now]"},
        {"agent pause \"1001", -EINVAL, "a quotation mark is not closed"},
        {"a b c d e f g h i j k l m n o p q", -E2BIG, "more than 16 words"},
        {"agent login 1001 now", -EINVAL, "unknown word 'now'; expected: agent login AGENT [paused]"},
        {"help nothing", 0, "no such command"},
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        run(lines[i].line);
        if (result.err != lines[i].err || strncmp(result.text, lines[i].begin, strlen(lines[i].begin)))
            fail_msg("'%s': %d, %s", lines[i].line, result.err, result.text);
    }
    char longest[COMMAND_LINE_MAX + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_string_equal(run(longest), "the line is too long (more than 1024 bytes)\n");
    longest[COMMAND_LINE_MAX] = 0;
    run(longest);
    assert_int_equal(result.err, -ENOENT);
}

static void test_commands(void **state) {
    static const struct {
        const char *line;
        int err;
        const char *act, *answer;
    } lines[] = {
        {"agent login 1001", 0, "login 1001 ready by tess", "agent 1001 logged in, ready\n"},
        {"agent login 1001 paused", 0, "login 1001 paused by tess", "agent 1001 logged in, paused\n"},
        {"agent login 1003", 0, "login 1003 ready by tess",
         "agent 1003 logged in, ready; no phone is reachable\n"},
        {"agent login 9", -ENOENT, "login 9 ready by tess", "no agent '9'; see: show agents\n"},
        {"agent login 9", -EPROTO, "login 9 ready by tess", "agent 9 is logged in already\n"},
        {"agent logout 1001", 0, "logout 1001 by tess",
         "agent 1001 logs out (at once, or when the call is over)\n"},
        {"agent pause 1001", 0, "pause 1001 '' by tess",
         "agent 1001 pauses (at once, or when the call is over)\n"},
        {"agent pause 1001 \"long lunch\"", -EINVAL, "pause 1001 'long lunch' by tess",
         "unknown reason 'long lunch'; expected one of: lunch, meeting\n"},
        {"agent unpause 1001", 0, "unpause 1001 by tess", "agent 1001 is ready\n"},
        {"agent done 1001", -EPROTO, "done 1001 by tess",
         "agent 1001 is not in wrap-up, or has to give a disposition first\n"},
        {"agent done 1001", -ENOMEM, "done 1001 by tess", "agent 1001: Cannot allocate memory\n"},
        {"agent more 1001", 0, "more 1001 0 by tess", "agent 1001 has more time for wrap-up\n"},
        {"agent more 1001 90", -EPROTO, "more 1001 90000 by tess",
         "agent 1001 is not in wrap-up, or has had all the time there is\n"},
        {"agent disposition 1001 sold", 0, "disposition 1001 'sold' by tess",
         "agent 1001 gave the disposition sold\n"},
        {"agent disposition 1001 bought", -EINVAL, "disposition 1001 'bought' by tess",
         "unknown disposition 'bought'; expected one of: sold, lost\n"},
        {"agent disposition 1001 sold", -EPROTO, "disposition 1001 'sold' by tess",
         "agent 1001 has no talk and no wrap-up\n"},
        {"agent skill 1001 english 7", 0, "skill 1001 english 7 by tess",
         "agent 1001 has english at level 7 until the daemon ends\n"},
        {"agent skill 1001 english 0", 0, "skill 1001 english 0 by tess",
         "agent 1001 does not have english until the daemon ends\n"},
        {"agent skill 1001 english reset", 0, "skill 1001 english -1 by tess",
         "agent 1001 has english as configured\n"},
        {"agent skill 1001 greek 7", -EINVAL, "skill 1001 greek 7 by tess",
         "unknown skill 'greek'; expected one of: english\n"},
        {"agent skill 9 english 7", -ENOENT, "skill 9 english 7 by tess", "no agent '9'; see: show agents\n"},
        {"queue close sales", 0, "close sales by tess",
         "queue sales is closed: no new callers; those who wait are served\n"},
        {"queue open sales", 0, "open sales by tess", "queue sales is open\n"},
        {"queue open nosuch", -ENOENT, "open nosuch by tess", "no queue 'nosuch'; see: show queues\n"},
        {"call hangup 17", 0, "hangup 17 by tess", "call 17 is being ended\n"},
        {"call hangup 17", -ENOENT, "hangup 17 by tess", "no call 17; see: show calls\n"},
        {"reload", 0, "reload", "reloaded: 2 queues\n"},
        {"drain", 0, "drain", "no new calls; the daemon ends after 3 calls in progress\n"},
        {"drain now", 0, "drain now", "ending 3 calls and the daemon\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        act_result = lines[i].err;
        run(lines[i].line);
        assert_int_equal(result.err, lines[i].err);
        assert_string_equal(acts, lines[i].act);
        assert_string_equal(result.text, lines[i].answer);
        acts[0] = 0; /* who may only look, changes nothing */
        run_as(lines[i].line, false, false);
        assert_int_equal(result.err, -EPERM);
        assert_string_equal(acts, "");
        assert_non_null(strstr(result.text, "is for admins; tess may only look"));
    }
    reload_result = -EINVAL;
    assert_string_equal(run("reload"),
                        "the old configuration stays: a.conf:3: queues: no\na.conf:4: agents: no\n");
    assert_int_equal(result.err, -EINVAL);
}

static void test_json_sentences(void **state) {
    json_t *value = parse("agent pause 1001");
    assert_string_equal(json_string_value(json_object_get(value, "message")),
                        "agent 1001 pauses (at once, or when the call is over)");
    json_decref(value);
    value = parse("show \"we\"ird\"\x01");
    assert_non_null(
        strstr(json_string_value(json_object_get(value, "error")), "unknown word 'we' after 'show'"));
    json_decref(value);
    assert_int_equal(result.err, -ENOENT);
}

static void test_quit_and_help(void **state) {
    run("quit");
    assert_true(result.quit && !result.err);
    run("exi");
    assert_true(result.quit);
    json_t *all = parse("help");
    size_t i, count = 0;
    json_t *row;
    assert_false(result.quit);
    while (command_at(count))
        count++;
    assert_int_equal(json_array_size(all), count);
    json_array_foreach(all, i, row) {
        const struct command *c = command_at(i);
        assert_string_equal(json_string_value(json_object_get(row, "command")), c->words);
        assert_true(c->max >= c->min && strlen(c->help) > 5 && strlen(c->help) < 70);
        assert_true(!c->max == !*c->args);
    }
    json_decref(all);
    run("help agent");
    assert_non_null(strstr(result.text, "agent pause"));
    assert_null(strstr(result.text, "show"));
}

/* docs/console.md shows what help prints. */
static void test_help_is_documented(void **state) {
    static char doc[100000];
    FILE *f = fopen("docs/console.md", "r");
    if (!f)
        skip(); /* not run from the project's folder */
    doc[fread(doc, 1, sizeof doc - 1, f)] = 0;
    fclose(f);
    if (!strstr(doc, run("help")))
        fail_msg("docs/console.md does not show what `help` prints:\n%s", result.text);
}

/* ---- what the tables are made of ---- */

static void test_durations(void **state) {
    static const struct {
        uint64_t ms;
        const char *text;
    } times[] = {
        {0, "0:00"},        {999, "0:00"},        {59999, "0:59"},        {60000, "1:00"},
        {3599999, "59:59"}, {3600000, "1:00:00"}, {36061000, "10:01:01"}, {864000000, "240:00:00"},
        {NEVER, "-"},
    };
    char text[32];
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        out_duration(text, sizeof text, times[i].ms);
        assert_string_equal(text, times[i].text);
    }
}
/* A cell of the wrong type is our own mistake and must not pass. */
static void test_wrong_cell(void **state) {
    static const struct out_column columns[] = {{"a", "a", OUT_TEXT}};
    struct out o = {0};
    char *text = NULL;
    out_begin(&o, "t", columns, 1, "none");
    out_count(&o, 1);
    out_end(&o);
    assert_int_equal(out_take(&o, &text), -EPROTO);
    assert_null(text);
}
/* An answer beyond the bound is an error, not half a table; in text and in JSON. */
static void test_too_much(void **state) {
    static const struct out_column columns[] = {{"a", "a", OUT_TEXT}};
    char cell[1001], *text;
    memset(cell, 'x', sizeof cell - 1);
    cell[sizeof cell - 1] = 0;
    for (int json = 0; json < 2; json++) {
        struct out o = {.json = json};
        text = NULL;
        out_begin(&o, "t", columns, 1, "none");
        for (int i = 0; i < 20000; i++)
            out_text(&o, cell);
        out_end(&o);
        assert_int_equal(out_take(&o, &text), -EMSGSIZE);
        assert_null(text);
    }
}
static void test_utf8(void **state) {
    static const char *const texts[][2] = {
        {"za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87", "za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87"},
        {"\xf0\x9f\x93\x9e", "\xf0\x9f\x93\x9e"},
        {"\xc2\x9b", "??"},           /* C1 control: CSI */
        {"\xe0\x80\xaf", "???"},      /* over-long */
        {"\xed\xa0\x80", "???"},      /* surrogate */
        {"\xf4\x90\x80\x80", "????"}, /* beyond Unicode */
        {"\xe2\x82", "??"},           /* cut */
        {"a\tb\x7f", "a?b?"},
    };
    static const struct out_column columns[] = {{"a", "", OUT_TEXT}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct out o = {0};
        char *text = NULL;
        out_begin(&o, "t", columns, 1, "none");
        out_text(&o, texts[i][0]);
        out_end(&o);
        assert_int_equal(out_take(&o, &text), 0);
        assert_string_equal(strtok(text, "\n"), texts[i][1]);
        free(text);
    }
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_calls_text),     T(test_calls_json),    T(test_filter_by_queue),
        T(test_queues_text),    T(test_waiting),       T(test_explain),
        T(test_explain_json),   T(test_stats),         T(test_other_tables),
        T(test_empty),          T(test_words),         T(test_commands),
        T(test_json_sentences), T(test_quit_and_help), T(test_help_is_documented),
        T(test_durations),      T(test_wrong_cell),    T(test_too_much),
        T(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
