/* SPDX-License-Identifier: Apache-2.0
 * The connection's states, and libpq driven by libevent. */
#include "store/db.h"
#include "callfloor/log.h"
#include "callfloor/loop.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    CONNECT_MS = 5000, /* resolving, connecting and each statement of setting up */
    BACKOFF_MIN_MS = 500,
    BACKOFF_MAX_MS = 10000,
    STABLE_MS = 10000, /* a connection that lived so long makes the next backoff short again */
    MAX_REQUESTS = 512,
};

#define DB_STATES(X) X(OFF) X(RESTING) X(RESOLVING) X(CONNECTING) X(SETTING_UP) X(READY)
#define DB_ENUM(name) DB_##name,
enum db_state { DB_STATES(DB_ENUM) };
#define DB_NAME(name) #name,
static const char *const state_names[] = {DB_STATES(DB_NAME)};

struct request {
    db_answer_fn *answer;
    uint64_t tag;
    uint64_t since_ms;
    bool answered;
};

struct db {
    struct event_base *base;
    struct db_owner owner;
    char *conninfo;
    enum db_state state;
    uint64_t since_ms; /* in this state */
    uint64_t backoff_ms;
    struct event *timer, *socket;
    int socket_fd;
    short socket_what;
    struct evdns_base *dns;
    struct evdns_getaddrinfo_request *resolving;
    struct db_target target;
    PGconn *conn;
    PGresult *last; /* of the statement being run while setting up */
    uint64_t heard_ms;
    uint64_t patience_ms;                 /* for the statement being run while setting up */
    struct request request[MAX_REQUESTS]; /* ring, oldest first */
    uint32_t first, count;
};

static void on_socket(evutil_socket_t fd, short what, void *arg);
static void begin(struct db *db);

/* ---- states and their times ---- */

static void arm(struct db *db, uint64_t in_ms) {
    struct timeval tv = {(time_t)(in_ms / 1000), (suseconds_t)(in_ms % 1000 * 1000)};
    evtimer_add(db->timer, &tv);
}

static void set_state(struct db *db, enum db_state state) {
    log_debug("store", "event=db_state connection=%s from=%s to=%s", db->owner.name, state_names[db->state],
              state_names[state]);
    db->state = state;
    db->since_ms = loop_now_ms();
    switch (state) {
    case DB_OFF:
        evtimer_del(db->timer);
        break;
    case DB_RESTING:
        arm(db, db->backoff_ms);
        break;
    case DB_RESOLVING:
    case DB_CONNECTING:
        arm(db, CONNECT_MS);
        break;
    case DB_SETTING_UP:
        arm(db, db->owner.silence_ms);
        break;
    case DB_READY:
        evtimer_del(db->timer);
        break;
    }
}

static void unwatch(struct db *db) {
    if (db->socket)
        event_free(db->socket);
    db->socket = NULL;
    db->socket_fd = -1;
}

static int watch(struct db *db, short what) {
    int fd = PQsocket(db->conn);
    if (db->socket && db->socket_fd == fd && db->socket_what == what)
        return 0;
    unwatch(db);
    db->socket = fd < 0 ? NULL : event_new(db->base, fd, what | EV_PERSIST, on_socket, db);
    db->socket_fd = fd;
    db->socket_what = what;
    return db->socket && event_add(db->socket, NULL) == 0 ? 0 : -ENOMEM;
}

static void let_go(struct db *db) {
    if (db->resolving)
        evdns_getaddrinfo_cancel(db->resolving);
    db->resolving = NULL;
    unwatch(db);
    PQclear(db->last);
    db->last = NULL;
    PQfinish(db->conn);
    db->conn = NULL;
    store_db_target_done(&db->target);
    db->first = db->count = 0;
}

