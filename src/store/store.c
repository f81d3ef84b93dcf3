/* SPDX-License-Identifier: Apache-2.0
 * The store port: journal, feed and lookup put together. */
#include "callfloor/store.h"
#include "callfloor/conf.h"
#include "callfloor/log.h"
#include "store/feed.h"
#include "store/lookup.h"
#include "store/row.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { BOOT_WAIT_MS = 2000 };

/* What is told to the loop for the end of a turn; it outlives the store, since it cannot be taken back. */
struct kick {
    struct store *store;
    bool pending;
};

struct store {
    struct loop *loop;
    struct clock_port clock;
    struct store_sink sink;
    bool started, full, connected;
    uint32_t node;
    char *sql_dir, *database;
    char *queues; /* JSON for callfloor.set_queues() */
    struct schema schema;
    struct journal *journal;
    struct feed *feed;
    struct lookup *lookup;
    struct event *news;
    struct kick *kick;
    uint64_t found_seq; /* last record of the earlier runs */
};

/* ---- news of the journal ---- */

static void tell_full(struct store *store) {
    struct journal_state state;
    store_journal_state(store->journal, &state);
    if (state.full == store->full || !store->started)
        return;
    store->full = state.full;
    if (state.full)
        log_error("store", "event=journal_full bytes=%llu error=%s", (unsigned long long)state.bytes,
                  log_value(state.error));
    else
        log_warn("store", "event=journal_has_room bytes=%llu", (unsigned long long)state.bytes);
    store->sink.journal_full(store->sink.ctx, state.full);
}

static void take_news(struct store *store) {
    struct journal_news news;
    store_journal_collect(store->journal, &news);
    for (unsigned i = 0; i < news.notes; i++)
        log_write((enum log_level)news.note[i].level, "store", "%s", news.note[i].text);
    if (news.notes_dropped)
        log_warn("store", "event=journal_notes_dropped count=%u", news.notes_dropped);
    if (store->feed) {
        store_feed_news(store->feed, &news);
    } else {
        store_entries_free(&news.durable);
        store_entries_free(&news.read);
    }
    tell_full(store);
}

static void on_news(evutil_socket_t fd, short what, void *arg) {
    take_news(arg);
}

/* ---- the port ---- */

static void end_of_turn(void *arg) {
    struct kick *kick = arg;
    kick->pending = false;
    if (!kick->store) {
        free(kick);
        return;
    }
    store_journal_kick(kick->store->journal);
    tell_full(kick->store);
}

static int put(void *ctx, const struct record *row) {
    struct store *store = ctx;
    char text[STORE_ROW_MAX];
    if ((unsigned)row->kind >= RECORD_KINDS)
        return -EINVAL;
    size_t size = store_row_encode(text, row);
    uint64_t seq = store_journal_put(store->journal, record_kind_name(row->kind), text, size,
                                     store->clock.wall_us(store->clock.ctx));
    if (!store->kick->pending) {
        store->kick->pending = loop_defer(store->loop, end_of_turn, store->kick) == 0;
        if (!store->kick->pending)
            store_journal_kick(store->journal);
    }
    return seq && !store->full ? 0 : -ENOSPC;
}

static int customer(void *ctx, uint32_t request, const char *number) {
    struct store *store = ctx;
    return *store->database ? store_lookup_ask(store->lookup, request, number) : -ENOTCONN;
}

static void state(void *ctx, struct store_state *out) {
    const struct store *store = ctx;
    struct journal_state journal;
    struct feed_state feed = {0};
    store_journal_state(store->journal, &journal);
    if (store->feed)
        store_feed_state(store->feed, &feed);
    *out = (struct store_state){
        .configured = *store->database != 0,
        .connected = feed.connected,
        .journal_full = journal.full,
        .written = journal.put,
        .applied = feed.applied,
        .journal_bytes = journal.bytes,
        .rejected = feed.rejected + journal.corrupt + journal.lost,
    };
    if (out->configured && journal.put > feed.applied) {
        uint64_t oldest = feed.oldest_at_us ? feed.oldest_at_us : journal.oldest_at_us;
        uint64_t now = store->clock.wall_us(store->clock.ctx);
        out->pending_records = journal.put - feed.applied;
        out->oldest_pending_ms = oldest && oldest < now ? (now - oldest) / 1000 : 0;
    }
    str_copy(out->last_error, sizeof out->last_error, *journal.error ? journal.error : feed.error);
}

struct store_port store_get_port(struct store *store) {
    return (struct store_port){store, put, customer, state};
}

/* ---- starting ---- */

static char *queues_json(const struct conf *conf) {
    size_t size = 3;
    for (uint32_t i = 0; i < conf->queue_count; i++)
        size += 6 * strlen(conf->queue[i].name) + 120;
    char *text = malloc(size), *at = text;
    if (!text)
        return NULL;
    *at++ = '[';
    for (uint32_t i = 0; i < conf->queue_count; i++) {
        const struct conf_queue *queue = &conf->queue[i];
        if (queue->removed)
            continue;
        if (at[-1] != '[')
            *at++ = ',';
        at = store_json_text(stpcpy(at, "{\"name\":"), queue->name);
        at = store_json_u64(stpcpy(at, ",\"service_level_ms\":"), queue->service_level_ms);
        at = store_json_u64(stpcpy(at, ",\"short_abandon_ms\":"), queue->short_abandon_ms);
        *at++ = '}';
    }
    strcpy(at, "]");
    return text;
}

