"""A package, so that tests/client does not shadow the package client."""
