-- Change events: which worker follows the CRM's stream of them, how far it is, and how it goes.

-- +goose Up
CREATE TABLE crm_stream (
  id text PRIMARY KEY,
  position text NOT NULL DEFAULT '',
  positioned_at timestamptz,
  holder text NOT NULL DEFAULT '',
  leased_until timestamptz,
  state text NOT NULL DEFAULT 'off' CHECK (state IN ('off', 'waiting', 'streaming', 'broken')),
  reason text NOT NULL DEFAULT '',
  since timestamptz,
  heard_at timestamptz,
  event_at timestamptz,
  events bigint NOT NULL DEFAULT 0,
  gaps bigint NOT NULL DEFAULT 0,
  lost bigint NOT NULL DEFAULT 0
);
INSERT INTO crm_stream (id) VALUES ('salesforce');
