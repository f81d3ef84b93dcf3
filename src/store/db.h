/* SPDX-License-Identifier: Apache-2.0
 *
 * db: one connection to PostgreSQL in the libevent loop, which never waits: host names are resolved by
 * evdns, a server that does not answer is given up after a time limit, and the connection is made again after
 * 0.5 s, 1 s ... 10 s.
 *
 * A connection is set up by its owner statement by statement (plain queries), then turns to pipeline mode,
 * where each request is one prepared statement and is answered once, in order. When the connection breaks,
 * the requests under way get no answer: on_down() says so.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "callfloor/base.h"

#include <libpq-fe.h>

struct event_base;
struct db;

enum db_step { DB_STEP_WAIT, DB_STEP_READY, DB_STEP_FAILED };

struct db_owner {
    void *ctx;
    const char *name;    /* for the log */
    uint64_t silence_ms; /* no byte for so long while an answer is due: the connection is dead */
    /* Setting up: result is NULL at the beginning, then of the last statement (never an error: those end the
     * attempt). Sends the next one with store_db_query() or store_db_prepare() and returns WAIT, or says
     * READY. */
    enum db_step (*set_up)(void *ctx, const PGresult *result);
    void (*on_ready)(void *ctx);
    /* Once per attempt or connection; why is for people. */
    void (*on_down)(void *ctx, const char *why);
};

int store_db_create(struct db **dbp, struct event_base *base, const struct db_owner *owner);
void store_db_destroy(struct db *db);

/* Begins, or begins anew with another conninfo; "" ends. */
int store_db_open(struct db *db, const char *conninfo);
/* Tries again now (or stays connected). */
void store_db_hurry(struct db *db);
/* Gives the connection up and makes a new one after the backoff. */
void store_db_fail(struct db *db, const char *why);
bool store_db_is_ready(const struct db *db);

/* While setting up. */
int store_db_query(struct db *db, const char *sql);
int store_db_prepare(struct db *db, const char *statement, const char *sql);
/* How long the statement just sent may take, instead of silence_ms. */
void store_db_patience(struct db *db, uint64_t ms);

/* result: of the statement, good or an error; borrowed. */
typedef void db_answer_fn(void *ctx, uint64_t tag, const PGresult *result);
/* Values are text. 0, -ENOTCONN, -ENOSPC (too many under way), -ENOMEM. */
int store_db_request(struct db *db, const char *statement, int count, const char *const *value,
                     db_answer_fn *answer, uint64_t tag);
/* How long the oldest request has been waiting; 0 when there is none. */
uint64_t store_db_oldest_ms(const struct db *db);

/* What PostgreSQL said, in one line without its trailing newline. */
const char *store_db_message(const PGresult *result);

/* db_target.c: conninfo as keywords and values for PQconnectStartParams, without anything that could block.
 */
enum { DB_PARAMS = 64 };
struct db_target {
    char *keyword[DB_PARAMS], *value[DB_PARAMS]; /* owned; both end with NULL */
    int count;
    char host[256]; /* a name to be resolved first, "" = none */
    bool has_service;
};
/* 0, -EINVAL: not understood. */
int store_db_target_make(struct db_target *target, const char *conninfo);
int store_db_target_set(struct db_target *target, const char *keyword, const char *value);
void store_db_target_done(struct db_target *target);

#endif
