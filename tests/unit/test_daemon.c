/* SPDX-License-Identifier: Apache-2.0
 * LIBS: loop conf base
 * The daemon's own parts against fakes of the others: what outlives a restart, the way to the end, what
 * systemd is told. */
#include "daemon/check.c"
#include "daemon/notify.c"
#include "daemon/reload.c"
#include "daemon/saved.c"
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

static struct floor_saved_agent fake_agents[3];
static struct floor_place fake_places[2];
static uint64_t fake_place_changes;
static struct stats_queue fake_queue;
static struct stats_agent fake_figures;
static uint32_t fake_day;
static char restored[2000], bindings[100] = "{\"b\":1}", restored_bindings[100];
static struct floor_counters fake_counters;
static uint32_t fake_calls;
static bool flushed;
static char drains[20];
static uint64_t cut_us;

static void PRINTF_LIKE(1, 2) note(const char *format, ...) {
    size_t used = strlen(restored);
    va_list args;
    va_start(args, format);
    vsnprintf(restored + used, sizeof restored - used, format, args);
    va_end(args);
}

const char *acd_presence_name(enum acd_presence presence) {
    static const char *const words[] = {"logged_out", "ready", "not_ready"};
    return words[presence];
}
const char *acd_activity_name(enum acd_activity activity) {
    return activity == ACD_TALKING ? "talking" : activity == ACD_IDLE ? "idle" : "another";
}
const char *acd_visit_result_name(enum acd_visit_result result) {
    return result == ACD_VISIT_ANSWERED    ? "answered"
           : result == ACD_VISIT_ABANDONED ? "abandoned"
                                           : "another";
}
void floor_each_saved_agent(const struct floor *f, void (*fn)(void *, const struct floor_saved_agent *),
                            void *arg) {
    for (size_t i = 0; i < ARRAY_LEN(fake_agents); i++)
        fn(arg, &fake_agents[i]);
}
void floor_each_place(const struct floor *f, void (*fn)(void *, const struct floor_place *), void *arg) {
    for (size_t i = 0; i < ARRAY_LEN(fake_places) && fake_places[i].queue; i++)
        fn(arg, &fake_places[i]);
}
uint64_t floor_place_changes(const struct floor *f) {
    return fake_place_changes;
}
int floor_restore_agent(struct floor *f, const struct floor_saved_agent *a, uint64_t cut) {
    note("%s=%s(%s)@%llu idle=%llu handles=%u/%llu", a->id, acd_presence_name(a->presence), a->reason,
         (unsigned long long)a->since_us, (unsigned long long)a->idle_us, a->handles,
         (unsigned long long)a->talk_ms);
    if (*a->queue)
        note(" %s#%llu %llu-%llu", a->queue, (unsigned long long)a->call, (unsigned long long)a->talk_end_us,
             (unsigned long long)a->wrap_end_us);
    note("; ");
    cut_us = cut;
    return !strcmp(a->id, "9") ? -ENOENT : !strcmp(a->id, "8") ? -EPROTO : 0;
}
int floor_restore_place(struct floor *f, const struct floor_place *p) {
    note("%s:%llx@%llu-%llu; ", p->queue, (unsigned long long)p->caller, (unsigned long long)p->since_us,
         (unsigned long long)p->lost_us);
    return -ESTALE;
}
uint32_t floor_day(const struct floor *f) {
    return fake_day;
}
void floor_each_saved_queue(const struct floor *f,
                            void (*fn)(void *arg, const char *name, const struct stats_queue *today),
                            void *arg) {
    static const struct stats_queue nothing;
    fn(arg, "sales", &fake_queue);
    fn(arg, "empty", &nothing);
}
void floor_each_saved_figures(const struct floor *f, void (*fn)(void *, const struct floor_saved_figures *),
                              void *arg) {
    static const struct stats_agent nothing;
    fn(arg, &(struct floor_saved_figures){"1001", ACD_READY, ACD_TALKING, 77, &fake_figures});
    fn(arg, &(struct floor_saved_figures){"1002", ACD_LOGGED_OUT, ACD_IDLE, 77, &nothing});
}
static struct stats_queue got_queue;
static struct stats_agent got_figures;
int floor_restore_queue(struct floor *f, const char *name, const struct stats_queue *today) {
    note("queue %s; ", name);
    got_queue = *today;
    return 0;
}
int floor_restore_figures(struct floor *f, const struct floor_saved_figures *figures, uint64_t cut) {
    note("figures %s %s/%s@%llu; ", figures->id, acd_presence_name(figures->presence),
         acd_activity_name(figures->activity), (unsigned long long)figures->since_us);
    got_figures = *figures->today;
    return 0;
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
    memset(fake_places, 0, sizeof fake_places);
    memset(&fake_queue, 0, sizeof fake_queue);
    memset(&fake_figures, 0, sizeof fake_figures);
    fake_day = 5;
    memset(&fake_counters, 0, sizeof fake_counters);
    fake_agents[0] = (struct floor_saved_agent){
        .id = "1001", .presence = ACD_READY, .reason = "", .since_us = 111, .queue = ""};
    fake_agents[1] = (struct floor_saved_agent){
        .id = "1002", .presence = ACD_NOT_READY, .reason = "lunch", .since_us = 222, .queue = ""};
    fake_agents[2] = (struct floor_saved_agent){.id = "1003", .reason = "", .queue = ""};
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
    state_restore(state, NULL, NULL);
    assert_string_equal(restored, "");
    uint64_t now = loop_now_ms(), next = state_step(state, NULL, NULL, now); /* the clock of the ids */
    assert_true(next > now);
    state_changed(state, now);
    state_changed(state, now + 100);
    next = state_step(state, NULL, NULL, now + 100);
    assert_int_equal(next, now + SOON_MS); /* gathered, not put off */
    fake_agents[0].handles = 1;
    state_step(state, NULL, NULL, now + SOON_MS);
    assert_int_equal(state->due_ms, now + SOON_MS + EVERY_MS);
    char expected[500];
    snprintf(
        expected, sizeof expected,
        "{\"version\":1,\"id_ms\":%llu,\"agents\":["
        "{\"id\":\"1001\",\"presence\":\"ready\",\"since_us\":111,\"handles\":1},"
        "{\"id\":\"1002\",\"presence\":\"not_ready\",\"reason\":\"lunch\",\"since_us\":222}],\"places\":[]}",
        (unsigned long long)(5000000 + now + SOON_MS - state->started_ms));
    state_destroy(state);
    assert_file("state.json", expected);
    assert_file("registrations.json", "{\"b\":1}");

    state = open_state();
    assert_int_equal(state_first_ms(state, 9000000000), 9000000000);
    state_restore(state, NULL, NULL);
    assert_true(strstr(restored, "1001=ready()@111 idle=0 handles=1/0; "
                                 "1002=not_ready(lunch)@222 idle=0 handles=0/0; ") == restored);
    assert_string_equal(restored_bindings, "{\"b\":1}");
    state_destroy(state);
}

