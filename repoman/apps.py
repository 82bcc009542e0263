"""Django's registration of the wiring app: commands, checks and shared template tags."""

from django.apps import AppConfig


class RepomanConfig(AppConfig):
    name = "repoman"

    def ready(self) -> None:
        from repoman import checks  # noqa: F401 - registers the checks
