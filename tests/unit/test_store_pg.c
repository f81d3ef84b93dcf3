/* LIBS: store loop base */
/* SPDX-License-Identifier: Apache-2.0
 * The store against a real PostgreSQL: rows, schema, customers, poison, reload. */
#include "store_rig.h"

static void test_rows_arrive(void **state) {
    struct rig *rig = *state;
    uint64_t id = put_call(rig, true);
    for (int i = 0; i < 30; i++)
        put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    check_calls(rig);
    assert_string_equal(sql("SELECT (extract(epoch FROM start_at) * 1000000)::bigint FROM callfloor.contact "
                            "WHERE id = %llu",
                            (unsigned long long)id),
                        "1767225600123457");
    assert_string_equal(
        sql("SELECT caller_name FROM callfloor.contact WHERE id = %llu", (unsigned long long)id),
        "J\xc3\xb6rg \"Q\" \\ \xef\xbf\xbd\x01");
    assert_string_equal(
        sql("SELECT queues || '|' || agents || '|' || talk_s FROM callfloor.v_call WHERE id = %llu",
            (unsigned long long)id),
        "sales:answered|1001|7.0");
    assert_string_equal(
        sql("SELECT answered || '|' || sl_negative || '|' || asa_s FROM callfloor.v_queue_day"),
        "31|100.0|1.0");
    assert_string_equal(sql("SELECT handles || '|' || talk_s || '|' || aht_s FROM callfloor.v_agent_day"),
                        "31|217.0|12.0");
}

static void test_migrations_twice(void **state) {
    struct rig *rig = *state;
    put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.schema_migration"),
                     sql_int("SELECT max(version) FROM callfloor.schema_migration"));
    rig_stop(rig);
    rig_start(rig);
    put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    check_calls(rig);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.run"), 2);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.journal_position"), 1);
}

/* Two daemons meet an empty database at the same moment. */
static void test_migrations_at_once(void **state) {
    struct rig *rig = *state, *other = rig_new(6);
    rig_start(other);
    put_call(rig, true);
    for (int i = 0; i < 200 && !(is_applied(rig) && is_applied(other)); i++) { /* turn by turn */
        wait_for(rig, 10, is_applied);
        wait_for(other, 10, is_applied);
    }
    assert_true(is_applied(rig) && is_applied(other));
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.journal_position"), 2);
    check_calls(rig);
    rig_free(other);
}

static void test_newer_database(void **state) {
    struct rig *rig = *state;
    assert_true(wait_for(rig, 5000, is_applied));
    sql("INSERT INTO callfloor.schema_migration (version, name) VALUES (999, 'from the future')");
    rig_stop(rig);
    rig_start(rig);
    put_call(rig, true);
    assert_false(wait_for(rig, 700, is_connected));
    struct store_state now = state_of(rig);
    assert_non_null(strstr(now.last_error, "newer than this daemon"));
    assert_true(now.pending_records >= 10);
    sql("DELETE FROM callfloor.schema_migration WHERE version = 999");
    assert_true(wait_for(rig, 12000, is_applied));
    check_calls(rig);
}

