"""The `repoman` command."""
