"""Recordings: cut into pieces, timed, counted."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_firmware_sim.replay.recording import Recording, RecordingError, parse
from milepost_firmware_sim.replay.redate import redate
from milepost_firmware_sim.replay.source import load
from milepost_firmware_sim.sentence import Checksum, find_sentence
from tests.firmware_sim.drives import (
    bytes_of,
    drive_files,
    expected_track,
    gga,
    loaded,
    rmc,
    sentence,
)


def _parsed(*pieces: bytes) -> Recording:
    recording = parse(b"".join(pieces))
    assert recording is not None
    return recording


@given(st.lists(st.sampled_from([b"$", b"\n", b"\r\n", b"\x00\xff", b"GP", rmc("120000")])))
def test_parse_any_bytes_pieces_are_the_log(parts: list[bytes]) -> None:
    """The pieces one after the other are the log, whatever stands in it."""
    data = rmc("115959") + b"".join(parts)
    recording = parse(data)
    assert recording is not None
    assert b"".join(recording.pieces) == data
    assert all(piece.count(b"$") <= 1 for piece in recording.pieces)


def test_pace_times_without_line_ends_are_played_apart() -> None:
    """Sentences that follow each other without a line end have times of their own."""
    recording = _parsed(*(rmc(f"12000{second}").strip() for second in range(3)))
    assert recording.pace.times_s == (0.0, 1.0, 2.0)
    assert recording.line_count == 1


def test_pace_midnight_without_dates_goes_on() -> None:
    """A recording with times of day only is continuous over midnight."""
    recording = _parsed(gga("235958.5"), gga("235959.5"), gga("000000.5"), gga("000001.5"))
    assert recording.pace.times_s == (0.0, 1.0, 2.0, 3.0)


def test_pace_midnight_of_an_epoch_waits_for_no_date() -> None:
    """The undated sentence that is first after midnight belongs to the date that follows it."""
    recording = _parsed(
        gga("235959"), rmc("235959", "311225"), gga("000000"), rmc("000000", "010126")
    )
    assert recording.pace.times_s == (0.0, 0.0, 1.0, 1.0)
    assert recording.pace.origin_s == 1767225599.0


def test_pace_hole_of_days_is_played_whole() -> None:
    """A hole is as long as the dates say, for the undated sentence after it too."""
    recording = _parsed(rmc("120000", "050126"), gga("120010"), rmc("130000", "080126"))
    assert recording.span_s == 3 * 86_400 + 3600
    after = _parsed(rmc("120000", "050126"), gga("130000"), rmc("130000", "080126"))
    assert after.pace.times_s[1] == 3 * 86_400 + 3600


def test_pace_steps_back_and_repeats_wait_for_nothing() -> None:
    """Repeated and earlier times go along with what came before them."""
    recording = _parsed(*(rmc(clock) for clock in ("120005", "120005", "120003", "120006")))
    assert recording.pace.times_s == (0.0, 0.0, 0.0, 1.0)


def test_pace_glued_recording_goes_on_at_its_own_pace() -> None:
    """A second recording that is older than the first is played after it, not all at once."""
    recording = _parsed(
        rmc("120000", "050126"), rmc("120001", "050126"), rmc("080000", "030126"),
        rmc("080001", "030126"),
    )  # fmt: skip
    assert recording.pace.times_s == (0.0, 1.0, 1.0, 2.0)


def test_pace_factory_clock_before_the_fix_is_no_hole() -> None:
    """A receiver that starts in 1980 does not make the player wait for decades."""
    recording = _parsed(
        rmc("235943", "050180", "V"), rmc("235944", "050180", "V"), rmc("120000"), rmc("120001")
    )
    assert recording.pace.times_s == (0.0, 0.0, 0.0, 1.0)
    assert recording.lead_s == 0.0


def test_pace_factory_clock_between_fixes_ticks() -> None:
    """After a restart the wrong clock's seconds are played until the next fix."""
    recording = _parsed(
        rmc("120000"), rmc("235943", "050180", "V"), rmc("235944", "050180", "V"), rmc("120009")
    )
    assert recording.pace.times_s == (0.0, 0.0, 1.0, 9.0)


