/* SPDX-License-Identifier: Apache-2.0
 * LIBS: loop conf base
 * The daemon's own parts against fakes of the others: what outlives a restart, the way to the end, what
 * systemd is told. */
#include "daemon/check.c"
#include "daemon/notify.c"
#include "daemon/reload.c"
#include "daemon/state.c"
#include "daemon/stop.c"
#include "daemon/writer.c"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

/* ---- fakes ---- */

struct fake_agent {
    const char *id, *reason;
    enum acd_presence presence;
    bool pending; /* wants to pause after the talk, for the first reason */
};
static struct fake_agent fake_agents[3];
static char restored[1000], bindings[100] = "{\"b\":1}", restored_bindings[100];
static struct floor_counters fake_counters;
static uint32_t fake_calls;
static bool flushed;
static char drains[20];
static struct state *state_of_restore; /* told of changes in the middle of a restore, as the floor does it */

const char *acd_presence_name(enum acd_presence presence) {
    static const char *const words[] = {"logged_out", "ready", "not_ready"};
    return words[presence];
}
const char *acd_reason_name(const struct conf *c, uint32_t reason) {
    return reason == 1 ? "first" : "";
}
void floor_each_agent(const struct floor *f, void (*fn)(void *, const struct floor_agent_view *), void *arg) {
    for (size_t i = 0; i < ARRAY_LEN(fake_agents); i++) {
        struct floor_agent_view view = {.id = fake_agents[i].id, .reason = fake_agents[i].reason};
        view.acd.presence = view.acd.pending_presence = fake_agents[i].presence;
        if ((view.acd.pending = fake_agents[i].pending)) {
            view.acd.pending_presence = ACD_NOT_READY;
            view.acd.pending_reason = 1;
        }
        fn(arg, &view);
    }
}
int floor_restore_agent(struct floor *f, const char *agent, const char *presence, const char *reason,
                        uint64_t since_us) {
    size_t at = strlen(restored);
    snprintf(restored + at, sizeof restored - at, "%s=%s(%s)@%llu ", agent, presence, reason,
             (unsigned long long)since_us);
    if (state_of_restore)
        state_changed(state_of_restore, 2, 0, 999);
    return strcmp(presence, "nonsense") ? 0 : -EINVAL;
}
static struct floor_place fake_place; /* queue NULL: there is none */
static uint64_t fake_place_changes;
void floor_each_place(const struct floor *f, void (*fn)(void *, const struct floor_place *), void *arg) {
    if (fake_place.queue)
        fn(arg, &fake_place);
}
uint64_t floor_place_changes(const struct floor *f) {
    return fake_place_changes;
}
int floor_restore_place(struct floor *f, const struct floor_place *place) {
    size_t at = strlen(restored);
    snprintf(restored + at, sizeof restored - at, "%s:%llx@%llu-%llu ", place->queue,
             (unsigned long long)place->caller, (unsigned long long)place->since_us,
             (unsigned long long)place->lost_us);
    return -ESTALE; /* is nobody's business */
}
void floor_counters(const struct floor *f, struct floor_counters *out) {
    *out = fake_counters;
}
uint32_t floor_calls(const struct floor *f) {
    return fake_calls;
}
void floor_drain(struct floor *f, bool now) {
    strcat(drains, now ? "now " : "drain ");
}
static int fake_reload_result; /* of the floor */
int floor_reload(struct floor *f, const struct conf *new_conf) {
    return fake_reload_result;
}
int ua_reload(struct ua *ua, const struct conf *new_conf) {
    return 0;
}
int media_reload(struct media *media, const struct conf *new_conf) {
    return 0;
}
int store_reload(struct store *store, const struct conf *new_conf) {
    return 0;
}
int console_reload(struct console *console, const struct conf *new_conf) {
    return 0;
}
int web_reload(struct web *web, const struct conf *new_conf) {
    return 0;
}
static unsigned fake_missing;
void media_missing_prompts(const struct conf *c, void (*fn)(void *arg, const char *name), void *arg) {
    static const char *const fake_prompts[] = {"p1", "p2", "p3", "p4", "p5", "p6", "p7"};
    for (unsigned i = 0; i < fake_missing; i++)
        fn(arg, fake_prompts[i]);
}
bool store_flushed(const struct store *store) {
    return flushed;
}
char *ua_save_bindings(const struct ua *ua) {
    return strdup(bindings);
}
int ua_restore_bindings(struct ua *ua, const char *json) {
    str_copy(restored_bindings, sizeof restored_bindings, json);
    return 0;
}

