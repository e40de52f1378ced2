"""The simulator: deterministic, clean on this code, and not on broken code."""
