/* SPDX-License-Identifier: Apache-2.0
 * Finding and running a command: words, unambiguous abbreviations, arguments, rights, help. */
#include "console/command.h"

#include "callfloor/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run_help(struct request *r);
static int run_quit(struct request *r);

static const struct command own[] = {
    {"help", "[WORD...]", "this list, or the part of it that begins with the words", false, 0, 3, run_help},
    {"quit", "", "ends the session", false, 0, 0, run_quit},
    {"exit", "", "ends the session", false, 0, 0, run_quit},
};
static const struct command_table own_commands = {own, ARRAY_LEN(own)};

static const struct command_table *const tables[] = {
    &console_show_commands,  &console_stats_commands, &console_explain_commands,
    &console_agent_commands, &console_admin_commands, &own_commands,
};

const struct command *command_at(size_t index) {
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        if (index < tables[t]->count)
            return &tables[t]->command[index];
        index -= tables[t]->count;
    }
    return NULL;
}

int request_fail(struct request *r, int err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(r->error, sizeof r->error, format, args);
    va_end(args);
    return err;
}

/* ---- words ---- */

/* Splits text in place at spaces; "..." holds words together. */
static int split(struct request *r, char *text, char **word, uint32_t *count) {
    char *p = text;
    *count = 0;
    for (;;) {
        p += strspn(p, " \t");
        if (!*p)
            return 0;
        if (*count == COMMAND_WORDS_MAX)
            return request_fail(r, -E2BIG, "more than %d words", COMMAND_WORDS_MAX);
        bool quoted = *p == '"';
        char *end = quoted ? strchr(p + 1, '"') : p + strcspn(p, " \t");
        if (!end)
            return request_fail(r, -EINVAL, "a quotation mark is not closed");
        word[(*count)++] = p + quoted;
        p = end;
        if (*p)
            *p++ = 0;
    }
}

/* The n-th of the space-separated words, as a length; NULL when there are fewer. */
static const char *nth_word(const char *words, uint32_t n, size_t *length) {
    for (; n && *words; n--) {
        words += strcspn(words, " ");
        words += strspn(words, " ");
    }
    *length = strcspn(words, " ");
    return *length ? words : NULL;
}

/* ---- finding ---- */

struct search {
    struct request *r;
    char **word;
    uint32_t count, at; /* words of the command that were found */
    /* what was found so far: commands beginning with these words */
    char path[128];
};

static bool begins_with_path(const struct command *c, const char *path) {
    size_t n = strlen(path);
    return !n || (!strncmp(c->words, path, n) && (c->words[n] == ' ' || !c->words[n]));
}

/* The distinct next words after the path that begin with `prefix`, into list ("a, b, c"). An exact one wins
 * alone. Returns how many; the last one in found. */
static uint32_t next_words(const struct search *s, const char *prefix, char *list, size_t size, char *found,
                           size_t found_size) {
    uint32_t count = 0;
    size_t used = 0, length, wanted = strlen(prefix);
    char seen[512] = ",";
    const struct command *c;
    list[0] = 0;
    for (size_t i = 0; (c = command_at(i)); i++) {
        const char *w = begins_with_path(c, s->path) ? nth_word(c->words, s->at, &length) : NULL;
        char token[66];
        if (!w || length < wanted || strncmp(w, prefix, wanted) || length > 63)
            continue;
        snprintf(token, sizeof token, ",%.*s,", (int)length, w);
        if (strstr(seen, token))
            continue;
        str_copy(seen + strlen(seen), sizeof seen - strlen(seen), token + 1);
        if (length == wanted) {
            snprintf(found, found_size, "%.*s", (int)length, w);
            return 1;
        }
        snprintf(found, found_size, "%.*s", (int)length, w);
        used += (size_t)snprintf(list + used, size - used, "%s%.*s", count++ ? ", " : "", (int)length, w);
        if (used >= size)
            used = size - 1;
    }
    return count;
}

static const struct command *complete(const struct search *s) {
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)); i++)
        if (!strcmp(c->words, s->path))
            return c;
    return NULL;
}

static int not_found(struct search *s, const char *word) {
    char list[384], found[64];
    next_words(s, "", list, sizeof list, found, sizeof found);
    if (!word)
        return request_fail(s->r, -ENOENT, "'%s' needs another word: %s", s->path, list);
    if (!s->path[0])
        return request_fail(s->r, -ENOENT, "unknown command '%.40s'; expected one of: %s", word, list);
    return request_fail(s->r, -ENOENT, "unknown word '%.40s' after '%s'; expected one of: %s", word, s->path,
                        list);
}

