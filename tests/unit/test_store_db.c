/* LIBS: store loop base */
/* SPDX-License-Identifier: Apache-2.0
 * The connection against servers that are no good: silent, talking nonsense, hanging up, never accepting. */
#include "callfloor/log.h"
#include "callfloor/loop.h"
#include "store/db.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* Authentication ok, ready for query: from here on libpq believes in it. */
#define WELCOME "R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"

struct rig {
    char dir[64], conninfo[128];
    struct loop *loop;
    struct db *db;
    struct event *tick, *accept;
    int listener, client;
    const char *greeting; /* sent at once to whoever connects */
    size_t greeting_size;
    bool hang_up;
    bool ready, ask;
    uint32_t downs, answers, connects;
    char why[200];
    uint64_t last_tick_us, worst_us, until_us;
};

static void on_accept(evutil_socket_t fd, short what, void *arg) {
    struct rig *rig = arg;
    if (rig->client >= 0)
        close(rig->client);
    rig->client = accept(fd, NULL, NULL);
    assert_true(rig->client >= 0);
    rig->connects++;
    if (rig->greeting) {
        assert_int_equal(send(rig->client, rig->greeting, rig->greeting_size, MSG_NOSIGNAL),
                         rig->greeting_size);
    }
    if (rig->hang_up) {
        close(rig->client);
        rig->client = -1;
    }
}

static enum db_step set_up(void *ctx, const PGresult *result) {
    return DB_STEP_READY;
}
static void on_answer(void *ctx, uint64_t tag, const PGresult *result) {
    ((struct rig *)ctx)->answers++;
}
static void on_ready(void *ctx) {
    struct rig *rig = ctx;
    const char *value[] = {"1"};
    rig->ready = true;
    if (rig->ask)
        store_db_request(rig->db, "x", 1, value, on_answer, 1);
}
static void on_down(void *ctx, const char *why) {
    struct rig *rig = ctx;
    rig->downs++;
    str_copy(rig->why, sizeof rig->why, why);
}

static void on_tick(evutil_socket_t fd, short what, void *arg) {
    struct rig *rig = arg;
    uint64_t now = loop_now_us();
    if (rig->last_tick_us && now - rig->last_tick_us > rig->worst_us)
        rig->worst_us = now - rig->last_tick_us;
    rig->last_tick_us = now;
    if (rig->downs || now > rig->until_us)
        loop_stop(rig->loop);
}

static void run(struct rig *rig, uint32_t ms) {
    struct timeval tv = {0, 5000};
    rig->downs = 0;
    rig->last_tick_us = 0;
    rig->until_us = loop_now_us() + ms * 1000ull;
    event_add(rig->tick, &tv);
    assert_int_equal(loop_run(rig->loop), 0);
    event_del(rig->tick);
    assert_in_range(rig->worst_us, 0, 200000);
}

static void swallow(void *arg, const char *line) {}

static int rig_make(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct db_owner owner = {rig, "test", 300, set_up, on_ready, on_down};
    log_to(swallow, NULL);
    snprintf(rig->dir, sizeof rig->dir, "/tmp/callfloor-db-XXXXXX");
    if (!mkdtemp(rig->dir) || loop_create(&rig->loop) < 0)
        return -1;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", rig->dir);
    snprintf(rig->conninfo, sizeof rig->conninfo, "host=%s user=a dbname=b sslmode=disable", rig->dir);
    rig->client = -1;
    rig->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(rig->listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(rig->listener, 8) < 0)
        return -1;
    rig->accept = event_new(loop_base(rig->loop), rig->listener, EV_READ | EV_PERSIST, on_accept, rig);
    rig->tick = event_new(loop_base(rig->loop), -1, EV_PERSIST, on_tick, rig);
    event_add(rig->accept, NULL);
    *state = rig;
    return store_db_create(&rig->db, loop_base(rig->loop), &owner);
}

static int rig_remove(void **state) {
    struct rig *rig = *state;
    char command[128];
    store_db_destroy(rig->db);
    event_free(rig->accept);
    event_free(rig->tick);
    close(rig->listener);
    if (rig->client >= 0)
        close(rig->client);
    loop_destroy(rig->loop);
    snprintf(command, sizeof command, "rm -rf '%s'", rig->dir);
    log_to(NULL, NULL);
    free(rig);
    return system(command);
}

static void greet(struct rig *rig, const char *bytes, size_t size) {
    rig->greeting = bytes;
    rig->greeting_size = size;
}

static void test_accepts_and_is_silent(void **state) {
    struct rig *rig = *state;
    assert_int_equal(store_db_open(rig->db, rig->conninfo), 0);
    run(rig, 7000);
    assert_int_equal(rig->downs, 1);
    assert_string_equal(rig->why, "no connection in time");
    assert_false(rig->ready);
}

