/* SPDX-License-Identifier: Apache-2.0
 * Groups and lists of the configuration into structs, driven by the table; problems and their paths. */
#include "conf/reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *conf_file_place(const struct reader *reader, const char *file, char *out, size_t size) {
    if (*file == '/' || !*reader->dir || !strcmp(file, reader->file))
        return file;
    snprintf(out, size, "%s/%s", reader->dir, file);
    return out;
}

void conf_tell(struct reader *reader, char *line) {
    for (char *p = line; *p; p++) /* a line is one line, whatever the file has in its texts */
        if ((unsigned char)*p < 32 || *p == 127)
            *p = '?';
    if (reader->errors)
        reader->errors(reader->arg, line);
}

PRINTF_LIKE(4, 0)
static void tell(struct reader *reader, const config_setting_t *setting, const char *kind, const char *format,
                 va_list args) {
    char what[1000], line[2000], place[600];
    const char *source = setting ? config_setting_source_file(setting) : NULL,
               *file = conf_file_place(reader, source ? source : reader->file, place, sizeof place);
    unsigned at = setting ? config_setting_source_line(setting) : 0;
    vsnprintf(what, sizeof what, format, args);
    if (at)
        snprintf(line, sizeof line, "%s:%u: %s: %s%s", file, at, *reader->path ? reader->path : "file", kind,
                 what);
    else
        snprintf(line, sizeof line, "%s: %s%s%s%s", file, reader->path, *reader->path ? ": " : "", kind,
                 what);
    conf_tell(reader, line);
}

void conf_problem(struct reader *reader, const config_setting_t *setting, const char *format, ...) {
    va_list args;
    reader->problems++;
    if (reader->quiet || reader->problems > CONF_MAX_PROBLEMS)
        return;
    va_start(args, format);
    tell(reader, setting, "", format, args);
    va_end(args);
    if (reader->problems == CONF_MAX_PROBLEMS && reader->errors)
        reader->errors(reader->arg, "and possibly more problems");
}

void conf_warning(struct reader *reader, const config_setting_t *setting, const char *format, ...) {
    va_list args;
    if (++reader->warnings > CONF_MAX_PROBLEMS)
        return;
    va_start(args, format);
    tell(reader, setting,
         "warning: ", reader->warnings < CONF_MAX_PROBLEMS ? format : "and possibly more warnings", args);
    va_end(args);
}

size_t conf_path_push(struct reader *reader, const char *separator, const char *name) {
    size_t length = strlen(reader->path);
    snprintf(reader->path + length, sizeof reader->path - length, "%s%s", length ? separator : "", name);
    return length;
}
void conf_path_pop(struct reader *reader, size_t length) {
    reader->path[length] = 0;
}

void conf_set_text(struct reader *reader, char **where, const char *text) {
    char *copy = strdup(text);
    if (!copy) {
        reader->no_memory = true;
        return;
    }
    free(*where);
    *where = copy;
}

const struct conf_option *conf_option_named(const struct conf_section *section, const char *name) {
    for (unsigned i = 0; i < section->count; i++)
        if (!strcmp(section->option[i].name, name))
            return &section->option[i];
    return NULL;
}

/* ---- structs by table ---- */

static void *field(void *entry, uint16_t offset) {
    return (char *)entry + offset;
}

void conf_clear_option(const struct conf_option *o, void *entry) {
    void *at = field(entry, o->offset);
    uint32_t *count = o->count_offset ? field(entry, o->count_offset) : NULL;
    switch (o->type) {
    case OPTION_BOOL:
    case OPTION_U16:
    case OPTION_U32:
    case OPTION_U64:
    case OPTION_WORD:
    case OPTION_TRANSPORT:
    case OPTION_RANGE:
    case OPTION_DIGIT:
        break;
    case OPTION_TEXT:
    case OPTION_NAME:
    case OPTION_PROMPT:
    case OPTION_PATH:
    case OPTION_IP:
    case OPTION_CONTACT:
    case OPTION_HA1:
    case OPTION_HASH:
    case OPTION_NETWORK:
    case OPTION_NUMBER:
        free(*(char **)at);
        *(char **)at = NULL;
        break;
    case OPTION_TARGET:
        free(((struct conf_target *)at)->prompt);
        *(struct conf_target *)at = (struct conf_target){0};
        break;
    case OPTION_NAMES:
        for (uint32_t n = 0; n < *count; n++)
            free((*(char ***)at)[n]);
        free(*(void **)at);
        *(void **)at = NULL;
        *count = 0;
        break;
    case OPTION_QUEUES: /* only agents have these */
        free(((struct conf_agent *)entry)->tier);
        ((struct conf_agent *)entry)->tier = NULL;
        /* fall through */
    case OPTION_SKILLS:
        free(*(void **)at);
        *(void **)at = NULL;
        *count = 0;
        break;
    case OPTION_REQUIRE:
        free(((struct conf_require *)at)->text);
        free(((struct conf_require *)at)->test);
        *(struct conf_require *)at = (struct conf_require){0};
        break;
    case OPTION_GROUP:
        conf_clear_entry(o->section, entry);
        break;
    case OPTION_LIST:
        if (!count) { /* choices of a menu and exits of a queue are part of it */
            for (int digit = 0; digit < CONF_DIGITS; digit++)
                free(((struct conf_target *)at)[digit].prompt);
            memset(at, 0, CONF_DIGITS * sizeof(struct conf_target));
            break;
        }
        for (uint32_t n = 0; n < *count; n++)
            conf_clear_entry(o->section, *(char **)at + (size_t)n * o->section->size);
        free(*(void **)at);
        *(void **)at = NULL;
        *count = 0;
        break;
    }
}

