/* SPDX-License-Identifier: Apache-2.0
 *
 * command: the console's commands as tables, and what a handler is given. One console_<family>.c per
 * family; all tables are listed in console_command.c. Nothing here knows of sockets.
 */
#ifndef CALLFLOOR_CONSOLE_COMMAND_H
#define CALLFLOOR_CONSOLE_COMMAND_H

#include "callfloor/console.h"
#include "console/out.h"

enum { COMMAND_LINE_MAX = 1024, COMMAND_WORDS_MAX = 16, COMMAND_ERROR_MAX = 4200 };

/* What commands look at and act upon. */
struct command_env {
    struct floor *floor;
    const struct conf *conf;
    const struct console_daemon *daemon;
};

struct request {
    const struct command_env *env;
    const char *who;
    bool admin;
    uint32_t argc;
    const char *argv[COMMAND_WORDS_MAX]; /* what follows the command's words */
    struct out out;
    bool quit;
    char error[COMMAND_ERROR_MAX];
};

struct command {
    const char *words; /* "agent login" */
    const char *args;  /* as shown in help: "AGENT [REASON]" */
    const char *help;
    bool admin; /* changes something: not for users who may only look */
    uint32_t min, max;
    int (*run)(struct request *r); /* 0, or what request_fail() returned */
};
struct command_table {
    const struct command *command;
    size_t count;
};
extern const struct command_table console_show_commands, console_stats_commands, console_explain_commands,
    console_agent_commands, console_admin_commands;

/* Sets the error's text and returns err, so that a handler can `return request_fail(...)`. */
int request_fail(struct request *r, int err, const char *format, ...) PRINTF_LIKE(3, 4);

/* Walks all commands in the order of help; NULL at the end. */
const struct command *command_at(size_t index);

struct command_result {
    int err;    /* 0, -ENOENT (no such command), -EINVAL (arguments), -EPERM, or the handler's */
    char *text; /* malloc'ed; on error its text. NULL only when memory is out */
    bool quit;
};
/* Runs one line. "-j" anywhere, or "json" in front, asks for JSON as the argument does. An empty line
 * answers nothing. */
void command_run(const struct command_env *env, const char *line, bool json, bool admin, const char *who,
                 struct command_result *result);

#endif
