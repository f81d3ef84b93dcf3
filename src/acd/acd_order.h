/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_order: an ordered tree for things that carry their own node. Everything in the distributor that has an
 * order lives in one: calls of a queue (place in line), calls to be served next, idle agents, deadlines.
 * Add, remove and rank cost O(log n) and never allocate; the first is at hand.
 */
#ifndef ACD_ORDER_H
#define ACD_ORDER_H

#include "callfloor/base.h"

/* Least first: rank, then time, then id. Keys within one tree differ at least in the id. */
struct acd_key {
    int64_t rank;
    uint64_t time, id;
};

struct acd_node {
    struct acd_node *up, *left, *right;
    struct acd_key key;
    uint32_t size;         /* of the subtree; 0 = in no tree */
    uint32_t heap;         /* heap order; from the id, so that one input gives one shape */
    uint32_t share, total; /* own weight for drawing lots, and that of the subtree */
};

struct acd_tree {
    struct acd_node *root, *first;
};

#define ACD_OWNER(node, type, field) ((type *)(void *)((char *)(node)-offsetof(type, field)))

bool acd_key_before(const struct acd_key *a, const struct acd_key *b);
/* The node must be in no tree. share: at least 1. */
void acd_tree_add_share(struct acd_tree *tree, struct acd_node *node, struct acd_key key, uint32_t share);
static inline void acd_tree_add(struct acd_tree *tree, struct acd_node *node, struct acd_key key) {
    acd_tree_add_share(tree, node, key, 1);
}
/* Harmless when the node is in no tree. */
void acd_tree_remove(struct acd_tree *tree, struct acd_node *node);
struct acd_node *acd_tree_next(const struct acd_node *node);
/* 1 = first; 0 = in no tree. */
uint32_t acd_tree_rank(const struct acd_node *node);
/* The first whose key is not before `key`; NULL when none. */
struct acd_node *acd_tree_from(const struct acd_tree *tree, const struct acd_key *key);
/* How many come before `key`. */
uint32_t acd_tree_before(const struct acd_tree *tree, const struct acd_key *key);
/* Drawing lots: each node has a share of the whole (by_share), or all have the same. Sum of the shares before
 * the node, which is in a tree; and the node into whose share `at` falls (less than the sum of all). */
uint64_t acd_tree_share_before(const struct acd_node *node, bool by_share);
struct acd_node *acd_tree_at_share(const struct acd_tree *tree, uint64_t at, bool by_share);

static inline uint32_t acd_tree_size(const struct acd_tree *tree) {
    return tree->root ? tree->root->size : 0;
}
static inline uint32_t acd_tree_total(const struct acd_tree *tree) {
    return tree->root ? tree->root->total : 0;
}
static inline bool acd_node_linked(const struct acd_node *node) {
    return node->size != 0;
}

#endif
