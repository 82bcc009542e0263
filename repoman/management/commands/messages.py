"""`manage.py messages`: bring the catalogues of translations in line with code and templates, and compile them."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from repoman import catalogues


class Command(BaseCommand):
    help = "Collect translatable texts into locale/ and compile the catalogues; --check only says what is missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail when a catalogue is incomplete")

    def handle(self, *args: Any, **options: Any) -> None:
        faults = []
        for catalogue in Path(settings.BASE_DIR).glob("locale/*/LC_MESSAGES/django.po"):
            if not options["check"]:
                catalogues.update(settings.BASE_DIR, catalogue)
                catalogues.compile_catalogue(catalogue, anyway=True)
            faults += [f"{catalogue.parts[-3]}: {fault}" for fault in catalogues.faults(settings.BASE_DIR, catalogue)]
        for fault in faults:
            self.stderr.write(fault)
        if faults and options["check"]:
            raise CommandError(f"{len(faults)} texts are not translated")
