/* SPDX-License-Identifier: Apache-2.0
 * Skill expressions, "english >= 3 and (billing or not trainee)", into postfix order:
 *
 *   either  = both { "or" both }
 *   both    = part { "and" part }
 *   part    = "not" part | "(" either ")" | SKILL [ ( ">=" | ">" | "=" | "<=" | "<" ) LEVEL ]
 *
 * The first mistake is told with its column; nothing is made of a wrong expression. */
#include "conf/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_DEPTH = 32, MAX_LEVEL = 10 };

enum token { TOKEN_END, TOKEN_WORD, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_COMPARE, TOKEN_OTHER };

struct parser {
    struct reader *reader;
    const config_setting_t *setting;
    const char *text;
    enum token token;
    const char *at; /* of the token */
    size_t length;
    unsigned depth;
    bool failed;
    struct conf_test test[CONF_MAX_TESTS];
    uint32_t count;
};

static bool is_name_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("._-", c)) || (c & 0x80); /* no name has these, but a mistake is told whole */
}

static void next(struct parser *p) {
    const char *at = p->at + p->length;
    size_t length = 0;
    while (*at == ' ')
        at++;
    p->at = at;
    if (!*at) {
        p->token = TOKEN_END;
    } else if (is_name_char(*at)) {
        while (is_name_char(at[length]))
            length++;
        p->token = TOKEN_WORD;
    } else if (strchr("<>=!", *at)) {
        length = strspn(at, "<>=!");
        p->token = TOKEN_COMPARE;
    } else {
        length = 1;
        p->token = *at == '(' ? TOKEN_OPEN : *at == ')' ? TOKEN_CLOSE : TOKEN_OTHER;
    }
    p->length = length;
}

static bool is_token(const struct parser *p, const char *text) {
    return p->length == strlen(text) && !memcmp(p->at, text, p->length);
}

/* From 1. Before the first mistake all is ASCII, so bytes are characters. */
static unsigned column(const struct parser *p, const char *at) {
    return (unsigned)(at - p->text) + 1;
}

/* Bytes of the token to tell, whole characters. */
static int shown(const struct parser *p) {
    size_t length = p->length < 60 ? p->length : 60;
    while (length < p->length && length && (p->at[length] & 0xc0) == 0x80)
        length--;
    return (int)length;
}

static void fail(struct parser *p, const char *expected) {
    if (p->failed)
        return;
    p->failed = true;
    if (p->token == TOKEN_END)
        conf_problem(p->reader, p->setting, "column %u: the expression ends (expected %s)", column(p, p->at),
                     expected);
    else
        conf_problem(p->reader, p->setting, "column %u: \"%.*s\" (expected %s)", column(p, p->at), shown(p),
                     p->at, expected);
}

static void emit(struct parser *p, struct conf_test test) {
    if (p->failed)
        return;
    if (p->count == CONF_MAX_TESTS) {
        p->failed = true;
        conf_problem(p->reader, p->setting,
                     "column %u: too long (expected at most %d skills, and, or, not together)",
                     column(p, p->at), CONF_MAX_TESTS);
        return;
    }
    p->test[p->count++] = test;
}

/* The number of the skill named by the token, or 0 and told. */
static uint32_t skill_of(struct parser *p) {
    char name[NAME_LEN] = "";
    uint32_t number = 0;
    static const char *const words[] = {"and", "or", "not"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (is_token(p, words[i])) {
            fail(p, "the name of a skill, not or \"(\"");
            return 0;
        }
    if (p->length < sizeof name) {
        memcpy(name, p->at, p->length);
        number = conf_index_find(p->reader->conf->index, KIND_SKILL, name);
    }
    if (number && p->reader->skill_live[number - 1])
        return number;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!strcasecmp(name, words[i])) {
            fail(p, "a skill; and, or, not are written in small letters");
            return 0;
        }
    if (!p->failed)
        conf_problem(p->reader, p->setting, "column %u: \"%.*s\": there is no such skill in skills",
                     column(p, p->at), shown(p), p->at);
    p->failed = true;
    return 0;
}

