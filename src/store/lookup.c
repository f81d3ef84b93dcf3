/* SPDX-License-Identifier: Apache-2.0
 * Customers by number, with a time limit. */
#include "store/lookup.h"
#include "callfloor/log.h"
#include "callfloor/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

enum { SILENCE_MS = 3000, STALLED_MS = 500 };

struct question {
    TAILQ_ENTRY(question) link; /* in the order of their deadlines */
    UT_hash_handle hh;
    uint32_t request;
    uint64_t tag; /* of this question alone: numbers of requests come again */
    uint64_t deadline_ms;
};

struct lookup {
    struct db *db;
    struct schema_run run;
    bool prepared;
    lookup_answer_fn *answer;
    void *ctx;
    struct event *timer;
    TAILQ_HEAD(, question) questions;
    struct question *by_request;
    uint64_t next_tag;
    struct log_limit alarm;
};

static void arm(struct lookup *lookup) {
    const struct question *first = TAILQ_FIRST(&lookup->questions);
    if (!first || evtimer_pending(lookup->timer, NULL))
        return;
    uint64_t now = loop_now_ms(), in = first->deadline_ms > now ? first->deadline_ms - now : 0;
    struct timeval tv = {(time_t)(in / 1000), (suseconds_t)(in % 1000 * 1000)};
    evtimer_add(lookup->timer, &tv);
}

static void answer(struct lookup *lookup, struct question *question, const struct store_customer *customer) {
    uint32_t request = question->request;
    TAILQ_REMOVE(&lookup->questions, question, link);
    HASH_DEL(lookup->by_request, question);
    free(question);
    lookup->answer(lookup->ctx, request, customer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct lookup *lookup = arg;
    const struct store_customer unknown = {0};
    struct question *first;
    uint64_t now = loop_now_ms();
    while ((first = TAILQ_FIRST(&lookup->questions)) && first->deadline_ms <= now)
        answer(lookup, first, &unknown);
    arm(lookup);
}

static const char *column(const PGresult *result, int i) {
    return PQnfields(result) > i ? PQgetvalue(result, 0, i) : "";
}

static void on_result(void *ctx, uint64_t tag, const PGresult *result) {
    struct lookup *lookup = ctx;
    struct store_customer customer = {0};
    struct question *question;
    TAILQ_FOREACH (question, &lookup->questions, link) { /* answers come in order: the first ones */
        if (question->tag == tag)
            break;
    }
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
        customer.id = strtoull(column(result, 0), NULL, 10);
        customer.is_new = *column(result, 1) == 't';
        customer.earlier_contacts = (uint32_t)strtoul(column(result, 2), NULL, 10);
        str_copy(customer.name, sizeof customer.name, column(result, 3));
        str_copy(customer.last_agent, sizeof customer.last_agent, column(result, 4));
        str_copy(customer.owner_agent, sizeof customer.owner_agent, column(result, 5));
    } else {
        uint32_t dropped;
        if (log_allowed(&lookup->alarm, loop_now_ms(), 3, &dropped))
            log_warn("store", "event=customer_failed error=%s dropped_lines=%u",
                     log_value(store_db_message(result)), dropped);
    }
    if (question)
        answer(lookup, question, &customer);
}

int store_lookup_ask(struct lookup *lookup, uint32_t request, const char *number) {
    struct question *question;
    const char *value[] = {number};
    /* a server that is silent now will hardly answer this one in time */
    if (!store_db_is_ready(lookup->db) || store_db_oldest_ms(lookup->db) > STALLED_MS)
        return -ENOTCONN;
    HASH_FIND(hh, lookup->by_request, &request, sizeof request, question);
    if (question)
        return -EEXIST;
    if (HASH_COUNT(lookup->by_request) >= LOOKUP_MAX)
        return -EBUSY;
    question = calloc(1, sizeof *question);
    if (!question)
        return -ENOMEM;
    question->request = request;
    question->tag = ++lookup->next_tag;
    question->deadline_ms = loop_now_ms() + LOOKUP_LIMIT_MS;
    int err = store_db_request(lookup->db, "customer_of", 1, value, on_result, question->tag);
    if (err) {
        free(question);
        return err == -ENOSPC ? -EBUSY : err;
    }
    TAILQ_INSERT_TAIL(&lookup->questions, question, link);
    HASH_ADD(hh, lookup->by_request, request, sizeof question->request, question);
    arm(lookup);
    return 0;
}

static enum db_step set_up(void *ctx, const PGresult *result) {
    struct lookup *lookup = ctx;
    if (!result)
        lookup->prepared = false;
    if (lookup->prepared)
        return DB_STEP_READY;
    enum db_step step = store_schema_step(&lookup->run, result);
    if (step != DB_STEP_READY)
        return step;
    lookup->prepared = true;
    return store_db_prepare(lookup->db, "customer_of", "SELECT * FROM callfloor.customer_of($1)") < 0
               ? DB_STEP_FAILED
               : DB_STEP_WAIT;
}

static void on_ready(void *ctx) {
    log_debug("store", "event=lookup_connected");
}

static void on_down(void *ctx, const char *why) {
    /* the questions under way end at their limit; the feed's connection tells the world */
    log_debug("store", "event=lookup_down error=%s", log_value(why));
}

int store_lookup_create(struct lookup **lp, struct event_base *base, const struct schema *schema,
                        lookup_answer_fn *fn, void *ctx) {
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return -ENOMEM;
    TAILQ_INIT(&lookup->questions);
    lookup->answer = fn;
    lookup->ctx = ctx;
    const struct db_owner owner = {lookup, "lookup", SILENCE_MS, set_up, on_ready, on_down};
    int err = store_db_create(&lookup->db, base, &owner);
    lookup->timer = evtimer_new(base, on_timer, lookup);
    if (!err && !lookup->timer)
        err = -ENOMEM;
    if (err) {
        store_lookup_destroy(lookup);
        return err;
    }
    lookup->run = (struct schema_run){.schema = schema, .db = lookup->db, .may_migrate = false};
    *lp = lookup;
    return 0;
}

void store_lookup_destroy(struct lookup *lookup) {
    struct question *question;
    if (!lookup)
        return;
    store_db_destroy(lookup->db);
    if (lookup->timer)
        event_free(lookup->timer);
    HASH_CLEAR(hh, lookup->by_request);
    while ((question = TAILQ_FIRST(&lookup->questions))) {
        TAILQ_REMOVE(&lookup->questions, question, link);
        free(question);
    }
    free(lookup);
}

int store_lookup_open(struct lookup *lookup, const char *conninfo) {
    return store_db_open(lookup->db, conninfo);
}

void store_lookup_hurry(struct lookup *lookup) {
    store_db_hurry(lookup->db);
}
