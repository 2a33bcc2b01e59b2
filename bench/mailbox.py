"""The e-mail channel on a real Dovecot, with the real program and a model that answers at once.

    python -m bench.mailbox [connect] [rate] [memory] [hostile] [picture]

connect    a mailbox of 10,000 mails without ``backfill``: from the start of the process until it is watched
rate       5 mails a second for a minute: how many become drafts, and how long each takes
memory     10,000 mails, as fast as they become drafts: the resident memory after each 500, beside the size
           of the database. It grows with that until the store's caches are full (16 MiB of pages, and 2 for
           each of four readers), and no further: the last half says whether that is so
hostile    mails made to hurt, and a good one behind each and behind all: CPU of the child for each, /healthz
           meanwhile, the good one's draft
picture    ten mails one after the other, each with a picture that makes it almost as large as ``max_size``
           (25 MiB): seconds from the delivery to the draft, CPU of the bot and of the process that reads mail
           for each, and the most memory that process needed, beside the same for mails of a few words

Not ``bench/email.py``: a module of that name beside the others would hide the standard library's from them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.http_load import Connection, Latencies
from bench.program import running, settings
from bench.turns import model
from supportbot_email.child import Parser
from supportbot_email.mail import Settings
from tests.channels.email.dovecot import Dovecot, dovecot, mail
from tests.channels.email.mailboxes import section
from tests.channels.email.test_parse_hostile import HOSTILE

if TYPE_CHECKING:
    import imaplib
    from collections.abc import AsyncIterator, Callable

    from bench.program import Program

_TOKEN = "bench-token-" + "0" * 20
ADDRESS = "support@example.com"
_PICTURE = 24 * 1024 * 1024  # bytes of it in the mail
_LOOK = 0.02  # seconds between two looks into the Drafts folder


class Box:
    """The bot's mailbox, seen from the server's disk: looking costs nobody anything."""

    def __init__(self, server: Dovecot) -> None:
        self._maildir = server.root / "home" / ADDRESS / "Maildir"
        self.drafted: dict[str, float] = {}
        """When a draft that answers a Message-ID was there."""
        self._known: set[str] = set()
        with server.person(ADDRESS) as person:  # makes the folders
            person.select("Drafts")
            person.select("INBOX")

    def fill(self, count: int) -> None:
        """Put mails into the inbox, as they lie on the disk."""
        new = self._maildir / "new"
        for number in range(count):
            (new / f"1700000000.{number}.bench").write_bytes(
                mail(f"Old question {number}", subject=f"old {number}")
            )
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "nobody:nogroup", str(self._maildir)], check=True)

    def look(self) -> None:
        """Note the drafts that have come."""
        now = time.perf_counter()
        for folder in ("new", "cur"):
            for file in os.scandir(self._maildir / ".Drafts" / folder):
                name = file.name.partition(":")[0]
                if name not in self._known:
                    self._known.add(name)
                    with contextlib.suppress(FileNotFoundError):
                        answers = Path(file.path).read_text().partition("In-Reply-To: ")[2]
                        self.drafted.setdefault((answers or name).split(maxsplit=1)[0], now)

    async def has(self, count: int, within: float, *, each: float = _LOOK) -> None:
        """Look until so many mails have their drafts, with so many seconds between two looks."""
        async with asyncio.timeout(within):
            while len(self.drafted) < count:
                self.look()
                await asyncio.sleep(each)


def question(number: int) -> bytes:
    """Return a customer's mail, each from another customer."""
    return mail(
        "How long do I have to return something?\n\nOn Tue, Nov 3, 2026 at 9:00 AM Shop wrote:\n> Hello",
        From=f"Customer {number} <c{number}@customer.test>",
        Message_ID=f"<{number}@customer.test>",
    )


def put(person: imaplib.IMAP4, raw: bytes) -> None:
    """Deliver a mail over a connection that is open."""
    status, answer = person.append("INBOX", None, None, raw)  # type: ignore[arg-type]
    assert status == "OK", answer