/* ---- help ---- */

static char folder[64], logged[8000];
static struct conf *conf;

static void keep_log(void *arg, const char *line) {
    strncat(logged, line, sizeof logged - strlen(logged) - 1);
}
static int begin(void **state) {
    snprintf(folder, sizeof folder, "/tmp/callfloor-state-XXXXXX");
    logged[0] = restored[0] = restored_bindings[0] = drains[0] = 0;
    fake_calls = 0;
    flushed = true;
    state_of_restore = NULL;
    memset(&fake_counters, 0, sizeof fake_counters);
    fake_agents[0] = (struct fake_agent){"1001", "", ACD_READY, false};
    fake_agents[1] = (struct fake_agent){"1002", "lunch", ACD_NOT_READY, false};
    fake_agents[2] = (struct fake_agent){"1003", "", ACD_LOGGED_OUT, false};
    log_to(keep_log, NULL);
    return mkdtemp(folder) && !conf_parse(&conf, "agents = ( { ids = \"1001-1003\"; password = \"x\"; } );",
                                          NULL, NULL, NULL)
               ? 0
               : -1;
}
static int end(void **state) {
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    conf_free(conf);
    log_to(NULL, NULL);
    return system(command);
}
static const char *path_of(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}
static void put(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "w");
    fputs(text, file);
    fclose(file);
}
/* Compares a file with text, for as long as the writer's thread may take. */
static void assert_file(const char *name, const char *text) {
    char found[1000] = "";
    for (int i = 0; i < 500; i++) {
        FILE *file = fopen(path_of(name), "r");
        if (file) {
            found[fread(found, 1, sizeof found - 1, file)] = 0;
            fclose(file);
            if (!strcmp(found, text))
                return;
        }
        usleep(10000);
    }
    fail_msg("%s is: %s\nnot: %s", name, found, text);
}

/* ---- writer ---- */

