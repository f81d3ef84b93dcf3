/* LIBS: store loop base */
/* SPDX-License-Identifier: Apache-2.0
 * The store against a private PostgreSQL (unix socket only, made by this test and removed by it). */
#include "callfloor/conf.h"
#include "callfloor/log.h"
#include "callfloor/loop.h"
#include "callfloor/store.h"

#include <errno.h>
#include <event2/event.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a private server ---- */

static char server_dir[64], server_bin[256];

/* PostgreSQL refuses to run as root. */
static int as_postgres(const char *format, ...) PRINTF_LIKE(1, 2);
static int as_postgres(const char *format, ...) {
    char command[1024], line[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (geteuid() == 0)
        snprintf(line, sizeof line, "cd / && runuser -u postgres -- sh -c '%s' >/dev/null 2>&1", command);
    else
        snprintf(line, sizeof line, "%s >/dev/null 2>&1", command);
    return system(line);
}

static int find_server(void) {
    FILE *f = popen("ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1", "r");
    if (!f || !fgets(server_bin, sizeof server_bin, f))
        server_bin[0] = 0;
    server_bin[strcspn(server_bin, "\n")] = 0;
    return f && pclose(f) == 0 && *server_bin ? 0 : -1;
}

static int server_start(void) {
    return as_postgres("%s/pg_ctl -w -D %s/db -l %s/log -o \"-c listen_addresses= -k %s -c fsync=off "
                       "-c max_connections=20 -c shared_buffers=8MB\" start",
                       server_bin, server_dir, server_dir, server_dir);
}

static int server_stop(const char *mode) {
    return as_postgres("%s/pg_ctl -w -D %s/db -m %s stop", server_bin, server_dir, mode);
}

static int server_make(void **state) {
    snprintf(server_dir, sizeof server_dir, "/tmp/callfloor-pg-XXXXXX");
    if (find_server() < 0 || !mkdtemp(server_dir))
        return -1;
    struct passwd *user = getpwnam("postgres");
    if (geteuid() == 0 && (!user || chown(server_dir, user->pw_uid, user->pw_gid) < 0))
        return -1;
    if (as_postgres("%s/initdb -D %s/db -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N", server_bin,
                    server_dir))
        return -1;
    return server_start();
}

static int server_remove(void **state) {
    server_stop("immediate");
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", server_dir);
    return system(command);
}

/* Stops or continues the server's processes, all of them. */
static void server_signal(int sig) {
    char path[128];
    int pid = 0, child;
    snprintf(path, sizeof path, "%s/db/postmaster.pid", server_dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &pid), 1);
    fclose(f);
    assert_int_equal(kill(pid, sig), 0);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fscanf(f, "%d", &child) == 1)
        kill(child, sig);
    fclose(f);
}

/* ---- SQL of the test itself ---- */

static char database_name[32], conninfo[160];

static PGconn *sql_connect(void) {
    PGconn *conn = PQconnectdb(conninfo);
    if (PQstatus(conn) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(conn));
    return conn;
}

