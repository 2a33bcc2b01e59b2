"""A disk of one's own: an ext4 file system in an image file, mounted through a loop device. Needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ENVIRONMENT = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}


class Disk:
    """A mounted image."""

    def __init__(self, image: Path, mount_point: Path) -> None:
        self.image = image
        self.root = mount_point

    def mount(self) -> None:
        """Mount the image. Nothing but an fsync makes it write within the next five minutes."""
        _run("mount", "-o", "loop,noatime,commit=300", str(self.image), str(self.root))

    def unmount(self) -> None:
        """Write everything back and unmount."""
        _run("umount", str(self.root))

    def cut_power(self) -> None:
        """Go on with what has reached the device, and with nothing that had not.

        The file system keeps in memory what was written until something is synced; only then does it
        reach the loop device, and with it the image file. So a copy of the image, read while the file system
        is still mounted, is what a disk would hold after a power cut: whatever was written without syncing
        is not there. (Kinder than some disks: it keeps all that reached the device, like one whose cache
        survives. It shows a missing fsync, not a missing flush.)
        """
        copy = self.image.with_suffix(".copy")
        shutil.copyfile(self.image, copy)
        self.unmount()
        copy.replace(self.image)
        self.mount()

    def fail(self) -> None:
        """Make the file system give up, as after an error of the device: it is read-only from now on."""
        _run("mount", "-o", "remount,abort", str(self.root))

    def repair(self) -> None:
        """Do what an operator does then; nobody may use the disk meanwhile."""
        self.unmount()
        found = subprocess.run(
            ["e2fsck", "-fy", str(self.image)], check=False, capture_output=True, env=_ENVIRONMENT
        )
        assert found.returncode in {0, 1}, found.stdout  # 1: there was something, and it is corrected
        self.mount()

    def fill(self) -> Path:
        """Write a file until nothing more fits, and return it: to remove it makes room again."""
        filler = self.root / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                try:
                    while file.write(b"\0" * size):
                        pass
                except OSError:
                    continue
            os.fsync(file.fileno())
        return filler


@contextmanager
def disk(folder: Path, *, megabytes: int) -> Iterator[Disk]:
    """Make and mount a disk, or skip the test where that is impossible."""
    image, root = folder / "disk.img", folder / "disk"
    root.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    made = Disk(image, root)
    if os.geteuid() != 0:
        pytest.skip("needs a loop mount: run as root")
    try:
        _run("mkfs.ext4", "-q", "-m", "0", str(image))
        made.mount()
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"needs a loop mount: {error}")
    try:
        yield made
    finally:
        made.unmount()


@contextmanager
def immutable(*paths: Path) -> Iterator[None]:
    """Let nobody write these files, not even root, and not even through files that are open already."""
    _run("chattr", "+i", *map(str, paths))
    try:
        yield
    finally:
        _run("chattr", "-i", *map(str, paths))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, env=_ENVIRONMENT)
