"""The event engine: `engine(state, fixes, definitions) -> state, events`.

Pure: no clock, no I/O, no randomness. The same fixes in the same order give the same events with
the same ids, however they are cut into batches.

`fence` is the geometry, `definitions` says which fences were in force when, `state` is what is
remembered between batches, `run` is the step over fixes.
"""

from milepost_collector.engine.definitions import Definitions
from milepost_collector.engine.fence import Fence, FenceError, fences_from_geojson
from milepost_collector.engine.run import Run, run_engine
from milepost_collector.engine.state import EngineState, EngineStateError

__all__ = [
    "Definitions",
    "EngineState",
    "EngineStateError",
    "Fence",
    "FenceError",
    "Run",
    "fences_from_geojson",
    "run_engine",
]
