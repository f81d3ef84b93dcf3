/* SPDX-License-Identifier: Apache-2.0
 * LIBS: web console stats loop base
 * The web over real sockets: routes, logins, limits, headers. It runs on a thread of its own, the test is
 * its client. */
#include "callfloor/log.h"
#include "web/internal.h"

#include <arpa/inet.h>
#include <crypt.h>
#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_floor.h"

static struct conf_queue queues[] = {{.name = (char *)"sales"}, {.name = (char *)"support"}};
static struct conf_user users[] = {{(char *)"anna", NULL, true}, {(char *)"bert", NULL, false}};
static struct conf conf = {.path = (char *)"test.conf",
                           .queue = queues,
                           .queue_count = 2,
                           .console_address = (char *)"127.0.0.1",
                           .console_socket = (char *)"",
                           .web_address = (char *)"127.0.0.1",
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
    return 0;
}

/* ---- the web's thread ---- */

static struct loop *loop;
static struct console *console;
static struct web *web;
static pthread_t thread;
enum { NOTHING, STOP, EXPIRE };
static _Atomic int order;
static _Atomic uint32_t connections;

static uint64_t obey(void *arg, uint64_t now_ms) {
    struct web_connection *c;
    connections = web->connection_count;
    switch (atomic_load(&order)) {
    case STOP:
        loop_stop(loop);
        break;
    case EXPIRE: /* as if WEB_REQUEST_MS had passed */
        LIST_FOREACH (c, &web->connections, entry)
            c->deadline_ms = 0;
        web_connections_sweep(web);
        atomic_store(&order, NOTHING);
        break;
    default:
        break;
    }
    return now_ms + 5;
}
static void *serve(void *arg) {
    loop_run(loop);
    return NULL;
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
    conf.web_port = free_port();
    atomic_store(&order, NOTHING);
    empty_floor = draining = false;
    log_set_level(NULL, "error");
    return loop_create(&loop) || console_create(&console, loop, floor_of_tests, &conf, NULL) ||
           web_create(&web, loop, floor_of_tests, console, &conf) || web_start(web) ||
           loop_add_hook(loop, "test", obey, NULL) || pthread_create(&thread, NULL, serve, NULL);
}
static int stop(void **state) {
    atomic_store(&order, STOP);
    pthread_join(thread, NULL);
    web_destroy(web);
    console_destroy(console);
    loop_destroy(loop);
    return 0;
}

/* ---- client ---- */

static char text[1 << 20];
static size_t text_length;

static int dial(void) {
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(conf.web_port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}
static void say(int fd, const char *what) {
    size_t length = strlen(what);
    while (length) {
        ssize_t n = send(fd, what, length, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        what += n;
        length -= (size_t)n;
    }
}
/* Bytes read now; 0 at the end, -1 when nothing came in time. */
static ssize_t hear(int fd, int ms) {
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, ms) <= 0)
        return -1;
    ssize_t n = recv(fd, text + text_length, sizeof text - 1 - text_length, 0);
    if (n > 0)
        text_length += (size_t)n;
    text[text_length] = 0;
    return n < 0 ? 0 : n;
}
/* One whole answer; its status, 0 when the connection ended without one. */
static int answer(int fd) {
    const char *body, *length;
    text_length = 0;
    text[0] = 0;
    while (!(body = strstr(text, "\r\n\r\n")))
        if (hear(fd, 5000) <= 0)
            return 0;
    length = strstr(text, "Content-Length: ");
    size_t wanted =
        (size_t)(body - text) + 4 + (length && length < body ? strtoul(length + 16, NULL, 10) : 0);
    if (strncmp(text, "HTTP/1.1 ", 9) && strncmp(text, "HTTP/1.0 ", 9))
        fail_msg("not HTTP: %s", text);
    while (text_length < wanted && hear(fd, 5000) > 0)
        ;
    return atoi(text + 9);
}
static const char *body(void) {
    const char *end = strstr(text, "\r\n\r\n");
    return end ? end + 4 : "";
}
static const char *basic(const char *login) {
    static char header[512];
    unsigned char code[400];
    EVP_EncodeBlock(code, (const unsigned char *)login, (int)strlen(login));
    snprintf(header, sizeof header, "Authorization: Basic %s\r\n", (char *)code);
    return header;
}
static int ask_on(int fd, const char *method, const char *path, const char *headers) {
    char request[4096];
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, path, headers);
    say(fd, request);
    return answer(fd);
}
static int get(const char *path, const char *login) {
    int fd = dial(), status = ask_on(fd, "GET", path, login ? basic(login) : "");
    close(fd);
    return status;
}

