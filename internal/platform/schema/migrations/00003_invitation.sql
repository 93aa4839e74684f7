-- What partners offer us: deals and leads, how each was answered, and what became of it.

-- +goose Up
CREATE TABLE invitation (
  id text PRIMARY KEY,
  cloud text NOT NULL CHECK (cloud IN ('aws', 'azure', 'gcp')),
  remote_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('opportunity', 'lead')),
  state text NOT NULL,
  reason text NOT NULL DEFAULT '',
  remote_status text NOT NULL DEFAULT '',
  title text NOT NULL DEFAULT '',
  message text NOT NULL DEFAULT '',
  sender_name text NOT NULL DEFAULT '',
  sender_account text NOT NULL DEFAULT '',
  engagement_id text NOT NULL DEFAULT '',
  customer_name text NOT NULL DEFAULT '',
  customer_country text NOT NULL DEFAULT '',
  facts text NOT NULL DEFAULT '[]',
  hidden text NOT NULL DEFAULT '[]',
  payload text NOT NULL DEFAULT '',
  remote_record text NOT NULL DEFAULT '',
  sent_at timestamptz,
  expires_at timestamptz,
  read_at timestamptz,
  warned bigint NOT NULL DEFAULT 0,
  token text NOT NULL DEFAULT '',
  asked_at timestamptz,
  task_id text NOT NULL DEFAULT '',
  context_id text NOT NULL DEFAULT '',
  rejection text NOT NULL DEFAULT '',
  answered_by text NOT NULL DEFAULT '',
  answered_at timestamptz,
  remote_opportunity_id text NOT NULL DEFAULT '',
  opportunity_id text NOT NULL DEFAULT '',
  opportunity_crm_id text NOT NULL DEFAULT '',
  draft text NOT NULL DEFAULT '{}',
  registration_id text NOT NULL DEFAULT '',
  error text NOT NULL DEFAULT '',
  error_code text NOT NULL DEFAULT '',
  attempts bigint NOT NULL DEFAULT 0,
  failed_from text NOT NULL DEFAULT '',
  due_at timestamptz,
  order_key text NOT NULL,
  state_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL DEFAULT 1,
  UNIQUE (cloud, remote_id)
);
CREATE INDEX invitation_due ON invitation (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX invitation_order ON invitation (order_key);
CREATE INDEX invitation_state ON invitation (state, order_key);
CREATE INDEX invitation_opportunity ON invitation (opportunity_id) WHERE opportunity_id <> '';
CREATE INDEX invitation_remote_opportunity ON invitation (cloud, remote_opportunity_id) WHERE remote_opportunity_id <> '';

CREATE TABLE invitation_event (
  id text PRIMARY KEY,
  invitation_id text NOT NULL REFERENCES invitation (id) ON DELETE CASCADE,
  kind text NOT NULL,
  subject text NOT NULL,
  body text NOT NULL DEFAULT '',
  actor_kind text NOT NULL,
  actor_name text NOT NULL DEFAULT '',
  happened_at timestamptz NOT NULL
);
CREATE INDEX invitation_event_invitation ON invitation_event (invitation_id, id);
-- A warning is given once, whoever tries.
CREATE UNIQUE INDEX invitation_event_warning ON invitation_event (invitation_id, kind) WHERE kind IN ('expires_7', 'expires_3', 'expires_1');

CREATE TABLE invitation_watch (
  cloud text PRIMARY KEY,
  looked_at timestamptz NOT NULL
);

-- +goose Down
SELECT 1;
