-- SPDX-License-Identifier: Apache-2.0
-- Reports and the check of all records. Days are those of the session's TimeZone.

CREATE VIEW callfloor.v_queue_day AS
WITH v AS (
    SELECT visit.queue, visit.enter_at::date AS day, visit.result,
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
           round(max(wait_ms) / 1000, 1) AS longest_wait_s
    FROM v GROUP BY day, queue
)
SELECT n.*,
       round(100.0 * answered_in_time / nullif(ended, 0), 1) AS sl_negative,
       round(100.0 * (answered_in_time + abandoned_in_time) / nullif(ended, 0), 1) AS sl_positive,
       round(100.0 * answered_in_time / nullif(ended - abandoned_in_time, 0), 1) AS sl_abandons_ignored,
       round(100.0 * answered_in_time / nullif(answered, 0), 1) AS sl_only_handled,
       round(100.0 * answered_in_time / nullif(ended - abandoned_short, 0), 1) AS sl_short_excluded,
       round(100.0 * abandoned / nullif(ended, 0), 1) AS abandon_rate
FROM n;
COMMENT ON VIEW callfloor.v_queue_day IS
    'Visits by day of entry and queue. T: service_level_ms, S: short_abandon_ms of the queue.';
COMMENT ON COLUMN callfloor.v_queue_day.offered IS 'Visits that entered: answered + abandoned + other_exits + waiting.';
COMMENT ON COLUMN callfloor.v_queue_day.ended IS 'Visits that ended: what the rates are of.';
COMMENT ON COLUMN callfloor.v_queue_day.asa_s IS 'Average speed of answer: from queue entry to the agent''s answer, ringing included.';
COMMENT ON COLUMN callfloor.v_queue_day.sl_negative IS 'Service level, %: answered within T / ended, as the daemon shows it';
COMMENT ON COLUMN callfloor.v_queue_day.sl_positive IS 'Service level, %: (answered within T + abandoned within T) / ended';
COMMENT ON COLUMN callfloor.v_queue_day.sl_abandons_ignored IS 'Service level, %: answered within T / (ended - abandoned within T)';
COMMENT ON COLUMN callfloor.v_queue_day.sl_only_handled IS 'Service level, %: answered within T / answered; rises when callers give up';
COMMENT ON COLUMN callfloor.v_queue_day.sl_short_excluded IS 'Service level, %: answered within T / (ended - abandoned within S)';

CREATE VIEW callfloor.v_agent_day AS
WITH days AS (
    SELECT agent, start_at::date AS day FROM callfloor.agent_state
    UNION SELECT agent, start_at::date FROM callfloor.handle
    UNION SELECT agent, reserve_at::date FROM callfloor.offer
), h AS (
    SELECT agent, start_at::date AS day, count(*) AS handles, sum(talk_ms) AS talk_ms, sum(hold_ms) AS hold_ms,
           sum(wrap_ms) AS wrap_ms
    FROM callfloor.handle GROUP BY 1, 2
), o AS (
    SELECT agent, reserve_at::date AS day, count(*) AS offers,
           count(*) FILTER (WHERE result = 'no_answer') AS missed,
           count(*) FILTER (WHERE result IN ('rejected', 'busy')) AS rejected,
           sum(callfloor.ms(ring_at, end_at)) AS ring_ms
    FROM callfloor.offer GROUP BY 1, 2
), s AS (
    SELECT agent, start_at::date AS day,
           sum(callfloor.ms(start_at, coalesce(end_at, now()))) FILTER (WHERE presence <> 'logged_out') AS login_ms,
           sum(callfloor.ms(start_at, coalesce(end_at, now()))) FILTER (WHERE presence = 'not_ready') AS pause_ms,
           sum(callfloor.ms(start_at, coalesce(end_at, now())))
               FILTER (WHERE presence = 'ready' AND activity = 'idle') AS idle_ms
    FROM callfloor.agent_state GROUP BY 1, 2
)
SELECT days.day, days.agent, coalesce(o.offers, 0) AS offers, coalesce(o.missed, 0) AS missed,
       coalesce(o.rejected, 0) AS rejected, coalesce(h.handles, 0) AS handles,
       round(coalesce(o.ring_ms, 0) / 1000.0, 1) AS ring_s,
       round(coalesce(h.talk_ms, 0) / 1000.0, 1) AS talk_s,
       round(coalesce(h.hold_ms, 0) / 1000.0, 1) AS hold_s,
       round(coalesce(h.wrap_ms, 0) / 1000.0, 1) AS wrap_s,
       round((h.talk_ms + h.hold_ms + h.wrap_ms) / 1000.0 / nullif(h.handles, 0), 1) AS aht_s,
       round(coalesce(s.login_ms, 0) / 1000.0, 1) AS login_s,
       round(coalesce(s.pause_ms, 0) / 1000.0, 1) AS pause_s,
       round(coalesce(s.idle_ms, 0) / 1000.0, 1) AS idle_s,
       round(100.0 * (h.talk_ms + h.hold_ms + h.wrap_ms + coalesce(o.ring_ms, 0))
             / nullif(s.login_ms - coalesce(s.pause_ms, 0), 0), 1) AS occupancy
