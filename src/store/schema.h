/* SPDX-License-Identifier: Apache-2.0
 *
 * schema: the migrations of sql/, and bringing a database to their state while a connection is set up.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "store/db.h"

enum { SCHEMA_MAX = 200 };
struct schema {
    struct {
        char name[NAME_LEN]; /* of the file, without .sql */
        char *sql;
    } migration[SCHEMA_MAX]; /* [0] is 001 */
    int count;
};
/* Reads DIR/NNN_name.sql, numbered from 001 without a gap. error says what is wrong. 0, -ENOENT, -EINVAL ...
 */
int store_schema_load(struct schema *schema, const char *dir, char *error, size_t error_size);
void store_schema_free(struct schema *schema);

enum schema_step {
    SCHEMA_BEGIN,
    SCHEMA_PROBED,
    SCHEMA_VERSION,
    SCHEMA_LOCKED,
    SCHEMA_MIGRATED,
    SCHEMA_UNLOCKED
};
struct schema_run {
    const struct schema *schema;
    struct db *db;
    bool may_migrate; /* else a database behind the files is an error */
    enum schema_step step;
    int version;
    bool locked;
};
/* A step of a db_owner's set_up; result NULL begins. READY: the database is as the files say. */
enum db_step store_schema_step(struct schema_run *run, const PGresult *result);

#endif
