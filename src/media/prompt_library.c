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
    struct prompt *prompt; /* NULL: the file has gone, or never could be read */
    struct timespec changed;
    off_t size;
    ino_t inode;
    bool seen; /* in this scan */
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
    struct entry *e, *next;
    if (!lib)
        return;
    HASH_ITER (hh, lib->by_name, e, next) {
        HASH_DEL(lib->by_name, e);
        prompt_free(e->prompt);
        free(e);
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

static void scan_file(struct prompt_library *lib, const char *path, const char *name) {
    struct stat st;
    char error[160];
    struct prompt *prompt = NULL;
    struct entry *e = entry_of(lib, name);
    if (!e) {
        log_warn("media", "event=prompt_refused file=%s error=\"too many prompts\"", log_value(path));
        return;
    }
    if (stat(path, &st) < 0)
        return; /* removed meanwhile */
    e->seen = true;
    if (e->prompt && st.st_size == e->size && st.st_ino == e->inode &&
        st.st_mtim.tv_sec == e->changed.tv_sec && st.st_mtim.tv_nsec == e->changed.tv_nsec)
        return;
    if (prompt_load(&prompt, path, error, sizeof error)) {
        log_warn("media", "event=prompt_refused file=%s error=%s", log_value(path), log_value(error));
        return;
    }
    prompt->number = e->number;
    e->prompt = prompt; /* the former one belongs to the media thread now */
    e->changed = st.st_mtim;
    e->size = st.st_size;
    e->inode = st.st_ino;
}

int prompt_library_scan(struct prompt_library *lib, const char *folder) {
    char path[PATH_MAX], name[NAME_MAX + 1];
    struct entry *e, *next;
    struct dirent *d;
    DIR *dir = opendir(folder);
    if (!dir)
        return -errno;
    HASH_ITER (hh, lib->by_name, e, next)
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
        scan_file(lib, path, name);
    }
    closedir(dir);
    HASH_ITER (hh, lib->by_name, e, next)
        if (!e->seen)
            e->prompt = NULL;
    return 0;
}

struct prompt_set *prompt_library_set(const struct prompt_library *lib) {
    struct entry *e, *next;
    struct prompt_set *set = calloc(1, sizeof *set + (lib->last_number + 1) * sizeof(struct prompt *));
    if (!set)
        return NULL;
    set->count = lib->last_number;
    HASH_ITER (hh, lib->by_name, e, next)
        set->prompt[e->number] = e->prompt;
    return set;
}

uint32_t prompt_library_find(const struct prompt_library *lib, const char *name) {
    struct entry *e;
    HASH_FIND_STR(lib->by_name, name, e);
    return e && e->prompt ? e->number : 0;
}

uint32_t prompt_library_count(const struct prompt_library *lib) {
    uint32_t count = 0;
    for (const struct entry *e = lib->by_name; e; e = e->hh.next)
        count += e->prompt != NULL;
    return count;
}
