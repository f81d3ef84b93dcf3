/* SPDX-License-Identifier: Apache-2.0
 *
 * feed: durable records from the journal into PostgreSQL, in order, each once.
 *
 * One batch at a time is under way: callfloor.apply() applies its rows and moves journal_position in one
 * statement, which is one transaction. Whatever happens in between, after connecting again the position says
 * what was applied. A batch with a row that PostgreSQL will never take is halved until that row is alone;
 * then the row is set aside (rejected/records.jsonl) and skipped. All other errors are retried for ever.
 */
#ifndef STORE_FEED_H
#define STORE_FEED_H

#include "store/journal.h"
#include "store/schema.h"

struct event_base;
struct feed;

struct feed_setup {
    struct event_base *base;
    struct journal *journal;
    const struct schema *schema;
    uint32_t node;
    uint64_t last_seq;            /* found in the journal at the start: no database can have more */
    void (*on_change)(void *ctx); /* connected or not any more */
    void *ctx;
};
int store_feed_create(struct feed **fp, const struct feed_setup *setup);
void store_feed_destroy(struct feed *feed);
/* conninfo "": ends. queues: JSON of callfloor.set_queues(), borrowed. */
int store_feed_open(struct feed *feed, const char *conninfo, const char *queues);
/* Only the queues have changed. */
int store_feed_queues(struct feed *feed, const char *queues);
/* Takes the lists out of the news. */
void store_feed_news(struct feed *feed, struct journal_news *news);

struct feed_state {
    bool connected;
    uint64_t applied;      /* seq */
    uint64_t oldest_at_us; /* of the oldest record in memory that is not applied; 0 = none in memory */
    uint64_t rejected;
    uint64_t batches, retries;
    char error[160];
};
void store_feed_state(const struct feed *feed, struct feed_state *state);

#endif
