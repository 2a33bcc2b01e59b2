"""The files of deploy/ fit the program: its routes, its time to stop, its configuration; and each other.

What only an engine could show (that the image is built, that a pod starts) is not shown here.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from supportbot.cli.serve import _STOP_WITHIN

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
COMPOSE = YAML(typ="safe").load(DEPLOY / "compose.yaml")
MANIFEST = list(YAML(typ="safe").load_all(DEPLOY / "kubernetes.yaml"))
UNIT = (DEPLOY / "supportbot.service").read_text("utf-8")
BOT_YAML = (DEPLOY / "bot.yaml").read_text("utf-8")

NEEDED = set(re.findall(r"^[^#]*\$\{([A-Z_]+)\}", BOT_YAML, re.MULTILINE))
"""What deploy/bot.yaml wants from the environment and has no default for."""

BOTS = [COMPOSE["services"][name] for name in ("bot1", "bot2")]
DEPLOYMENT = next(part for part in MANIFEST if part["kind"] == "Deployment")["spec"]
POD = DEPLOYMENT["template"]["spec"]
CONTAINER = POD["containers"][0]


def test_the_bot_of_the_image_is_sound(tmp_path: Path) -> None:
    """Laid out as in the image, deploy/bot.yaml is a bot, on SQLite and on PostgreSQL."""
    for name in ("knowledge", "prompts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(DEPLOY / "bot.yaml", tmp_path)
    for database in ({}, {"DATABASE_URL": "postgresql+psycopg://bot:secret@db.internal/bot"}):
        done = subprocess.run(
            [sys.executable, "-m", "supportbot", "check"],
            cwd=tmp_path,
            env={"ADMIN_TOKEN": "0123456789abcdef0123", **database},
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == done.returncode, done.stderr


def test_the_image_copies_what_is_there() -> None:
    """Every file that the image is made of exists, and is not kept from the build."""
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    allowed = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    assert set(copied) == set(allowed)
    assert [] == [source for source in copied if not (ROOT / source).exists()]


def test_the_image_is_unprivileged_and_pinned() -> None:
    """It runs as a number that is not root's, from what the lock names and nothing else."""
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes -r deploy/requirements.lock" in DOCKERFILE
    assert "pip install --no-deps ." in DOCKERFILE


@pytest.mark.parametrize("bot", BOTS, ids=["bot1", "bot2"])
def test_compose_locks_the_bot_up(bot: dict[str, Any]) -> None:
    """Nothing may be written, nothing gained; it has its time to stop, and all it needs to know."""
    assert bot["read_only"]
    assert ("10001:10001", ["ALL"], ["no-new-privileges:true"]) == (
        bot["user"],
        bot["cap_drop"],
        bot["security_opt"],
    )
    assert int(bot["stop_grace_period"].removesuffix("s")) > _STOP_WITHIN
    assert set(bot["environment"]) >= NEEDED
    assert all(port.startswith("127.0.0.1:") for port in bot["ports"])


def test_kubernetes_locks_the_bot_up() -> None:
    """As the profile *restricted* wants it, with a file system that is only read."""
    context = CONTAINER["securityContext"]
    assert (False, True, ["ALL"]) == (
        context["allowPrivilegeEscalation"],
        context["readOnlyRootFilesystem"],
        context["capabilities"]["drop"],
    )
    assert POD["securityContext"]["runAsNonRoot"]
    assert "RuntimeDefault" == POD["securityContext"]["seccompProfile"]["type"]
    assert not POD["automountServiceAccountToken"]


def test_kubernetes_lets_the_bot_stop() -> None:
    """The grace covers the pause before SIGTERM and the longest clean stop; nobody is missing meanwhile."""
    pause = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert POD["terminationGracePeriodSeconds"] > pause + _STOP_WITHIN
    assert {"maxUnavailable": 0, "maxSurge": 1} == DEPLOYMENT["strategy"]["rollingUpdate"]


def test_kubernetes_tells_the_bot_what_it_needs() -> None:
    """The environment holds what deploy/bot.yaml names, from secrets."""
    given = {entry["name"]: entry["valueFrom"] for entry in CONTAINER["env"]}
    assert given.keys() >= NEEDED
    assert all("secretKeyRef" in source for source in given.values())


def test_the_probes_ask_for_what_is_there() -> None:
    """Liveness touches nothing but the process; readiness asks /readyz with the token."""
    health = (ROOT / "supportbot" / "health.py").read_text("utf-8")
    paths = [CONTAINER[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")]
    assert ["/healthz"] * 2 == paths
    asked = CONTAINER["readinessProbe"]["exec"]["command"]
    code = asked[2]
    ast.parse(code)
    assert (["python", "-c"], True, True) == (asked[:2], "/readyz" in code, "ADMIN_TOKEN" in code)
    check = re.search(r'CMD \["python", "-c", "(.*)"\]', DOCKERFILE)
    assert check is not None
    ast.parse(check[1])
    assert all(f'"{path}"' in health for path in ("/healthz", "/readyz"))


def test_all_select_the_same_pods() -> None:
    """The service and the disruption budget mean the deployment's pods."""
    labels = DEPLOYMENT["template"]["metadata"]["labels"]
    service, budget = (next(p for p in MANIFEST if p["kind"] == k)["spec"] for k in KINDS)
    assert labels == DEPLOYMENT["selector"]["matchLabels"] == service["selector"]
    assert labels == budget["selector"]["matchLabels"]


KINDS = ("Service", "PodDisruptionBudget")


def test_the_unit_is_one(tmp_path: Path) -> None:
    """systemd finds nothing wrong with the unit, and gives the bot its time to stop."""
    stop = re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert stop is not None
    assert int(stop[1]) > _STOP_WITHIN
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("needs systemd-analyze: apt install systemd")
    unit = tmp_path / "supportbot.service"
    unit.write_text(UNIT.replace("/usr/local/lib/supportbot/bin/supportbot", sys.executable), "utf-8")
    done = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
