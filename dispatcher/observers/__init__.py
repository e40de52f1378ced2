"""What people and programs are told about a dispatcher. Nothing is decided here."""
