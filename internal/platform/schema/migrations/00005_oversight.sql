-- Oversight: the indexes behind coverage and the error inbox, and the runs of acts on many deals.

-- +goose Up
CREATE INDEX registration_standing ON registration (opportunity_id, cloud, state, conflicts, refused, held, outgoing, stale_since, remote_read_at);
CREATE INDEX opportunity_standing ON opportunity (closed, deleted, id, stage, region, owner_crm_id, owner_name);
CREATE INDEX opportunity_open_stage ON opportunity (closed, deleted, stage);
CREATE INDEX registration_crm_refused ON registration (id) WHERE crm_error <> '';
CREATE INDEX registration_edit_refused ON registration_edit (registration_id) WHERE crm_state = 'refused';
CREATE INDEX activity_failed ON activity (id) WHERE crm_state = 'failed';

CREATE TABLE bulk_run (
  id text PRIMARY KEY,
  action text NOT NULL,
  cloud text NOT NULL DEFAULT '',
  detail text NOT NULL DEFAULT '',
  undoes text NOT NULL DEFAULT '',
  actor_kind text NOT NULL,
  actor_id text NOT NULL DEFAULT '',
  actor_name text NOT NULL DEFAULT '',
  actor_level text NOT NULL DEFAULT '',
  begun_at timestamptz NOT NULL,
  ended_at timestamptz
);

CREATE UNIQUE INDEX bulk_run_undoes ON bulk_run (undoes) WHERE undoes <> '';
CREATE INDEX bulk_run_open ON bulk_run (begun_at) WHERE ended_at IS NULL;

CREATE TABLE bulk_row (
  run_id text NOT NULL REFERENCES bulk_run (id) ON DELETE CASCADE,
  at bigint NOT NULL,
  opportunity_id text NOT NULL,
  registration_id text NOT NULL DEFAULT '',
  name text NOT NULL DEFAULT '',
  account_name text NOT NULL DEFAULT '',
  outcome text NOT NULL,
  message text NOT NULL DEFAULT '',
  before_value text NOT NULL DEFAULT '',
  after_value text NOT NULL DEFAULT '',
  PRIMARY KEY (run_id, at)
);

-- +goose Down
SELECT 1;
