"""Fail when a test was skipped because something it needs is missing: here everything has to run.

By convention such a reason begins with "needs ". One kind is let through, because no installation can help:
"needs a loop mount", where this machine gives us no loop device. Skips for other reasons are fine.

Usage: check_skips.py JUNIT_XML
"""

from __future__ import annotations

import os
import subprocess
import sys
from xml.etree import ElementTree


def has_loop_device() -> bool:
    """Say whether a file system image could be mounted here."""
    return (
        os.geteuid() == 0
        and subprocess.run(["losetup", "--find"], capture_output=True, check=False).returncode == 0
    )


def main(report: str) -> int:
    """Print the skipped tests and return the exit code."""
    impossible = () if has_loop_device() else ("needs a loop mount",)
    wrong = 0
    for case in ElementTree.parse(report).iter("testcase"):
        for skipped in case.iter("skipped"):
            reason = skipped.get("message", "").removeprefix("Skipped: ")
            bad = reason.startswith("needs ") and not reason.startswith(impossible)
            wrong += bad
            print(f"{'MISSING' if bad else 'skipped'}  {case.get('classname')}.{case.get('name')}: {reason}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
