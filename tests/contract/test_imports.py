"""The import contracts hold, and a deliberate violation of each kind is caught."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [*ROOT.glob("services/*/voc_*"), *ROOT.glob("libs/*/voc_*")]

VIOLATIONS = {
    "a lower layer knows a higher one": (
        "voc_identity/repository/records.py",
        "import voc_identity.handlers.people",
        "outside in",
    ),
    "a service knows another": (
        "voc_scorecard/handlers/told.py",
        "import voc_backlog.domain",
        "by events alone",
    ),
    "common knows a service": (
        "voc_common/fold.py",
        "import voc_ingest.settings",
        "knows no service",
    ),
    "a domain does IO": ("voc_taxonomy/domain/words.py", "import sqlalchemy", "no input or output"),
    "a handler talks SQL": (
        "voc_identity/handlers/people.py",
        "import sqlalchemy",
        "through the repository",
    ),
    "a second module knows aiokafka": ("voc_common/worker.py", "import aiokafka", "aiokafka"),
}


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    """lint-imports over the packages in a folder."""
    program = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as c; c()"
    return subprocess.run(
        [sys.executable, "-c", program, "--config", str(ROOT / "pyproject.toml"), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(tmp_path_factory.mktemp("imports"))
    for package in PACKAGES:
        shutil.copytree(
            package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__")
        )
    return folder


def test_the_contracts_hold(copy: Path) -> None:
    answer = linted(copy)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.slow
@pytest.mark.parametrize("what", VIOLATIONS)
def test_a_deliberate_violation_is_caught(copy: Path, what: str) -> None:
    name, line, contract = VIOLATIONS[what]
    file = copy / name
    before = file.read_text()
    file.write_text(f"{before}\n{line}\n")
    try:
        answer = linted(copy)
    finally:
        file.write_text(before)
    assert answer.returncode != 0
    broken = [row for row in answer.stdout.splitlines() if row.endswith("BROKEN")]
    assert [row for row in broken if contract in row], answer.stdout
