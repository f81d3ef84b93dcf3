/* SPDX-License-Identifier: Apache-2.0
 * A private PostgreSQL (unix socket only, made by the test and removed by it) and a store in its loop. For
 * the tests that include it once; not all of them use all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"
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
    bool many_agents; /* each call to another one */
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
    visit.visit = (struct record_visit){.id = id + 1,
                                        .contact_id = id,
                                        .queue = "sales",
                                        .enter_us = t + 20,
                                        .since_us = t - 60000000,
                                        .priority = 1,
                                        .position_in = 1,
                                        .step = 2,
                                        .told_ms = 4000};
    put(rig, &visit);
    offer.offer =
        (struct record_offer){.id = id + 2, .contact_id = id, .visit_id = id + 1, .reserve_us = t + 30};
    snprintf(offer.offer.agent, NAME_LEN, "%llu", rig->many_agents ? (unsigned long long)id : 1001);
    str_copy(offer.offer.why, WHY_LEN, "offer agent=1001 strategy=scored score=83.5 able=2 next=1002:80.1");
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
    str_copy(handle.handle.agent, NAME_LEN, offer.offer.agent);
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
    str_copy(handle.handle.disposition, NAME_LEN, "sold \"it\"");
    put(rig, &handle);
    agent.agent_state = (struct record_agent_state){.id = id + 4,
                                                    .presence = "ready",
                                                    .activity = "talking",
                                                    .start_us = t + 1000000,
                                                    .end_us = t + 11000000,
                                                    .contact_id = id};
    str_copy(agent.agent_state.agent, NAME_LEN, offer.offer.agent);
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