static void all_of_an_agent_and_places(void **unused) {
    struct state *state = open_state();
    fake_agents[0] =
        (struct floor_saved_agent){"1001", ACD_READY, "", 111, 222, 3, 444, "sales", 555, 666, 777};
    fake_places[0] = (struct floor_place){"sales", 0xfedcba9876543210, 11, 12};
    fake_places[1] = (struct floor_place){"support", 0x1f, 22, 33};
    state_first_ms(state, 1);
    state_save_all(state, NULL, NULL, loop_now_ms());
    state_destroy(state);
    put("alive", ""); /* by the store */
    struct stat alive;
    assert_int_equal(stat(path_of("alive"), &alive), 0);
    state = open_state();
    put("alive", "again");
    state_restore(state, NULL, NULL);
    assert_true(strstr(restored, "1001=ready()@111 idle=222 handles=3/444 sales#555 666-777; 1002=") ==
                restored);
    assert_non_null(strstr(restored, "sales:fedcba9876543210@11-12; support:1f@22-33; "));
    assert_int_equal(cut_us / 1000000, alive.st_mtim.tv_sec);
    assert_null(strstr(logged, "not_restored")); /* too late for a place is no mistake */
    state_destroy(state);
}

static void a_new_place_is_saved_soon(void **unused) {
    struct state *state = open_state();
    state_first_ms(state, 1);
    state_restore(state, NULL, NULL);
    uint64_t now = loop_now_ms();
    state_step(state, NULL, NULL, now);
    assert_int_equal(state->due_ms, now + EVERY_MS);
    fake_places[0] = (struct floor_place){"sales", 0x1f, 111, 222};
    fake_place_changes++; /* nobody tells: seen at the next look, saved soon after */
    state_step(state, NULL, NULL, now + LOOK_MS);
    assert_int_equal(state->due_ms, now + LOOK_MS + SOON_MS);
    state_step(state, NULL, NULL, now + LOOK_MS + SOON_MS);
    assert_int_equal(state->due_ms, now + LOOK_MS + SOON_MS + EVERY_MS);
    state_destroy(state);
    state = open_state();
    state_restore(state, NULL, NULL);
    assert_non_null(strstr(restored, "sales:1f@111-222; "));
    state_destroy(state);
}

