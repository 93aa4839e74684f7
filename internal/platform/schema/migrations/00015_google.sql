-- Deals that a person enters in a portal that Tandem cannot reach: what is to be entered, and what they said of it.

-- +goose Up
CREATE TABLE hand_over (
  id text PRIMARY KEY,
  opportunity_id text NOT NULL REFERENCES opportunity (id),
  our_id text NOT NULL,
  cloud text NOT NULL CHECK (cloud IN ('aws', 'azure', 'gcp')),
  wanted text NOT NULL DEFAULT '',
  paths text NOT NULL DEFAULT '[]',
  asked_at timestamptz,
  record text NOT NULL DEFAULT '',
  remote_id text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT '',
  owner_name text NOT NULL DEFAULT '',
  owner_email text NOT NULL DEFAULT '',
  note text NOT NULL DEFAULT '',
  told_by text NOT NULL DEFAULT '',
  told_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX hand_over_ours ON hand_over (cloud, our_id);
CREATE UNIQUE INDEX hand_over_theirs ON hand_over (cloud, remote_id) WHERE remote_id <> '';
CREATE INDEX hand_over_waiting ON hand_over (asked_at) WHERE asked_at IS NOT NULL;
CREATE INDEX hand_over_told ON hand_over (cloud, told_at);

-- +goose Down
SELECT 1;