static void test_customers(void **state) {
    struct rig *rig = *state;
    ask(rig, 1, "+49301", -ENOTCONN); /* not connected yet */
    assert_true(wait_for(rig, 5000, is_applied));
    assert_true(wait_for(rig, 5000, lookup_works));
    assert_true(wait_for(rig, 1000, has_answer));
    assert_int_equal(rig->customer[7].id, 0); /* no number, no customer */
    ask(rig, 1, "+49301", 0);
    ask(rig, 1, "+49301", -EEXIST);
    assert_true(wait_for(rig, 1000, has_answer));
    assert_true(rig->customer[1].id > 0);
    assert_true(rig->customer[1].is_new);
    assert_string_equal(rig->customer[1].last_agent, "");
    assert_string_equal(rig->customer[1].owner_agent, "");
    ask(rig, 2, "Anonymous", 0);
    assert_true(wait_for(rig, 1000, has_answer));
    assert_int_equal(rig->customer[2].id, 0);
    /* the customer calls twice, and is given a name */
    for (int i = 0; i < 12; i++) /* caller "+4930" and one digit */
        put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    sql("UPDATE callfloor.handle SET agent = '1005' WHERE start_at = (SELECT max(h.start_at) FROM "
        "callfloor.handle h JOIN callfloor.contact c ON c.id = h.contact_id WHERE c.caller = '+49301')");
    sql("UPDATE callfloor.customer SET name = 'Ada', owner = '1007' WHERE id = %llu",
        (unsigned long long)rig->customer[1].id);
    put_call(rig, false); /* +49302, open: does not count as earlier */
    assert_true(wait_for(rig, 5000, is_applied));
    ask(rig, 3, "+49301", 0);
    assert_true(wait_for(rig, 1000, has_answer));
    assert_true(rig->customer[3].id == rig->customer[1].id);
    assert_false(rig->customer[3].is_new);
    assert_int_equal(rig->customer[3].earlier_contacts, 2);
    assert_string_equal(rig->customer[3].name, "Ada");
    assert_string_equal(rig->customer[3].last_agent, "1005");
    assert_string_equal(rig->customer[3].owner_agent, "1007");
    ask(rig, 4, "+49302", 0);
    assert_true(wait_for(rig, 1000, has_answer));
    assert_int_equal(rig->customer[4].earlier_contacts, 1);
    assert_string_equal(rig->customer[4].last_agent, "1001");
    assert_string_equal(rig->customer[4].owner_agent, "");
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.customer WHERE name = 'Ada'"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.customer_number WHERE number = '+49301'"), 1);
}

/* More than fits into memory is read back from the segments. */
static void test_catching_up(void **state) {
    struct rig *rig = *state;
    assert_true(wait_for(rig, 5000, is_applied));
    sql("ALTER TABLE callfloor.visit RENAME TO visit_away");
    for (int i = 0; i < 3000; i++) {
        put_call(rig, true);
        if (i % 100 == 0)
            wait_for(rig, 5, never);
    }
    wait_for(rig, 300, never);
    struct store_state now = state_of(rig);
    assert_true(now.pending_records > 30000 - 1000);
    assert_int_equal(now.rejected, 0); /* a missing table is the admin's, not the rows' fault */
    assert_non_null(strstr(now.last_error, "visit"));
    sql("ALTER TABLE callfloor.visit_away RENAME TO visit");
    assert_true(wait_for(rig, 30000, is_applied));
    check_calls(rig);
    assert_in_range(state_of(rig).journal_bytes, 0, 9 << 20); /* applied segments are deleted */
}

static void test_poison_row(void **state) {
    struct rig *rig = *state;
    char command[400];
    assert_true(wait_for(rig, 5000, is_applied));
    for (int i = 0; i < 40; i++)
        put_call(rig, true);
    struct record bad = {.kind = RECORD_VISIT}; /* no time of entry */
    bad.visit.id = rig->next_id++;
    put(rig, &bad);
    for (int i = 0; i < 40; i++)
        put_call(rig, true);
    struct record late = {.kind = RECORD_HANDLE}; /* more than PostgreSQL's integer holds */
    late.handle = (struct record_handle){.id = rig->next_id++, .start_us = day_us, .talk_ms = UINT32_MAX};
    put(rig, &late);
    for (int i = 0; i < 5; i++)
        put_call(rig, true);
    assert_true(wait_for(rig, 10000, is_applied));
    assert_int_equal(state_of(rig).rejected, 2);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.contact WHERE result = 'handled'"), 85);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.visit"), 85);
    snprintf(command, sizeof command,
             "/usr/bin/python3 -c 'import json; ids = [json.loads(l)[\"record\"][\"row\"][\"id\"] for l in "
             "open(\"%s/journal/rejected/records.jsonl\")]; assert ids == [\"%llu\", \"%llu\"], ids'",
             rig->dir, (unsigned long long)bad.visit.id, (unsigned long long)late.handle.id);
    assert_int_equal(system(command), 0);
    assert_non_null(strstr(log_text, "event=row_set_aside"));
}

