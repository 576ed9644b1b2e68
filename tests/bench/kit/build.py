"""The build that is measured: $DPSUP_BUILD, else build/release, which tests/run makes, else build."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def folder():
    if os.environ.get("DPSUP_BUILD"):
        return Path(os.environ["DPSUP_BUILD"]).resolve()
    release, plain = REPOSITORY / "build" / "release", REPOSITORY / "build"
    return plain if (plain / "CMakeCache.txt").exists() and not release.exists() else release


def binary(which):
    """dpsupd or dpsupctl."""
    return str(folder() / "daemon" / which / which)
