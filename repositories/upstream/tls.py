"""What an upstream's certificate is verified against.

The system's store is the default, because a company's own authority is often known there and nowhere else; the bundle
of the certifi package stands in when the system has no store. Certificates of the truststore come in addition, for the
repositories that use it.
"""

import os
import ssl

import certifi


def make_context(trusted_pem: str) -> ssl.SSLContext:
    """A verifying client context; ``trusted_pem`` holds further certificates, "" for none.

    A certificate of the truststore is trusted as it is: a server's own certificate or an intermediate one will do
    (partial chain), and it need not follow the profile that the strict mode of Python 3.13 asks of authorities.
    """
    context = ssl.create_default_context()
    if _is_empty(context):
        context.load_verify_locations(cafile=certifi.where())
    if trusted_pem:
        context.load_verify_locations(cadata=trusted_pem)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _is_empty(context: ssl.SSLContext) -> bool:
    if context.cert_store_stats()["x509_ca"]:
        return False
    # A folder of certificates is read on demand and does not count in the statistics.
    folder = ssl.get_default_verify_paths().capath
    return not folder or not any(os.scandir(folder))