void store_db_fail(struct db *db, const char *why) {
    if (db->state == DB_OFF || db->state == DB_RESTING)
        return;
    char text[200];
    str_copy(text, sizeof text, why); /* it may lie in what let_go() frees */
    bool lived = db->state == DB_READY && loop_now_ms() - db->since_ms >= STABLE_MS;
    let_go(db);
    db->backoff_ms = lived || !db->backoff_ms              ? BACKOFF_MIN_MS
                     : db->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS
                                                           : db->backoff_ms * 2;
    set_state(db, DB_RESTING);
    db->owner.on_down(db->owner.ctx, text);
}

static void fail_with_libpq(struct db *db) {
    char text[200];
    str_copy(text, sizeof text, PQerrorMessage(db->conn));
    text[strcspn(text, "\n")] = 0;
    store_db_fail(db, *text ? text : "connection lost");
}

/* ---- connecting ---- */

static void on_notice(void *arg, const PGresult *result) {
    const struct db *db = arg;
    log_debug("store", "event=db_notice connection=%s text=%s", db->owner.name,
              log_value(store_db_message(result)));
}

static void connect_now(struct db *db) {
    db->conn = PQconnectStartParams((const char *const *)db->target.keyword,
                                    (const char *const *)db->target.value, 0);
    if (!db->conn) {
        store_db_fail(db, "out of memory");
        return;
    }
    if (PQstatus(db->conn) == CONNECTION_BAD) {
        fail_with_libpq(db);
        return;
    }
    PQsetNoticeReceiver(db->conn, on_notice, db);
    set_state(db, DB_CONNECTING);
    if (watch(db, EV_WRITE) < 0)
        store_db_fail(db, "out of memory");
}

static void on_resolved(int result, struct evutil_addrinfo *list, void *arg) {
    struct db *db = arg;
    char address[64] = "";
    if (result == EVUTIL_EAI_CANCEL) /* let_go() cancelled it, and the next attempt may be under way */
        return;
    db->resolving = NULL;
    if (!result && list)
        getnameinfo(list->ai_addr, (socklen_t)list->ai_addrlen, address, sizeof address, NULL, 0,
                    NI_NUMERICHOST);
    if (list)
        evutil_freeaddrinfo(list);
    if (!*address || store_db_target_set(&db->target, "hostaddr", address) < 0) {
        store_db_fail(db, *address ? "out of memory" : "host name not resolved");
        return;
    }
    connect_now(db);
}

static void resolve(struct db *db) {
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    if (db->dns) /* a new one reads resolv.conf and hosts as they are now */
        evdns_base_free(db->dns, 0);
    db->dns = evdns_base_new(db->base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!db->dns) {
        store_db_fail(db, "no DNS servers");
        return;
    }
    set_state(db, DB_RESOLVING);
    struct evdns_getaddrinfo_request *request =
        evdns_getaddrinfo(db->dns, db->target.host, NULL, &hints, on_resolved, db);
    if (request && db->state == DB_RESOLVING) /* else it was answered from the hosts file already */
        db->resolving = request;
}

static void begin(struct db *db) {
    int err = store_db_target_make(&db->target, db->conninfo);
    db->state = DB_RESOLVING; /* store_db_fail() shall see an attempt */
    if (err) {
        store_db_fail(db, err == -EINVAL ? "database: not a connection string (or several host names)"
                                         : "out of memory");
        return;
    }
    if (db->target.has_service)
        log_warn("store", "event=db_service connection=%s msg=\"a host name in a service file would block\"",
                 db->owner.name);
    if (*db->target.host)
        resolve(db);
    else
        connect_now(db);
}

/* ---- setting up ---- */

static void flush_out(struct db *db) {
    int rest = PQflush(db->conn);
    if (rest < 0)
        fail_with_libpq(db);
    else if (watch(db, (short)(EV_READ | (rest ? EV_WRITE : 0))) < 0)
        store_db_fail(db, "out of memory");
}

