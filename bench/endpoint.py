"""An OpenAI-compatible endpoint that answers at once; prints its base URL. For ``bench.turns``."""

from __future__ import annotations

import asyncio

CHUNK = 'data: {{"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":{end}}}]}}\n\n'
ANSWER = (
    CHUNK.format(text="You have 30 days.", end="null")
    + CHUNK.format(text="", end='"stop"')
    + "data: [DONE]\n\n"
).encode()
HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(ANSWER)}\r\n\r\n".encode()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request on a connection with the same words."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            writer.write(HEAD + ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
