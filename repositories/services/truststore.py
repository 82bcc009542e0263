"""The truststore: certificates that proxies may trust beside the system's own.

There is no cached copy to refresh: `queries.truststore` notices every change by itself, in each process.
"""

import re
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from repositories.models import TrustedCertificate

MAX_PASTE = 256 * 1024
MAX_CERTIFICATES = 50
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_KINDS = ("CERTIFICATE", "X509 CERTIFICATE")


class CertificateInvalid(ValueError):
    """The paste cannot be used. ``message`` is a translatable sentence for the person who pasted it."""

    def __init__(self, message: object) -> None:
        super().__init__(str(message))
        self.message = message


def add(*, pem: str, name: str = "") -> list[TrustedCertificate]:
    """Add every certificate of a paste; one that is there already is returned as it is.

    Without ``name`` each gets its common name. Raises CertificateInvalid, and then nothing is added.
    """
    certificates = _read(pem)
    with transaction.atomic():
        return [_add(certificate, name) for certificate in certificates]


def remove(*, certificate_id: int) -> bool:
    """Returns whether there was such a certificate."""
    deleted, _models = TrustedCertificate.objects.filter(pk=certificate_id).delete()
    return bool(deleted)


def _add(certificate: x509.Certificate, name: str) -> TrustedCertificate:
    pem = certificate.public_bytes(Encoding.PEM).decode()
    row, _made = TrustedCertificate.objects.get_or_create(
        sha256=certificate.fingerprint(SHA256()).hex(),
        defaults={
            "name": (name.strip() or _common_name(certificate))[:128],
            "pem": pem,
            "subject": certificate.subject.rfc4514_string()[:500],
            "issuer": certificate.issuer.rfc4514_string()[:500],
            "not_after": _not_after(certificate),
        },
    )
    return row


def _read(pem: str) -> list[x509.Certificate]:
    if len(pem) > MAX_PASTE:
        raise CertificateInvalid(_("The text is too long; paste the certificates alone."))
    blocks = list(_BLOCK.finditer(pem))
    if any("PRIVATE KEY" in block[1] for block in blocks) or "PRIVATE KEY-----" in pem:
        raise CertificateInvalid(
            _("The text holds a private key. Paste certificates only, and treat that key as disclosed.")
        )
    found = [block[0] for block in blocks if block[1] in _KINDS]
    if not found:
        raise CertificateInvalid(
            _(
                "No certificate was found. Paste the PEM text from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."
            )
        )
    if len(found) > MAX_CERTIFICATES:
        raise CertificateInvalid(_("The text holds too many certificates; paste only those that are needed."))
    certificates = []
    for number, text in enumerate(found, start=1):
        try:
            certificate = x509.load_pem_x509_certificate(text.encode())
            certificate.subject.rfc4514_string()
        except (ValueError, TypeError):
            raise CertificateInvalid(
                _("Certificate %(number)d of the text cannot be read; it may be cut off.") % {"number": number}
            ) from None
        certificates.append(certificate)
    return certificates


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string() or "certificate"


def _not_after(certificate: x509.Certificate) -> datetime:
    return certificate.not_valid_after_utc
