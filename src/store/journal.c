/* SPDX-License-Identifier: Apache-2.0
 * The control thread's side of the journal. */
#include "callfloor/log.h"
#include "store/journal_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CLOSE_WAIT_MS = 2000 };

/* ---- lists ---- */

void store_entries_init(struct entry_list *list) {
    *list = (struct entry_list){NULL, &list->head, 0, 0};
}

void store_entries_push(struct entry_list *list, struct entry *entry) {
    entry->next = NULL;
    *list->tail = entry;
    list->tail = &entry->next;
    list->bytes += entry->size;
    list->count++;
}

struct entry *store_entries_pop(struct entry_list *list) {
    struct entry *entry = list->head;
    if (!entry)
        return NULL;
    list->head = entry->next;
    if (!list->head)
        list->tail = &list->head;
    list->bytes -= entry->size;
    list->count--;
    return entry;
}

void store_entries_append(struct entry_list *to, struct entry_list *from) {
    if (!from->head)
        return;
    *to->tail = from->head;
    to->tail = from->tail;
    to->bytes += from->bytes;
    to->count += from->count;
    store_entries_init(from);
}

void store_entries_free(struct entry_list *list) {
    struct entry *entry;
    while ((entry = store_entries_pop(list)))
        free(entry);
}

/* ---- shared with the threads ---- */

uint64_t store_journal_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void store_journal_wait(struct journal *journal, pthread_cond_t *cond, uint64_t ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(cond, &journal->lock, &t);
}

void store_journal_wake_control(struct journal *journal) {
    uint64_t one = 1;
    ssize_t n = write(journal->event_fd, &one, sizeof one);
    (void)n; /* a full counter is readable as well */
}

void store_journal_note(struct journal *journal, int level, const char *format, ...) {
    struct journal_news *news = &journal->news;
    if (news->notes == JOURNAL_NOTES) {
        news->notes_dropped++;
        return;
    }
    struct journal_note *note = &news->note[news->notes++];
    va_list args;
    va_start(args, format);
    vsnprintf(note->text, sizeof note->text, format, args);
    va_end(args);
    note->level = level;
    store_journal_wake_control(journal);
}

/* ---- opening ---- */