/* A journal that knows less than the database (its disk forgot): nothing is skipped. */
static void test_journal_behind(void **state) {
    struct rig *rig = *state;
    assert_true(wait_for(rig, 5000, is_applied));
    sql("UPDATE callfloor.journal_position SET seq = seq + 5");
    rig_stop(rig);
    rig_start(rig);
    put_call(rig, true); /* numbers beyond the position, before it is known */
    assert_true(wait_for(rig, 8000, is_applied));
    check_calls(rig);
    assert_non_null(strstr(log_text, "event=journal_behind"));
}

/* The database was restored from an older backup: what is still in the journal comes again. */
static void test_database_behind(void **state) {
    struct rig *rig = *state;
    for (int i = 0; i < 20; i++)
        put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    sql("TRUNCATE callfloor.contact, callfloor.visit, callfloor.offer, callfloor.handle, "
        "callfloor.agent_state; "
        "DELETE FROM callfloor.journal_position; DELETE FROM callfloor.customer");
    put_call(rig, true);
    assert_true(wait_for(rig, 8000, is_applied));
    check_calls(rig);
}

static void test_reload(void **state) {
    struct rig *rig = *state;
    char *old = strdup(conninfo);
    struct conf other = rig->conf;
    char sales[] = "sales", gone[] = "old", odd[] = "it's \"q\"";
    struct conf_queue queues[] = {{.name = sales, .service_level_ms = 500, .short_abandon_ms = 100},
                                  {.name = gone, .removed = true},
                                  {.name = odd, .service_level_ms = 30000, .short_abandon_ms = 5000}};
    put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    other.queue = queues;
    other.queue_count = ARRAY_LEN(queues);
    assert_int_equal(store_reload(rig->store, &other), 0);
    assert_true(wait_for(rig, 1000, is_applied));
    wait_for(rig, 100, never);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.queue"), 2);
    assert_string_equal(sql("SELECT sl_negative FROM callfloor.v_queue_day"), "0.0"); /* T is 0.5 s now */
    /* another database gets everything that is still here */
    snprintf(conninfo, sizeof conninfo, "host=%s user=postgres dbname=postgres", server_dir);
    sql("CREATE DATABASE %s_new", database_name);
    snprintf(conninfo, sizeof conninfo, "host=%s user=postgres dbname=%s_new", server_dir, database_name);
    assert_int_equal(store_reload(rig->store, &other), 0);
    assert_true(wait_for(rig, 5000, is_applied));
    check_calls(rig);
    /* none: journal only */
    other.database = (char *)"";
    assert_int_equal(store_reload(rig->store, &other), 0);
    put_call(rig, true);
    wait_for(rig, 200, never);
    assert_false(state_of(rig).configured);
    assert_int_equal(rig->port.customer(rig->port.ctx, 1, "+1"), -ENOTCONN);
    other.database = conninfo;
    assert_int_equal(store_reload(rig->store, &other), 0);
    assert_true(wait_for(rig, 5000, is_applied));
    check_calls(rig);
    str_copy(conninfo, sizeof conninfo, old);
    free(old);
}

