-- Up Migration

CREATE EXTENSION IF NOT EXISTS vector;

-- The one vector space of this store: vectors of two models are never compared.
CREATE TABLE embedding_space (
  only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  model     text NOT NULL,
  dimension int NOT NULL
);

-- A row stays after its document is deleted (source and published_version null), so that a version
-- number is never used twice and a release can't take a new text for the old one.
CREATE TABLE documents (
  no                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant            text NOT NULL,
  id                text COLLATE "C" NOT NULL,
  source            text,
  version           int NOT NULL DEFAULT 0,
  published_version int,
  UNIQUE (tenant, id)
);

CREATE TABLE versions (
  document_no bigint NOT NULL REFERENCES documents (no),
  version     int NOT NULL,
  title       text NOT NULL,
  metadata    jsonb NOT NULL,
  source_url  text,
  text_hash   bytea NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (document_no, version)
);

-- What search sees. No text: that is in chunk_texts, which only release reads. The embedding comes first of
-- the columns of varying width: at a fixed offset it is read in a third of the time.
CREATE TABLE chunks (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  document_no bigint NOT NULL REFERENCES documents (no),
  version     int NOT NULL,
  ordinal     int NOT NULL,
  embedding   vector NOT NULL,
  weights     sparsevec NOT NULL,
  lexemes     tsvector NOT NULL,
  text_hash   bytea NOT NULL,
  tenant      text NOT NULL
);
-- Out-of-line storage makes an exact scan of wide vectors 3.5 times slower.
ALTER TABLE chunks ALTER COLUMN embedding SET STORAGE PLAIN;
ALTER TABLE chunks ALTER COLUMN weights SET STORAGE MAIN;
-- No plan depends on their distribution, and sampling them takes a second.
ALTER TABLE chunks ALTER COLUMN lexemes SET STATISTICS 0, ALTER COLUMN weights SET STATISTICS 0,
  ALTER COLUMN embedding SET STATISTICS 0;
CREATE INDEX chunks_document ON chunks (document_no, version);
CREATE INDEX chunks_text_hash ON chunks (tenant, text_hash);
CREATE INDEX chunks_lexemes ON chunks USING gin (lexemes);

CREATE TABLE chunk_texts (
  chunk_id bigint PRIMARY KEY REFERENCES chunks (id) ON DELETE CASCADE,
  text     text NOT NULL
);

-- Counted over published chunks, for the inverse document frequency.
CREATE TABLE collections (
  tenant text PRIMARY KEY,
  chunks bigint NOT NULL
);
CREATE TABLE lexeme_frequencies (
  tenant    text NOT NULL,
  dimension int NOT NULL,
  chunks    int NOT NULL,
  PRIMARY KEY (tenant, dimension)
) WITH (fillfactor = 50);

-- Names of metadata fields ever used, so that a filter on a misspelt one is an error and not an empty answer.
CREATE TABLE metadata_fields (
  tenant text NOT NULL,
  name   text NOT NULL,
  PRIMARY KEY (tenant, name)
);

-- A lexeme's dimension in `weights`: 29 bits of its hash, for a sparsevec has at most 1e9 dimensions.
CREATE FUNCTION lexeme_dimension(lexeme text) RETURNS int
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN (('x' || substr(md5(lexeme), 1, 8))::bit(32)::bigint & 536870911)::int + 1;

-- BM25's weight of each lexeme in a passage, without the idf: tf (k1 + 1) / (tf + k1 (1 - b + b length / pivot))
-- with k1 = 1.2 and b = 0.75. The pivot is a constant and not the collection's mean length, so that a
-- passage's score does not move when another one is added.
CREATE FUNCTION bm25_weights(lexemes tsvector) RETURNS sparsevec
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN (
    WITH counted AS (
      SELECT lexeme_dimension(lexeme) AS dimension, cardinality(positions) AS tf FROM unnest(lexemes)
    ), passage AS (
      SELECT sum(tf) AS length FROM counted
    ), weighted AS (
      SELECT dimension, sum(tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length / 120)))::float4 AS weight
      FROM counted, passage GROUP BY dimension
    )
    SELECT ('{' || coalesce(string_agg(dimension || ':' || weight, ','), '') || '}/536870912')::sparsevec FROM weighted
  );