/* ---- routes ---- */

static void test_api(void **state) {
    static const struct {
        const char *path;
        size_t rows;
        const char *key;
    } lists[] = {
        {"/api/v1/calls", 3, "call"},   {"/api/v1/queues", 2, "queue"},    {"/api/v1/agents", 3, "agent"},
        {"/api/v1/trunks", 3, "trunk"}, {"/api/v1/version", 1, "version"},
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        assert_int_equal(get(lists[i].path, "bert:penguin"), 200);
        assert_non_null(strstr(text, "Content-Type: application/json\r\n"));
        json_t *all = json_loads(body(), 0, NULL);
        assert_int_equal(json_array_size(all), lists[i].rows);
        assert_non_null(json_object_get(json_array_get(all, 0), lists[i].key));
        json_decref(all);
    }
    assert_int_equal(get("/api/v1/stats?x=1", "bert:penguin"), 200);
    json_t *stats = json_loads(body(), 0, NULL);
    assert_int_equal(json_array_size(json_object_get(stats, "queues")), 2);
    assert_int_equal(json_array_size(json_object_get(stats, "agents")), 3);
    json_decref(stats);
}

/* One answer serves all for half a second, then it is made afresh. */
static void test_fresh(void **state) {
    assert_int_equal(get("/api/v1/calls", "bert:penguin"), 200);
    empty_floor = true;
    assert_int_equal(get("/api/v1/calls", "anna:walrus"), 200);
    assert_non_null(strstr(body(), "+48123"));
    usleep(WEB_FRESH_MS * 1000 + 50000);
    assert_int_equal(get("/api/v1/calls", "bert:penguin"), 200);
    assert_string_equal(body(), "[]\n");
}

static void test_health(void **state) {
    assert_int_equal(get("/health", NULL), 200);
    assert_string_equal(body(), "ok\n");
    draining = true;
    assert_int_equal(get("/health", NULL), 503);
    assert_string_equal(body(), "draining\n");
}