def test_pace_sentences_without_checksums_move_the_clock() -> None:
    """A receiver that writes no checksums is played at its pace all the same."""
    bare = [rmc(f"12000{second}")[:-5] + b"\r\n" for second in range(3)]
    assert _parsed(*bare).pace.times_s == (0.0, 1.0, 2.0)


def test_pace_wrong_checksum_moves_nothing() -> None:
    """A damaged time is not believed."""
    damaged = rmc("180000").replace(b"5130", b"5131")
    assert _parsed(rmc("120000"), damaged, rmc("120001")).span_s == 1.0


def test_track_positions_are_in_degrees() -> None:
    """The track holds one place an instant, in degrees with their sign."""
    south = sentence("GPRMC,120001,A,3330.0000,S,07030.0000,W,10.0,90.0,050126,,,A")
    void = sentence("GPRMC,120002,V,3330.0000,S,07030.0000,W,10.0,90.0,050126,,,N")
    recording = _parsed(rmc("120000"), gga("120000"), south, void)
    assert recording.track == ((0.0, 51.5, 10.5), (1.0, -33.5, -70.5))


def test_load_plain_and_gzip_are_the_same(tmp_path: Path) -> None:
    """The packing is told by the first bytes, not by the name."""
    data = rmc("120000") + rmc("120001")
    (tmp_path / "a.gz").write_bytes(data)
    (tmp_path / "b.txt").write_bytes(gzip.compress(data))
    assert load(tmp_path / "a.gz") == load(tmp_path / "b.txt")


def test_load_wrong_files_say_what_and_where(tmp_path: Path) -> None:
    """Missing, empty, foreign and damaged files are refused by name."""
    packed = gzip.compress(rmc("120000") * 1000)
    contents = {"empty": b"", "text": b"hello, $5 please*\n", "cut.gz": packed[: len(packed) // 2]}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name in (*contents, "missing", "."):
        with pytest.raises(RecordingError) as error:
            load(tmp_path / name)
        assert str(tmp_path / name) in str(error.value)


@pytest.mark.parametrize("file", drive_files())
def test_load_recorded_drive_span_agrees_with_an_independent_reader(file: Path) -> None:
    """From the first fix to the last one passes what the manifest says."""
    recording = loaded(file)
    assert b"".join(recording.pieces) == bytes_of(file)
    track = recording.track
    expected = expected_track(file).get("span_s")
    if expected is not None:
        # GGA may have a fix a second before and after the RMC that the manifest counts.
        assert track[-1][0] - track[0][0] == pytest.approx(expected, abs=2.5)
        assert recording.span_s >= expected - 0.01


@pytest.mark.parametrize("file", drive_files())
def test_redate_recorded_drive_keeps_lines_and_pace(file: Path) -> None:
    """Every line is there after the move, as right or wrong as before, at the same pace."""
    recording = loaded(file)
    offset_s = 123_456_789
    moved = [redate(piece, offset_s) for piece in recording.pieces]
    for before, after in zip(recording.pieces, moved, strict=True):
        if before == after:
            continue
        assert len(before) == len(after)
        sooner, later = find_sentence(before), find_sentence(after)
        assert sooner is not None
        assert later is not None
        assert sooner.checksum is later.checksum is Checksum.RIGHT
        assert later.fields[0] == sooner.fields[0]
    again = parse(b"".join(moved))
    assert again is not None
    assert again.pace.origin_s == pytest.approx(recording.pace.origin_s + offset_s, abs=0.001)
    assert again.span_s == pytest.approx(recording.span_s, abs=0.001)
    assert len(again.track) == len(recording.track)
