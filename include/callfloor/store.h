/* SPDX-License-Identifier: Apache-2.0
 *
 * store: records on their way into PostgreSQL. Implements store_port; see ports.h.
 *
 *   put -> journal (append-only files, CRC, fdatasync in groups, on a thread) -> PostgreSQL (libpq pipeline)
 *
 * The journal is the truth: a row counts as written when it is there. PostgreSQL is fed from it in order,
 * each row once: the transaction that applies rows also moves journal_position, so a lost connection in
 * the middle of a COMMIT neither loses nor doubles. Migrations in sql/NNN_*.sql are applied at connect.
 */
#ifndef CALLFLOOR_STORE_H
#define CALLFLOOR_STORE_H

#include "callfloor/loop.h"
#include "callfloor/ports.h"

struct conf;
struct store;

struct store_setup {
    struct loop *loop;
    const struct conf *conf; /* database, state_dir, journal_max_bytes, node */
    const char *sql_dir;     /* where the migrations are */
    uint64_t first_id;       /* of this run: all open rows with smaller ids are marked cut */
    uint64_t start_us;       /* wall time of this start */
};
/* Opens the journal (a torn last record is cut off and logged), writes the "boot" record which will close
 * all rows an earlier run left open as `cut`, at the time that run was last known to be alive. -EIO, -ENOSPC,
 * -EAGAIN (another daemon holds the journal). */
int store_create(struct store **sp, const struct store_setup *setup);
struct store_port store_get_port(struct store *store);
void store_start(struct store *store, const struct store_sink *sink);
int store_reload(struct store *store, const struct conf *conf);
/* Has every record put so far reached the disk (and, when connected, PostgreSQL)? For an orderly end. */
bool store_flushed(const struct store *store);
/* Waits for the journal thread (at most 2 s), closes. What is not in PostgreSQL is applied at the next start.
 */
void store_destroy(struct store *store);

#endif
