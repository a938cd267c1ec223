"""Health: what is told when, why a vehicle is silent, and a status file that is always whole."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from milepost_agent.board import Power
from milepost_agent.buffer import Buffer
from milepost_agent.health import (
    ANNOUNCE_AGAIN_S,
    Announcer,
    Condition,
    Silence,
    health,
    write_status,
)


@pytest.fixture
def well(tmp_path: Path) -> Condition:
    """A unit of which nothing is wrong."""
    buffer = Buffer(tmp_path / "buffer.db")
    buffer.begin_stream()
    condition = Condition(
        receiver="receiving",
        receiver_reason="NMEA",
        hears=True,
        has_fix=True,
        link="up",
        refused="",
        buffer=buffer.health(),
        power=Power(),
        asleep=False,
    )
    buffer.close()
    return condition


def test_status_is_told_now_and_then(well: Condition) -> None:
    """Without any change the status goes out as seldom as the configuration says."""
    announcer = Announcer(60.0)
    told = [now_s for now_s in range(300) if announcer.is_due(well, float(now_s))]
    assert told == [0, 60, 120, 180, 240]


def test_status_is_told_on_change_but_not_by_a_part_that_flaps(well: Condition) -> None:
    """A change goes out at once, and again only after some seconds."""
    announcer = Announcer(60.0)
    silent = replace(well, hears=False, receiver="gone")
    assert announcer.is_due(well, 0.0)
    assert announcer.is_due(silent, 10.0)
    flaps = [
        announcer.is_due(well if second % 2 else silent, 10.0 + second) for second in range(1, 61)
    ]
    assert 0 < sum(flaps) <= 60 / ANNOUNCE_AGAIN_S


def test_status_is_told_on_each_new_connection(well: Condition) -> None:
    """A new connection has told nothing, so the first look tells."""
    announcer = Announcer(60.0)
    assert announcer.is_due(well, 0.0)
    announcer.reconnected()
    assert announcer.is_due(well, 1.0)
    assert not announcer.is_due(well, 2.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"power": Power(low_voltage=True), "hears": False}, Silence.NO_POWER),
        ({"hears": False, "has_fix": False}, Silence.NO_SERIAL),
        ({"has_fix": False, "link": "down"}, Silence.NO_FIX),
        ({"link": "down", "refused": "version"}, Silence.NO_NETWORK),
        ({"refused": "version"}, Silence.REFUSED),
    ],
)
def test_silence_has_the_first_reason_that_applies(
    well: Condition, change: dict[str, object], reason: Silence | None
) -> None:
    """A dispatcher reads one reason: power before receiver, before fix, network, refusal."""
    assert replace(well, **change).silence == reason  # type: ignore[arg-type]  # by name


def test_health_is_small_and_unknown_is_null(well: Condition) -> None:
    """The retained status fits one message with room, and what is unknown is null."""
    told = health(
        replace(well, receiver_reason="x" * 200),
        boot="5c7e6f9a-0000-0000-0000-000000000000",
        up_s=1e7,
        sentences_per_s=8.04,
        rejects={"checksum": 10**9, "unreadable": 10**9},
        temperature_c=None,
        disk_free_bytes=None,
        clock_offset_s=None,
    )
    assert len(json.dumps(told)) < 1500
    assert told["silent"] is None
    assert (told["clock_offset_s"], told["board"]["temperature_c"]) == (None, None)
    assert told["receiver"]["sentences_per_s"] == 8.0


def test_status_file_is_replaced_whole(tmp_path: Path) -> None:
    """Whoever reads the file finds one whole status, and no draft stays."""
    path = tmp_path / "run" / "status.json"
    for n in range(3):
        write_status(path, {"fixes_made": n})
        assert json.loads(path.read_text(encoding="utf-8")) == {"fixes_made": n}
    assert [each.name for each in path.parent.iterdir()] == ["status.json"]
