"""Tests, in drawers; README.md says what goes where."""
