"""Upstream HTTP: the only file that opens outbound connections."""
