-- SPDX-License-Identifier: Apache-2.0
-- What the distributor decided, and why: place in line, step, expected wait, reason of each offer, disposition.
-- Rows and journals from before know nothing of it: the new columns are NULL or empty then.

ALTER TABLE callfloor.visit
    ADD COLUMN since_at timestamptz,
    ADD COLUMN step     integer NOT NULL DEFAULT 0,
    ADD COLUMN told_ms  integer;
ALTER TABLE callfloor.offer ADD COLUMN why text NOT NULL DEFAULT '';
ALTER TABLE callfloor.handle ADD COLUMN disposition text NOT NULL DEFAULT '';

COMMENT ON COLUMN callfloor.visit.since_at IS
    'Place in line: before enter_at when a lost place was resumed, or for a callback.';
COMMENT ON COLUMN callfloor.visit.step IS 'Last step of relaxation the caller came to, 0 = none.';
COMMENT ON COLUMN callfloor.visit.told_ms IS
    'Expected wait at entry (of ten callers eight wait less), 1 = none at all; NULL: could not be told.';
COMMENT ON COLUMN callfloor.visit.result IS
    'answered, abandoned, timeout, overflow, full, no_agents, withdrawn, failed, closed, all_paused, wait_too_long, '
    'left_empty, exit_key, callback, cut; NULL while waiting';
COMMENT ON COLUMN callfloor.offer.why IS
    'The distributor''s decision: strategy, score, how many were able, who would have been next; empty: a direct call.';
COMMENT ON COLUMN callfloor.handle.disposition IS 'What the agent gave as result of the talk; the last one counts.';

-- ---- applying the journal: as in 001, with the new fields ----

