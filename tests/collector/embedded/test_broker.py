"""The embedded brokers, with real servers."""

import socket
from pathlib import Path

import pytest

from milepost_collector.embedded import Address, EmbeddedBroker, EmbeddedError, broker
from milepost_collector.embedded.broker_kind import KindName
from milepost_collector.embedded.processes import running
from tests.collector.embedded.servers import (
    KINDS,
    answers,
    refused,
    session_present,
    skip_without,
)


@pytest.mark.parametrize("kind", KINDS)
def test_port_over_restarts(kind: KindName, folder: Path) -> None:
    """A broker answers CONNECT on one port after a stop and a kill, and refuses in between."""
    skip_without(kind)
    server = EmbeddedBroker(folder, kind=kind)
    address = server.start()
    assert answers(address)
    server.stop()
    assert refused(address)
    assert server.start() == address
    assert answers(address)
    pid = server.pid
    assert pid is not None
    server.kill()
    assert not running(pid)
    assert server.pid is None
    assert refused(address)
    assert server.start() == address == server.address
    server.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_sessions_of_a_persistent_broker(kind: KindName, folder: Path) -> None:
    """A persistent broker knows a client's session after a restart, and not after wipe()."""
    skip_without(kind)
    server = EmbeddedBroker(folder, kind=kind, persistent=True)
    assert not session_present(server.start())
    server.stop()
    assert session_present(server.start())
    with pytest.raises(EmbeddedError, match="stop it first"):
        server.wipe()
    server.stop()
    server.wipe()
    assert not session_present(server.start())
    server.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_sessions_of_a_broker_without_persistence(kind: KindName, open_folder: Path) -> None:
    """A broker that is not asked to persist begins empty at every start, whichever it is."""
    skip_without(kind)
    server = EmbeddedBroker(open_folder / "broker", kind=kind)
    assert not session_present(server.start())
    assert session_present(server.address)
    server.stop()
    assert not session_present(server.start())
    server.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_start_when_the_port_is_taken_meanwhile(
    kind: KindName, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that another program took between our look and the start is replaced by another."""
    skip_without(kind)
    reserve = broker._reserve_port
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        taken = Address("127.0.0.1", thief.getsockname()[1])
        offers = [(thief.dup().detach(), taken)]
        monkeypatch.setattr(broker, "_reserve_port", lambda: offers.pop() if offers else reserve())
        with EmbeddedBroker(open_folder / "broker", kind=kind) as server:
            assert offers == []
            assert server.address != taken
            assert answers(server.address)


def test_outgoing_connections_while_the_broker_is_down(open_folder: Path) -> None:
    """A stopped broker's port stays reserved: without SO_REUSEADDR no one else can bind it."""
    server = EmbeddedBroker(open_folder / "broker")
    address = server.start()
    server.stop()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((address.host, address.port))


def test_kind_when_none_is_asked_for(open_folder: Path) -> None:
    """Without a kind there is a broker in any case."""
    with EmbeddedBroker(open_folder / "broker") as server:
        assert answers(server.address)


def test_kind_that_does_not_exist(open_folder: Path) -> None:
    """A kind that we do not know is named in the error."""
    with pytest.raises(EmbeddedError, match="no broker of kind 'rabbit'"):
        EmbeddedBroker(open_folder / "broker", kind="rabbit").start()  # type: ignore[arg-type]


def test_address_before_the_first_start(open_folder: Path) -> None:
    """There is no address before the first start."""
    with pytest.raises(EmbeddedError, match="never started"):
        _ = EmbeddedBroker(open_folder / "broker").address