/* SKILL [ compare LEVEL ] */
static void parse_level(struct parser *p) {
    static const char *const compare[] = {">=", ">", "=", "<=", "<"};
    const char *start = p->at;
    struct conf_test test = {CONF_TEST_LEVEL, skill_of(p), 1, MAX_LEVEL};
    char digits[8] = "";
    uint32_t level = 0;
    size_t how = 0;
    next(p);
    if (p->failed || p->token != TOKEN_COMPARE) {
        emit(p, test);
        return;
    }
    while (how < ARRAY_LEN(compare) && !is_token(p, compare[how]))
        how++;
    if (how == ARRAY_LEN(compare)) {
        fail(p, memchr(p->at, '!', p->length) ? ">=, >, =, <= or <; \"not\" stands before the skill"
                                              : ">=, >, =, <= or <");
        return;
    }
    next(p);
    if (p->token == TOKEN_WORD && p->length < sizeof digits)
        memcpy(digits, p->at, p->length);
    if (str_to_u32(digits, 0, MAX_LEVEL, &level)) {
        fail(p, "a level of 0 to 10");
        return;
    }
    if (how <= 2) /* least and most are both included; who lacks the skill meets neither */
        test.least = (uint8_t)(how == 1 ? level + 1 : level);
    if (how >= 2)
        test.most = (uint8_t)(how == 4 && level ? level - 1 : level);
    if (test.least < 1)
        test.least = 1;
    if (test.least > test.most)
        conf_warning(p->reader, p->setting,
                     "column %u: \"%.*s\" is never true (agents have levels of 1 to 10; not SKILL: lacks it)",
                     column(p, start), (int)(p->at + p->length - start), start);
    next(p);
    emit(p, test);
}

static void parse_either(struct parser *p);

static void parse_part(struct parser *p) {
    if (p->failed)
        return;
    if (++p->depth > MAX_DEPTH) {
        p->failed = true;
        conf_problem(p->reader, p->setting, "column %u: nested too deep (expected at most %d deep)",
                     column(p, p->at), MAX_DEPTH);
    } else if (p->token == TOKEN_WORD && is_token(p, "not")) {
        next(p);
        parse_part(p);
        emit(p, (struct conf_test){.kind = CONF_TEST_NOT});
    } else if (p->token == TOKEN_OPEN) {
        next(p);
        parse_either(p);
        if (p->token == TOKEN_CLOSE)
            next(p);
        else
            fail(p, "and, or or \")\"");
    } else if (p->token == TOKEN_WORD) {
        parse_level(p);
    } else {
        fail(p, "the name of a skill, not or \"(\"");
    }
    p->depth--;
}

static void parse_both(struct parser *p) {
    parse_part(p);
    while (!p->failed && p->token == TOKEN_WORD && is_token(p, "and")) {
        next(p);
        parse_part(p);
        emit(p, (struct conf_test){.kind = CONF_TEST_AND});
    }
}

static void parse_either(struct parser *p) {
    parse_both(p);
    while (!p->failed && p->token == TOKEN_WORD && is_token(p, "or")) {
        next(p);
        parse_both(p);
        emit(p, (struct conf_test){.kind = CONF_TEST_OR});
    }
}

void conf_read_require(struct reader *reader, const config_setting_t *setting, const char *text,
                       struct conf_require *out) {
    struct parser p = {.reader = reader, .setting = setting, .text = text, .at = text};
    struct conf_test *test = NULL;
    if (*text) {
        next(&p);
        parse_either(&p);
        if (p.token != TOKEN_END)
            fail(&p, p.token == TOKEN_CLOSE ? "a \"(\" before it" : "and, or or the end");
        if (p.failed)
            return;
        if (!(test = calloc(p.count, sizeof *test))) {
            reader->no_memory = true;
            return;
        }
        memcpy(test, p.test, p.count * sizeof *test);
    }
    free(out->test);
    out->test = test;
    out->count = p.count;
    conf_set_text(reader, &out->text, text);
}
