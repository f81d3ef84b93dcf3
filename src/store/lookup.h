/* SPDX-License-Identifier: Apache-2.0
 *
 * lookup: who calls? Questions to callfloor.customer_of(), on a connection of their own, so that they do not
 * stand behind a batch of records. Each is answered within LOOKUP_LIMIT_MS, or as unknown.
 */
#ifndef STORE_LOOKUP_H
#define STORE_LOOKUP_H

#include "callfloor/ports.h"
#include "store/schema.h"

enum { LOOKUP_LIMIT_MS = 100, LOOKUP_MAX = 256 };

struct event_base;
struct lookup;
typedef void lookup_answer_fn(void *ctx, uint32_t request, const struct store_customer *customer);

int store_lookup_create(struct lookup **lp, struct event_base *base, const struct schema *schema,
                        lookup_answer_fn *answer, void *ctx);
void store_lookup_destroy(struct lookup *lookup);
int store_lookup_open(struct lookup *lookup, const char *conninfo);
/* The database is well again. */
void store_lookup_hurry(struct lookup *lookup);
/* 0: the answer follows, never from inside. -ENOTCONN, -EBUSY (too many), -EEXIST (request is under way). */
int store_lookup_ask(struct lookup *lookup, uint32_t request, const char *number);

#endif
