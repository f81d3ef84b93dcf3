/* SPDX-License-Identifier: Apache-2.0
 * Numbered objects: index and generation. */
#include "callfloor/base.h"

#include <errno.h>
#include <stdlib.h>

int slots_init(struct slots *table, uint32_t capacity) {
    *table = (struct slots){0};
    if (!capacity || capacity >= 1u << 20)
        return -EINVAL;
    /* index 0 is not used, so that no number is 0 */
    table->object = calloc(capacity + 1, sizeof *table->object);
    table->generation = calloc(capacity + 1, sizeof *table->generation);
    table->free_list = calloc(capacity, sizeof *table->free_list);
    if (!table->object || !table->generation || !table->free_list) {
        slots_done(table);
        return -ENOMEM;
    }
    table->capacity = capacity;
    return 0;
}

void slots_done(struct slots *table) {
    free(table->object);
    free(table->generation);
    free(table->free_list);
    *table = (struct slots){0};
}

uint32_t slots_put(struct slots *table, void *object) {
    uint32_t index;
    if (table->free_count)
        index = table->free_list[--table->free_count];
    else if (table->used < table->capacity)
        index = ++table->used;
    else
        return 0;
    table->object[index] = object;
    return (uint32_t)table->generation[index] << 20 | index;
}

void *slots_get(const struct slots *table, uint32_t id) {
    uint32_t index = slot_index(id);
    if (!index || index > table->used || table->generation[index] != id >> 20)
        return NULL;
    return table->object[index];
}

void slots_drop(struct slots *table, uint32_t id) {
    uint32_t index = slot_index(id);
    if (!slots_get(table, id))
        return;
    table->object[index] = NULL;
    table->generation[index] = (table->generation[index] + 1) & 0xfff;
    table->free_list[table->free_count++] = index;
}

uint32_t slots_next(const struct slots *table, uint32_t id) {
    for (uint32_t index = slot_index(id) + 1; index <= table->used; index++)
        if (table->object[index])
            return (uint32_t)table->generation[index] << 20 | index;
    return 0;
}
