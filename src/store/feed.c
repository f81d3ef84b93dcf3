/* SPDX-License-Identifier: Apache-2.0
 * Batches of journal records for callfloor.apply(). */
#include "store/feed.h"
#include "callfloor/log.h"
#include "callfloor/loop.h"
#include "store/row.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_RECORDS = 512,
    BATCH_BYTES = 512 << 10,
    WINDOW_BYTES = 4 << 20, /* records in memory that PostgreSQL has not got yet */
    SILENCE_MS = 10000,
    RETRY_MIN_MS = 500,
    RETRY_MAX_MS = 10000,
    ALARM_QUIET_MS = 60000,
};

enum setting { SETTING_SCHEMA, SETTING_APPLY, SETTING_QUEUES, SETTING_POSITION };

struct feed {
    struct feed_setup setup;
    struct db *db;
    struct schema_run run;
    enum setting setting;
    char *queues;

    struct entry_list window; /* in order; the first `flight` of them are under way */
    uint64_t window_last;     /* all records up to here are in the window, applied, or gone */
    uint32_t flight;
    uint64_t flight_last;
    uint64_t sent;                    /* highest seq any database can have got from this journal */
    bool reading, rejecting, waiting; /* a journal answer is due, or the retry timer */
    bool read_stale;                  /* the answer was asked for before the window moved elsewhere */
    uint64_t suspect;                 /* seq refused once; row being set aside */
    bool refused;                     /* the last batch was: connecting again alone is no good news */
    bool position_known;
    uint64_t applied;
    uint32_t limit;         /* records per batch */
    uint64_t careful_until; /* up to this seq the limit stays small: a bad row is among them */
    struct event *retry;
    uint64_t retry_ms;
    struct log_limit alarm;
    uint64_t alarm_quiet_ms;
    uint32_t alarm_swallowed;
    uint64_t rejected, batches, retries;
    char error[160], refusal[160]; /* the last one; of the row being set aside */
};

static void turn(struct feed *feed);

/* The same trouble again is told once a minute. */
static void alarm_log(struct feed *feed, const char *event, const char *why) {
    uint64_t now = loop_now_ms();
    uint32_t dropped;
    bool again = !strcmp(feed->error, why) && now < feed->alarm_quiet_ms;
    str_copy(feed->error, sizeof feed->error, why);
    if (again || !log_allowed(&feed->alarm, now, 5, &dropped)) {
        feed->alarm_swallowed++;
        return;
    }
    log_error("store", "event=%s error=%s applied=%llu in_memory=%zu swallowed=%u", event, log_value(why),
              (unsigned long long)feed->applied, feed->window.count, feed->alarm_swallowed);
    feed->alarm_swallowed = 0;
    feed->alarm_quiet_ms = now + ALARM_QUIET_MS;
}

/* ---- the window ---- */

static void drop_applied(struct feed *feed) {
    while (feed->window.head && feed->window.head->seq <= feed->applied)
        free(store_entries_pop(&feed->window));
}

/* Starts reading behind what is applied. */
static void reset_window(struct feed *feed) {
    store_entries_free(&feed->window);
    store_journal_unfollow(feed->setup.journal);
    feed->window_last = feed->applied;
    feed->read_stale = feed->reading;
}

static void take_entries(struct feed *feed, struct entry_list *list) {
    struct entry *e;
    while ((e = store_entries_pop(list))) {
        if (feed->position_known && e->seq > feed->window_last) {
            feed->window_last = e->seq;
            store_entries_push(&feed->window, e);
        } else {
            free(e);
        }
    }
}

static void refill(struct feed *feed) {
    if (feed->reading || !feed->position_known || feed->window.bytes > WINDOW_BYTES / 2)
        return;
    if (store_journal_follow(feed->setup.journal, feed->window_last))
        return;
    feed->reading = true;
    store_journal_read(feed->setup.journal, feed->window_last);
}

/* ---- one batch ---- */

static uint32_t batch_size(const struct feed *feed, size_t *bytes) {
    uint32_t n = 0;
    *bytes = 3;
    for (const struct entry *e = feed->window.head; e && n < feed->limit; e = e->next) {
        bool boot = !strcmp(e->kind, "boot"); /* looks at the rows before it, so it goes alone */
        if (n && (boot || *bytes + e->json_size + 1 > BATCH_BYTES))
            break;
        *bytes += e->json_size + 1;
        n++;
        if (boot)
            break;
    }
    return n;
}

