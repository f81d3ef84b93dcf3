/* SPDX-License-Identifier: Apache-2.0
 * Where to connect to. libpq resolves names with a blocking getaddrinfo(): it is only ever given addresses.
 */
#include "store/db.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Ours, unless the admin says otherwise. */
static const struct {
    const char *keyword, *value;
} defaults[] = {
    {"application_name", "callfloord"}, {"client_encoding", "UTF8"},
    {"gssencmode", "disable"}, /* would look for a KDC, blocking */
    {"keepalives_idle", "10"},          {"keepalives_interval", "5"},
    {"keepalives_count", "3"},          {"tcp_user_timeout", "15000"},
};

void store_db_target_done(struct db_target *target) {
    for (int i = 0; i < target->count; i++) {
        free(target->keyword[i]);
        free(target->value[i]);
    }
    *target = (struct db_target){0};
}

int store_db_target_set(struct db_target *target, const char *keyword, const char *value) {
    int i = 0;
    while (i < target->count && strcmp(target->keyword[i], keyword))
        i++;
    if (i == DB_PARAMS - 1)
        return -ENOSPC;
    char *key = strdup(keyword), *text = strdup(value);
    if (!key || !text) {
        free(key);
        free(text);
        return -ENOMEM;
    }
    free(target->keyword[i]);
    free(target->value[i]);
    target->keyword[i] = key;
    target->value[i] = text;
    if (i == target->count)
        target->count++;
    return 0;
}

static const char *get(const struct db_target *target, const char *keyword) {
    for (int i = 0; i < target->count; i++)
        if (!strcmp(target->keyword[i], keyword))
            return target->value[i];
    return "";
}

static bool is_address(const char *host) {
    unsigned char raw[16];
    return inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
}

/* What libpq would take from PGHOST and the like, if nothing is given. Its table also holds the defaults
 * compiled in, which are not the admin's will. */
static int take_environment(struct db_target *target) {
    PQconninfoOption *usual = PQconndefaults();
    int err = usual ? 0 : -ENOMEM;
    for (const PQconninfoOption *o = usual; !err && o->keyword; o++)
        if (o->envvar && getenv(o->envvar) && o->val && *o->val)
            err = store_db_target_set(target, o->keyword, o->val);
    PQconninfoFree(usual);
    return err;
}

static int take_given(struct db_target *target, const char *conninfo) {
    PQconninfoOption *given = PQconninfoParse(conninfo, NULL);
    int err = given ? 0 : -EINVAL;
    for (const PQconninfoOption *o = given; !err && o->keyword; o++)
        if (o->val && *o->val)
            err = store_db_target_set(target, o->keyword, o->val);
    PQconninfoFree(given);
    return err;
}

int store_db_target_make(struct db_target *target, const char *conninfo) {
    *target = (struct db_target){0};
    int err = take_environment(target);
    if (!err)
        err = take_given(target, conninfo);
    for (size_t i = 0; i < ARRAY_LEN(defaults) && !err; i++)
        if (!*get(target, defaults[i].keyword))
            err = store_db_target_set(target, defaults[i].keyword, defaults[i].value);
    const char *host = get(target, "host");
    if (!err && *host && *host != '/' && *host != '@' && !*get(target, "hostaddr")) {
        if (strchr(host, ','))
            err = -EINVAL;
        else if (is_address(host))
            err = store_db_target_set(target, "hostaddr", host);
        else
            err = str_copy(target->host, sizeof target->host, host);
    }
    target->has_service = *get(target, "service") != 0;
    if (err)
        store_db_target_done(target);
    return err;
}
