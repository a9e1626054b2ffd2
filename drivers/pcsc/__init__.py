"""PC/SC readers: the watcher, a slot and its card, and what pcscd says, by what it means."""