static void on_applied(void *ctx, uint64_t tag, const PGresult *result);

static int request_apply(struct feed *feed, uint64_t last, const char *rows) {
    char node[12], seq[24];
    snprintf(node, sizeof node, "%u", feed->setup.node);
    snprintf(seq, sizeof seq, "%llu", (unsigned long long)last);
    const char *value[] = {node, store_journal_stream(feed->setup.journal), seq, rows};
    feed->flight_last = last;
    feed->sent = last > feed->sent ? last : feed->sent;
    feed->batches++;
    return store_db_request(feed->db, "apply", ARRAY_LEN(value), value, on_applied, last);
}

static void send_batch(struct feed *feed) {
    size_t bytes;
    uint32_t count = batch_size(feed, &bytes), n = 0;
    uint64_t last = 0;
    char *rows = malloc(bytes), *at = rows;
    if (!rows)
        return; /* the next news tries again */
    *at++ = '[';
    for (const struct entry *e = feed->window.head; n < count; e = e->next, n++) {
        if (n)
            *at++ = ',';
        memcpy(at, e->line + e->json, e->json_size);
        at += e->json_size;
        last = e->seq;
    }
    *at++ = ']';
    *at = 0;
    feed->flight = count;
    if (request_apply(feed, last, rows) < 0)
        feed->flight = 0;
    free(rows);
}

static void turn(struct feed *feed) {
    refill(feed);
    if (!store_db_is_ready(feed->db) || !feed->position_known || feed->flight || feed->rejecting ||
        feed->waiting)
        return;
    if (feed->window.head)
        send_batch(feed);
}

/* ---- answers ---- */

static void retry_later(struct feed *feed) {
    feed->retries++;
    feed->retry_ms = !feed->retry_ms ? RETRY_MIN_MS : feed->retry_ms * 2;
    if (feed->retry_ms > RETRY_MAX_MS)
        feed->retry_ms = RETRY_MAX_MS;
    feed->waiting = true;
    struct timeval tv = {(time_t)(feed->retry_ms / 1000), (suseconds_t)(feed->retry_ms % 1000 * 1000)};
    evtimer_add(feed->retry, &tv);
}

static void on_retry(evutil_socket_t fd, short what, void *arg) {
    struct feed *feed = arg;
    feed->waiting = false;
    turn(feed);
}

static void moved(struct feed *feed, uint64_t applied) {
    feed->applied = applied;
    feed->retry_ms = 0;
    feed->error[0] = 0;
    feed->refused = false;
    if (feed->applied >= feed->careful_until)
        feed->limit = feed->limit * 2 < BATCH_RECORDS ? feed->limit * 2 : BATCH_RECORDS;
    drop_applied(feed);
    if (feed->window_last < applied)
        feed->window_last = applied;
    store_journal_applied(feed->setup.journal, applied);
}

enum verdict { POISON, BUSY, BROKEN };
/* POISON: the error lies in the row and would come again for ever. BUSY: the server could not now. BROKEN:
 * something that connecting anew, or an admin, may repair (a missing column, a standby, a lost position). */
static enum verdict judge(const PGresult *result) {
    static const struct {
        const char *state; /* beginning of the SQLSTATE */
        enum verdict verdict;
    } known[] = {
        {"21", POISON}, {"22", POISON}, {"23", POISON},  {"44", POISON},  {"P0001", POISON},
        {"40", BUSY},   {"53", BUSY},   {"55P03", BUSY}, {"57014", BUSY},
    };
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    for (size_t i = 0; state && i < ARRAY_LEN(known); i++)
        if (!strncmp(state, known[i].state, strlen(known[i].state)))
            return known[i].verdict;
    return BROKEN;
}

static void set_aside(struct feed *feed, const char *why) {
    const struct entry *e = feed->window.head;
    str_copy(feed->refusal, sizeof feed->refusal, why);
    size_t size = e->json_size + 6 * strlen(why) + 64;
    char *text = malloc(size), *at = text;
    if (!text) {
        retry_later(feed);
        return;
    }
    memcpy(at, "{\"error\":", 9);
    at = store_json_text(at + 9, why);
    memcpy(at, ",\"record\":", 10);
    at += 10;
    memcpy(at, e->line + e->json, e->json_size);
    at += e->json_size;
    memcpy(at, "}\n", 2);
    at += 2;
    feed->rejecting = store_journal_reject(feed->setup.journal, text, (size_t)(at - text)) == 0;
    if (!feed->rejecting)
        retry_later(feed);
    free(text);
}

