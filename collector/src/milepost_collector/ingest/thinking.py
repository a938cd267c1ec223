"""The engine over what a transaction stores: all devices at once, and one that fails alone.

A fault of ours must not cost a fix: the engine of the device that it fails at is parked, with the
cause, and everything else goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog

from milepost_collector.engine import Definitions, Doubted, EngineState, Job, run_engine
from milepost_collector.store.engine_writes import DoubtedRows, EngineWrites
from milepost_collector.store.fix_copy import OwnedRows
from milepost_collector.store.locked import LockedDevice
from milepost_schemas.bulk import FixRows
from milepost_schemas.event import Event

_log = structlog.get_logger(__name__)

Part = tuple[LockedDevice, int, int]


@dataclass(slots=True)
class Thought:
    """What the engine made of a transaction's fixes.

    Attributes:
        engine: State and parking cause of devices, by their row numbers.
        events: In the order in which they came about.
        doubted: Fixes that it does not believe, by their rows.
    """

    engine: EngineWrites = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    doubted: list[Doubted] = field(default_factory=list)


def think(parts: Sequence[Part], rows: FixRows, definitions: Definitions) -> Thought:
    """Run the engine over fixes.

    Args:
        parts: Devices, each at most once, each with its first row and the one behind its last.
        rows: The fixes.
        definitions: By the time from which they are in force.
    """
    thought = Thought()
    if not parts:
        return thought
    try:
        _run(parts, rows, definitions, thought)
    except Exception as error:  # noqa: BLE001 - a fault of ours must not cost a fix: it is parked
        if len(parts) > 1:
            thought = Thought()
            for half in (parts[: len(parts) // 2], parts[len(parts) // 2 :]):
                each = think(half, rows, definitions)
                thought.engine |= each.engine
                thought.events += each.events
                thought.doubted += each.doubted
            return thought
        device = parts[0][0]
        _log.exception("The engine failed and is parked for this device.", device=device.device)
        cause = f"{type(error).__name__}: {error}"
        return Thought({device.no: (device.engine_state, cause)})
    return thought


def _run(parts: Sequence[Part], rows: FixRows, definitions: Definitions, thought: Thought) -> None:
    jobs = [
        Job(EngineState.decode(device.engine_state), device.device, device.device, first, end)
        for device, first, end in parts
    ]
    run = run_engine(jobs, rows, definitions)
    for (device, _, _), job, events in zip(parts, jobs, run.events, strict=True):
        thought.engine[device.no] = (job.state.encode(), None)
        thought.events += events
    if len(run.doubted.row):
        thought.doubted.append(run.doubted)


def doubted_rows(thought: Thought, owned: OwnedRows) -> DoubtedRows | None:
    """Return the doubted fixes as they are stored; None without any."""
    if not thought.doubted:
        return None
    row = np.concatenate([each.row for each in thought.doubted])
    doubt = np.concatenate([each.doubt for each in thought.doubted])
    return DoubtedRows(owned.where(row), doubt)
