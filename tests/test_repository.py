"""What the repository promises as a whole: nothing of one machine in it, a complete lock, no stale page."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import supportbot

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PAGES = sorted((ROOT / "docs").rglob("*.md"))
MARKDOWN = [*sorted(ROOT.glob("*.md")), *PAGES]
IMAGE_LOCK = (ROOT / "deploy" / "requirements.lock").read_text("utf-8")
LOCAL_MODEL_LOCK = (ROOT / "requirements-local-model.lock").read_text("utf-8")
LOCKS = [
    pytest.param(LOCK, id="project"),
    pytest.param(IMAGE_LOCK, id="image"),
    pytest.param(LOCAL_MODEL_LOCK, id="local model"),
]
SCRIPTS = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix)

MACHINE_PATH = re.compile(r"(?<![\w./}-])/(?:work|home|root|tmp|opt|Users|mnt)/\w")
REGISTRY = re.compile(
    r"pypi(?:\.python)?\.org|pythonhosted\.org|npmjs\.(?:org|com)|\s--(?:extra-)?index-url|\s--find-links"
)
LINK = re.compile(r"\]\(<?([^)\s#>]+)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
NAMED_PATH = re.compile(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:md|toml|yaml|py|lock|json))`")


def _text_files() -> list[Path]:
    """Return the files that are, or would be, committed and hold text."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout: apt install git, git clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    files = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    return [path for path in files if path.is_file() and b"\0" not in path.read_bytes()]


def _findings(pattern: re.Pattern[str]) -> dict[str, list[str]]:
    """Return the lines that match, by file."""
    found = {
        path.relative_to(ROOT).as_posix(): [
            line.strip() for line in path.read_text("utf-8", "replace").splitlines() if pattern.search(line)
        ]
        for path in _text_files()
        if path != Path(__file__)
    }
    return {name: lines for name, lines in found.items() if lines}


def _locked(lock: str = LOCK) -> dict[str, str]:
    """Return what a lock says of each distribution, by name."""
    blocks = re.split(r"\n(?=\S)", lock.strip())
    return {canonicalize_name(re.split(r"[=; ]", block, maxsplit=1)[0]): block for block in blocks}


def test_no_file_names_a_machines_paths() -> None:
    """Nothing in the repository knows where it, or anything else, lies on somebody's machine."""
    assert {} == _findings(MACHINE_PATH)


@pytest.mark.parametrize("text", ["see /home/ada/notes", "'/tmp/x'", "PATH=/opt/bin", "file:/root/a"])
def test_the_search_for_machine_paths_finds(text: str) -> None:
    """The search knows such a path when it sees one."""
    assert MACHINE_PATH.search(text)


@pytest.mark.parametrize("text", ["https://shop.example/home/ada", "a/tmp/x", "/tmp", "./work/x"])
def test_the_search_for_machine_paths_leaves_others_alone(text: str) -> None:
    """A part of an address, or of a relative path, is none."""
    assert not MACHINE_PATH.search(text)


def test_no_file_names_a_registry() -> None:
    """Where packages come from is for whoever installs to say: no registry, no option that names one."""
    assert {} == _findings(REGISTRY)


@pytest.mark.parametrize(
    "lock", [LOCK, IMAGE_LOCK, LOCAL_MODEL_LOCK], ids=["project", "image", "local model"]
)
def test_a_lock_holds_no_address(lock: str) -> None:
    """A lock says what, never from where."""
    assert [] == re.findall(r"\S*://\S*", lock)


@pytest.mark.parametrize(
    "lock", [LOCK, IMAGE_LOCK, LOCAL_MODEL_LOCK], ids=["project", "image", "local model"]
)
def test_everything_locked_is_pinned_and_hashed(lock: str) -> None:
    """Every distribution of a lock has one version and at least one SHA-256."""
    pinned = re.compile(r"\S+==\S+( ; .+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\\n|$))+$")
    assert {} == {name: block for name, block in _locked(lock).items() if not pinned.match(block)}


def test_everything_declared_is_locked() -> None:
    """What pyproject.toml names is in its lock, in a version that fits: scripts/lock was not forgotten."""
    project = PROJECT["project"]
    groups = dict(PROJECT["dependency-groups"])
    assert set() == _not_in(LOCAL_MODEL_LOCK, groups.pop("local-model"))
    declared = [
        *PROJECT["build-system"]["requires"],
        *project["dependencies"],
        *(line for lines in project["optional-dependencies"].values() for line in lines),
        *(line for lines in groups.values() for line in lines),
    ]
    assert set() == _not_in(LOCK, declared)
    at_work = [lines for extra, lines in project["optional-dependencies"].items() if extra != "testing"]
    in_image = [*project["dependencies"], *(line for lines in at_work for line in lines)]
    assert set() == _not_in(IMAGE_LOCK, in_image)


def _not_in(lock: str, declared: list[str]) -> set[str]:
    """Return the requirements that a lock does not meet."""
    locked = {name: re.split(r"==|[ ;]", block)[1] for name, block in _locked(lock).items()}
    return {
        line
        for line in declared
        if (name := canonicalize_name(Requirement(line).name)) not in locked
        or not Requirement(line).specifier.contains(locked[name])
    }


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_the_pages_people_look_for_are_there(name: str) -> None:
    """A newcomer finds what every project has where every project has it."""
    assert (ROOT / name).read_text("utf-8").strip()


def test_the_changelog_collects_what_is_unreleased() -> None:
    """There is a place for the next change to be noted."""
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_there_is_one_version() -> None:
    """The package says the version that it is published under."""
    assert PROJECT["project"]["version"] == supportbot.__version__


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page leads to a file that is there."""
    targets = LINK.findall(FENCE.sub("", page.read_text("utf-8")))
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [] == [target for target in local if not (page.parent / target).exists()]


def test_every_page_can_be_found() -> None:
    """Every page of docs/ is linked from the README or from the contents page."""
    doors = [ROOT / "README.md", ROOT / "docs" / "index.md"]
    linked = {
        (door.parent / target).resolve() for door in doors for target in LINK.findall(door.read_text("utf-8"))
    }
    assert [] == [page for page in PAGES if page not in doors and page.resolve() not in linked]


def test_the_map_names_what_exists() -> None:
    """Every path that CONTRIBUTING.md names exists: the map does not go stale."""
    named = NAMED_PATH.findall(CONTRIBUTING)
    assert len(named) > 20
    assert [] == [path for path in named if not (ROOT / path).exists()]


def test_the_map_is_complete() -> None:
    """Every module of the core and every channel has its place on the map."""
    core = {f"supportbot/{path.name}" for path in (ROOT / "supportbot").glob("*.py")}
    packages = {f"supportbot/{path.parent.name}/" for path in (ROOT / "supportbot").glob("*/__init__.py")}
    channels = {f"channels/{path.name}/" for path in (ROOT / "channels").glob("supportbot_*")}
    everything = (core | packages | channels) - {"supportbot/__init__.py"}
    assert set() == everything - set(NAMED_PATH.findall(CONTRIBUTING))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_plain_shell(script: Path) -> None:
    """The scripts are POSIX sh without mistakes in syntax; those meant to be called can be."""
    subprocess.run(["sh", "-n", script], check=True)
    assert (script.stat().st_mode & 0o111 != 0) == (not script.name.startswith("_"))
