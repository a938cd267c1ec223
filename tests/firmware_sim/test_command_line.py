"""Wrong commands, told in one line."""

import sys
from pathlib import Path

import pytest

from milepost_firmware_sim.cli import main
from tests.firmware_sim.drives import rmc


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["replay", "{missing}"], "{missing}"),
        (["replay", "{folder}"], "{folder}"),
        (["replay", "{text}"], "{text}"),
        (["replay", "{damaged}"], "{damaged}"),
        (["inspect", "{text}"], "{text}"),
        (["replay", "{log}", "--speed", "0"], "--speed 0"),
        (["replay", "{log}", "--speed", "-3"], "--speed -3"),
        (["replay", "{log}", "--speed", "fast"], "--speed fast"),
        (["replay", "{log}", "--speed", "inf"], "--speed inf"),
        (["replay", "{log}", "--start-at", "yesterday"], "--start-at yesterday"),
        (["replay", "{log}", "--start-at", "2026-01-05T08:00:00"], "--start-at 2026-01-05T08"),
        (["replay", "{log}", "--tcp", "4001"], "--tcp 4001"),
        (["replay", "{log}", "--tcp", "127.0.0.1:99999"], "--tcp 127.0.0.1:99999"),
        (["replay", "{log}", "--tcp", "203.0.113.9:4001"], "--tcp 203.0.113.9:4001"),
        (["replay", "{log}", "--link", "{text}"], "--link {text}"),
        (["replay", "{log}", "--link", "{missing}/gps"], "--link {missing}/gps"),
        (["replay", "{log}", "--tcp", "127.0.0.1:0", "--link", "{missing}"], "--link {missing}"),
        (["replay", "{log}", "--tcp", "127.0.0.1:0", "--stdout"], "--tcp and --stdout"),
        (["replay", "{log}", "--link", "{missing}", "--stdout"], "--link {missing}"),
        (["replay", "{log}", "--udp", "127.0.0.1"], "--udp 127.0.0.1"),
        (["replay", "{log}", "--rate", "3"], "--rate 3"),
        (["replay", "{log}", "--receiver", "sonar"], "--receiver sonar"),
        (["replay", "{log}", "--baud", "5"], "--baud 5"),
        (["replay", "{log}", "--kmh", "0"], "--kmh 0"),
        (["replay", "{log}", "--every", "-1"], "--every -1"),
        (["replay", "{log}", "--every", "1", "--speed", "max"], "--every"),
        (["replay", "{log}", "--timeout", "nan"], "--timeout nan"),
        (["replay", "{log}", "--track", "2"], "--track 2"),
        (["replay", "{log}", "--fault", "at 3s: melt"], "--fault 'at 3s: melt': unknown word"),
        (["replay", "{log}", "--faults", "{missing}"], "faults {missing}"),
        (["replay", "{log}", "--faults", "{text}"], "faults {text}, line 1"),
        (["replay", "{log}", "--faults", "{damaged}"], "faults {damaged}"),
        (["faults", "{text}"], "faults {text}, line 1"),
        (["replay", "{table}", "--start-at", "recorded"], "--start-at recorded: {table}"),
        (["replay", "{table}", "--track", "7"], "--track 7"),
        (["inspect", "{xml}"], "{xml}"),
        (["replay"], "file"),
        (["fly"], "fly"),
        (["town"], "--seed"),
        (["town", "--seed", "1", "--out", "{missing}/town"], "--out {missing}/town"),
        (["drive", "--seed", "1", "--town", "{text}"], "{text}"),
        (["drive", "--seed", "1", "--town", "{missing}"], "{missing}"),
        (["drive", "--seed", "1", "--stops", "-1"], "--stops -1"),
        (["drive", "--seed", "1", "--minutes", "0"], "--minutes 0"),
        (["drive", "--seed", "1", "--start-at", "recorded"], "--start-at recorded"),
    ],
)
def test_wrong_input_is_told_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    """Wrong files, options and ports end with 2 and one line that names them."""
    places = {
        name: str(tmp_path / name) for name in ("missing", "text", "damaged", "log", "table", "xml")
    }
    places["folder"] = str(tmp_path)
    Path(places["text"]).write_text("Dear all,\nno sentences today.\n")
    Path(places["damaged"]).write_bytes(b"\x1f\x8b\x08\x00 damaged")
    Path(places["log"]).write_bytes(rmc("120000"))
    Path(places["table"]).write_text("t,lat,lon,trip\n0,51,10,a\n5,51,10,a\n0,51,10,b\n1,51,10,b\n")
    Path(places["xml"]).write_text("<gpx><trk>")
    given = [argument.format(**places) for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["milepost-sim", *given])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert told.format(**places) in said.err
