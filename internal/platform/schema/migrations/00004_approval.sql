-- Oversight: what somebody wishes to do towards a partner and a Director approves first.

-- +goose Up
CREATE TABLE approval (
  id text PRIMARY KEY,
  wish text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  part text NOT NULL DEFAULT '',
  opportunity_id text NOT NULL DEFAULT '',
  cloud text NOT NULL DEFAULT '',
  title text NOT NULL,
  details text NOT NULL DEFAULT '[]',
  arguments text NOT NULL,
  why text NOT NULL DEFAULT '[]',
  deal_name text NOT NULL DEFAULT '',
  account_name text NOT NULL DEFAULT '',
  currency text NOT NULL DEFAULT '',
  amount_minor bigint,
  state text NOT NULL CHECK (state IN ('pending', 'approved', 'refused', 'withdrawn', 'superseded')),
  requested_by text NOT NULL,
  requested_by_name text NOT NULL,
  requested_kind text NOT NULL,
  requested_at timestamptz NOT NULL,
  decided_by text NOT NULL DEFAULT '',
  decided_by_name text NOT NULL DEFAULT '',
  decided_at timestamptz,
  note text NOT NULL DEFAULT '',
  outcome text NOT NULL DEFAULT '',
  seen_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX approval_one_pending ON approval (wish, action, subject, part, requested_by) WHERE state = 'pending';
CREATE INDEX approval_state ON approval (state, id);
CREATE INDEX approval_requester ON approval (requested_by, id);
CREATE INDEX approval_opportunity ON approval (opportunity_id);
CREATE INDEX approval_subject ON approval (subject) WHERE state = 'pending';

-- +goose Down
SELECT 1;
