/* SPDX-License-Identifier: Apache-2.0
 * Looking things up in a configuration: by number, by name, by called number. */
#define HASH_NONFATAL_OOM 1
#include "conf/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct entry {
    const char *name;
    uint32_t number;
    UT_hash_handle hh;
};
struct conf_index {
    struct entry *kind[KINDS];
};

int conf_index_put(struct conf_index **index, enum conf_kind kind, const char *name, uint32_t number) {
    if (!*index && !(*index = calloc(1, sizeof **index)))
        return -ENOMEM;
    if (conf_index_find(*index, kind, name))
        return -EEXIST;
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return -ENOMEM;
    entry->name = name;
    entry->number = number;
    HASH_ADD_KEYPTR(hh, (*index)->kind[kind], entry->name, strlen(entry->name), entry);
    if (!entry->hh.tbl) {
        free(entry);
        return -ENOMEM;
    }
    return 0;
}

static uint32_t find(const struct conf_index *index, enum conf_kind kind, const char *name, size_t length) {
    struct entry *entry = NULL;
    HASH_FIND(hh, index->kind[kind], name, length, entry);
    return entry ? entry->number : 0;
}

uint32_t conf_index_find(const struct conf_index *index, enum conf_kind kind, const char *name) {
    return index ? find(index, kind, name, strlen(name)) : 0;
}

void conf_index_free(struct conf_index *index) {
    struct entry *entry, *next;
    if (!index)
        return;
    for (int kind = 0; kind < KINDS; kind++) {
        HASH_ITER (hh, index->kind[kind], entry, next) {
            HASH_DEL(index->kind[kind], entry);
            free(entry);
        }
    }
    free(index);
}

/* conf_THING() and conf_find_THING(): the index first; a handmade configuration is searched. */
#define LOOKUPS(thing, kind, key)                                                                            \
    const struct conf_##thing *conf_##thing(const struct conf *conf, uint32_t id) {                          \
        if (!id || id > conf->thing##_count || conf->thing[id - 1].removed)                                  \
            return NULL;                                                                                     \
        return &conf->thing[id - 1];                                                                         \
    }                                                                                                        \
    uint32_t conf_find_##thing(const struct conf *conf, const char *key) {                                   \
        uint32_t number = 0;                                                                                 \
        if (conf->index)                                                                                     \
            number = conf_index_find(conf->index, kind, key);                                                \
        else                                                                                                 \
            for (uint32_t i = 0; i < conf->thing##_count && !number; i++)                                    \
                if (!conf->thing[i].removed && !strcmp(conf->thing[i].key, key))                             \
                    number = i + 1;                                                                          \
        return conf_##thing(conf, number) ? number : 0;                                                      \
    }
LOOKUPS(agent, KIND_AGENT, id)
LOOKUPS(queue, KIND_QUEUE, name)
LOOKUPS(menu, KIND_MENU, name)
LOOKUPS(trunk, KIND_TRUNK, name)

static const struct conf_number *search_route(const struct conf *conf, const char *called) {
    const struct conf_number *best = NULL;
    size_t best_length = 0;
    for (uint32_t i = 0; i < conf->number_count; i++) {
        const struct conf_number *n = &conf->number[i];
        size_t length = strlen(n->number);
        if (!strcmp(n->number, called))
            return n;
        if (length && n->number[length - 1] == '*' && !strncmp(n->number, called, length - 1) &&
            length > best_length) {
            best = n;
            best_length = length;
        }
    }
    return best;
}

const struct conf_number *conf_route(const struct conf *conf, const char *called) {
    char pattern[NUMBER_LEN + 1];
    size_t length = strlen(called);
    if (!conf->index)
        return search_route(conf, called);
    uint32_t at = find(conf->index, KIND_NUMBER, called, length);
    if (length > NUMBER_LEN - 1)
        length = NUMBER_LEN - 1;
    memcpy(pattern, called, length);
    for (size_t n = length + 1; !at && n-- > 0;) { /* "3000*", "300*", ... "*" */
        pattern[n] = '*';
        at = find(conf->index, KIND_NUMBER, pattern, n + 1);
    }
    return at ? &conf->number[at - 1] : NULL;
}
