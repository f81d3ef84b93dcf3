/* SPDX-License-Identifier: Apache-2.0
 * LIBS: conf base
 * The configuration: what is refused and how it is told, what comes out of a good file, numbers over reloads.
 */
#include "callfloor/conf.h"
#include "conf/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- help ---- */

static char told[40000];
static unsigned lines;

static void collect(void *arg, const char *line) {
    assert_null(strchr(line, '\n'));
    lines++;
    strncat(told, line, sizeof told - strlen(told) - 2);
    strcat(told, "\n");
}
static void forget(void) {
    told[0] = 0;
    lines = 0;
}
static void assert_told(const char *text) {
    if (!strstr(told, text))
        fail_msg("not told: %s\ntold:\n%s", text, told);
}

static struct conf *parse(const char *text, const struct conf *old) {
    struct conf *conf = NULL;
    forget();
    int err = conf_parse(&conf, text, old, collect, NULL);
    if (err)
        fail_msg("refused (%d):\n%s", err, told);
    return conf;
}
static void refuse(const char *text, const char *expected) {
    struct conf *untouched = (struct conf *)1, *conf = untouched;
    forget();
    assert_int_equal(conf_parse(&conf, text, NULL, collect, NULL), -EINVAL);
    assert_ptr_equal(conf, untouched);
    assert_told(expected);
}

