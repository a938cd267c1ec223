"""Where photos are made ready: one at a time, beside the event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from milepost_collector.delivery.proof.proof import Picture
from milepost_collector.proof.pictures import cleaned


class Darkroom:
    """Makes photos ready, one at a time: a big one needs some 200 MB for a moment."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="darkroom")

    async def cleaned(self, photo: bytes) -> Picture:
        """Return a photo as `pictures.cleaned` does.

        Raises:
            PictureError: It is not taken.
        """
        return await asyncio.get_running_loop().run_in_executor(self._worker, cleaned, photo)

    def close(self) -> None:
        """Wait for the photo that is being made ready, and take no more."""
        self._worker.shutdown()