/* Connection strings that cannot work: no crash, no wait, a clear message, calls go on. */
static void test_bad_databases(void **state) {
    struct rig *rig = *state;
    struct conf other = rig->conf;
    static const struct {
        const char *conninfo, *error;
    } cases[] = {
        {"this is not a connection string", "not a connection string"},
        {"host=a,b dbname=x", "several host names"},
        {"host=/nonexistent dbname=x", "No such file"},
        {"host=127.0.0.1 port=1 dbname=x connect_timeout=1", "refused"},
        {"host=name.invalid dbname=x", "host name not resolved"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        other.database = (char *)cases[i].conninfo;
        assert_int_equal(store_reload(rig->store, &other), 0);
        put_call(rig, true);
        rig->worst_us = 0;
        uint64_t until = loop_now_us() + 8000000;
        while (loop_now_us() < until && !strstr(state_of(rig).last_error, cases[i].error))
            wait_for(rig, 20, never);
        assert_non_null(strstr(state_of(rig).last_error, cases[i].error));
        assert_in_range(rig->worst_us, 0, 200000);
    }
    assert_int_equal(store_reload(rig->store, &rig->conf), 0);
    assert_true(wait_for(rig, 5000, is_applied));
    check_calls(rig);
}

/* All of a function's lines, one below the other. */
static const char *lines_of(const char *query) {
    return sql("SELECT string_agg(line, E'\\n') FROM %s AS line", query);
}

static void test_explain(void **state) {
    struct rig *rig = *state;
    unsigned long long id = put_call(rig, true);
    char query[80], first[200];
    assert_true(wait_for(rig, 5000, is_applied));
    check_calls(rig);
    snprintf(query, sizeof query, "callfloor.explain(%llu)", id);
    snprintf(first, sizeof first, "contact %llu of 2026-01-01: inbound from +49300 (", id);
    const char *told = lines_of(query);
    assert_int_equal(strncmp(told, first, strlen(first)), 0);
    assert_string_equal(
        strchr(told, '\n'),
        "\n00:00:00.123  the call comes in\n"
        "00:00:00.123  the system answers\n"
        "00:00:00.123  enters queue sales at position 1, priority 1, with a place in line since 23:59:00.123 "
        "(60.0 s older), expected wait 4.0 s\n"
        "00:00:00.123  offer to agent 1001: strategy=scored score=83.5 able=2 next=1002:80.1\n"
        "00:00:00.123  phone of 1001 rings\n"
        "00:00:01.123  offer to 1001 ends: answered (SIP 200)\n"
        "00:00:01.123  leaves queue sales: answered after 1.0 s, step 2\n"
        "00:00:01.123  agent 1001 talks with the caller\n"
        "00:00:11.123  the talk ends, by caller: talk 7.0 s, hold 3.0 s (1 times)\n"
        "00:00:13.123  wrap-up of 1001 ends after 2.0 s, disposition sold \"it\"\n"
        "00:00:13.123  the contact ends: handled, by caller");
    assert_string_equal(lines_of("callfloor.explain(17)"), "contact 17 is not known here");
}

/* What happens at one instant is told in the order in which it happened: an offer's end before the next
 * offer, the end of one visit before the next. */
static void test_explain_at_one_instant(void **state) {
    struct rig *rig = *state;
    uint64_t id = rig->next_id, t = day_us;
    struct record row = {.kind = RECORD_CONTACT, .contact = {.id = id, .start_us = t}};
    rig->next_id += 10;
    put(rig, &row);
    static const struct {
        int visit;
        const char *queue, *result;
    } visits[] = {{1, "one", "timeout"}, {5, "two", "closed"}, {6, "three", "left_empty"}};
    for (size_t i = 0; i < ARRAY_LEN(visits); i++) {
        row = (struct record){.kind = RECORD_VISIT};
        row.visit = (struct record_visit){
            .id = id + (uint64_t)visits[i].visit, .contact_id = id, .enter_us = t, .leave_us = t};
        str_copy(row.visit.queue, NAME_LEN, visits[i].queue);
        str_copy(row.visit.result, 24, visits[i].result);
        put(rig, &row);
    }
    for (uint64_t offer = 2; offer < 5; offer++) {
        row = (struct record){.kind = RECORD_OFFER};
        row.offer = (struct record_offer){.id = id + offer,
                                          .contact_id = id,
                                          .visit_id = id + 1,
                                          .reserve_us = t,
                                          .end_us = t,
                                          .result = "busy"};
        snprintf(row.offer.agent, NAME_LEN, "a%llu", (unsigned long long)offer);
        put(rig, &row);
    }
    assert_true(wait_for(rig, 5000, is_applied));
    assert_string_equal(
        sql("SELECT string_agg(substr(line, 15), E'\\n') FROM callfloor.explain(%llu) AS line "
            "WHERE line LIKE '00:%%'",
            (unsigned long long)id),
        "the call comes in\n"
        "comes to queue one\n"
        "offer to agent a2\noffer to a2 ends: busy\n"
        "offer to agent a3\noffer to a3 ends: busy\n"
        "offer to agent a4\noffer to a4 ends: busy\n"
        "leaves queue one: timeout\n"
        "comes to queue two\nleaves queue two: closed\n"
        "comes to queue three\nleaves queue three: left_empty");
    assert_string_equal(
        sql("SELECT string_agg(concat_ws(' ', queue, other_exits, refused, left_empty), ',' ORDER BY queue) "
            "FROM callfloor.v_queue_day"),
        "one 1 0 0,three 1 0 1,two 1 1 0");
}

/* Each end a visit can have is known to the checks, and is one of the view's other exits. */
static void test_every_visit_result_is_counted(void **state) {
    static const char *const results[] = {"timeout",    "full",     "no_agents",  "withdrawn",
                                          "failed",     "closed",   "all_paused", "wait_too_long",
                                          "left_empty", "exit_key", "callback",   "overflow",
                                          "cut",        "answered", "abandoned"};
    struct rig *rig = *state;
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        struct record row = {.kind = RECORD_VISIT};
        row.visit = (struct record_visit){.id = rig->next_id++,
                                          .contact_id = i + 1,
                                          .queue = "q",
                                          .enter_us = day_us,
                                          .leave_us = day_us + 10000000,
                                          .since_us = day_us - (i < 2),
                                          .told_ms = i == 13 ? 9000 : 11000};
        str_copy(row.visit.result, sizeof row.visit.result, results[i]);
        put(rig, &row);
    }
    assert_true(wait_for(rig, 5000, is_applied));
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.check_records() WHERE rule IN ('known result', "
                             "'times in order')"),
                     0);
    assert_string_equal(
        sql("SELECT concat_ws(' ', offered, answered, abandoned, other_exits, refused, left_empty, "
            "chose_otherwise, resumed, told, told_too_little) FROM callfloor.v_queue_day"),
        "15 1 1 13 5 1 2 2 1 1");
}

