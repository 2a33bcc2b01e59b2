"""The scripts a newcomer runs first: when they make .venv, and what they say when they cannot.

Nothing is installed here: a stand-in for uv writes down how it is called.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = ("cat", "cksum", "dirname", "env", "mkdir", "rm", "sleep")

UV = """#!/bin/sh
echo "$1 $2" >>"$CALLS"
[ ! -e "$BREAK" ] || exit 1
if [ "$1" = venv ]; then
    for folder; do :; done
    mkdir -p "$folder/bin"
    printf '#!/bin/sh\\necho ran: "$@"\\n' >"$folder/bin/python"
    /bin/chmod +x "$folder/bin/python"
fi
"""

OLD = "#!/bin/sh\ncase $* in *platform*) echo 3.9.2 ;; *) exit 1 ;; esac\n"
BARE = "#!/bin/sh\ncase $* in *platform*) echo 3.12.1 ;; *ensurepip*) exit 1 ;; esac\n"


class Clone:
    """The scripts in a folder of their own, on a machine that has only what it is given."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a clone"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        self.broken = folder / "broken"
        self.bin.mkdir()
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        for name in ("pyproject.toml", "requirements.lock"):
            shutil.copy(ROOT / name, self.root)
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.bin / tool).symlink_to(found)

    def program(self, name: str, text: str) -> None:
        """Put a program on the PATH."""
        (self.bin / name).write_text(text, "utf-8")
        (self.bin / name).chmod(0o755)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run scripts/test from elsewhere."""
        return subprocess.run(
            ["/bin/sh", self.root / "scripts" / "test", *arguments],
            cwd=self.root.parent,
            env={"PATH": str(self.bin), "CALLS": str(self.calls), "BREAK": str(self.broken), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def new_calls(self) -> list[str]:
        """Return how uv was called since the last time this was asked."""
        calls = self.calls.read_text("utf-8").splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return calls


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone on a machine with this Python and uv, on which no script has run yet."""
    made = Clone(tmp_path)
    made.program("uv", UV)
    made.program("python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    return made


EVERYTHING = ["venv --quiet", "pip install", "pip install"]


def test_the_first_run_makes_the_environment_and_the_second_only_runs(clone: Clone) -> None:
    """One line of progress the first time; then nothing but what was asked for."""
    first = clone.run("-k", "two words")
    assert "Setting up .venv (about a minute, once) ...\n" == first.stderr
    assert "ran: -m pytest -k two words\n" == first.stdout
    assert EVERYTHING == clone.new_calls()
    second = clone.run()
    assert ("", "ran: -m pytest\n", 0) == (second.stderr, second.stdout, second.returncode)
    assert [] == clone.new_calls()


def test_a_changed_lock_makes_it_anew(clone: Clone) -> None:
    """The environment holds what the lock says, so another lock needs another environment."""
    clone.run()
    clone.new_calls()
    with (clone.root / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    clone.run()
    assert EVERYTHING == clone.new_calls()


def test_a_changed_project_is_installed_again(clone: Clone) -> None:
    """Entry points stand in pyproject.toml: the project is installed again, the packages are not."""
    clone.run()
    clone.new_calls()
    with (clone.root / "pyproject.toml").open("a") as project:
        project.write("# changed\n")
    clone.run()
    assert ["pip install"] == clone.new_calls()


def test_what_was_interrupted_is_made_anew(clone: Clone) -> None:
    """A run that did not get to its end leaves nothing that a later one would take for complete."""
    clone.broken.touch()
    failed = clone.run()
    assert 2 == failed.returncode
    assert "failed, see above" in failed.stderr
    assert ["venv --quiet"] == clone.new_calls()
    clone.broken.unlink()
    assert 0 == clone.run().returncode
    assert EVERYTHING == clone.new_calls()


def test_a_moved_clone_makes_it_anew(clone: Clone) -> None:
    """An environment knows its own path; under another one it is useless."""
    clone.run()
    clone.new_calls()
    clone.root = clone.root.rename(clone.root.with_name("moved"))
    clone.run()
    assert EVERYTHING == clone.new_calls()


def test_a_lock_that_a_dead_script_left_is_taken_over(clone: Clone) -> None:
    """Two scripts do not set up at once, but one that was killed does not block the next for ever."""
    gone = subprocess.Popen(["/bin/sh", "-c", "exit"])
    gone.wait()
    (clone.root / ".venv-lock").mkdir()
    (clone.root / ".venv-lock" / "pid").write_text(f"{gone.pid}\n")
    assert 0 == clone.run().returncode
    assert not (clone.root / ".venv-lock").exists()


NAME_ONE = "Install one, or name it: PYTHON=/path/to/python"
NO_VENV = "Install its venv module (Debian, Ubuntu: apt install python3-venv) or uv."


@pytest.mark.parametrize(
    ("python", "said"),
    [
        (OLD, f"SupportBot needs Python 3.11 or newer (python3 is 3.9.2). {NAME_ONE} {{script}}\n"),
        (BARE, f"python3 cannot make virtual environments. {NO_VENV}\n"),
        ("#!/bin/sh\nexit 127\n", f"SupportBot needs Python 3.11 or newer. {NAME_ONE} {{script}}\n"),
    ],
    ids=["too old", "no venv", "no python"],
)
def test_a_machine_that_cannot_gets_one_clear_line(tmp_path: Path, python: str, said: str) -> None:
    """What is missing and what to do about it, in one line, and exit code 2."""
    clone = Clone(tmp_path)
    clone.program("python3", python)
    done = clone.run()
    assert said.format(script=clone.root / "scripts" / "test") == done.stderr
    assert 2 == done.returncode


def test_the_interpreter_can_be_chosen(clone: Clone) -> None:
    """PYTHON is taken at its word: if it will not do, no other one is used in its place."""
    clone.program("other", OLD)
    assert "(other is 3.9.2)" in clone.run(PYTHON="other").stderr
    assert 0 == clone.run(PYTHON=sys.executable).returncode