CREATE OR REPLACE FUNCTION callfloor.put_visits(p_rows jsonb, p_above bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO callfloor.visit AS t (id, contact_id, queue, enter_at, leave_at, since_at, priority, position_in,
        position_out, step, told_ms, result)
    SELECT DISTINCT ON (n.id) n.id, n.contact_id, coalesce(n.queue, ''), callfloor.at(n.enter_us),
        callfloor.at(n.leave_us), callfloor.at(n.since_us), coalesce(n.priority, 0), n.position_in, n.position_out,
        coalesce(n.step, 0), n.told_ms, n.result
    FROM callfloor.images(p_rows, 'visit', p_above) AS i,
         LATERAL jsonb_to_record(i.image) AS n(id bigint, contact_id bigint, queue text, enter_us bigint,
             leave_us bigint, since_us bigint, priority integer, position_in integer, position_out integer,
             step integer, told_ms integer, result text)
    ORDER BY n.id, n.leave_us IS NOT NULL DESC, i.seq DESC
    ON CONFLICT (id) DO UPDATE SET
        contact_id = excluded.contact_id, queue = excluded.queue, enter_at = excluded.enter_at,
        leave_at = excluded.leave_at, since_at = excluded.since_at, priority = excluded.priority,
        position_in = excluded.position_in, position_out = excluded.position_out, step = excluded.step,
        told_ms = excluded.told_ms, result = excluded.result
    WHERE t.leave_at IS NULL OR excluded.leave_at IS NOT NULL;
END $$;

CREATE OR REPLACE FUNCTION callfloor.put_offers(p_rows jsonb, p_above bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO callfloor.offer AS t (id, contact_id, visit_id, agent, reserve_at, ring_at, end_at, result,
        sip_status, why)
    SELECT DISTINCT ON (n.id) n.id, n.contact_id, n.visit_id, coalesce(n.agent, ''),
        callfloor.at(n.reserve_us), callfloor.at(n.ring_us), callfloor.at(n.end_us), n.result, n.sip_status,
        coalesce(n.why, '')
    FROM callfloor.images(p_rows, 'offer', p_above) AS i,
         LATERAL jsonb_to_record(i.image) AS n(id bigint, contact_id bigint, visit_id bigint, agent text,
             reserve_us bigint, ring_us bigint, end_us bigint, result text, sip_status integer, why text)
    ORDER BY n.id, n.end_us IS NOT NULL DESC, i.seq DESC
    ON CONFLICT (id) DO UPDATE SET
        contact_id = excluded.contact_id, visit_id = excluded.visit_id, agent = excluded.agent,
        reserve_at = excluded.reserve_at, ring_at = excluded.ring_at, end_at = excluded.end_at,
        result = excluded.result, sip_status = excluded.sip_status, why = excluded.why
    WHERE t.end_at IS NULL OR excluded.end_at IS NOT NULL;
END $$;

CREATE OR REPLACE FUNCTION callfloor.put_handles(p_rows jsonb, p_above bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO callfloor.handle AS t (id, contact_id, visit_id, offer_id, agent, queue, start_at, end_at,
        wrap_end_at, talk_ms, hold_ms, hold_count, wrap_ms, ended_by, disposition)
    SELECT DISTINCT ON (n.id) n.id, n.contact_id, n.visit_id, n.offer_id, coalesce(n.agent, ''),
        coalesce(n.queue, ''), callfloor.at(n.start_us), callfloor.at(n.end_us), callfloor.at(n.wrap_end_us),
        coalesce(n.talk_ms, 0), coalesce(n.hold_ms, 0), coalesce(n.hold_count, 0), coalesce(n.wrap_ms, 0),
        n.ended_by, coalesce(n.disposition, '')
    FROM callfloor.images(p_rows, 'handle', p_above) AS i,
         LATERAL jsonb_to_record(i.image) AS n(id bigint, contact_id bigint, visit_id bigint, offer_id bigint,
             agent text, queue text, start_us bigint, end_us bigint, wrap_end_us bigint, talk_ms integer,
             hold_ms integer, hold_count integer, wrap_ms integer, ended_by text, disposition text)
    ORDER BY n.id, n.wrap_end_us IS NOT NULL DESC, n.end_us IS NOT NULL DESC, i.seq DESC
    ON CONFLICT (id) DO UPDATE SET
        contact_id = excluded.contact_id, visit_id = excluded.visit_id, offer_id = excluded.offer_id,
        agent = excluded.agent, queue = excluded.queue, start_at = excluded.start_at,
        end_at = excluded.end_at, wrap_end_at = excluded.wrap_end_at, talk_ms = excluded.talk_ms,
        hold_ms = excluded.hold_ms, hold_count = excluded.hold_count, wrap_ms = excluded.wrap_ms,
        ended_by = excluded.ended_by, disposition = excluded.disposition
    WHERE (t.end_at IS NULL OR excluded.end_at IS NOT NULL)
      AND (t.wrap_end_at IS NULL OR excluded.wrap_end_at IS NOT NULL);
END $$;

-- ---- reports ----

-- A view can be replaced only by one that begins with the same columns, in their order.
CREATE OR REPLACE VIEW callfloor.v_queue_day AS
WITH v AS (
    SELECT visit.queue, visit.enter_at::date AS day, visit.result, visit.told_ms, visit.since_at < visit.enter_at AS resumed,
           coalesce(visit.result = 'answered', false) AS answered,
           coalesce(visit.result = 'abandoned', false) AS abandoned,
           visit.leave_at IS NULL AS waiting,
           extract(epoch FROM visit.leave_at - visit.enter_at) * 1000 AS wait_ms,
           coalesce(q.service_level_ms, 20000) AS t_ms, coalesce(q.short_abandon_ms, 5000) AS s_ms
    FROM callfloor.visit LEFT JOIN callfloor.queue q ON q.name = visit.queue
), n AS (
    SELECT day, queue, min(t_ms) AS service_level_ms, min(s_ms) AS short_abandon_ms,
           count(*) AS offered,
           count(*) FILTER (WHERE waiting) AS waiting,
           count(*) FILTER (WHERE NOT waiting) AS ended,
           count(*) FILTER (WHERE answered) AS answered,
           count(*) FILTER (WHERE abandoned) AS abandoned,
           count(*) FILTER (WHERE NOT waiting AND NOT answered AND NOT abandoned) AS other_exits,
           count(*) FILTER (WHERE result = 'timeout') AS timed_out,
           count(*) FILTER (WHERE result IN ('overflow', 'full', 'no_agents')) AS overflowed,
           count(*) FILTER (WHERE result IN ('failed', 'cut')) AS failed,
           count(*) FILTER (WHERE answered AND wait_ms <= t_ms) AS answered_in_time,
           count(*) FILTER (WHERE abandoned AND wait_ms <= t_ms) AS abandoned_in_time,
           count(*) FILTER (WHERE abandoned AND wait_ms <= s_ms) AS abandoned_short,
           round(avg(wait_ms) FILTER (WHERE answered) / 1000, 1) AS asa_s,
           round(avg(wait_ms) FILTER (WHERE abandoned) / 1000, 1) AS time_to_abandon_s,
           round(max(wait_ms) / 1000, 1) AS longest_wait_s,
           count(*) FILTER (WHERE result IN ('full', 'no_agents', 'closed', 'all_paused', 'wait_too_long')) AS refused,
           count(*) FILTER (WHERE result = 'left_empty') AS left_empty,
           count(*) FILTER (WHERE result IN ('exit_key', 'callback')) AS chose_otherwise,
           count(*) FILTER (WHERE resumed) AS resumed,
           count(*) FILTER (WHERE told_ms IS NOT NULL AND (answered OR wait_ms > told_ms)) AS told,
           count(*) FILTER (WHERE wait_ms > told_ms) AS told_too_little
    FROM v GROUP BY day, queue
)
SELECT day, queue, service_level_ms, short_abandon_ms, offered, waiting, ended, answered, abandoned, other_exits,
       timed_out, overflowed, failed, answered_in_time, abandoned_in_time, abandoned_short, asa_s,
       time_to_abandon_s, longest_wait_s,
       round(100.0 * answered_in_time / nullif(ended, 0), 1) AS sl_negative,
       round(100.0 * (answered_in_time + abandoned_in_time) / nullif(ended, 0), 1) AS sl_positive,
       round(100.0 * answered_in_time / nullif(ended - abandoned_in_time, 0), 1) AS sl_abandons_ignored,
       round(100.0 * answered_in_time / nullif(answered, 0), 1) AS sl_only_handled,
       round(100.0 * answered_in_time / nullif(ended - abandoned_short, 0), 1) AS sl_short_excluded,
       round(100.0 * abandoned / nullif(ended, 0), 1) AS abandon_rate,
       refused, left_empty, chose_otherwise, resumed, told, told_too_little
FROM n;
COMMENT ON COLUMN callfloor.v_queue_day.other_exits IS 'All ends but answered and abandoned: refused, left_empty, chose_otherwise, timed_out, failed, withdrawn.';
COMMENT ON COLUMN callfloor.v_queue_day.overflowed IS 'full, no_agents; the other reasons to be refused are in refused.';
COMMENT ON COLUMN callfloor.v_queue_day.refused IS 'At the door: full, no_agents, closed, all_paused, wait_too_long.';
COMMENT ON COLUMN callfloor.v_queue_day.left_empty IS 'Let out because nobody was logged in any more.';
COMMENT ON COLUMN callfloor.v_queue_day.chose_otherwise IS 'The caller pressed a key to leave, or took a callback.';
COMMENT ON COLUMN callfloor.v_queue_day.resumed IS 'Entered with a place in line from before.';
COMMENT ON COLUMN callfloor.v_queue_day.told IS 'Visits whose expected wait at entry can be judged: answered, or waited longer than told.';
COMMENT ON COLUMN callfloor.v_queue_day.told_too_little IS 'Of told: waited longer. About a fifth is right, because what is told holds for eight of ten.';

CREATE VIEW callfloor.v_disposition_day AS
SELECT start_at::date AS day, queue, disposition, count(*) AS handles,
       round(avg(talk_ms + hold_ms) / 1000.0, 1) AS talk_s, round(avg(wrap_ms) / 1000.0, 1) AS wrap_s
FROM callfloor.handle
WHERE end_at IS NOT NULL
GROUP BY 1, 2, 3;
COMMENT ON VIEW callfloor.v_disposition_day IS 'Handles by what the agents gave as result; empty: none was given.';

-- ---- the story of one contact ----

CREATE FUNCTION callfloor.seconds(p_ms numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT round(p_ms / 1000.0, 1) || ' s' $$;

-- Lines sort by time; at one instant by visit, within it entering, offers by id, leaving, talking.
CREATE FUNCTION callfloor.explain(p_contact bigint) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    WITH c AS (
        SELECT * FROM callfloor.contact WHERE id = p_contact
    ), event (at, visit, phase, item, part, line) AS (
        SELECT start_at, 0, 0, 0::bigint, 0, 'the call comes in' FROM c
        UNION ALL
        SELECT answer_at, 0, 0, 0, 1, 'the system answers' || CASE WHEN menu_path <> '' THEN '; menus: ' || menu_path ELSE '' END
        FROM c WHERE answer_at IS NOT NULL
        UNION ALL
        SELECT enter_at, id, 0, id, 0,
               CASE WHEN position_in IS NULL THEN format('comes to queue %s', queue)
                    ELSE format('enters queue %s at position %s', queue, position_in) END
               || CASE WHEN priority <> 0 THEN format(', priority %s', priority) ELSE '' END
               || CASE WHEN since_at < enter_at THEN format(', with a place in line since %s (%s older)',
                      to_char(since_at, 'HH24:MI:SS.MS'), callfloor.seconds(callfloor.ms(since_at, enter_at))) ELSE '' END
               || CASE WHEN told_ms IS NOT NULL THEN ', expected wait ' || callfloor.seconds(told_ms) ELSE '' END
        FROM callfloor.visit WHERE contact_id = p_contact
        UNION ALL
        SELECT reserve_at, coalesce(visit_id, id), 1, id, 0, format('offer to agent %s', agent)
               || CASE WHEN visit_id IS NULL THEN ' (called directly)'
                       WHEN why <> '' THEN ': ' || regexp_replace(why, '^offer agent=\S+ ', '') ELSE '' END
        FROM callfloor.offer WHERE contact_id = p_contact
        UNION ALL
        SELECT ring_at, coalesce(visit_id, id), 1, id, 1, format('phone of %s rings', agent)
        FROM callfloor.offer WHERE contact_id = p_contact AND ring_at IS NOT NULL
        UNION ALL
        SELECT end_at, coalesce(visit_id, id), 1, id, 2, format('offer to %s ends: %s', agent, result)
               || CASE WHEN sip_status IS NOT NULL THEN format(' (SIP %s)', sip_status) ELSE '' END
        FROM callfloor.offer WHERE contact_id = p_contact AND end_at IS NOT NULL
        UNION ALL
        SELECT leave_at, id, 2, id, 0, format('leaves queue %s: %s', queue, result)
               || CASE WHEN position_in IS NOT NULL
                       THEN format(' after %s', callfloor.seconds(callfloor.ms(enter_at, leave_at))) ELSE '' END
               || CASE WHEN position_out > 0 THEN format(' at position %s', position_out) ELSE '' END
               || CASE WHEN step > 0 THEN format(', step %s', step) ELSE '' END
        FROM callfloor.visit WHERE contact_id = p_contact AND leave_at IS NOT NULL
        UNION ALL
        SELECT start_at, coalesce(visit_id, offer_id, id), 3, id, 0, format('agent %s talks with the caller', agent)
        FROM callfloor.handle WHERE contact_id = p_contact
        UNION ALL
        SELECT end_at, coalesce(visit_id, offer_id, id), 3, id, 1,
               format('the talk ends, by %s: talk %s', ended_by, callfloor.seconds(talk_ms))
               || CASE WHEN hold_count > 0 THEN format(', hold %s (%s times)', callfloor.seconds(hold_ms), hold_count) ELSE '' END
        FROM callfloor.handle WHERE contact_id = p_contact AND end_at IS NOT NULL
        UNION ALL
        SELECT wrap_end_at, coalesce(visit_id, offer_id, id), 3, id, 2,
               format('wrap-up of %s ends after %s', agent, callfloor.seconds(wrap_ms))
               || CASE WHEN disposition <> '' THEN ', disposition ' || disposition ELSE '' END
        FROM callfloor.handle WHERE contact_id = p_contact AND wrap_end_at IS NOT NULL AND visit_id IS NOT NULL
        UNION ALL
        SELECT end_at, 9223372036854775807, 0, 0, 0, format('the contact ends: %s, by %s', result, ended_by)
               || CASE WHEN sip_status IS NOT NULL THEN format(' (SIP %s)', sip_status) ELSE '' END
        FROM c WHERE end_at IS NOT NULL
    ), told (place, line) AS (
        SELECT 0::bigint, format('contact %s of %s: %s from %s%s to %s%s', id, to_char(start_at, 'YYYY-MM-DD'), direction,
               CASE WHEN caller = '' THEN 'a withheld number' ELSE caller END,
               CASE WHEN caller_name = '' THEN '' ELSE ' (' || caller_name || ')' END, called,
               CASE WHEN trunk = '' THEN '' ELSE ' by trunk ' || trunk END)
        FROM c
        UNION ALL
        SELECT 0, format('contact %s is not known here', p_contact) WHERE NOT EXISTS (SELECT FROM c)
        UNION ALL
        SELECT row_number() OVER (ORDER BY at, visit, phase, item, part),
               to_char(at, CASE WHEN at::date = (min(at) OVER ())::date THEN 'HH24:MI:SS.MS' ELSE 'YYYY-MM-DD HH24:MI:SS.MS' END)
               || '  ' || line
        FROM event
        UNION ALL
        SELECT 9223372036854775807, 'still open' FROM c WHERE end_at IS NULL
    )
    SELECT line FROM told ORDER BY place
$$;
COMMENT ON FUNCTION callfloor.explain IS 'The whole story of a contact from its rows, a line each; times are those of the session''s TimeZone.';

-- Which rows do not fit together? None, whatever happened to the daemon. tolerance_ms: durations are counted
-- in milliseconds, times in microseconds.
CREATE OR REPLACE FUNCTION callfloor.check_records(p_since timestamptz DEFAULT '-infinity', p_tolerance_ms integer DEFAULT 20)
RETURNS TABLE (rule text, kind text, id bigint, detail text)
LANGUAGE sql STABLE AS $$
    -- each row that ended has exactly one result, each open one none
    SELECT 'result when and only when ended', 'contact', c.id, format('end_at %s, result %s', c.end_at, c.result)
    FROM callfloor.contact c WHERE c.start_at >= p_since AND (c.end_at IS NULL) <> (c.result IS NULL)
    UNION ALL
    SELECT 'result when and only when ended', 'visit', v.id, format('leave_at %s, result %s', v.leave_at, v.result)
    FROM callfloor.visit v WHERE v.enter_at >= p_since AND (v.leave_at IS NULL) <> (v.result IS NULL)
    UNION ALL
    SELECT 'result when and only when ended', 'offer', o.id, format('end_at %s, result %s', o.end_at, o.result)
    FROM callfloor.offer o WHERE o.reserve_at >= p_since AND (o.end_at IS NULL) <> (o.result IS NULL)
    UNION ALL
    SELECT 'result when and only when ended', 'handle', h.id, format('end_at %s, ended_by %s', h.end_at, h.ended_by)
    FROM callfloor.handle h WHERE h.start_at >= p_since AND (h.end_at IS NULL) <> (h.ended_by IS NULL)
    UNION ALL
    -- only known words
    SELECT 'known result', 'contact', c.id, c.result FROM callfloor.contact c
    WHERE c.start_at >= p_since AND c.result NOT IN
          ('handled', 'abandoned', 'ended_in_menu', 'refused', 'failed', 'service', 'withdrawn', 'cut')
    UNION ALL
    SELECT 'known result', 'visit', v.id, v.result FROM callfloor.visit v
    WHERE v.enter_at >= p_since AND v.result NOT IN
          ('answered', 'abandoned', 'timeout', 'overflow', 'full', 'no_agents', 'withdrawn', 'failed', 'closed',
           'all_paused', 'wait_too_long', 'left_empty', 'exit_key', 'callback', 'cut')
    UNION ALL
    SELECT 'known result', 'offer', o.id, o.result FROM callfloor.offer o
    WHERE o.reserve_at >= p_since AND o.result NOT IN
          ('answered', 'no_answer', 'rejected', 'busy', 'unreachable', 'caller_gone', 'lost_race', 'cancelled', 'cut')
    UNION ALL
    -- times in order
    SELECT 'times in order', 'contact', c.id, format('%s %s %s', c.start_at, c.answer_at, c.end_at)
    FROM callfloor.contact c
    WHERE c.start_at >= p_since AND (c.answer_at < c.start_at OR c.end_at < c.start_at OR c.end_at < c.answer_at)
    UNION ALL
    SELECT 'times in order', 'visit', v.id, format('%s %s %s', v.since_at, v.enter_at, v.leave_at)
    FROM callfloor.visit v WHERE v.enter_at >= p_since AND (v.leave_at < v.enter_at OR v.since_at > v.enter_at)
    UNION ALL
    SELECT 'times in order', 'offer', o.id, format('%s %s %s', o.reserve_at, o.ring_at, o.end_at)
    FROM callfloor.offer o
    WHERE o.reserve_at >= p_since AND (o.ring_at < o.reserve_at OR o.end_at < o.reserve_at OR o.end_at < o.ring_at)
    UNION ALL
    SELECT 'times in order', 'handle', h.id, format('%s %s %s', h.start_at, h.end_at, h.wrap_end_at)
    FROM callfloor.handle h WHERE h.start_at >= p_since AND (h.end_at < h.start_at OR h.wrap_end_at < h.end_at)
    UNION ALL
    SELECT 'times in order', 'agent_state', a.id, format('%s %s', a.start_at, a.end_at)
    FROM callfloor.agent_state a WHERE a.start_at >= p_since AND a.end_at < a.start_at
    UNION ALL
    -- every row belongs to a contact, and none outlives it
    SELECT 'contact exists', x.kind, x.id, x.contact_id::text
    FROM (SELECT 'visit' AS kind, v.id, v.contact_id FROM callfloor.visit v WHERE v.enter_at >= p_since
          UNION ALL SELECT 'offer', o.id, o.contact_id FROM callfloor.offer o WHERE o.reserve_at >= p_since
          UNION ALL SELECT 'handle', h.id, h.contact_id FROM callfloor.handle h WHERE h.start_at >= p_since) x
    WHERE NOT EXISTS (SELECT FROM callfloor.contact c WHERE c.id = x.contact_id)
    UNION ALL
    SELECT 'open within an ended contact', x.kind, x.id, x.contact_id::text
    FROM (SELECT 'visit' AS kind, v.id, v.contact_id FROM callfloor.visit v WHERE v.leave_at IS NULL
          UNION ALL SELECT 'offer', o.id, o.contact_id FROM callfloor.offer o WHERE o.end_at IS NULL
          UNION ALL SELECT 'handle', h.id, h.contact_id FROM callfloor.handle h WHERE h.end_at IS NULL) x
    JOIN callfloor.contact c ON c.id = x.contact_id
    WHERE c.end_at IS NOT NULL AND c.start_at >= p_since
    UNION ALL
    SELECT 'handled contact has a handle', 'contact', c.id, c.result
    FROM callfloor.contact c
    WHERE c.start_at >= p_since AND c.result = 'handled'
      AND NOT EXISTS (SELECT FROM callfloor.handle h WHERE h.contact_id = c.id)
    UNION ALL
    -- offers and handles
    SELECT 'handle has exactly one answered offer', 'handle', h.id, format('offer %s: %s', h.offer_id, o.result)
    FROM callfloor.handle h LEFT JOIN callfloor.offer o ON o.id = h.offer_id
    WHERE h.start_at >= p_since
      AND (o.id IS NULL OR o.result IS DISTINCT FROM 'answered' OR o.contact_id <> h.contact_id OR o.agent <> h.agent
           OR o.visit_id IS DISTINCT FROM h.visit_id)
    UNION ALL
    SELECT 'one handle per offer', 'offer', h.offer_id, format('%s handles', count(*))
    FROM callfloor.handle h WHERE h.start_at >= p_since AND h.offer_id IS NOT NULL
    GROUP BY h.offer_id HAVING count(*) > 1
    UNION ALL
    SELECT 'one answered offer per visit', 'visit', o.visit_id, format('%s offers', count(*))
    FROM callfloor.offer o WHERE o.reserve_at >= p_since AND o.visit_id IS NOT NULL AND o.result = 'answered'
    GROUP BY o.visit_id HAVING count(*) > 1
    UNION ALL
    SELECT 'answered visit has an answered offer', 'visit', v.id, v.queue
    FROM callfloor.visit v
    WHERE v.enter_at >= p_since AND v.result = 'answered'
      AND NOT EXISTS (SELECT FROM callfloor.offer o WHERE o.visit_id = v.id AND o.result IN ('answered', 'cut'))
    UNION ALL
    -- a handle's parts add up
    SELECT 'talk and hold add up', 'handle', h.id,
           format('%s + %s for %s ms', h.talk_ms, h.hold_ms, callfloor.ms(h.start_at, h.end_at))
    FROM callfloor.handle h
    WHERE h.start_at >= p_since AND h.end_at IS NOT NULL
      AND abs(callfloor.ms(h.start_at, h.end_at) - h.talk_ms - h.hold_ms) > p_tolerance_ms
    UNION ALL
    SELECT 'wrap-up adds up', 'handle', h.id, format('%s for %s ms', h.wrap_ms, callfloor.ms(h.end_at, h.wrap_end_at))
    FROM callfloor.handle h
    WHERE h.start_at >= p_since AND h.wrap_end_at IS NOT NULL
      AND abs(callfloor.ms(h.end_at, h.wrap_end_at) - h.wrap_ms) > p_tolerance_ms
    UNION ALL
    -- nobody is in two places
    SELECT 'visits of a contact do not overlap', 'visit', x.id, format('before the end of %s', x.before_id)
    FROM (SELECT v.id, v.enter_at, lag(v.id) OVER w AS before_id, lag(coalesce(v.leave_at, 'infinity')) OVER w AS before_end
          FROM callfloor.visit v WHERE v.enter_at >= p_since
          WINDOW w AS (PARTITION BY v.contact_id ORDER BY v.enter_at, v.id)) x
    WHERE x.enter_at < x.before_end
    UNION ALL
    SELECT 'states of an agent do not overlap', 'agent_state', x.id, format('%s before the end of %s', x.agent, x.before_id)
    FROM (SELECT a.id, a.agent, a.start_at, lag(a.id) OVER w AS before_id,
                 lag(coalesce(a.end_at, 'infinity')) OVER w AS before_end
          FROM callfloor.agent_state a WHERE a.start_at >= p_since
          WINDOW w AS (PARTITION BY a.agent ORDER BY a.start_at, a.id)) x
    WHERE x.start_at < x.before_end
    UNION ALL
    SELECT 'handles of an agent do not overlap', 'handle', x.id, format('%s before the end of %s', x.agent, x.before_id)
    FROM (SELECT h.id, h.agent, h.start_at, lag(h.id) OVER w AS before_id,
                 lag(coalesce(h.end_at, 'infinity')) OVER w AS before_end
          FROM callfloor.handle h WHERE h.start_at >= p_since
          WINDOW w AS (PARTITION BY h.agent ORDER BY h.start_at, h.id)) x
    WHERE x.start_at < x.before_end
$$;
COMMENT ON FUNCTION callfloor.check_records IS 'Rows that break the rules of docs/records.md; none is right.';
