"""TLS: the broker's certificate is judged by GPS time, and every wrong file is named."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from milepost_agent.config import BrokerConfig
from milepost_agent.uplink.trust import Trust, TrustError

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LAST = datetime(2027, 1, 1, tzinfo=UTC)
WITHIN = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who vouches for the broker."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    """Its certificate as a file."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@contextmanager
def broker(authority: trustme.CA, name: str = "localhost") -> Iterator[int]:
    """Serve TLS with a certificate that holds in 2026."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_before=FIRST, not_after=LAST).configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            try:
                taken, _ = listening.accept()
                with context.wrap_socket(taken, server_side=True) as spoken:
                    spoken.recv(1)
            except OSError:
                pass  # the client refused, which is what the test asks for

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listening.getsockname()[1])
        thread.join(10)


def connect(trust: Trust, port: int) -> None:
    """Connect as the link does, and judge."""
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        trust.context.wrap_socket(plain, server_hostname="localhost") as spoken,
    ):
        trust.judge(spoken)


def test_certificate_is_judged_by_the_time_that_is_given(
    authority: trustme.CA, ca_file: str
) -> None:
    """The machine's clock has no say: only the best known time."""
    trust = Trust(BrokerConfig("localhost", ca_file=ca_file), WITHIN.timestamp)
    with broker(authority) as port:
        connect(trust, port)


@pytest.mark.parametrize("year", [2025, 2028])
def test_certificate_outside_its_time_is_refused(
    authority: trustme.CA, ca_file: str, year: int
) -> None:
    """A certificate that is still to come or has expired is named with its dates."""
    now = datetime(year, 6, 1, tzinfo=UTC)
    trust = Trust(BrokerConfig("localhost", ca_file=ca_file), now.timestamp)
    with (
        broker(authority) as port,
        pytest.raises(ssl.SSLCertVerificationError, match="Jan  1 00:00:00 2027"),
    ):
        connect(trust, port)


def test_certificate_of_another_name_or_authority_is_refused(
    authority: trustme.CA, ca_file: str
) -> None:
    """Name and chain are judged although dates are not OpenSSL's matter here."""
    trust = Trust(BrokerConfig("localhost", ca_file=ca_file), WITHIN.timestamp)
    with broker(authority, "other.example") as port, pytest.raises(ssl.SSLCertVerificationError):
        connect(trust, port)
    with broker(trustme.CA()) as port, pytest.raises(ssl.SSLCertVerificationError):
        connect(trust, port)


@pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_wrong_file_is_named(ca_file: str, tmp_path: Path, key: str, content: str | None) -> None:
    """A file that is absent or holds something else is one error that names key and file."""
    path = tmp_path / "wrong.pem"
    if content is not None:
        path.write_text(content)
    files = {"ca_file": ca_file, "cert_file": ca_file if key == "key_file" else "", key: str(path)}
    named = "cert_file" if key == "key_file" else key
    with pytest.raises(TrustError, match=named):
        Trust(replace(BrokerConfig("localhost"), **files), WITHIN.timestamp)  # type: ignore[arg-type]
