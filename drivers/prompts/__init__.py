"""What tells a person the result: voice, lamps, buzzers. A prompt comes in and is shown at once."""
