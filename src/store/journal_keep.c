/* SPDX-License-Identifier: Apache-2.0
 * The keeper thread: syncs in groups, shows that the daemon lives, reads back, sets aside, deletes what is
 * in PostgreSQL. */
#include "callfloor/log.h"
#include "store/journal_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALIVE_MS = 1000, SYNC_RETRY_MS = 1000, SYNC_FILES = 16 };

/* ---- syncing ---- */

/* After a failed sync the kernel may have dropped the pages: dirty them again from memory. */
static int rewrite(struct journal *journal, struct entry_list *list) {
    int fd = -1, err = 0;
    uint64_t open = 0;
    char name[SEGMENT_NAME_LEN];
    for (struct entry *e = list->head; e && !err; e = e->next) {
        if (fd < 0 || e->segment != open) {
            if (fd >= 0)
                close(fd);
            snprintf(name, sizeof name, SEGMENT_NAME, (unsigned long long)e->segment);
            fd = openat(journal->dir, name, O_WRONLY | O_CLOEXEC);
            open = e->segment;
        }
        if (fd < 0 || pwrite(fd, e->line, e->size, (off_t)e->offset) != (ssize_t)e->size)
            err = -EIO;
    }
    if (fd >= 0)
        close(fd);
    return err;
}

struct dirty {
    struct segment *segment;
    uint64_t bytes;
    bool rolled, fresh;
};

static int sync_files(struct journal *journal, const struct dirty *dirty, int count) {
    bool fresh = false;
    for (int i = 0; i < count; i++) {
        if (fdatasync(dirty[i].segment->fd) < 0)
            return -errno;
        fresh |= dirty[i].fresh;
    }
    return fresh && fsync(journal->dir) < 0 ? -errno : 0;
}

/* With the lock held: records up to seq are durable. */
static void deliver(struct journal *journal, uint64_t seq) {
    journal->durable_seq = seq;
    while (journal->unsynced.head && journal->unsynced.head->seq <= seq) {
        struct entry *e = store_entries_pop(&journal->unsynced);
        if (journal->following && journal->news.durable.bytes > JOURNAL_MEMORY_BYTES / 2)
            journal->following = false;
        if (journal->following)
            store_entries_push(&journal->news.durable, e);
        else
            free(e);
    }
    store_journal_wake_control(journal);
}

static void report_sync(struct journal *journal, int err) {
    if (err) {
        snprintf(journal->error, sizeof journal->error, "sync: %s", strerror(-err));
        if (!journal->sync_failed)
            store_journal_note(journal, LOG_LEVEL_ERROR, "event=journal_sync_failed error=%s",
                               log_value(strerror(-err)));
    } else if (journal->sync_failed) {
        journal->error[0] = 0;
        store_journal_note(journal, LOG_LEVEL_WARN, "event=journal_synced_again");
    }
    if (journal->sync_failed != (err != 0))
        store_journal_wake_control(journal);
    journal->sync_failed = err != 0;
}

/* With the lock held on entry and exit. */
static int sync_all(struct journal *journal) {
    struct dirty dirty[SYNC_FILES];
    struct entry_list again;
    struct segment *segment;
    int count = 0, err = 0;
    uint64_t seq = journal->written_seq;
    TAILQ_FOREACH (segment, &journal->segments, link) {
        if (segment->fd < 0 || (segment->synced == segment->bytes && !segment->rolled))
            continue;
        if (count == SYNC_FILES) {
            seq = segment->name - 1; /* the rest next time */
            break;
        }
        dirty[count++] = (struct dirty){segment, segment->bytes, segment->rolled, segment->fresh};
    }
    store_entries_init(&again);
    if (journal->sync_failed)
        store_entries_append(&again, &journal->unsynced);
    pthread_mutex_unlock(&journal->lock);
    err = rewrite(journal, &again);
    if (!err)
        err = sync_files(journal, dirty, count);
    pthread_mutex_lock(&journal->lock);
    store_entries_append(&again, &journal->unsynced); /* the older ones stay in front */
    store_entries_append(&journal->unsynced, &again);
    report_sync(journal, err);
    if (err)
        return err;
    for (int i = 0; i < count; i++) {
        dirty[i].segment->synced = dirty[i].bytes;
        dirty[i].segment->fresh = false;
        if (dirty[i].rolled) {
            close(dirty[i].segment->fd);
            dirty[i].segment->fd = -1;
        }
    }
    deliver(journal, seq);
    return 0;
}

