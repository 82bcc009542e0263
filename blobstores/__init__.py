"""Blob stores: where bytes lie. Knows nothing of repositories."""
