"""What the board tells of itself through files of the kernel: ignition, undervoltage, heat, disk.

Nothing here raises: a file that is absent or cannot be read means unknown.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from milepost_agent.config import BoardConfig

# Bits of `get_throttled` (Raspberry Pi documentation, vcgencmd): what holds at this moment.
_UNDERVOLTAGE = 0x1
_THROTTLED = 0x2 | 0x4 | 0x8  # frequency capped, throttled, soft temperature limit


@dataclass(frozen=True, slots=True)
class Power:
    """What is known of the supply.

    Attributes:
        ignition: Whether the ignition is on; None: unknown.
        low_voltage: Whether the supply is below what the board needs; None: unknown.
        throttled: Whether the board runs slower than it could; None: unknown.
    """

    ignition: bool | None = None
    low_voltage: bool | None = None
    throttled: bool | None = None

    def warns_after(self, before: "Power") -> bool:
        """Whether the power may soon be cut, and that is new."""
        went_off = self.ignition is False and before.ignition is not False
        return went_off or (self.low_voltage is True and not before.low_voltage)


def read_power(config: BoardConfig) -> Power:
    """Read the supply's state; takes some ten microseconds."""
    ignition = _number(config.ignition, 10)
    bits = _number(config.throttled, 16)
    return Power(
        ignition=None if ignition is None else ignition != 0,
        low_voltage=None if bits is None else bool(bits & _UNDERVOLTAGE),
        throttled=None if bits is None else bool(bits & _THROTTLED),
    )


def temperature_c(config: BoardConfig) -> float | None:
    """Read the temperature in degrees Celsius."""
    thousandths = _number(config.temperature, 10)
    return None if thousandths is None else round(thousandths / 1000, 1)


def disk_free_bytes(path: Path) -> int | None:
    """Return what an ordinary user may still write beside `path`."""
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def boot_id() -> str:
    """Return what names this boot of the machine; empty where the kernel does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _number(path: str, base: int) -> int | None:
    if not path:
        return None
    try:
        return int(Path(path).read_text(encoding="ascii").strip().removeprefix("0x"), base)
    except (OSError, ValueError):
        return None
