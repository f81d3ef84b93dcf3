/* SPDX-License-Identifier: Apache-2.0
 * The console's life: create, start, reload, destroy. */
#include "console/session.h"

#include "callfloor/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int console_create(struct console **cp, struct loop *loop, struct floor *floor, const struct conf *conf,
                   const struct console_daemon *daemon) {
    struct console *c = calloc(1, sizeof *c);
    int err;
    if (!c)
        return -ENOMEM;
    c->loop = loop;
    if (daemon)
        c->daemon = *daemon;
    c->env = (struct command_env){floor, conf, &c->daemon};
    LIST_INIT(&c->telnet_sessions);
    LIST_INIT(&c->unix_sessions);
    c->rate = ev_token_bucket_cfg_new(SESSION_RATE_BYTES, SESSION_RATE_BURST, EV_RATE_LIMIT_MAX,
                                      EV_RATE_LIMIT_MAX, NULL);
    err = c->rate ? login_create(&c->login, loop, conf) : -ENOMEM;
    if (err) {
        console_destroy(c);
        return err;
    }
    *cp = c;
    return 0;
}

int console_start(struct console *c) {
    int err = console_listen_tcp(c);
    return err ? err : console_listen_unix(c);
}

/* Somebody who lost the account or the right loses it now, not at the next login. */
static void recheck(struct session *s, const struct conf *old) {
    const struct conf *conf = s->console->env.conf;
    const char *was = "";
    if (s->state != SESSION_READY)
        return;
    for (uint32_t i = 0; i < old->user_count; i++)
        if (!strcmp(old->user[i].name, s->user))
            was = old->user[i].password_hash;
    for (uint32_t i = 0; i < conf->user_count; i++) {
        if (strcmp(conf->user[i].name, s->user))
            continue;
        if (strcmp(conf->user[i].password_hash, was))
            session_close(s, "the password was changed");
        s->admin = conf->user[i].admin;
        return;
    }
    session_close(s, "the account was removed");
}

int console_reload(struct console *c, const struct conf *conf) {
    const struct conf *old = c->env.conf;
    struct session *s;
    c->env.conf = conf;
    login_reload(c->login, conf);
    LIST_FOREACH (s, &c->telnet_sessions, entry)
        recheck(s, old);
    return 0;
}

uint16_t console_port(const struct console *c) {
    return c->port;
}

void console_destroy(struct console *c) {
    struct session *s;
    if (!c)
        return;
    console_listen_end(c);
    while ((s = LIST_FIRST(&c->telnet_sessions)))
        session_free(s);
    while ((s = LIST_FIRST(&c->unix_sessions)))
        session_free(s);
    login_destroy(c->login);
    if (c->rate)
        ev_token_bucket_cfg_free(c->rate);
    free(c);
}

int console_execute(struct console *c, const char *line, bool json, bool admin, const char *who,
                    char **answer) {
    struct command_result result;
    command_run(&c->env, line, json, admin, who, &result);
    *answer = result.text;
    return result.text ? result.err : -ENOMEM;
}

/* ---- passwords ---- */

uint64_t console_login(struct console *c, const char *source, const char *user, const char *password,
                       console_login_fn *done, void *arg) {
    return login_begin(c->login, "web", source, user, password, done, arg);
}
void console_login_cancel(struct console *c, uint64_t ticket) {
    login_cancel(c->login, ticket);
}
uint64_t console_login_locked_ms(const struct console *c, const char *source) {
    return login_locked_ms(c->login, source);
}
bool console_login_remembered(struct console *c, const char *user, const char *password, bool *admin) {
    return login_remembered(c->login, user, password, admin);
}