void conf_clear_entry(const struct conf_section *section, void *entry) {
    for (unsigned i = 0; i < section->count; i++)
        conf_clear_option(&section->option[i], entry);
}

/* [ "a", "b" ] */
static void default_names(struct reader *reader, const struct conf_option *o, void *entry) {
    const char *from = o->fallback, *to;
    char name[NAME_LEN], **names;
    uint32_t count = 0;
    if (!from || !strchr(from, '"'))
        return;
    if (!(names = calloc(o->max, sizeof *names))) {
        reader->no_memory = true;
        return;
    }
    while (count < o->max && (from = strchr(from, '"')) && (to = strchr(from + 1, '"'))) {
        snprintf(name, sizeof name, "%.*s", (int)(to - from - 1), from + 1);
        conf_set_text(reader, &names[count++], name);
        from = to + 1;
    }
    *(char ***)field(entry, o->offset) = names;
    *(uint32_t *)field(entry, o->count_offset) = count;
}

/* The default in the table is written as in a file; "none" of a number stands for no bound. */
static void apply_default(struct reader *reader, const struct conf_option *o, void *entry) {
    const char *text = o->fallback ? o->fallback : "";
    void *at = field(entry, o->offset);
    switch (o->type) {
    case OPTION_BOOL:
        *(bool *)at = !strcmp(text, "true");
        break;
    case OPTION_U16:
        *(uint16_t *)at = (uint16_t)strtoul(text, NULL, 10);
        break;
    case OPTION_U32:
        *(uint32_t *)at = !strcmp(text, "none") ? NEVER32 : (uint32_t)strtoul(text, NULL, 10);
        break;
    case OPTION_U64:
        *(uint64_t *)at = strtoull(text, NULL, 10);
        break;
    case OPTION_TEXT:
    case OPTION_NAME:
    case OPTION_PROMPT:
    case OPTION_PATH:
    case OPTION_IP:
    case OPTION_CONTACT:
    case OPTION_HA1:
    case OPTION_HASH:
    case OPTION_NETWORK:
    case OPTION_NUMBER: {
        char plain[CONF_PATH_LEN];
        size_t length = strlen(text);
        str_copy(plain, sizeof plain, length >= 2 ? text + 1 : "");
        if (*plain)
            plain[length - 2] = 0; /* the quotes */
        conf_set_text(reader, at, plain);
        break;
    }
    case OPTION_NAMES:
        default_names(reader, o, entry);
        break;
    case OPTION_REQUIRE:
        conf_set_text(reader, &((struct conf_require *)at)->text, "");
        break;
    case OPTION_GROUP:
        conf_apply_defaults(reader, o->section, entry);
        break;
    case OPTION_WORD: /* the first word, 0 */
    case OPTION_TRANSPORT:
    case OPTION_TARGET: /* CONF_TARGET_NONE, 0 */
    case OPTION_SKILLS:
    case OPTION_QUEUES:
    case OPTION_LIST:
    case OPTION_RANGE:
    case OPTION_DIGIT:
        break;
    }
}

void conf_apply_defaults(struct reader *reader, const struct conf_section *section, void *entry) {
    for (unsigned i = 0; i < section->count; i++)
        apply_default(reader, &section->option[i], entry);
}

/* ---- groups and lists ---- */

/* How many letters differ, roughly: for "did you mean". Strings up to 31 bytes. */
static unsigned distance(const char *a, const char *b) {
    unsigned row[32], previous, keep;
    size_t n = strlen(a), m = strlen(b);
    if (n > 31 || m > 31)
        return 99;
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        previous = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            keep = row[j];
            unsigned change = previous + (a[i - 1] != b[j - 1]);
            row[j] = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;
            if (change < row[j])
                row[j] = change;
            previous = keep;
        }
    }
    return row[m];
}

static void unknown_option(struct reader *reader, const struct conf_section *section,
                           const config_setting_t *setting) {
    const char *best = NULL;
    char known[900] = "";
    unsigned least = 3;
    for (unsigned i = 0; i < section->count; i++) {
        const char *name = section->option[i].name;
        unsigned d = distance(config_setting_name(setting), name);
        size_t length = strlen(known);
        snprintf(known + length, sizeof known - length, "%s%s", i ? " " : "", name);
        if (d < least) {
            least = d;
            best = name;
        }
    }
    if (best)
        conf_problem(reader, setting, "unknown option (did you mean %s?)", best);
    else
        conf_problem(reader, setting, "unknown option (expected one of: %s)", known);
}