/* A journal that an older daemon left: rows without the new fields. */
static void test_old_images_still_apply(void **state) {
    struct rig *rig = *state;
    assert_true(wait_for(rig, 5000, is_applied));
    sql("SELECT callfloor.put_visits(v, 0), callfloor.put_offers(v, 0), callfloor.put_handles(v, 0) FROM "
        "(SELECT "
        "'[{\"seq\":1,\"kind\":\"visit\",\"row\":{\"id\":\"1\",\"contact_id\":\"9\",\"enter_us\":1}},"
        "{\"seq\":2,\"kind\":\"offer\",\"row\":{\"id\":\"2\",\"contact_id\":\"9\",\"reserve_us\":1}},"
        "{\"seq\":3,\"kind\":\"handle\",\"row\":{\"id\":\"3\",\"contact_id\":\"9\",\"start_us\":1}}]'::jsonb "
        "AS v) x");
    assert_string_equal(
        sql("SELECT concat_ws(' ', v.since_at IS NULL, v.step, v.told_ms IS NULL, '<' || o.why || '>', "
            "'<' || h.disposition || '>') FROM callfloor.visit v, callfloor.offer o, callfloor.handle h"),
        "t 0 t <> <>");
}

/* Each rule finds its broken row: a check that finds nothing would please everybody. */
static void test_check_finds(void **state) {
    static const struct {
        const char *breaks, *rule;
    } cases[] = {
        {"UPDATE callfloor.contact SET result = NULL", "result when and only when ended"},
        {"UPDATE callfloor.visit SET leave_at = NULL", "result when and only when ended"},
        {"UPDATE callfloor.offer SET result = NULL", "result when and only when ended"},
        {"UPDATE callfloor.handle SET ended_by = NULL", "result when and only when ended"},
        {"UPDATE callfloor.contact SET result = 'whatever'", "known result"},
        {"UPDATE callfloor.visit SET result = 'whatever'", "known result"},
        {"UPDATE callfloor.offer SET result = 'whatever'", "known result"},
        {"UPDATE callfloor.contact SET end_at = start_at - interval '1 us'", "times in order"},
        {"UPDATE callfloor.visit SET leave_at = enter_at - interval '1 us'", "times in order"},
        {"UPDATE callfloor.visit SET since_at = enter_at + interval '1 us'", "times in order"},
        {"UPDATE callfloor.offer SET ring_at = end_at + interval '1 us'", "times in order"},
        {"UPDATE callfloor.handle SET wrap_end_at = end_at - interval '1 us'", "times in order"},
        {"UPDATE callfloor.agent_state SET end_at = start_at - interval '1 us'", "times in order"},
        {"DELETE FROM callfloor.contact", "contact exists"},
        {"UPDATE callfloor.visit SET leave_at = NULL, result = NULL", "open within an ended contact"},
        {"DELETE FROM callfloor.handle", "handled contact has a handle"},
        {"DELETE FROM callfloor.offer", "handle has exactly one answered offer"},
        {"UPDATE callfloor.offer SET result = 'no_answer'", "handle has exactly one answered offer"},
        {"UPDATE callfloor.offer SET agent = 'other'", "handle has exactly one answered offer"},
        {"INSERT INTO callfloor.handle SELECT id + 1000, contact_id, visit_id, offer_id, 'other', queue, "
         "start_at, "
         "end_at, wrap_end_at, talk_ms, hold_ms, hold_count, wrap_ms, ended_by FROM callfloor.handle",
         "one handle per offer"},
        {"INSERT INTO callfloor.offer SELECT id + 1000, contact_id, visit_id, 'other', reserve_at, ring_at, "
         "end_at, "
         "result, sip_status FROM callfloor.offer",
         "one answered offer per visit"},
        {"UPDATE callfloor.offer SET visit_id = NULL", "answered visit has an answered offer"},
        {"UPDATE callfloor.handle SET talk_ms = talk_ms + 21", "talk and hold add up"},
        {"UPDATE callfloor.handle SET wrap_ms = wrap_ms - 21", "wrap-up adds up"},
        {"INSERT INTO callfloor.visit SELECT id + 1000, contact_id, 'other', enter_at, leave_at, 0, 0, 0, "
         "'timeout' "
         "FROM callfloor.visit",
         "visits of a contact do not overlap"},
        {"INSERT INTO callfloor.agent_state SELECT id + 1000, agent, presence, activity, reason, start_at + "
         "interval "
         "'1 s', NULL, NULL FROM callfloor.agent_state",
         "states of an agent do not overlap"},
        {"UPDATE callfloor.handle SET start_at = start_at - interval '1 min', end_at = end_at + interval '1 "
         "min'",
         "handles of an agent do not overlap"},
    };
    struct rig *rig = *state;
    put_call(rig, true);
    put_call(rig, true);
    assert_true(wait_for(rig, 5000, is_applied));
    check_calls(rig);
    PGconn *conn = sql_connect();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char query[200];
        PQclear(PQexec(conn, "BEGIN"));
        PGresult *result = PQexec(conn, cases[i].breaks);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            fail_msg("%s", PQresultErrorMessage(result));
        PQclear(result);
        snprintf(query, sizeof query, "SELECT 1 FROM callfloor.check_records() WHERE rule = '%s'",
                 cases[i].rule);
        result = PQexec(conn, query);
        if (PQntuples(result) < 1)
            fail_msg("not found: %s", cases[i].breaks);
        PQclear(result);
        PQclear(PQexec(conn, "ROLLBACK"));
    }
    PQfinish(conn);
}

