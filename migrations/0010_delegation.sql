-- Up Migration

-- The agents before the one in "actor", nearest first. A copy of an earlier build knows none, and lets none in.
ALTER TABLE sessions ADD COLUMN through text[] NOT NULL DEFAULT '{}';
