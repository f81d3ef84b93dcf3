/* SPDX-License-Identifier: Apache-2.0
 * Migrations: read at the start, applied at connect under an advisory lock, each in one transaction. */
#include "store/schema.h"
#include "callfloor/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAX = 1 << 20, MIGRATION_MS = 3600 * 1000 };

/* ---- files ---- */

static int read_file(const char *path, char **out) {
    FILE *f = fopen(path, "re");
    if (!f)
        return -errno;
    char *text = malloc(FILE_MAX + 1);
    size_t n = text ? fread(text, 1, FILE_MAX + 1, f) : 0;
    int err = !text ? -ENOMEM : ferror(f) ? -EIO : n > FILE_MAX ? -EFBIG : 0;
    fclose(f);
    if (err) {
        free(text);
        return err;
    }
    text[n] = 0;
    *out = text;
    return 0;
}

/* NNN_name.sql: its number, 0 when the name is another. */
static int number_of(const char *name) {
    size_t n = strlen(name);
    if (n < 9 || strspn(name, "0123456789") != 3 || name[3] != '_' || strcmp(name + n - 4, ".sql"))
        return 0;
    return (name[0] - '0') * 100 + (name[1] - '0') * 10 + name[2] - '0';
}

static int take_file(struct schema *schema, const char *dir, const char *name) {
    char path[4096];
    int number = number_of(name);
    if (!number)
        return 0;
    if (number > SCHEMA_MAX || schema->migration[number - 1].sql)
        return -EINVAL;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
        return -ENAMETOOLONG;
    int err = str_copy(schema->migration[number - 1].name, NAME_LEN, name);
    if (!err)
        err = read_file(path, &schema->migration[number - 1].sql);
    if (err)
        return err;
    schema->migration[number - 1].name[strlen(name) - 4] = 0;
    if (number > schema->count)
        schema->count = number;
    return 0;
}

int store_schema_load(struct schema *schema, const char *dir, char *error, size_t error_size) {
    *schema = (struct schema){0};
    DIR *d = opendir(dir);
    struct dirent *item;
    int err = d ? 0 : -errno;
    if (err)
        snprintf(error, error_size, "%s: %s", dir, strerror(-err));
    while (!err && (item = readdir(d)))
        if ((err = take_file(schema, dir, item->d_name)) < 0)
            snprintf(error, error_size, "%s/%s: %s", dir, item->d_name,
                     err == -EINVAL ? "number above the limit or used twice" : strerror(-err));
    if (d)
        closedir(d);
    for (int i = 0; i < schema->count && !err; i++)
        if (!schema->migration[i].sql) {
            snprintf(error, error_size, "%s: migration %03d is missing", dir, i + 1);
            err = -EINVAL;
        }
    if (!err && !schema->count) {
        snprintf(error, error_size, "%s: no migrations (NNN_name.sql)", dir);
        err = -ENOENT;
    }
    if (err)
        store_schema_free(schema);
    return err;
}

void store_schema_free(struct schema *schema) {
    for (int i = 0; i < SCHEMA_MAX; i++)
        free(schema->migration[i].sql);
    *schema = (struct schema){0};
}

/* ---- applying ---- */

/* statement_timeout: what hangs in the server ends there a little before we give the connection up. */
#define SESSION                                                                                              \
    "SET statement_timeout = '8s'; SET lock_timeout = '5s'; SET TimeZone = 'UTC'; "                          \
    "SET standard_conforming_strings = on; "
#define PROBE                                                                                                \
    "SELECT to_regclass('callfloor.schema_migration') IS NOT NULL, pg_is_in_recovery(), "                    \
    "current_setting('server_encoding')"
#define LOCK_KEY "7166117163" /* "callfloor" as nobody else would choose it */

static enum db_step fail(struct schema_run *run, const char *why) {
    store_db_fail(run->db, why);
    return DB_STEP_FAILED;
}

static enum db_step send(struct schema_run *run, enum schema_step step, const char *sql) {
    run->step = step;
    return store_db_query(run->db, sql) < 0 ? fail(run, "connection lost") : DB_STEP_WAIT;
}

static enum db_step migrate(struct schema_run *run) {
    const char *name = run->schema->migration[run->version].name;
    const char *sql = run->schema->migration[run->version].sql;
    size_t size = strlen(sql) + 400;
    char *text = malloc(size);
    if (!text)
        return fail(run, "out of memory");
    snprintf(text, size,
             "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL client_min_messages = warning;\n%s\n;"
             "INSERT INTO callfloor.schema_migration (version, name) VALUES (%d, '%s'); COMMIT",
             sql, run->version + 1, name);
    enum db_step next = send(run, SCHEMA_MIGRATED, text);
    store_db_patience(run->db, MIGRATION_MS);
    free(text);
    return next;
}

/* The version is known: what next? */
static enum db_step compare(struct schema_run *run) {
    char why[120];
    if (run->version > run->schema->count) {
        snprintf(why, sizeof why, "the database is newer than this daemon (schema %d, daemon knows %d)",
                 run->version, run->schema->count);
        return fail(run, why);
    }
    if (run->version == run->schema->count)
        return run->locked ? send(run, SCHEMA_UNLOCKED, "SELECT pg_advisory_unlock(" LOCK_KEY ")")
                           : DB_STEP_READY;
    if (!run->may_migrate)
        return fail(run, "the database's schema is not up to date yet");
    if (!run->locked)
        return send(run, SCHEMA_LOCKED, "SELECT pg_advisory_lock(" LOCK_KEY ")");
    return migrate(run);
}

static bool is_true(const PGresult *result, int column) {
    return PQntuples(result) == 1 && PQnfields(result) > column && *PQgetvalue(result, 0, column) == 't';
}

static enum db_step probed(struct schema_run *run, const PGresult *result) {
    if (is_true(result, 1))
        return fail(run, "the server is a standby (read-only)");
    if (PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 2), "UTF8"))
        return fail(run, "the database's encoding is not UTF8");
    if (is_true(result, 0))
        return send(run, SCHEMA_VERSION, "SELECT coalesce(max(version), 0) FROM callfloor.schema_migration");
    run->version = 0;
    return compare(run);
}

enum db_step store_schema_step(struct schema_run *run, const PGresult *result) {
    if (!result) {
        run->locked = false;
        return send(run, SCHEMA_PROBED, SESSION PROBE);
    }
    switch (run->step) {
    case SCHEMA_BEGIN:
    case SCHEMA_PROBED:
        return probed(run, result);
    case SCHEMA_VERSION:
        run->version = PQntuples(result) == 1 ? atoi(PQgetvalue(result, 0, 0)) : 0;
        return compare(run);
    case SCHEMA_LOCKED: /* somebody else may have migrated meanwhile */
        run->locked = true;
        return send(run, SCHEMA_PROBED, PROBE);
    case SCHEMA_MIGRATED:
        log_info("store", "event=migrated migration=%s", run->schema->migration[run->version].name);
        run->version++;
        return compare(run);
    case SCHEMA_UNLOCKED:
        return DB_STEP_READY;
    }
    return DB_STEP_FAILED;
}
