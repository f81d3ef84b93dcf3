/* SPDX-License-Identifier: Apache-2.0
 * What is shared while one configuration is read: where errors go, which names there are. */
#ifndef CONF_READER_H
#define CONF_READER_H

#include "conf/schema.h"

#include <libconfig.h>

/* ---- names and their numbers, kept with the configuration for conf_find_*() ---- */

enum conf_kind { KIND_TRUNK, KIND_MENU, KIND_SKILL, KIND_QUEUE, KIND_AGENT, KIND_NUMBER, KIND_USER, KINDS };
/* name is borrowed as long as the index lives. 0, -EEXIST, -ENOMEM. */
int conf_index_put(struct conf_index **index, enum conf_kind kind, const char *name, uint32_t number);
uint32_t conf_index_find(const struct conf_index *index, enum conf_kind kind, const char *name);
void conf_index_free(struct conf_index *index);

/* ---- one reading ---- */

enum { CONF_MAX_PROBLEMS = 50, CONF_PATH_LEN = 256 };

struct reader {
    struct conf *conf;
    const struct conf *old;
    conf_error_fn *errors;
    void *arg;
    const char *file;         /* for settings that know none (text) */
    char dir[256];            /* of the file, for relative paths; "" = leave them */
    char path[CONF_PATH_LEN]; /* of the setting being read: "queues[sales].ring_ms" */
    unsigned problems;        /* errors, told or not */
    unsigned warnings;
    bool no_memory, quiet; /* quiet: this entry's problems were told already (ids = "A-B") */
    const char *id;        /* what %s stands for, NULL = itself */
    bool *skill_live;      /* by number - 1: is the skill in this file, or left over from the old one */
};

/* Gives one line to the caller. */
void conf_tell(struct reader *reader, char *line);
/* One problem at setting (NULL: of the whole file), as "FILE:LINE: PATH: message". */
void conf_problem(struct reader *reader, const config_setting_t *setting, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* The same as ": warning: ", which does not refuse the file. */
void conf_warning(struct reader *reader, const config_setting_t *setting, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Where a file is: libconfig names an included one as the directive does, relative to the folder. */
const char *conf_file_place(const struct reader *reader, const char *file, char *out, size_t size);
/* Appends to the path; returns what to give to conf_path_pop(). */
size_t conf_path_push(struct reader *reader, const char *separator, const char *name);
void conf_path_pop(struct reader *reader, size_t length);

/* Replaces the string at *where by a copy of text. */
void conf_set_text(struct reader *reader, char **where, const char *text);

/* ---- structs by table ---- */

/* Writes the default of every option. */
void conf_apply_defaults(struct reader *reader, const struct conf_section *section, void *entry);
/* Frees what the options of an entry own; the entry is all zero afterwards. */
void conf_clear_entry(const struct conf_section *section, void *entry);
void conf_clear_option(const struct conf_option *option, void *entry);
/* How paths call an entry of a list: by its key, or its place. */
void conf_entry_name(const struct conf_section *section, config_setting_t *setting, int place, char *out,
                     size_t size);
/* Reads { } into entry, which has its defaults already. */
void conf_read_group(struct reader *reader, const struct conf_section *section, config_setting_t *setting,
                     void *entry);
/* Reads one value; not for groups and lists. */
void conf_read_value(struct reader *reader, const struct conf_option *option, config_setting_t *setting,
                     void *entry);
/* The option of that name, or NULL. */
const struct conf_option *conf_option_named(const struct conf_section *section, const char *name);

/* Reads a skill expression into out, which is left as it was when the text is wrong. */
void conf_read_require(struct reader *reader, const config_setting_t *setting, const char *text,
                       struct conf_require *out);

/* ---- rules ---- */

/* Is text a name: a token of at most max bytes with neither '*', '#' nor '+'? */
bool conf_is_name(const char *text, size_t max);
/* "A-B" with as many digits on both sides, A <= B, at most CONF_MAX_AGENTS. */
bool conf_parse_range(const char *text, uint64_t *first, uint32_t *count, int *digits);
/* Gives numbers to all trunks, menus, skills, queues and agents of the file and keeps those of `old`. */
void conf_number_names(struct reader *reader, config_setting_t *root);
/* Is this one of those lists? Is it the option with the name of one's entries, which was read already? */
bool conf_is_numbered(const struct conf_option *option);
bool conf_is_numbered_key(const struct conf_section *section, const struct conf_option *option);
/* Reads the entries of a list whose names were numbered before. */
void conf_read_numbered(struct reader *reader, const struct conf_option *option, config_setting_t *list);
/* What one entry's own options cannot tell: rules between options, after it was read. */
void conf_check_entry(struct reader *reader, const struct conf_section *section,
                      const config_setting_t *setting, void *entry);
/* The same for the whole, at the end. */
void conf_check(struct reader *reader, const config_setting_t *root);
/* Warnings for queues that are legal, but surely not meant so. The file has no problems. */
void conf_check_sense(struct reader *reader, const config_setting_t *root);
/* The option of a group when it was given, else the group: its line is told. */
const config_setting_t *conf_member(const config_setting_t *setting, const char *name);
/* Whole numbers libconfig would cut to 32 bits in silence. path: NULL = text is the file. */
void conf_scan_numbers(struct reader *reader, const char *file, const char *text);

#endif
