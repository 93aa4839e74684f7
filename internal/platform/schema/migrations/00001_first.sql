-- The first house: people, the Salesforce mirror, registrations, activities, and what the platform keeps.

-- +goose Up
CREATE TABLE person (
  id text PRIMARY KEY,
  crm_id text UNIQUE,
  name text NOT NULL,
  name_key text NOT NULL,
  email text NOT NULL DEFAULT '',
  email_key text NOT NULL DEFAULT '',
  title text NOT NULL DEFAULT '',
  role_name text NOT NULL DEFAULT '',
  level text NOT NULL DEFAULT 'reader' CHECK (level IN ('reader', 'associate', 'abdm', 'senior', 'director', 'senior_director')),
  region text NOT NULL DEFAULT '',
  active boolean NOT NULL DEFAULT true,
  password_hash text NOT NULL DEFAULT '',
  crm_modstamp timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL DEFAULT 1
);
CREATE INDEX person_email ON person (email_key);
CREATE UNIQUE INDEX person_user_email ON person (email_key) WHERE password_hash <> '';

CREATE TABLE session (
  token text PRIMARY KEY,
  data bytea NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE login_failure (
  subject text PRIMARY KEY,
  failures bigint NOT NULL,
  last_at timestamptz NOT NULL
);

CREATE TABLE api_token (
  id text PRIMARY KEY,
  person_id text NOT NULL REFERENCES person (id),
  name text NOT NULL,
  hash text NOT NULL UNIQUE,
  hint text NOT NULL,
  scopes text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);
CREATE INDEX api_token_person ON api_token (person_id);

CREATE TABLE account (
  id text PRIMARY KEY,
  crm_id text NOT NULL UNIQUE,
  name text NOT NULL,
  name_key text NOT NULL,
  type text NOT NULL DEFAULT '',
  website text NOT NULL DEFAULT '',
  domains text NOT NULL DEFAULT '',
  duns text NOT NULL DEFAULT '',
  industry text NOT NULL DEFAULT '',
  phone text NOT NULL DEFAULT '',
  street text NOT NULL DEFAULT '',
  city text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT '',
  postal_code text NOT NULL DEFAULT '',
  country text NOT NULL DEFAULT '',
  segment text NOT NULL DEFAULT '',
  geo text NOT NULL DEFAULT '',
  region text NOT NULL DEFAULT '',
  territory text NOT NULL DEFAULT '',
  employees bigint,
  parent_crm_id text NOT NULL DEFAULT '',
  owner_crm_id text NOT NULL DEFAULT '',
  owner_name text NOT NULL DEFAULT '',
  aws_account_id text NOT NULL DEFAULT '',
  deleted boolean NOT NULL DEFAULT false,
  crm_modstamp timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL DEFAULT 1
);
CREATE INDEX account_name ON account (name_key, id);

CREATE TABLE opportunity (
  id text PRIMARY KEY,
  crm_id text NOT NULL UNIQUE,
  account_id text NOT NULL DEFAULT '',
  account_crm_id text NOT NULL DEFAULT '',
  account_name text NOT NULL DEFAULT '',
  name text NOT NULL,
  name_key text NOT NULL,
  type text NOT NULL DEFAULT '',
  stage text NOT NULL DEFAULT '',
  closed boolean NOT NULL DEFAULT false,
  won boolean NOT NULL DEFAULT false,
  forecast_category text NOT NULL DEFAULT '',
  close_on text NOT NULL DEFAULT '',
  start_on text NOT NULL DEFAULT '',
  end_on text NOT NULL DEFAULT '',
  currency text NOT NULL DEFAULT '',
  amount_minor bigint,
  arr_net_minor bigint,
  arr_basis_minor bigint,
  order_type text NOT NULL DEFAULT '',
  deal_path text NOT NULL DEFAULT '',
  sql_source text NOT NULL DEFAULT '',
  lead_source text NOT NULL DEFAULT '',
  description text NOT NULL DEFAULT '',
  next_steps text NOT NULL DEFAULT '',
  lost_reason text NOT NULL DEFAULT '',
  competitors text NOT NULL DEFAULT '',
  fulfillment_partner_crm_id text NOT NULL DEFAULT '',
  fulfillment_partner text NOT NULL DEFAULT '',
  influence_partner_crm_id text NOT NULL DEFAULT '',
  influence_partner text NOT NULL DEFAULT '',
  dr_partner_crm_id text NOT NULL DEFAULT '',
  dr_partner text NOT NULL DEFAULT '',
  dr_deal_type text NOT NULL DEFAULT '',
  distributor text NOT NULL DEFAULT '',
  resale_track text NOT NULL DEFAULT '',
  partner_margin text NOT NULL DEFAULT '',
  segment text NOT NULL DEFAULT '',
  geo text NOT NULL DEFAULT '',
  region text NOT NULL DEFAULT '',
  area text NOT NULL DEFAULT '',
  push_count bigint NOT NULL DEFAULT 0,
  owner_crm_id text NOT NULL DEFAULT '',
  owner_name text NOT NULL DEFAULT '',
  deleted boolean NOT NULL DEFAULT false,
  crm_created_at timestamptz,
  crm_modstamp timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL DEFAULT 1
);
-- One for each order of the list, to be walked until a page is full.
CREATE INDEX opportunity_close ON opportunity (close_on, id) WHERE NOT deleted;
CREATE INDEX opportunity_open_close ON opportunity (closed, close_on, id) WHERE NOT deleted;
CREATE INDEX opportunity_stage_close ON opportunity (stage, close_on, id) WHERE NOT deleted;
CREATE INDEX opportunity_name ON opportunity (name_key, id) WHERE NOT deleted;
CREATE INDEX opportunity_account_name ON opportunity (account_name, id) WHERE NOT deleted;
CREATE INDEX opportunity_owner_name ON opportunity (owner_name, id) WHERE NOT deleted;
CREATE INDEX opportunity_amount ON opportunity (currency, (coalesce(amount_minor, 0)), id) WHERE NOT deleted;
CREATE INDEX opportunity_updated ON opportunity (crm_modstamp, id) WHERE NOT deleted;
-- What the list filters by and the board adds up, all in one place a tenth as large as the table.
CREATE INDEX opportunity_facets ON opportunity (stage, owner_crm_id, deleted, closed, won, geo, region, segment, order_type, close_on, currency, amount_minor, id);
CREATE INDEX opportunity_account ON opportunity (account_crm_id);

CREATE TABLE opportunity_cloud (
  opportunity_id text NOT NULL REFERENCES opportunity (id),
  cloud text NOT NULL CHECK (cloud IN ('aws', 'azure', 'gcp')),
  joint boolean NOT NULL,
  source text NOT NULL CHECK (source IN ('rule', 'person')),
  why text NOT NULL,
  decided_by text NOT NULL DEFAULT '',
  decided_at timestamptz NOT NULL,
  PRIMARY KEY (opportunity_id, cloud)
);
CREATE INDEX opportunity_cloud_joint ON opportunity_cloud (cloud, joint, opportunity_id);

CREATE TABLE opportunity_member (
  crm_id text PRIMARY KEY,
  opportunity_crm_id text NOT NULL,
  person_crm_id text NOT NULL,
  name text NOT NULL DEFAULT '',
  email text NOT NULL DEFAULT '',
  title text NOT NULL DEFAULT '',
  phone text NOT NULL DEFAULT '',
  role text NOT NULL DEFAULT '',
  deleted boolean NOT NULL DEFAULT false,
  crm_modstamp timestamptz NOT NULL
);
CREATE INDEX opportunity_member_opportunity ON opportunity_member (opportunity_crm_id);

CREATE TABLE opportunity_contact (
  crm_id text PRIMARY KEY,
  opportunity_crm_id text NOT NULL,
  contact_crm_id text NOT NULL,
  first_name text NOT NULL DEFAULT '',
  last_name text NOT NULL DEFAULT '',
  email text NOT NULL DEFAULT '',
  title text NOT NULL DEFAULT '',
  phone text NOT NULL DEFAULT '',
  role text NOT NULL DEFAULT '',
  is_primary boolean NOT NULL DEFAULT false,
  deleted boolean NOT NULL DEFAULT false,
  crm_modstamp timestamptz NOT NULL
);
CREATE INDEX opportunity_contact_opportunity ON opportunity_contact (opportunity_crm_id);

CREATE TABLE registration (
  id text PRIMARY KEY,
  opportunity_id text NOT NULL REFERENCES opportunity (id),
  cloud text NOT NULL CHECK (cloud IN ('aws', 'azure', 'gcp')),
  state text NOT NULL,
  reason text NOT NULL DEFAULT '',
  remote_id text NOT NULL DEFAULT '',
  remote_version text NOT NULL DEFAULT '',
  remote_status text NOT NULL DEFAULT '',
  remote_stage text NOT NULL DEFAULT '',
  remote_url text NOT NULL DEFAULT '',
  review_comment text NOT NULL DEFAULT '',
  engagement_id text NOT NULL DEFAULT '',
  sellers text NOT NULL DEFAULT '[]',
  motion text NOT NULL DEFAULT '',
  create_token text NOT NULL DEFAULT '',
  submit_token text NOT NULL DEFAULT '',
  submit_task_id text NOT NULL DEFAULT '',
  solution_ids text NOT NULL DEFAULT '',
  findings text NOT NULL DEFAULT '[]',
  blocking bigint NOT NULL DEFAULT 0,
  payload text NOT NULL DEFAULT '',
  remote_record text NOT NULL DEFAULT '',
  remote_summary text NOT NULL DEFAULT '',
  remote_read_at timestamptz,
  checked_version bigint NOT NULL DEFAULT 0,
  error text NOT NULL DEFAULT '',
  error_code text NOT NULL DEFAULT '',
  attempts bigint NOT NULL DEFAULT 0,
  failed_from text NOT NULL DEFAULT '',
  due_at timestamptz,
  crm_dirty boolean NOT NULL DEFAULT true,
  crm_error text NOT NULL DEFAULT '',
  crm_row_id text NOT NULL DEFAULT '',
  offered boolean NOT NULL DEFAULT false,
  created_remote_at timestamptz,
  submitted_at timestamptz,
  decided_at timestamptz,
  state_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL DEFAULT 1,
  UNIQUE (opportunity_id, cloud)
);
CREATE INDEX registration_due ON registration (due_at);
CREATE INDEX registration_state ON registration (state, cloud, opportunity_id);
CREATE INDEX registration_dirty ON registration (crm_dirty) WHERE crm_dirty;

CREATE TABLE activity (
  id text PRIMARY KEY,
  crm_key text NOT NULL UNIQUE,
  opportunity_id text NOT NULL DEFAULT '',
  cloud text NOT NULL DEFAULT '',
  kind text NOT NULL,
  subject text NOT NULL,
  body text NOT NULL DEFAULT '',
  actor_kind text NOT NULL,
  actor_name text NOT NULL DEFAULT '',
  happened_at timestamptz NOT NULL,
  crm_state text NOT NULL CHECK (crm_state IN ('none', 'pending', 'logged', 'failed', 'conflict')),
  crm_task_id text NOT NULL DEFAULT '',
  crm_error text NOT NULL DEFAULT '',
  logged_at timestamptz,
  created_at timestamptz NOT NULL
);
CREATE INDEX activity_opportunity ON activity (opportunity_id, happened_at);
CREATE INDEX activity_pending ON activity (crm_state) WHERE crm_state = 'pending';

CREATE TABLE solution (
  cloud text NOT NULL,
  remote_id text NOT NULL,
  name text NOT NULL,
  category text NOT NULL DEFAULT '',
  status text NOT NULL DEFAULT '',
  seen_at timestamptz NOT NULL,
  PRIMARY KEY (cloud, remote_id)
);

CREATE TABLE connection (
  id text PRIMARY KEY,
  status text NOT NULL DEFAULT 'unknown',
  detail text NOT NULL DEFAULT '',
  checked_at timestamptz,
  synced_at timestamptz,
  failed_at timestamptz,
  error text NOT NULL DEFAULT '',
  error_code text NOT NULL DEFAULT '',
  records bigint NOT NULL DEFAULT 0,
  usage text NOT NULL DEFAULT '[]',
  updated_at timestamptz NOT NULL
);

CREATE TABLE crm_cursor (
  object text PRIMARY KEY,
  modstamp timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE saved_view (
  id text PRIMARY KEY,
  owner_id text NOT NULL,
  noun text NOT NULL,
  name text NOT NULL,
  query text NOT NULL,
  shared boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL DEFAULT 1
);
CREATE INDEX saved_view_owner ON saved_view (noun, owner_id);

CREATE TABLE setting (
  name text PRIMARY KEY,
  value text NOT NULL,
  version bigint NOT NULL DEFAULT 1,
  updated_by text NOT NULL DEFAULT '',
  updated_at timestamptz NOT NULL
);

CREATE TABLE audit_entry (
  seq bigint PRIMARY KEY,
  id text NOT NULL UNIQUE,
  at timestamptz NOT NULL,
  actor_kind text NOT NULL,
  actor_id text NOT NULL DEFAULT '',
  actor_name text NOT NULL DEFAULT '',
  action text NOT NULL,
  subject text NOT NULL,
  detail text NOT NULL DEFAULT '{}',
  prev_hash text NOT NULL,
  hash text NOT NULL
);
CREATE INDEX audit_subject ON audit_entry (subject, seq);

CREATE TABLE audit_head (
  id bigint PRIMARY KEY,
  seq bigint NOT NULL,
  hash text NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');

CREATE TABLE idempotency (
  person_id text NOT NULL,
  idem_key text NOT NULL,
  route text NOT NULL,
  body_hash text NOT NULL,
  status bigint NOT NULL DEFAULT 0,
  headers text NOT NULL DEFAULT '{}',
  body bytea,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (person_id, idem_key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- +goose Down
SELECT 1;
