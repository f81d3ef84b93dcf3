/* SPDX-License-Identifier: Apache-2.0
 * Reading segments: lines one after the other, and what an earlier run left. */
#include "callfloor/log.h"
#include "store/journal_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void store_walk_init(struct line_walk *walk, int fd, uint64_t offset) {
    walk->fd = fd;
    walk->offset = offset;
    walk->at = walk->have = 0;
    walk->ended = false;
}

static int refill(struct line_walk *walk) {
    memmove(walk->buffer, walk->buffer + walk->at, walk->have - walk->at);
    walk->have -= walk->at;
    walk->at = 0;
    ssize_t n = pread(walk->fd, walk->buffer + walk->have, sizeof walk->buffer - walk->have,
                      (off_t)(walk->offset + walk->have));
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    walk->have += (size_t)n;
    walk->ended = n == 0;
    return 0;
}

int store_walk_next(struct line_walk *walk, struct line *line, enum line_found *found, uint64_t *offset) {
    while (walk->have - walk->at < STORE_LINE_MAX && !walk->ended) {
        int err = refill(walk);
        if (err)
            return err;
    }
    if (walk->at == walk->have)
        return 0;
    *found = store_line_parse(walk->buffer + walk->at, walk->have - walk->at, line);
    *offset = walk->offset;
    walk->at += line->size;
    walk->offset += line->size;
    return 1;
}

struct segment *store_segment_new(uint64_t name) {
    struct segment *segment = calloc(1, sizeof *segment);
    if (segment) {
        segment->name = name;
        segment->fd = -1;
    }
    return segment;
}

/* The file is named after the place, so that a second reading does not keep the bytes twice. */
void store_journal_set_aside(struct journal *journal, int fd, uint64_t segment, uint64_t offset,
                             uint64_t size) {
    char name[80], bytes[STORE_LINE_MAX];
    snprintf(name, sizeof name, "corrupt-%020llu-%llu", (unsigned long long)segment,
             (unsigned long long)offset);
    int out = openat(journal->rejected_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0 && errno == EEXIST)
        return;
    uint64_t done = 0;
    while (out >= 0 && done < size) {
        size_t want = size - done < sizeof bytes ? (size_t)(size - done) : sizeof bytes;
        ssize_t n = pread(fd, bytes, want, (off_t)(offset + done));
        if (n <= 0 || write(out, bytes, (size_t)n) != n)
            break;
        done += (uint64_t)n;
    }
    if (out >= 0)
        close(out);
    pthread_mutex_lock(&journal->lock);
    journal->corrupt++;
    store_journal_note(
        journal, LOG_LEVEL_ERROR,
        "event=journal_corrupt segment=%020llu offset=%llu bytes=%llu kept=%llu in=rejected/%s",
        (unsigned long long)segment, (unsigned long long)offset, (unsigned long long)size,
        (unsigned long long)done, name);
    pthread_mutex_unlock(&journal->lock);
}

/* Reads a segment through; *tail: bytes behind the last newline, which belong to no record. */
static int scan_segment(struct journal *journal, int fd, struct segment *segment, uint64_t *tail) {
    struct line_walk *walk = malloc(sizeof *walk);
    struct line line;
    enum line_found found;
    uint64_t offset = 0, bad_from = 0, bad_size = 0;
    int more;
    if (!walk)
        return -ENOMEM;
    store_walk_init(walk, fd, 0);
    *tail = 0;
    while ((more = store_walk_next(walk, &line, &found, &offset)) > 0) {
        if (found == LINE_BAD) {
            bad_from = bad_size ? bad_from : offset;
            bad_size += line.size;
            continue;
        }
        if (bad_size)
            store_journal_set_aside(journal, fd, segment->name, bad_from, bad_size);
        bad_size = 0;
        if (found == LINE_UNFINISHED) {
            *tail = line.size;
            break;
        }
        if (!segment->first_at_us)
            segment->first_at_us = line.at_us;
        if (line.seq > segment->last)
            segment->last = line.seq;
    }
    if (bad_size)
        store_journal_set_aside(journal, fd, segment->name, bad_from, bad_size);
    segment->bytes = walk->offset - *tail;
    free(walk);
    return more < 0 ? more : 0;
}

static uint64_t modified_us(int fd) {
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_mtim.tv_sec < 0)
        return 0;
    return (uint64_t)st.st_mtim.tv_sec * 1000000 + (uint64_t)st.st_mtim.tv_nsec / 1000;
}