static char folder[64];
static int make_folder(void **state) {
    snprintf(folder, sizeof folder, "/tmp/callfloor-conf-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int remove_folder(void **state) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}
static const char *put_file(const char *name, const char *text, mode_t mode) {
    static char path[2][128];
    static int turn;
    char *out = path[turn++ % 2];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    FILE *file = fopen(out, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(out, mode);
    return out;
}

/* ---- broken files ---- */

/* Each file of tests/conf-bad names in its first line what the message must have: file, line, path, what. */
static void broken_files(void **state) {
    glob_t found;
    assert_int_equal(glob("tests/conf-bad/*.conf", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 97);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct conf *conf = NULL;
        char expected[400] = "";
        FILE *file = fopen(found.gl_pathv[i], "r");
        assert_non_null(file);
        assert_non_null(fgets(expected, sizeof expected, file));
        fclose(file);
        expected[strcspn(expected, "\n")] = 0;
        assert_memory_equal(expected, "# expect: ", 10);
        forget();
        assert_int_equal(conf_load(&conf, found.gl_pathv[i], NULL, collect, NULL), -EINVAL);
        assert_null(conf);
        assert_told(expected + 10);
    }
    globfree(&found);
}

static void not_a_file(void **state) {
    struct conf *conf = NULL;
    forget();
    assert_int_equal(conf_load(&conf, "/nonexistent/x.conf", NULL, collect, NULL), -EINVAL);
    assert_told("/nonexistent/x.conf: cannot be read: No such file or directory");
    assert_int_equal(conf_load(&conf, "/tmp", NULL, collect, NULL), -EINVAL);
    assert_told("/tmp: cannot be read: Is a directory");
    const char *path = put_file("binary.conf", "x", 0600);
    int fd = open(path, O_WRONLY);
    assert_int_equal(write(fd, "a = \"\0\";", 8), 8);
    close(fd);
    assert_int_equal(conf_load(&conf, path, NULL, collect, NULL), -EINVAL);
    assert_told("binary.conf: cannot be read: it is not a text file");
    fd = open(path, O_WRONLY);
    assert_int_equal(ftruncate(fd, 17 << 20), 0);
    close(fd);
    assert_int_equal(conf_load(&conf, path, NULL, collect, NULL), -EINVAL);
    assert_told("binary.conf: cannot be read: File too large");
}

static void many_problems_at_once(void **state) {
    char text[8000] = "queues = (";
    refuse("general = { node = 0; };\nsip = { relam = \"x\"; };\nrtp = { port_min = 7; };\n"
           "numbers = ( { number = \"1\"; target = \"queue:x\"; } );\n",
           "text:1: general.node: 0 is out of range");
    assert_told("text:2: sip.relam: unknown option (did you mean realm?)");
    assert_told("text:3: rtp.port_min: 7 is out of range");
    assert_told("text:4: numbers[1].target: \"queue:x\": there is no such queue");
    assert_int_equal(lines, 4);
    for (int i = 0; i < 200; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s{ name = \"q%d\"; ring_ms = 1; }",
                 i ? "," : "", i);
    strcat(text, ");");
    refuse(text, "text:1: queues[q0].ring_ms: 1 is out of range");
    assert_int_equal(lines, 51); /* 50, and that there may be more */
    assert_told("and possibly more problems");
}

static void problems_of_a_range_are_told_once(void **state) {
    refuse("agents = ( { ids = \"1001-1100\"; contact = \"sip:%s@192.0.2.1\"; queues = [ \"none\" ]; } );",
           "text:1: agents[1001-1100].queues: \"none\": there is no such queue");
    assert_int_equal(lines, 1);
}

static void ids_may_make_texts_too_long(void **state) {
    char text[2000] = "agents = ( { ids = \"100000000000000000-100000000000000001\"; ha1 = \"",
         *at = text + strlen(text);
    for (int i = 0; i < 400; i++, at += 2)
        memcpy(at, "%s", 2);
    strcpy(at, "\"; } );");
    refuse(text, "ha1: too long");
}

static void passwords_are_not_told(void **state) {
    refuse("users = ( { name = \"anna\"; password_hash = \"geheim\"; } );",
           "users[anna].password_hash: wrong");
    assert_null(strstr(told, "geheim"));
    refuse("agents = ( { id = \"1\"; password = \"geheim } );", "syntax error");
    refuse("general = { node = 1;\n", "syntax error at the end of the file (expected");
    assert_null(strstr(told, "geheim"));
}

/* ---- good files ---- */

static void nothing_given(void **state) {
    struct conf *conf = parse("", NULL);
    assert_int_equal(conf->node, 1);
    assert_string_equal(conf->state_dir, "/var/lib/callfloor");
    assert_string_equal(conf->database, "");
    assert_string_equal(conf->sql_dir, "/usr/share/callfloor/sql");
    assert_int_equal(conf->journal_max_bytes, 1 << 30);
    assert_int_equal(conf->pause_reason_count, 4);
    assert_string_equal(conf->pause_reason[3], "training");
    assert_int_equal(conf->listen_count, 2);
    assert_false(conf->listen[0].tcp);
    assert_true(conf->listen[1].tcp);
    assert_int_equal(conf->listen[1].port, 5060);
    assert_int_equal(conf->rtp_port_max, 31999);
    assert_int_equal(conf->agent_count + conf->queue_count + conf->number_count + conf->user_count, 0);
    assert_null(conf_agent(conf, 0));
    assert_null(conf_agent(conf, 1));
    assert_int_equal(conf_find_agent(conf, "1001"), 0);
    assert_null(conf_route(conf, "3000"));
    assert_int_equal(lines, 0);
    conf_free(conf);
    conf_free(NULL);
}

static const char everything[] =
    "general = { node = 7; state_dir = \"/s\"; prompts_dir = \"/p\"; pause_reasons = [ \"tea\" ];\n"
    "  pause_keeps_place_ms = 1; dispositions = [ \"sold\", \"no\" ]; };\n"
    "distributor = { order = \"ageing\"; rare_skill_percent = 5; decisions = 1000; };\n"
    "sip = { listen = ( { transport = \"tcp\"; address = \"::1\"; port = 0; } ); realm = \"zażółć\";\n"
    "  public_address = \"192.0.2.9\"; register_min_s = 20; register_max_s = 40; agent_probe_ms = 0;\n"
    "  session_expires_s = 90; };\n"
    "rtp = { address = \"127.0.0.1\"; port_min = 10000; port_max = 10399; timeout_ms = 0; };\n"
    "limits = { max_calls = 100; max_calls_per_second = 7; drain_ms = 0; };\n"
    "store = { database = \"dbname=x\"; sql_dir = \"/q\"; journal_max_bytes = 8589934592L; };\n"
    "console = { socket = \"/c\"; address = \"::\"; port = 2323; sessions = 2; idle_ms = 1000; };\n"
    "web = { address = \"127.0.0.1\"; port = 8080; };\n"
    "users = ( { name = \"anna\"; password_hash = \"$6$saltsalt$0123456789abcdef\"; admin = true; } );\n"
    "trunks = ( { name = \"carrier\"; transport = \"tcp\"; probe = false; probe_interval_ms = 5000; "
    "max_calls = 9;\n"
    "  peers = ( { address = \"192.0.2.10\"; port = 5070; }, { address = \"10.0.0.0/8\"; },\n"
    "            { address = \"sip.example.net\"; }, { address = \"2001:db8::/32\"; } );\n"
    "  register = { user = \"u\"; password = \"p\"; domain = \"d\"; expires_s = 300; };\n"
    "  called = ( { match = \"+48\"; strip = 3; prepend = \"0\"; } ); calling = ( { strip = 1; } ); } );\n"
    "skills = [ \"english\", \"german\" ];\n"
    "numbers = ( { number = \"3000\"; target = \"menu:main\"; }, { number = \"30*\"; target = "
    "\"agent:1001\"; },\n"
    "  { number = \"300*\"; target = \"loop:music\"; }, { number = \"*\"; target = \"hangup\"; },\n"
    "  { number = \"+4822\"; target = \"play:closed\"; } );\n"
    "menus = ( { name = \"main\"; welcome = \"a\"; prompt = \"b\"; invalid = \"c\"; timeout = \"d\"; goodbye "
    "= \"e\";\n"
    "  barge_in = false; digit_timeout_ms = 100; attempts = 1; fallback = \"menu:main\";\n"
    "  choices = ( { digit = \"0\"; target = \"queue:sales\"; }, { digit = \"#\"; target = \"play:x\"; } ); "
    "} );\n"
    "queues = ( { name = \"sales\"; strategy = \"skill_then_idle\"; priority = 100; ring_ms = 1000; "
    "wrapup_ms = 1;\n"
    "  max_wait_ms = 2; max_waiting = 3; service_level_ms = 4000; short_abandon_ms = 5; missed_limit = 6;\n"
    "  busy_delay_ms = 7; reject_delay_ms = 8; no_answer_delay_ms = 9; music = \"m\"; greeting = \"g\";\n"
    "  skills = [ \"german:3\", \"english\" ]; overflow = \"queue:support\"; need_agents = true; },\n"
    "  { name = \"support\"; strategy = \"scored\"; ageing = 10; priority_max = 11; ring_max = 0;\n"
    "  ring_step_ms = 5000; score = { skill = 12; preferred = 13; idle = 14; waste = 15; idle_cap_ms = 1600; "
    "};\n"
    "  wrapup_max_ms = 17000; wrapup_mode = \"disposition\"; wrapup_extend_ms = 18; wrapup_extensions = 19;\n"
    "  require = \"german > 2 or english\";\n"
    "  steps = ( { after_ms = 20; require = \"english\"; }, { after_ms = 21; tier = 3; } );\n"
    "  reserve = ( { tier = 3; waiting = 22; waiting_back = 0; hold_ms = 23; },\n"
    "    { tier = 4; waiting = 9; expected_wait_ms = 24; expected_wait_back_ms = 23; slack_ms = 25; "
    "no_agents = true; "
    "} "
    ");\n"
    "  closed = true; need_unpaused = true; max_expected_wait_ms = 26; need_agents = true; empty_grace_ms = "
    "27;\n"
    "  exits = ( { digit = \"*\"; target = \"play:bye\"; }, { digit = \"1\"; target = \"queue:sales\"; } );\n"
    "  resume_ms = 28; preferred = \"owner\"; preferred_wait_ms = 29; expected_handle_ms = 3000;\n"
    "  expected_patience_ms = 3100; } );\n"
    "agents = ( { id = \"1001\"; name = \"Łucja\"; ha1 = \"0123456789ABCDEF0123456789abcdef\";\n"
    "  skills = [ \"english:10\", \"german:3\" ]; queues = [ \"support:3\", \"sales\" ]; wrapup_max_ms = "
    "11;\n"
    "  weight = 100; wrapup_ms = 12; auto_login = true;\n"
    "  auto_answer = true; }, { id = \"anna\"; contact = \"sip:anna@[2001:db8::1]:5070;transport=tcp\"; } "
    ");\n";

static void everything_given(void **state) {
    struct conf *c = parse(everything, NULL);
    assert_string_equal(told, "");
    assert_int_equal(c->node, 7);
    assert_string_equal(c->pause_reason[0], "tea");
    assert_true(c->listen_count == 1 && c->listen[0].tcp && !strcmp(c->listen[0].address, "::1") &&
                c->listen[0].port == 0);
    assert_string_equal(c->realm, "zażółć");
    assert_true(c->register_min_s == 20 && c->register_max_s == 40 && !c->agent_probe_ms &&
                c->session_expires_s == 90);
    assert_true(c->rtp_port_min == 10000 && c->rtp_port_max == 10399 && !c->rtp_timeout_ms);
    assert_true(c->max_calls == 100 && c->max_calls_per_second == 7 && !c->drain_ms);
    assert_true(c->journal_max_bytes == 8589934592u);
    assert_true(c->console_port == 2323 && c->console_sessions == 2 && c->console_idle_ms == 1000 &&
                c->web_port == 8080);
    assert_true(c->user[0].admin);

    const struct conf_trunk *t = conf_trunk(c, conf_find_trunk(c, "carrier"));
    assert_true(t && t->tcp && !t->probe && t->probe_interval_ms == 5000 && t->max_calls == 9);
    assert_int_equal(t->peer_count, 4);
    assert_true(t->peer[0].prefix_len == 32 && t->peer[0].port == 5070);
    assert_true(t->peer[1].prefix_len == 8 && !strcmp(t->peer[1].address, "10.0.0.0") &&
                t->peer[1].port == 5060);
    assert_string_equal(t->peer[2].address, "sip.example.net");
    assert_true(t->peer[3].prefix_len == 32 && !strcmp(t->peer[3].address, "2001:db8::"));
    assert_string_equal(t->register_user, "u");
    assert_int_equal(t->register_expires_s, 300);
    assert_true(t->called[0].strip == 3 && !strcmp(t->called[0].match, "+48") &&
                !strcmp(t->called[0].prepend, "0"));
    assert_true(t->calling_count == 1 && t->calling[0].strip == 1 && !strcmp(t->calling[0].match, ""));

    const struct conf_menu *m = conf_menu(c, conf_find_menu(c, "main"));
    assert_true(m && !m->barge_in && m->digit_timeout_ms == 100 && m->attempts == 1);
    assert_true(m->choice[0].kind == CONF_TARGET_QUEUE && m->choice[0].id == conf_find_queue(c, "sales"));
    assert_true(m->choice[11].kind == CONF_TARGET_PLAY && !strcmp(m->choice[11].prompt, "x"));
    assert_int_equal(m->choice[1].kind, CONF_TARGET_NONE);
    assert_true(m->fallback.kind == CONF_TARGET_MENU && m->fallback.id == conf_find_menu(c, "main"));

    const struct conf_queue *q = conf_queue(c, conf_find_queue(c, "sales"));
    assert_true(q && q->strategy == CONF_SKILL_THEN_IDLE && q->priority == 100 && q->ring_ms == 1000 &&
                q->wrapup_ms == 1 && q->max_wait_ms == 2 && q->max_waiting == 3 &&
                q->service_level_ms == 4000 && q->short_abandon_ms == 5 && q->missed_limit == 6 &&
                q->busy_delay_ms == 7 && q->reject_delay_ms == 8 && q->no_answer_delay_ms == 9 &&
                q->need_agents);
    assert_int_equal(q->skill_count, 2);
    assert_string_equal(c->skill_name[q->skill[0].skill - 1], "german");
    assert_true(q->skill[0].level == 3 && q->skill[1].level == 1);
    assert_true(q->overflow.kind == CONF_TARGET_QUEUE && q->overflow.id == conf_find_queue(c, "support"));

    const struct conf_agent *a = conf_agent(c, conf_find_agent(c, "1001"));
    assert_true(a && a->auto_login && a->auto_answer && a->wrapup_max_ms == 11 && a->queue_count == 2);
    assert_string_equal(a->ha1, "0123456789abcdef0123456789abcdef"); /* lower case, as it is computed */
    assert_int_equal(a->queue[1], conf_find_queue(c, "sales"));
    assert_true(a->tier[0] == 3 && a->tier[1] == 1 && a->weight == 100 && a->own_wrapup_ms == 12);
    a = conf_agent(c, conf_find_agent(c, "anna"));
    assert_true(a && a->wrapup_max_ms == NEVER32 && !a->auto_login && !a->queue_count && !a->skill_count &&
                !a->tier && a->weight == 1 && !a->own_wrapup_ms);
    assert_true(!strcmp(a->password, "") && !strcmp(a->ha1, "") && !strcmp(a->name, ""));
    conf_free(c);
}

static void distributor_given(void **state) {
    struct conf *c = parse(everything, NULL);
    assert_true(c->order == CONF_ORDER_AGEING && c->rare_skill_percent == 5 && c->decisions == 1000);
    assert_true(c->pause_keeps_place_ms == 1 && c->disposition_count == 2 &&
                !strcmp(c->disposition[1], "no"));
    const struct conf_queue *q = conf_queue(c, conf_find_queue(c, "support"));
    assert_true(q && q->strategy == CONF_SCORED && q->ageing == 10 && q->priority_max == 11);
    assert_true(q->score.skill == 12 && q->score.preferred == 13 && q->score.idle == 14 &&
                q->score.waste == 15 && q->score.idle_cap_ms == 1600);
    assert_true(q->wrapup_max_ms == 17000 && q->wrapup_mode == CONF_WRAPUP_DISPOSITION &&
                q->wrapup_extend_ms == 18 && q->wrapup_extensions == 19);
    assert_true(q->require.count == 3 && !strcmp(q->require.text, "german > 2 or english"));
    assert_int_equal(q->step_count, 2);
    assert_true(q->step[0].after_ms == 20 && q->step[0].tier == 1 && q->step[0].require.count == 1 &&
                !strcmp(q->step[0].require.text, "english"));
    assert_true(q->step[1].after_ms == 21 && q->step[1].tier == 3 && !q->step[1].require.count &&
                !strcmp(q->step[1].require.text, ""));
    assert_int_equal(q->reserve_count, 2);
    const struct conf_reserve *r = q->reserve;
    assert_true(r[0].tier == 3 && r[0].waiting == 22 && r[0].waiting_back == 0 && r[0].hold_ms == 23 &&
                !r[0].expected_wait_ms && !r[0].expected_wait_back_ms && !r[0].slack_ms && !r[0].no_agents);
    assert_true(r[1].tier == 4 && r[1].waiting == 9 && r[1].waiting_back == 4 && r[1].hold_ms == 60000 &&
                r[1].expected_wait_ms == 24 && r[1].expected_wait_back_ms == 23 && r[1].slack_ms == 25 &&
                r[1].no_agents);
    assert_true(q->closed && q->need_unpaused && q->max_expected_wait_ms == 26 && q->need_agents &&
                q->empty_grace_ms == 27 && q->resume_ms == 28 && q->preferred == CONF_PREFERRED_OWNER &&
                q->preferred_wait_ms == 29 && q->expected_handle_ms == 3000 &&
                q->expected_patience_ms == 3100);
    assert_true(q->exit[10].kind == CONF_TARGET_PLAY && !strcmp(q->exit[10].prompt, "bye"));
    assert_true(q->exit[1].kind == CONF_TARGET_QUEUE && q->exit[1].id == conf_find_queue(c, "sales"));
    assert_int_equal(q->exit[0].kind, CONF_TARGET_NONE);

    q = conf_queue(c, conf_find_queue(c, "sales")); /* with what is not given */
    assert_true(!q->ageing && !q->priority_max && !q->ring_max && q->ring_step_ms == 5000);
    assert_true(q->score.skill == 100 && q->score.preferred == 100 && q->score.idle == 50 &&
                q->score.waste == 20 && q->score.idle_cap_ms == 600000);
    assert_true(!q->wrapup_max_ms && q->wrapup_mode == CONF_WRAPUP_LIMIT && q->wrapup_extend_ms == 30000 &&
                q->wrapup_extensions == 3);
    assert_true(!q->require.count && !*q->require.text && !q->step_count && !q->reserve_count);
    assert_true(!q->closed && !q->need_unpaused && !q->max_expected_wait_ms && q->empty_grace_ms == 10000 &&
                !q->resume_ms && q->preferred == CONF_PREFERRED_NONE && q->preferred_wait_ms == 20000 &&
                q->expected_handle_ms == 240000 && q->expected_patience_ms == 120000);
    for (int digit = 0; digit < CONF_DIGITS; digit++)
        assert_int_equal(q->exit[digit].kind, CONF_TARGET_NONE);

    static const char *const names[CONF_STRATEGIES] = {
        "longest_idle", "skill_then_idle", "fewest_calls", "least_talk",         "round_robin", "linear",
        "random",       "weighted",        "ring_all",     "ring_progressively", "scored"};
    char text[100];
    conf_free(c);
    for (int i = 0; i < CONF_STRATEGIES; i++) {
        snprintf(text, sizeof text, "queues = ( { name = \"q\"; strategy = \"%s\"; } );", names[i]);
        c = parse(text, NULL);
        assert_int_equal(c->queue[0].strategy, i);
        conf_free(c);
    }
}

/* What a new configuration takes over from the old one is only names and numbers. */
static void distributor_over_reloads(void **state) {
    struct conf *a = parse(everything, NULL),
                *b = parse("agents = ( { id = \"1001\"; password = \"x\"; } );", a);
    uint32_t support = conf_find_queue(a, "support");
    conf_free(a);
    const struct conf_queue *q = &b->queue[support - 1];
    assert_true(q->removed && !q->require.count && !q->step_count && !q->reserve_count &&
                !q->exit[10].prompt);
    assert_null(b->agent[conf_find_agent(b, "1001") - 1].tier);
    struct conf *c = parse(everything, b);
    conf_free(b);
    q = conf_queue(c, support);
    assert_true(q && q->require.count == 3 && q->step_count == 2 && q->reserve_count == 2 &&
                q->exit[10].prompt);
    conf_free(c);
}

static void senseless_queues_are_warned_of(void **state) {
    static const struct {
        const char *distributor, *queue, *agent, *warning;
    } cases[] = {
        {"", "ageing = 1;", "",
         "queues[q].ageing: warning: has no effect unless distributor.order is \"ageing\""},
        {"", "priority_max = 1;", "", "queues[q].priority_max: warning: has no effect unless"},
        {"ageing", "priority = 5; priority_max = 4;", "",
         "queues[q].priority_max: warning: 4 is below priority, 5"},
        {"", "ring_max = 2;", "",
         "queues[q].ring_max: warning: has no effect unless the strategy is ring_all or"},
        {"", "strategy = \"ring_all\"; ring_step_ms = 4000;", "",
         "queues[q].ring_step_ms: warning: has no effect unless the strategy is ring_progressively"},
        {"", "score = { waste = 21; };", "",
         "queues[q].score: warning: has no effect unless the strategy is scored"},
        {"", "empty_grace_ms = 1;", "",
         "queues[q].empty_grace_ms: warning: has no effect unless need_agents is true"},
        {"", "max_wait_ms = 500; steps = ( { after_ms = 500; } );", "",
         "queues[q].steps: warning: step 1 never begins: max_wait_ms is 500"},
        {"", "steps = ( { after_ms = 1; tier = 2; }, { after_ms = 2; } );", "",
         "queues[q].steps: warning: step 2 has tier 1 and so shuts out tier 2 of the step before"},
        {"", "wrapup_ms = 2000; wrapup_max_ms = 1000;", "",
         "queues[q].wrapup_ms: warning: 2000 is cut to wrapup_max_ms, 1000"},
        {"", "reserve = ( { slack_ms = 20000; } );", "",
         "queues[q].reserve: warning: slack_ms of 20000 is all of service_level_ms"},
        {"", "preferred = \"owner\";", "",
         "queues[q].preferred: warning: has no effect without store.database"},
        {"", "closed = true; overflow = \"queue:r\";", "",
         "queues[q].overflow: warning: leads back here through closed"},
        {"", "skills = [ \"a:3\" ];", "skills = [ \"a:2\" ]; queues = [ \"q\" ];",
         "queues[q].skills: warning: none of its agents (1) may take a call at first"},
        {"", "require = \"b\";", "skills = [ \"a:2\" ]; queues = [ \"q\" ];",
         "queues[q].require: warning: none of its agents"},
        {"", "", "queues = [ \"q:2\" ];", "queues[q].skills: warning: none of its agents"},
        {"", "steps = ( { after_ms = 1; require = \"b\"; } );", "queues = [ \"q\" ];",
         "queues[q].steps: warning: step 1: none of its agents (1) may take a call then"},
        {"", "reserve = ( { no_agents = true; } );", "queues = [ \"q\" ];",
         "queues[q].reserve: warning: nobody can come in: no agent serves the queue at a tier up to 2 "
         "(\"q:2\")"},
        {"", "require = \"a = 0 or not b\";", "queues = [ \"q\" ];",
         "queues[q].require: warning: column 1: \"a = 0\" is never true"},
        /* nothing is wrong with these */
        {"", "reserve = ( { tier = 3; no_agents = true; } );", "queues = [ \"q:2\" ];", NULL},
        {"", "require = \"not a\"; steps = ( { after_ms = 1; require = \"\"; } );", "queues = [ \"q\" ];",
         NULL},
        {"ageing", "ageing = 1; priority_max = 7; empty_grace_ms = 1; need_agents = true;", "", NULL},
        {"", "overflow = \"queue:r\"; wrapup_ms = 1000; wrapup_max_ms = 1000;", "", NULL},
        {"", "strategy = \"ring_all\"; ring_max = 3; closed = true; overflow = \"agent:1\";", "", NULL},
    };
    char text[1000];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(text, sizeof text,
                 "skills = [ \"a\", \"b\" ]; distributor = { order = \"%s\"; };\n\n"
                 "queues = ( { name = \"r\"; closed = true; overflow = \"queue:q\"; },\n { name = \"q\";\n "
                 "%s } );\n"
                 "agents = ( { id = \"1\"; password = \"x\"; %s } );",
                 *cases[i].distributor ? cases[i].distributor : "priority", cases[i].queue, cases[i].agent);
        struct conf *conf = parse(text, NULL);
        if (cases[i].warning) {
            assert_told(cases[i].warning);
            assert_told(strstr(cases[i].warning, "skills: warning") && !strstr(cases[i].queue, "skills")
                            ? "text:4: "
                            : "text:5: ");
        } else if (lines) {
            fail_msg("%s\ntold: %s", text, told);
        }
        assert_true(lines <= 2); /* of two closed queues both are told */
        conf_free(conf);
    }
}

/* Agents alike are looked at once, but all are counted. */
static void many_agents_alike(void **state) {
    struct conf *conf =
        parse("skills = [ \"a\" ]; queues = ( { name = \"q\"; require = \"a > 3\"; } );\n"
              "agents = ( { ids = \"1-3\"; password = \"x\"; queues = [ \"q\" ]; }, { id = \"4\"; "
              "password = \"x\"; queues = [ \"q\" ]; skills = [ \"a:3\" ]; } );",
              NULL);
    assert_told("queues[q].require: warning: none of its agents (4) may take a call at first");
    assert_int_equal(lines, 1);
    conf_free(conf);
    static const char *const last[] = {"queues = [ \"q\" ]; skills = [ \"a:4\" ];",
                                       "queues = [ \"q:2\" ]; skills = [ \"a:4\" ];",
                                       "queues = [ \"r\" ]; skills = [ \"a:4\" ];"};
    for (size_t i = 0; i < ARRAY_LEN(last); i++) {
        char text[600];
        snprintf(
            text, sizeof text,
            "skills = [ \"a\" ]; queues = ( { name = \"q\"; require = \"a > 3\"; }, { name = \"r\"; } );\n"
            "agents = ( { ids = \"1-3\"; password = \"x\"; queues = [ \"q\" ]; skills = [ \"a:3\" ]; }, { id "
            "= \"4\"; "
            "password = \"x\"; %s } );",
            last[i]);
        conf = parse(text, NULL);
        assert_int_equal(lines, i > 0);
        conf_free(conf);
    }
}

static void agents_nearly_alike(void **state) {
    struct conf *conf =
        parse("queues = ( { name = \"q\"; reserve = ( { no_agents = true; } ); }, { name = \"r\"; } );\n"
              "agents = ( { id = \"1\"; password = \"x\"; queues = [ \"r:1\" ]; }, { id = \"2\"; password = "
              "\"x\"; queues = [ \"q\" ]; },\n"
              " { id = \"3\"; password = \"x\"; queues = [ \"q:3\" ]; }, { id = \"4\"; password = \"x\"; "
              "queues = [ \"q:2\" ]; } );",
              NULL);
    assert_string_equal(told, "");
    assert_null(conf->agent[0].tier); /* all are 1 */
    conf_free(conf);
    conf = parse("queues = ( { name = \"q\"; }, { name = \"r\"; } );\n"
                 "agents = ( { id = \"1\"; password = \"x\"; queues = [ \"r\", \"q:2\" ]; }, { id = \"2\"; "
                 "password = \"x\"; queues = [ \"r\", \"q:1\" ]; },\n"
                 " { id = \"3\"; password = \"x\"; queues = [ \"q\" ]; } );",
                 NULL);
    assert_string_equal(told, "");
    conf_free(conf);
    conf = parse("queues = ( { name = \"q\"; }, { name = \"r\"; } );\n"
                 "agents = ( { id = \"1\"; password = \"x\"; queues = [ \"q:2\" ]; }, { id = \"2\"; password "
                 "= \"x\"; queues = [ \"r:2\" ]; } );",
                 NULL);
    assert_int_equal(lines, 2);
    conf_free(conf);
    conf = parse("queues = ( { name = \"q\"; }, { name = \"r\"; } );\n"
                 "agents = ( { id = \"1\"; password = \"x\"; queues = [ \"q\" ]; }, { id = \"2\"; password = "
                 "\"x\"; queues = [ \"r\" ]; } );",
                 NULL);
    assert_string_equal(told, "");
    conf_free(conf);
    refuse("queues = ( { name = \"q\"; } ); agents = ( { id = \"1\"; password = \"x\"; queues = [ \"q:0\" ]; "
           "} );",
           "\"q:0\" (expected \"QUEUE:TIER\" with a tier of 1 to 9)");
}

static void skills_named_like_words_are_warned_of(void **state) {
    struct conf *conf =
        parse("skills = [ \"a\", \"not\" ]; queues = ( { name = \"q\"; skills = [ \"not:2\" ]; } );", NULL);
    assert_told("text:1: skills: warning: \"not\" cannot be named in an expression, where it is a word");
    assert_int_equal(lines, 1);
    conf_free(conf);
    refuse("skills = [ \"a\", \"not\" ]; queues = ( { name = \"q\"; require = \"a and not\"; } );",
           "column 10: the expression ends");
}

static void many_warnings_end_somewhere(void **state) {
    char text[20000] = "queues = (";
    for (int i = 0; i < 300; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s{ name = \"q%d\"; ageing = 1; }",
                 i ? "," : "", i);
    strcat(text, ");");
    struct conf *conf = parse(text, NULL);
    assert_int_equal(lines, 50);
    assert_told("queues[q49].ageing: warning: and possibly more warnings");
    conf_free(conf);
}

static void numbers_route_by_the_longest_match(void **state) {
    struct conf *conf = parse(everything, NULL), handmade = *conf;
    handmade.index = NULL; /* has to be searched, with the same outcome */
    static const struct {
        const char *called, *number;
    } cases[] = {
        {"3000", "3000"}, {"30001", "300*"},  {"300", "300*"}, {"301", "30*"}, {"30", "30*"},     {"3", "*"},
        {"", "*"},        {"+4822", "+4822"}, {"+48221", "*"}, {"30*", "30*"}, {"3000 ", "300*"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(conf_route(conf, cases[i].called)->number, cases[i].number);
        assert_string_equal(conf_route(&handmade, cases[i].called)->number, cases[i].number);
    }
    char endless[5000];
    memset(endless, '3', sizeof endless - 1);
    endless[sizeof endless - 1] = 0;
    assert_string_equal(conf_route(conf, endless)->number, "*");
    assert_int_equal(conf_find_agent(&handmade, "anna"), conf_find_agent(conf, "anna"));
    assert_int_equal(conf_find_agent(&handmade, "nobody"), 0);
    conf_free(conf);
}

static void ranges_make_agents(void **state) {
    struct conf *conf =
        parse("agents = ( { ids = \"0098-0102\"; name = \"Agent %s (%s)\"; password = \"pw%s\"; },\n"
              "  { id = \"7\"; name = \"100%s\"; contact = \"sip:%40@192.0.2.1\"; } );",
              NULL);
    assert_int_equal(conf->agent_count, 6);
    const struct conf_agent *a = conf_agent(conf, conf_find_agent(conf, "0099"));
    assert_string_equal(a->name, "Agent 0099 (0099)");
    assert_string_equal(a->password, "pw0099");
    assert_int_equal(conf_find_agent(conf, "99"), 0);
    assert_string_equal(conf_agent(conf, conf_find_agent(conf, "0102"))->id, "0102");
    assert_string_equal(conf_agent(conf, conf_find_agent(conf, "7"))->name, "100%s"); /* no range: as it is */
    conf_free(conf);
}

static void includes_and_relative_paths(void **state) {
    struct conf *conf = NULL;
    char expected[200];
    put_file("agents.conf", "agents = ( { id = \"1\"; contact = \"sip:1@192.0.2.1\"; } );\n", 0600);
    put_file("bad.conf", "\nqueues = ( { name = \"q\";\n ringms = 1; } );\n", 0600);
    const char *path = put_file("main.conf",
                                "general = { state_dir = \"state\"; prompts_dir = \"/abs\"; };\n"
                                "console = { socket = \"\"; };\n@include \"agents.conf\"\n",
                                0600);
    forget();
    assert_int_equal(conf_load(&conf, path, NULL, collect, NULL), 0);
    assert_int_equal(conf_find_agent(conf, "1"), 1);
    snprintf(expected, sizeof expected, "%s/state", folder);
    assert_string_equal(conf->state_dir, expected);
    assert_string_equal(conf->prompts_dir, "/abs");
    assert_string_equal(conf->console_socket, ""); /* off, not the folder */
    assert_string_equal(conf->path, path);
    conf_free(conf);
    path = put_file("main2.conf", "@include \"bad.conf\"\n", 0600);
    conf = NULL;
    assert_int_equal(conf_load(&conf, path, NULL, collect, NULL), -EINVAL);
    snprintf(expected, sizeof expected, "%s/bad.conf:3: queues[q].ringms: unknown option", folder);
    assert_told(expected); /* file and line of where it stands */
}

static void readable_secrets_are_warned_of(void **state) {
    static const char text[] = "agents = ( { id = \"1\"; password = \"x\"; } );\n";
    static const struct {
        const char *text;
        mode_t mode;
        unsigned lines;
    } cases[] = {{text, 0640, 0},
                 {text, 0644, 1},
                 {"general = { node = 2; };", 0644, 0},
                 {"store = { database = \"host=db password=x\"; };", 0644, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conf *conf = NULL;
        forget();
        assert_int_equal(
            conf_load(&conf, put_file("secret.conf", cases[i].text, cases[i].mode), NULL, collect, NULL), 0);
        assert_int_equal(lines, cases[i].lines);
        if (lines)
            assert_told(": warning: everybody may read it (expected mode 0640 of the file)");
        conf_free(conf);
    }
}

static void few_ports_are_a_warning(void **state) {
    struct conf *conf = parse("rtp = { port_max = 20099; };", NULL);
    assert_told(
        "text:1: rtp.port_max: warning: 100 ports are room for 25 joined calls, limits.max_calls is 2000");
    assert_int_equal(lines, 1);
    conf_free(conf);
}

/* ---- the shipped files ---- */

/* The text of a file. */
static char *slurp(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 100000);
    assert_non_null(file);
    assert_true(fread(text, 1, 99999, file) > 0);
    fclose(file);
    return text;
}

/* Every option is in the shipped file, and where it has a default, with that. */
static void is_shipped(const struct conf_section *section, const char *text) {
    for (unsigned i = 0; i < section->count; i++) {
        const struct conf_option *o = &section->option[i];
        char assignment[300];
        bool literal = o->fallback && *o->fallback && strcmp(o->fallback, "none") && !o->section;
        snprintf(assignment, sizeof assignment, literal ? "%s = %s;" : "%s = ", o->name, o->fallback);
        bool excused = !strcmp(o->name, "called") || !strcmp(o->name, "prompt") ||
                       !strcmp(o->name, "password") || !strcmp(o->name, "ha1") ||
                       !strcmp(o->name, "contact") || !strcmp(o->name, "domain") ||
                       !strcmp(o->name, "queues") || !strcmp(o->name, "match") || !strcmp(o->name, "strip") ||
                       !strcmp(o->name, "prepend") || !strcmp(o->name, "waiting") ||
                       !strcmp(o->name, "expected_wait_ms");
        if (excused) /* an example says more */
            *strchr(assignment, ' ') = 0;
        if (!strstr(text, assignment))
            fail_msg("conf/callfloord.conf lacks: %s (of %s)", assignment, section->name);
        if (o->section)
            is_shipped(o->section, text);
    }
}

static void shipped_file_has_every_option(void **state) {
    struct conf *conf = NULL, *empty = parse("", NULL);
    char *text = slurp("conf/callfloord.conf");
    is_shipped(&conf_root, text);
    free(text);
    forget();
    assert_int_equal(conf_load(&conf, "conf/callfloord.conf", NULL, collect, NULL), 0);
    assert_int_equal(lines, 0);
    assert_int_equal(conf->max_calls, empty->max_calls);
    assert_int_equal(conf->listen_count, empty->listen_count);
    assert_string_equal(conf->console_socket, empty->console_socket);
    conf_free(conf);
    conf_free(empty);
}

/* With every '#' before an option taken away it is still good. */
static void shipped_examples_are_good(void **state) {
    char *text = slurp("conf/callfloord.conf"), *good = calloc(1, 100000), *at = good;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        bool example = !strncmp(line, "#   ", 4), skills = !strncmp(line, "skills = [ ];", 13);
        const char *hash = strstr(line, "$y$j9T$...");
        if (hash)
            at += sprintf(at, "%.*s$y$j9T$saltsaltsaltsaltsalt$0123456789%s\n", (int)(hash - line - 1),
                          line + 1, hash + 10);
        else
            at += sprintf(at, "%s\n",
                          skills    ? "skills = [ \"english\", \"german\" ];"
                          : example ? line + 1
                                    : line);
    }
    struct conf *conf = parse(good, NULL);
    assert_true(conf->agent_count == 2 && conf->queue_count == 1 && conf->menu_count == 1 &&
                conf->trunk_count == 1 && conf->number_count == 2 && conf->user_count == 1);
    assert_int_equal(lines, 0);
    conf_free(conf);
    free(text);
    free(good);
}

static void bench_example(void **state) {
    struct conf *conf = NULL;
    forget();
    assert_int_equal(conf_load(&conf, "conf/examples/bench.conf", NULL, collect, NULL), 0);
    assert_int_equal(lines, 0);
    assert_int_equal(conf->agent_count, 100);
    const struct conf_agent *a = conf_agent(conf, conf_find_agent(conf, "1100"));
    assert_string_equal(a->contact, "sip:1100@127.0.0.1:5090");
    assert_true(a->auto_login && a->queue_count == 1);
    static const char *const called[] = {"3000", "3001", "3002", "3003", "3011"};
    for (size_t i = 0; i < ARRAY_LEN(called); i++)
        assert_non_null(conf_route(conf, called[i]));
    conf_free(conf);
}

/* ---- reload ---- */

static const char first[] = "skills = [ \"a\", \"b\" ];\nqueues = ( { name = \"one\"; skills = [ \"b:2\" ]; "
                            "}, { name = \"two\"; } );\n"
                            "agents = ( { ids = \"1-3\"; password = \"x\"; queues = [ \"two\" ]; } );\n"
                            "menus = ( { name = \"m\"; } );\ntrunks = ( { name = \"t\"; peers = ( { address "
                            "= \"192.0.2.1\"; } ); } );";
static const char second[] = "skills = [ \"c\", \"b\" ];\nqueues = ( { name = \"two\"; skills = [ \"b:3\" ]; "
                             "}, { name = \"three\"; } );\n"
                             "agents = ( { id = \"9\"; password = \"y\"; }, { id = \"3\"; password = \"z\"; "
                             "queues = [ \"two\" ]; } );";

static void numbers_stay_over_reloads(void **state) {
    struct conf *a = parse(first, NULL), *b = parse(second, a);
    uint32_t one = conf_find_queue(a, "one"), two = conf_find_queue(a, "two"),
             agent3 = conf_find_agent(a, "3");
    assert_int_equal(conf_find_queue(b, "two"), two);
    assert_int_equal(conf_find_queue(b, "one"), 0);
    assert_null(conf_queue(b, one));
    assert_true(b->queue[one - 1].removed);
    assert_string_equal(b->queue[one - 1].name, "one"); /* a call in it can still be named */
    assert_true(conf_find_queue(b, "three") > two);
    assert_int_equal(b->queue_count, 3);
    assert_int_equal(conf_find_agent(b, "3"), agent3);
    assert_string_equal(conf_agent(b, agent3)->password, "z");
    assert_int_equal(b->agent[0].queue_count, 0); /* removed: of the old one only the name is left */
    assert_string_equal(b->agent[0].password, "");
    assert_int_equal(conf_find_agent(b, "9"), 4);
    assert_int_equal(conf_find_menu(b, "m"), 0);
    assert_int_equal(conf_find_trunk(b, "t"), 0);
    assert_int_equal(b->queue[two - 1].skill[0].skill, a->queue[one - 1].skill[0].skill); /* skill b */
    assert_int_equal(b->skill_count, 3);
    conf_free(a);

    struct conf *c = parse(first, b); /* what comes back gets its number back */
    assert_int_equal(conf_find_queue(c, "one"), one);
    assert_int_equal(conf_find_agent(c, "1"), 1);
    assert_int_equal(c->agent_count, 4);
    assert_true(c->agent[3].removed);
    conf_free(b);
    struct conf *kept = c, *d = kept;
    forget();
    assert_int_equal(
        conf_parse(&d, "queues = ( { name = \"q\"; skills = [ \"c:1\" ]; } );", c, collect, NULL), -EINVAL);
    assert_told("\"c\": there is no such skill in skills"); /* known to the old one is not enough */
    assert_ptr_equal(d, kept);
    assert_int_equal(
        conf_parse(&d, "numbers = ( { number = \"1\"; target = \"queue:one\"; } );", c, collect, NULL),
        -EINVAL);
    assert_told("there is no such queue");
    conf_free(c);
}

static void too_many_removed(void **state) {
    struct conf *conf = NULL, *next;
    char text[100];
    int err = 0, rounds = 0;
    for (; !err && rounds < 10; rounds++) {
        forget();
        snprintf(text, sizeof text, "agents = ( { ids = \"%d0000-%d2999\"; password = \"x\"; } );",
                 rounds + 1, rounds + 1);
        next = NULL;
        err = conf_parse(&next, text, conf, collect, NULL);
        if (!err) {
            conf_free(conf);
            conf = next;
        }
    }
    assert_int_equal(rounds, 4); /* 3 x 3000 fit into 10,000 */
    assert_int_equal(err, -EINVAL);
    assert_told("agents: with those removed since the start there are more than 10000 (expected: restart the "
                "daemon)");
    assert_int_equal(conf->agent_count, 9000);
    assert_int_equal(conf_find_agent(conf, "30000"), 6001);
    conf_free(conf);
}

static void large_files_are_fast(void **state) {
    char *text = malloc(4 << 20), *at = text;
    struct timespec t0, t1;
    at += sprintf(at, "queues = ( { name = \"q\"; } );\nagents = (");
    for (int i = 0; i < CONF_MAX_AGENTS; i++)
        at += sprintf(at, "%s{ id = \"a%d\"; name = \"Agent %d\"; password = \"x\"; queues = [ \"q\" ]; }\n",
                      i ? "," : "", i, i);
    at += sprintf(at, ");\nnumbers = (");
    for (int i = 0; i < CONF_MAX_NUMBERS; i++)
        at += sprintf(at, "%s{ number = \"%d%s\"; target = \"agent:a%d\"; }\n", i ? "," : "", 100000 + i,
                      i % 2 ? "*" : "", i);
    strcpy(at, ");");
    clock_gettime(CLOCK_MONOTONIC, &t0);
    struct conf *conf = parse(text, NULL);
    for (int round = 0; round < 20; round++)
        for (int i = 1; i < CONF_MAX_NUMBERS; i += 2) {
            char called[20];
            snprintf(called, sizeof called, "%d55", 100000 + i);
            const struct conf_number *number = conf_route(conf, called);
            if (!number || number->target.id != (uint32_t)i + 1)
                fail_msg("%s is not found", called);
        }
    clock_gettime(CLOCK_MONOTONIC, &t1);
    double took = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
    assert_true(took < 10); /* linear: some 0.1 s; quadratic: minutes */
    conf_free(conf);
    free(text);
}

/* ---- the reference ---- */

static void reference_names_every_option(void **state) {
    for (int man = 0; man < 2; man++) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        conf_document(out, man);
        fclose(out);
        static const char *const names[] = {"wrapup_max_ms",   "journal_max_bytes",  "session_expires_s",
                                            "trunks.register", "menus.choices",      "longest_idle",
                                            "queues.reserve",  "ring_progressively", "distributor"};
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            assert_non_null(strstr(text, names[i]));
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_files),
        cmocka_unit_test(not_a_file),
        cmocka_unit_test(many_problems_at_once),
        cmocka_unit_test(problems_of_a_range_are_told_once),
        cmocka_unit_test(ids_may_make_texts_too_long),
        cmocka_unit_test(passwords_are_not_told),
        cmocka_unit_test(nothing_given),
        cmocka_unit_test(everything_given),
        cmocka_unit_test(distributor_given),
        cmocka_unit_test(distributor_over_reloads),
        cmocka_unit_test(senseless_queues_are_warned_of),
        cmocka_unit_test(many_agents_alike),
        cmocka_unit_test(agents_nearly_alike),
        cmocka_unit_test(skills_named_like_words_are_warned_of),
        cmocka_unit_test(many_warnings_end_somewhere),
        cmocka_unit_test(numbers_route_by_the_longest_match),
        cmocka_unit_test(ranges_make_agents),
        cmocka_unit_test(includes_and_relative_paths),
        cmocka_unit_test(readable_secrets_are_warned_of),
        cmocka_unit_test(few_ports_are_a_warning),
        cmocka_unit_test(shipped_file_has_every_option),
        cmocka_unit_test(shipped_examples_are_good),
        cmocka_unit_test(bench_example),
        cmocka_unit_test(numbers_stay_over_reloads),
        cmocka_unit_test(too_many_removed),
        cmocka_unit_test(large_files_are_fast),
        cmocka_unit_test(reference_names_every_option),
    };
    return cmocka_run_group_tests_name("conf", tests, make_folder, remove_folder);
}
