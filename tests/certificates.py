"""Certificates for tests: made on the spot, for localhost."""

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from repoman.toolbox import clock


def certificate(key, *, lasts: timedelta = timedelta(days=30)) -> bytes:
    """A self-signed certificate in PEM form for localhost and 127.0.0.1."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    end = clock.now() + lasts
    alternatives = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=60))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def key_pem(key, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    """A private key in PEM form."""
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def write_pair(folder: Path, key, form: PrivateFormat = PrivateFormat.PKCS8) -> tuple[Path, Path]:
    """Certificate and key as two files."""
    pair = folder / "certificate.pem", folder / "given-key.pem"
    pair[0].write_bytes(certificate(key))
    pair[1].write_bytes(key_pem(key, form))
    return pair
