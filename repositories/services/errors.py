"""What a service raises when a form or a request cannot be meant: messages by field."""

from collections.abc import Mapping
from typing import Any


class ServiceErrors(Exception):
    """Nothing was changed. ``errors`` maps a field (or "" for the whole) to one translatable sentence for people."""

    def __init__(self, errors: Mapping[str, Any]) -> None:
        super().__init__(", ".join(field or "-" for field in errors))
        self.errors = dict(errors)
