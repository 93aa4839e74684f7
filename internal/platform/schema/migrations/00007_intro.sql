-- Intro meetings: our seller and the partner's, the times proposed, what was agreed, and what came of it.

-- +goose Up
CREATE TABLE intro_meeting (
  id text PRIMARY KEY,
  opportunity_id text NOT NULL REFERENCES opportunity (id),
  cloud text NOT NULL CHECK (cloud IN ('aws', 'azure', 'gcp')),
  state text NOT NULL CHECK (state IN ('proposed', 'confirmed', 'held', 'no_show', 'cancelled')),
  title text NOT NULL,
  agenda text NOT NULL DEFAULT '',
  location text NOT NULL DEFAULT '',
  ours text NOT NULL,
  theirs text NOT NULL,
  organizer_id text NOT NULL,
  organizer_name text NOT NULL,
  organizer_email text NOT NULL DEFAULT '',
  slots text NOT NULL DEFAULT '[]',
  starts_at timestamptz,
  ends_at timestamptz,
  sequence bigint NOT NULL DEFAULT 0,
  activity_id text NOT NULL DEFAULT '',
  outcome text NOT NULL DEFAULT '',
  next_step text NOT NULL DEFAULT '',
  next_step_on text NOT NULL DEFAULT '',
  next_activity_id text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  state_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL DEFAULT 1
);
CREATE INDEX intro_meeting_opportunity ON intro_meeting (opportunity_id, id);
CREATE INDEX intro_meeting_open ON intro_meeting (ends_at) WHERE state = 'confirmed';
CREATE UNIQUE INDEX intro_meeting_activity ON intro_meeting (activity_id) WHERE activity_id <> '';

-- When somebody of ours is busy.
CREATE INDEX activity_owner ON activity (owner_crm_id, starts_at) WHERE crm_object = 'Event';

CREATE TABLE intro_event (
  id text PRIMARY KEY,
  meeting_id text NOT NULL REFERENCES intro_meeting (id) ON DELETE CASCADE,
  kind text NOT NULL,
  subject text NOT NULL,
  body text NOT NULL DEFAULT '',
  actor_kind text NOT NULL,
  actor_name text NOT NULL DEFAULT '',
  happened_at timestamptz NOT NULL
);
CREATE INDEX intro_event_meeting ON intro_event (meeting_id, id);

-- +goose Down
SELECT 1;