@contextlib.asynccontextmanager
async def watching(server: Dovecot) -> AsyncIterator[tuple[Program, float]]:
    """Run the bot on the mailbox; with the seconds from its start until it watches."""
    with tempfile.TemporaryDirectory() as folder:
        async with model("endpoint") as models:
            channels = {"support": {"type": "email", **section(ADDRESS, server.port)}}
            server_keys = {"port": 0, "admin_token": _TOKEN}
            document = settings(**models) | {"channels": channels, "server": server_keys}
            begun = time.perf_counter()
            async with (
                running(Path(folder), document) as program,
                Connection(program.host, program.port) as http,
            ):
                while "channel support" in (await _checks(http)):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.01)
                yield program, time.perf_counter() - begun


async def _checks(http: Connection) -> list[str]:
    """Return the checks of /readyz that are not well."""
    _, said = await http.request("GET", "/readyz", {"Authorization": f"Bearer {_TOKEN}"})
    return [name for name, state in said["checks"].items() if state != "ok"]


async def connect(server: Dovecot) -> dict[str, Any]:
    Box(server).fill(10_000)
    async with watching(server) as (program, seconds):
        return {"seconds": round(seconds, 2), "rss MiB": round(program.rss_mib())}


async def rate(server: Dovecot, *, each: float = 0.2, count: int = 300) -> dict[str, Any]:
    box = Box(server)
    async with watching(server) as (program, _):
        sent: dict[str, float] = {}
        looking = asyncio.ensure_future(box.has(count, 120))
        cpu, begun = program.cpu(), time.perf_counter()
        with server.person(ADDRESS) as person:
            for number in range(count):
                await asyncio.sleep(max(0.0, begun + number * each - time.perf_counter()))
                await asyncio.to_thread(put, person, question(number))
                sent[f"<{number}@customer.test>"] = time.perf_counter()
        await looking
        seconds = max(box.drafted.values()) - begun
        took = sorted(box.drafted[one] - sent[one] for one in sent)
        return {
            "drafts": len(took),
            "mails/s": round(count / seconds, 2),
            "p50 s": round(statistics.median(took), 2),
            "p95 s": round(took[int(len(took) * 0.95)], 2),
            "max s": round(took[-1], 2),
            "CPU ms/mail": round((program.cpu() - cpu) / count * 1000, 1),
        }


