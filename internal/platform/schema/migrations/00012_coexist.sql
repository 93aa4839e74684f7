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

-- +goose Down
SELECT 1;
