"""The account Postgres runs as, which refuses to be root, and places that account can reach."""

import os
import pwd
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from voc_local.home import make_folders
from voc_local.lifeline import ServerError

STATE = Path("/var/lib/voc")
"""Where root puts what the account must reach when the home is closed to it, as root's own is."""

CANDIDATES = ("nobody", "daemon")
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Account:
    """An existing unprivileged user to drop to; `ids` None means: as whoever we are."""

    ids: tuple[int, int] | None

    def run(self, argv: Sequence[str], said: str = "") -> subprocess.CompletedProcess[str]:
        """Run a short command as the account, `said` on its standard input."""
        uid, gid = self.ids or (None, None)
        return subprocess.run(
            # By a shell: a program out of reach is then an exit status like any other failure.
            ["/bin/sh", "-c", 'exec "$0" "$@"', *argv],
            user=uid,
            group=gid,
            extra_groups=[] if self.ids else None,
            cwd="/",
            env=ENVIRONMENT,
            input=said,
            capture_output=True,
            text=True,
            check=False,
        )

    def enters(self, folder: Path) -> bool:
        """Whether the account can work in a folder: asked by trying, whatever forbids it."""
        return (
            self.run(["/bin/sh", "-c", 'cd "$0" && : > probe && rm probe', str(folder)]).returncode
            == 0
        )

    def own_folder(self, wanted: Path) -> Path:
        """Make a folder of the account's own, 0700, and return where it is.

        That is `wanted`, or, when a folder above it is closed to the account, one under STATE
        that `wanted` then links to: opening somebody's closed folder is not ours to do.
        """
        if wanted.exists():
            return wanted.resolve()
        if wanted.is_symlink():
            raise ServerError(f"{wanted} links to {wanted.readlink()}, which is gone")
        for place in (wanted, STATE / f"data-{uuid.uuid4().hex}"):
            make_folders(place.parent)
            place.mkdir(0o700)
            if self.ids:
                os.chown(place, *self.ids)
            if self.enters(place):
                if place != wanted:
                    wanted.symlink_to(place)
                return place
            place.rmdir()
            if self.ids is None:
                break
        raise ServerError(
            f"neither {wanted} nor {STATE} can be used by the account that runs Postgres: "
            "set VOC_HOME to a folder on a writable disk"
        )

    def runnable(self, program: Path, folders: Sequence[Path], tag: str) -> Path:
        """Return a path of `program`, a file in the first of `folders`, that the account can run.

        That is the program itself, or its like in a copy of the folders, side by side, under STATE.
        """
        if self.ids is None or self.run([str(program), "--version"]).returncode == 0:
            return program
        copy = STATE / tag
        copied = copy / program.relative_to(folders[0].parent)
        if self.run([str(copied), "--version"]).returncode == 0:
            return copied
        make_folders(STATE)
        # Copied beside and renamed: a copy cut short must not be taken for a whole one.
        draft = STATE / f"{tag}.{uuid.uuid4().hex}"
        for source in filter(Path.exists, folders):
            unneeded = shutil.ignore_patterns("*.a", "include", "__pycache__")
            shutil.copytree(source, draft / source.name, ignore=unneeded)
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        shutil.rmtree(copy, ignore_errors=True)
        draft.rename(copy)
        tried = self.run([str(copied), "--version"])
        if tried.returncode:
            raise ServerError(f"{copied} does not run: {tried.stderr.strip()}")
        return copied


def unprivileged() -> Account:
    """Return ourselves, or, for root, the account to drop to.

    Raises ServerError when root has nobody to drop to.
    """
    if os.geteuid() != 0:
        return Account(None)
    reason = f"none of {', '.join(CANDIDATES)} exists"
    for name in CANDIDATES:
        try:
            user = pwd.getpwnam(name)
            account = Account((user.pw_uid, user.pw_gid))
            account.run(["true"])
        except KeyError:
            continue
        except PermissionError:
            reason = "this root may not drop its rights"
            continue
        return account
    raise ServerError(
        f"Postgres refuses to run as root, and {reason}: "
        "start voc as an ordinary user, or set DATABASE_URL"
    )