/* The first column of the first row, "" when there is none. */
static const char *sql(const char *format, ...) PRINTF_LIKE(1, 2);
static const char *sql(const char *format, ...) {
    static char text[4096];
    char query[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(query, sizeof query, format, args);
    va_end(args);
    PGconn *conn = sql_connect();
    PGresult *result = PQexec(conn, query);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        fail_msg("%s: %s", query, PQresultErrorMessage(result));
    str_copy(text, sizeof text, PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(conn);
    return text;
}
static int sql_int(const char *query) {
    return atoi(sql("%s", query));
}

/* ---- the store in its loop ---- */

struct rig {
    char dir[64];
    struct loop *loop;
    struct store *store;
    struct store_port port;
    struct conf conf;
    struct event *tick;
    uint64_t last_tick_us, worst_us; /* longest time between two ticks of 2 ms */
    bool (*until)(struct rig *);
    uint64_t deadline_us;
    bool reached;
    void (*each_tick)(struct rig *);
    /* what the sink heard */
    struct store_customer customer[8];
    uint32_t customers;
    uint64_t customer_us;
    bool full;
    /* what was put */
    uint64_t next_id, first_id;
    uint32_t calls;
};

static int databases;
static uint64_t runs;
static char log_text[65536];

static void keep_log(void *arg, const char *line) {
    size_t n = strlen(log_text);
    if (n + strlen(line) < sizeof log_text)
        strcpy(log_text + n, line);
}

static void on_customer(void *ctx, uint32_t request, const struct store_customer *customer) {
    struct rig *rig = ctx;
    assert_in_range(request, 1, ARRAY_LEN(rig->customer) - 1);
    rig->customer[request] = *customer;
    rig->customers++;
    rig->customer_us = loop_now_us();
}
static void on_full(void *ctx, bool full) {
    ((struct rig *)ctx)->full = full;
}

static void on_tick(evutil_socket_t fd, short what, void *arg) {
    struct rig *rig = arg;
    uint64_t now = loop_now_us();
    if (rig->last_tick_us && now - rig->last_tick_us > rig->worst_us)
        rig->worst_us = now - rig->last_tick_us;
    rig->last_tick_us = now;
    if (rig->each_tick)
        rig->each_tick(rig);
    rig->reached = rig->until(rig);
    if (rig->reached || now > rig->deadline_us)
        loop_stop(rig->loop);
}

static bool wait_for(struct rig *rig, uint32_t ms, bool (*until)(struct rig *)) {
    rig->until = until;
    rig->deadline_us = loop_now_us() + ms * 1000ull;
    rig->last_tick_us = 0;
    rig->reached = false;
    struct timeval tv = {0, 2000};
    event_add(rig->tick, &tv);
    assert_int_equal(loop_run(rig->loop), 0);
    event_del(rig->tick);
    return rig->reached;
}
static bool never(struct rig *rig) {
    return false;
}
static bool is_applied(struct rig *rig) {
    struct store_state now;
    rig->port.state(rig->port.ctx, &now);
    return now.connected && now.applied == now.written && store_flushed(rig->store);
}
static bool is_connected(struct rig *rig) {
    struct store_state now;
    rig->port.state(rig->port.ctx, &now);
    return now.connected;
}
static struct store_state state_of(struct rig *rig) {
    struct store_state now;
    rig->port.state(rig->port.ctx, &now);
    return now;
}

static int try_start(struct rig *rig) {
    rig->first_id = record_first_id(rig->conf.node, 1767225600000u + 1000000 * ++runs);
    rig->next_id = rig->first_id;
    struct clock_port clock = loop_clock();
    const struct store_setup setup = {rig->loop, &rig->conf, "sql", rig->first_id, clock.wall_us(clock.ctx)};
    int err = store_create(&rig->store, &setup);
    if (err)
        return err;
    rig->port = store_get_port(rig->store);
    const struct store_sink sink = {rig, on_customer, on_full};
    store_start(rig->store, &sink);
    return 0;
}

static void rig_start(struct rig *rig) {
    assert_int_equal(try_start(rig), 0);
}
static void rig_stop(struct rig *rig) {
    store_destroy(rig->store);
    rig->store = NULL;
}

static struct rig *rig_new(uint32_t node) {
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    snprintf(rig->dir, sizeof rig->dir, "/tmp/callfloor-store-XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    assert_int_equal(loop_create(&rig->loop), 0);
    rig->conf.node = node;
    rig->conf.state_dir = rig->dir;
    rig->conf.database = conninfo;
    rig->conf.journal_max_bytes = 64 << 20;
    rig->tick = event_new(loop_base(rig->loop), -1, EV_PERSIST, on_tick, rig);
    return rig;
}

static int rig_free(struct rig *rig) {
    char command[128];
    store_destroy(rig->store);
    event_free(rig->tick);
    loop_destroy(rig->loop);
    snprintf(command, sizeof command, "rm -rf '%s'", rig->dir);
    free(rig);
    return system(command);
}

/* A new database and a new folder; the store is started. */
static int rig_make(void **state) {
    snprintf(conninfo, sizeof conninfo, "host=%s user=postgres dbname=postgres", server_dir);
    snprintf(database_name, sizeof database_name, "t%d", ++databases);
    sql("CREATE DATABASE %s", database_name);
    snprintf(conninfo, sizeof conninfo, "host=%s user=postgres dbname=%s", server_dir, database_name);
    log_text[0] = 0;
    log_to(keep_log, NULL);
    struct rig *rig = rig_new(5);
    rig_start(rig);
    *state = rig;
    return 0;
}

static int rig_remove(void **state) {
    log_to(NULL, NULL);
    return rig_free(*state);
}

static const uint64_t day_us = 1767225600000000u; /* 2026-01-01 */

static int put(struct rig *rig, const struct record *row) {
    return rig->port.put(rig->port.ctx, row);
}

/* One answered call as ten images of five rows, as the floor writes them. Returns the contact's id. */
static uint64_t put_call(struct rig *rig, bool end) {
    uint64_t id = rig->next_id, t = day_us + 60000000ull * rig->calls + 123457;
    rig->next_id += 5;
    struct record contact = {.kind = RECORD_CONTACT}, visit = {.kind = RECORD_VISIT};
    struct record offer = {.kind = RECORD_OFFER}, handle = {.kind = RECORD_HANDLE};
    struct record agent = {.kind = RECORD_AGENT_STATE};
    contact.contact =
        (struct record_contact){.id = id, .direction = "inbound", .trunk = "carrier", .start_us = t};
    snprintf(contact.contact.caller, NUMBER_LEN, "+4930%u", rig->calls % 10);
    str_copy(contact.contact.called, NUMBER_LEN, "3000");
    str_copy(contact.contact.caller_name, NAME_LEN, "J\xc3\xb6rg \"Q\" \\ \xff\x01");
    put(rig, &contact);
    contact.contact.answer_us = t + 10;
    put(rig, &contact);
    visit.visit = (struct record_visit){id + 1, id, "sales", t + 20, 0, 1, 1, 0, ""};
    put(rig, &visit);
    offer.offer = (struct record_offer){id + 2, id, id + 1, "1001", t + 30, 0, 0, "", 0};
    put(rig, &offer);
    offer.offer.ring_us = t + 40;
    put(rig, &offer);
    str_copy(offer.offer.result, 24, "answered");
    offer.offer.end_us = visit.visit.leave_us = t + 1000000;
    offer.offer.sip_status = 200;
    put(rig, &offer);
    str_copy(visit.visit.result, 24, "answered");
    put(rig, &visit);
    handle.handle = (struct record_handle){
        .id = id + 3, .contact_id = id, .visit_id = id + 1, .offer_id = id + 2, .start_us = t + 1000000};
    str_copy(handle.handle.agent, NAME_LEN, "1001");
    str_copy(handle.handle.queue, NAME_LEN, "sales");
    put(rig, &handle);
    rig->calls++;
    if (!end)
        return id;
    handle.handle.end_us = t + 11000000;
    handle.handle.wrap_end_us = t + 13000000;
    handle.handle.talk_ms = 7000;
    handle.handle.hold_ms = 3000;
    handle.handle.hold_count = 1;
    handle.handle.wrap_ms = 2000;
    str_copy(handle.handle.ended_by, 12, "caller");
    put(rig, &handle);
    agent.agent_state =
        (struct record_agent_state){id + 4, "1001", "ready", "talking", "", t + 1000000, t + 11000000, id};
    put(rig, &agent);
    contact.contact.end_us = t + 13000000;
    str_copy(contact.contact.result, 24, "handled");
    str_copy(contact.contact.ended_by, 12, "caller");
    put(rig, &contact);
    return id;
}

/* All calls are there, each row once and in its last state; nothing breaks the rules. */
static void check_calls(struct rig *rig) {
    const char *wrong = sql("SELECT rule || ': ' || kind || ' ' || id || ' ' || coalesce(detail, '') FROM "
                            "callfloor.check_records()");
    if (*wrong)
        fail_msg("%s", wrong);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.contact WHERE result = 'handled'"), rig->calls);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.visit WHERE result = 'answered'"), rig->calls);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.offer WHERE result = 'answered'"), rig->calls);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.handle WHERE talk_ms = 7000"), rig->calls);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.agent_state WHERE end_at IS NOT NULL"),
                     rig->calls);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.contact"), rig->calls);
    assert_int_equal(sql_int("SELECT sum(contacts) FROM callfloor.customer"), rig->calls);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.customer"), rig->calls < 10 ? rig->calls : 10);
    assert_int_equal(state_of(rig).rejected, 0);
}

