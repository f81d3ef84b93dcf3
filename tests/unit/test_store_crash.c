/* LIBS: store loop base */
/* SPDX-License-Identifier: Apache-2.0
 * The store when something dies: PostgreSQL, the connection, the disk, the daemon itself. */
#include "store_rig.h"

#include <sys/mman.h>
#include <sys/resource.h>

/* kill -STOP of the whole server: the loop never waits, questions end at their limit, nothing is doubled. */
static void test_frozen_server(void **state) {
    struct rig *rig = *state;
    assert_true(wait_for(rig, 5000, is_applied));
    assert_true(wait_for(rig, 5000, lookup_works));
    wait_for(rig, 200, never);
    server_signal(SIGSTOP);
    rig->worst_us = 0;
    for (int i = 0; i < 50; i++)
        put_call(rig, true);
    uint64_t asked = loop_now_us();
    ask(rig, 1, "+49301", 0);
    bool answered = wait_for(rig, 1000, has_answer);
    uint64_t took = rig->customer_us - asked, id = rig->customer[1].id;
    wait_for(rig, 700, never);
    int second = rig->port.customer(rig->port.ctx, 2, "+49302");
    wait_for(rig, 1300, never);
    uint64_t worst = rig->worst_us;
    bool done_meanwhile = is_applied(rig);
    server_signal(SIGCONT);
    assert_true(answered);
    assert_int_equal(id, 0);
    assert_in_range(took, 90000, 180000);
    assert_int_equal(second, -ENOTCONN);
    assert_in_range(worst, 0, 100000);
    assert_false(done_meanwhile);
    assert_true(wait_for(rig, 15000, is_applied));
    check_calls(rig);
}

/* The server dies and comes back while calls go on. */
static bool some_written(struct rig *rig) {
    return state_of(rig).written >= 200;
}
static void one_call(struct rig *rig) {
    if (rig->calls < 400)
        put_call(rig, true);
}
static void test_server_away(void **state) {
    struct rig *rig = *state;
    assert_true(wait_for(rig, 5000, is_applied));
    rig->each_tick = one_call;
    assert_true(wait_for(rig, 5000, some_written));
    assert_int_equal(server_stop("immediate"), 0);
    wait_for(rig, 500, never);
    struct store_state now = state_of(rig);
    assert_false(now.connected);
    assert_true(now.pending_records > 100);
    assert_true(now.oldest_pending_ms > 100);
    assert_int_equal(server_start(), 0);
    assert_true(wait_for(rig, 15000, is_applied));
    assert_int_equal(rig->calls, 400);
    check_calls(rig);
}

/* Connections are cut again and again, mostly in the middle of a batch. */
static void cut_and_call(struct rig *rig) {
    static int turn;
    one_call(rig);
    if (++turn % 20 == 0)
        sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '%s' AND "
            "application_name = 'callfloord'",
            database_name);
}
static bool all_put(struct rig *rig) {
    return rig->calls == 400;
}
static void test_cut_connections(void **state) {
    struct rig *rig = *state;
    assert_true(wait_for(rig, 5000, is_applied));
    rig->each_tick = cut_and_call;
    assert_true(wait_for(rig, 20000, all_put));
    rig->each_tick = NULL;
    assert_true(wait_for(rig, 15000, is_applied));
    check_calls(rig);
}

