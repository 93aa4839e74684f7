-- The engine that keeps registrations true: what was agreed with a portal by field, what waits, who decided, and what was called.

-- +goose Up
ALTER TABLE registration ADD COLUMN agreed text NOT NULL DEFAULT '{}';
ALTER TABLE registration ADD COLUMN compared_version bigint NOT NULL DEFAULT 0;
ALTER TABLE registration ADD COLUMN poll_at timestamptz;
ALTER TABLE registration ADD COLUMN outgoing bigint NOT NULL DEFAULT 0;
ALTER TABLE registration ADD COLUMN held bigint NOT NULL DEFAULT 0;
ALTER TABLE registration ADD COLUMN refused bigint NOT NULL DEFAULT 0;
ALTER TABLE registration ADD COLUMN conflicts bigint NOT NULL DEFAULT 0;
ALTER TABLE registration ADD COLUMN stale_since timestamptz;
ALTER TABLE registration ADD COLUMN sent_at timestamptz;
ALTER TABLE registration ADD COLUMN urgent boolean NOT NULL DEFAULT false;
CREATE INDEX registration_remote ON registration (cloud, remote_id) WHERE remote_id <> '';
CREATE INDEX registration_conflicts ON registration (conflicts) WHERE conflicts > 0;
CREATE INDEX registration_stale ON registration (stale_since) WHERE stale_since IS NOT NULL;

CREATE TABLE registration_field (
  registration_id text NOT NULL REFERENCES registration (id) ON DELETE CASCADE,
  path text NOT NULL,
  label text NOT NULL DEFAULT '',
  status text NOT NULL CHECK (status IN ('outgoing', 'locked', 'refused', 'conflict')),
  base text NOT NULL DEFAULT '',
  ours text NOT NULL DEFAULT '',
  theirs text NOT NULL DEFAULT '',
  base_theirs text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  until text NOT NULL DEFAULT '',
  final boolean NOT NULL DEFAULT false,
  by_portal boolean NOT NULL DEFAULT false,
  since timestamptz NOT NULL,
  PRIMARY KEY (registration_id, path)
);
CREATE INDEX registration_field_status ON registration_field (status, since);

CREATE TABLE registration_edit (
  registration_id text NOT NULL REFERENCES registration (id) ON DELETE CASCADE,
  path text NOT NULL,
  value text NOT NULL,
  mapped text NOT NULL DEFAULT '',
  theirs text NOT NULL DEFAULT '',
  crm_state text NOT NULL CHECK (crm_state IN ('none', 'pending', 'written', 'refused')),
  crm_error text NOT NULL DEFAULT '',
  actor_kind text NOT NULL,
  actor_id text NOT NULL DEFAULT '',
  actor_name text NOT NULL DEFAULT '',
  edited_at timestamptz NOT NULL,
  made_on timestamptz,
  echoes text NOT NULL DEFAULT '[]',
  PRIMARY KEY (registration_id, path)
);
CREATE INDEX registration_edit_pending ON registration_edit (crm_state) WHERE crm_state = 'pending';

CREATE TABLE registration_call (
  id text PRIMARY KEY,
  registration_id text NOT NULL REFERENCES registration (id) ON DELETE CASCADE,
  at timestamptz NOT NULL,
  operation text NOT NULL,
  actor_kind text NOT NULL,
  actor_name text NOT NULL DEFAULT '',
  attempt bigint NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('done', 'refused', 'passing', 'unsure', 'stale')),
  code text NOT NULL DEFAULT '',
  message text NOT NULL DEFAULT '',
  request text NOT NULL DEFAULT '',
  answer text NOT NULL DEFAULT ''
);
CREATE INDEX registration_call_registration ON registration_call (registration_id, id);

CREATE TABLE portal_watch (
  cloud text PRIMARY KEY,
  changes_at timestamptz,
  reconciled_at timestamptz,
  report text NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL
);

CREATE TABLE portal_spent (
  cloud text PRIMARY KEY,
  spent text NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE portal_event (
  cloud text NOT NULL,
  event_id text NOT NULL,
  kind text NOT NULL,
  remote_id text NOT NULL DEFAULT '',
  received_at timestamptz NOT NULL,
  PRIMARY KEY (cloud, event_id)
);
CREATE INDEX portal_event_age ON portal_event (received_at);

-- +goose Down
SELECT 1;
