-- +goose Up
-- What the program has to remember and nobody may read: sealed under a key that
-- the database does not hold.
CREATE TABLE secret (
  name text PRIMARY KEY,
  sealed text NOT NULL,
  updated_at timestamptz NOT NULL
);

-- +goose Down
SELECT 1;
