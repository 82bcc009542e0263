"""Rules of the blob stores: standard library only."""