/* ---- tests ---- */

static void test_rows_arrive(void **state) {
    struct rig *rig = *state;
    uint64_t id = put_call(rig, true);
    for (int i = 0; i < 30; i++)
        put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    check_calls(rig);
    assert_string_equal(sql("SELECT (extract(epoch FROM start_at) * 1000000)::bigint FROM callfloor.contact "
                            "WHERE id = %llu",
                            (unsigned long long)id),
                        "1767225600123457");
    assert_string_equal(
        sql("SELECT caller_name FROM callfloor.contact WHERE id = %llu", (unsigned long long)id),
        "J\xc3\xb6rg \"Q\" \\ \xef\xbf\xbd\x01");
    assert_string_equal(
        sql("SELECT queues || '|' || agents || '|' || talk_s FROM callfloor.v_call WHERE id = %llu",
            (unsigned long long)id),
        "sales:answered|1001|7.0");
    assert_string_equal(
        sql("SELECT answered || '|' || sl_negative || '|' || asa_s FROM callfloor.v_queue_day"),
        "31|100.0|1.0");
    assert_string_equal(sql("SELECT handles || '|' || talk_s || '|' || aht_s FROM callfloor.v_agent_day"),
                        "31|217.0|12.0");
}

static void test_migrations_twice(void **state) {
    struct rig *rig = *state;
    put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.schema_migration"),
                     sql_int("SELECT max(version) FROM callfloor.schema_migration"));
    rig_stop(rig);
    rig_start(rig);
    put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    check_calls(rig);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.run"), 2);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.journal_position"), 1);
}

