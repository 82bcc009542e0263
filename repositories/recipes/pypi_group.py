"""The pypi (group) recipe."""
