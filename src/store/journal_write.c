/* SPDX-License-Identifier: Apache-2.0
 * The writer thread: whatever was put goes to the segment at once, so that kill -9 finds it in the kernel. */
#include "callfloor/log.h"
#include "store/journal_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { IOV_COUNT = 64, RETRY_MS = 1000 };

/* Begins a segment for records from seq on. Only the writer adds segments, so it may do so unlocked but for
 * the list itself. */
static int begin_segment(struct journal *journal, uint64_t seq, struct segment **out) {
    char name[SEGMENT_NAME_LEN];
    struct segment *segment = store_segment_new(seq);
    if (!segment)
        return -ENOMEM;
    snprintf(name, sizeof name, SEGMENT_NAME, (unsigned long long)seq);
    segment->fd = openat(journal->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (segment->fd < 0) {
        int err = -errno;
        free(segment);
        return err;
    }
    segment->fresh = true;
    pthread_mutex_lock(&journal->lock);
    struct segment *before = TAILQ_LAST(&journal->segments, segment_list);
    if (before)
        before->rolled = true;
    TAILQ_INSERT_TAIL(&journal->segments, segment, link);
    pthread_mutex_unlock(&journal->lock);
    *out = segment;
    return 0;
}

/* Writes as many entries as one call takes and moves them to done. */
static int write_some(struct segment *segment, uint64_t offset, struct entry_list *todo,
                      struct entry_list *done) {
    struct iovec iov[IOV_COUNT];
    int count = 0;
    uint64_t want = 0;
    for (struct entry *e = todo->head; e && count < IOV_COUNT; e = e->next) {
        iov[count++] = (struct iovec){e->line, e->size};
        want += e->size;
    }
    ssize_t n = pwritev(segment->fd, iov, count, (off_t)offset);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    uint64_t got = (uint64_t)n;
    /* half a record at the end is written again from its beginning next time */
    while (todo->head && got >= todo->head->size) {
        struct entry *e = store_entries_pop(todo);
        got -= e->size;
        e->segment = segment->name;
        e->offset = offset;
        offset += e->size;
        store_entries_push(done, e);
    }
    return (uint64_t)n == want ? 0 : -ENOSPC;
}

/* With the lock held: what was written is visible to the keeper, and kept until it is synced. */
static void publish(struct journal *journal, struct segment *segment, struct entry_list *done) {
    struct entry *last = NULL;
    if (!done->head)
        return;
    if (!segment->first_at_us)
        segment->first_at_us = done->head->at_us;
    for (struct entry *e = done->head; e; e = e->next)
        last = e;
    bool idle = journal->durable_seq == journal->written_seq;
    segment->last = journal->written_seq = last->seq;
    segment->bytes += done->bytes;
    journal->total_bytes += done->bytes;
    store_entries_append(&journal->unsynced, done);
    if (journal->unsynced.bytes > JOURNAL_MEMORY_BYTES / 2) { /* the disk is slow: they can be read back */
        store_entries_free(&journal->unsynced);
        journal->following = false;
    }
    if (idle)
        pthread_cond_signal(&journal->to_keeper);
}

static void report(struct journal *journal, int err) {
    if (!err == !journal->write_failed)
        return;
    journal->write_failed = err != 0;
    if (err) {
        snprintf(journal->error, sizeof journal->error, "write: %s",
                 err == -EDQUOT ? "journal_max_bytes reached" : strerror(-err));
        store_journal_note(journal, LOG_LEVEL_ERROR, "event=journal_write_failed error=%s",
                           log_value(journal->error));
    } else {
        journal->error[0] = 0;
        store_journal_note(journal, LOG_LEVEL_WARN, "event=journal_writable");
    }
    store_journal_wake_control(journal);
}

/* Segments are deleted whole, so several must fit under the limit. */
static uint64_t segment_limit(const struct journal *journal) {
    uint64_t eighth = journal->max_bytes / 8;
    return !eighth || eighth > JOURNAL_SEGMENT_BYTES ? JOURNAL_SEGMENT_BYTES : eighth;
}

/* With the lock held on entry and exit. */
static int write_list(struct journal *journal, struct entry_list *todo) {
    struct segment *segment = TAILQ_LAST(&journal->segments, segment_list);
    struct entry_list done;
    int err = 0;
    store_entries_init(&done);
    if (journal->max_bytes && !journal->rotate &&
        journal->total_bytes >= journal->max_bytes + journal->max_bytes / 8)
        return -EDQUOT;
    bool roll = !segment || segment->rolled || segment->bytes >= segment_limit(journal);
    uint64_t offset = roll ? 0 : segment->bytes;
    pthread_mutex_unlock(&journal->lock);
    if (roll)
        err = begin_segment(journal, todo->head->seq, &segment);
    if (!err)
        err = write_some(segment, offset, todo, &done);
    pthread_mutex_lock(&journal->lock);
    if (segment)
        publish(journal, segment, &done);
    return err;
}

void *store_journal_writer(void *arg) {
    struct journal *journal = arg;
    struct entry_list todo;
    store_entries_init(&todo);
    pthread_mutex_lock(&journal->lock);
    for (;;) {
        while (!journal->in.head && !todo.head && !journal->stop) {
            journal->writer_asleep = true;
            pthread_cond_wait(&journal->to_writer, &journal->lock);
            journal->writer_asleep = false;
        }
        store_entries_append(&todo, &journal->in);
        journal->writing_bytes = todo.bytes;
        if (!todo.head)
            break;
        int err = write_list(journal, &todo);
        journal->writing_bytes = todo.bytes;
        report(journal, err);
        if (err && journal->stop)
            break;
        if (err)
            store_journal_wait(journal, &journal->to_writer, RETRY_MS);
    }
    journal->lost += todo.count;
    journal->writer_done = true;
    pthread_cond_signal(&journal->to_keeper);
    pthread_cond_signal(&journal->to_closer);
    pthread_mutex_unlock(&journal->lock);
    store_entries_free(&todo);
    return NULL;
}
