-- A version of the definitions holds rules beside fences; one that changes only one of them keeps
-- the other as it is.
ALTER TABLE definitions ADD COLUMN rules jsonb NOT NULL DEFAULT '{}';   -- as `rules_from_json` reads
