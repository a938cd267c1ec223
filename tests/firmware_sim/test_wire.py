"""The command `wire`: what files cost on the wire, told by the real program."""

import gzip
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from milepost_firmware_sim import cli
from milepost_firmware_sim.receiver_makes import ReceiverSet
from milepost_firmware_sim.sentence_sets import Measured, epoch_sentences
from milepost_firmware_sim.wire import batches
from milepost_firmware_sim.wire.batches import CodecError, batches_of, checked
from milepost_firmware_sim.wire.measure import costs_of, sent_as_is
from milepost_schemas.batch import Batch, Envelope, decode_batch, encode_batch
from milepost_schemas.fix import Fix, FixKind, KeptFix
from milepost_schemas.message import MessageError
from milepost_schemas.tracks.fixes import read_fixes
from tests.firmware_sim.programs import run

_BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
_FIXES = 130
_PEERS = {
    "owntracks_json",
    "senml_cbor",
    "msgpack_map",
    "teltonika_codec8",
    "msgpack_array",
    "protobuf_columns",
    "msgpack_delta_columns",
    "queclink_compressed",
    "entropy_bound",
}


def _places() -> list[tuple[datetime, float, float]]:
    moments = (_BEGIN + timedelta(seconds=n + 60 * (n > 70)) for n in range(_FIXES))
    return [(at, 51.5 + n * 1.3e-4, 10.25 - n % 7 * 2e-5) for n, at in enumerate(moments)]


def _nmea() -> bytes:
    return b"".join(
        epoch_sentences(Measured(at, lon, lat, 40.0, 14.2, 355.0, 9, 0.9), ReceiverSet.PLAIN)
        for at, lat, lon in _places()
    )


def _gpx() -> bytes:
    points = "".join(
        f'<trkpt lat="{lat:.6f}" lon="{lon:.6f}"><time>{at:%FT%TZ}</time></trkpt>'
        for at, lat, lon in _places()
    )
    return f'<gpx version="1.1"><trk><trkseg>{points}</trkseg></trk></gpx>'.encode()


def _csv() -> bytes:
    rows = [f"{at:%FT%TZ},{lat:.6f},{lon:.6f}" for at, lat, lon in _places()]
    return "\n".join(["time,lat,lon", *rows]).encode()


@pytest.fixture(name="files")
def _files(tmp_path: Path) -> list[Path]:
    """Return a log, a GPX and a CSV of the same drive, the GPX packed."""
    contents = {"a.nmea": _nmea(), "b.gpx.gz": gzip.compress(_gpx()), "c.csv": _csv()}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    return [tmp_path / name for name in contents]


def _kept(data: bytes) -> list[KeptFix]:
    [track] = read_fixes(data)
    pairs = zip(track.fixes, track.holes, strict=True)
    return [KeptFix(seq, fix, hole=hole) for seq, (fix, hole) in enumerate(pairs, 1)]


@pytest.mark.parametrize("size", [60, 1, 4096])
def test_wire_json_of_one_file_counts_its_batches(files: list[Path], size: int) -> None:
    """The payload is that of the batches of the file's fixes, with all header fields."""
    ended = run("wire", files[0], "--batch", str(size), "--json")
    assert (ended.returncode, ended.stderr) == (0, b"")
    told = json.loads(ended.stdout)
    kept = _kept(_nmea())
    assert len(kept) == _FIXES
    expected = 0
    for number, first in enumerate(range(0, _FIXES, size), 1):
        chunk = tuple(kept[first : first + size])
        upto = first + len(chunk)
        expected += len(
            encode_batch(Batch(Envelope(b"8 bytes.", number, first, upto, upto), chunk))
        )
    assert (told["fixes"], told["batch"], told["payload_bytes"]) == (_FIXES, size, expected)
    assert told["bytes_per_fix"] == round(expected / _FIXES, 3)
    assert told["peers"].keys() == _PEERS
    assert all(figure > 0 for figure in told["peers"].values())
    assert told["entropy_model"] == "the file itself"
    assert "files" not in told


def test_wire_json_of_several_files_adds_them_up(files: list[Path]) -> None:
    """Each file has its figures, all together theirs; a file is read whatever its kind."""
    told = json.loads(run("wire", *files, "--json").stdout)
    assert [one["file"] for one in told["files"]] == [str(file) for file in files]
    assert [one["fixes"] for one in told["files"]] == [_FIXES] * 3
    assert told["fixes"] == 3 * _FIXES
    assert told["payload_bytes"] == sum(one["payload_bytes"] for one in told["files"])
    mean = sum(one["peers"]["teltonika_codec8"] for one in told["files"]) / 3
    assert told["peers"]["teltonika_codec8"] == pytest.approx(mean, abs=0.01)
    assert told["entropy_model"] == "other files"
    # GPX and CSV hold the same here.
    assert told["files"][1]["payload_bytes"] == told["files"][2]["payload_bytes"]