/* Rows of a daemon that died are closed as cut, at the time it was last alive, and only those. */
static void test_cut_marking(void **state) {
    struct rig *rig = *state;
    struct clock_port clock = loop_clock();
    assert_true(wait_for(rig, 5000, is_applied));
    uint64_t done = put_call(rig, true), wrap, open;
    wrap = put_call(rig, false);
    open = put_call(rig, false);
    struct record h = {.kind = RECORD_HANDLE}; /* the caller has hung up; the agent still writes notes */
    h.handle = (struct record_handle){.id = wrap + 3,
                                      .contact_id = wrap,
                                      .visit_id = wrap + 1,
                                      .offer_id = wrap + 2,
                                      .agent = "1001",
                                      .queue = "sales",
                                      .start_us = day_us + 61123457,
                                      .end_us = day_us + 66123457,
                                      .talk_ms = 5000,
                                      .ended_by = "caller"};
    put(rig, &h);
    struct record waiting = {.kind = RECORD_VISIT};
    waiting.visit = (struct record_visit){.id = rig->next_id++,
                                          .contact_id = open,
                                          .queue = "sales",
                                          .enter_us = day_us + 200000000,
                                          .position_in = 1};
    put(rig, &waiting);
    struct record state_row = {.kind = RECORD_AGENT_STATE};
    state_row.agent_state = (struct record_agent_state){rig->next_id++,     "1001", "ready", "talking", "",
                                                        day_us + 200000000, 0,      open};
    put(rig, &state_row);
    assert_true(wait_for(rig, 5000, is_applied));
    uint64_t alive = clock.wall_us(clock.ctx);
    rig_stop(rig);
    wait_for(rig, 50, never);
    usleep(300000);
    /* another node's rows are not ours to close */
    sql("INSERT INTO callfloor.contact (id, start_at) VALUES (%llu, now())",
        (unsigned long long)record_first_id(4, 1767225600000u));
    rig_start(rig);
    assert_true(wait_for(rig, 5000, is_applied));
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.contact WHERE end_at IS NULL"), 1);
    assert_string_equal(
        sql("SELECT result || ended_by FROM callfloor.contact WHERE id = %llu", (unsigned long long)done),
        "handledcaller");
    assert_string_equal(
        sql("SELECT result || ended_by FROM callfloor.contact WHERE id = %llu", (unsigned long long)wrap),
        "handledcaller");
    assert_string_equal(
        sql("SELECT result || ended_by FROM callfloor.contact WHERE id = %llu", (unsigned long long)open),
        "cutsystem");
    assert_string_equal(
        sql("SELECT ended_by FROM callfloor.handle WHERE id = %llu", (unsigned long long)open + 3), "system");
    assert_string_equal(sql("SELECT string_agg(result, ',') FROM callfloor.visit WHERE contact_id = %llu AND "
                            "result <> 'answered'",
                            (unsigned long long)open),
                        "cut");
    int64_t end = strtoll(sql("SELECT (extract(epoch FROM end_at) * 1000000)::bigint FROM callfloor.contact "
                              "WHERE id = %llu",
                              (unsigned long long)open),
                          NULL, 10);
    assert_in_range(end - (int64_t)alive + 2000000, 0, 2100000);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.agent_state WHERE end_at IS NULL"), 0);
    const char *wrong = sql("SELECT rule || ': ' || kind || ' ' || id || ' ' || coalesce(detail, '') FROM "
                            "callfloor.check_records()");
    assert_string_equal(wrong, "");
}

/* ---- kill -9 of the daemon ---- */

struct shared {
    volatile uint64_t first_id, settled_id; /* of the run; the contact put at least 50 ms ago */
    volatile uint32_t calls;
};
static struct shared *shared;
static uint64_t mark_us, mark_id;

static void call_and_tell(struct rig *rig) {
    uint64_t now = loop_now_us(), id = put_call(rig, rig->calls % 3 != 0);
    shared->calls = rig->calls;
    if (now - mark_us >= 50000) {
        shared->settled_id = mark_id;
        mark_us = now;
        mark_id = id;
    }
}

static void child_daemon(struct rig *rig) {
    log_to(keep_log, NULL);
    mark_us = loop_now_us();
    mark_id = 0;
    rig->calls = 0;
    if (try_start(rig) < 0)
        _exit(3);
    shared->first_id = rig->first_id;
    rig->each_tick = call_and_tell;
    wait_for(rig, 60000, never);
    _exit(4);
}

/* Sixty lives, each killed at a random moment: no row twice, none missing between two that are there, all of
 * what was put a moment before the end, and what was open is closed. */
