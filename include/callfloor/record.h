/* SPDX-License-Identifier: Apache-2.0
 *
 * record: the rows the daemon writes (../../docs/records.md; what they mean: contact, queue visit, offer,
 * handle, agent state change). Each row is written whole ("row image") when it opens and whenever it
 * changes; the store replaces the earlier image by the later, so that writing one twice does no harm.
 *
 * Times: microseconds since 1970 UTC; 0 = not (yet). Within one contact all times are derived from one
 * wall-clock reading plus monotonic time, so durations are right whatever the clock does.
 * Ids: unique over nodes and restarts, made by record_id().
 */
#ifndef CALLFLOOR_RECORD_H
#define CALLFLOOR_RECORD_H

#include "callfloor/base.h"

enum record_kind {
    RECORD_CONTACT,
    RECORD_VISIT,
    RECORD_OFFER,
    RECORD_HANDLE,
    RECORD_AGENT_STATE,
    RECORD_KINDS,
};

/* What the customer wanted: from the first INVITE to the last leg gone and wrap-up ended. */
struct record_contact {
    uint64_t id;
    char direction[12]; /* "inbound", "internal", "outbound" */
    char trunk[NAME_LEN];
    char called[NUMBER_LEN], caller[NUMBER_LEN], caller_name[NAME_LEN];
    uint64_t customer_id; /* CRM contact; 0 = the store finds or makes one by caller number */
    uint64_t start_us, answer_us, end_us;
    char result[24];   /* handled, abandoned, ended_in_menu, refused, failed, service, cut... "" while open */
    char ended_by[12]; /* caller, agent, system */
    uint32_t sip_status; /* the refusal's or last failure's, 0 = none */
    char menu_path[128]; /* e.g. "main:2" */
};

/* One stay in one queue; ends in exactly one result. */
struct record_visit {
    uint64_t id, contact_id;
    char queue[NAME_LEN];
    uint64_t enter_us, leave_us;
    uint64_t since_us; /* place in line: earlier than enter_us when a lost place was resumed, or a callback */
    uint32_t priority, position_in, position_out;
    uint32_t step;    /* the last one it came to, 0 = none */
    uint32_t told_ms; /* expected wait (P80) at entry, 1 = none at all; 0 = could not be told */
    /* answered abandoned timeout overflow full no_agents withdrawn failed closed all_paused wait_too_long
     * left_empty exit_key callback cut; "" while open */
    char result[24];
};

enum { WHY_LEN = 256 };

/* One ringing of one agent. */
struct record_offer {
    uint64_t id, contact_id, visit_id; /* visit_id 0: a direct call to the agent */
    char agent[NAME_LEN];
    uint64_t reserve_us, ring_us, end_us;
    char result[24]; /* answered no_answer rejected busy unreachable caller_gone lost_race cancelled cut */
    uint32_t sip_status;
    char why[WHY_LEN]; /* the distributor's decision, acd_decision_text(); "" for a direct call */
};

/* Customer and agent joined. */
struct record_handle {
    uint64_t id, contact_id, visit_id, offer_id;
    char agent[NAME_LEN], queue[NAME_LEN];
    uint64_t start_us, end_us, wrap_end_us;
    uint32_t talk_ms, hold_ms, hold_count, wrap_ms; /* talk: without hold */
    char ended_by[12];                              /* caller, agent, system; "" while open */
    char disposition[NAME_LEN];                     /* the last one the agent gave, "" = none */
};

/* An agent left one state: how long it was. Written when the state ends; the open one is written too. */
struct record_agent_state {
    uint64_t id;
    char agent[NAME_LEN];
    char presence[12], activity[16], reason[NAME_LEN];
    uint64_t start_us, end_us;
    uint64_t contact_id;
};

struct record {
    enum record_kind kind;
    union {
        struct record_contact contact;
        struct record_visit visit;
        struct record_offer offer;
        struct record_handle handle;
        struct record_agent_state agent_state;
    };
};

/* Fields of each kind as a table: the journal, the SQL and the console are driven by it. */
enum record_type { RECORD_ID, RECORD_TIME, RECORD_U32, RECORD_TEXT };
struct record_field {
    const char *name;
    enum record_type type;
    uint16_t offset; /* in struct record */
    uint16_t size;   /* RECORD_TEXT: bytes of the array */
};
const struct record_field *record_fields(enum record_kind kind, size_t *count);
const char *record_kind_name(enum record_kind kind); /* "contact", also the table's name in PostgreSQL */

/* First id of a run of the daemon: node in the top bits, then the start time in ms since 2026, then room
 * for a counter: ids of one run ascend by one; those of a later run are higher. */
uint64_t record_first_id(uint32_t node, uint64_t start_unix_ms);

#endif
