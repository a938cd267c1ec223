"""The first page in a real browser, served by the real server, fed by real batches."""

import json
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from milepost_collector.clock import Clock
from milepost_collector.embedded import Address
from milepost_schemas.batch import Batch, Envelope, encode_batch
from milepost_schemas.fix import Fix, FixKind, KeptFix
from tests.collector.test_ingest_process import delivered
from tests.collector.unit import Unit as Link

START_S = 60.0
STOP_S = 20.0

# Until the browser shows what it should; without a word it would wait for five seconds.
expect.set_options(timeout=30_000)

# Fences are in force ten seconds after the server's start, by the time of the fixes; fixes may be
# ahead of us by up to an hour.
IN_FORCE_MS = 11_000

DESKTOP = (1440, 900)
PHONE = (390, 844)

DEPOT = (52.52, 13.40)
OUTSIDE = (52.53, 13.40)
FENCES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "depot-1",
            "properties": {"name": "Depot", "radius_m": 200},
            "geometry": {"type": "Point", "coordinates": [DEPOT[1], DEPOT[0]]},
        }
    ],
}

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(slots=True)
class Server:
    """A running server."""

    web: str
    broker: tuple[str, int]
    process: "subprocess.Popen[str]"

    def stop(self) -> None:
        """End it as an operator would."""
        self.process.terminate()
        self.process.wait(STOP_S)


@dataclass(slots=True)
class Unit:
    """A vehicle's unit that sends batches of one fix, each until it is acknowledged.

    Attributes:
        ahead_ms: How far its clock is ahead of ours.
    """

    server: Server
    name: str
    ahead_ms: int = 0
    stream: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    sent: int = 0

    def stay(self, place: tuple[float, float]) -> None:
        """Drive there, and send twice that it stands there."""
        for after_s in (60, 10):
            self.ahead_ms += after_s * 1000
            self.report(place, speed_dmps=0)

    def report(self, place: tuple[float, float], waiting: int = 0, speed_dmps: int = 125) -> None:
        """Send where it is."""
        before, self.sent = self.sent, self.sent + 1
        fix = Fix(
            time_ms=Clock().now_ms() + self.ahead_ms,
            lat_e6=round(place[0] * 1e6),
            lon_e6=round(place[1] * 1e6),
            speed_dmps=speed_dmps,
            course_deg=180,
            kind=FixKind.THREE_D,
        )
        envelope = Envelope(self.stream, self.sent, before, self.sent, self.sent + waiting)
        payload = encode_batch(Batch(envelope, (KeptFix(self.sent, fix),)))
        with Link(Address(*self.server.broker), self.name) as link:
            delivered(link, payload)

    def say_goodbye(self) -> None:
        """Send the status of a unit that goes offline."""
        with Link(Address(*self.server.broker), self.name) as link:
            link.say({"online": False})


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server with a database and a broker of its own."""
    with tempfile.TemporaryDirectory(prefix="mp-page-", dir="/tmp") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        fences, config = folder / "fences.json", folder / "collector.toml"
        fences.write_text(json.dumps(FENCES))
        config.write_text(
            f'[embedded]\nfolder = "{name}/data"\n[web]\nport = 0\n[fences]\nfile = "{fences}"\n'
        )
        command = [sys.executable, "-m", "milepost_collector", "serve", "--config", str(config)]
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(process.terminate)
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], START_S)[0], "the server does not start"
        addresses = json.loads(process.stdout.readline())
        host, port = addresses["broker"]
        yield Server(addresses["web"], (host, port), process)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for all tests that do not mind the vehicles of the others."""
    with running_server() as started:
        yield started


@pytest.fixture
def fresh_server() -> Iterator[Server]:
    """A server that nobody has reported to."""
    with running_server() as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser of this machine; it ends with the module, because its loop is in others' way."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=BROWSER_OPTIONS, timeout=120_000
        )
        yield started
        started.close()


def opened(
    browser: Browser, server: Server, size: tuple[int, int] = DESKTOP, locale: str = "de-DE"
) -> Page:
    """Open the page in a profile of its own."""
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height}, locale=locale, timezone_id="Europe/Berlin"
    )
    page.goto(server.web)
    return page


def line(page: Page, name: str) -> Locator:
    """Find the line of a vehicle."""
    return page.get_by_role("option").filter(has=page.get_by_title(name, exact=True))


def test_line_after_a_report_tells_name_speed_and_age(browser: Browser, server: Server) -> None:
    """A vehicle that reports has a line with its name, its speed and its position's age."""
    Unit(server, "line-1").report(OUTSIDE)
    with opened(browser, server) as page:
        expect(line(page, "line-1").locator(".name")).to_have_text("line-1")
        expect(line(page, "line-1").locator(".speed")).to_have_text("45 km/h")
        expect(line(page, "line-1")).to_contain_text("s ago")


def test_line_in_the_united_states_tells_miles(browser: Browser, server: Server) -> None:
    """Speeds are in the units of the viewer's locale."""
    Unit(server, "miles-1").report(OUTSIDE)
    with opened(browser, server, locale="en-US") as page:
        expect(line(page, "miles-1")).to_contain_text("28 mph")


