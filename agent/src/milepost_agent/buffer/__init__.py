"""The buffer of the unit: fixes on disk, or in memory while there is no disk.

- `buffer` is what the unit sees, `holding` the choice between disk and memory, `on_disk` the file
  with all that may befall it, `disk` its place, `space` its room, `quarantine` what was damaged.
- `connection` is how SQLite is set up, `file` streams over one connection, `transaction` one
  commit, `loading` how the streams stand when a file is opened, `beginning` what a new run does
  first, `absorbing` how the streams of one file go into another.
- `room` and `thinning` decide what goes when it is full.
- `row` is what stands in a row, `reading` reads rows with distrust.
- `pages`, `image` and `check` read SQLite's pages without SQLite; `salvage` saves rows so.
"""

from milepost_agent.buffer.buffer import IN_MEMORY, Buffer
from milepost_agent.buffer.health import BufferHealth
from milepost_agent.buffer.trouble import BufferFileError, BufferState, StreamGoneError

__all__ = [
    "IN_MEMORY",
    "Buffer",
    "BufferFileError",
    "BufferHealth",
    "BufferState",
    "StreamGoneError",
]
