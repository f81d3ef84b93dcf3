/* SPDX-License-Identifier: Apache-2.0
 * LIBS: console stats loop base
 * The console over real sockets: telnet login, limits, rubbish, and the unix socket's protocol. The console
 * runs on a thread of its own, the test is its client. */
#include "callfloor/console.h"

#include "callfloor/log.h"

#include <arpa/inet.h>
#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_floor.h"

static struct conf_queue queues[] = {{.name = (char *)"sales"}, {.name = (char *)"support"}};
static struct conf_user users[] = {{(char *)"anna", NULL, true}, {(char *)"bert", NULL, false}};
static char folder[] = "/tmp/callfloor-console-XXXXXX", path[64];
static struct conf conf = {.path = (char *)"test.conf",
                           .queue = queues,
                           .queue_count = 2,
                           .console_address = (char *)"127.0.0.1",
                           .console_socket = path,
                           .console_sessions = 4,
                           .console_idle_ms = 60000,
                           .user = users,
                           .user_count = 2};
const struct conf_agent *conf_agent(const struct conf *c, uint32_t id) {
    return NULL;
}
const struct conf_queue *conf_queue(const struct conf *c, uint32_t id) {
    return id && id <= c->queue_count ? &c->queue[id - 1] : NULL;
}
uint32_t conf_find_agent(const struct conf *c, const char *id) {
    return 0;
}
uint32_t conf_find_queue(const struct conf *c, const char *name) {
    return !strcmp(name, "sales") ? 1 : 0;
}

/* ---- the console's thread ---- */

static struct loop *loop;
static struct console *console;
static pthread_t thread;
static _Atomic int order; /* 1 stop, 2 reload with `next` */
static const struct conf *_Atomic next;

static uint64_t obey(void *arg, uint64_t now_ms) {
    int todo = atomic_load(&order);
    if (todo == 1)
        loop_stop(loop);
    if (todo == 2) {
        console_reload(console, next);
        atomic_store(&order, 0);
    }
    return now_ms + 10;
}
static void *serve(void *arg) {
    loop_run(loop);
    return NULL;
}
static void reload_with(const struct conf *c) {
    atomic_store(&next, c);
    atomic_store(&order, 2);
    while (atomic_load(&order) == 2)
        usleep(1000);
}

static uint16_t free_port(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_false(bind(fd, (struct sockaddr *)&a, length) || getsockname(fd, (struct sockaddr *)&a, &length));
    close(fd);
    return ntohs(a.sin_port);
}

static int start(void **state) {
    conf.console_port = free_port();
    conf.console_idle_ms = *state ? *(uint32_t *)*state : 60000;
    atomic_store(&order, 0);
    empty_floor = false;
    log_set_level(NULL, "error");
    return loop_create(&loop) || console_create(&console, loop, floor_of_tests, &conf, NULL) ||
           console_start(console) || loop_add_hook(loop, "test", obey, NULL) ||
           pthread_create(&thread, NULL, serve, NULL);
}
static int stop(void **state) {
    atomic_store(&order, 1);
    pthread_join(thread, NULL);
    console_destroy(console);
    loop_destroy(loop);
    assert_int_equal(access(path, F_OK), -1);
    return 0;
}

/* ---- clients ---- */

struct client {
    int fd;
    bool closed;
    char text[1 << 20]; /* what came since the last ask(); IAC bytes included, NUL-terminated */
    size_t length;
};
static struct client one, two;

