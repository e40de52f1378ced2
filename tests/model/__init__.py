"""The searches of docs/model: what must hold, broken variants that must be caught, and the reader of spin's words."""
