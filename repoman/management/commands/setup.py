"""`repoman setup`: migrate and do what the first start does, without serving."""

from typing import Any

from django.core.management.base import BaseCommand

from repoman.serve import prepare


class Command(BaseCommand):
    help = "Migrate the database and make what a new installation starts with; does no harm when repeated."

    def handle(self, *args: Any, **options: Any) -> None:
        prepare.prepare()
        self.stdout.write("Repoman is set up.")
