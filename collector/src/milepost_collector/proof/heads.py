"""Heads of chains that were noted elsewhere: what `proof verify --json` said, as a file."""

from pathlib import Path

import msgspec

from milepost_collector.store.proofs.verifying import KnownHead


class HeadsError(ValueError):
    """A file does not hold what `proof verify --json` says."""


class _Chain(msgspec.Struct):
    chain: str
    changes: int
    head: str


class _Noted(msgspec.Struct):
    chains: list[_Chain]


def read_heads(path: Path) -> list[KnownHead]:
    """Read heads from a file.

    Raises:
        HeadsError: It cannot be read, or is another file.
    """
    try:
        noted = msgspec.json.decode(path.read_bytes(), type=_Noted)
    except OSError as error:
        raise HeadsError(f"{path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HeadsError(f"{path} is not what `proof verify --json` says: {error}") from None
    return [KnownHead(each.chain, each.changes, each.head) for each in noted.chains]
