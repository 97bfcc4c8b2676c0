-- What people choose for themselves: how the console looks to them, and the views of lists that they keep by name.

-- A word that is empty was never chosen: the browser's wish holds, then what the console has for everybody.
CREATE TABLE user_preferences (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    language TEXT NOT NULL DEFAULT '' CHECK (language IN ('', 'pt-BR', 'en')),
    theme TEXT NOT NULL DEFAULT '' CHECK (theme IN ('', 'auto', 'light', 'dark')),
    zone TEXT NOT NULL DEFAULT '', -- a name of the IANA time zone database
    changed_ms BIGINT NOT NULL DEFAULT 0
);

-- A view is a set of filters; its address shows the same to everybody who may see the rows.
CREATE TABLE saved_views (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36), -- a UUID
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    filters_json TEXT NOT NULL DEFAULT '{}',
    is_default BIGINT NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)), -- what the list begins with
    created_ms BIGINT NOT NULL
);

CREATE UNIQUE INDEX idx_saved_views_name ON saved_views (user_id, lower(name));
CREATE UNIQUE INDEX idx_saved_views_default ON saved_views (user_id) WHERE is_default = 1;
