"""Attestations that come with an upload (PEP 740): stored when they speak about this very file.

Signatures are not verified here: that needs an identity policy and a trust root. What is checked is that each attestation
names this file and its digest, so that nobody can hang another file's provenance on it.
"""

import base64
import binascii
import json
from typing import Any

from repositories.domain.errors import InvalidRequest

MAX_ATTESTATIONS = 16
MAX_LENGTH = 1024 * 1024


def provenance_object(attestations: str, *, filename: str, sha256: str, publisher: str) -> dict[str, Any] | None:
    """Make the provenance object from the form's JSON array; None for an empty field.

    Raises InvalidRequest when it is not a list of version 1 attestations about ``filename`` with ``sha256``.
    """
    if not attestations:
        return None
    try:
        if len(attestations) > MAX_LENGTH:
            raise ValueError("too long")
        entries = json.loads(attestations)
        if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_ATTESTATIONS:
            raise ValueError("not a list of attestations")
        for entry in entries:
            _check(entry, filename, sha256)
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as error:
        raise InvalidRequest(f"Invalid attestations supplied during upload: {_reason(error)}") from error
    return {
        "version": 1,
        "attestation_bundles": [{"publisher": {"kind": "Repoman", "user": publisher}, "attestations": entries}],
    }


def _check(entry: Any, filename: str, sha256: str) -> None:
    if entry["version"] != 1 or not isinstance(entry["verification_material"], dict):
        raise ValueError("only attestations of version 1 are known")
    statement = json.loads(base64.b64decode(entry["envelope"]["statement"], validate=True))
    subjects = statement["subject"]
    if len(subjects) != 1 or subjects[0]["name"] != filename or subjects[0]["digest"]["sha256"] != sha256:
        raise ValueError("the subject is not this file")


def _reason(error: Exception) -> str:
    return str(error) if type(error) is ValueError else "they are malformed"
