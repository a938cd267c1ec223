"""The board: what the kernel's files say, and unknown where they say nothing."""

from pathlib import Path

import pytest

from milepost_agent.board import Power, boot_id, disk_free_bytes, read_power, temperature_c
from milepost_agent.config import BoardConfig


@pytest.mark.parametrize(
    ("text", "low", "throttled"),
    [("0x0", False, False), ("50005", True, True), ("0x50000\n", False, False), ("8", False, True)],
)
def test_throttling_bits_tell_voltage_and_speed(
    tmp_path: Path, text: str, low: bool, throttled: bool
) -> None:
    """Bit 0 is low voltage now, bits 1 to 3 a slower board now; the past does not count."""
    file = tmp_path / "get_throttled"
    file.write_text(text)
    power = read_power(BoardConfig(throttled=str(file)))
    assert (power.low_voltage, power.throttled, power.ignition) == (low, throttled, None)


def test_ignition_is_what_its_file_says(tmp_path: Path) -> None:
    """0 is off, 1 is on, and a file that cannot be read is unknown."""
    file = tmp_path / "value"
    config = BoardConfig(ignition=str(file), throttled="")
    assert read_power(config) == Power()
    file.write_text("1\n")
    assert read_power(config).ignition is True
    file.write_text("0\n")
    assert read_power(config).ignition is False
    file.write_text("?")
    assert read_power(config).ignition is None


def test_power_warns_once_when_it_may_be_cut() -> None:
    """Ignition off and low voltage are each a warning at the moment when they come."""
    on, off, low = Power(ignition=True), Power(ignition=False), Power(low_voltage=True)
    assert off.warns_after(on)
    assert low.warns_after(on)
    assert not off.warns_after(off)
    assert not low.warns_after(low)
    assert not on.warns_after(off)


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    """Temperature and disk are numbers or None, never an exception."""
    file = tmp_path / "temp"
    assert temperature_c(BoardConfig(temperature=str(file))) is None
    file.write_text("47236\n")
    assert temperature_c(BoardConfig(temperature=str(file))) == 47.2
    assert (disk_free_bytes(file) or 0) > 0
    assert disk_free_bytes(tmp_path / "none" / "x") is None
    assert len(boot_id()) == 36
