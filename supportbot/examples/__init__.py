"""Resolved conversations as examples to train a model with, without what tells who the customer was."""

from __future__ import annotations

from supportbot.examples.build import LARGEST, Example, example
from supportbot.examples.personal import Redactor

__all__ = ["LARGEST", "Example", "Redactor", "example"]