static void connect_tcp(struct client *c) {
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons(conf.console_port)};
    memset(c, 0, sizeof *c);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof a), 0);
}
static void connect_unix(struct client *c) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memset(c, 0, sizeof *c);
    str_copy(a.sun_path, sizeof a.sun_path, path);
    c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof a), 0);
}
static void hang_up(struct client *c) {
    close(c->fd);
}
/* Reads until something is there, for at most ms. */
static void pump(struct client *c, int ms) {
    struct pollfd p = {c->fd, POLLIN, 0};
    if (c->closed || poll(&p, 1, ms) <= 0)
        return;
    ssize_t n = recv(c->fd, c->text + c->length, sizeof c->text - 1 - c->length, 0);
    if (n <= 0)
        c->closed = true;
    else
        c->length += (size_t)n;
    c->text[c->length] = 0;
}
static bool has(const struct client *c, const char *text) {
    return memmem(c->text, c->length, text, strlen(text)) != NULL;
}
static void expect(struct client *c, const char *text) {
    for (int i = 0; i < 500 && !has(c, text) && !c->closed; i++)
        pump(c, 10);
    if (!has(c, text))
        fail_msg("no '%s' in '%s' (%s)", text, c->text, c->closed ? "closed" : "open");
}
static void expect_end(struct client *c) {
    for (int i = 0; i < 500 && !c->closed; i++)
        pump(c, 10);
    assert_true(c->closed);
}
static void send_bytes(struct client *c, const void *data, size_t length) {
    const char *p = data;
    while (length) {
        ssize_t n = send(c->fd, p, length, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* closed on us: the test says what it expected */
        p += n;
        length -= (size_t)n;
    }
}
static void ask(struct client *c, const char *line, const char *answer) {
    c->length = 0;
    c->text[0] = 0;
    send_bytes(c, line, strlen(line));
    expect(c, answer);
}
static void log_in(struct client *c, const char *user, const char *password) {
    char line[128];
    expect(c, "login: ");
    snprintf(line, sizeof line, "%s\r\n", user);
    ask(c, line, "Password: ");
    snprintf(line, sizeof line, "%s\r\n", password);
    ask(c, line, "callfloor> ");
}

/* ---- telnet ---- */

static void test_login(void **state) {
    connect_tcp(&one);
    expect(&one, "login: ");
    ask(&one, "anna\r\n", "\xff\xfb\x01Password: ");     /* IAC WILL ECHO: and nobody echoes */
    ask(&one, "\xff\xfd\x01walrus\r\n", "\xff\xfc\x01"); /* DO ECHO; after the password WONT ECHO */
    expect(&one, "callfloor> ");
    assert_false(has(&one, "walrus"));
    ask(&one, "show calls\r\n", "+48123");
    expect(&one, "0:04\r\ncallfloor> ");
    ask(&one, "agent pause 1001\r\n", "pauses");
    assert_string_equal(acts, "pause 1001 '' by anna@127.0.0.1");
    ask(&one, "nonsense\n", "unknown command 'nonsense'");
    ask(&one, "\r", "callfloor> ");
    ask(&one,
        "sx\x7fhow cal\x08\x08"
        "alls\r",
        "+48123"); /* backspaces */
    ask(&one, "quit\r\n", "bye");
    expect_end(&one);
    hang_up(&one);
}

/* All lines at once: each is taken in its turn, the commands after the password too. */
static void test_pasted_login(void **state) {
    connect_tcp(&one);
    ask(&one, "bert\npenguin\nshow queues\nagent pause 1001\nquit\n", "bye");
    assert_true(has(&one, "support"));
    assert_true(has(&one, "'agent pause' is for admins; bert@127.0.0.1 may only look"));
    hang_up(&one);
}

static void test_wrong_passwords(void **state) {
    connect_tcp(&one);
    expect(&one, "login: ");
    for (int i = 0; i < 3; i++) {
        ask(&one, i % 2 ? "nobody\r\n" : "anna\r\n", "Password: ");
        ask(&one, "wrong\r\n", "login failed");
    }
    expect_end(&one);
    hang_up(&one);
    connect_tcp(&one);
    expect(&one, "login: ");
    ask(&one, "anna\r\n", "Password: ");
    ask(&one, "wrong\r\n", "login failed");
    ask(&one, "anna\r\n", "Password: ");
    ask(&one, "wrong\r\n", "too many failed logins from here; try again in");
    expect_end(&one);
    hang_up(&one);
    connect_tcp(&one); /* locked out at the door */
    expect(&one, "too many failed logins from here; try again in");
    expect_end(&one);
    hang_up(&one);
}

static void test_too_long_lines(void **state) {
    static char big[100000];
    memset(big, 'x', sizeof big);
    connect_tcp(&one);
    log_in(&one, "anna", "walrus");
    send_bytes(&one, big, sizeof big);
    ask(&one, "\r\n", "too long (more than 1024 bytes)");
    ask(&one, "show version\r\n", "SIP legs");
    send_bytes(&one, big, 1024);
    ask(&one, "\r\n", "unknown command");
    hang_up(&one);
    connect_unix(&one); /* more than a line can be: not a person */
    for (int i = 0; i < 15; i++)
        send_bytes(&one, big, sizeof big);
    expect(&one, "too much input");
    expect_end(&one);
    hang_up(&one);
    connect_tcp(&one); /* the same before login */
    expect(&one, "login: ");
    send_bytes(&one, big, sizeof big);
    ask(&one, "\r\n", "too long");
    ask(&one, "anna\r\n", "Password: ");
    send_bytes(&one, big, sizeof big);
    ask(&one, "\r\n", "too long");
    log_in(&one, "anna", "walrus");
    hang_up(&one);
}

static void test_telnet_rubbish(void **state) {
    static char zeros[100000];
    uint64_t seed = 7;
    connect_tcp(&one);
    /* DO SGA, WILL TTYPE, subnegotiations: TTYPE, COMPRESS2 (must not start inflating), ENVIRON, AYT */
    send_bytes(&one,
               "\xff\xfd\x03\xff\xfb\x18\xff\xfa\x18\x00xterm\xff\xf0\xff\xfa\x56\xff\xf0\xff\xfa\x27\x00\x00"
               "\xff\xf0",
               29);
    ask(&one, "\xff\xf6", "[yes]");
    log_in(&one, "anna", "walrus");
    send_bytes(&one, "show \xff", 6); /* an IAC cut in two, then an escaped 0xff */
    usleep(20000);
    ask(&one, "\xff\r\n", "unknown word '?'");
    ask(&one,
        "show ver\xff\xf4"
        "show version\r\n",
        "SIP legs");           /* IP drops the line begun */
    ask(&one, "\xff\xec", ""); /* EOF */
    expect_end(&one);
    hang_up(&one);
    connect_tcp(&one);
    send_bytes(&one, "\xff\xfa", 2); /* a subnegotiation without end */
    send_bytes(&one, zeros, sizeof zeros);
    expect_end(&one);
    hang_up(&one);
    for (int n = 0; n < 60; n++) {
        unsigned char junk[1500];
        connect_tcp(&one);
        for (size_t i = 0; i < sizeof junk; i++) {
            uint64_t r = rng_next(&seed);
            junk[i] = (unsigned char)(r % 4 == 0   ? 240 + (r >> 8) % 16
                                      : r % 4 == 1 ? (r >> 8) % 100
                                                   : r >> 8);
        }
        send_bytes(&one, junk, sizeof junk);
        pump(&one, 5);
        hang_up(&one);
    }
    usleep(50000);
    connect_unix(&one);
    ask(&one, "show version\n", "ok ");
    hang_up(&one);
}

static void test_session_limit(void **state) {
    static struct client many[4];
    for (int i = 0; i < 4; i++) {
        connect_tcp(&many[i]);
        expect(&many[i], "login: ");
    }
    connect_tcp(&one);
    expect(&one, "too many sessions");
    expect_end(&one);
    hang_up(&one);
    hang_up(&many[2]);
    for (int i = 0; i < 100 && (i == 0 || has(&one, "too many")); i++) {
        usleep(5000);
        connect_tcp(&one);
        expect(&one, "\r\n");
    }
    log_in(&one, "anna", "walrus");
    hang_up(&one);
    for (int i = 0; i < 4; i++)
        if (i != 2)
            hang_up(&many[i]);
}

static void test_idle(void **state) {
    connect_tcp(&one);
    connect_tcp(&two);
    log_in(&one, "anna", "walrus");
    expect(&one, "idle for too long");
    expect_end(&one);
    expect(&two, "login took too long");
    expect_end(&two);
    hang_up(&one);
    hang_up(&two);
}

/* Somebody asks and does not read: no more commands run than fit, and the console serves the others. */
static void test_slow_reader(void **state) {
    connect_tcp(&one);
    log_in(&one, "anna", "walrus");
    fcntl(one.fd, F_SETFL, O_NONBLOCK);
    size_t sent = 0; /* as many as the sockets take: that depends on the machine */
    while (sent < 60000 && send(one.fd, "help\r\n", 6, MSG_NOSIGNAL) > 0)
        sent++;
    size_t wanted = sent * 500 < 600000 ? sent * 500 : 600000; /* help is longer than 500 bytes */
    connect_tcp(&two);
    log_in(&two, "bert", "penguin");
    ask(&two, "show calls\r\n", "+48123");
    one.length = 0;
    size_t before = 0;
    for (int quiet = 0; quiet < 500 && !one.closed && one.length < wanted; before = one.length) {
        pump(&one, 20); /* and then it reads: nothing was lost */
        quiet = one.length == before ? quiet + 1 : 0;
    }
    if (sent <= 10 || one.length < wanted)
        fail_msg("sent %zu, got %zu of %zu bytes (%s)", sent, one.length, wanted,
                 one.closed ? "closed" : "open");
    hang_up(&one);
    hang_up(&two);
}

/* Accounts lose their sessions with a reload. */
static void test_reload(void **state) {
    static struct conf_user fewer[1];
    struct conf changed = conf;
    fewer[0] = users[0];
    fewer[0].admin = false;
    changed.user = fewer;
    changed.user_count = 1;
    connect_tcp(&one);
    log_in(&one, "anna", "walrus");
    connect_tcp(&two);
    log_in(&two, "bert", "penguin");
    reload_with(&changed);
    expect(&two, "the account was removed");
    expect_end(&two);
    ask(&one, "agent pause 1001\r\n", "may only look");
    reload_with(&conf);
    ask(&one, "agent pause 1001\r\n", "pauses");
    fewer[0].password_hash = users[1].password_hash;
    reload_with(&changed);
    expect(&one, "the password was changed");
    expect_end(&one);
    hang_up(&one);
    hang_up(&two);
}

/* ---- unix socket ---- */

static void test_unix_protocol(void **state) {
    struct stat st;
    static char big[3000];
    connect_unix(&one);
    ask(&one, "show calls\n", "0:04\n");
    size_t head = strcspn(one.text, "\n") + 1;
    char wanted[32];
    snprintf(wanted, sizeof wanted, "ok %zu\n", one.length - head);
    assert_memory_equal(one.text, wanted, strlen(wanted));
    ask(&one, "\n", "ok 0\n");
    ask(&one, "-j show trunks\n", "\"rtt_ms\":14");
    ask(&one, "make coffee\n", "error ");
    ask(&one, "-j make coffee\n", "{\"error\":\"unknown command");
    ask(&one, "agent done 1001\n", "ok ");
    char who[64];
    snprintf(who, sizeof who, "done 1001 by unix:uid=%u", (unsigned)geteuid());
    assert_string_equal(acts, who);
    memset(big, 'y', sizeof big);
    send_bytes(&one, big, sizeof big);
    ask(&one, "\n", "error 44\nthe line is too long (more than 1024 bytes)\n");
    ask(&one, "show version\nshow version\nshow version\nshow version\nshow version\nquit\n", "ok 0\n");
    expect_end(&one);
    hang_up(&one);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
}

/* Who writes no more is answered all the same. */
static void test_unix_half_closed(void **state) {
    connect_unix(&one);
    for (int i = 0; i < 50; i++)
        send_bytes(&one, "help\n", 5);
    send_bytes(&one, "show nothing\n", 13);
    shutdown(one.fd, SHUT_WR);
    expect(&one, "unknown word 'nothing'");
    expect_end(&one);
    hang_up(&one);
}

static void test_execute(void **state) {
    char *answer;
    assert_int_equal(console_execute(console, "show calls", true, false, "web", &answer), 0);
    assert_non_null(strstr(answer, "\"caller\":\"+48123\""));
    free(answer);
    assert_int_equal(console_execute(console, "drain", true, false, "web", &answer), -EPERM);
    free(answer);
    assert_int_equal(console_execute(console, "drain", false, true, "web", &answer), -ENOTSUP);
    assert_string_equal(answer, "drain is not available\n");
    free(answer);
    assert_int_equal(console_port(console), conf.console_port);
}

/* ---- listeners ---- */

static void create_fails(int expected) {
    struct console *c;
    struct loop *l;
    assert_int_equal(loop_create(&l), 0);
    assert_int_equal(console_create(&c, l, floor_of_tests, &conf, NULL), 0);
    assert_int_equal(console_start(c), expected);
    console_destroy(c);
    loop_destroy(l);
}
static void silent(void *arg, const char *line) {}
/* A second daemon is refused and does not harm the first one's socket. */
static void test_second_daemon(void **state) {
    struct stat before, after;
    uint16_t port = conf.console_port;
    log_to(silent, NULL);
    assert_int_equal(lstat(path, &before), 0);
    create_fails(-EADDRINUSE);
    conf.console_port = 0;
    create_fails(-EADDRINUSE);
    conf.console_port = port;
    log_to(NULL, NULL);
    assert_int_equal(lstat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    connect_unix(&one);
    ask(&one, "show version\n", "ok ");
    hang_up(&one);
}

static void test_paths(void **state) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st;
    log_to(silent, NULL);
    conf.console_port = 0;
    /* a file that is not a socket stays */
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    close(fd);
    create_fails(-EEXIST);
    assert_int_equal(lstat(path, &st), 0);
    unlink(path);
    /* so does a link, wherever it leads */
    assert_int_equal(symlink("/nowhere", path), 0);
    create_fails(-EEXIST);
    unlink(path);
    /* a socket left over by a crash goes */
    str_copy(a.sun_path, sizeof a.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
    create_fails(0);
    assert_int_equal(access(path, F_OK), -1); /* and ours with the console */
    conf.console_address = (char *)"not-an-address";
    conf.console_port = 1;
    create_fails(-EINVAL);
    conf.console_address = (char *)"127.0.0.1";
    conf.console_port = 0;
    char long_path[200];
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = 0;
    conf.console_socket = long_path;
    create_fails(-ENAMETOOLONG);
    conf.console_socket = (char *)"/nonexistent/folder/socket";
    create_fails(-ENOENT);
    conf.console_socket = (char *)"";
    create_fails(0);
    conf.console_socket = path;
    log_to(NULL, NULL);
}

int main(void) {
    static uint32_t idle_ms = 300;
    static char hash_anna[CRYPT_OUTPUT_SIZE], hash_bert[CRYPT_OUTPUT_SIZE];
    str_copy(hash_anna, sizeof hash_anna, crypt("walrus", "$5$rounds=1000$saltA"));
    str_copy(hash_bert, sizeof hash_bert, crypt("penguin", "$5$rounds=1000$saltB"));
    users[0].password_hash = hash_anna;
    users[1].password_hash = hash_bert;
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/console.sock", folder);
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
    const struct CMUnitTest tests[] = {
        T(test_login),
        T(test_pasted_login),
        T(test_wrong_passwords),
        T(test_too_long_lines),
        T(test_telnet_rubbish),
        T(test_session_limit),
        T(test_slow_reader),
        T(test_reload),
        T(test_unix_protocol),
        T(test_unix_half_closed),
        T(test_execute),
        T(test_second_daemon),
        cmocka_unit_test_prestate_setup_teardown(test_idle, start, stop, &idle_ms),
        cmocka_unit_test(test_paths),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
