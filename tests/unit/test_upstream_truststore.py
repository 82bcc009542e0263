"""Certificates pasted into the truststore."""

import pytest

from repositories import queries
from repositories.models import TrustedCertificate
from repositories.services import truststore
from repositories.services.truststore import CertificateInvalid
from tests.simulators.certificates import Authority, make_authority


@pytest.fixture
def authority(tmp_path) -> Authority:
    return make_authority(tmp_path, "Acme root")


@pytest.mark.django_db
def test_several_certificates_in_one_paste(authority, tmp_path) -> None:
    text = f"subject=CN=Acme\r\n{authority.pem}\nsome words\n{authority.server_pem}"
    rows = truststore.add(pem=text)
    assert [row.name for row in rows] == ["Acme root", "127.0.0.1"]
    root = rows[0]
    assert (root.subject, root.issuer) == ("CN=Acme root", "CN=Acme root")
    assert root.not_after == authority.ends
    assert len(root.sha256) == 64


@pytest.mark.django_db
def test_the_same_certificate_is_kept_once(authority) -> None:
    first = truststore.add(pem=authority.pem, name="First")
    second = truststore.add(pem=authority.pem, name="Second")
    assert [row.pk for row in first] == [row.pk for row in second]
    assert TrustedCertificate.objects.get().name == "First"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No certificate was found"),
        ("hello", "No certificate was found"),
        ("-----BEGIN CERTIFICATE-----\nMIIB", "No certificate was found"),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "Certificate 1 of the text cannot be read"),
        ("-----BEGIN CERTIFICATE-----\n한글\n-----END CERTIFICATE-----", "Certificate 1 of the text cannot be read"),
        ("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", "holds a private key"),
        ("x" * 300_000, "too long"),
    ],
)
def test_pastes_that_cannot_be_used(text: str, message: str) -> None:
    with pytest.raises(CertificateInvalid, match=message):
        truststore.add(pem=text)
    assert not TrustedCertificate.objects.exists()


@pytest.mark.django_db
def test_one_bad_certificate_adds_none(authority) -> None:
    with pytest.raises(CertificateInvalid, match="Certificate 2"):
        truststore.add(pem=authority.pem + "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----")
    assert not TrustedCertificate.objects.exists()


@pytest.mark.django_db
def test_every_change_of_the_set_is_noticed(authority, django_assert_num_queries) -> None:
    assert queries.truststore() == ""
    (row,) = truststore.add(pem=authority.pem)
    assert queries.truststore() == authority.pem
    with django_assert_num_queries(1):
        assert queries.truststore() == authority.pem
    assert truststore.remove(certificate_id=row.pk) is True
    assert queries.truststore() == ""
    truststore.add(pem=authority.server_pem)
    assert queries.truststore() == authority.server_pem
    assert truststore.remove(certificate_id=row.pk) is False
