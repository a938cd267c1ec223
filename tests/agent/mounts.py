"""Small disks of our own, for tests that run as root on Linux."""

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# ext4: FS_IOC_SHUTDOWN (_IOR('X', 125, __u32)) stops the file system where it is;
# FS_GOING_FLAGS_NOLOGFLUSH: without even writing the journal, as a power cut does.
_FS_IOC_SHUTDOWN = 0x8004587D
_NOLOGFLUSH = 2


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Path]:
    """Mount a file system of a size in memory; skip where that is not allowed."""
    with _mounted(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], folder):
        yield folder


@contextmanager
def ext4(image: Path, folder: Path) -> Iterator[Path]:
    """Mount an ext4 in a file; made where there is none. Skip where that is not possible."""
    if not image.exists():
        if shutil.which("mkfs.ext4") is None:
            pytest.skip("there is no mkfs.ext4")
        with image.open("wb") as file:
            file.truncate(32 * 1024 * 1024)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
    with _mounted(["mount", "-o", "loop", str(image), str(folder)], folder):
        yield folder


def shut_down(folder: Path) -> None:
    """Stop a file system as a power cut would; only unmounting it remains."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(handle, _FS_IOC_SHUTDOWN, struct.pack("I", _NOLOGFLUSH))
    finally:
        os.close(handle)


def remount(folder: Path, *options: str) -> None:
    """Change the options of what is mounted."""
    subprocess.run(["mount", "-o", ",".join(("remount", *options)), folder], check=True)


@contextmanager
def _mounted(command: list[str], folder: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    folder.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        pytest.skip(f"{command[0]} does not work here: {ended.stderr.strip()}")
    try:
        yield
    finally:
        # Lazily, so that a test which failed with a file open leaves no mount behind.
        subprocess.run(["umount", "--lazy", folder], check=True)
