/* SPDX-License-Identifier: Apache-2.0
 * The configuration language as one table: it drives reading, the errors for unknown options, the reference
 * page and the manual page. */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include "callfloor/conf.h"

#include <stdio.h>

enum option_type {
    OPTION_BOOL,
    OPTION_U16,
    OPTION_U32,
    OPTION_U64,
    OPTION_TEXT,      /* printable, at most max bytes */
    OPTION_NAME,      /* token of at most max bytes */
    OPTION_PROMPT,    /* name of a prompt or "" */
    OPTION_PATH,      /* relative to the file's folder */
    OPTION_IP,        /* numeric address, "" where min is 0 */
    OPTION_WORD,      /* one of `words`, stored as its position (an enum) */
    OPTION_TRANSPORT, /* the same, stored as a bool */
    OPTION_TARGET,    /* where a call goes, "" = nowhere */
    OPTION_CONTACT,   /* SIP URI */
    OPTION_HA1,       /* 32 hex digits */
    OPTION_HASH,      /* crypt(3) */
    OPTION_NETWORK,   /* peer: host name, address or network */
    OPTION_NUMBER,    /* called number, '*' at the end */
    OPTION_RANGE,     /* "1001-1099": makes as many entries */
    OPTION_DIGIT,     /* of a menu's choice */
    OPTION_NAMES,     /* array of tokens */
    OPTION_SKILLS,    /* array of "skill:level" */
    OPTION_QUEUES,    /* array of "queue:tier" of an agent */
    OPTION_REQUIRE,   /* skill expression, "" = everybody */
    OPTION_GROUP,     /* { } with options of its own, stored in the same struct */
    OPTION_LIST,      /* ( ) of { } */
};

struct conf_section;
struct conf_option {
    const char *name;
    enum option_type type;
    uint16_t offset, count_offset; /* where it is stored; count_offset: of lists and arrays */
    uint64_t min, max;             /* of numbers; of text: least and most bytes; of lists: entries */
    const char *fallback;          /* the default as written in a file, NULL = must be given */
    const char *unit;              /* NULL = none */
    const char *help;
    const char *const *words;
    const struct conf_section *section; /* of groups and lists */
};
struct conf_section {
    const char *name; /* as in paths: "queues" */
    const char *key;  /* of a list: the option that names an entry, NULL = none */
    const struct conf_option *option;
    uint16_t count, size; /* options; bytes of one entry's struct */
    const char *help;
};

/* All options, as groups and lists of the file's top level. */
extern const struct conf_section conf_root;

/* The reference as Markdown, or the manual page callfloord.conf(5) as mdoc. */
void conf_document(FILE *out, bool man);

#endif
