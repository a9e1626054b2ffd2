"""Settings that all terminals of one kind share: TOML files that lie under a terminal's own."""