static int open_dir_at(int at, const char *path) {
    if (mkdirat(at, path, 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_places(struct journal *journal, const char *state_dir) {
    int state = open_dir_at(AT_FDCWD, state_dir), err = 0;
    if (state < 0)
        return state;
    journal->dir = open_dir_at(state, "journal");
    if (journal->dir < 0)
        err = journal->dir;
    if (!err && (journal->rejected_dir = open_dir_at(journal->dir, "rejected")) < 0)
        err = journal->rejected_dir;
    if (!err && (journal->lock_fd = openat(journal->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
        err = -errno;
    if (!err && flock(journal->lock_fd, LOCK_EX | LOCK_NB) < 0)
        err = errno == EWOULDBLOCK ? -EAGAIN : -errno;
    if (!err && (journal->alive_fd = openat(state, "alive", O_RDWR | O_CLOEXEC)) < 0 && errno != ENOENT)
        err = -errno;
    close(state);
    return err;
}

static int write_stream(struct journal *journal) {
    uint64_t number;
    char text[JOURNAL_STREAM_LEN + 1];
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return -EIO;
    int n = snprintf(text, sizeof text, "%016llx\n", (unsigned long long)number);
    int fd = openat(journal->dir, "stream.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), err = 0;
    if (fd < 0)
        return -errno;
    ssize_t done = write(fd, text, (size_t)n);
    if (done != n)
        err = done < 0 ? -errno : -ENOSPC;
    else if (fsync(fd) < 0 || renameat(journal->dir, "stream.new", journal->dir, "stream") < 0 ||
             fsync(journal->dir) < 0)
        err = -errno;
    close(fd);
    if (err)
        return err;
    text[n - 1] = 0; /* the newline */
    return str_copy(journal->stream, sizeof journal->stream, text);
}

static int read_stream(struct journal *journal) {
    char text[JOURNAL_STREAM_LEN + 1] = "";
    int fd = openat(journal->dir, "stream", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? write_stream(journal) : -errno;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n != JOURNAL_STREAM_LEN || strspn(text, "0123456789abcdef") != JOURNAL_STREAM_LEN - 1) {
        store_journal_note(journal, LOG_LEVEL_ERROR, "event=journal_stream_unreadable action=new_stream");
        return write_stream(journal);
    }
    text[JOURNAL_STREAM_LEN - 1] = 0;
    return str_copy(journal->stream, sizeof journal->stream, text);
}

static int open_alive(struct journal *journal, const char *state_dir) {
    if (journal->alive_fd < 0) {
        char path[4096];
        if ((size_t)snprintf(path, sizeof path, "%s/alive", state_dir) >= sizeof path)
            return -ENAMETOOLONG;
        journal->alive_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    }
    return journal->alive_fd < 0 || futimens(journal->alive_fd, NULL) < 0 ? -errno : 0;
}

static int start_threads(struct journal *journal) {
    sigset_t all, old;
    sigfillset(&all); /* signals are the control thread's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = -pthread_create(&journal->writer, NULL, store_journal_writer, journal);
    journal->writer_runs = !err;
    if (!err) {
        pthread_setname_np(journal->writer, "journal-write");
        err = -pthread_create(&journal->keeper, NULL, store_journal_keeper, journal);
        journal->keeper_runs = !err;
        if (!err)
            pthread_setname_np(journal->keeper, "journal-keep");
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

static void init_sync(struct journal *journal) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&journal->lock, NULL);
    pthread_cond_init(&journal->to_writer, &attr);
    pthread_cond_init(&journal->to_keeper, &attr);
    pthread_cond_init(&journal->to_closer, &attr);
    pthread_condattr_destroy(&attr);
}

int store_journal_open(struct journal **jp, const struct journal_setup *setup, struct journal_found *found) {
    struct journal *journal = calloc(1, sizeof *journal);
    int err;
    if (!journal)
        return -ENOMEM;
    journal->dir = journal->rejected_dir = journal->lock_fd = journal->alive_fd = journal->event_fd = -1;
    journal->max_bytes = setup->max_bytes;
    journal->rotate = setup->rotate;
    store_entries_init(&journal->in);
    store_entries_init(&journal->unsynced);
    store_entries_init(&journal->news.durable);
    store_entries_init(&journal->news.read);
    TAILQ_INIT(&journal->segments);
    init_sync(journal);
    journal->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    err = journal->event_fd < 0 ? -errno : open_places(journal, setup->state_dir);
    if (!err)
        err = read_stream(journal);
    if (!err)
        err = store_journal_scan(journal, found);
    if (!err)
        err = open_alive(journal, setup->state_dir);
    if (!err)
        err = start_threads(journal);
    if (err) {
        store_journal_close(journal);
        return err;
    }
    *jp = journal;
    return 0;
}

/* ---- closing ---- */

/* True when both threads have ended within the time. */
static bool stop_threads(struct journal *journal) {
    uint64_t until = store_journal_now_ms() + CLOSE_WAIT_MS, now;
    pthread_mutex_lock(&journal->lock);
    journal->stop = true;
    pthread_cond_signal(&journal->to_writer);
    pthread_cond_signal(&journal->to_keeper);
    while (((journal->writer_runs && !journal->writer_done) ||
            (journal->keeper_runs && !journal->keeper_done)) &&
           (now = store_journal_now_ms()) < until)
        store_journal_wait(journal, &journal->to_closer, until - now);
    bool writer = !journal->writer_runs || journal->writer_done;
    bool keeper = !journal->keeper_runs || journal->keeper_done;
    pthread_mutex_unlock(&journal->lock);
    if (writer && journal->writer_runs)
        pthread_join(journal->writer, NULL);
    if (keeper && journal->keeper_runs)
        pthread_join(journal->keeper, NULL);
    return writer && keeper;
}

static void close_fd(int fd) {
    if (fd >= 0)
        close(fd);
}

void store_journal_close(struct journal *journal) {
    struct segment *segment;
    if (!journal)
        return;
    if (!stop_threads(journal))
        return; /* a thread hangs in the disk: what it holds must stay until the process ends */
    while ((segment = TAILQ_FIRST(&journal->segments))) {
        TAILQ_REMOVE(&journal->segments, segment, link);
        close_fd(segment->fd);
        free(segment);
    }
    store_entries_free(&journal->in);
    store_entries_free(&journal->unsynced);
    store_entries_free(&journal->news.durable);
    store_entries_free(&journal->news.read);
    free(journal->reject_text);
    close_fd(journal->event_fd);
    close_fd(journal->alive_fd);
    close_fd(journal->rejected_dir);
    close_fd(journal->dir);
    close_fd(journal->lock_fd);
    pthread_cond_destroy(&journal->to_writer);
    pthread_cond_destroy(&journal->to_keeper);
    pthread_cond_destroy(&journal->to_closer);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

/* ---- putting and collecting ---- */

uint64_t store_journal_put(struct journal *journal, const char *kind, const char *row, size_t row_size,
                           uint64_t at_us) {
    char line[STORE_LINE_MAX];
    uint32_t json = 0;
    uint64_t seq = journal->put_seq + 1; /* only this thread moves it */
    size_t size = store_line_build(line, seq, at_us, kind, row, row_size, &json);
    struct entry *entry = size ? malloc(sizeof *entry + size) : NULL;
    if (entry) {
        entry->seq = seq;
        entry->at_us = at_us;
        str_copy(entry->kind, sizeof entry->kind, kind);
        entry->size = (uint32_t)size;
        entry->json = json;
        entry->json_size = (uint32_t)size - json - 1;
        memcpy(entry->line, line, size);
    }
    pthread_mutex_lock(&journal->lock);
    bool room = entry && journal->in.bytes + journal->writing_bytes + size <= JOURNAL_MEMORY_BYTES;
    if (room) {
        store_entries_push(&journal->in, entry);
        journal->put_seq = seq;
    } else {
        journal->lost++;
    }
    pthread_mutex_unlock(&journal->lock);
    if (room)
        return seq;
    free(entry);
    return 0;
}

void store_journal_kick(struct journal *journal) {
    pthread_mutex_lock(&journal->lock);
    bool asleep = journal->writer_asleep && journal->in.head;
    journal->writer_asleep = journal->writer_asleep && !asleep;
    pthread_mutex_unlock(&journal->lock);
    if (asleep)
        pthread_cond_signal(&journal->to_writer);
}

const char *store_journal_stream(const struct journal *journal) {
    return journal->stream;
}

int store_journal_new_stream(struct journal *journal) {
    return write_stream(journal);
}

int store_journal_fd(const struct journal *journal) {
    return journal->event_fd;
}

void store_journal_collect(struct journal *journal, struct journal_news *news) {
    uint64_t count;
    ssize_t n = read(journal->event_fd, &count, sizeof count);
    (void)n;
    struct journal_news *held = &journal->news;
    pthread_mutex_lock(&journal->lock);
    news->following = journal->following;
    news->read_done = held->read_done;
    news->read_upto = held->read_upto;
    news->reject_done = held->reject_done;
    news->reject_error = held->reject_error;
    news->notes = held->notes;
    news->notes_dropped = held->notes_dropped;
    memcpy(news->note, held->note, held->notes * sizeof held->note[0]);
    store_entries_init(&news->durable);
    store_entries_init(&news->read);
    store_entries_append(&news->durable, &held->durable);
    store_entries_append(&news->read, &held->read);
    held->read_done = held->reject_done = false;
    held->notes = held->notes_dropped = 0;
    pthread_mutex_unlock(&journal->lock);
}

bool store_journal_follow(struct journal *journal, uint64_t seq) {
    pthread_mutex_lock(&journal->lock);
    if (!journal->following && journal->durable_seq <= seq)
        journal->following = true;
    bool following = journal->following;
    pthread_mutex_unlock(&journal->lock);
    return following;
}

void store_journal_unfollow(struct journal *journal) {
    pthread_mutex_lock(&journal->lock);
    journal->following = false;
    store_entries_free(&journal->news.durable);
    pthread_mutex_unlock(&journal->lock);
}

void store_journal_read(struct journal *journal, uint64_t after) {
    pthread_mutex_lock(&journal->lock);
    if (!journal->reading) {
        journal->reading = true;
        journal->read_after = after;
        pthread_cond_signal(&journal->to_keeper);
    }
    pthread_mutex_unlock(&journal->lock);
}

void store_journal_applied(struct journal *journal, uint64_t seq) {
    pthread_mutex_lock(&journal->lock);
    journal->applied_seq = seq;
    struct segment *oldest = TAILQ_FIRST(&journal->segments);
    if (oldest && oldest->rolled && oldest->last <= seq)
        pthread_cond_signal(&journal->to_keeper);
    pthread_mutex_unlock(&journal->lock);
}

int store_journal_reject(struct journal *journal, const char *text, size_t size) {
    int err = 0;
    char *copy = malloc(size);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, text, size);
    pthread_mutex_lock(&journal->lock);
    if (journal->reject_text) {
        err = -EBUSY;
    } else {
        journal->reject_text = copy;
        journal->reject_size = size;
        pthread_cond_signal(&journal->to_keeper);
    }
    pthread_mutex_unlock(&journal->lock);
    if (err)
        free(copy);
    return err;
}

void store_journal_limit(struct journal *journal, uint64_t max_bytes, bool rotate) {
    pthread_mutex_lock(&journal->lock);
    journal->max_bytes = max_bytes;
    journal->rotate = rotate;
    pthread_cond_signal(&journal->to_writer);
    pthread_cond_signal(&journal->to_keeper);
    pthread_mutex_unlock(&journal->lock);
}

void store_journal_state(struct journal *journal, struct journal_state *state) {
    pthread_mutex_lock(&journal->lock);
    struct segment *oldest = TAILQ_FIRST(&journal->segments);
    bool over = journal->max_bytes && !journal->rotate && journal->total_bytes >= journal->max_bytes;
    *state = (struct journal_state){
        .put = journal->put_seq,
        .written = journal->written_seq,
        .durable = journal->durable_seq,
        .bytes = journal->total_bytes,
        .lost = journal->lost,
        .corrupt = journal->corrupt,
        .oldest_at_us = oldest ? oldest->first_at_us : 0,
        /* a disk that does not answer shows only in what piles up */
        .full = journal->write_failed || journal->sync_failed || over ||
                journal->in.bytes + journal->writing_bytes > JOURNAL_MEMORY_BYTES / 2,
    };
    str_copy(state->error, sizeof state->error, journal->error);
    pthread_mutex_unlock(&journal->lock);
}