def test_costs_of_entropy_is_modelled_from_the_other_files_only() -> None:
    """What a file holds that no other one does costs escapes, however often it comes in it."""
    log, gpx = (
        sent_as_is(name, read_fixes(data)) for name, data in (("a", _nmea()), ("b", _gpx()))
    )
    [alone] = costs_of([log], 60)
    beside, _ = costs_of([log, gpx], 60)
    assert beside.peer_bytes["entropy_bound"] > 1.1 * alone.peer_bytes["entropy_bound"]
    assert beside.payload_bytes == alone.payload_bytes


def test_wire_for_people_is_a_table_with_a_total(files: list[Path]) -> None:
    """A row for each file and one for all, and what the figures are."""
    lines = run("wire", *files, "--batch", "10").stdout.decode().splitlines()
    assert lines[0].startswith("file ")
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["a.nmea", "130"], ["b.gpx.gz", "130"], ["c.csv", "130"], ["total", "390"],
    ]  # fmt: skip
    assert len({len(line) for line in lines[:5]}) == 1
    assert "batches of 10" in lines[-1]


def test_wire_several_tracks_of_a_file_are_streams_of_their_own(tmp_path: Path) -> None:
    """Two vehicles in a table are two streams, each from number 1 on."""
    rows = [
        f"{at:%FT%TZ},{lat:.6f},{lon:.6f},{n % 2}" for n, (at, lat, lon) in enumerate(_places())
    ]
    table = tmp_path / "two.csv"
    table.write_text("\n".join(["time,lat,lon,vehicle", *rows]))
    told = json.loads(run("wire", table, "--json").stdout)
    expected = 0
    for track in read_fixes(table.read_bytes()):
        pairs = zip(track.fixes, track.holes, strict=True)
        kept = [KeptFix(seq, fix, hole=hole) for seq, (fix, hole) in enumerate(pairs, 1)]
        expected += sum(len(checked(batch)) for batch in batches_of(b"8 bytes.", kept, 60))
    assert (told["fixes"], told["payload_bytes"]) == (_FIXES, expected)


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("none.nmea", None, "No such file"),
        ("text.nmea", b"hello", "neither NMEA"),
        ("cut.gpx.gz", gzip.compress(_gpx(), mtime=0)[:100], "damaged gzip"),
        ("cut.gpx", _gpx()[:-20], "damaged XML"),
        ("undated.csv", b"lat,lon\n51,10\n", "no dates"),
    ],
)
def test_wire_bad_file_is_one_line_and_exit_code_2(
    files: list[Path], tmp_path: Path, name: str, data: bytes | None, told: str
) -> None:
    """The line names the file and what is wrong, also behind good files; nothing is counted."""
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    ended = run("wire", files[0], path, "--json")
    assert (ended.returncode, ended.stdout) == (2, b"")
    [line] = ended.stderr.decode().splitlines()
    assert str(path) in line
    assert told in line


@pytest.mark.parametrize("size", ["0", "4097", "x"])
def test_wire_batch_that_cannot_be_is_exit_code_2(files: list[Path], size: str) -> None:
    """A batch holds at least one fix and at most as many as the protocol allows."""
    ended = run("wire", files[0], "--batch", size)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)


def test_checked_lossy_codec_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fix that comes back changed, or not at all, is an error that shows both."""
    kept = [KeptFix(n, Fix(1000 * n, n, n, kind=FixKind.THREE_D)) for n in range(1, 6)]
    [batch] = batches_of(b"8 bytes.", kept, 60)
    assert decode_batch(checked(batch)) == batch
    moved = (replace(kept[0], fix=replace(kept[0].fix, lat_e6=2)), *kept[1:])
    # Our codec is not known to be wrong, so it is made so.
    for wrong in (replace(batch, fixes=moved), replace(batch, fixes=tuple(kept[:4]))):
        monkeypatch.setattr(batches, "decode_batch", lambda _data, wrong=wrong: wrong)
        with pytest.raises(CodecError, match="batch 1: sent KeptFix"):
            checked(batch)


def test_checked_batch_that_our_decoder_refuses_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """What our own decoder refuses is our fault, whatever it says."""
    [batch] = batches_of(b"8 bytes.", _kept(_nmea()), 4096)

    # Our codec is not known to be wrong, so it is made so.
    def refuse(data: bytes) -> Batch:
        raise MessageError("malformed", f"{len(data)} bytes")

    monkeypatch.setattr(batches, "decode_batch", refuse)
    with pytest.raises(CodecError, match="refused by our own decoder"):
        checked(batch)


def test_wire_broken_codec_is_exit_code_1(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A codec that loses something ends the command as our own fault, without a figure."""

    # Our codec is not known to be wrong, so it is made so, which only the same process can do.
    def doubled(batch: Batch) -> bytes:
        return encode_batch(replace(batch, envelope=replace(batch.envelope, batch=7)))

    monkeypatch.setattr(batches, "encode_batch", doubled)
    monkeypatch.setattr(sys, "argv", ["milepost-sim", "wire", str(files[0])])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (1, "")
    assert "batch 1: sent Envelope" in said.err
