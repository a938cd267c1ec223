"""The fault language."""

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from milepost_firmware_sim.faults.chain import FaultChain
from milepost_firmware_sim.faults.language import FaultError, read_fault, read_faults
from milepost_firmware_sim.faults.stage import PlayTimes
from milepost_firmware_sim.faults.window import Window
from milepost_firmware_sim.faults.words import FAULT_WORDS, Detail
from milepost_firmware_sim.receiver_makes import ReceiverSet

_README = Path(__file__).parents[2] / "firmware-sim" / "README.md"
_EIGHT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("cut", Window()),
        ("at 30s: cut", Window(30.0)),
        ("at 1m30s for 500ms: cut", Window(90.0, 0.5)),
        ("for 10s at 2h: cut", Window(7200.0, 10.0)),
        ("for 10s: cut", Window(length_s=10.0)),
        ("for 10s: unplug", Window(0.0, 10.0)),
        ("every 10m for 1.5m: cut", Window(600.0, 90.0, 600.0)),
        ("at 0s for 1s every 2s: cut", Window(0.0, 1.0, 2.0)),
        ("at 2026-01-05T09:00:00+01:00 for 1s: cut", Window(0.0, 1.0, None, _EIGHT)),
        ("unplug", Window(0.0, 5.0)),
        ("at 9s: unplug", Window(9.0, 5.0)),
    ],
)
def test_read_fault_when(text: str, window: Window) -> None:
    """Beginning, length and period stand before the colon, in any order."""
    assert read_fault(text, "here").window == window


def test_read_fault_details() -> None:
    """Details stand behind the fault, in any order."""
    assert read_fault("cut 2.5% of RMC,GPGGA", "").only == {"RMC", "GPGGA"}
    assert read_fault("cut of RMC 2.5%", "").share == 0.025
    jump = read_fault("jump 1.5km south-west", "")
    assert (jump.distance_m, jump.direction_deg) == (1500.0, 225.0)
    baud = read_fault("baud 4800 sent 38400", "")
    assert (baud.baud, baud.sent_baud) == (4800, 38_400)
    assert read_fault("second-receiver 5m sirf 10deg", "").receiver is ReceiverSet.SIRF
    since = read_fault("cold-start from 2013-09-01", "").since
    assert since == datetime(2013, 9, 1, tzinfo=UTC)
    assert read_fault("rollover weeks 2048", "").weeks == 2048
    assert read_fault("unplug as gps1", "").name == "gps1"
    assert read_fault("leap-second doubled", "").doubled


@pytest.mark.parametrize("word", FAULT_WORDS.values(), ids=lambda word: word.word)
def test_read_fault_every_word_and_each_of_its_details_is_understood(word: object) -> None:
    """What the list of faults says can be written, and a chain can be made of it."""
    known = FAULT_WORDS[word.word]  # type: ignore[attr-defined]
    needed = "" if known.needs is None else known.needs.value
    for detail in (None, *known.takes):
        told = "" if detail is None or detail is known.needs else detail.value.split(" or ")[0]
        fault = read_fault(f"{known.word} {needed} {told}", "here")
        FaultChain([fault], 1, PlayTimes(_EIGHT, 60.0))


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("cutt 5%", "'cutt'"),
        ("at 30s for 10s: flipp", "'flipp'"),
        ("cut 5% fast", "'fast'"),
        ("outage 20%", "'20%'"),
        ("cut 300m", "'300m'"),
        ("at 5x: cut", "'5x'"),
        ("at 30: cut", "'30'"),
        ("at: cut", "'at'"),
        ("from 3s: cut", "'from'"),
        ("at 2026-01-05T08:00:00: cut", "'2026-01-05T08:00:00'"),
        ("at 2026-13-05T08:00:00Z: cut", "'2026-13-05T08:00:00Z'"),
        ("cut 120%", "'120%'"),
        ("cut of rmc", "'rmc'"),
        ("cut of", "''"),
        ("baud", "'4800'"),
        ("baud 5", "'5'"),
        ("unplug as a/b", "'a/b'"),
        ("every 5s: cut", "'for'"),
        ("every 5s for 6s: cut", "'for'"),
        ("for 5s: leap-second", "leap-second"),
        ("at 5s:", "at 5s:"),
    ],
)
def test_read_faults_wrong_line_names_file_line_and_word(line: str, word: str) -> None:
    """What is not understood is told with its place."""
    with pytest.raises(FaultError) as error:
        read_faults(f"# faults\n\ncut 5% # of all\n{line}\n", "van.faults")
    assert str(error.value).startswith("faults van.faults, line 4: ")
    assert word in str(error.value)


def test_window_holds_its_times_again_and_again() -> None:
    """A window begins with its first moment and ends before its last, in every period."""
    window = Window(10.0, 2.0, 60.0)
    for begin_s in (10.0, 70.0, 610.0):
        assert not window.holds(begin_s - 0.001)
        assert window.holds(begin_s)
        assert window.holds(begin_s + 1.999)
        assert not window.holds(begin_s + 2.0)
    spans = window.spans()
    assert [next(spans) for _ in range(2)] == [(10.0, 12.0), (70.0, 72.0)]
    assert list(Window(5.0).spans()) == [(5.0, math.inf)]
    assert [Window(length_s=2.0).holds(time_s) for time_s in (-9.0, 1.9, 2.0)] == [
        True,
        True,
        False,
    ]
    assert Window(0.0, 1.0, None, _EIGHT + 30.0).on_clock(_EIGHT).holds(30.5)


def test_readme_tells_every_fault_and_detail() -> None:
    """The README of the simulator names all faults, and its examples of them are right."""
    text = _README.read_text(encoding="utf-8")
    for word in FAULT_WORDS:
        assert f"`{word}" in text
    block = text.partition("```faults\n")[2].partition("```")[0]
    assert len(read_faults(block, "README.md")) >= 8
    assert Detail.SHARE in FAULT_WORDS["cut"].takes
