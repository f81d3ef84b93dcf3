/* SPDX-License-Identifier: Apache-2.0
 * Prompts by name: the folder of WAV files. */
#include "callfloor/log.h"
#include "media/prompt.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <uthash.h>

struct entry {
    char name[NAME_LEN];
    uint32_t number;
    struct prompt *prompt; /* NULL: the file has gone, or could not be read (yet) */
    bool loading;          /* its first audio is being read */
    struct timespec changed;
    off_t size;
    ino_t inode;
    bool seen; /* in the last scan; if not, it goes with the next prompt_library_take() */
    UT_hash_handle hh;
};

struct prompt_library {
    struct entry *by_name;
    uint32_t last_number;
};

bool prompt_name_is_valid(const char *name) {
    if (!name[0] || name[0] == '.' || strlen(name) >= NAME_LEN)
        return false;
    for (const char *c = name; *c; c++)
        if (*c == '/' || (unsigned char)*c < 0x20)
            return false;
    return true;
}

int prompt_library_create(struct prompt_library **libp) {
    struct prompt_library *lib = calloc(1, sizeof *lib);
    if (!lib)
        return -ENOMEM;
    *libp = lib;
    return 0;
}

void prompt_library_destroy(struct prompt_library *lib) {
    if (!lib)
        return;
    struct entry *e = lib->by_name;
    HASH_CLEAR(hh, lib->by_name); /* the table; the entries are ours */
    while (e) {
        struct entry *next = e->hh.next;
        prompt_free(e->prompt);
        free(e);
        e = next;
    }
    free(lib);
}

static struct entry *entry_of(struct prompt_library *lib, const char *name) {
    struct entry *e;
    HASH_FIND_STR(lib->by_name, name, e);
    if (e)
        return e;
    if (lib->last_number == PROMPT_MAX || !(e = calloc(1, sizeof *e)))
        return NULL;
    str_copy(e->name, sizeof e->name, name);
    e->number = ++lib->last_number;
    HASH_ADD_STR(lib->by_name, name, e);
    return e;
}

static bool is_unchanged(const struct entry *e, const struct stat *st) {
    return e->prompt && st->st_size == e->size && st->st_ino == e->inode &&
           st->st_mtim.tv_sec == e->changed.tv_sec && st->st_mtim.tv_nsec == e->changed.tv_nsec;
}

static struct prompt_job *scan_file(struct prompt_library *lib, const char *path, const char *name) {
    struct stat st;
    if (stat(path, &st) < 0)
        return NULL; /* removed meanwhile */
    struct entry *e = entry_of(lib, name);
    struct prompt_job *job = e ? calloc(1, sizeof *job + strlen(path) + 1) : NULL;
    if (!job) {
        log_warn("media", "event=prompt_refused file=%s error=\"too many prompts\"", log_value(path));
        return NULL;
    }
    e->seen = true;
    if (is_unchanged(e, &st)) {
        free(job);
        return NULL;
    }
    e->loading = true;
    job->number = e->number;
    job->file = st;
    strcpy(job->path, path);
    return job;
}

int prompt_library_scan(struct prompt_library *lib, const char *folder, struct prompt_job **jobs) {
    char path[PATH_MAX], name[NAME_MAX + 1];
    struct dirent *d;
    DIR *dir = opendir(folder);
    *jobs = NULL;
    if (!dir)
        return -errno;
    for (struct entry *e = lib->by_name; e; e = e->hh.next)
        e->seen = false;
    while ((d = readdir(dir))) {
        size_t length = strlen(d->d_name);
        if (length < 5 || strcasecmp(d->d_name + length - 4, ".wav") != 0)
            continue;
        memcpy(name, d->d_name, length - 4);
        name[length - 4] = '\0';
        if (!prompt_name_is_valid(name) ||
            snprintf(path, sizeof path, "%s/%s", folder, d->d_name) >= (int)sizeof path)
            continue;
        struct prompt_job *job = scan_file(lib, path, name);
        if (job) {
            job->next = *jobs;
            *jobs = job;
        }
    }
    closedir(dir);
    for (struct entry *e = lib->by_name; e; e = e->hh.next)
        if (!e->seen)
            e->prompt = NULL; /* the audio belongs to the media thread from the next set on */
    return 0;
}

void prompt_jobs_run(struct prompt_job *jobs, const _Atomic bool *cancel) {
    for (; jobs && !(cancel && *cancel); jobs = jobs->next)
        prompt_load(&jobs->prompt, jobs->path, jobs->error, sizeof jobs->error);
}

void prompt_jobs_free(struct prompt_job *jobs) {
    while (jobs) {
        struct prompt_job *next = jobs->next;
        prompt_free(jobs->prompt);
        free(jobs);
        jobs = next;
    }
}

static struct entry *by_number(const struct prompt_library *lib, uint32_t number) {
    struct entry *e = lib->by_name;
    while (e && e->number != number)
        e = e->hh.next;
    return e;
}

void prompt_library_take(struct prompt_library *lib, struct prompt_job *jobs) {
    for (struct prompt_job *job = jobs; job; job = job->next) {
        struct entry *e = by_number(lib, job->number);
        e->loading = false;
        if (!job->prompt) {
            log_warn("media", "event=prompt_refused file=%s error=%s", log_value(job->path),
                     log_value(job->error));
            continue;
        }
        e->prompt = job->prompt;
        e->prompt->number = e->number;
        e->changed = job->file.st_mtim;
        e->size = job->file.st_size;
        e->inode = job->file.st_ino;
        job->prompt = NULL;
    }
    prompt_jobs_free(jobs);
    for (struct entry *e = lib->by_name; e; e = e->hh.next)
        if (!e->seen) {
            e->prompt = NULL; /* the audio belongs to whoever holds the last set */
            e->loading = false;
        }
}

struct prompt_set *prompt_library_set(const struct prompt_library *lib) {
    struct prompt_set *set = calloc(1, sizeof *set + (lib->last_number + 1) * sizeof(struct prompt *));
    if (!set)
        return NULL;
    set->count = lib->last_number;
    for (const struct entry *e = lib->by_name; e; e = e->hh.next)
        set->prompt[e->number] = e->prompt;
    return set;
}

uint32_t prompt_library_find(const struct prompt_library *lib, const char *name) {
    struct entry *e;
    HASH_FIND_STR(lib->by_name, name, e);
    return e && e->seen && (e->prompt || e->loading) ? e->number : 0;
}

uint32_t prompt_library_count(const struct prompt_library *lib) {
    uint32_t count = 0;
    for (const struct entry *e = lib->by_name; e; e = e->hh.next)
        count += e->prompt != NULL;
    return count;
}
