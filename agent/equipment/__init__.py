"""What stands at a lane: readers, barriers, prompts, and who may use them when."""
