"""An image of the buffer's files: the newest version of each page, and what else lies about.

In flow the bytes of the database and of its log, out flow pages; pure.
"""

from collections.abc import Iterator

from milepost_agent.buffer.pages import PAGE_BYTES, Frame, frames_of

DB_HEAD_BYTES = 100


class Image:
    """Database and log.

    Args:
        database: The bytes of the database; anything that is sliced like bytes.
        log: The bytes of the log.

    Attributes:
        frames: All frames of the log.
        page_count: Pages that there should be: as the last commit in the log says, else as the
            database's header does.
    """

    def __init__(self, database: bytes, log: bytes) -> None:
        self.database = database
        self.log = log
        self.frames = frames_of(log)
        sound = [frame for frame in self.frames if frame.is_sound]
        last = max((at for at, frame in enumerate(sound) if frame.commit_pages), default=-1)
        self.committed = sound[: last + 1]
        self._newest = {frame.page_no: frame for frame in self.committed}
        self.page_count = (
            self.committed[-1].commit_pages
            if self.committed
            else int.from_bytes(database[28:32], "big")
        )

    def page(self, number: int) -> bytes:
        """Return the newest committed version of a page; short or empty where there is none."""
        frame = self._newest.get(number)
        if frame is not None:
            return self._framed(frame)
        return self.database[(number - 1) * PAGE_BYTES : number * PAGE_BYTES]

    def versions(self) -> Iterator[bytes]:
        """Yield every version of every page: the newest ones first, then whatever lies about."""
        in_file = -(-len(self.database) // PAGE_BYTES)
        for number in range(1, max([in_file, *self._newest]) + 1):
            yield self.page(number)
        newest = set(self._newest.values())
        for frame in reversed(self.frames):
            if frame not in newest:
                yield self._framed(frame)
        for number in self._newest:
            yield self.database[(number - 1) * PAGE_BYTES : number * PAGE_BYTES]

    def torn(self) -> Iterator[bytes]:
        """Yield the pages of a commit at the log's end that SQLite does not believe."""
        for frame in self.frames[len(self.committed) :]:
            if frame.is_current:
                yield self._framed(frame)

    def _framed(self, frame: Frame) -> bytes:
        return self.log[frame.page_at : frame.page_at + PAGE_BYTES]