def test_line_of_an_old_position_tells_when_it_was(browser: Browser, server: Server) -> None:
    """A position older than a minute is told with its time and its age, and without a speed."""
    Unit(server, "old-1", ahead_ms=-400_000).report(OUTSIDE)
    with opened(browser, server) as page:
        expect(line(page, "old-1")).to_contain_text("as of")
        expect(line(page, "old-1")).to_contain_text("6 min ago")
        expect(line(page, "old-1").locator(".speed")).to_have_text("")


def test_line_of_a_unit_behind_tells_offline_and_waiting(browser: Browser, server: Server) -> None:
    """A unit that went offline with unsent fixes is told so in words."""
    unit = Unit(server, "behind-1")
    unit.report(OUTSIDE, waiting=37)
    unit.say_goodbye()
    with opened(browser, server) as page:
        expect(line(page, "behind-1")).to_contain_text("offline, 37 waiting")


def test_list_by_keyboard_selects_a_vehicle(browser: Browser, server: Server) -> None:
    """Enter on a line selects its vehicle, and an arrow key goes on to the next line."""
    for name in ("key-1", "key-2"):
        Unit(server, name).report(OUTSIDE)
    with opened(browser, server) as page:
        line(page, "key-1").focus()
        page.keyboard.press("ArrowDown")
        expect(line(page, "key-2")).to_be_focused()
        page.keyboard.press("Enter")
        expect(line(page, "key-2")).to_have_attribute("aria-selected", "true")


def test_events_when_a_vehicle_crosses_a_fence_grow_live(browser: Browser, server: Server) -> None:
    """A crossing appears among the events without a reload, with the fence's name."""
    unit = Unit(server, "cross-1", ahead_ms=IN_FORCE_MS)
    unit.report(OUTSIDE)
    with opened(browser, server) as page:
        expect(page.locator("#feed")).to_contain_text("Live")
        expect(line(page, "cross-1")).to_be_visible()
        unit.stay(DEPOT)
        expect(page.locator("#log")).to_contain_text("cross-1 entered Depot")
        unit.stay(OUTSIDE)
        expect(page.locator("#log")).to_contain_text("cross-1 left Depot")


def test_console_while_the_page_is_used_stays_silent(browser: Browser, server: Server) -> None:
    """Loading, moving the map and choosing a vehicle leave no error in the console."""
    Unit(server, "calm-1").report(OUTSIDE)
    complaints: list[str] = []
    with browser.new_page() as page:
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(server.web)
        line(page, "calm-1").click()
        page.get_by_role("application").focus()
        for key in ("+", "-", "ArrowLeft", "0", "Escape"):
            page.keyboard.press(key)
        expect(line(page, "calm-1")).to_have_attribute("aria-selected", "false")
    assert complaints == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_page_at_its_sizes_never_scrolls_sideways(
    browser: Browser, server: Server, size: tuple[int, int]
) -> None:
    """Neither the page nor a list is wider than its place, even with the longest name."""
    name = "w" * 32
    Unit(server, name).report(OUTSIDE, waiting=123_456)
    with opened(browser, server, size) as page:
        expect(line(page, name)).to_be_visible()
        too_wide = page.evaluate(
            "[...document.querySelectorAll('html, main, main *')]"
            ".filter(e => e.clientWidth && e.scrollWidth > e.clientWidth"
            " && !e.matches('.start')).map(e => e.outerHTML.slice(0, 80))"
        )
        assert too_wide == []


def test_page_without_vehicles_tells_how_to_add_one(browser: Browser, fresh_server: Server) -> None:
    """Without vehicles the page names the one command that adds one, until the first reports."""
    with opened(browser, fresh_server) as page:
        expect(page.get_by_text("No vehicles yet")).to_be_visible()
        expect(page.get_by_text("milepost-agent run --config agent.toml")).to_be_visible()
        Unit(fresh_server, "first-1").report(OUTSIDE)
        expect(line(page, "first-1")).to_be_visible()
        expect(page.get_by_text("No vehicles yet")).to_be_hidden()


def test_connection_when_it_comes_back_heals(browser: Browser, server: Server) -> None:
    """After an interruption the page goes on by itself, and says nothing of it any more."""
    Unit(server, "heal-1").report(OUTSIDE)
    with opened(browser, server) as page:
        expect(line(page, "heal-1")).to_be_visible()
        page.context.set_offline(True)
        expect(page.get_by_role("status")).to_contain_text("Connection lost")
        page.context.set_offline(False)
        expect(page.get_by_role("status")).to_be_empty()
        expect(page.locator("#feed")).to_contain_text("Live")


def test_connection_after_the_server_stopped_is_told_lost(
    browser: Browser, fresh_server: Server
) -> None:
    """A server that is gone is told in seconds, and what is shown is told as past."""
    Unit(fresh_server, "lost-1").report(OUTSIDE)
    with opened(browser, fresh_server) as page:
        expect(line(page, "lost-1")).to_contain_text("s ago")
        fresh_server.stop()
        # It is five seconds where the browser gets the time that it asks for.
        expect(page.get_by_role("status")).to_contain_text("Connection lost", timeout=15_000)
        expect(line(page, "lost-1")).to_contain_text("as of")
