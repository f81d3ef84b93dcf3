/* SPDX-License-Identifier: Apache-2.0
 * The thread behind writer.h: between it and the control thread are one pointer per file, an eventfd and an
 * error number, all without a lock. */
#include "daemon/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct writer {
    char path[WRITER_FILES][512];
    _Atomic(struct writer_job *) pending[WRITER_FILES];
    _Atomic int error[WRITER_FILES];
    atomic_bool stop;
    int wake_fd;
    bool started;
    pthread_t thread;
};

static int write_all(int fd, const char *text, size_t length) {
    while (length) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            length -= (size_t)n;
        }
    }
    return 0;
}

static int sync_folder(const char *path) {
    char folder[512];
    str_copy(folder, sizeof folder, path);
    int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int err = fsync(fd) ? -errno : 0;
    close(fd);
    return err;
}

static int replace(const char *path, const char *text) {
    char temporary[520];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return -errno;
    int err = write_all(fd, text, strlen(text));
    if (!err && fsync(fd))
        err = -errno;
    if (close(fd) && !err)
        err = -errno;
    if (!err && rename(temporary, path))
        err = -errno;
    if (err)
        unlink(temporary);
    return err ? err : sync_folder(path);
}

static void drop(struct writer_job *job) {
    if (job)
        job->drop(job);
}

static void *run(void *arg) {
    struct writer *writer = arg;
    bool last = false;
    uint64_t count;
    while (!last) {
        while (read(writer->wake_fd, &count, sizeof count) < 0 && errno == EINTR)
            ;
        last = atomic_load(&writer->stop);
        for (int i = 0; i < WRITER_FILES; i++) {
            struct writer_job *job = atomic_exchange(&writer->pending[i], NULL);
            char *text = job ? job->text(job) : NULL;
            int err = text ? replace(writer->path[i], text) : 0;
            if (err)
                atomic_store(&writer->error[i], -err);
            free(text);
            drop(job);
        }
    }
    return NULL;
}

int writer_create(struct writer **wp, const char *const path[WRITER_FILES]) {
    struct writer *writer = calloc(1, sizeof *writer);
    int err = 0;
    if (!writer)
        return -ENOMEM;
    for (int i = 0; i < WRITER_FILES && !err; i++)
        err = str_copy(writer->path[i], sizeof writer->path[i], path[i]);
    writer->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (!err && writer->wake_fd < 0)
        err = -errno;
    if (!err)
        err = -pthread_create(&writer->thread, NULL, run, writer);
    if (err) {
        writer_destroy(writer);
        return err;
    }
    writer->started = true;
    *wp = writer;
    return 0;
}

static void wake(struct writer *writer) {
    uint64_t one = 1;
    if (write(writer->wake_fd, &one, sizeof one) < 0)
        return; /* only when it would count past 2^64 */
}

void writer_put_job(struct writer *writer, int file, struct writer_job *job) {
    drop(atomic_exchange(&writer->pending[file], job));
    wake(writer);
}

/* ---- a text that is there already ---- */

struct text_job {
    struct writer_job job;
    char *text;
};

static char *give_text(struct writer_job *job) {
    char *text = ((struct text_job *)job)->text;
    ((struct text_job *)job)->text = NULL;
    return text;
}
static void drop_text(struct writer_job *job) {
    free(((struct text_job *)job)->text);
    free(job);
}

void writer_put(struct writer *writer, int file, char *text) {
    struct text_job *job = malloc(sizeof *job);
    if (!job) { /* the next change brings it again */
        free(text);
        return;
    }
    *job = (struct text_job){{give_text, drop_text}, text};
    writer_put_job(writer, file, &job->job);
}

int writer_error(struct writer *writer, int *file) {
    for (int i = 0; i < WRITER_FILES; i++) {
        int err = atomic_exchange(&writer->error[i], 0);
        if (err) {
            *file = i;
            return err;
        }
    }
    return 0;
}

bool writer_destroy(struct writer *writer) {
    if (!writer)
        return true;
    if (writer->started) {
        struct timespec until;
        atomic_store(&writer->stop, true);
        wake(writer);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += 2;
        if (pthread_clockjoin_np(writer->thread, NULL, CLOCK_MONOTONIC, &until)) {
            pthread_detach(writer->thread);
            return false; /* in the disk, and still needs its memory; the process ends soon */
        }
    }
    for (int i = 0; i < WRITER_FILES; i++)
        drop(atomic_load(&writer->pending[i]));
    if (writer->wake_fd >= 0)
        close(writer->wake_fd);
    free(writer);
    return true;
}
