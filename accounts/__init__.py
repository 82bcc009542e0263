"""Accounts: who is asking and what they may do. Knows nothing of repositories."""
