"""A vehicle of the demo on disk: its port, configuration, buffer and status, in one folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Vehicle:
    """Where the files of one vehicle are.

    Attributes:
        id: Its name, and that of its device.
        folder: Where they lie; several vehicles may share it.
    """

    id: str
    folder: Path

    @property
    def port(self) -> Path:
        """The link to its receiver's pseudo-terminal."""
        return self.folder / f"{self.id}.tty"

    @property
    def config(self) -> Path:
        """The agent's configuration."""
        return self.folder / f"{self.id}.toml"

    @property
    def buffer(self) -> Path:
        """The agent's buffer."""
        return self.folder / f"{self.id}.db"

    @property
    def simulator(self) -> str:
        """The name of the program that plays its receiver."""
        return f"{self.id}.sim"

    def write_config(self, broker: tuple[str, int], tick_s: float) -> None:
        """Write the agent's configuration, and forget what an earlier run said of itself."""
        self._status.unlink(missing_ok=True)
        host, port = broker
        self.config.write_text(
            f"[device]\nid = {json.dumps(self.id)}\n"
            f"[receiver]\nport = {json.dumps(str(self.port))}\n"
            f"[broker]\nhost = {json.dumps(host)}\nport = {port}\n"
            f"[buffer]\npath = {json.dumps(str(self.buffer))}\n"
            # Every fix is kept, so that each can be followed to the table.
            f"[sampling]\ntolerance_m = 0\n"
            f"[uplink]\ntick_s = {tick_s}\nparked_tick_s = {tick_s}\n"
            f"[status]\npath = {json.dumps(str(self._status))}\n"
        )

    def status(self) -> dict[str, Any]:
        """Return what the agent says of itself; empty before it has said anything."""
        status: dict[str, Any] = json.loads(self._status.read_text()) if self.is_known else {}
        return status

    @property
    def is_known(self) -> bool:
        """Whether the agent has said anything of itself in this run."""
        return self._status.exists()

    def is_drained(self) -> bool:
        """Whether its receiver is gone and every fix that it made is stored."""
        status = self.status()
        return bool(
            status.get("receiver", {}).get("state") == "gone"
            and status["backlog"] == 0
            and status["fixes_made"] == status["fixes_committed"]
        )

    @property
    def _status(self) -> Path:
        return self.folder / f"{self.id}.json"
