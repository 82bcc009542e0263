"""`manage.py serve`: the same as `repoman serve`."""

from typing import Any

from django.core.management.base import BaseCommand

from repoman.serve.supervisor import replace_process


class Command(BaseCommand):
    help = "Run the server: web, background work and broker, until Ctrl-C."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        replace_process(["serve"])
