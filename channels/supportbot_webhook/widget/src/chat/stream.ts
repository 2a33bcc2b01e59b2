// The conversation's events: one connection at a time, opened again for as long as it is wanted.
import { Refusal, request } from "./api";
import { config } from "./config";
import type { ChatEvent } from "./types";

const PAUSES = [0, 300, 1000, 2000, 4000, 8000, 15_000]; // milliseconds, by how often it failed in a row
const SILENCE = (config.heartbeat ?? 15) * 2500; // milliseconds after which a connection counts as dead

export interface Ears {
  /** An event arrived. */
  hear(event: ChatEvent): void;
  /** The connection is up, or was lost. */
  connected(up: boolean): void;
  /** The token is no longer good. */
  expired(): void;
  /** The number and the id of the last message that is here, without a gap before it; empty without one. */
  last(): string;
}

/** Read server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) as they arrive. */
export class Blocks {
  #rest = "";

  /** Take some more of the stream; give each whole event's name and data. */
  *take(text: string): Generator<[event: string, data: string]> {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop()!;
    for (const block of blocks) {
      let event = "";
      let data = "";
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) event = line.slice(7);
        else if (line.startsWith("data: ")) data += line.slice(6);
      }
      if (event) yield [event, data];
    }
  }
}

export class Stream {
  #failures = 0;
  #alive = 0;
  #abort: AbortController | undefined;
  #wake: (() => void) | undefined;
  #stopped = false;
  readonly #ended = new AbortController();
  readonly #look = () => {
    if (!document.hidden) this.#hurry();
  };
  readonly #hurry = () => {
    // Back from sleep or from another network: a connection that looks open may be long dead.
    if (this.#abort && Date.now() - this.#alive > SILENCE) this.#abort.abort();
    this.#failures = 0;
    this.#wake?.();
  };
  readonly #gone = () => this.#abort?.abort();

  constructor(
    private readonly token: string,
    private readonly ears: Ears,
  ) {
    const { signal } = this.#ended;
    addEventListener("online", this.#hurry, { signal });
    addEventListener("offline", this.#gone, { signal });
    addEventListener("pageshow", this.#hurry, { signal });
    document.addEventListener("visibilitychange", this.#look, { signal });
    void this.#run();
  }

  stop() {
    this.#stopped = true;
    this.#ended.abort();
    this.#abort?.abort();
    this.#wake?.();
  }

  async #run() {
    while (!this.#stopped) {
      let pause = 0;
      try {
        await this.#read();
      } catch (error) {
        if (error instanceof Refusal) {
          if (error.status === 401) {
            if (!this.#stopped) this.ears.expired();
            return this.stop();
          }
          pause = error.after * 1000;
        }
      }
      if (this.#stopped) return;
      this.ears.connected(false);
      const least = PAUSES[Math.min(this.#failures++, PAUSES.length - 1)]!;
      // Spread out: after a restart everybody comes at once.
      await this.#rest(Math.max(pause, least * (0.5 + Math.random())));
    }
  }

  async #read() {
    const abort = (this.#abort = new AbortController());
    this.#alive = Date.now();
    const watch = setInterval(() => {
      if (Date.now() - this.#alive > SILENCE) abort.abort();
    }, 5000);
    try {
      const last = this.ears.last();
      const response = await request("GET", "conversation/events", this.token, undefined, {
        signal: abort.signal,
        ...(last && { headers: { "Last-Event-ID": last } }),
      });
      const reader = response.body!.getReader();
      const decoder = new TextDecoder();
      const blocks = new Blocks();
      this.ears.connected(true);
      this.#failures = Math.min(this.#failures, 1);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.#alive = Date.now();
        this.#failures = 0;
        for (const [event, data] of blocks.take(decoder.decode(value, { stream: true }))) {
          if (this.#stopped) return;
          this.ears.hear({ event, data: JSON.parse(data) } as ChatEvent);
          // The server says goodbye: it is restarting, or the hour is over.
          if (event === "bye") this.#failures = 1;
        }
      }
    } finally {
      clearInterval(watch);
      this.#abort = undefined;
      abort.abort();
    }
  }

  #rest(milliseconds: number) {
    return new Promise<void>((resolve) => {
      const timer = setTimeout(done, milliseconds);
      const self = this;
      function done() {
        clearTimeout(timer);
        self.#wake = undefined;
        resolve();
      }
      this.#wake = done;
    });
  }
}