/* Waits, before anything else runs, until the disk has the record. */
static int put_boot(struct store *store, const struct store_setup *setup, uint64_t alive_us) {
    char row[200], *at = row;
    struct journal_state now = {0};
    at = store_json_u64(stpcpy(at, "{\"node\":"), store->node);
    at = store_json_u64(stpcpy(at, ",\"first_id\":\""), setup->first_id);
    at = store_json_u64(stpcpy(at, "\",\"start_us\":"), setup->start_us);
    if (alive_us > setup->start_us) /* the clock went back */
        alive_us = setup->start_us;
    if (alive_us)
        at = store_json_u64(stpcpy(at, ",\"alive_us\":"), alive_us);
    *at++ = '}';
    uint64_t until = loop_now_ms() + BOOT_WAIT_MS;
    uint64_t seq = store_journal_put(store->journal, "boot", row, (size_t)(at - row), setup->start_us);
    store_journal_kick(store->journal);
    for (;;) {
        take_news(store);
        store_journal_state(store->journal, &now);
        if (now.durable >= seq)
            return 0;
        if (*now.error)
            return -ENOSPC;
        if (loop_now_ms() >= until)
            return -EIO;
        struct pollfd wait = {store_journal_fd(store->journal), POLLIN, 0};
        poll(&wait, 1, 100);
    }
}

static int load_schema(struct store *store) {
    char error[256];
    if (!*store->database || store->schema.count)
        return 0;
    int err = store_schema_load(&store->schema, store->sql_dir, error, sizeof error);
    if (err)
        log_error("store", "event=migrations_unreadable error=%s", log_value(error));
    return err;
}

static void on_change(void *ctx) {
    struct store *store = ctx;
    struct feed_state now;
    store_feed_state(store->feed, &now);
    if (now.connected && !store->connected)
        store_lookup_hurry(store->lookup);
    store->connected = now.connected;
}

static void on_customer(void *ctx, uint32_t request, const struct store_customer *found) {
    struct store *store = ctx;
    if (store->started)
        store->sink.customer(store->sink.ctx, request, found);
}

static int open_journal(struct store *store, const struct store_setup *setup) {
    const struct conf *conf = setup->conf;
    struct journal_found found;
    const struct journal_setup journal = {conf->state_dir, conf->journal_max_bytes, !*conf->database};
    int err = store_journal_open(&store->journal, &journal, &found);
    if (err) {
        log_error("store", "event=journal_unusable dir=%s error=%s", log_value(conf->state_dir),
                  log_value(err == -EAGAIN ? "another daemon holds it" : strerror(-err)));
        return err;
    }
    store->found_seq = found.last_seq;
    return put_boot(store, setup, found.alive_us);
}

static int build(struct store *store, const struct store_setup *setup) {
    struct event_base *base = loop_base(setup->loop);
    store->kick = calloc(1, sizeof *store->kick);
    store->sql_dir = strdup(setup->sql_dir ? setup->sql_dir : "");
    store->database = strdup(setup->conf->database);
    store->queues = queues_json(setup->conf);
    if (!store->kick || !store->sql_dir || !store->database || !store->queues)
        return -ENOMEM;
    store->kick->store = store;
    int err = load_schema(store);
    if (!err)
        err = open_journal(store, setup);
    if (err)
        return err;
    const struct feed_setup feed = {base,      store->journal, &store->schema, store->node, store->found_seq,
                                    on_change, store};
    err = store_feed_create(&store->feed, &feed);
    if (!err)
        err = store_lookup_create(&store->lookup, base, &store->schema, on_customer, store);
    if (err)
        return err;
    store->news = event_new(base, store_journal_fd(store->journal), EV_READ | EV_PERSIST, on_news, store);
    return store->news && event_add(store->news, NULL) == 0 ? 0 : -ENOMEM;
}

int store_create(struct store **sp, const struct store_setup *setup) {
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return -ENOMEM;
    store->loop = setup->loop;
    store->clock = loop_clock();
    store->node = setup->conf->node;
    int err = build(store, setup);
    if (err) {
        store_destroy(store);
        return err;
    }
    *sp = store;
    return 0;
}

static int open_database(struct store *store) {
    int err = store_feed_open(store->feed, store->database, store->queues);
    return err ? err : store_lookup_open(store->lookup, store->database);
}

void store_start(struct store *store, const struct store_sink *sink) {
    store->sink = *sink;
    store->started = true;
    if (*store->database && open_database(store) < 0)
        log_error("store", "event=db_not_opened error=\"out of memory\"");
    tell_full(store);
}

int store_reload(struct store *store, const struct conf *conf) {
    char *database = strdup(conf->database), *queues = queues_json(conf);
    if (!database || !queues) {
        free(database);
        free(queues);
        return -ENOMEM;
    }
    bool changed = strcmp(database, store->database) != 0;
    free(store->database);
    free(store->queues);
    store->database = database;
    store->queues = queues;
    store_journal_limit(store->journal, conf->journal_max_bytes, !*database);
    int err = load_schema(store);
    if (!err && changed && store->started)
        err = open_database(store);
    else if (!err && !changed)
        err = store_feed_queues(store->feed, queues);
    return err;
}

/* ---- ending ---- */

bool store_flushed(const struct store *store) {
    struct journal_state journal;
    struct feed_state feed;
    store_journal_state(store->journal, &journal);
    store_feed_state(store->feed, &feed);
    return journal.durable == journal.put && (!feed.connected || feed.applied == journal.put);
}

void store_destroy(struct store *store) {
    if (!store)
        return;
    if (store->news)
        event_free(store->news);
    store_lookup_destroy(store->lookup);
    store_feed_destroy(store->feed);
    store_journal_close(store->journal);
    store_schema_free(&store->schema);
    if (store->kick && store->kick->pending)
        store->kick->store = NULL; /* end_of_turn() frees it */
    else
        free(store->kick);
    free(store->queues);
    free(store->database);
    free(store->sql_dir);
    free(store);
}