/* Two daemons meet an empty database at the same moment. */
static void test_migrations_at_once(void **state) {
    struct rig *rig = *state, *other = rig_new(6);
    rig_start(other);
    put_call(rig, true);
    for (int i = 0; i < 200 && !(is_applied(rig) && is_applied(other)); i++) { /* turn by turn */
        wait_for(rig, 10, is_applied);
        wait_for(other, 10, is_applied);
    }
    assert_true(is_applied(rig) && is_applied(other));
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.journal_position"), 2);
    check_calls(rig);
    rig_free(other);
}

static void test_newer_database(void **state) {
    struct rig *rig = *state;
    assert_true(wait_for(rig, 5000, is_applied));
    sql("INSERT INTO callfloor.schema_migration (version, name) VALUES (999, 'from the future')");
    rig_stop(rig);
    rig_start(rig);
    put_call(rig, true);
    assert_false(wait_for(rig, 700, is_connected));
    struct store_state now = state_of(rig);
    assert_non_null(strstr(now.last_error, "newer than this daemon"));
    assert_true(now.pending_records >= 10);
    sql("DELETE FROM callfloor.schema_migration WHERE version = 999");
    assert_true(wait_for(rig, 12000, is_applied));
    check_calls(rig);
}

static bool has_answer(struct rig *rig) {
    return rig->customers > 0;
}
static void ask(struct rig *rig, uint32_t request, const char *number, int expected) {
    rig->customers = 0;
    assert_int_equal(rig->port.customer(rig->port.ctx, request, number), expected);
    assert_int_equal(rig->customers, 0); /* never from inside */
}

static bool lookup_works(struct rig *rig) {
    return rig->port.customer(rig->port.ctx, 7, "") == 0;
}

static void test_customers(void **state) {
    struct rig *rig = *state;
    ask(rig, 1, "+49301", -ENOTCONN); /* not connected yet */
    assert_true(wait_for(rig, 5000, is_applied));
    assert_true(wait_for(rig, 5000, lookup_works));
    assert_true(wait_for(rig, 1000, has_answer));
    assert_int_equal(rig->customer[7].id, 0); /* no number, no customer */
    ask(rig, 1, "+49301", 0);
    ask(rig, 1, "+49301", -EEXIST);
    assert_true(wait_for(rig, 1000, has_answer));
    assert_true(rig->customer[1].id > 0);
    assert_true(rig->customer[1].is_new);
    ask(rig, 2, "Anonymous", 0);
    assert_true(wait_for(rig, 1000, has_answer));
    assert_int_equal(rig->customer[2].id, 0);
    /* the customer calls twice, and is given a name */
    for (int i = 0; i < 12; i++) /* caller "+4930" and one digit */
        put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    sql("UPDATE callfloor.customer SET name = 'Ada' WHERE id = %llu",
        (unsigned long long)rig->customer[1].id);
    put_call(rig, false); /* +49302, open: does not count as earlier */
    assert_true(wait_for(rig, 5000, is_applied));
    ask(rig, 3, "+49301", 0);
    assert_true(wait_for(rig, 1000, has_answer));
    assert_true(rig->customer[3].id == rig->customer[1].id);
    assert_false(rig->customer[3].is_new);
    assert_int_equal(rig->customer[3].earlier_contacts, 2);
    assert_string_equal(rig->customer[3].name, "Ada");
    ask(rig, 4, "+49302", 0);
    assert_true(wait_for(rig, 1000, has_answer));
    assert_int_equal(rig->customer[4].earlier_contacts, 1);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.customer WHERE name = 'Ada'"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.customer_number WHERE number = '+49301'"), 1);
}

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

