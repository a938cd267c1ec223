"""Whom the unit trusts to be its broker: TLS with certificates judged by GPS time.

A unit without a battery-backed clock starts in 1970, where every certificate is still to come. So
OpenSSL judges chain and name, and the dates of the broker's certificate and of the authority are
judged here, by the best time that the unit has: GPS or server time, else the system's clock. The
dates of certificates between the two are not judged.
"""

import ssl
from collections.abc import Callable
from typing import Any

from milepost_agent.config import BrokerConfig

# X509_V_FLAG_NO_CHECK_TIME, which the module `ssl` has no name for (OpenSSL 1.1.0 on).
_NO_CHECK_TIME = 0x200000


class TrustError(ValueError):
    """A certificate file cannot be used; the message names it and the cause."""


class Trust:
    """What TLS of one unit goes by.

    Args:
        broker: Names the files.
        time_s: Returns the best known time in Unix seconds; called in the network thread.

    Raises:
        TrustError: A file cannot be read, holds no certificate, or a key that is not its own.
    """

    def __init__(self, broker: BrokerConfig, time_s: Callable[[], float]) -> None:
        self._time_s = time_s
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.verify_flags |= _NO_CHECK_TIME
        _load(broker.ca_file, "ca_file", self.context.load_verify_locations)
        if broker.cert_file:

            def load_own(path: str) -> None:
                self.context.load_cert_chain(path, broker.key_file or None)

            _load(broker.cert_file, "cert_file", load_own)

    def judge(self, connection: ssl.SSLSocket) -> None:
        """Judge the dates of a connection after its handshake.

        Raises:
            ssl.SSLCertVerificationError: The certificate of the broker, or all that could have
                vouched for it, is expired or not yet valid.
        """
        now_s = self._time_s()
        shown = connection.getpeercert() or {}
        if not _holds_at(shown, now_s):
            raise ssl.SSLCertVerificationError(_said("the broker's certificate", shown))
        authorities = self.context.get_ca_certs()
        if authorities and not any(_holds_at(each, now_s) for each in authorities):
            raise ssl.SSLCertVerificationError(_said("the authority's certificate", authorities[0]))


def _load(path: str, key: str, load: Callable[[str], None]) -> None:
    try:
        load(path)
    except ssl.SSLError as error:
        cause = error.reason or "no certificate in it"
        raise TrustError(f"[broker] {key} {path}: {cause.replace('_', ' ').lower()}") from None
    except OSError as error:
        raise TrustError(f"[broker] {key} {path}: {error.strerror}") from None


def _holds_at(certificate: dict[str, Any], now_s: float) -> bool:
    first_s = ssl.cert_time_to_seconds(certificate["notBefore"])
    return bool(first_s <= now_s <= ssl.cert_time_to_seconds(certificate["notAfter"]))


def _said(what: str, certificate: dict[str, Any]) -> str:
    return f"{what} holds from {certificate['notBefore']} to {certificate['notAfter']}"