/* The segment to be written further: read through, its torn tail cut off. */
static int take_last(struct journal *journal, struct segment *segment) {
    uint64_t tail = 0;
    int err = scan_segment(journal, segment->fd, segment, &tail);
    if (!err && tail) {
        store_journal_note(journal, LOG_LEVEL_WARN,
                           "event=journal_torn segment=%020llu bytes=%llu action=cut_off",
                           (unsigned long long)segment->name, (unsigned long long)tail);
        if (ftruncate(segment->fd, (off_t)segment->bytes) < 0)
            err = -errno;
    }
    segment->synced = 0; /* it may have been written just before the run was killed */
    return err;
}

/* An earlier one: its lines are checked when they are read back, so that a long journal does not delay the
 * start. `next` is the number of the segment behind. */
static int take_earlier(struct journal *journal, struct segment *segment, uint64_t next) {
    char text[STORE_LINE_MAX];
    struct line line;
    struct stat st;
    ssize_t n = pread(segment->fd, text, sizeof text, 0);
    if (n < 0 || fstat(segment->fd, &st) < 0 || fdatasync(segment->fd) < 0)
        return -errno;
    if (store_line_parse(text, (size_t)n, &line) == LINE_GOOD)
        segment->first_at_us = line.at_us;
    segment->last = next - 1;
    segment->bytes = segment->synced = (uint64_t)st.st_size;
    segment->rolled = true;
    close(segment->fd);
    segment->fd = -1;
    return 0;
}

/* next: number of the segment behind, 0 = this is the last one. */
static int take_segment(struct journal *journal, uint64_t number, uint64_t next,
                        struct journal_found *found) {
    char name[SEGMENT_NAME_LEN];
    struct segment *segment = store_segment_new(number);
    if (!segment)
        return -ENOMEM;
    snprintf(name, sizeof name, SEGMENT_NAME, (unsigned long long)number);
    segment->fd = openat(journal->dir, name, O_RDWR | O_CLOEXEC);
    int err = segment->fd < 0 ? -errno : 0;
    if (!err) {
        uint64_t modified = modified_us(segment->fd);
        found->alive_us = modified > found->alive_us ? modified : found->alive_us;
        err = next ? take_earlier(journal, segment, next) : take_last(journal, segment);
    }
    if (err) {
        if (segment->fd >= 0)
            close(segment->fd);
        free(segment);
        return err;
    }
    TAILQ_INSERT_TAIL(&journal->segments, segment, link);
    journal->total_bytes += segment->bytes;
    /* only corrupt lines: at least the number in the name is used up */
    uint64_t seq = segment->last ? segment->last : segment->bytes ? number : number - 1;
    if (seq > found->last_seq)
        found->last_seq = seq;
    return 0;
}

static int by_number(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The numbers of all segment files, ascending. The caller frees. */
static int list_segments(struct journal *journal, uint64_t **out, size_t *count) {
    uint64_t *numbers = NULL;
    size_t used = 0, room = 0;
    int fd = openat(journal->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *item;
    if (!dir) {
        err = -errno;
        if (fd >= 0)
            close(fd);
        return err;
    }
    while (!err && (item = readdir(dir))) {
        size_t digits = strspn(item->d_name, "0123456789");
        if (digits != 20 || strcmp(item->d_name + digits, ".journal"))
            continue;
        uint64_t number = strtoull(item->d_name, NULL, 10);
        if (!number || number > INT64_MAX) /* not ours */
            continue;
        if (used == room) {
            room = room ? 2 * room : 64;
            uint64_t *bigger = realloc(numbers, room * sizeof *numbers);
            if (!bigger) {
                err = -ENOMEM;
                break;
            }
            numbers = bigger;
        }
        numbers[used++] = number;
    }
    closedir(dir);
    if (err) {
        free(numbers);
        return err;
    }
    if (used)
        qsort(numbers, used, sizeof *numbers, by_number);
    *out = numbers;
    *count = used;
    return 0;
}

int store_journal_scan(struct journal *journal, struct journal_found *found) {
    uint64_t *numbers = NULL;
    size_t count = 0;
    *found = (struct journal_found){0, modified_us(journal->alive_fd)};
    int err = list_segments(journal, &numbers, &count);
    for (size_t i = 0; !err && i < count; i++)
        err = take_segment(journal, numbers[i], i + 1 < count ? numbers[i + 1] : 0, found);
    free(numbers);
    if (err)
        return err;
    journal->put_seq = journal->written_seq = found->last_seq;
    struct segment *last = TAILQ_LAST(&journal->segments, segment_list);
    if (last && !last->last && last->bytes) { /* only corrupt lines: its numbers are unknown */
        last->rolled = true;
        close(last->fd);
        last->fd = -1;
    }
    return 0;
}
