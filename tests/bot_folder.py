"""A folder with a bot in it: what tests of bot.yaml write into and check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot import config

if TYPE_CHECKING:
    from pathlib import Path


class BotFolder:
    """A bot's folder with one article, two small templates, and a bot.yaml to be written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "bot.yaml"
        (root / "knowledge").mkdir()
        (root / "knowledge" / "hours.md").write_text("# Hours\n\nWe open at nine.\n", "utf-8")
        (root / "prompts").mkdir()
        (root / "prompts" / "system.md.j2").write_text("You are {{ bot.name }}.\n", "utf-8")
        (root / "prompts" / "knowledge.md.j2").write_text("", "utf-8")

    def check(self, content: str | bytes, environ: dict[str, str] | None = None) -> config.Report:
        """Write bot.yaml and check it; no variable is set but those given."""
        self.file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return config.check(self.file, environ or {})

    def problems(self, content: str | bytes, environ: dict[str, str] | None = None) -> list[str]:
        """Return the problems' lines, files named as seen from the folder."""
        return [self._line(problem) for problem in self.check(content, environ).problems]

    def warnings(self, content: str, environ: dict[str, str] | None = None) -> list[str]:
        """Return the warnings' lines of a bot.yaml without problems."""
        report = self.check(content, environ)
        assert () == report.problems
        return [self._line(warning) for warning in report.warnings]

    def load(self, content: str, environ: dict[str, str] | None = None) -> config.Loaded:
        """Write bot.yaml and load it."""
        self.file.write_text(content, "utf-8")
        return config.load(self.file, environ or {})

    def _line(self, problem: config.Problem) -> str:
        return str(problem).replace(f"{self.root}/", "")