static void on_poison(struct feed *feed, uint32_t count, const char *why) {
    const struct entry *e = feed->window.head;
    if (count > 1) {
        feed->careful_until =
            feed->flight_last > feed->careful_until ? feed->flight_last : feed->careful_until;
        feed->limit = count / 2;
        turn(feed);
    } else if (e && feed->suspect != e->seq) { /* once more: a neighbour may have been deleted just now */
        feed->suspect = e->seq;
        turn(feed);
    } else if (e) {
        set_aside(feed, why);
    }
}

static void on_refused(struct feed *feed, uint32_t count, const PGresult *result) {
    const char *why = store_db_message(result);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    switch (judge(result)) {
    case POISON:
        on_poison(feed, count, why);
        break;
    case BUSY:
        if (!strcmp(state, "57014") && feed->limit > 1) /* the batch took too long */
            feed->limit /= 2;
        alarm_log(feed, "apply_failed", why);
        retry_later(feed);
        break;
    case BROKEN:
        feed->refused = true;
        store_db_fail(feed->db, why);
        break;
    }
}

static void on_applied(void *ctx, uint64_t tag, const PGresult *result) {
    struct feed *feed = ctx;
    uint32_t count = feed->flight;
    feed->flight = 0;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        on_refused(feed, count, result);
        return;
    }
    moved(feed, strtoull(PQgetvalue(result, 0, 0), NULL, 10));
    turn(feed);
}

/* The poison row is on disk in rejected/: the position may pass it. */
static void on_set_aside(struct feed *feed, int err) {
    const struct entry *e = feed->window.head;
    feed->rejecting = false;
    if (err) {
        alarm_log(feed, "set_aside_failed", strerror(-err));
        retry_later(feed);
        return;
    }
    if (!e || e->seq != feed->suspect)
        return; /* the connection was lost meanwhile, and the position is past it */
    feed->rejected++;
    feed->careful_until = 0;
    alarm_log(feed, "row_set_aside", feed->refusal);
    if (!store_db_is_ready(feed->db)) /* it will be refused and set aside once more */
        return;
    feed->flight = 1;
    if (request_apply(feed, e->seq, "[]") < 0)
        feed->flight = 0;
}

void store_feed_news(struct feed *feed, struct journal_news *news) {
    if (news->read_done) {
        if (!feed->read_stale) {
            take_entries(feed, &news->read);
            if (feed->position_known && news->read_upto > feed->window_last)
                feed->window_last = news->read_upto;
        }
        feed->reading = feed->read_stale = false;
    }
    take_entries(feed, &news->durable);
    store_entries_free(&news->read);
    if (feed->window.bytes > WINDOW_BYTES)
        store_journal_unfollow(feed->setup.journal);
    if (news->reject_done)
        on_set_aside(feed, news->reject_error);
    turn(feed);
}

/* ---- the connection ---- */

static void take_position(struct feed *feed, const PGresult *result) {
    uint64_t position = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    if (position > feed->sent) {
        /* A disk that lost what it had promised to keep: numbers would be used twice. Under a new name
         * everything here is applied again, which does no harm. */
        log_error("store", "event=journal_behind position=%llu journal=%llu action=new_stream",
                  (unsigned long long)position, (unsigned long long)feed->sent);
        int err = store_journal_new_stream(feed->setup.journal);
        store_db_fail(feed->db, err ? "the journal's new identity cannot be written" : "journal was behind");
        return;
    }
    if (feed->position_known && position < feed->applied)
        log_error("store", "event=database_went_back position=%llu applied=%llu",
                  (unsigned long long)position, (unsigned long long)feed->applied);
    bool fits = feed->position_known && position >= feed->applied && position <= feed->window_last;
    feed->position_known = true;
    feed->applied = position;
    if (fits)
        drop_applied(feed);
    else
        reset_window(feed);
    store_journal_applied(feed->setup.journal, position);
}

