-- SPDX-License-Identifier: Apache-2.0
-- Who should talk to a customer: who did last, and who looks after them. Asked before a caller is queued, so it must
-- be quick whatever is in the tables: each step is one look into an index.

CREATE INDEX contact_customer_open ON callfloor.contact (customer_id) WHERE end_at IS NULL;

DROP FUNCTION callfloor.customer_of(text);
CREATE FUNCTION callfloor.customer_of(p_number text, OUT id bigint, OUT is_new boolean, OUT earlier_contacts integer,
    OUT name text, OUT last_agent text, OUT owner_agent text)
LANGUAGE plpgsql AS $$
DECLARE
    v_by text;
BEGIN
    id := callfloor.customer_for(p_number);
    IF id IS NULL THEN
        RETURN;
    END IF;
    -- the contact this question is asked for may be here already, so open ones do not count as earlier
    SELECT c.name, c.created_by, coalesce(c.owner, ''),
           greatest(0, c.contacts - (SELECT count(*) FROM callfloor.contact o
                                     WHERE o.customer_id = c.id AND o.end_at IS NULL))
      INTO name, v_by, owner_agent, earlier_contacts
      FROM callfloor.customer c WHERE c.id = customer_of.id;
    is_new := earlier_contacts = 0 AND v_by = 'call' AND name = '';
    -- of the latest contacts only: who has got nobody in fifty calls has no agent of his own
    SELECT h.agent INTO last_agent
      FROM (SELECT c.id, c.start_at FROM callfloor.contact c WHERE c.customer_id = customer_of.id
            ORDER BY c.start_at DESC LIMIT 50) AS l,
           LATERAL (SELECT t.agent FROM callfloor.handle t WHERE t.contact_id = l.id
                    ORDER BY t.start_at DESC LIMIT 1) AS h
     ORDER BY l.start_at DESC LIMIT 1;
    last_agent := coalesce(last_agent, '');
END $$;
COMMENT ON FUNCTION callfloor.customer_of IS
    'What the daemon asks before an agent rings: who this is, who talked to them last, who looks after them (agents'' ids).';
