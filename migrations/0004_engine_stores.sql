-- Up Migration

-- Where relationships are when an OpenFGA server keeps them; `relationships` and its log are then a copy that
-- follows. Stores and models are pinned by `clearance migrate` alone.
CREATE TABLE engine_server (
  only_row             boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  bookkeeping_store_id text NOT NULL,
  bookkeeping_model_id text NOT NULL
);
CREATE TABLE engine_stores (
  tenant      text PRIMARY KEY,
  store_id    text NOT NULL UNIQUE,
  model_id    text NOT NULL,
  model_hash  text NOT NULL,
  -- The highest generation given out, and the highest whose changes are known to be in the engine.
  generation  bigint NOT NULL DEFAULT 0,
  confirmed   bigint NOT NULL DEFAULT 0,
  -- The last line of the engine's log of changes that the copy holds.
  last_change jsonb,
  -- Why the service is closed to this tenant.
  closed      text
);