static enum db_step set_up(void *ctx, const PGresult *result) {
    struct feed *feed = ctx;
    char sql[160];
    if (!result)
        feed->setting = SETTING_SCHEMA;
    switch (feed->setting) {
    case SETTING_SCHEMA: {
        enum db_step step = store_schema_step(&feed->run, result);
        if (step != DB_STEP_READY)
            return step;
        feed->setting = SETTING_APPLY;
        return store_db_prepare(feed->db, "apply", "SELECT callfloor.apply($1, $2, $3, $4)") < 0
                   ? DB_STEP_FAILED
                   : DB_STEP_WAIT;
    }
    case SETTING_APPLY:
        feed->setting = SETTING_QUEUES;
        return store_db_prepare(feed->db, "queues", "SELECT callfloor.set_queues($1)") < 0 ? DB_STEP_FAILED
                                                                                           : DB_STEP_WAIT;
    case SETTING_QUEUES:
        feed->setting = SETTING_POSITION;
        snprintf(sql, sizeof sql, "SELECT callfloor.journal_open(%u, '%s')", feed->setup.node,
                 store_journal_stream(feed->setup.journal));
        return store_db_query(feed->db, sql) < 0 ? DB_STEP_FAILED : DB_STEP_WAIT;
    case SETTING_POSITION:
        if (PQntuples(result) != 1)
            return DB_STEP_FAILED;
        take_position(feed, result);
        return DB_STEP_READY;
    }
    return DB_STEP_FAILED;
}

static void on_queues(void *ctx, uint64_t tag, const PGresult *result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        log_warn("store", "event=queues_refused error=%s", log_value(store_db_message(result)));
}

static void send_queues(struct feed *feed) {
    const char *value[] = {feed->queues};
    if (feed->queues && *feed->queues)
        store_db_request(feed->db, "queues", 1, value, on_queues, 0);
}

static void on_ready(void *ctx) {
    struct feed *feed = ctx;
    log_info("store", "event=db_connected applied=%llu", (unsigned long long)feed->applied);
    if (!feed->refused)
        feed->error[0] = 0;
    feed->retry_ms = 0;
    send_queues(feed);
    feed->setup.on_change(feed->setup.ctx);
    turn(feed);
}

static void on_down(void *ctx, const char *why) {
    struct feed *feed = ctx;
    if (feed->flight && feed->limit > 1 && strstr(why, "in time")) /* perhaps the batch was too much */
        feed->limit /= 2;
    feed->flight = 0;
    alarm_log(feed, "db_down", why);
    feed->setup.on_change(feed->setup.ctx);
}

/* ---- life ---- */

int store_feed_create(struct feed **fp, const struct feed_setup *setup) {
    struct feed *feed = calloc(1, sizeof *feed);
    if (!feed)
        return -ENOMEM;
    feed->setup = *setup;
    feed->sent = setup->last_seq;
    feed->limit = BATCH_RECORDS;
    store_entries_init(&feed->window);
    const struct db_owner owner = {feed, "records", SILENCE_MS, set_up, on_ready, on_down};
    int err = store_db_create(&feed->db, setup->base, &owner);
    feed->retry = evtimer_new(setup->base, on_retry, feed);
    if (!err && !feed->retry)
        err = -ENOMEM;
    if (err) {
        store_feed_destroy(feed);
        return err;
    }
    feed->run = (struct schema_run){.schema = setup->schema, .db = feed->db, .may_migrate = true};
    *fp = feed;
    return 0;
}

void store_feed_destroy(struct feed *feed) {
    if (!feed)
        return;
    store_db_destroy(feed->db);
    if (feed->retry)
        event_free(feed->retry);
    store_entries_free(&feed->window);
    free(feed->queues);
    free(feed);
}

int store_feed_queues(struct feed *feed, const char *queues) {
    char *copy = strdup(queues);
    if (!copy)
        return -ENOMEM;
    free(feed->queues);
    feed->queues = copy;
    if (store_db_is_ready(feed->db))
        send_queues(feed);
    return 0;
}

int store_feed_open(struct feed *feed, const char *conninfo, const char *queues) {
    int err = store_feed_queues(feed, queues);
    if (err)
        return err;
    evtimer_del(feed->retry);
    feed->waiting = feed->refused = false;
    feed->error[0] = 0;
    feed->retry_ms = 0;
    feed->position_known = false; /* it may be another database */
    feed->applied = 0;
    reset_window(feed);
    return store_db_open(feed->db, conninfo);
}

void store_feed_state(const struct feed *feed, struct feed_state *state) {
    *state = (struct feed_state){
        .connected = store_db_is_ready(feed->db),
        .applied = feed->applied,
        .oldest_at_us = feed->window.head ? feed->window.head->at_us : 0,
        .rejected = feed->rejected,
        .batches = feed->batches,
        .retries = feed->retries,
    };
    str_copy(state->error, sizeof state->error, feed->error);
}
