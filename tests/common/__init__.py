"""A package of its own, so that a folder like tests/client never stands in for the real client."""
