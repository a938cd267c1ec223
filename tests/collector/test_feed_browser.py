"""A real browser's EventSource over the stream: what it resumes from, and what it tells."""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from milepost_schemas.event import Event
from tests.collector.events import event, fill
from tests.collector.programs import wait_until
from tests.collector.web.test_page import BROWSER_OPTIONS, BROWSERS
from tests.collector.web_program import free_port, web_program
from tests.fixtures.servers import FreshDatabase

FOLLOW = """
() => {
    window.told = [];
    window.plain = 0;
    const source = new EventSource("/v1/events/stream?after=end&type=trip.ended");
    window.source = source;
    source.onmessage = () => { window.plain += 1; };
    source.addEventListener("org.milepost.trip.ended", (message) => {
        window.told.push([JSON.parse(message.data).data.fence, message.lastEventId]);
    });
    return new Promise((resolve) => { source.onopen = () => resolve(null); });
}
"""


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a browser of this machine."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=BROWSER_OPTIONS, timeout=120_000
        )
        yield browser.new_page(bypass_csp=True)  # for the expressions of this test
        browser.close()


def bytes_received(page: Page) -> list[int]:
    """Count the bytes of what comes to a page from now on, as the list grows."""
    received: list[int] = []
    inspector = page.context.new_cdp_session(page)
    inspector.on("Network.dataReceived", lambda part: received.append(part["dataLength"]))
    inspector.send("Network.enable")
    return received


def write(database: FreshDatabase, events: Sequence[Event]) -> None:
    """Write events from a thread: the browser's loop runs in this one."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(fill, database, events).result()


def test_browser_whose_stream_is_cut_before_its_first_event_misses_none(
    tmp_path: Path, plain_database: FreshDatabase, page: Page
) -> None:
    """Begun at the end, cut while nothing was for it, it resumes from where it was, not the end."""
    write(plain_database, [event(0)])
    port = free_port()
    with web_program(tmp_path, plain_database, port) as (url, program):
        page.goto(f"{url}/healthz")
        received = bytes_received(page)
        page.evaluate(FOLLOW)

        def has_come() -> bool:
            page.wait_for_timeout(20)  # the browser's loop runs in this thread
            return bool(received)

        wait_until(has_come, "the first message")
        page.wait_for_timeout(200)  # from the network to the page, which no script can see
        program.kill()
        program.wait()
    write(plain_database, [event(1), event(2, kind="trip.ended"), event(3)])
    with web_program(tmp_path, plain_database, port):
        page.wait_for_function("told.length === 1")
        write(plain_database, [event(4, kind="trip.ended")])
        page.wait_for_function("told.length === 2")
    told = page.evaluate("told")
    assert [fence for fence, _ in told] == ["f2", "f4"]
    assert [cursor.partition("-")[2] for _, cursor in told] == ["3", "5"]
    assert page.evaluate("plain") == 0  # messages without data are told to nobody
