"""The pypi (hosted) recipe."""
