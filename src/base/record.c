/* SPDX-License-Identifier: Apache-2.0
 * The rows as tables of fields. */
#include "callfloor/record.h"

#define ID(part, field)                                                                                      \
    { #field, RECORD_ID, offsetof(struct record, part.field), 8 }
#define TIME(part, field)                                                                                    \
    { #field, RECORD_TIME, offsetof(struct record, part.field), 8 }
#define U32(part, field)                                                                                     \
    { #field, RECORD_U32, offsetof(struct record, part.field), 4 }
#define TEXT(part, field)                                                                                    \
    { #field, RECORD_TEXT, offsetof(struct record, part.field), sizeof(((struct record *)0)->part.field) }

static const struct record_field contact[] = {
    ID(contact, id),          TEXT(contact, direction),   TEXT(contact, trunk),     TEXT(contact, called),
    TEXT(contact, caller),    TEXT(contact, caller_name), ID(contact, customer_id), TIME(contact, start_us),
    TIME(contact, answer_us), TIME(contact, end_us),      TEXT(contact, result),    TEXT(contact, ended_by),
    U32(contact, sip_status), TEXT(contact, menu_path),
};
static const struct record_field visit[] = {
    ID(visit, id),         ID(visit, contact_id), TEXT(visit, queue),      TIME(visit, enter_us),
    TIME(visit, leave_us), U32(visit, priority),  U32(visit, position_in), U32(visit, position_out),
    TEXT(visit, result),   TIME(visit, since_us), U32(visit, step),        U32(visit, told_ms),
};
static const struct record_field offer[] = {
    ID(offer, id),           ID(offer, contact_id), ID(offer, visit_id), TEXT(offer, agent),
    TIME(offer, reserve_us), TIME(offer, ring_us),  TIME(offer, end_us), TEXT(offer, result),
    U32(offer, sip_status),  TEXT(offer, why),
};
static const struct record_field handle[] = {
    ID(handle, id),         ID(handle, contact_id), ID(handle, visit_id),
    ID(handle, offer_id),   TEXT(handle, agent),    TEXT(handle, queue),
    TIME(handle, start_us), TIME(handle, end_us),   TIME(handle, wrap_end_us),
    U32(handle, talk_ms),   U32(handle, hold_ms),   U32(handle, hold_count),
    U32(handle, wrap_ms),   TEXT(handle, ended_by), TEXT(handle, disposition),
};
static const struct record_field agent_state[] = {
    ID(agent_state, id),         TEXT(agent_state, agent),    TEXT(agent_state, presence),
    TEXT(agent_state, activity), TEXT(agent_state, reason),   TIME(agent_state, start_us),
    TIME(agent_state, end_us),   ID(agent_state, contact_id),
};

static const struct {
    const char *name;
    const struct record_field *field;
    size_t count;
} kinds[RECORD_KINDS] = {
    [RECORD_CONTACT] = {"contact", contact, ARRAY_LEN(contact)},
    [RECORD_VISIT] = {"visit", visit, ARRAY_LEN(visit)},
    [RECORD_OFFER] = {"offer", offer, ARRAY_LEN(offer)},
    [RECORD_HANDLE] = {"handle", handle, ARRAY_LEN(handle)},
    [RECORD_AGENT_STATE] = {"agent_state", agent_state, ARRAY_LEN(agent_state)},
};

const struct record_field *record_fields(enum record_kind kind, size_t *count) {
    *count = kinds[kind].count;
    return kinds[kind].field;
}

const char *record_kind_name(enum record_kind kind) {
    return kinds[kind].name;
}

uint64_t record_first_id(uint32_t node, uint64_t start_unix_ms) {
    const uint64_t epoch_ms = 1767225600000u; /* 2026-01-01 UTC */
    uint64_t ms = start_unix_ms > epoch_ms ? start_unix_ms - epoch_ms : 0;
    /* 7 bits of node, 40 bits of ms (34 years), 16 bits of counter that may carry into the ms */
    return (uint64_t)(node & 0x7f) << 56 | (ms & 0xffffffffffu) << 16 | 1;
}
