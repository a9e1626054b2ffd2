"""The reference receiver's tables. Rows of `events` are never updated."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    terminal TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    mac TEXT NOT NULL,
    prev TEXT NOT NULL,
    kind TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    verdict TEXT,
    reason TEXT NOT NULL,
    card TEXT NOT NULL,
    person TEXT NOT NULL,
    body TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (terminal, epoch, seq)
);

-- What could not be taken as an event, and the bytes it came in, once each.
CREATE TABLE IF NOT EXISTS quarantine (
    terminal TEXT NOT NULL,
    epoch TEXT NOT NULL,            -- empty: the batch did not even name its rows
    seq INTEGER NOT NULL,
    reason TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES raw (digest),
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (terminal, epoch, seq, digest)
);
CREATE TABLE IF NOT EXISTS raw (
    digest TEXT PRIMARY KEY,        -- SM3
    payload BLOB NOT NULL
);

-- How far each journal is here without a gap, and how far it was verified.
CREATE TABLE IF NOT EXISTS epochs (
    terminal TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,             -- of row `seq`; empty when that one is in quarantine
    first_ms INTEGER NOT NULL,
    PRIMARY KEY (terminal, epoch)
);

CREATE TABLE IF NOT EXISTS alarms (
    terminal TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,             -- conflict, chain, mac
    raised_ms INTEGER NOT NULL,
    PRIMARY KEY (terminal, epoch, seq, kind)
);

-- Remarks on accepted rows; the rows stay as they are.
CREATE TABLE IF NOT EXISTS flags (
    terminal TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    flag TEXT NOT NULL,             -- revoked-since
    PRIMARY KEY (terminal, epoch, seq, flag)
);
CREATE TABLE IF NOT EXISTS revoked (
    list TEXT NOT NULL,
    reference TEXT NOT NULL,        -- of a card or a person
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (reference, list)
);

CREATE TABLE IF NOT EXISTS terminals (
    terminal TEXT PRIMARY KEY,
    city TEXT NOT NULL,
    session TEXT NOT NULL,
    state TEXT NOT NULL,
    version TEXT NOT NULL,
    held TEXT NOT NULL,             -- JSON: "list/blacklist" → version
    changed_ms INTEGER NOT NULL
);

-- The newest of everything that was ever published, as signed.
CREATE TABLE IF NOT EXISTS publications (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    audience TEXT NOT NULL,         -- a terminal, a city, or *
    version INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    published_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, name, audience)
);
-- Of a list in `publications` what changed since the version before it, signed as the same version.
CREATE TABLE IF NOT EXISTS deltas (
    name TEXT NOT NULL,
    audience TEXT NOT NULL,
    version INTEGER NOT NULL,
    base INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    PRIMARY KEY (name, audience)
);
CREATE TABLE IF NOT EXISTS applied (
    terminal TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    result TEXT NOT NULL,
    code TEXT NOT NULL,
    answered_ms INTEGER NOT NULL,
    PRIMARY KEY (terminal, kind, name, version)
);
"""