/* The worked example of the field: one day, five true service levels from 70 to 82 %. */
static void test_service_levels(void **state) {
    static const struct {
        int count, wait_s;
        const char *result;
    } day[] = {{70, 10, "answered"},
               {15, 60, "answered"},
               {4, 3, "abandoned"},
               {6, 15, "abandoned"},
               {5, 90, "abandoned"}};
    struct rig *rig = *state;
    for (size_t i = 0; i < ARRAY_LEN(day); i++) {
        for (int j = 0; j < day[i].count; j++) {
            struct record visit = {.kind = RECORD_VISIT};
            visit.visit = (struct record_visit){
                .id = rig->next_id++, .contact_id = 1, .queue = "q", .enter_us = day_us};
            visit.visit.leave_us = day_us + (uint64_t)day[i].wait_s * 1000000;
            str_copy(visit.visit.result, sizeof visit.visit.result, day[i].result);
            put(rig, &visit);
        }
    }
    assert_true(wait_for(rig, 5000, is_applied));
    assert_string_equal(
        sql("SELECT concat_ws(' ', offered, ended, answered, abandoned, other_exits, sl_negative, "
            "sl_positive, sl_abandons_ignored, sl_only_handled, sl_short_excluded, abandon_rate, "
            "asa_s, longest_wait_s) FROM callfloor.v_queue_day"),
        "100 100 85 15 0 70.0 80.0 77.8 82.4 72.9 15.0 18.8 90.0");
}

