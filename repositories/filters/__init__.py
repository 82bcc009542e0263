"""Index filters, one file each; a filter registers itself by a module-level ``FILTER``."""
