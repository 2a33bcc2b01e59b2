"""What only the operator can mend: told once, not with every customer's question."""

from __future__ import annotations

import structlog

_MOST = 20  # different causes that are told before the endpoint answers again

_log = structlog.get_logger(__name__)


class Trouble:
    """Why an endpoint refuses our requests, until it answers again."""

    def __init__(self, model: str) -> None:
        """``model``: what the endpoint is called in logs."""
        self.problem = ""
        """The newest cause, in one line; empty when all is well."""
        self._model = model
        self._told: set[str] = set()

    def refused(self, status: int, cause: str) -> None:
        """Note a refusal; a cause that was not told yet is logged as an error."""
        self.problem = cause
        if cause not in self._told and len(self._told) < _MOST:
            self._told.add(cause)
            _log.error("model_refused", model=self._model, status=status, cause=cause)

    def over(self) -> None:
        """Note that the endpoint has answered."""
        self.problem = ""
        self._told.clear()