/* ---- reading back ---- */

struct reading {
    struct entry_list list;
    uint64_t after, upto, last;
    bool full;
};

static struct entry *entry_of(const struct line *line, const char *text) {
    struct entry *e = malloc(sizeof *e + line->size);
    if (!e)
        return NULL;
    *e = (struct entry){.seq = line->seq,
                        .at_us = line->at_us,
                        .size = line->size,
                        .json = (uint32_t)(line->json - text),
                        .json_size = line->json_size};
    memcpy(e->kind, line->kind, sizeof e->kind);
    memcpy(e->line, text, line->size);
    return e;
}

/* Takes one good line; false: stop here. */
static bool take_line(struct reading *r, const struct line *line, const char *text) {
    struct entry *e;
    if (line->seq > r->upto)
        return false;
    r->full = r->list.bytes >= JOURNAL_READ_BYTES || !(e = entry_of(line, text));
    if (r->full)
        return false;
    store_entries_push(&r->list, e);
    r->last = e->seq;
    return true;
}

static int walk_segment(struct journal *journal, struct reading *r, struct line_walk *walk, uint64_t name,
                        uint64_t limit) {
    struct line line;
    enum line_found found;
    uint64_t offset = 0, bad_from = 0, bad_size = 0;
    int more = 0;
    while (walk->offset < limit && (more = store_walk_next(walk, &line, &found, &offset)) > 0) {
        if (found != LINE_GOOD) { /* also a torn end: behind the good bytes of the last one nothing is read */
            bad_from = bad_size ? bad_from : offset;
            bad_size += line.size;
            continue;
        }
        if (bad_size)
            store_journal_set_aside(journal, walk->fd, name, bad_from, bad_size);
        bad_size = 0;
        if (line.seq > r->last && !take_line(r, &line, walk->buffer + walk->at - line.size)) {
            journal->cursor_segment = name;
            journal->cursor_offset = offset;
            break;
        }
    }
    if (bad_size)
        store_journal_set_aside(journal, walk->fd, name, bad_from, bad_size);
    return more < 0 ? more : 0;
}

