"""A small disk of its own (tmpfs) under a folder, which can be filled to its last block and freed again."""

import contextlib
import os
import subprocess
from pathlib import Path

SIZE = 4 << 30
"""Of the free disk; only what is in use takes memory."""
SPARE = 256 << 10


class Disk:
    """Mounted at `folder` if the machine lets us; `why` says why not, "" if it is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.why = self._mount(f"size={SIZE},mode=0711", "-t", "tmpfs", "voc-faults")

    def fill(self) -> None:
        """Leave nothing free: the file system itself becomes as small as what is on it."""
        for _ in range(50):
            found = os.statvfs(self.folder)
            used = (found.f_blocks - found.f_bfree) * found.f_frsize
            if not self._mount(f"remount,size={used + SPARE}"):
                return
        raise OSError(f"{self.folder} grows faster than it can be filled")

    def free(self) -> None:
        """Give the space back."""
        if why := self._mount(f"remount,size={SIZE}"):
            raise OSError(why)

    def close(self) -> None:
        """Unmount, and lose what is on it."""
        if not self.why:
            with contextlib.suppress(subprocess.CalledProcessError):
                subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def _mount(self, options: str, *what: str) -> str:
        done = subprocess.run(
            ["mount", *what, "-o", options, str(self.folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        return "" if done.returncode == 0 else f"no tmpfs can be mounted: {done.stderr.strip()}"
