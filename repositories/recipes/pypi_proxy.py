"""The pypi (proxy) recipe."""
