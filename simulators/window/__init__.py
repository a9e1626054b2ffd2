"""A service window and its made-up day: who comes, what he shows, what the clerk's program asks."""
