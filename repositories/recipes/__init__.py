"""Repository types, one file each; a type registers itself by a module-level ``RECIPE``."""
