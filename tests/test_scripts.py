"""The scripts a newcomer runs first: when they make .venv, and what they say when they cannot.

Nothing is installed here: a stand-in for uv writes down how it is called.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = ("cat", "cksum", "cp", "dirname", "env", "mkdir", "mkfifo", "mktemp", "rm", "sleep")

UV = """#!/bin/sh
echo "$1 $2" >>"$CALLS"
[ ! -e "$BREAK" ] || exit 1
if [ "$1" = venv ]; then
    for folder; do :; done
    mkdir -p "$folder/bin"
    cp -p "$STAND_INS"/* "$folder/bin"
fi
"""

# What an environment has in bin/. The model says where it is and lives as long as its standard input.
STAND_INS = {
    "python": """#!/bin/sh
case $1 in *local_model.py)
    [ "${MODEL:-}" != broken ] || exit 1
    echo http://127.0.0.1:1/v1 $$
    exec cat
esac
echo ran: "$@"
""",
    "supportbot": """#!/bin/sh
echo "supportbot $* at $LOCAL_MODEL_URL as in $SUPPORTBOT_MODEL_FILE"
echo $LOCAL_MODEL_KEY
[ "${BOT:-}" != stays ] || exec sleep 60
""",
}

OLD = "#!/bin/sh\ncase $* in *platform*) echo 3.9.2 ;; *) exit 1 ;; esac\n"
BARE = "#!/bin/sh\ncase $* in *platform*) echo 3.12.1 ;; *ensurepip*) exit 1 ;; esac\n"


class Clone:
    """The scripts in a folder of their own, on a machine that has only what it is given."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a clone"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        self.broken = folder / "broken"
        self.stand_ins = folder / "stand-ins"
        self.temporary = folder / "tmp"
        for made in (self.bin, self.stand_ins, self.temporary):
            made.mkdir()
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        for name, text in STAND_INS.items():
            _write_program(self.stand_ins / name, text)
        for name in ("pyproject.toml", "requirements.lock", "requirements-local-model.lock"):
            shutil.copy(ROOT / name, self.root)
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.bin / tool).symlink_to(found)

    def program(self, name: str, text: str) -> None:
        """Put a program on the PATH."""
        _write_program(self.bin / name, text)

    def start(self, script: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start a script from elsewhere."""
        environment = {
            "PATH": str(self.bin),
            "TMPDIR": str(self.temporary),
            "STAND_INS": str(self.stand_ins),
            "CALLS": str(self.calls),
            "BREAK": str(self.broken),
        }
        return subprocess.Popen(
            ["/bin/sh", self.root / "scripts" / script, *arguments],
            cwd=self.root.parent,
            env=environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(
        self, *arguments: str, script: str = "test", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script from elsewhere; it is over when nothing that it started is left."""
        with self.start(script, *arguments, **variables) as process:
            output, errors = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def new_calls(self) -> list[str]:
        """Return how uv was called since the last time this was asked."""
        calls = self.calls.read_text("utf-8").splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return calls


def _write_program(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    path.chmod(0o755)


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
    assert ("", "ran: -m pytest -n auto\n", 0) == (second.stderr, second.stdout, second.returncode)
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


# -- the local model -----------------------------------------------------------------------------

WITH_MODEL = ["venv --quiet", "pip install"]
"""More than without it, the first time."""

PLUMBING = """\
Starting a small language model on this machine. It is for trying the plumbing, not for its answers:
they are slow and mostly nonsense. The bot.yaml's own models are not asked.
"""


@pytest.mark.parametrize("script", ["serve", "chat"])
def test_a_bot_gets_the_local_model_when_it_is_asked_for(clone: Clone, script: str) -> None:
    """The model has an environment of its own, made once; the bot is told where it listens."""
    first = clone.run("--local-model", "--once", "two words", script=script)
    assert [
        f"supportbot {script} --once two words at http://127.0.0.1:1/v1 as in scripts/local-model.yaml",
        0,
    ] == [first.stdout.splitlines()[0], first.returncode]
    assert (
        "Setting up .venv (about a minute, once) ...\n"
        "Setting up .venv-local-model (a download of 130 MB, once) ...\n" + PLUMBING
    ) == first.stderr
    assert EVERYTHING + WITH_MODEL == clone.new_calls()
    assert PLUMBING == clone.run("--local-model", script=script).stderr
    assert [] == clone.new_calls()
    assert [] == list(clone.temporary.iterdir())


def test_without_being_asked_for_it_is_not_there(clone: Clone) -> None:
    """Nothing of the model is set up or started for a bot that does without."""
    assert "supportbot serve at  as in " == clone.run(script="serve").stdout.splitlines()[0]
    assert EVERYTHING == clone.new_calls()


def test_another_lock_makes_the_models_environment_anew(clone: Clone) -> None:
    """The model's environment holds what its own lock says; the project's is left alone."""
    clone.run("--local-model", script="chat")
    clone.new_calls()
    with (clone.root / "requirements-local-model.lock").open("a") as lock:
        lock.write("# changed\n")
    clone.run("--local-model", script="chat")
    assert WITH_MODEL == clone.new_calls()


def test_a_model_that_does_not_start_is_said(clone: Clone) -> None:
    """One line, exit code 2, and nothing is left behind."""
    clone.run()
    failed = clone.run("--local-model", script="serve", MODEL="broken")
    assert (2, "") == (failed.returncode, failed.stdout)
    assert failed.stderr.endswith(f"{PLUMBING}The local model did not start, see above.\n")
    assert [] == list(clone.temporary.iterdir())


def _running_with_model(clone: Clone) -> tuple[subprocess.Popen[str], int]:
    """Start a bot that stays and its model; returns the bot and the model's process id."""
    process = clone.start("serve", "--local-model", BOT="stays")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("supportbot serve")
    return process, int(process.stdout.readline())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_model_ends_with_the_bot(clone: Clone, number: signal.Signals) -> None:
    """However the bot ends, its model does too: the output of both has an end."""
    process, _ = _running_with_model(clone)
    with process:
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert -number == process.returncode
    assert "ended" not in errors


def test_the_bot_ends_with_its_model(clone: Clone) -> None:
    """A model that dies takes the bot with it, and says so."""
    process, model = _running_with_model(clone)
    with process:
        os.kill(model, signal.SIGKILL)
        _, errors = process.communicate(timeout=30)
    assert -signal.SIGTERM == process.returncode
    assert errors.endswith("The local model ended, and so does the bot.\n")


def test_ctrl_c_is_for_the_bot_alone(clone: Clone) -> None:
    """The terminal interrupts all that runs in it; the model goes on until the bot has finished."""
    clone.stand_ins.joinpath("supportbot").write_text(
        """#!/bin/sh
trap 'kill -0 $LOCAL_MODEL_KEY && echo finished with the model; exit 0' INT
echo $LOCAL_MODEL_KEY
while :; do sleep 0.1; done
"""
    )
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by whoever runs us: by all
    with clone.start("serve", "--local-model") as process:
        signal.signal(signal.SIGINT, before)
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert ("finished with the model\n", 0) == (output, process.returncode)
