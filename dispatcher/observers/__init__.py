"""State, history and statistics of a dispatcher for people and programs. Nothing is decided here."""