/* A caller who waits for minutes, in which nothing happens, and then the daemon is killed: the place was lost
 * now, not when it was written down first. */
static void who_waits_is_said_to_wait_still(void **unused) {
    struct state *state = open_state();
    state_first_ms(state, 1);
    state_restore(state, NULL, NULL);
    uint64_t now = loop_now_ms();
    state_step(state, NULL, NULL, now);
    fake_places[0] = (struct floor_place){"sales", 7, 111, 222};
    fake_place_changes++;
    for (uint64_t end_ms = now + 60000; now < end_ms;)
        now = state_step(state, NULL, NULL, now);
    fake_places[0].lost_us = 333; /* as time goes on */
    for (uint64_t end_ms = now + EVERY_MS + LOOK_MS + 1000; now < end_ms;)
        now = state_step(state, NULL, NULL, now);
    fake_places[0].queue = NULL;
    state_destroy(state);
    state = open_state();
    state_restore(state, NULL, NULL);
    assert_non_null(strstr(restored, "sales:7@111-333; "));
    state_destroy(state);
}

static void figures_of_the_day_go_on(void **unused) {
    struct state *state = open_state();
    unsigned char *bytes = (unsigned char *)&fake_queue;
    for (size_t i = 0; i < sizeof fake_queue; i++) /* each figure another one */
        bytes[i] = i % 4 ? 0 : (unsigned char)(i / 4 + 1);
    bytes = (unsigned char *)&fake_figures;
    for (size_t i = 0; i < sizeof fake_figures; i++)
        bytes[i] = i % 4 ? 0 : (unsigned char)(i / 4 + 1);
    state_first_ms(state, 1);
    state_save_all(state, NULL, NULL, loop_now_ms());
    state_destroy(state);
    state = open_state();
    state_restore(state, NULL, NULL);
    assert_non_null(strstr(restored, "queue sales; figures 1001 ready/talking@77; "));
    assert_null(strstr(restored, "queue empty"));
    assert_null(strstr(restored, "figures 1002"));
    for (size_t i = 0; i < ARRAY_LEN(queue_figures); i++)
        assert_memory_equal((char *)&got_queue + queue_figures[i].offset,
                            (char *)&fake_queue + queue_figures[i].offset, queue_figures[i].wide ? 8 : 4);
    for (size_t i = 0; i < ARRAY_LEN(agent_figures); i++)
        assert_memory_equal((char *)&got_figures + agent_figures[i].offset,
                            (char *)&fake_figures + agent_figures[i].offset, agent_figures[i].wide ? 8 : 4);
    assert_int_equal(got_queue.ends[ACD_VISIT_ANSWERED], fake_queue.ends[ACD_VISIT_ANSWERED]);
    assert_int_equal(got_queue.ends[ACD_VISIT_ABANDONED], fake_queue.ends[ACD_VISIT_ABANDONED]);
    state_destroy(state);
    restored[0] = 0;
    fake_day = 6; /* those were yesterday's */
    state = open_state();
    state_restore(state, NULL, NULL);
    assert_null(strstr(restored, "figures"));
    state_destroy(state);
}

/* The clock alone is no reason to write. */
static void what_has_not_changed_is_not_written(void **unused) {
    struct state *state = open_state();
    struct stat st;
    state_first_ms(state, 1);
    state_restore(state, NULL, NULL);
    state_step(state, NULL, NULL, 1000000);
    assert_file("today.json",
                "{\"version\":1,\"day\":5,\"queues\":[],\"agents\":["
                "{\"id\":\"1001\",\"presence\":\"ready\",\"activity\":\"talking\",\"since_us\":77}]}");
    assert_int_equal(unlink(path_of("today.json")), 0);
    unlink(path_of("state.json"));
    state_step(state, NULL, NULL, 1000000 + EVERY_MS);
    fake_queue.offered = 1;
    state_step(state, NULL, NULL, 1000000 + 2 * EVERY_MS);
    assert_file("today.json",
                "{\"version\":1,\"day\":5,\"queues\":[{\"name\":\"sales\",\"offered\":1,\"ends\":{}}],"
                "\"agents\":[{\"id\":\"1001\",\"presence\":\"ready\",\"activity\":\"talking\","
                "\"since_us\":77}]}");
    assert_int_equal(stat(path_of("state.json"), &st), -1);
    state_destroy(state);
}

