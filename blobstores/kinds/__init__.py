"""Kinds of blob store, one file each; a kind registers itself by a module-level ``KIND``."""
