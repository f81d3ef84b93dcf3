/* SPDX-License-Identifier: Apache-2.0
 *
 * journal: append-only segment files in STATE_DIR/journal, written by threads, so that the control thread
 * never waits for the disk.
 *
 *   put -> [writer thread: write() at once] -> [keeper thread: fdatasync in groups] -> collect
 *
 * What was written survives kill -9; what was synced (durable) survives a power failure. Records leave the
 * journal in the order of their seq only when durable; those that were not collected in time (PostgreSQL is
 * away, memory is bounded) are read back from the segments.
 *
 * All functions are for the control thread; the threads tell it through the descriptor and collect.
 * Nothing here logs: messages come as notes.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "store/line.h"

enum {
    JOURNAL_SEGMENT_BYTES = 8 << 20,
    JOURNAL_MEMORY_BYTES = 16 << 20, /* records not yet written */
    JOURNAL_READ_BYTES = 1 << 20,    /* one answer to store_journal_read() */
    JOURNAL_SYNC_GAP_MS = 100,
    JOURNAL_STREAM_LEN = 17,
    JOURNAL_NOTES = 16,
};

/* One record on its way. */
struct entry {
    struct entry *next;
    uint64_t seq, at_us;
    uint64_t segment, offset; /* where it was written */
    char kind[STORE_KIND_MAX];
    uint32_t size, json, json_size; /* of the line; where the JSON begins in it, its length */
    char line[];
};
struct entry_list {
    struct entry *head, **tail;
    size_t bytes, count;
};
void store_entries_init(struct entry_list *list);
void store_entries_push(struct entry_list *list, struct entry *entry);
struct entry *store_entries_pop(struct entry_list *list);
/* Moves all of `from` to the end of `to`. */
void store_entries_append(struct entry_list *to, struct entry_list *from);
void store_entries_free(struct entry_list *list);

struct journal_setup {
    const char *state_dir;
    uint64_t max_bytes; /* 0 = no limit */
    bool rotate;        /* journal only: the oldest segments give way instead of "full" */
};
/* What an earlier run left. */
struct journal_found {
    uint64_t last_seq; /* 0 = nothing */
    uint64_t alive_us; /* when it was last known alive; 0 = there was none */
};
struct journal;

/* Makes the folder, takes the lock, cuts off a torn tail, sets corrupt records aside, starts the threads.
 * -EAGAIN: another daemon holds it; -ENOSPC, -EACCES, -EIO ... */
int store_journal_open(struct journal **jp, const struct journal_setup *setup, struct journal_found *found);
/* Waits at most 2 s for the threads to write what was put. */
void store_journal_close(struct journal *journal);

/* Appends; returns the record's seq, or 0 when memory has run out (counted as lost). Call kick afterwards,
 * once for several puts. */
uint64_t store_journal_put(struct journal *journal, const char *kind, const char *row, size_t row_size,
                           uint64_t at_us);
void store_journal_kick(struct journal *journal);

/* The identity of this journal, 16 hex digits; journal_position in PostgreSQL belongs to it. */
const char *store_journal_stream(const struct journal *journal);
/* Gives the journal a new identity: PostgreSQL applied more of the old one than is here. */
int store_journal_new_stream(struct journal *journal);

struct journal_note {
    int level; /* enum log_level */
    char text[240];
};
struct journal_news {
    struct entry_list durable; /* while following: the caller owns them */
    bool following;            /* false after store_journal_follow(): too many at once, read them */
    bool read_done;
    struct entry_list read;
    uint64_t read_upto; /* every record up to here was delivered or does not exist any more */
    bool reject_done;
    int reject_error;
    struct journal_note note[JOURNAL_NOTES];
    unsigned notes, notes_dropped;
};
/* Becomes readable when there is news. */
int store_journal_fd(const struct journal *journal);
void store_journal_collect(struct journal *journal, struct journal_news *news);

/* Deliver records above seq as they become durable. False when one above it is durable already: read it. */
bool store_journal_follow(struct journal *journal, uint64_t seq);
void store_journal_unfollow(struct journal *journal);
/* Asks for the durable records above `after`; at most one request at a time. */
void store_journal_read(struct journal *journal, uint64_t after);
/* Everything up to seq is in PostgreSQL: segments wholly below may be deleted. */
void store_journal_applied(struct journal *journal, uint64_t seq);
/* Writes one line of JSON to rejected/records.jsonl; news.reject_done follows. -EBUSY: one is under way. */
int store_journal_reject(struct journal *journal, const char *text, size_t size);
void store_journal_limit(struct journal *journal, uint64_t max_bytes, bool rotate);

struct journal_state {
    uint64_t put, written, durable; /* seq of the last one */
    uint64_t bytes;                 /* on disk */
    uint64_t lost;                  /* neither on disk nor in memory any more */
    uint64_t corrupt;               /* set aside at the start */
    uint64_t oldest_at_us;          /* first record of the oldest segment */
    bool full;                      /* new work should be refused */
    char error[120];                /* of the disk; "" = well */
};
void store_journal_state(struct journal *journal, struct journal_state *state);

#endif
