-- Route conflicts: deals that two sides claim, what was decided, and what the decision keeps from a portal.

-- +goose Up
CREATE TABLE route_conflict (
  id text PRIMARY KEY,
  opportunity_id text NOT NULL REFERENCES opportunity (id),
  rule text NOT NULL,
  kind text NOT NULL,
  title text NOT NULL,
  why text NOT NULL,
  source text NOT NULL DEFAULT '',
  verified boolean NOT NULL,
  holds boolean NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'reopened', 'decided', 'ended')),
  claims text NOT NULL,
  clouds text NOT NULL, -- of the claims: ',aws,gcp,'
  proposal text NOT NULL DEFAULT '',
  proposal_why text NOT NULL DEFAULT '',
  due_on text NOT NULL,
  opened_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_why text NOT NULL DEFAULT '',
  winner text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  our_step text NOT NULL DEFAULT '',
  our_step_on text NOT NULL DEFAULT '',
  their_step text NOT NULL DEFAULT '',
  their_step_on text NOT NULL DEFAULT '',
  decided_claims text NOT NULL DEFAULT '[]',
  decided_by text NOT NULL DEFAULT '',
  decided_by_name text NOT NULL DEFAULT '',
  decided_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL DEFAULT 1,
  UNIQUE (opportunity_id, rule)
);
CREATE INDEX route_conflict_state ON route_conflict (state, due_on, id);

CREATE TABLE route_line (
  id text PRIMARY KEY,
  conflict_id text NOT NULL REFERENCES route_conflict (id),
  at timestamptz NOT NULL,
  kind text NOT NULL,
  subject text NOT NULL,
  body text NOT NULL DEFAULT '',
  actor_name text NOT NULL
);
CREATE INDEX route_line_conflict ON route_line (conflict_id, id);

-- What keeps a registration from its portal: the id of the route conflict.
ALTER TABLE registration ADD COLUMN stopped_by text NOT NULL DEFAULT '';

-- +goose Down
SELECT 1;