/* More than fits into memory is read back from the segments. */
static void test_catching_up(void **state) {
    struct rig *rig = *state;
    assert_true(wait_for(rig, 5000, is_applied));
    sql("ALTER TABLE callfloor.visit RENAME TO visit_away");
    for (int i = 0; i < 3000; i++) {
        put_call(rig, true);
        if (i % 100 == 0)
            wait_for(rig, 5, never);
    }
    wait_for(rig, 300, never);
    struct store_state now = state_of(rig);
    assert_true(now.pending_records > 30000 - 1000);
    assert_int_equal(now.rejected, 0); /* a missing table is the admin's, not the rows' fault */
    assert_non_null(strstr(now.last_error, "visit"));
    sql("ALTER TABLE callfloor.visit_away RENAME TO visit");
    assert_true(wait_for(rig, 30000, is_applied));
    check_calls(rig);
    assert_in_range(state_of(rig).journal_bytes, 0, 9 << 20); /* applied segments are deleted */
}

static void test_poison_row(void **state) {
    struct rig *rig = *state;
    char command[400];
    assert_true(wait_for(rig, 5000, is_applied));
    for (int i = 0; i < 40; i++)
        put_call(rig, true);
    struct record bad = {.kind = RECORD_VISIT}; /* no time of entry */
    bad.visit.id = rig->next_id++;
    put(rig, &bad);
    for (int i = 0; i < 40; i++)
        put_call(rig, true);
    struct record late = {.kind = RECORD_HANDLE}; /* more than PostgreSQL's integer holds */
    late.handle = (struct record_handle){.id = rig->next_id++, .start_us = day_us, .talk_ms = UINT32_MAX};
    put(rig, &late);
    for (int i = 0; i < 5; i++)
        put_call(rig, true);
    assert_true(wait_for(rig, 10000, is_applied));
    assert_int_equal(state_of(rig).rejected, 2);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.contact WHERE result = 'handled'"), 85);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.visit"), 85);
    snprintf(command, sizeof command,
             "/usr/bin/python3 -c 'import json; ids = [json.loads(l)[\"record\"][\"row\"][\"id\"] for l in "
             "open(\"%s/journal/rejected/records.jsonl\")]; assert ids == [\"%llu\", \"%llu\"], ids'",
             rig->dir, (unsigned long long)bad.visit.id, (unsigned long long)late.handle.id);
    assert_int_equal(system(command), 0);
    assert_non_null(strstr(log_text, "event=row_set_aside"));
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
    waiting.visit = (struct record_visit){rig->next_id++, open, "sales", day_us + 200000000, 0, 0, 1, 0, ""};
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

/* A journal that knows less than the database (its disk forgot): nothing is skipped. */
static void test_journal_behind(void **state) {
    struct rig *rig = *state;
    assert_true(wait_for(rig, 5000, is_applied));
    sql("UPDATE callfloor.journal_position SET seq = seq + 1000");
    rig_stop(rig);
    rig_start(rig);
    put_call(rig, true);
    assert_true(wait_for(rig, 8000, is_applied));
    check_calls(rig);
    assert_non_null(strstr(log_text, "event=journal_behind"));
}

/* The database was restored from an older backup: what is still in the journal comes again. */
static void test_database_behind(void **state) {
    struct rig *rig = *state;
    for (int i = 0; i < 20; i++)
        put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    sql("TRUNCATE callfloor.contact, callfloor.visit, callfloor.offer, callfloor.handle, "
        "callfloor.agent_state; "
        "DELETE FROM callfloor.journal_position; DELETE FROM callfloor.customer");
    put_call(rig, true);
    assert_true(wait_for(rig, 8000, is_applied));
    check_calls(rig);
}