static void who_went_home_stays_at_home(void **unused) {
    struct state *state = open_state();
    fake_agents[0].presence = ACD_LOGGED_OUT; /* with auto_login a restart would make 1001 ready */
    state_first_ms(state, 1);
    state_restore(state, NULL, NULL);
    state_save_all(state, NULL, NULL, loop_now_ms());
    state_destroy(state);
    state = open_state();
    state_restore(state, NULL, NULL);
    assert_non_null(strstr(restored, "1001=logged_out()@111"));
    assert_null(strstr(restored, "1003")); /* was never anything else */
    state_destroy(state);
}

static void ids_ascend_though_the_clock_goes_back(void **unused) {
    struct state *state = open_state();
    uint64_t first = 1800000000000;
    assert_int_equal(state_first_ms(state, first), first);
    state_save_all(state, NULL, NULL, loop_now_ms() + 60000); /* after a minute */
    state_destroy(state);
    state = open_state();
    uint64_t second = state_first_ms(state, first - 3600000);
    assert_true(second > first + 60000);
    assert_non_null(strstr(logged, "clock_went_back"));
    state_save_all(state, NULL, NULL, loop_now_ms());
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
        ("{\"version\":1,\"id_ms\":\"x\",\"agents\":[1,null,{\"id\":5},{\"id\":\"1001\"}],"
         "\"places\":[1,{\"queue\":\"sales\"},{\"queue\":\"sales\",\"caller\":\"xyz\",\"since_us\":1},"
         "{\"caller\":\"12\",\"since_us\":-1,\"lost_us\":5}]}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        put("state.json", damaged[i]);
        struct state *state = open_state();
        assert_int_equal(state_first_ms(state, 7), 7);
        state_restore(state, NULL, NULL);
        assert_string_equal(restored, "");
        state_destroy(state);
    }
    put("state.json", "{\"version\":1,\"agents\":[{\"id\":\"1001\",\"presence\":\"nonsense\"}]}");
    struct state *state = open_state();
    state_restore(state, NULL, NULL);
    assert_non_null(strstr(logged, "presence_not_restored"));
    state_destroy(state);
    put("state.json", "{\"version\":1,\"agents\":[{\"id\":\"9\",\"presence\":\"ready\"},"
                      "{\"id\":\"8\",\"presence\":\"ready\",\"since_us\":-5,\"queue\":7}]}");
    put("today.json",
        "{\"version\":1,\"day\":5,\"queues\":[null,{\"name\":1,\"ends\":[]}],\"agents\":[{\"offers\":-1}]}");
    logged[0] = 0;
    state = open_state();
    state_restore(state, NULL, NULL);
    assert_null(strstr(logged, "name=\"9\"")); /* is not an agent any more */
    assert_non_null(strstr(logged, "presence_not_restored name=\"8\""));
    assert_non_null(strstr(restored, "8=ready()@0"));
    state_destroy(state);
}

static void registrations_are_saved_when_they_change(void **unused) {
    struct state *state = open_state();
    state_first_ms(state, 1);
    state_restore(state, NULL, NULL);
    uint64_t now = 1000000;
    state_step(state, NULL, NULL, now);
    assert_file("registrations.json", "{\"b\":1}");
    strcpy(bindings, "{\"b\":2}"); /* the same number of them: seen at the next whole comparison */
    state_step(state, NULL, NULL, now + LOOK_MS);
    usleep(50000);
    assert_file("registrations.json", "{\"b\":1}");
    state_step(state, NULL, NULL, now + REFRESH_MS);
    assert_file("registrations.json", "{\"b\":2}");
    strcpy(bindings, "{\"b\":3}");
    fake_counters.ua.registrations = 5; /* a new one: seen soon */
    state_step(state, NULL, NULL, now + REFRESH_MS + LOOK_MS);
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
    state_restore(state, NULL, NULL);
    for (int i = 0; i < 500 && !strstr(logged, "state_not_saved"); i++) {
        state_step(state, NULL, NULL, loop_now_ms());
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
        TEST(all_of_an_agent_and_places),
        TEST(a_new_place_is_saved_soon),
        TEST(who_waits_is_said_to_wait_still),
        TEST(figures_of_the_day_go_on),
        TEST(what_has_not_changed_is_not_written),
        TEST(who_went_home_stays_at_home),
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