static void step(struct db *db, const PGresult *result) {
    db->patience_ms = db->owner.silence_ms;
    enum db_step next = db->owner.set_up(db->owner.ctx, result);
    if (db->state != DB_SETTING_UP)
        return; /* it gave up */
    switch (next) {
    case DB_STEP_WAIT:
        arm(db, db->patience_ms);
        flush_out(db);
        break;
    case DB_STEP_READY:
        if (!PQenterPipelineMode(db->conn)) {
            fail_with_libpq(db);
            break;
        }
        set_state(db, DB_READY);
        db->owner.on_ready(db->owner.ctx);
        break;
    case DB_STEP_FAILED:
        store_db_fail(db, "setting up failed");
        break;
    }
}

static void poll_connecting(struct db *db) {
    switch (PQconnectPoll(db->conn)) {
    case PGRES_POLLING_READING:
        if (watch(db, EV_READ) < 0)
            store_db_fail(db, "out of memory");
        break;
    case PGRES_POLLING_WRITING:
        if (watch(db, EV_WRITE) < 0)
            store_db_fail(db, "out of memory");
        break;
    case PGRES_POLLING_OK:
        if (PQsetnonblocking(db->conn, 1) < 0) {
            fail_with_libpq(db);
            break;
        }
        set_state(db, DB_SETTING_UP);
        step(db, NULL);
        break;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
        fail_with_libpq(db);
        break;
    }
}

static bool is_good(const PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/* A statement may have several results (a migration has many): the first error or the last one counts. */
static void poll_setting_up(struct db *db) {
    while (db->state == DB_SETTING_UP && !PQisBusy(db->conn)) {
        PGresult *result = PQgetResult(db->conn);
        if (result) {
            if (db->last && !is_good(db->last)) {
                PQclear(result);
            } else {
                PQclear(db->last);
                db->last = result;
            }
            continue;
        }
        result = db->last;
        db->last = NULL;
        if (!result)
            break;
        if (is_good(result))
            step(db, result);
        else
            store_db_fail(db, store_db_message(result));
        PQclear(result);
    }
}

int store_db_query(struct db *db, const char *sql) {
    return db->state == DB_SETTING_UP && PQsendQuery(db->conn, sql) ? 0 : -ENOTCONN;
}

int store_db_prepare(struct db *db, const char *statement, const char *sql) {
    return db->state == DB_SETTING_UP && PQsendPrepare(db->conn, statement, sql, 0, NULL) ? 0 : -ENOTCONN;
}

void store_db_patience(struct db *db, uint64_t ms) {
    db->patience_ms = ms;
}

/* ---- requests ---- */

static void take_result(struct db *db, const PGresult *result) {
    if (!db->count) {
        store_db_fail(db, "an answer to no question");
        return;
    }
    struct request *request = &db->request[db->first];
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) { /* the request is over */
        bool answered = request->answered;
        db->first = (db->first + 1) % MAX_REQUESTS;
        db->count--;
        if (!answered)
            store_db_fail(db, "no answer to a question");
    } else if (!request->answered) {
        request->answered = true;
        request->answer(db->owner.ctx, request->tag, result);
    }
}

static void poll_ready(struct db *db) {
    int nothing = 0; /* a NULL stands between two requests; two in a row: all is read */
    while (db->state == DB_READY && db->count && !PQisBusy(db->conn) && nothing < 2) {
        PGresult *result = PQgetResult(db->conn);
        nothing = result ? 0 : nothing + 1;
        if (result)
            take_result(db, result);
        PQclear(result);
    }
}

int store_db_request(struct db *db, const char *statement, int count, const char *const *value,
                     db_answer_fn *answer, uint64_t tag) {
    if (db->state != DB_READY)
        return -ENOTCONN;
    if (db->count == MAX_REQUESTS)
        return -ENOSPC;
    uint64_t now = loop_now_ms();
    if (!PQsendQueryPrepared(db->conn, statement, count, value, NULL, NULL, 0) || !PQpipelineSync(db->conn)) {
        fail_with_libpq(db);
        return -ENOTCONN;
    }
    db->request[(db->first + db->count++) % MAX_REQUESTS] = (struct request){answer, tag, now, false};
    if (db->count == 1)
        db->heard_ms = now;
    if (!evtimer_pending(db->timer, NULL))
        arm(db, db->owner.silence_ms);
    flush_out(db);
    return db->state == DB_READY ? 0 : -ENOTCONN;
}