async def memory(server: Dovecot, *, count: int = 10_000) -> dict[str, Any]:
    box = Box(server)
    async with watching(server) as (program, _):
        begun, rss = time.perf_counter(), []
        with server.person(ADDRESS) as person:
            for number in range(1, count + 1):
                await asyncio.to_thread(put, person, question(number))
                if number % 50 == 0:
                    await box.has(number - 50, 120, each=0.2)
                if number % 500 == 0:
                    rss.append(round(program.rss_mib(), 1))
                    database = (program.folder / "data" / "bot.db").stat().st_size / 1024**2
                    print(
                        f"  {number} mails: {rss[-1]} MiB, the database {database:.0f} MiB,"
                        f" {time.perf_counter() - begun:.0f} s",
                        flush=True,
                    )
        await box.has(count, 120, each=0.2)
        half = rss[len(rss) // 2 :]
        return {
            "mails/s": round(count / (time.perf_counter() - begun), 1),
            "MiB per 500 mails": rss,
            "growth in the second half, MiB": round(half[-1] - half[0], 1),
        }


async def hostile(server: Dovecot) -> dict[str, Any]:
    cpu = await _cpu_of_each()
    worst = max(cpu, key=lambda name: cpu[name])
    box = Box(server)
    async with watching(server) as (program, _), Connection(program.host, program.port) as http:
        health = Latencies()

        async def ask() -> None:
            while True:
                begun = time.perf_counter()
                await http.request("GET", "/healthz")
                health.add(begun)
                await asyncio.sleep(0.005)

        asking = asyncio.ensure_future(ask())
        behind: dict[str, float] = {}
        with server.person(ADDRESS) as person:
            for number, (name, raw) in enumerate(HOSTILE.items()):
                await asyncio.to_thread(put, person, raw or b"\r\n")
                behind[name] = await _drafted(person, box, number)
            for raw in HOSTILE.values():
                await asyncio.to_thread(put, person, raw or b"\r\n")
            behind["all of them"] = await _drafted(person, box, len(HOSTILE))
        asking.cancel()
        every = behind.pop("all of them")
        slowest = max(behind, key=lambda name: behind[name])
        return {
            "mails": len(HOSTILE),
            "worst CPU s": (round(cpu[worst], 2), worst),
            "good one behind each, s": (round(behind[slowest], 2), slowest),
            "good one behind all of them, s": round(every, 2),
            "/healthz": health.summary(),
            "rss MiB": round(program.rss_mib()),
        }


async def _drafted(person: imaplib.IMAP4, box: Box, number: int) -> float:
    """Return the seconds that a good mail waits for its draft."""
    await asyncio.to_thread(put, person, question(number))
    begun, answers = time.perf_counter(), f"<{number}@customer.test>"
    while answers not in box.drafted and time.perf_counter() < begun + 60:
        box.look()
        await asyncio.sleep(_LOOK)
    return box.drafted[answers] - begun


async def picture(server: Dovecot, *, count: int = 10) -> dict[str, Any]:
    box, image = Box(server), os.urandom(_PICTURE * 57 // 78)  # 57 bytes become a line of 78
    found: dict[str, Any] = {}
    async with watching(server) as (program, _):
        with server.person(ADDRESS) as person:
            await asyncio.to_thread(put, person, question(0))  # the process that reads mail has been started
            await box.has(1, 60)
            for name, first, raw in (("words", 1, question), ("picture", 100, partial(with_picture, image))):
                mails = [raw(number) for number in range(first, first + count)]
                before, seconds = (program.cpu(), _cpu_of(_readers(program))), []
                for number, one in enumerate(mails, first):
                    await asyncio.to_thread(put, person, one)
                    begun = time.perf_counter()
                    await box.has(len(box.drafted) + 1, 60)
                    seconds.append(box.drafted[f"<{number}@customer.test>"] - begun)
                bot, reader = program.cpu() - before[0], _cpu_of(_readers(program)) - before[1]
                found[name] = {
                    "MiB": round(len(mails[0]) / 1024**2, 2),
                    "p50 s": round(statistics.median(seconds), 2),
                    "max s": round(max(seconds), 2),
                    "CPU ms of the bot": round(bot / count * 1000),
                    "CPU ms of the reader": round(reader / count * 1000),
                }
        found["most MiB of the reader"] = max(map(_peak_mib, _readers(program)))
        found["rss MiB of the bot"] = round(program.rss_mib())
    return found


def with_picture(image: bytes, number: int) -> bytes:
    """Return a customer's mail with a picture."""
    message = message_from_bytes(question(number), policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    message.add_attachment(image, "image", "jpeg", filename="lamp.jpg")
    return message.as_bytes()


def _readers(program: Program) -> list[int]:
    """Return the processes of the bot that read mail."""
    tasks = Path(f"/proc/{program.pid}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def _cpu_of(pids: list[int]) -> float:
    """Return the seconds of CPU that processes used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _peak_mib(pid: int) -> int:
    """Return the most memory that a process had at a time."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) // 1024


async def _cpu_of_each() -> dict[str, float]:
    """Return the CPU seconds of a child for each hostile mail, its start included."""
    cpu = {}
    for name, raw in HOSTILE.items():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        parser = Parser(Settings())
        await parser.parse(raw)
        await parser.close()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu[name] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu


MEASUREMENTS: dict[str, Callable[[Dovecot], Any]] = {
    "connect": connect,
    "rate": rate,
    "memory": memory,
    "hostile": hostile,
    "picture": picture,
}


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", choices=[*MEASUREMENTS, []])
    options = parser.parse_args()
    for what in options.what or MEASUREMENTS:
        with dovecot(quota="10G") as server:
            print(f"{what}: {json.dumps(await MEASUREMENTS[what](server))}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
