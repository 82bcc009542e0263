"""The TLS key in the form the web server reads, checked against its certificate before anything listens."""

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from repoman.configuration import ConfigurationError
from repoman.toolbox import clock


def prepare_key(certificate: Path, key: Path, target: Path) -> None:
    """Write the private key as PKCS#8 (the only form the web server reads) to ``target``, mode 600.

    Raises ConfigurationError when either file is no PEM, they do not belong together or the certificate has run out.
    """
    try:
        leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except (OSError, ValueError):
        raise ConfigurationError("REPOMAN_TLS_CERTIFICATE is not a certificate in PEM form") from None
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        raise ConfigurationError("REPOMAN_TLS_KEY is not a private key in PEM form without a password") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise ConfigurationError("REPOMAN_TLS_KEY does not belong to the first certificate of REPOMAN_TLS_CERTIFICATE")
    if leaf.not_valid_after_utc < clock.now():
        raise ConfigurationError(f"The TLS certificate ran out on {leaf.not_valid_after_utc:%Y-%m-%d}")
    target.parent.mkdir(mode=0o700, exist_ok=True)
    scratch = target.with_name(target.name + ".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    os.replace(scratch, target)