uint64_t store_db_oldest_ms(const struct db *db) {
    return db->count ? loop_now_ms() - db->request[db->first].since_ms + 1 : 0;
}

const char *store_db_message(const PGresult *result) {
    static _Thread_local char text[200];
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    text[0] = 0;
    if (primary) {
        str_copy(text, sizeof text, state ? state : "");
        size_t n = strlen(text);
        text[n++] = ' ';
        str_copy(text + n, sizeof text - n, primary);
    } else {
        str_copy(text, sizeof text, PQresultErrorMessage(result));
    }
    text[strcspn(text, "\n")] = 0;
    return text;
}

/* ---- events ---- */

static void on_socket(evutil_socket_t fd, short what, void *arg) {
    struct db *db = arg;
    if (db->state == DB_CONNECTING) {
        poll_connecting(db);
        return;
    }
    if ((what & EV_READ) && !PQconsumeInput(db->conn)) {
        fail_with_libpq(db);
        return;
    }
    if (what & EV_READ)
        db->heard_ms = loop_now_ms();
    if (db->state == DB_SETTING_UP)
        poll_setting_up(db);
    else
        poll_ready(db);
    if (db->conn && PQstatus(db->conn) == CONNECTION_BAD)
        fail_with_libpq(db);
    else if (db->state == DB_SETTING_UP || db->state == DB_READY)
        flush_out(db);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct db *db = arg;
    switch (db->state) {
    case DB_OFF:
        break;
    case DB_RESTING:
        begin(db);
        break;
    case DB_RESOLVING:
        store_db_fail(db, "host name not resolved in time");
        break;
    case DB_CONNECTING:
        store_db_fail(db, "no connection in time");
        break;
    case DB_SETTING_UP:
        store_db_fail(db, "no answer in time");
        break;
    case DB_READY:
        if (db->count) {
            uint64_t silent = loop_now_ms() - db->heard_ms;
            if (silent >= db->owner.silence_ms)
                store_db_fail(db, "no answer in time");
            else
                arm(db, db->owner.silence_ms - silent);
        }
        break;
    }
}

/* ---- life ---- */

int store_db_create(struct db **dbp, struct event_base *base, const struct db_owner *owner) {
    struct db *db = calloc(1, sizeof *db);
    if (!db)
        return -ENOMEM;
    db->base = base;
    db->owner = *owner;
    db->socket_fd = -1;
    db->timer = evtimer_new(base, on_timer, db);
    db->conninfo = strdup("");
    if (!db->timer || !db->conninfo) {
        store_db_destroy(db);
        return -ENOMEM;
    }
    *dbp = db;
    return 0;
}

void store_db_destroy(struct db *db) {
    if (!db)
        return;
    let_go(db);
    if (db->dns)
        evdns_base_free(db->dns, 0);
    if (db->timer)
        event_free(db->timer);
    free(db->conninfo);
    free(db);
}

int store_db_open(struct db *db, const char *conninfo) {
    char *copy = strdup(conninfo);
    if (!copy)
        return -ENOMEM;
    free(db->conninfo);
    db->conninfo = copy;
    if (db->state != DB_OFF && db->state != DB_RESTING)
        store_db_fail(db, "closed for another configuration");
    db->backoff_ms = 0;
    set_state(db, *copy ? DB_RESTING : DB_OFF);
    return 0;
}

void store_db_hurry(struct db *db) {
    if (db->state == DB_RESTING)
        arm(db, 0);
}

bool store_db_is_ready(const struct db *db) {
    return db->state == DB_READY;
}
