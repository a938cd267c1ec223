"""One POST: to a checked address, by the name's certificate, within a time."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from milepost_collector.clock import Clock
from milepost_collector.config import WebhooksConfig
from milepost_collector.webhooks.answer import Answer, Meaning
from milepost_collector.webhooks.message import Signer, make_secret, message_of
from milepost_collector.webhooks.sending import Sender, tls_context
from milepost_collector.webhooks.url import parse_url
from tests.collector.webhook_receiver import Receiver, Reply, receiving

MESSAGE = message_of({"id": "one", "data": {"fence": "f1"}})
NAME = "receiver.test"


class Names:
    """What names mean. No name server can be had in a test, so the system's answer is replaced.

    Attributes:
        meanings: The addresses of a name, one set after the other; the last one stays.
        asked: How often it was asked.
    """

    def __init__(self) -> None:
        self.meanings: dict[str, list[list[str]]] = {}
        self.asked = 0
        self.held = threading.Event()
        self.slow = ""
        self._real = socket.getaddrinfo

    def getaddrinfo(self, host: str, port: int, *args: Any, **more: Any) -> list[Any]:
        """Answer for the names that are known, and ask the system for others."""
        if host == self.slow:
            self.held.wait(20)
        if host not in self.meanings:
            return list(self._real(host, port, *args, **more))
        self.asked += 1
        left = self.meanings[host]
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    """Names of the test."""
    found = Names()
    monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
    yield found
    found.held.set()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who signs certificates."""
    return trustme.CA()


def send(
    *urls: str,
    allowed: tuple[str, ...] = ("127.0.0.0/8",),
    authority: trustme.CA | None = None,
    timeout_s: float = 5.0,
    times: int = 1,
    clock: Clock | None = None,
) -> list[Answer]:
    """Send to URLs at once, each so often, and return the answers."""

    async def once() -> list[Answer]:
        tls = tls_context()
        if authority is not None:
            authority.configure_trust(tls)
        config = WebhooksConfig(allow_private=allowed, timeout_s=timeout_s)
        senders = [Sender(parse_url(url), config, tls, clock or Clock()) for url in urls]
        signer = Signer([make_secret()])
        try:
            answers = []
            for _ in range(times):
                answers += await asyncio.gather(*(each.send(MESSAGE, signer) for each in senders))
            return answers
        finally:
            for each in senders:
                await each.close()

    return asyncio.run(once())


def port_of(receiver: Receiver) -> int:
    """Return where a receiver listens."""
    return int(receiver.url.rsplit(":", 1)[1].split("/")[0])


def test_name_is_sent_to_by_its_address_with_its_own_host_header(names: Names) -> None:
    """The connection goes to the checked address, the request still names the name."""
    names.meanings[NAME] = [["127.0.0.1"]]
    with receiving() as receiver:
        port = port_of(receiver)
        (answer,) = send(f"http://{NAME}:{port}/path?a=b")
        assert answer.meaning is Meaning.TAKEN
        (request,) = receiver.requests
        assert (request.headers["host"], request.path) == (f"{NAME}:{port}", "/path?a=b")


def test_name_that_means_a_private_address_later_is_refused(names: Names) -> None:
    """DNS rebinding: what was allowed when it was added is checked again, and not connected to."""

    class Hours(Clock):
        """Each look is an hour later, so that no answer of the name server is used twice."""

        looks = 0

        def monotonic_s(self) -> float:
            self.looks += 1
            return self.looks * 3600.0

    with receiving() as receiver, receiving("127.0.0.2", 0) as secret:
        port = port_of(secret)
        names.meanings[NAME] = [["127.0.0.1"], ["127.0.0.2"]]
        url = f"http://{NAME}:{port}/"
        answers = send(url, allowed=("127.0.0.1",), times=2, clock=Hours())
        assert [answer.is_forbidden for answer in answers] == [False, True]
        assert f"{url} leads to 127.0.0.2, which is not public" in answers[1].error
        assert secret.requests == []
        assert receiver.requests == []
        assert names.asked == 2


def test_name_with_one_private_address_among_others_is_refused(names: Names) -> None:
    """All addresses are checked before one is connected to."""
    with receiving() as receiver:
        names.meanings[NAME] = [["127.0.0.1", "169.254.169.254"]]
        (answer,) = send(f"http://{NAME}:{port_of(receiver)}/")
        assert answer.is_forbidden
        assert "169.254.169.254" in answer.error
        assert receiver.requests == []


