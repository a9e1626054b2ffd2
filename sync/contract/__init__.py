"""What terminal and platform say to each other: topics, messages, AsyncAPI and JSON Schemas.

These are the truth for both ends, in whatever language the other one is written.
"""
