-- Activities that people record, and those that come from Salesforce, on one timeline with what the engine logs.

-- +goose Up
ALTER TABLE person ADD COLUMN zone text NOT NULL DEFAULT '';

ALTER TABLE activity ADD COLUMN account_id text NOT NULL DEFAULT '';
ALTER TABLE activity ADD COLUMN origin text NOT NULL DEFAULT 'engine' CHECK (origin IN ('engine', 'person', 'crm'));
ALTER TABLE activity ADD COLUMN crm_object text NOT NULL DEFAULT 'Task' CHECK (crm_object IN ('Task', 'Event'));
ALTER TABLE activity ADD COLUMN starts_at timestamptz;
ALTER TABLE activity ADD COLUMN ends_at timestamptz;
ALTER TABLE activity ADD COLUMN on_day text NOT NULL DEFAULT '';
ALTER TABLE activity ADD COLUMN minutes bigint NOT NULL DEFAULT 0;
ALTER TABLE activity ADD COLUMN location text NOT NULL DEFAULT '';
ALTER TABLE activity ADD COLUMN owner_crm_id text NOT NULL DEFAULT '';
ALTER TABLE activity ADD COLUMN owner_name text NOT NULL DEFAULT '';
ALTER TABLE activity ADD COLUMN attendees text NOT NULL DEFAULT '[]';
ALTER TABLE activity ADD COLUMN done boolean NOT NULL DEFAULT true;
ALTER TABLE activity ADD COLUMN cancelled_at timestamptz;
ALTER TABLE activity ADD COLUMN cancel_reason text NOT NULL DEFAULT '';
ALTER TABLE activity ADD COLUMN gone_at timestamptz;
ALTER TABLE activity ADD COLUMN agreed text;
ALTER TABLE activity ADD COLUMN theirs text;
ALTER TABLE activity ADD COLUMN crm_stamp timestamptz;
ALTER TABLE activity ADD COLUMN actor_id text NOT NULL DEFAULT '';
ALTER TABLE activity ADD COLUMN updated_at timestamptz;
ALTER TABLE activity ADD COLUMN version bigint NOT NULL DEFAULT 1;
CREATE INDEX activity_account ON activity (account_id, happened_at);
CREATE INDEX activity_conflict ON activity (id) WHERE crm_state = 'conflict';

CREATE TABLE activity_event (
  id text PRIMARY KEY,
  activity_id text NOT NULL REFERENCES activity (id) ON DELETE CASCADE,
  kind text NOT NULL,
  subject text NOT NULL,
  body text NOT NULL DEFAULT '',
  actor_kind text NOT NULL,
  actor_name text NOT NULL DEFAULT '',
  happened_at timestamptz NOT NULL
);
CREATE INDEX activity_event_activity ON activity_event (activity_id, id);

-- The opportunities whose activities Salesforce was asked for.
CREATE TABLE activity_watch (
  opportunity_id text PRIMARY KEY REFERENCES opportunity (id),
  opportunity_crm_id text NOT NULL UNIQUE,
  read_at timestamptz NOT NULL
);

-- +goose Down
SELECT 1;
