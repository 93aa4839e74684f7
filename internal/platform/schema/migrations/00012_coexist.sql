-- Salesforce's records that were merged or are gone for good, and what other co-sell tools of the organisation say.

-- +goose Up
ALTER TABLE account ADD COLUMN master_crm_id text NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN purged boolean NOT NULL DEFAULT false;
CREATE INDEX account_master ON account (master_crm_id) WHERE master_crm_id <> '';
ALTER TABLE opportunity ADD COLUMN purged boolean NOT NULL DEFAULT false;
CREATE INDEX opportunity_deleted ON opportunity (id) WHERE deleted;
CREATE INDEX opportunity_contact_contact ON opportunity_contact (contact_crm_id);
-- How often somebody deleted the registration's record in Salesforce.
ALTER TABLE registration ADD COLUMN crm_gone bigint NOT NULL DEFAULT 0;

-- What a person said about the records of other tools: 'ours' for registering all the same, else the partner's id to follow.
ALTER TABLE registration ADD COLUMN claim_choice text NOT NULL DEFAULT '';
CREATE TABLE registration_claim (
  crm_id text PRIMARY KEY,
  tool text NOT NULL,
  object text NOT NULL,
  opportunity_crm_id text NOT NULL,
  cloud text NOT NULL CHECK (cloud IN ('aws', 'azure', 'gcp')),
  remote_id text NOT NULL DEFAULT '',
  status text NOT NULL DEFAULT '',
  deleted boolean NOT NULL DEFAULT false,
  crm_modstamp timestamptz NOT NULL
);
CREATE INDEX registration_claim_opportunity ON registration_claim (opportunity_crm_id);

-- Which of our fields an object was read with, and since when it lacks some.
ALTER TABLE crm_cursor ADD COLUMN fields text NOT NULL DEFAULT '';
ALTER TABLE crm_cursor ADD COLUMN narrowed_at timestamptz;

-- +goose Down
SELECT 1;