/* The name of a list's entry for paths: its key, or its place. */
void conf_entry_name(const struct conf_section *section, config_setting_t *setting, int place, char *out,
                     size_t size) {
    const char *key = NULL;
    if (section->key && config_setting_is_group(setting))
        if (!config_setting_lookup_string(setting, section->key, &key))
            config_setting_lookup_string(setting, "ids", &key);
    if (key && str_is_token(key, 40))
        snprintf(out, size, "[%s]", key);
    else
        snprintf(out, size, "[#%d]", place + 1);
}

/* Choices of a menu, exits of a queue: digit -> target, into the entry itself. */
static void read_choice(struct reader *reader, const struct conf_section *section, config_setting_t *setting,
                        struct conf_target *choice) {
    static const char digits[] = "0123456789*#";
    const char *digit = NULL;
    struct conf_target scratch = {0};
    conf_read_group(reader, section, setting, &scratch);
    const char *found = NULL;
    if (config_setting_is_group(setting) && config_setting_lookup_string(setting, "digit", &digit) &&
        strlen(digit) == 1 && (found = strchr(digits, *digit))) {
        struct conf_target *at = &choice[found - digits];
        if (at->kind != CONF_TARGET_NONE)
            conf_problem(reader, setting, "digit %s is given twice", digit);
        free(at->prompt);
        *at = scratch;
    } else {
        free(scratch.prompt);
    }
}

static void read_list(struct reader *reader, const struct conf_option *option, config_setting_t *setting,
                      void *entry) {
    const struct conf_section *section = option->section;
    int count = config_setting_length(setting);
    char name[64];
    if (!option->count_offset) {
        for (int i = 0; i < count; i++) {
            config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
            conf_entry_name(section, element, i, name, sizeof name);
            size_t back = conf_path_push(reader, "", name);
            read_choice(reader, section, element, field(entry, option->offset));
            conf_path_pop(reader, back);
        }
        return;
    }
    char *array = calloc((size_t)count + 1, section->size);
    if (!array) {
        reader->no_memory = true;
        return;
    }
    conf_clear_option(option, entry);
    *(void **)field(entry, option->offset) = array;
    *(uint32_t *)field(entry, option->count_offset) = (uint32_t)count;
    for (int i = 0; i < count; i++) {
        config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
        void *item = array + (size_t)i * section->size;
        conf_entry_name(section, element, i, name, sizeof name);
        size_t back = conf_path_push(reader, "", name);
        conf_apply_defaults(reader, section, item);
        conf_read_group(reader, section, element, item);
        conf_check_entry(reader, section, element, item);
        conf_path_pop(reader, back);
    }
}

static void read_option(struct reader *reader, const struct conf_option *option, config_setting_t *setting,
                        void *entry) {
    if (option->type == OPTION_NAMES && conf_is_numbered(option))
        return; /* skills: by conf_number_names() */
    if (option->type == OPTION_GROUP) {
        conf_read_group(reader, option->section, setting, entry);
        return;
    }
    if (option->type != OPTION_LIST) {
        conf_read_value(reader, option, setting, entry);
        return;
    }
    bool empty = config_setting_is_array(setting) && !config_setting_length(setting); /* [ ] for ( ) */
    int count = config_setting_is_list(setting) || empty ? config_setting_length(setting) : -1;
    if (count < 0)
        conf_problem(reader, setting, "wrong type (expected a list ( { ... }, ... ))");
    else if ((uint64_t)count < option->min || (uint64_t)count > option->max)
        conf_problem(reader, setting, "%d entries (expected %llu to %llu)", count,
                     (unsigned long long)option->min, (unsigned long long)option->max);
    else if (conf_is_numbered(option))
        conf_read_numbered(reader, option, setting);
    else
        read_list(reader, option, setting, entry);
}

void conf_read_group(struct reader *reader, const struct conf_section *section, config_setting_t *setting,
                     void *entry) {
    uint64_t seen = 0;
    if (!config_setting_is_group(setting)) {
        conf_problem(reader, setting, "wrong type (expected a group { ... })");
        return;
    }
    int count = config_setting_length(setting);
    for (int i = 0; i < count; i++) {
        config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
        size_t back = conf_path_push(reader, ".", config_setting_name(member));
        const struct conf_option *option = conf_option_named(section, config_setting_name(member));
        if (option) {
            seen |= (uint64_t)1 << (option - section->option);
            if (!conf_is_numbered_key(section, option))
                read_option(reader, option, member, entry);
        } else {
            unknown_option(reader, section, member);
        }
        conf_path_pop(reader, back);
    }
    for (unsigned i = 0; i < section->count; i++) {
        const struct conf_option *option = &section->option[i];
        if (option->fallback || seen & (uint64_t)1 << i)
            continue;
        if (!strcmp(option->name, "id") && conf_option_named(section, "ids") &&
            config_setting_get_member(setting, "ids"))
            continue;
        conf_problem(reader, setting, "%s is missing", option->name);
    }
}