FROM days LEFT JOIN h USING (agent, day) LEFT JOIN o USING (agent, day) LEFT JOIN s USING (agent, day);
COMMENT ON VIEW callfloor.v_agent_day IS 'Agents'' days; what passes midnight counts for the day it began.';
COMMENT ON COLUMN callfloor.v_agent_day.missed IS 'Offers the agent did not answer in time.';
COMMENT ON COLUMN callfloor.v_agent_day.aht_s IS 'Average handle time: (talk + hold + wrap) / handles';
COMMENT ON COLUMN callfloor.v_agent_day.login_s IS 'Not logged out; an open state counts until now.';
COMMENT ON COLUMN callfloor.v_agent_day.occupancy IS '%: (talk + hold + wrap + ring) / (login - pause)';

CREATE VIEW callfloor.v_call AS
SELECT c.id, c.start_at, c.direction, c.trunk, c.caller, c.caller_name, c.called, c.customer_id,
       k.name AS customer_name, c.menu_path, c.result, c.ended_by, c.sip_status,
       round(extract(epoch FROM c.end_at - c.start_at), 1) AS duration_s,
       v.visits, v.queues, v.wait_s, o.offers, h.handles, h.agents, h.talk_s, h.hold_s, h.wrap_s
FROM callfloor.contact c
LEFT JOIN callfloor.customer k ON k.id = c.customer_id
LEFT JOIN LATERAL (
    SELECT count(*) AS visits, string_agg(queue || ':' || coalesce(result, 'waiting'), ' ' ORDER BY enter_at, id) AS queues,
           round(sum(extract(epoch FROM leave_at - enter_at)), 1) AS wait_s
    FROM callfloor.visit WHERE contact_id = c.id) v ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS offers FROM callfloor.offer WHERE contact_id = c.id) o ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS handles, string_agg(agent, ' ' ORDER BY start_at, id) AS agents,
           round(sum(talk_ms) / 1000.0, 1) AS talk_s, round(sum(hold_ms) / 1000.0, 1) AS hold_s,
           round(sum(wrap_ms) / 1000.0, 1) AS wrap_s
    FROM callfloor.handle WHERE contact_id = c.id) h ON true;
COMMENT ON VIEW callfloor.v_call IS 'One row per contact, its visits, offers and handles summarised.';
COMMENT ON COLUMN callfloor.v_call.queues IS 'Queues and how each visit ended, in order, such as "sales:overflow service:answered".';
COMMENT ON COLUMN callfloor.v_call.wait_s IS 'Total wait of the customer, over all visits.';

-- Which rows do not fit together? None, whatever happened to the daemon. tolerance_ms: durations are counted
-- in milliseconds, times in microseconds.
CREATE FUNCTION callfloor.check_records(p_since timestamptz DEFAULT '-infinity', p_tolerance_ms integer DEFAULT 20)
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
          ('answered', 'abandoned', 'timeout', 'overflow', 'full', 'no_agents', 'withdrawn', 'failed', 'cut')
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
    SELECT 'times in order', 'visit', v.id, format('%s %s', v.enter_at, v.leave_at)
    FROM callfloor.visit v WHERE v.enter_at >= p_since AND v.leave_at < v.enter_at
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