static void writer_keeps_the_last(void **unused) {
    struct writer *writer = NULL;
    const char *paths[WRITER_FILES] = {strdup(path_of("a")), strdup(path_of("b"))};
    assert_int_equal(writer_create(&writer, paths), 0);
    for (int i = 0; i < 1000; i++) {
        char text[20];
        snprintf(text, sizeof text, "text %d", i);
        writer_put(writer, i % 2, strdup(text));
    }
    writer_destroy(writer);
    assert_file("a", "text 998");
    assert_file("b", "text 999");
    struct stat st;
    assert_int_equal(stat(paths[0], &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640 & ~(umask(0)));
    assert_int_equal(access(path_of("a.new"), F_OK), -1);
    free((char *)paths[0]);
    free((char *)paths[1]);
    writer_destroy(NULL);
}

static void writer_tells_of_failures(void **unused) {
    struct writer *writer = NULL;
    int file = -1, err = 0;
    const char *paths[WRITER_FILES] = {"/nonexistent/a", "/nonexistent/b"};
    assert_int_equal(writer_create(&writer, paths), 0);
    assert_int_equal(writer_error(writer, &file), 0);
    writer_put(writer, 1, strdup("x"));
    for (int i = 0; i < 500 && !(err = writer_error(writer, &file)); i++)
        usleep(10000);
    assert_int_equal(err, ENOENT);
    assert_int_equal(file, 1);
    assert_int_equal(writer_error(writer, &file), 0); /* once */
    writer_destroy(writer);
}

static void a_failed_write_leaves_the_old_file(void **unused) {
    struct rlimit whole, little = {10, 10};
    struct writer *writer = NULL;
    char path[128];
    int file = -1, err = 0;
    const char *paths[WRITER_FILES] = {path, path};
    str_copy(path, sizeof path, path_of("a"));
    put("a", "old");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    little.rlim_max = whole.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(writer_create(&writer, paths), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0); /* as a full disk */
    writer_put(writer, 0, strdup("new, and longer than ten bytes"));
    for (int i = 0; i < 500 && !(err = writer_error(writer, &file)); i++)
        usleep(10000);
    setrlimit(RLIMIT_FSIZE, &whole);
    assert_int_equal(err, EFBIG);
    assert_file("a", "old");
    assert_int_equal(access(path_of("a.new"), F_OK), -1);
    writer_destroy(writer);
}

/* ---- state ---- */

static struct state *open_state(void) {
    struct state *state = NULL;
    assert_int_equal(state_create(&state, folder), 0);
    return state;
}

static void presence_outlives_a_restart(void **unused) {
    struct state *state = open_state();
    assert_int_equal(state_first_ms(state, 5000000), 5000000);
    state_restore(state, conf, NULL, NULL);
    assert_string_equal(restored, "");
    uint64_t now = loop_now_ms(), next = state_step(state, conf, NULL, NULL, now); /* the clock of the ids */
    assert_true(next > now);
    state_changed(state, 1, now, 111);
    state_changed(state, 2, now + 100, 222);
    next = state_step(state, conf, NULL, NULL, now + 100);
    assert_int_equal(next, now + SOON_MS); /* gathered, not put off */
    state_step(state, conf, NULL, NULL, now + SOON_MS);
    assert_true(state->due_ms == NEVER);
    char expected[500];
    snprintf(expected, sizeof expected,
             "{\"version\":1,\"id_ms\":%llu,\"agents\":["
             "{\"id\":\"1001\",\"presence\":\"ready\",\"reason\":\"\",\"since_us\":111},"
             "{\"id\":\"1002\",\"presence\":\"not_ready\",\"reason\":\"lunch\",\"since_us\":222}],"
             "\"places\":[]}",
             (unsigned long long)(5000000 + now + SOON_MS - state->started_ms));
    state_destroy(state);
    assert_file("state.json", expected);
    assert_file("registrations.json", "{\"b\":1}");

    state = open_state();
    state_of_restore = state;
    assert_int_equal(state_first_ms(state, 9000000000), 9000000000);
    state_restore(state, conf, NULL, NULL);
    assert_string_equal(restored, "1001=ready()@111 1002=not_ready(lunch)@222 ");
    assert_string_equal(restored_bindings, "{\"b\":1}");
    assert_int_equal(state->since_us[1], 222); /* and not the time of the restart */
    state_destroy(state);
}

static void who_went_home_stays_at_home(void **unused) {
    struct state *state = open_state();
    fake_agents[0].presence = ACD_LOGGED_OUT; /* with auto_login a restart would make 1001 ready */
    state_first_ms(state, 1);
    state_restore(state, conf, NULL, NULL);
    state_changed(state, 1, 0, 333);
    state_save_all(state, conf, NULL, NULL, loop_now_ms());
    state_destroy(state);
    state = open_state();
    state_restore(state, conf, NULL, NULL);
    assert_non_null(strstr(restored, "1001=logged_out()@333"));
    assert_null(strstr(restored, "1003")); /* was never anything else */
    state_destroy(state);
}

static void places_in_line_outlive_a_restart(void **unused) {
    struct state *state = open_state();
    state_first_ms(state, 1);
    state_restore(state, conf, NULL, NULL);
    uint64_t now = loop_now_ms(); /* what a save cost is measured */
    state_step(state, conf, NULL, NULL, now);
    fake_place = (struct floor_place){"sales", 0xfedcba9876543210u, 111, 222};
    fake_place_changes++; /* nobody tells: seen at the next look, saved soon after */
    assert_true(state_step(state, conf, NULL, NULL, now + 100) <= now + LOOK_MS);
    uint64_t due = state_step(state, conf, NULL, NULL, now + LOOK_MS);
    assert_in_range(due, now + LOOK_MS, now + LOOK_MS + 1000);
    state_step(state, conf, NULL, NULL, due);
    assert_true(state->due_ms == NEVER);
    assert_true(state_step(state, conf, NULL, NULL, due + LOOK_MS) > due + LOOK_MS); /* nothing has changed */
    assert_true(state->due_ms == NEVER);
    state_destroy(state);
    fake_place.queue = NULL;
    state = open_state();
    state_restore(state, conf, NULL, NULL);
    assert_non_null(strstr(restored, "sales:fedcba9876543210@111-222 "));
    state_destroy(state);
}

/* A caller who waits for minutes, in which nothing happens, and then the daemon is killed: the place was lost
 * now, not when it was written down first. */
static void who_waits_is_said_to_wait_still(void **unused) {
    struct state *state = open_state();
    state_first_ms(state, 1);
    state_restore(state, conf, NULL, NULL);
    uint64_t now = loop_now_ms();
    state_step(state, conf, NULL, NULL, now);
    fake_place = (struct floor_place){"sales", 7, 111, 222};
    fake_place_changes++;
    for (uint64_t end_ms = now + 60000; now < end_ms;)
        now = state_step(state, conf, NULL, NULL, now);
    fake_place.lost_us = 333; /* as time goes on */
    for (uint64_t end_ms = now + WAITING_MS + LOOK_MS + 1000; now < end_ms;)
        now = state_step(state, conf, NULL, NULL, now);
    fake_place.queue = NULL; /* has left: nothing more to say */
    fake_place_changes++;
    state_destroy(state);
    state = open_state();
    state_restore(state, conf, NULL, NULL);
    assert_non_null(strstr(restored, "sales:7@111-333 "));
    state_destroy(state);
}

static void what_an_agent_wishes_for_outlives_a_restart(void **unused) {
    struct state *state = open_state();
    state_first_ms(state, 1);
    state_restore(state, conf, NULL, NULL);
    state_changed(state, 1, 0, 111);
    fake_agents[0].pending = true; /* in a talk */
    state_save_all(state, conf, NULL, NULL, loop_now_ms());
    state_destroy(state);
    state = open_state();
    state_restore(state, conf, NULL, NULL);
    assert_non_null(strstr(restored, "1001=not_ready(first)@"));
    assert_null(strstr(restored, "1001=not_ready(first)@111 "));
    state_destroy(state);
}

static void ids_ascend_though_the_clock_goes_back(void **unused) {
    struct state *state = open_state();
    uint64_t first = 1800000000000;
    assert_int_equal(state_first_ms(state, first), first);
    state_save_all(state, conf, NULL, NULL, loop_now_ms() + 60000); /* after a minute */
    state_destroy(state);
    state = open_state();
    uint64_t second = state_first_ms(state, first - 3600000);
    assert_true(second > first + 60000);
    assert_non_null(strstr(logged, "clock_went_back"));
    state_save_all(state, conf, NULL, NULL, loop_now_ms());
    state_destroy(state);
    state = open_state();
    assert_true(state_first_ms(state, first - 3600000) > second);
    state_destroy(state);
    assert_true(record_first_id(1, second) > record_first_id(1, first));
}

static void damaged_files_are_empty_ones(void **unused) {
    static const char *const damaged[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"version\":2,\"agents\":[]}",
        "{\"version\":1,\"agents\":{\"a\":1}}",
        "{\"version\":1,\"places\":{\"a\":1}}",
        "{\"version\":1,\"places\":[1,null,{\"queue\":\"a\"},{\"queue\":5,\"caller\":\"1\"},"
        "{\"queue\":\"a\",\"caller\":\"1\",\"since_us\":-1,\"lost_us\":2}]}",
        ("{\"version\":1,\"id_ms\":\"x\",\"agents\":[1,null,{\"id\":5},{\"id\":\"1001\"},"
         "{\"id\":\"9\",\"presence\":\"ready\"},{\"id\":\"1001\",\"presence\":\"ready\",\"since_us\":-5}]}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        put("state.json", damaged[i]);
        struct state *state = open_state();
        assert_int_equal(state_first_ms(state, 7), 7);
        state_restore(state, conf, NULL, NULL);
        assert_string_equal(restored, "");
        state_destroy(state);
    }
    put("state.json", "{\"version\":1,\"agents\":[{\"id\":\"1001\",\"presence\":\"nonsense\"}]}");
    struct state *state = open_state();
    state_restore(state, conf, NULL, NULL);
    assert_non_null(strstr(logged, "presence_not_restored"));
    state_destroy(state);
}

static void registrations_are_saved_when_they_change(void **unused) {
    struct state *state = open_state();
    state_first_ms(state, 1);
    state_restore(state, conf, NULL, NULL);
    uint64_t now = 1000000;
    state_step(state, conf, NULL, NULL, now);
    assert_file("registrations.json", "{\"b\":1}");
    strcpy(bindings, "{\"b\":2}"); /* the same number of them: seen at the next whole comparison */
    state_step(state, conf, NULL, NULL, now + LOOK_MS);
    usleep(50000);
    assert_file("registrations.json", "{\"b\":1}");
    state_step(state, conf, NULL, NULL, now + REFRESH_MS);
    assert_file("registrations.json", "{\"b\":2}");
    strcpy(bindings, "{\"b\":3}");
    fake_counters.ua.registrations = 5; /* a new one: seen soon */
    state_step(state, conf, NULL, NULL, now + REFRESH_MS + LOOK_MS);
    assert_file("registrations.json", "{\"b\":3}");
    strcpy(bindings, "{\"b\":1}");
    state_destroy(state);
}

static void a_full_disk_is_told(void **unused) {
    struct state *state = open_state();
    char command[100];
    state_first_ms(state, 1);
    snprintf(command, sizeof command, "rm -rf %s", folder); /* root is not stopped by a mode */
    assert_int_equal(system(command), 0);
    state_restore(state, conf, NULL, NULL);
    for (int i = 0; i < 500 && !strstr(logged, "state_not_saved"); i++) {
        state_step(state, conf, NULL, NULL, loop_now_ms());
        usleep(10000);
    }
    assert_non_null(strstr(logged, "error daemon event=state_not_saved file="));
    state_destroy(state);
}

/* ---- the way to the end ---- */

static struct daemon make_daemon(uint32_t drain_ms) {
    struct daemon d = {.notify_fd = -1, .conf = conf};
    assert_int_equal(loop_create(&d.loop), 0);
    conf->drain_ms = drain_ms;
    return d;
}

static void an_idle_daemon_ends_at_once(void **unused) {
    struct daemon d = make_daemon(60000);
    assert_true(daemon_stop_step(&d, loop_now_ms()) == NEVER);
    daemon_stop(&d, false);
    assert_int_equal(d.phase, PHASE_DRAINING);
    daemon_stop_step(&d, loop_now_ms());
    assert_int_equal(d.phase, PHASE_FLUSHING);
    daemon_stop_step(&d, loop_now_ms());
    assert_int_equal(d.phase, PHASE_OVER);
    assert_string_equal(drains, "drain ");
    loop_destroy(d.loop);
}

static void calls_are_waited_for_up_to_the_limit(void **unused) {
    struct daemon d = make_daemon(60000);
    fake_calls = 3;
    flushed = false;
    uint64_t now = loop_now_ms();
    daemon_stop(&d, false);
    daemon_stop(&d, false); /* does not begin anew */
    assert_true(daemon_stop_step(&d, now) >= now + 60000);
    assert_int_equal(d.phase, PHASE_DRAINING);
    daemon_stop_step(&d, now + 61000);
    assert_int_equal(d.phase, PHASE_ENDING);
    assert_string_equal(drains, "drain now ");
    daemon_stop_step(&d, now); /* they do not go */
    assert_int_equal(d.phase, PHASE_ENDING);
    daemon_stop_step(&d, now + 61000);
    assert_int_equal(d.phase, PHASE_FLUSHING);
    assert_non_null(strstr(logged, "event=calls_left calls=3"));
    daemon_stop_step(&d, now); /* the disk does not come back */
    assert_int_equal(d.phase, PHASE_FLUSHING);
    daemon_stop_step(&d, now + 61000);
    assert_int_equal(d.phase, PHASE_OVER);
    assert_non_null(strstr(logged, "event=records_left"));
    loop_destroy(d.loop);
}

static void a_second_request_ends_the_calls(void **unused) {
    struct daemon d = make_daemon(60000);
    fake_calls = 1;
    daemon_stop(&d, false);
    daemon_stop(&d, true);
    assert_int_equal(d.phase, PHASE_ENDING);
    fake_calls = 0;
    daemon_stop_step(&d, loop_now_ms());
    assert_int_equal(d.phase, PHASE_FLUSHING);
    daemon_stop(&d, true); /* nothing is left to hurry */
    assert_int_equal(d.phase, PHASE_FLUSHING);
    loop_destroy(d.loop);
}

/* ---- reload ---- */

#define BASIC "general = { prompts_dir = \"/p\"; }; sip = { listen = ( { port = 5070; } ); };"

static struct daemon start_reloads(const char *text) {
    struct daemon d = {.notify_fd = -1};
    put("c.conf", text);
    chmod(path_of("c.conf"), 0600);
    assert_int_equal(conf_load(&d.conf, path_of("c.conf"), NULL, NULL, NULL), 0);
    daemon_fixed_keep(d.fixed, d.conf);
    fake_missing = 0;
    fake_reload_result = 0;
    return d;
}
static const char *reload_to(struct daemon *d, const char *text, int result) {
    static char answer[4096];
    put("c.conf", text);
    logged[0] = 0;
    assert_int_equal(daemon_reload(d, answer, sizeof answer), result);
    return answer;
}
static void end_reloads(struct daemon *d) {
    daemon_fixed_free(d->fixed);
    conf_free(d->conf);
}

static void a_reload_counts_who_is_there(void **unused) {
    struct daemon d = start_reloads(BASIC "queues = ( { name = \"a\"; }, { name = \"b\"; } );"
                                          "agents = ( { ids = \"1001-1003\"; password = \"x\"; } );");
    assert_string_equal(reload_to(&d, BASIC "queues = ( { name = \"b\"; } );", 0),
                        "reloaded: 0 agents, 1 queue, 0 numbers\n");
    assert_non_null(strstr(logged, " agents=0 queues=1 numbers=0 "));
    end_reloads(&d);
}

static void a_reload_tells_what_needs_a_restart(void **unused) {
    static const char *const changed[][2] = {
        {"general.node",
         "general = { prompts_dir = \"/p\"; node = 2; }; sip = { listen = ( { port = 5070; } ); };"},
        {"general.state_dir", "general = { prompts_dir = \"/p\"; state_dir = \"/s\"; }; sip = { listen = ( { "
                              "port = 5070; } ); };"},
        {"sip.listen", "general = { prompts_dir = \"/p\"; }; sip = { listen = ( { port = 5071; } ); };"},
        {"sip.listen", "general = { prompts_dir = \"/p\"; }; sip = { listen = ( { port = 5070; transport = "
                       "\"tcp\"; } ); };"},
        {"sip.public_address", "general = { prompts_dir = \"/p\"; }; sip = { listen = ( { port = 5070; } );"
                               " public_address = \"192.0.2.1\"; };"},
        {"rtp.address", BASIC "rtp = { address = \"127.0.0.1\"; };"},
        {"rtp.port_min", BASIC "rtp = { port_min = 20002; };"},
        {"rtp.port_max", BASIC "rtp = { port_max = 31997; };"},
        {"console.address", BASIC "console = { address = \"127.0.0.2\"; };"},
        {"console.port", BASIC "console = { port = 5555; };"},
        {"console.socket", BASIC "console = { socket = \"\"; };"},
        {"web.address", BASIC "web = { address = \"127.0.0.2\"; };"},
        {"web.port", BASIC "web = { port = 8080; };"},
    };
    struct daemon d = start_reloads(BASIC);
    for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
        char line[200];
        snprintf(line, sizeof line,
                 "%s changes at the next restart only\nreloaded: 0 agents, 0 queues, 0 numbers\n",
                 changed[i][0]);
        assert_string_equal(reload_to(&d, changed[i][1], 0), line);
        assert_string_equal(reload_to(&d, changed[i][1], 0), line); /* as long as it was not restarted */
        snprintf(line, sizeof line, "event=restart_needed option=%s", changed[i][0]);
        assert_non_null(strstr(logged, line));
    }
    assert_string_equal(reload_to(&d, BASIC, 0), "reloaded: 0 agents, 0 queues, 0 numbers\n");
    end_reloads(&d);
}

static void a_reload_tells_prompts_without_a_file(void **unused) {
    struct daemon d = start_reloads(BASIC);
    fake_missing = 1;
    assert_string_equal(reload_to(&d, BASIC, 0), "reloaded: 0 agents, 0 queues, 0 numbers\n"
                                                 "warning: prompt p1: there is no /p/p1.wav\n");
    fake_missing = 7;
    const char *answer = reload_to(&d, BASIC, 0);
    assert_non_null(strstr(answer, "warning: prompt p5: there is no /p/p5.wav\n"
                                   "warning: and 2 more, see the log\n"));
    assert_null(strstr(answer, "p6"));
    assert_non_null(strstr(logged, "warn media event=prompt_missing prompt=\"p7\""));
    end_reloads(&d);
}

static void a_database_libpq_cannot_parse_is_refused(void **unused) {
    struct daemon d = start_reloads(BASIC);
    struct conf *before = d.conf;
    const char *answer = reload_to(&d, BASIC "store = { database = \"host\"; };", -EINVAL);
    assert_non_null(strstr(answer, "c.conf: store.database: missing \"=\" after \"host\""));
    assert_non_null(strstr(answer, "\nnothing was changed\n"));
    assert_non_null(strstr(logged, "event=reload_refused problems=1"));
    assert_ptr_equal(d.conf, before);
    answer = reload_to(&d, BASIC "store = { database = \"password=two wor\\\"ds\"; };", -EINVAL);
    assert_non_null(strstr(answer, "store.database: missing"));
    assert_null(strstr(answer, "ds in"));
    assert_null(strstr(answer, "wor"));
    assert_null(strstr(logged, "wor"));
    answer = reload_to(&d, BASIC "store = { database = \"postgresql://u:geheim@[::1/d\"; };", -EINVAL);
    assert_null(strstr(answer, "geheim"));
    reload_to(&d, BASIC "store = { database = \"host=/run dbname=callfloor\"; };", 0);
    assert_string_equal(d.conf->database, "host=/run dbname=callfloor");
    end_reloads(&d);
}

/* ---- systemd ---- */

static char *hear(int fd) {
    static char text[500];
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = 0;
    return text;
}

static void systemd_is_told_without_waiting(void **unused) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct daemon d = make_daemon(60000);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    str_copy(address.sun_path, sizeof address.sun_path, path_of("notify"));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    setenv("WATCHDOG_USEC", "20000", 1);
    assert_int_equal(daemon_notify_start(&d), 0);
    daemon_notify_ready(&d);
    assert_string_equal(hear(fd), "READY=1\nSTATUS=ready");
    daemon_notify_tick(&d);
    assert_string_equal(hear(fd), "STATUS=ready: 0 calls, 0 waiting, no database");
    daemon_notify_tick(&d);
    assert_string_equal(hear(fd), ""); /* nothing new */
    fake_counters.calls = 2;
    fake_counters.store.configured = true;
    daemon_notify_tick(&d);
    assert_string_equal(hear(fd), "STATUS=ready: 2 calls, 0 waiting, database away");
    usleep(15000);
    event_base_loop(loop_base(d.loop), EVLOOP_ONCE);
    assert_string_equal(hear(fd), "WATCHDOG=1");

    for (int i = 0; i < 1000; i++) /* nobody reads: the queue is soon full */
        on_watchdog(-1, 0, &d);
    daemon_notify_stopping(&d);
    while (*hear(fd))
        assert_null(strstr(hear(fd), "STOPPING"));
    d.phase = PHASE_DRAINING;
    daemon_notify_tick(&d);
    assert_string_equal(hear(fd), "STOPPING=1"); /* it was not lost */
    assert_string_equal(hear(fd), "EXTEND_TIMEOUT_USEC=15000000");
    close(fd);
    daemon_notify_tick(&d); /* systemd is gone: nothing to do about it */
    daemon_notify_end(&d);
    loop_destroy(d.loop);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
}

