"""What comes of every fault of a model endpoint, as a table.

    python -m bench.model_faults [--dialect llama] [--no-stream]

Each fault meets the chain that bot.yaml makes of one endpoint and the knowledge behind it: 3 attempts, 3 s in
all, 0.5 s for the first word and between two pieces. "fallback" is the knowledge's answer. Exit code 1 when a
question ended otherwise than it must.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from supportbot import log
from supportbot.config.models import LogSection
from supportbot.knowledge import Knowledge
from supportbot.testing.model_faults import ATTEMPTS, TOTAL, model_faults, suffer

if TYPE_CHECKING:
    from supportbot.testing.model_replies import Dialect

_KNOWLEDGE = Path(__file__).parent.parent / "knowledge"


async def table(dialect: Dialect, *, stream: bool) -> bool:
    """Print it; return whether everything ended as it must."""
    knowledge = await asyncio.to_thread(Knowledge.load, _KNOWLEDGE)
    well = True
    print(f"{dialect}, {'streamed' if stream else 'in one piece'}")
    print(f"{'what the endpoint does':36} {'ends in':9} {'requests':>8} {'seconds':>8}  counted as")
    for fault in model_faults():
        end = await suffer(fault, dialect, knowledge, stream=stream)
        fine = (
            end.end == fault.must_end(stream=stream) and end.requests <= ATTEMPTS and end.seconds <= TOTAL + 1
        )
        fine = fine and end.text == end.shown
        well = well and fine
        mark = "" if fine else "   <-- WRONG"
        print(
            f"{fault.name:36} {end.end:9} {end.requests:8} {end.seconds:8.2f}  {', '.join(end.causes)}{mark}"
        )
    return well


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dialect", choices=["llama", "openai"], default="llama")
    parser.add_argument("--no-stream", action="store_true")
    options = parser.parse_args()
    log.set_up(LogSection(level="error"))
    sys.exit(not asyncio.run(table(options.dialect, stream=not options.no_stream)))


if __name__ == "__main__":
    main()
