/* SPDX-License-Identifier: Apache-2.0
 * journal: what its files share. Everything below `lock` is guarded by it but for the fields named as one
 * thread's own. */
#ifndef STORE_JOURNAL_INTERNAL_H
#define STORE_JOURNAL_INTERNAL_H

#include "store/journal.h"

#include <pthread.h>
#include <sys/queue.h>

/* One file, NNNNNNNNNNNNNNNNNNNN.journal, named after the seq it may begin with. */
struct segment {
    TAILQ_ENTRY(segment) link;
    uint64_t name;        /* the number in the file's name */
    uint64_t last;        /* highest seq written, 0 = none */
    uint64_t bytes;       /* good bytes: what is behind is cut off before the next write */
    uint64_t first_at_us; /* of its first record */
    int fd;               /* -1: not open for writing any more */
    bool rolled;          /* the writer is done with it */
    bool fresh;           /* the folder's entry is not yet synced */
    uint64_t synced;      /* bytes */
};
TAILQ_HEAD(segment_list, segment);

struct journal {
    int dir, rejected_dir, lock_fd, alive_fd, event_fd;
    char stream[JOURNAL_STREAM_LEN];
    pthread_t writer, keeper;
    bool writer_runs, keeper_runs;

    pthread_mutex_t lock;
    pthread_cond_t to_writer, to_keeper, to_closer;
    bool stop;
    bool writer_done, keeper_done;
    bool writer_asleep;

    struct entry_list in;       /* put, not yet taken by the writer */
    size_t writing_bytes;       /* taken, not yet written */
    struct entry_list unsynced; /* written, kept for a rewrite and for delivery */
    struct segment_list segments;
    uint64_t total_bytes;
    uint64_t put_seq, written_seq, durable_seq, applied_seq;
    uint64_t max_bytes;
    bool rotate;
    bool following;
    bool write_failed, sync_failed;
    bool reading; /* a request is waiting or under way */
    uint64_t read_after;
    char *reject_text; /* a request is waiting or under way */
    size_t reject_size;
    uint64_t lost, corrupt;
    char error[120];
    struct journal_news news;

    /* the keeper's own: where the last read ended */
    uint64_t cursor_after, cursor_segment, cursor_offset;
};

#define SEGMENT_NAME "%020llu.journal"
enum { SEGMENT_NAME_LEN = 20 + 8 + 1 };

/* journal_scan.c */
int store_journal_scan(struct journal *journal, struct journal_found *found);
struct segment *store_segment_new(uint64_t name);
/* Keeps the bytes of a corrupt stretch for the admin, in rejected/. */
void store_journal_set_aside(struct journal *journal, int fd, uint64_t segment, uint64_t offset,
                             uint64_t size);

/* journal_write.c, journal_keep.c: the threads */
void *store_journal_writer(void *arg);
void *store_journal_keeper(void *arg);

/* Both with the lock held. */
void store_journal_note(struct journal *journal, int level, const char *format, ...) PRINTF_LIKE(3, 4);
void store_journal_wake_control(struct journal *journal);
/* Waits on cond, with the lock held, at most ms. */
void store_journal_wait(struct journal *journal, pthread_cond_t *cond, uint64_t ms);
uint64_t store_journal_now_ms(void);

/* Walks the lines of an open segment. */
struct line_walk {
    int fd;
    uint64_t offset; /* in the file, of buffer[at] */
    size_t at, have;
    bool ended;
    char buffer[4 * STORE_LINE_MAX];
};
void store_walk_init(struct line_walk *walk, int fd, uint64_t offset);
/* 1: a line (good or bad as *found says) at *offset; 0: end; -errno. */
int store_walk_next(struct line_walk *walk, struct line *line, enum line_found *found, uint64_t *offset);

#endif