static void test_metrics(void **state) {
    assert_int_equal(get("/metrics", NULL), 401);
    assert_int_equal(get("/metrics", "bert:penguin"), 200);
    assert_non_null(strstr(text, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(body(), "# TYPE callfloor_calls gauge\ncallfloor_calls 3\n"));
    assert_non_null(
        strstr(body(), "# TYPE callfloor_store_written_total counter\ncallfloor_store_written_total 55\n"));
    assert_non_null(strstr(body(), "\ncallfloor_uptime_milliseconds 3600000\n"));
    assert_non_null(strstr(body(), "\ncallfloor_sip_legs 5\n"));
    assert_non_null(strstr(body(), "\ncallfloor_repairs_total{what=\"leg_lost\"} 2\n"));
    assert_non_null(strstr(body(), "\ncallfloor_legs_dead_total 4\n"));
    assert_non_null(strstr(body(), "\ncallfloor_queue_waiting{queue=\"sales\"} 2\n"));
    assert_non_null(strstr(body(), "\ncallfloor_queue_longest_wait_milliseconds{queue=\"support\"} 0\n"));
    assert_non_null(strstr(body(), "\ncallfloor_queue_expected_wait_milliseconds{queue=\"sales\"} 95000\n"));
    assert_null(
        strstr(body(), "callfloor_queue_expected_wait_milliseconds{queue=\"support\"}")); /* unknown */
    assert_non_null(strstr(body(), "\ncallfloor_queue_told_wrong{queue=\"sales\"} 7\n"));
    assert_non_null(strstr(body(), "\ncallfloor_queue_tier{queue=\"sales\"} 2\n"));
    assert_non_null(strstr(body(), "\ncallfloor_queue_closed{queue=\"support\"} 1\n"));
    /* every line is a comment or "name[{labels}] number" */
    for (char *line = strtok((char *)body(), "\n"); line; line = strtok(NULL, "\n")) {
        uint64_t value;
        assert_true(!strncmp(line, "# ", 2) || !str_to_u64(strrchr(line, ' ') + 1, &value));
        assert_true(!strncmp(line, "# ", 2) || !strncmp(line, "callfloor_", 10));
    }
}

static void hash_of(const char *page, const char *open, const char *end, char *out, size_t size) {
    unsigned char digest[EVP_MAX_MD_SIZE], code[100];
    unsigned length;
    const char *from = strstr(page, open) + strlen(open);
    EVP_Digest(from, (size_t)(strstr(from, end) - from), digest, &length, EVP_sha256(), NULL);
    EVP_EncodeBlock(code, digest, (int)length);
    snprintf(out, size, "'sha256-%s'", (char *)code);
}
static void test_page(void **state) {
    char script[128], style[128];
    assert_int_equal(get("/", "bert:penguin"), 200);
    assert_non_null(strstr(text, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_non_null(strstr(text, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(text, "X-Content-Type-Options: nosniff\r\n"));
    const char *policy = strstr(text, "Content-Security-Policy: default-src 'none'; ");
    assert_true(policy && policy < body());
    hash_of(body(), "<script>", "</script>", script, sizeof script);
    hash_of(body(), "<style>", "</style>", style, sizeof style);
    assert_non_null(strstr(policy, script));
    assert_non_null(strstr(policy, style));
    assert_null(strstr(policy, "unsafe"));
    assert_null(strstr(body(), "innerHTML")); /* callers' names are text, never markup */
    assert_null(strstr(body(), "src="));      /* nothing from elsewhere */
    assert_null(strstr(body(), "url("));
    assert_null(strstr(body(), "@import"));
    assert_null(strstr(body(), " style=\""));
    assert_non_null(strstr(body(), "</html>\n"));
}

static void test_wrong_requests(void **state) {
    static const struct {
        const char *method, *path, *headers;
        int status;
    } wrong[] = {
        {"GET", "/nothing", "", 404},
        {"GET", "/api/v1/", "", 404},
        {"GET", "/api/v1/calls/", "", 404},
        {"GET", "/health/", "", 404},
        {"GET", "/../etc/passwd", "", 404},
        {"POST", "/health", "Content-Length: 0\r\n", 501},
        {"DELETE", "/api/v1/calls", "", 501},
        {"GET", "/", "Authorization: Bearer x\r\n", 400},
        {"GET", "/", "Authorization: Basic\r\n", 400},
        {"GET", "/", "Authorization: Basic ====\r\n", 400},
        {"GET", "/", "Authorization: Basic !!!!\r\n", 400},
        {"GET", "/", "Authorization: Basic YW5uYQ==\r\n", 400},         /* no colon */
        {"GET", "/", "Authorization: Basic YW5uYTo=x\r\n", 400},        /* length */
        {"GET", "/", "Authorization: Basic YW4AYTp3YWxydXM=\r\n", 400}, /* a NUL in it */
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        int fd = dial(), status = ask_on(fd, wrong[i].method, wrong[i].path, wrong[i].headers);
        close(fd);
        if (status != wrong[i].status)
            fail_msg("%s %s %s: %d", wrong[i].method, wrong[i].path, wrong[i].headers, status);
    }
    int fd = dial(); /* of two answers the second begins where the first one's headers end */
    say(fd, "HEAD /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    text_length = 0;
    while (!strstr(text, "\r\n\r\nok\n") && hear(fd, 3000) > 0)
        ;
    assert_non_null(strstr(text, "Content-Length: 3\r\n"));
    assert_int_equal(strncmp(body(), "HTTP/1.1 200 ", 13), 0);
    close(fd);
}

/* ---- logins ---- */

static void test_logins(void **state) {
    static const char *const wrong[] = {"anna:penguin", "anna:", ":", "nobody:walrus"};
    assert_int_equal(get("/", NULL), 401);
    assert_non_null(strstr(text, "WWW-Authenticate: Basic realm=\"Callfloor\", charset=\"UTF-8\"\r\n"));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(get("/api/v1/calls", wrong[i]), 401);
    assert_null(strstr(body(), "+48"));
    assert_int_equal(get("/api/v1/calls", "anna:walrus"), 200); /* forgives the failures */
    for (int i = 0; i < 5; i++)
        assert_int_equal(get("/", "anna:wrong"), 401);
    assert_int_equal(get("/", "anna:wrong"), 429);
    assert_non_null(strstr(text, "Retry-After: "));
    assert_int_equal(get("/", "bert:penguin"), 429);
    /* who was let in a moment ago from there still is: a wallboard is not blinded by its neighbour */
    assert_int_equal(get("/api/v1/calls", "anna:walrus"), 200);
}

static void test_keep_alive(void **state) {
    int fd = dial();
    for (int i = 0; i < 20; i++)
        assert_int_equal(ask_on(fd, "GET", i % 2 ? "/api/v1/queues" : "/health", basic("anna:walrus")), 200);
    close(fd);
}

/* Clients that go while their password is being hashed; then the web goes while others wait. */
static void test_gone_meanwhile(void **state) {
    char request[1024];
    int fd[12];
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", basic("anna:walrus"));
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
            fd[i] = dial();
            say(fd[i], request);
        }
        for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
            if (i % 2)
                setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
            close(fd[i]);
        }
    }
    for (int i = 0; i < 200 && connections; i++)
        usleep(10000);
    assert_int_equal(connections, 0);
    int status = 503; /* as long as the passwords of those who went are being hashed */
    for (int i = 0; i < 300 && status == 503; i++) {
        status = get("/", "anna:walrus");
        usleep(10000);
    }
    assert_int_equal(status, 200);
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", basic("bert:penguin"));
    for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
        fd[i] = dial();
        say(fd[i], request);
    }
    usleep(3000);
    stop(NULL);
    for (size_t i = 0; i < ARRAY_LEN(fd); i++)
        close(fd[i]);
    assert_int_equal(start(NULL), 0);
}

/* ---- limits ---- */

static void test_too_much(void **state) {
    static char big[100000];
    memset(big, 'a', sizeof big - 1);
    int fd = dial(); /* a header without end */
    say(fd, "GET /health HTTP/1.1\r\nX: ");
    say(fd, big);
    int status = answer(fd);
    assert_true(status == 0 || status == 400 || status == 413);
    close(fd);
    fd = dial(); /* a first line without end */
    say(fd, "GET /");
    say(fd, big);
    status = answer(fd);
    assert_true(status == 0 || status == 400 || status == 413);
    close(fd);
    fd = dial(); /* a body nobody asked for */
    say(fd, "GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    say(fd, big);
    status = answer(fd);
    assert_true(status == 0 || status == 200 || status == 400 || status == 413);
    close(fd);
    fd = dial();
    say(fd, "\x16\x03\x01 TLS?\r\n\r\n");
    answer(fd);
    close(fd);
    assert_int_equal(get("/health", NULL), 200);
}

static void test_rubbish(void **state) {
    static const char *const pieces[] = {"GET ",
                                         "/ ",
                                         "HTTP/1.1",
                                         "\r\n",
                                         "\r\n\r\n",
                                         "Host: ",
                                         "\xff",
                                         "Content-Length: ",
                                         "-1",
                                         "99999",
                                         "chunked",
                                         ":",
                                         "Transfer-Encoding: chunked\r\n",
                                         "0\r\n",
                                         "HEAD ",
                                         "%00",
                                         "Authorization: Basic QUFB\r\n",
                                         "?",
                                         " ",
                                         "POST "};
    uint64_t seed = 11;
    for (int n = 0; n < 300; n++) {
        int fd = dial();
        for (int i = 0; i < 30; i++)
            say(fd, pieces[rng_next(&seed) % ARRAY_LEN(pieces)]);
        text_length = 0;
        hear(fd, 2);
        close(fd);
    }
    assert_int_equal(get("/health", NULL), 200);
    assert_int_equal(get("/api/v1/calls", "anna:walrus"), 200);
}

/* So many connections and no more; the next is served when one goes. */
static void test_connections(void **state) {
    int fd[WEB_CONNECTIONS];
    for (int i = 0; i < WEB_CONNECTIONS; i++)
        fd[i] = dial();
    int late = dial();
    say(late, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    text_length = 0;
    assert_int_equal(hear(late, 300), -1);
    assert_int_equal(connections, WEB_CONNECTIONS);
    close(fd[7]);
    assert_int_equal(answer(late), 200);
    close(late);
    for (int i = 0; i < WEB_CONNECTIONS; i++)
        if (i != 7)
            close(fd[i]);
    for (int i = 0; i < 200 && connections; i++)
        usleep(10000);
    assert_int_equal(connections, 0);
    assert_int_equal(get("/health", NULL), 200);
}

/* Half a request for longer than a request may take. */
static void test_slow_request(void **state) {
    int fd = dial();
    say(fd, "GET /health HTTP/1.1\r\nHos");
    usleep(50000);
    atomic_store(&order, EXPIRE);
    text_length = 0;
    while (hear(fd, 3000) > 0)
        ;
    struct pollfd p = {fd, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 3000), 1); /* the end of the connection, not a time-out */
    close(fd);
    for (int i = 0; i < 200 && connections; i++)
        usleep(10000);
    assert_int_equal(connections, 0);
    assert_int_equal(get("/health", NULL), 200);
}

static void silent(void *arg, const char *line) {}
static void test_listen_errors(void **state) {
    struct conf other = conf;
    struct web *second;
    log_to(silent, NULL);
    for (int i = 0; i < 3; i++) {
        other.web_port = i == 1 ? 0 : conf.web_port;
        other.web_address = (char *)(i == 2 ? "localhost" : "127.0.0.1");
        assert_int_equal(web_create(&second, loop, floor_of_tests, console, &other), 0);
        assert_int_equal(web_start(second), i == 0 ? -EADDRINUSE : i == 1 ? 0 : -EINVAL);
        assert_int_equal(web_port(second), 0);
        web_destroy(second);
    }
    log_to(NULL, NULL);
    assert_int_equal(web_port(web), conf.web_port);
}

int main(void) {
    static char hash_anna[CRYPT_OUTPUT_SIZE], hash_bert[CRYPT_OUTPUT_SIZE];
    str_copy(hash_anna, sizeof hash_anna, crypt("walrus", "$5$rounds=5000$saltA"));
    str_copy(hash_bert, sizeof hash_bert, crypt("penguin", "$5$rounds=5000$saltB"));
    users[0].password_hash = hash_anna;
    users[1].password_hash = hash_bert;
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
    const struct CMUnitTest tests[] = {
        T(test_api),          T(test_fresh),         T(test_health),
        T(test_metrics),      T(test_page),          T(test_wrong_requests),
        T(test_logins),       T(test_keep_alive),    T(test_gone_meanwhile),
        T(test_too_much),     T(test_rubbish),       T(test_connections),
        T(test_slow_request), T(test_listen_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