static void test_silent_after_welcome(void **state) {
    struct rig *rig = *state;
    greet(rig, WELCOME, sizeof WELCOME - 1);
    assert_int_equal(store_db_open(rig->db, rig->conninfo), 0);
    run(rig, 200);
    assert_true(rig->ready);
    run(rig, 1000); /* nothing is asked, so nothing is due */
    assert_int_equal(rig->downs, 0);
    const char *value[] = {"1"};
    assert_int_equal(store_db_request(rig->db, "x", 1, value, on_answer, 1), 0);
    uint64_t asked = loop_now_ms();
    run(rig, 2000);
    assert_int_equal(rig->downs, 1);
    assert_in_range(loop_now_ms() - asked, 290, 600);
    assert_string_equal(rig->why, "no answer in time");
    assert_int_equal(rig->answers, 0);
    assert_int_equal(store_db_request(rig->db, "x", 1, value, on_answer, 1), -ENOTCONN);
    run(rig, 1500); /* and it comes back by itself */
    assert_int_equal(rig->connects, 2);
    assert_true(store_db_is_ready(rig->db));
}

/* Whatever the server says, the loop goes on and the connection is tried again. */
static void test_nonsense(void **state) {
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
#define BYTES(text) {text, sizeof text - 1}
        BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"),
        BYTES("\0\0\0\0\0\0\0\0"),
        BYTES("E\0\0\0\x10SFATAL\0Mno\0\0"),
        BYTES(WELCOME "T\xff\xff\xff\xff"),
        BYTES(WELCOME "D\0\0\0\x06\0\x01"),
        BYTES(WELCOME "Z\0\0\0\x05I"
                      "Z\0\0\0\x05I"),
        BYTES(WELCOME "C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I"),
        BYTES(WELCOME "1\0\0\0\x04"
                      "2\0\0\0\x04"
                      "n\0\0\0\x04"
                      "C\0\0\0\x04Z\0\0\0\x05I"),
    };
    struct rig *rig = *state;
    rig->ask = true;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        greet(rig, cases[i].bytes, cases[i].size);
        rig->connects = 0;
        assert_int_equal(store_db_open(rig->db, rig->conninfo), 0);
        run(rig, 50);
        run(rig, 500);
        assert_true(rig->connects > 0);
    }
    assert_int_equal(rig->answers, 0);
}

static void test_hangs_up(void **state) {
    struct rig *rig = *state;
    rig->hang_up = rig->ask = true;
    greet(rig, WELCOME, sizeof WELCOME - 1);
    assert_int_equal(store_db_open(rig->db, rig->conninfo), 0);
    for (int i = 0; i < 3; i++) {
        run(rig, 3000);
        assert_int_equal(rig->downs, 1);
    }
    assert_in_range(rig->connects, 3, 5); /* with growing pauses */
    assert_int_equal(store_db_open(rig->db, ""), 0);
    rig->connects = 0;
    run(rig, 700);
    assert_int_equal(rig->connects, 0);
}

/* More questions than can be under way: refused, not queued without end. */
static void test_bounded(void **state) {
    struct rig *rig = *state;
    const char *value[] = {"1"};
    int err = 0, sent = 0;
    greet(rig, WELCOME, sizeof WELCOME - 1);
    assert_int_equal(store_db_open(rig->db, rig->conninfo), 0);
    run(rig, 200);
    assert_true(rig->ready);
    while (sent < 10000 && !(err = store_db_request(rig->db, "x", 1, value, on_answer, 1)))
        sent++;
    assert_int_equal(err, -ENOSPC);
    assert_in_range(sent, 256, 1024);
    run(rig, 2000);
    assert_int_equal(rig->downs, 1);
}

static void test_targets(void **state) {
    struct db_target target;
    static const struct {
        const char *conninfo, *host, *keyword, *value;
        int err;
    } cases[] = {
        {"host=db.example.org dbname=x", "db.example.org", "gssencmode", "disable", 0},
        {"postgresql://u:p@db.example.org:5433/x", "db.example.org", "port", "5433", 0},
        {"host=192.0.2.1", "", "hostaddr", "192.0.2.1", 0},
        {"host=2001:db8::1", "", "hostaddr", "2001:db8::1", 0},
        {"host=name hostaddr=192.0.2.2", "", "hostaddr", "192.0.2.2", 0},
        {"host=/run/postgresql", "", "host", "/run/postgresql", 0},
        {"host=@abstract", "", "host", "@abstract", 0},
        {"application_name=mine", "", "application_name", "mine", 0},
        {"dbname=x", "", "client_encoding", "UTF8", 0},
        {"host=a,b", "", "", "", -EINVAL},
        {"unknown_word=1", "", "", "", -EINVAL},
        {"host='", "", "", "", -EINVAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *found = "";
        assert_int_equal(store_db_target_make(&target, cases[i].conninfo), cases[i].err);
        assert_string_equal(target.host, cases[i].host);
        for (int j = 0; j < target.count; j++)
            if (!strcmp(target.keyword[j], cases[i].keyword))
                found = target.value[j];
        assert_string_equal(found, cases[i].value);
        store_db_target_done(&target);
    }
}

int main(int argc, char **argv) {
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    unsetenv("PGHOST");
    unsetenv("PGHOSTADDR");
    const struct CMUnitTest tests[] = {
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_make, rig_remove)
        cmocka_unit_test(test_targets),
        RIG_TEST(test_accepts_and_is_silent),
        RIG_TEST(test_silent_after_welcome),
        RIG_TEST(test_nonsense),
        RIG_TEST(test_hangs_up),
        RIG_TEST(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