static void without_systemd_nothing_is_told(void **unused) {
    struct daemon d = make_daemon(1);
    static const char *const wrong[] = {"", "relative", "/nonexistent/socket"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        setenv("NOTIFY_SOCKET", wrong[i], 1);
        assert_int_equal(daemon_notify_start(&d), 0);
        assert_int_equal(d.notify_fd, -1);
        daemon_notify_ready(&d);
        daemon_notify_tick(&d);
    }
    unsetenv("NOTIFY_SOCKET");
    daemon_notify_end(&d);
    loop_destroy(d.loop);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(writer_keeps_the_last),
        TEST(writer_tells_of_failures),
        TEST(a_failed_write_leaves_the_old_file),
        TEST(presence_outlives_a_restart),
        TEST(who_went_home_stays_at_home),
        TEST(places_in_line_outlive_a_restart),
        TEST(who_waits_is_said_to_wait_still),
        TEST(what_an_agent_wishes_for_outlives_a_restart),
        TEST(ids_ascend_though_the_clock_goes_back),
        TEST(damaged_files_are_empty_ones),
        TEST(registrations_are_saved_when_they_change),
        TEST(a_full_disk_is_told),
        TEST(an_idle_daemon_ends_at_once),
        TEST(calls_are_waited_for_up_to_the_limit),
        TEST(a_second_request_ends_the_calls),
        TEST(a_reload_counts_who_is_there),
        TEST(a_reload_tells_what_needs_a_restart),
        TEST(a_reload_tells_prompts_without_a_file),
        TEST(a_database_libpq_cannot_parse_is_refused),
        TEST(systemd_is_told_without_waiting),
        TEST(without_systemd_nothing_is_told),
    };
    return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
