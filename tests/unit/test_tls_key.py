"""The TLS key: every common form is taken, and what does not fit is named."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat, load_pem_private_key

from repoman.configuration import ConfigurationError
from repoman.serve.tls import prepare_key
from tests.certificates import certificate, key_pem, write_pair


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)])
def test_key_becomes_pkcs8_for_the_owner_alone(tmp_path, key, form):
    pair = write_pair(tmp_path, key, form)
    target = tmp_path / "data" / "tls" / "key.pem"
    target.parent.parent.mkdir()
    prepare_key(*pair, target)
    assert target.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert target.stat().st_mode & 0o777 == 0o600
    assert load_pem_private_key(target.read_bytes(), None).private_numbers() == key.private_numbers()


def test_key_of_another_certificate_is_refused(tmp_path):
    pair = write_pair(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    pair[1].write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(ConfigurationError, match="REPOMAN_TLS_KEY does not belong to the first certificate"):
        prepare_key(*pair, tmp_path / "key")


def test_certificate_that_has_run_out_is_refused(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    pair = write_pair(tmp_path, key)
    pair[0].write_bytes(certificate(key, lasts=-timedelta(days=1)))
    with pytest.raises(ConfigurationError, match=r"^The TLS certificate ran out on \d{4}-\d\d-\d\d$"):
        prepare_key(*pair, tmp_path / "key")


@pytest.mark.parametrize(("broken", "name"), [(0, "REPOMAN_TLS_CERTIFICATE"), (1, "REPOMAN_TLS_KEY")])
def test_file_that_is_no_pem_is_named(tmp_path, broken, name):
    pair = write_pair(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    pair[broken].write_bytes(b"not a PEM")
    with pytest.raises(ConfigurationError, match=name):
        prepare_key(*pair, tmp_path / "key")