static int find(struct search *s, const struct command **command) {
    char list[384], found[64];
    for (;; s->at++) {
        const char *word = s->at < s->count ? s->word[s->at] : NULL;
        const struct command *here = s->path[0] ? complete(s) : NULL;
        uint32_t n = word ? next_words(s, word, list, sizeof list, found, sizeof found) : 0;
        if (n == 0 && here) {
            *command = here;
            return 0;
        }
        if (n == 0)
            return not_found(s, word);
        if (n > 1)
            return request_fail(s->r, -ENOENT, "'%.40s' may mean: %s", word, list);
        size_t used = strlen(s->path);
        snprintf(s->path + used, sizeof s->path - used, "%s%s", used ? " " : "", found);
    }
}

/* ---- running ---- */

static int check(struct request *r, const struct command *c) {
    if (c->admin && !r->admin)
        return request_fail(r, -EPERM, "'%s' is for admins; %s may only look", c->words, r->who);
    if (r->argc < c->min || r->argc > c->max)
        return request_fail(r, -EINVAL, "%s: %s arguments; expected: %s%s%s", c->words,
                            r->argc < c->min ? "too few" : "too many", c->words, *c->args ? " " : "",
                            c->args);
    return 0;
}

static bool take_json_flag(char **word, uint32_t *count) {
    bool json = false;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++) {
        if (!strcmp(word[i], "-j") || (!i && !strcmp(word[i], "json")))
            json = true;
        else
            word[kept++] = word[i];
    }
    *count = kept;
    return json;
}

static int run(struct request *r, char *text) {
    char *word[COMMAND_WORDS_MAX];
    const struct command *command = NULL;
    struct search s = {.r = r, .word = word};
    int err = split(r, text, word, &s.count);
    if (err)
        return err;
    r->out.json |= take_json_flag(word, &s.count);
    if (!s.count)
        return 0;
    if ((err = find(&s, &command)))
        return err;
    for (uint32_t i = s.at; i < s.count; i++)
        r->argv[r->argc++] = word[i];
    if ((err = check(r, command)))
        return err;
    if (command->admin)
        log_info("console", "event=command who=%s command=%s arg=%s", log_value(r->who),
                 log_value(command->words), log_value(r->argc ? r->argv[0] : ""));
    return command->run(r);
}

void command_run(const struct command_env *env, const char *line, bool json, bool admin, const char *who,
                 struct command_result *result) {
    struct request r = {.env = env, .admin = admin, .who = who, .out = {.json = json}};
    char text[COMMAND_LINE_MAX + 1];
    *result = (struct command_result){0};
    if (str_copy(text, sizeof text, line))
        result->err = request_fail(&r, -E2BIG, "the line is too long (more than %d bytes)", COMMAND_LINE_MAX);
    else
        result->err = run(&r, text);
    result->quit = r.quit;
    if (!result->err && (result->err = out_take(&r.out, &result->text)))
        request_fail(&r, result->err, result->err == -EMSGSIZE ? "the answer is too long" : "%s",
                     strerror(-result->err));
    if (result->err) {
        out_free(&r.out);
        out_error(&r.out, r.error);
        if (out_take(&r.out, &result->text))
            result->text = NULL;
    }
}

/* ---- help, quit ---- */

static int run_help(struct request *r) {
    static const struct out_column columns[] = {
        {"command", "command", OUT_TEXT},
        {"arguments", "arguments", OUT_TEXT},
        {"right", "right", OUT_TEXT},
        {"help", "what it does", OUT_TEXT},
    };
    char start[128] = "";
    const struct command *c;
    for (uint32_t i = 0; i < r->argc; i++) {
        size_t used = strlen(start);
        snprintf(start + used, sizeof start - used, "%s%s", i ? " " : "", r->argv[i]);
    }
    out_begin(&r->out, "commands", columns, ARRAY_LEN(columns), "no such command");
    for (size_t i = 0; (c = command_at(i)); i++) {
        if (strncmp(c->words, start, strlen(start)))
            continue;
        out_text(&r->out, c->words);
        out_text(&r->out, c->args);
        out_text(&r->out, c->admin ? "admin" : "view");
        out_text(&r->out, c->help);
    }
    out_end(&r->out);
    return 0;
}

static int run_quit(struct request *r) {
    r->quit = true;
    return 0;
}
