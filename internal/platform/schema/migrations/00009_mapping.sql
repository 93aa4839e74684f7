-- Field mapping: its versions, and by which mapping each record of the mirror was read.

-- +goose Up
CREATE TABLE mapping_version (
  version bigint PRIMARY KEY,
  mapping text NOT NULL,
  reason text NOT NULL,
  saved_by text NOT NULL,
  saved_at timestamptz NOT NULL
);

-- A record that another mapping read is taken again, though Salesforce did not change it.
ALTER TABLE opportunity ADD COLUMN mapped_by text NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN mapped_by text NOT NULL DEFAULT '';
ALTER TABLE opportunity_contact ADD COLUMN mapped_by text NOT NULL DEFAULT '';
ALTER TABLE crm_cursor ADD COLUMN mapped_by text NOT NULL DEFAULT '';

-- +goose Down
SELECT 1;
