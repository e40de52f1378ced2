"""This package keeps a folder like tests/client from hiding the real package ``client``."""
