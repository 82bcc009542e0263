"""Toolbox: small tools every room may use; nothing here imports anything of ours."""