static void test_kill_9(void **state) {
    struct rig *rig = *state;
    uint64_t seed = 99, calls = 0;
    struct {
        uint64_t first, settled;
    } lives[60];
    size_t count = 0;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    assert_true(wait_for(rig, 5000, is_applied));
    rig_stop(rig);
    for (int life = 0; life < (int)ARRAY_LEN(lives); life++) {
        memset(shared, 0, sizeof *shared);
        runs++; /* the child counts its own copy */
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (!pid) {
            /* with a loop of its own: the parent's epoll descriptor would be shared */
            struct rig own = {.conf = rig->conf, .many_agents = true};
            if (loop_create(&own.loop) < 0)
                _exit(5);
            own.tick = event_new(loop_base(own.loop), -1, EV_PERSIST, on_tick, &own);
            child_daemon(&own);
        }
        usleep((useconds_t)(20000 + rng_next(&seed) % 180000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFSIGNALED(status))
            fail_msg("exit %d", WEXITSTATUS(status));
        if (!shared->first_id)
            continue; /* killed before it stood */
        calls += shared->calls;
        lives[count].first = shared->first_id;
        lives[count++].settled = shared->settled_id;
    }
    runs += 2;
    rig_start(rig);
    assert_true(wait_for(rig, 30000, is_applied));
    for (size_t i = 0; i < count; i++) {
        unsigned long long first = lives[i].first, settled = lives[i].settled;
        /* contacts are 5 ids apart: without a gap from the first to the last */
        assert_string_equal(sql("SELECT count(*) FILTER (WHERE (id - %llu) %% 5 <> 0) || ' ' || "
                                "coalesce(max(id) - %llu - 5 * (count(*) - 1), 0) FROM callfloor.contact "
                                "WHERE id >= %llu AND id < %llu + 5 * 1000000",
                                first, first, first, first),
                            "0 0");
        assert_int_equal(atoi(sql("SELECT count(*) FROM callfloor.contact WHERE id = %llu", settled)),
                         settled != 0);
    }
    assert_string_equal(sql("SELECT rule || ': ' || kind || ' ' || id || ' ' || coalesce(detail, '') FROM "
                            "callfloor.check_records()"),
                        "");
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.contact WHERE end_at IS NULL"), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.handle WHERE end_at IS NULL"), 0);
    assert_int_equal(sql_int("SELECT (SELECT sum(contacts) FROM callfloor.customer) - (SELECT count(*) FROM "
                             "callfloor.contact)"),
                     0);
    assert_true(sql_int("SELECT count(*) FROM callfloor.contact WHERE result = 'cut'") > 100);
    assert_true(sql_int("SELECT count(*) FROM callfloor.contact") > (int)(calls * 9 / 10));
    assert_int_equal(state_of(rig).rejected, 0);
    munmap(shared, sizeof *shared);
}

/* ---- the disk ---- */

static bool is_full(struct rig *rig) {
    return rig->full;
}
static bool is_not_full(struct rig *rig) {
    return !rig->full;
}

/* The disk takes nothing more: the floor is told, rows are kept, nothing is lost. */
static void test_disk_full(void **state) {
    struct rig *rig = *state;
    struct rlimit old, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_true(wait_for(rig, 5000, is_applied));
    put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = state_of(rig).journal_bytes + 50;
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 20; i++)
        put_call(rig, true);
    bool told = wait_for(rig, 3000, is_full);
    struct store_state now = state_of(rig);
    struct record row = {.kind = RECORD_AGENT_STATE};
    row.agent_state =
        (struct record_agent_state){.id = rig->next_id++, .agent = "9", .start_us = day_us, .end_us = day_us};
    int result = put(rig, &row);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_true(told);
    assert_true(now.journal_full);
    assert_int_equal(result, -ENOSPC);
    assert_non_null(strstr(now.last_error, "write:"));
    assert_true(wait_for(rig, 5000, is_not_full));
    assert_true(wait_for(rig, 5000, is_applied));
    assert_int_equal(sql_int("DELETE FROM callfloor.agent_state WHERE agent = '9' RETURNING 1"), 1);
    check_calls(rig);
}

/* PostgreSQL away for long: the journal reaches its limit, calls are refused, and taken again. */
static void test_journal_limit(void **state) {
    struct rig *rig = *state;
    assert_true(wait_for(rig, 5000, is_applied));
    struct conf small = rig->conf;
    small.journal_max_bytes = 1 << 20;
    assert_int_equal(store_reload(rig->store, &small), 0);
    sql("ALTER TABLE callfloor.visit RENAME TO visit_away");
    for (int i = 0; i < 400 && !rig->full; i++) {
        put_call(rig, true);
        wait_for(rig, 2, never);
    }
    assert_true(rig->full);
    assert_in_range(state_of(rig).journal_bytes, 1 << 20, 9 << 17);
    put_call(rig, true); /* one in progress still gets its rows */
    wait_for(rig, 100, never);
    sql("ALTER TABLE callfloor.visit_away RENAME TO visit");
    assert_true(wait_for(rig, 12000, is_not_full));
    assert_true(wait_for(rig, 12000, is_applied));
    check_calls(rig);
}

int main(int argc, char **argv) {
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_make, rig_remove)
        RIG_TEST(test_frozen_server), RIG_TEST(test_server_away), RIG_TEST(test_cut_connections),
        RIG_TEST(test_cut_marking),   RIG_TEST(test_disk_full),   RIG_TEST(test_journal_limit),
        RIG_TEST(test_kill_9),
    };
    return cmocka_run_group_tests(tests, server_make, server_remove);
}