/* Two daemons on one database, in one network of calls: neither touches the other's rows. */
static void test_two_nodes(void **state) {
    struct rig *rig = *state, *other = rig_new(6);
    rig_start(other);
    for (int i = 0; i < 50; i++) {
        put_call(rig, true);
        put_call(other, true);
        wait_for(rig, 2, never);
        wait_for(other, 2, never);
    }
    for (int i = 0; i < 300 && !(is_applied(rig) && is_applied(other)); i++) {
        wait_for(rig, 10, is_applied);
        wait_for(other, 10, is_applied);
    }
    assert_true(is_applied(rig) && is_applied(other));
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.contact WHERE result = 'handled'"), 100);
    assert_int_equal(sql_int("SELECT count(*) FROM callfloor.customer"), 10); /* the same callers */
    assert_int_equal(sql_int("SELECT sum(contacts) FROM callfloor.customer"), 100);
    rig_free(other);
}

int main(int argc, char **argv) {
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_make, rig_remove)
        RIG_TEST(test_rows_arrive),
        RIG_TEST(test_migrations_twice),
        RIG_TEST(test_migrations_at_once),
        RIG_TEST(test_newer_database),
        RIG_TEST(test_customers),
        RIG_TEST(test_catching_up),
        RIG_TEST(test_poison_row),
        RIG_TEST(test_journal_behind),
        RIG_TEST(test_database_behind),
        RIG_TEST(test_reload),
        RIG_TEST(test_check_finds),
        RIG_TEST(test_service_levels),
        RIG_TEST(test_two_nodes),
        RIG_TEST(test_bad_databases),
        RIG_TEST(test_explain),
        RIG_TEST(test_explain_at_one_instant),
        RIG_TEST(test_every_visit_result_is_counted),
        RIG_TEST(test_old_images_still_apply),
    };
    return cmocka_run_group_tests(tests, server_make, server_remove);
}
