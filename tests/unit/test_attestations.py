"""Attestations of an upload (PEP 740): kept when they are about this very file, refused otherwise."""

import base64
import json

import pytest

from repositories.domain.attestations import provenance_object
from repositories.domain.errors import InvalidRequest

WHEEL = "demo_pkg-1.0-py3-none-any.whl"
DIGEST = "a" * 64


def attestation(name: str = WHEEL, digest: str = DIGEST, **changes) -> dict:
    statement = {"_type": "x", "subject": [{"name": name, "digest": {"sha256": digest}}]}
    encoded = base64.b64encode(json.dumps(statement).encode()).decode()
    return {"version": 1, "verification_material": {}, "envelope": {"statement": encoded, "signature": ""}, **changes}


def made(attestations: str):
    return provenance_object(attestations, filename=WHEEL, sha256=DIGEST, publisher="kim")


def test_pep740_attestations_about_this_file_become_a_provenance_object():
    assert made(json.dumps([attestation()])) == {
        "version": 1,
        "attestation_bundles": [{"publisher": {"kind": "Repoman", "user": "kim"}, "attestations": [attestation()]}],
    }


def test_no_attestations_make_no_provenance():
    assert made("") is None


@pytest.mark.parametrize(
    ("attestations", "reason"),
    [
        (json.dumps([attestation(), attestation("other.whl")]), "the subject is not this file"),
        (json.dumps([attestation(digest="0" * 64)]), "the subject is not this file"),
        (json.dumps([attestation(version=2)]), "only attestations of version 1 are known"),
        (json.dumps([attestation()] * 17), "not a list of attestations"),
        (json.dumps([attestation(envelope={"statement": "?"})]), "they are malformed"),
        (json.dumps([attestation(envelope={"statement": 7})]), "they are malformed"),
        (json.dumps([attestation(envelope={"statement": "gA=="})]), "they are malformed"),
        ("[1]", "they are malformed"),
        ("[{}]", "they are malformed"),
        ("{}", "not a list of attestations"),
        ("[]", "not a list of attestations"),
        ("[" * 100_000, "they are malformed"),
        (" " * 1024**2 + "[]", "too long"),
    ],
)
def test_pep740_other_attestations_are_refused(attestations, reason):
    with pytest.raises(InvalidRequest) as caught:
        made(attestations)
    assert caught.value.detail == f"Invalid attestations supplied during upload: {reason}"
