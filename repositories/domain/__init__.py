"""Rules and values of the product: standard library and `packaging` only, no I/O."""
