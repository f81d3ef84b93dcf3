/* SPDX-License-Identifier: Apache-2.0
 * Numbers of trunks, menus, skills, queues and agents. A name keeps its number from one configuration to the
 * next, also when it comes back after having been removed. */
#include "conf/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST(thing, kind, key, most)                                                                         \
    {                                                                                                        \
#thing "s", kind, offsetof(struct conf, thing), offsetof(struct conf, thing##_count),                \
            offsetof(struct conf_##thing, key), offsetof(struct conf_##thing, removed), most                 \
    }
static const struct list {
    const char *name;
    enum conf_kind kind;
    size_t array, count, key, removed;
    uint32_t most;
} lists[] = {
    LIST(trunk, KIND_TRUNK, name, CONF_MAX_TRUNKS),
    LIST(menu, KIND_MENU, name, CONF_MAX_MENUS),
    LIST(queue, KIND_QUEUE, name, CONF_MAX_QUEUES),
    LIST(agent, KIND_AGENT, id, CONF_MAX_AGENTS),
};

static const struct list *list_named(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (!strcmp(lists[i].name, name))
            return &lists[i];
    return NULL;
}

static char *array_of(const struct conf *conf, const struct list *list) {
    return *(char *const *)(const void *)((const char *)conf + list->array);
}
static uint32_t *count_of(const struct conf *conf, const struct list *list) {
    return (uint32_t *)(void *)((char *)(uintptr_t)conf + list->count);
}
static char **key_of(const struct list *list, void *entry) {
    return (char **)(void *)((char *)entry + list->key);
}
static bool *removed_of(const struct list *list, void *entry) {
    return (bool *)entry + list->removed;
}

bool conf_is_numbered(const struct conf_option *option) {
    bool top = option >= conf_root.option && option < conf_root.option + conf_root.count;
    return top && (list_named(option->name) || !strcmp(option->name, "skills"));
}
bool conf_is_numbered_key(const struct conf_section *section, const struct conf_option *option) {
    return section->key && list_named(section->name) &&
           (!strcmp(option->name, section->key) || option->type == OPTION_RANGE);
}

/* A new place at the end for name; the array has room. */
static void append(struct reader *reader, const struct list *list, const struct conf_section *section,
                   const char *name, bool removed) {
    uint32_t *count = count_of(reader->conf, list);
    void *entry = array_of(reader->conf, list) + (size_t)*count * section->size;
    conf_apply_defaults(reader, section, entry);
    conf_set_text(reader, key_of(list, entry), name);
    *removed_of(list, entry) = removed;
    ++*count;
    if (!*key_of(list, entry) ||
        conf_index_put(&reader->conf->index, list->kind, *key_of(list, entry), *count) == -ENOMEM)
        reader->no_memory = true;
}

static void claim(struct reader *reader, const struct list *list, const struct conf_section *section,
                  const config_setting_t *setting, const char *name) {
    uint32_t number = conf_index_find(reader->conf->index, list->kind, name);
    if (!number) {
        append(reader, list, section, name, false);
        return;
    }
    bool *removed = removed_of(list, array_of(reader->conf, list) + (size_t)(number - 1) * section->size);
    if (!*removed)
        conf_problem(reader, setting, "\"%s\" is given twice", name);
    *removed = false;
}

/* The names of one element, one or as many as its range has. */
struct element {
    config_setting_t *key;
    const char *name;
    uint64_t first;
    uint32_t count;
    int digits; /* 0: not a range */
};

static struct element element_of(const struct conf_section *section, config_setting_t *setting) {
    struct element e = {0};
    if (!config_setting_is_group(setting))
        return e;
    if ((e.key = config_setting_get_member(setting, section->key))) {
        e.count = 1;
        e.name = config_setting_get_string(e.key);
    } else if (conf_option_named(section, "ids") && (e.key = config_setting_get_member(setting, "ids"))) {
        e.name = config_setting_get_string(e.key);
        if (!e.name || !conf_parse_range(e.name, &e.first, &e.count, &e.digits))
            e.name = NULL;
    }
    return e;
}

static const char *element_name(const struct element *e, uint32_t n, char *out, size_t size) {
    if (!e->digits)
        return e->name;
    snprintf(out, size, "%0*llu", e->digits, (unsigned long long)(e->first + n));
    return out;
}

static void claim_element(struct reader *reader, const struct list *list, const struct conf_section *section,
                          const struct element *e) {
    char name[32];
    size_t most = conf_option_named(section, section->key)->max;
    size_t back = conf_path_push(reader, ".", config_setting_name(e->key));
    if (!e->name)
        conf_problem(reader, e->key, "wrong (expected %s)",
                     strcmp(config_setting_name(e->key), "ids")
                         ? "a name in quotes"
                         : "\"FIRST-LAST\" with as many digits on both sides, at most 10000 agents");
    else if (!e->digits && !conf_is_name(e->name, most))
        conf_problem(reader, e->key, "\"%.100s\" (expected a name of letters, digits, '.', '_', '-')",
                     e->name);
    else
        for (uint32_t n = 0; n < e->count; n++)
            claim(reader, list, section, e->key, element_name(e, n, name, sizeof name));
    conf_path_pop(reader, back);
}

static void number_list(struct reader *reader, const struct list *list, config_setting_t *root) {
    const struct conf_section *section = conf_option_named(&conf_root, list->name)->section;
    config_setting_t *setting = config_setting_get_member(root, list->name);
    int elements = setting && config_setting_is_list(setting) ? config_setting_length(setting) : 0;
    uint32_t old_count = reader->old ? *count_of(reader->old, list) : 0, new_count = 0;
    char name[64];
    for (int i = 0; i < elements && new_count <= list->most; i++)
        new_count += element_of(section, config_setting_get_elem(setting, (unsigned)i)).count;
    if (new_count > list->most) {
        size_t back = conf_path_push(reader, ".", list->name);
        conf_problem(reader, setting, "too many entries (expected at most %u)", list->most);
        conf_path_pop(reader, back);
        elements = 0;
        new_count = 0;
    }
    char *array = calloc((size_t)old_count + new_count + 1, section->size);
    if (!array) {
        reader->no_memory = true;
        return;
    }
    *(char **)(void *)((char *)reader->conf + list->array) = array;
    for (uint32_t i = 0; i < old_count; i++)
        append(reader, list, section, *key_of(list, array_of(reader->old, list) + (size_t)i * section->size),
               true);
    for (int i = 0; i < elements; i++) {
        config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
        struct element e = element_of(section, element);
        if (!e.key)
            continue; /* told when the entry is read */
        size_t back = conf_path_push(reader, ".", list->name);
        conf_entry_name(section, element, i, name, sizeof name);
        conf_path_push(reader, "", name);
        claim_element(reader, list, section, &e);
        conf_path_pop(reader, back);
    }
    if (*count_of(reader->conf, list) > list->most)
        conf_problem(reader, setting,
                     "%s: with those removed since the start there are more than %u "
                     "(expected: restart the daemon)",
                     list->name, list->most);
}

static void number_skills(struct reader *reader, config_setting_t *root) {
    struct conf *conf = reader->conf;
    config_setting_t *setting = config_setting_get_member(root, "skills");
    uint32_t old_count = reader->old ? reader->old->skill_count : 0;
    size_t back = conf_path_push(reader, ".", "skills");
    int elements = 0;
    if (setting && !config_setting_is_array(setting) && !config_setting_is_list(setting))
        conf_problem(reader, setting, "wrong type (expected an array [ \"...\", ... ])");
    else if (setting)
        elements = config_setting_length(setting);
    conf->skill_name = calloc((size_t)old_count + (size_t)elements + 1, sizeof *conf->skill_name);
    reader->skill_live = calloc((size_t)old_count + (size_t)elements + 1, 1);
    if (!conf->skill_name || !reader->skill_live) {
        reader->no_memory = true;
        elements = 0;
        old_count = 0;
    }
    for (uint32_t i = 0; i < old_count + (uint32_t)elements && !reader->no_memory; i++) {
        config_setting_t *element = i < old_count ? NULL : config_setting_get_elem(setting, i - old_count);
        const char *name = element ? config_setting_get_string(element) : reader->old->skill_name[i];
        if (!name || !conf_is_name(name, NAME_LEN - 1)) {
            conf_problem(reader, element, "\"%.100s\" (expected a name of letters, digits, '.', '_', '-')",
                         name ? name : "");
            continue;
        }
        uint32_t number = conf_index_find(conf->index, KIND_SKILL, name);
        if (number && reader->skill_live[number - 1])
            conf_problem(reader, element, "\"%s\" is given twice", name);
        if (!number) {
            conf_set_text(reader, &conf->skill_name[conf->skill_count], name);
            number = ++conf->skill_count;
            if (!conf->skill_name[number - 1] ||
                conf_index_put(&conf->index, KIND_SKILL, conf->skill_name[number - 1], number))
                reader->no_memory = true;
        }
        if (element)
            reader->skill_live[number - 1] = true;
        if (element && (!strcmp(name, "and") || !strcmp(name, "or") || !strcmp(name, "not")))
            conf_warning(reader, element, "\"%s\" cannot be named in an expression, where it is a word",
                         name);
    }
    if (conf->skill_count > CONF_MAX_SKILLS)
        conf_problem(reader, setting,
                     "%u skills, those removed since the start included (expected at most %u; "
                     "restart the daemon to forget the removed)",
                     conf->skill_count, CONF_MAX_SKILLS);
    conf_path_pop(reader, back);
}

void conf_number_names(struct reader *reader, config_setting_t *root) {
    number_skills(reader, root);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        number_list(reader, &lists[i], root);
}

static void read_entry(struct reader *reader, const struct conf_section *section, config_setting_t *setting,
                       void *entry) {
    conf_read_group(reader, section, setting, entry);
    if (config_setting_is_group(setting))
        conf_check_entry(reader, section, setting, entry);
}

void conf_read_numbered(struct reader *reader, const struct conf_option *option, config_setting_t *setting) {
    const struct list *list = list_named(option->name);
    const struct conf_section *section = option->section;
    char name[64], id[32];
    unsigned problems;
    for (int i = 0; i < config_setting_length(setting); i++) {
        config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
        struct element e = element_of(section, element);
        bool known = false;
        conf_entry_name(section, element, i, name, sizeof name);
        size_t back = conf_path_push(reader, "", name);
        problems = reader->problems;
        for (uint32_t n = 0; e.name && n < e.count; n++) {
            const char *key = element_name(&e, n, id, sizeof id);
            uint32_t number = conf_index_find(reader->conf->index, list->kind, key);
            if (!number)
                break;
            reader->id = e.digits ? key : NULL;
            reader->quiet = known && reader->problems > problems; /* all of a range have the same problems */
            read_entry(reader, section, element,
                       array_of(reader->conf, list) + (size_t)(number - 1) * section->size);
            known = true;
        }
        reader->id = NULL;
        reader->quiet = false;
        if (!known) { /* without a usable name: read only for its other problems */
            void *scratch = calloc(1, section->size);
            if (scratch) {
                conf_apply_defaults(reader, section, scratch);
                read_entry(reader, section, element, scratch);
                conf_clear_entry(section, scratch);
                free(scratch);
            }
        }
        conf_path_pop(reader, back);
    }
}
