"""The journal of one terminal, its outbox, and the lists that decisions look into."""
