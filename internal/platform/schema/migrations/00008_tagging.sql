-- Tagging: which deals are tagged wrongly, what people said of it, and the corrections on their way to Salesforce.

-- +goose Up
CREATE TABLE tagging_finding (
  opportunity_id text NOT NULL REFERENCES opportunity (id),
  rule text NOT NULL,
  found_at timestamptz NOT NULL,
  PRIMARY KEY (opportunity_id, rule)
);
CREATE INDEX tagging_finding_rule ON tagging_finding (rule, found_at, opportunity_id);
CREATE INDEX tagging_finding_age ON tagging_finding (found_at, opportunity_id, rule);

-- A person's word that a tagging is right, as long as the tags stay as they were.
CREATE TABLE tagging_accepted (
  opportunity_id text NOT NULL REFERENCES opportunity (id),
  rule text NOT NULL,
  tags text NOT NULL,
  reason text NOT NULL,
  accepted_by text NOT NULL,
  accepted_at timestamptz NOT NULL,
  PRIMARY KEY (opportunity_id, rule)
);

CREATE TABLE tagging_correction (
  id text PRIMARY KEY,
  opportunity_id text NOT NULL REFERENCES opportunity (id),
  rule text NOT NULL,
  title text NOT NULL,
  steps text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'written', 'refused', 'overtaken', 'undone')),
  error text NOT NULL DEFAULT '',
  asked_by text NOT NULL,
  asked_at timestamptz NOT NULL,
  done_at timestamptz
);
CREATE INDEX tagging_correction_opportunity ON tagging_correction (opportunity_id, asked_at);
CREATE INDEX tagging_correction_pending ON tagging_correction (asked_at, id) WHERE state = 'pending';
CREATE INDEX tagging_correction_refused ON tagging_correction (asked_at, id) WHERE state = 'refused';
CREATE UNIQUE INDEX tagging_correction_once ON tagging_correction (opportunity_id, rule) WHERE state = 'pending';

-- +goose Down
SELECT 1;