def test_name_with_several_addresses_is_sent_to_the_one_that_answers(names: Names) -> None:
    """Where nobody listens nothing was sent, so the next one is tried."""
    with receiving() as receiver:
        names.meanings[NAME] = [["127.0.0.3", "127.0.0.1"]]
        (answer,) = send(f"http://{NAME}:{port_of(receiver)}/")
        assert answer.meaning is Meaning.TAKEN
        assert len(receiver.requests) == 1


@pytest.mark.parametrize("host", ["127.1", "0x7f.0.0.1", "2130706433", "localhost", "0"])
def test_host_that_is_another_way_to_write_this_machine_is_refused(host: str) -> None:
    """However it is written, the address that is meant is judged."""
    with receiving() as receiver:
        (answer,) = send(f"http://{host}:{port_of(receiver)}/", allowed=())
        assert answer.is_forbidden
        assert "is not public" in answer.error
        assert receiver.requests == []


def test_name_without_an_address_is_a_failure_that_says_so() -> None:
    """An unknown name and one that cannot be a name are told, and are no fault of ours."""
    long = "https://" + "a" * 70 + ".example/"
    for answer in send("https://nobody.invalid/", long, "https://a..b.invalid/"):
        assert answer.meaning is Meaning.AWAY
        assert "has no address" in answer.error


def test_name_server_that_is_slow_for_one_holds_up_no_other(names: Names) -> None:
    """Each receiver's name is looked up on its own."""
    names.slow = "slow.test"
    with receiving() as receiver:
        slow = [f"http://slow.test:{n}/" for n in range(1, 41)]
        *late, good = send(*slow, receiver.url, timeout_s=4.0)
        assert good.meaning is Meaning.TAKEN
        assert good.took_s < 3.5
        assert {answer.error for answer in late} == {"no answer within 4 s"}


def test_certificate_of_the_name_is_wanted(names: Names, authority: trustme.CA) -> None:
    """Over TLS the certificate must be the name's, by an authority that is known."""
    names.meanings[NAME] = [["127.0.0.1"]]
    names.meanings["other.test"] = [["127.0.0.1"]]
    with tls_receiver(authority.issue_cert(NAME)) as port:
        good = send(f"https://{NAME}:{port}/", authority=authority)[0]
        assert (good.status, good.body) == (200, NAME.encode())
        other = send(f"https://other.test:{port}/", authority=authority)[0]
        assert other.status is None
        assert "certificate" in other.error.lower()
        unknown = send(f"https://{NAME}:{port}/")[0]
        assert unknown.status is None
        assert "certificate" in unknown.error.lower()


def test_receiver_that_drips_its_answer_is_cut_at_the_timeout() -> None:
    """The time is for the whole exchange, not for each byte."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                    while not ended.wait(0.05):
                        connection.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        (answer,) = send(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout_s=0.5)
        ended.set()
        thread.join()
    assert answer.error == "no answer within 0.5 s"
    assert 0.4 < answer.took_s < 20, "the answer would drip for 50 s"


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 999999 What\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 300_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["nothing", "no HTTP", "two lengths", "bad status", "endless header", "bad chunk"],
)
def test_answer_that_is_no_http_is_a_failure(reply: bytes) -> None:
    """Whatever comes instead of an answer is a failure with a reason."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        (answer,) = send(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()
    assert answer.status is None
    assert answer.error
    assert "\n" not in answer.error


def test_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would connect for us to addresses that we have not checked."""
    with receiving() as receiver, receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        receiver.answer = lambda _: Reply(200, body=b"here")
        (answer,) = send(receiver.url)
        assert answer.body == b"here"
        assert proxy.requests == []


class tls_receiver:  # noqa: N801 - used like a function
    """Answers each request over TLS with the name that was asked for."""

    def __init__(self, certificate: trustme.LeafCert) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        self._context.sni_callback = self._note
        self._asked = ""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _note(self, _socket: object, name: str | None, _context: object) -> None:
        self._asked = name or ""

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    request = b""
                    while MESSAGE.body not in request and (part := secure.recv(65_536)):
                        request += part
                    body = self._asked.encode()
                    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
                    secure.sendall(body)
            except OSError:  # the other side does not trust us
                connection.close()
