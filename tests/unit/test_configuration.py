"""Settings from the environment: defaults, and each wrong value named in one line."""

import pytest

from repoman.configuration import Configuration, ConfigurationError


def configuration(**values):
    return Configuration.from_environment({f"REPOMAN_{name}": value for name, value in values.items()})


def test_defaults():
    chosen = configuration()
    chosen.validate()
    assert (chosen.host, chosen.port, chosen.https_port, chosen.workers) == ("127.0.0.1", 8081, None, 1)
    assert (chosen.anonymous_read, chosen.tls, chosen.base_url_checked) == (False, False, "")
    assert chosen.data_dir.name == "data"
    assert chosen.data_dir.is_absolute()


def test_empty_counts_as_not_set():
    assert configuration(PORT="  ").port == 8081


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"PORT": "65536"}, "REPOMAN_PORT is '65536'; it must be a whole number from 0 to 65535"),
        ({"PORT": "٣"}, "REPOMAN_PORT is '٣'; it must be a whole number from 0 to 65535"),
        ({"WORKERS": "0"}, "REPOMAN_WORKERS is '0'; it must be a whole number from 1 to 64"),
        ({"DATABASE_THREADS": "-1"}, "REPOMAN_DATABASE_THREADS is '-1'; it must be a whole number from 1 to 256"),
        ({"TRANSFER_THREADS": "x"}, "REPOMAN_TRANSFER_THREADS is 'x'; it must be a whole number from 1 to 1024"),
        ({"MAX_UPLOAD_MB": "0"}, "REPOMAN_MAX_UPLOAD_MB is '0'; it must be a whole number from 1 to 1048576"),
        (
            {"TRUSTED_PROXIES": "10.0.0.0/8, proxy"},
            "REPOMAN_TRUSTED_PROXIES has 'proxy'; it must be an address or network such as 10.0.0.0/8",
        ),
        (
            {"ACCEL_PREFIX": "blobs", "TRUSTED_PROXIES": "127.0.0.1"},
            "REPOMAN_ACCEL_PREFIX is 'blobs'; it must be a path with a name between two slashes, such as /blobs/",
        ),
        (
            {"ACCEL_PREFIX": "/blobs/"},
            "REPOMAN_ACCEL_PREFIX needs a proxy that sends the files: name nginx's address in REPOMAN_TRUSTED_PROXIES",
        ),
        ({"LOG_FORMAT": "xml"}, "REPOMAN_LOG_FORMAT is 'xml'; it must be text or json"),
        (
            {"HTTPS_PORT": "8443"},
            "REPOMAN_HTTPS_PORT needs a certificate: set REPOMAN_TLS_CERTIFICATE and REPOMAN_TLS_KEY",
        ),
        (
            {"TLS_CERTIFICATE": "/nowhere/c.pem", "TLS_KEY": "/nowhere/k.pem"},
            "REPOMAN_TLS_CERTIFICATE is '/nowhere/c.pem'; there is no such file, or it cannot be read",
        ),
        (
            {"BASE_URL": "ftp://packages.example"},
            "REPOMAN_BASE_URL is 'ftp://packages.example'; it must be an address such as https://packages.example",
        ),
        (
            {"BASE_URL": "http://[::1"},
            "REPOMAN_BASE_URL is 'http://[::1'; it must be an address such as https://packages.example",
        ),
    ],
)
def test_wrong_value_is_named_in_one_line(values, reason):
    with pytest.raises(ConfigurationError) as caught:
        configuration(**values).validate()
    assert str(caught.value) == reason
