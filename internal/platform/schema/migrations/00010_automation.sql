-- Automation: what each flow between Tandem and Salesforce did, and the weekly digests of it.

-- +goose Up
-- The last run of each flow.
CREATE TABLE automation_flow (
  flow text PRIMARY KEY,
  began_at timestamptz NOT NULL,
  ended_at timestamptz,
  looked bigint NOT NULL DEFAULT 0,
  changed bigint NOT NULL DEFAULT 0,
  unchanged bigint NOT NULL DEFAULT 0,
  refused bigint NOT NULL DEFAULT 0,
  failures bigint NOT NULL DEFAULT 0,
  message text NOT NULL DEFAULT ''
);

-- The sums of a day, in the zone of the digest.
CREATE TABLE automation_day (
  flow text NOT NULL,
  day text NOT NULL,
  runs bigint NOT NULL DEFAULT 0,
  looked bigint NOT NULL DEFAULT 0,
  changed bigint NOT NULL DEFAULT 0,
  unchanged bigint NOT NULL DEFAULT 0,
  refused bigint NOT NULL DEFAULT 0,
  failures bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (flow, day)
);
CREATE INDEX automation_day_day ON automation_day (day);

-- The latest errors of each flow; the same one of the same record is kept once.
CREATE TABLE automation_error (
  flow text NOT NULL,
  subject text NOT NULL,
  message text NOT NULL,
  kind text NOT NULL,
  times bigint NOT NULL DEFAULT 1,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (flow, subject, message)
);
CREATE INDEX automation_error_last ON automation_error (flow, last_at);

CREATE TABLE automation_digest (
  week text PRIMARY KEY,
  from_on text NOT NULL,
  to_on text NOT NULL,
  made_at timestamptz NOT NULL,
  content text NOT NULL
);
CREATE TABLE automation_digest_read (
  week text NOT NULL REFERENCES automation_digest (week),
  user_id text NOT NULL,
  read_at timestamptz NOT NULL,
  PRIMARY KEY (week, user_id)
);

CREATE INDEX audit_entry_at ON audit_entry (at);

-- +goose Down
SELECT 1;
