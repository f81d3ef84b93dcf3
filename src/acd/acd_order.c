/* SPDX-License-Identifier: Apache-2.0
 * Ordered tree: a treap with subtree sizes. The weights come from the ids, so that equal inputs give equal
 * trees; a balanced shape is then as sure as the mixing function is good. */
#include "acd/acd_order.h"

bool acd_key_before(const struct acd_key *a, const struct acd_key *b) {
    if (a->rank != b->rank)
        return a->rank < b->rank;
    if (a->time != b->time)
        return a->time < b->time;
    return a->id < b->id;
}

static uint32_t size_of(const struct acd_node *node) {
    return node ? node->size : 0;
}

static uint32_t total_of(const struct acd_node *node) {
    return node ? node->total : 0;
}

static void measure(struct acd_node *node) {
    node->size = 1 + size_of(node->left) + size_of(node->right);
    node->total = node->share + total_of(node->left) + total_of(node->right);
}

static void set_child(struct acd_tree *tree, struct acd_node *parent, struct acd_node *old,
                      struct acd_node *new) {
    if (!parent)
        tree->root = new;
    else if (parent->left == old)
        parent->left = new;
    else
        parent->right = new;
    if (new)
        new->up = parent;
}

/* Puts the node in its parent's place and the parent below it. */
static void rotate_up(struct acd_tree *tree, struct acd_node *node) {
    struct acd_node *parent = node->up;
    set_child(tree, parent->up, parent, node);
    if (parent->left == node) {
        parent->left = node->right;
        if (parent->left)
            parent->left->up = parent;
        node->right = parent;
    } else {
        parent->right = node->left;
        if (parent->right)
            parent->right->up = parent;
        node->left = parent;
    }
    parent->up = node;
    measure(parent);
    measure(node);
}

void acd_tree_add_share(struct acd_tree *tree, struct acd_node *node, struct acd_key key, uint32_t share) {
    uint64_t seed = key.id ^ key.time << 20;
    struct acd_node **link = &tree->root, *parent = NULL;
    bool least = true;
    *node = (struct acd_node){
        .key = key, .size = 1, .heap = (uint32_t)(rng_next(&seed) >> 32), .share = share, .total = share};
    while (*link) {
        parent = *link;
        parent->size++;
        parent->total += share;
        if (acd_key_before(&key, &parent->key)) {
            link = &parent->left;
        } else {
            link = &parent->right;
            least = false;
        }
    }
    *link = node;
    node->up = parent;
    if (least)
        tree->first = node;
    while (node->up && node->heap > node->up->heap)
        rotate_up(tree, node);
}

void acd_tree_remove(struct acd_tree *tree, struct acd_node *node) {
    if (!node->size)
        return;
    if (tree->first == node)
        tree->first = acd_tree_next(node);
    while (node->left && node->right)
        rotate_up(tree, node->left->heap > node->right->heap ? node->left : node->right);
    for (struct acd_node *above = node->up; above; above = above->up) {
        above->size--;
        above->total -= node->share;
    }
    set_child(tree, node->up, node, node->left ? node->left : node->right);
    *node = (struct acd_node){0};
}

struct acd_node *acd_tree_next(const struct acd_node *node) {
    const struct acd_node *at = node;
    if (at->right) {
        at = at->right;
        while (at->left)
            at = at->left;
        return (struct acd_node *)at;
    }
    while (at->up && at->up->right == at)
        at = at->up;
    return at->up;
}

uint32_t acd_tree_rank(const struct acd_node *node) {
    if (!node->size)
        return 0;
    uint32_t rank = size_of(node->left) + 1;
    for (const struct acd_node *at = node; at->up; at = at->up)
        if (at->up->right == at)
            rank += size_of(at->up->left) + 1;
    return rank;
}

struct acd_node *acd_tree_from(const struct acd_tree *tree, const struct acd_key *key) {
    struct acd_node *at = tree->root, *found = NULL;
    while (at) {
        if (acd_key_before(&at->key, key)) {
            at = at->right;
        } else {
            found = at;
            at = at->left;
        }
    }
    return found;
}

uint32_t acd_tree_before(const struct acd_tree *tree, const struct acd_key *key) {
    uint32_t count = 0;
    for (const struct acd_node *at = tree->root; at;) {
        if (acd_key_before(&at->key, key)) {
            count += size_of(at->left) + 1;
            at = at->right;
        } else {
            at = at->left;
        }
    }
    return count;
}

uint64_t acd_tree_share_before(const struct acd_node *node, bool by_share) {
    uint64_t before = by_share ? total_of(node->left) : size_of(node->left);
    for (const struct acd_node *at = node; at->up; at = at->up)
        if (at->up->right == at)
            before += by_share ? total_of(at->up->left) + at->up->share : size_of(at->up->left) + 1;
    return before;
}

struct acd_node *acd_tree_at_share(const struct acd_tree *tree, uint64_t at, bool by_share) {
    struct acd_node *node = tree->root;
    while (node) {
        uint64_t left = by_share ? total_of(node->left) : size_of(node->left),
                 own = by_share ? node->share : 1;
        if (at < left) {
            node = node->left;
        } else if (at < left + own) {
            break;
        } else {
            at -= left + own;
            node = node->right;
        }
    }
    return node;
}
