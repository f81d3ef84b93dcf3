-- SPDX-License-Identifier: Apache-2.0
-- A stretch of time as a recording for `callfloor-sim --replay` (docs/simulator.md):
--   psql -At -c "SELECT callfloor.replay('2026-03-02', '2026-03-03')" >monday.json

-- Of a time that is not there, nothing: least() passes over NULL, so that a phone that never rang had rung for
-- 24 days (v_agent_day.ring_s, occupancy).
ALTER FUNCTION callfloor.ms(timestamptz, timestamptz) STRICT;

CREATE FUNCTION callfloor.epoch_ms(p_at timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT floor(extract(epoch FROM p_at) * 1000)::bigint $$;
COMMENT ON FUNCTION callfloor.epoch_ms IS 'Milliseconds since 1970.';

-- One JSON object a line: the day; each contact that entered a queue in that time; who of the agents was there.
-- Callers are told apart by a hash with a salt of its own in each call, so that a recording names nobody.
CREATE FUNCTION callfloor.replay(p_from timestamptz, p_to timestamptz) RETURNS SETOF json
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_salt text := md5(random()::text || clock_timestamp()::text);
BEGIN
    RETURN NEXT json_build_object('kind', 'day', 'version', 1, 'from_ms', callfloor.epoch_ms(p_from),
        'to_ms', callfloor.epoch_ms(p_to), 'utc_offset_s', extract(timezone FROM p_from)::integer);

    RETURN QUERY
    SELECT json_strip_nulls(json_build_object('kind', 'contact', 'at_ms', callfloor.epoch_ms(first.enter_at),
        'called', c.called,
        'caller', CASE WHEN callfloor.is_number(c.caller) THEN left(md5(v_salt || c.caller), 12) ELSE '' END,
        'queue', first.queue, 'result', last.result, 'wait_ms', callfloor.ms(first.enter_at, last.leave_at),
        'exit_ms', CASE WHEN first.result = 'exit_key' THEN callfloor.ms(first.enter_at, first.leave_at) END,
        'visits', last.visits, 'offers', coalesce(o.offers, 0), 'missed', coalesce(o.missed, 0),
        'rejected', coalesce(o.rejected, 0), 'busy', coalesce(o.busy, 0), 'rang_ms', coalesce(o.rang_ms, 0),
        'agent', h.agent, 'ring_ms', CASE WHEN h.agent IS NOT NULL THEN coalesce(o.ring_ms, 0) END,
        'talk_ms', h.talk_ms, 'wrap_ms', h.wrap_ms))
    FROM callfloor.contact c
    JOIN LATERAL (SELECT v.* FROM callfloor.visit v WHERE v.contact_id = c.id ORDER BY v.enter_at, v.id LIMIT 1) first ON true
    JOIN LATERAL (SELECT v.*, count(*) OVER () AS visits FROM callfloor.visit v WHERE v.contact_id = c.id
                  ORDER BY v.enter_at DESC, v.id DESC LIMIT 1) last ON last.leave_at IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT count(*) AS offers, count(*) FILTER (WHERE result = 'no_answer') AS missed,
               count(*) FILTER (WHERE result = 'rejected') AS rejected, count(*) FILTER (WHERE result = 'busy') AS busy,
               -- how long phones rang that were answered, or would have been had the call not gone elsewhere
               sum(callfloor.ms(ring_at, end_at)) FILTER (WHERE result IN ('answered', 'caller_gone', 'lost_race')) AS rang_ms,
               max(callfloor.ms(coalesce(ring_at, end_at), end_at)) FILTER (WHERE result = 'answered') AS ring_ms
        FROM callfloor.offer WHERE contact_id = c.id AND visit_id IS NOT NULL) o ON true
    LEFT JOIN LATERAL (
        SELECT agent, talk_ms::bigint + hold_ms AS talk_ms, wrap_ms FROM callfloor.handle
        WHERE contact_id = c.id AND visit_id IS NOT NULL AND end_at IS NOT NULL
        ORDER BY start_at DESC, id DESC LIMIT 1) h ON true
    WHERE c.direction = 'inbound' AND first.enter_at >= p_from AND first.enter_at < p_to
      -- the index on start: nobody is in a menu for more than a day
      AND c.start_at >= p_from - interval '1 day' AND c.start_at < p_to
    ORDER BY first.enter_at, c.id;

    RETURN QUERY
    WITH state AS ( -- in words of the recording; what goes on counts until now
        SELECT a.agent, a.start_at, coalesce(a.end_at, least(now(), p_to)) AS end_at, a.reason,
               CASE WHEN a.activity = 'busy_other' THEN 'busy'
                    WHEN a.presence <> 'ready' THEN 'not_ready'
                    WHEN a.activity = 'unreachable' THEN 'unreachable' ELSE 'ready' END AS presence
        FROM callfloor.agent_state a
        WHERE a.presence <> 'logged_out' AND a.start_at < p_to AND coalesce(a.end_at, 'infinity') > p_from
          AND a.start_at >= p_from - interval '7 days'
    ), edge AS ( -- 1: begins a stretch of one presence
        SELECT state.*, CASE WHEN start_at = lag(end_at) OVER w AND presence = lag(presence) OVER w
                              AND reason = lag(reason) OVER w THEN 0 ELSE 1 END AS begins
        FROM state WINDOW w AS (PARTITION BY agent ORDER BY start_at, end_at)
    ), stretch AS (
        SELECT edge.*, sum(begins) OVER (PARTITION BY agent ORDER BY start_at, end_at) AS number FROM edge
    )
    SELECT json_build_object('kind', 'presence', 'agent', agent, 'presence', min(presence), 'reason', min(reason),
        'from_ms', callfloor.epoch_ms(greatest(min(start_at), p_from)),
        'to_ms', callfloor.epoch_ms(least(max(end_at), p_to)))
    FROM stretch GROUP BY agent, number
    HAVING least(max(end_at), p_to) > greatest(min(start_at), p_from)
    ORDER BY agent, min(start_at);
END $$;
COMMENT ON FUNCTION callfloor.replay IS
    'A recording for callfloor-sim --replay: psql -At -c "SELECT callfloor.replay(''2026-03-02'', ''2026-03-03'')"';