static void test_reload(void **state) {
    struct rig *rig = *state;
    char *old = strdup(conninfo);
    struct conf other = rig->conf;
    char sales[] = "sales", gone[] = "old", odd[] = "it's \"q\"";
    struct conf_queue queues[] = {{.name = sales, .service_level_ms = 500, .short_abandon_ms = 100},
                                  {.name = gone, .removed = true},
                                  {.name = odd, .service_level_ms = 30000, .short_abandon_ms = 5000}};
    put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    other.queue = queues;
    other.queue_count = ARRAY_LEN(queues);
    assert_int_equal(store_reload(rig->store, &other), 0);
    assert_true(wait_for(rig, 1000, is_applied));
    wait_for(rig, 100, never);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.queue"), 2);
    assert_string_equal(sql("SELECT sl_negative FROM callfloor.v_queue_day"), "0.0"); /* T is 0.5 s now */
    /* another database gets everything that is still here */
    snprintf(conninfo, sizeof conninfo, "host=%s user=postgres dbname=postgres", server_dir);
    sql("CREATE DATABASE %s_new", database_name);
    snprintf(conninfo, sizeof conninfo, "host=%s user=postgres dbname=%s_new", server_dir, database_name);
    assert_int_equal(store_reload(rig->store, &other), 0);
    assert_true(wait_for(rig, 5000, is_applied));
    check_calls(rig);
    /* none: journal only */
    other.database = (char *)"";
    assert_int_equal(store_reload(rig->store, &other), 0);
    put_call(rig, true);
    wait_for(rig, 200, never);
    assert_false(state_of(rig).configured);
    assert_int_equal(rig->port.customer(rig->port.ctx, 1, "+1"), -ENOTCONN);
    other.database = conninfo;
    assert_int_equal(store_reload(rig->store, &other), 0);
    assert_true(wait_for(rig, 5000, is_applied));
    check_calls(rig);
    str_copy(conninfo, sizeof conninfo, old);
    free(old);
}

/* Connection strings that cannot work: no crash, no wait, a clear message, calls go on. */
static void test_bad_databases(void **state) {
    struct rig *rig = *state;
    struct conf other = rig->conf;
    static const struct {
        const char *conninfo, *error;
    } cases[] = {
        {"this is not a connection string", "not a connection string"},
        {"host=a,b dbname=x", "several host names"},
        {"host=/nonexistent dbname=x", "No such file"},
        {"host=127.0.0.1 port=1 dbname=x connect_timeout=1", "refused"},
        {"host=name.invalid dbname=x", "host name not resolved"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        other.database = (char *)cases[i].conninfo;
        assert_int_equal(store_reload(rig->store, &other), 0);
        put_call(rig, true);
        rig->worst_us = 0;
        uint64_t until = loop_now_us() + 8000000;
        while (loop_now_us() < until && !strstr(state_of(rig).last_error, cases[i].error))
            wait_for(rig, 20, never);
        assert_non_null(strstr(state_of(rig).last_error, cases[i].error));
        assert_in_range(rig->worst_us, 0, 200000);
    }
    assert_int_equal(store_reload(rig->store, &rig->conf), 0);
    assert_true(wait_for(rig, 5000, is_applied));
    check_calls(rig);
}

int main(int argc, char **argv) {
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_make, rig_remove)
        RIG_TEST(test_rows_arrive),     RIG_TEST(test_migrations_twice), RIG_TEST(test_migrations_at_once),
        RIG_TEST(test_newer_database),  RIG_TEST(test_customers),        RIG_TEST(test_frozen_server),
        RIG_TEST(test_server_away),     RIG_TEST(test_cut_connections),  RIG_TEST(test_catching_up),
        RIG_TEST(test_poison_row),      RIG_TEST(test_cut_marking),      RIG_TEST(test_journal_behind),
        RIG_TEST(test_database_behind), RIG_TEST(test_reload),           RIG_TEST(test_bad_databases),
    };
    return cmocka_run_group_tests(tests, server_make, server_remove);
}
