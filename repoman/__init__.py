"""Repoman: a repository manager for Python packages. This package is wiring and toolbox; it holds no rules."""

__version__ = "0.1.0"
