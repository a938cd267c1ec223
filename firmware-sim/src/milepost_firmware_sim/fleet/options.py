"""What a user asks of a fleet, and what of it cannot be had."""

import resource
from dataclasses import dataclass
from pathlib import Path

from milepost_firmware_sim.ports.address import parse_address
from milepost_firmware_sim.ports.port import PortError
from milepost_schemas.topics import SHARDS, Address, TopicError

# What a process has open beside the sockets of its vehicles, with room.
_OTHER_FILES = 100


class FleetError(ValueError):
    """An option of the fleet has a value that it cannot have here."""


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What was asked for.

    Attributes:
        vehicles: How many; 1 or more.
        broker: HOST:PORT.
        seconds: How long they make fixes; above 0.
        every_s: Seconds between two commits of a vehicle; above 0.
        rate_hz: Fixes a second; above 0.
        seed: Draws town, drives, places and mishaps.
        shards: Over how many shards they are spread; 1 to 64.
        prefix: Of their device ids.
        offline_share: Share of the vehicles that lose their link once; 0 to 1.
        restarts_per_hour: Of each vehicle's agent, on average; 0 or more.
        drain_s: How long to wait at the end until all is acknowledged.
        truth: Where to write every committed fix, or None.
        compare_dsn: The database to compare with, or None.
        report: Where to write the figures as JSON, or None.
    """

    vehicles: int
    broker: str
    seconds: float = 60.0
    every_s: float = 5.0
    rate_hz: float = 1.0
    seed: int = 1
    shards: int = SHARDS
    prefix: str = "sim-"
    offline_share: float = 0.0
    restarts_per_hour: float = 0.0
    drain_s: float = 60.0
    truth: Path | None = None
    compare_dsn: str | None = None
    report: Path | None = None

    def addresses(self) -> list[Address]:
        """Return the places of all vehicles in the topics.

        Raises:
            FleetError: The prefix makes ids that no device may have.
        """
        digits = len(str(self.vehicles))
        try:
            return [
                Address(number % self.shards, f"{self.prefix}{number:0{digits}}")
                for number in range(1, self.vehicles + 1)
            ]
        except TopicError as error:
            raise FleetError(f"--prefix {self.prefix}: {error}") from None

    def broker_address(self) -> tuple[str, int]:
        """Return host and port of the broker.

        Raises:
            FleetError: It is not HOST:PORT.
        """
        try:
            host, port = parse_address(self.broker)
            host.encode("idna")  # as the resolver does
        except (PortError, UnicodeError):
            port = 0
        if port == 0:
            raise FleetError(f"--broker {self.broker}: not HOST:PORT with a port of 1 to 65535")
        return host, port

    def allow_sockets(self) -> None:
        """Raise this process's limit of open files to what the fleet needs.

        Raises:
            FleetError: The system does not allow so many.
        """
        needed = self.vehicles + _OTHER_FILES
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise FleetError(
                f"-n {self.vehicles}: takes {needed} open files, the system allows {hard}; "
                "raise the hard limit (`ulimit -Hn`, or LimitNOFILE of systemd)"
            )
        if soft != resource.RLIM_INFINITY and soft < needed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
