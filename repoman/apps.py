"""Django's registration of the wiring app: commands, checks and shared template tags."""

from django.apps import AppConfig


class RepomanConfig(AppConfig):
    name = "repoman"