/* Takes the lines of one segment, from the cursor when it fits, up to limit or until enough was read. */
static int read_segment(struct journal *journal, struct reading *r, uint64_t name, uint64_t limit) {
    char file[SEGMENT_NAME_LEN];
    bool resume = journal->cursor_segment == name && journal->cursor_after == r->after;
    snprintf(file, sizeof file, SEGMENT_NAME, (unsigned long long)name);
    int fd = openat(journal->dir, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct line_walk *walk = malloc(sizeof *walk);
    int err = walk ? 0 : -ENOMEM;
    if (walk) {
        store_walk_init(walk, fd, resume ? journal->cursor_offset : 0);
        err = walk_segment(journal, r, walk, name, limit);
    }
    free(walk);
    close(fd);
    return err;
}

/* With the lock held: the first segment that may hold a record above seq. */
static struct segment *segment_above(struct journal *journal, uint64_t seq, uint64_t name_above) {
    struct segment *segment;
    TAILQ_FOREACH (segment, &journal->segments, link) {
        if (segment->last > seq && segment->name > name_above)
            return segment;
    }
    return NULL;
}

/* With the lock held on entry and exit. */
static void read_back(struct journal *journal) {
    struct reading r = {
        .after = journal->read_after, .upto = journal->durable_seq, .last = journal->read_after};
    struct segment *segment;
    uint64_t done = 0;
    store_entries_init(&r.list);
    while (!r.full && (segment = segment_above(journal, r.last, done))) {
        uint64_t name = segment->name, limit = segment->bytes;
        pthread_mutex_unlock(&journal->lock);
        int err = read_segment(journal, &r, name, limit);
        pthread_mutex_lock(&journal->lock);
        if (err)
            store_journal_note(journal, LOG_LEVEL_ERROR, "event=journal_read_failed segment=%020llu error=%s",
                               (unsigned long long)name, log_value(strerror(-err)));
        done = name;
    }
    journal->news.read_upto = r.full || r.upto < r.last ? r.last : r.upto;
    journal->cursor_after = journal->news.read_upto;
    store_entries_append(&journal->news.read, &r.list);
    journal->news.read_done = true;
    journal->reading = false;
    store_journal_wake_control(journal);
}

/* ---- setting aside, deleting, living ---- */

/* With the lock held on entry and exit. */
static void reject(struct journal *journal) {
    char *text = journal->reject_text;
    size_t size = journal->reject_size;
    int err = 0;
    pthread_mutex_unlock(&journal->lock);
    int fd = openat(journal->rejected_dir, "records.jsonl", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    off_t before = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    ssize_t n = fd < 0 ? -1 : write(fd, text, size);
    if (n != (ssize_t)size)
        err = n < 0 ? -errno : -ENOSPC;
    else if (fdatasync(fd) < 0)
        err = -errno;
    if (err && fd >= 0 && ftruncate(fd, before) < 0)
        err = -errno; /* half a line stays: the next one is readable nevertheless after its newline */
    if (fd >= 0)
        close(fd);
    pthread_mutex_lock(&journal->lock);
    free(text);
    journal->reject_text = NULL;
    journal->news.reject_done = true;
    journal->news.reject_error = err;
    store_journal_wake_control(journal);
}

/* With the lock held: the oldest segment, when nobody needs it any more. */
static struct segment *deletable(struct journal *journal) {
    struct segment *oldest = TAILQ_FIRST(&journal->segments);
    if (!oldest || !oldest->rolled || oldest->synced != oldest->bytes || !TAILQ_NEXT(oldest, link))
        return NULL;
    if (oldest->last <= journal->applied_seq)
        return oldest;
    return journal->rotate && journal->max_bytes && journal->total_bytes > journal->max_bytes ? oldest : NULL;
}

static void delete_segment(struct journal *journal, struct segment *segment) {
    char name[SEGMENT_NAME_LEN];
    bool rotated = segment->last > journal->applied_seq;
    TAILQ_REMOVE(&journal->segments, segment, link);
    journal->total_bytes -= segment->bytes;
    snprintf(name, sizeof name, SEGMENT_NAME, (unsigned long long)segment->name);
    pthread_mutex_unlock(&journal->lock);
    if (segment->fd >= 0)
        close(segment->fd);
    int err = unlinkat(journal->dir, name, 0) < 0 ? -errno : 0;
    pthread_mutex_lock(&journal->lock);
    if (err)
        store_journal_note(journal, LOG_LEVEL_WARN, "event=journal_unlink_failed file=%s error=%s", name,
                           log_value(strerror(-err)));
    else if (rotated)
        store_journal_note(journal, LOG_LEVEL_INFO, "event=journal_rotated file=%s last_seq=%llu", name,
                           (unsigned long long)segment->last);
    free(segment);
    pthread_cond_signal(&journal->to_writer);
    store_journal_wake_control(journal);
}

static void touch(struct journal *journal) {
    pthread_mutex_unlock(&journal->lock);
    futimens(journal->alive_fd, NULL);
    pthread_mutex_lock(&journal->lock);
}

void *store_journal_keeper(void *arg) {
    struct journal *journal = arg;
    uint64_t now = store_journal_now_ms(), sync_ms = now, alive_ms = now;
    pthread_mutex_lock(&journal->lock);
    for (;;) {
        struct segment *old;
        bool dirty = journal->durable_seq < journal->written_seq;
        now = store_journal_now_ms();
        if (dirty && (now >= sync_ms || (journal->stop && journal->writer_done))) {
            int err = sync_all(journal);
            sync_ms = now + (err ? SYNC_RETRY_MS : JOURNAL_SYNC_GAP_MS);
            if (err && journal->stop)
                break;
        } else if (journal->reject_text) {
            reject(journal);
        } else if (journal->reading) {
            read_back(journal);
        } else if ((old = deletable(journal))) {
            delete_segment(journal, old);
        } else if (now >= alive_ms) {
            touch(journal);
            alive_ms = now + ALIVE_MS;
        } else if (journal->stop && journal->writer_done) {
            break;
        } else {
            uint64_t until = dirty && sync_ms < alive_ms ? sync_ms : alive_ms;
            store_journal_wait(journal, &journal->to_keeper, until - now);
        }
    }
    journal->keeper_done = true;
    pthread_cond_signal(&journal->to_closer);
    pthread_mutex_unlock(&journal->lock);
    return NULL;
}
