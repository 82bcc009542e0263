"""Celery tasks of the repositories."""
