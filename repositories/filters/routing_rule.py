"""Routing rules: allow or block projects by name pattern."""
