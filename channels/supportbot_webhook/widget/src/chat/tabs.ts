// The tabs of one browser share one connection: whoever holds the lock reads the stream and tells the others.
// A browser allows six connections to a server; with a stream per tab, the seventh tab would be dead.
import type { ChatEvent, Draft, Session, Speaks } from "./types";

export type Word =
  | { say: "event"; conversation: string; event: ChatEvent }
  | { say: "connected"; conversation: string; up: boolean }
  | { say: "hello"; conversation: string }
  | { say: "live"; conversation: string; draft: Draft | null; typing: boolean; speaks: Speaks; up: boolean }
  | { say: "seen"; conversation: string; seq: number }
  | { say: "session"; session: Session | null };

const NAME = `supportbot:${new URL(".", location.href).pathname}`;
const PATIENCE = 1500; // milliseconds in which a leader that is awake answers

export class Tabs {
  leading = false;
  readonly #channel = "BroadcastChannel" in self ? new BroadcastChannel(NAME) : undefined;
  #release: (() => void) | undefined;
  #wanted = "";
  #answered = 0;

  constructor(
    private readonly lead: (leading: boolean) => void,
    hear: (word: Word) => void,
  ) {
    if (this.#channel) {
      this.#channel.onmessage = ({ data }: MessageEvent<Word>) => {
        if (data.say === "live") this.#answered = Date.now();
        hear(data);
      };
    }
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#check();
    });
    addEventListener("pageshow", () => this.#check());
  }

  tell(word: Word) {
    this.#channel?.postMessage(word);
  }

  /** Begin to want the stream of a conversation; "" ends that. */
  want(conversation: string) {
    if (conversation === this.#wanted) return;
    this.#drop();
    this.#wanted = conversation;
    if (!conversation) return;
    if (!this.#channel || !navigator.locks) this.#take(true); // each on its own, then
    else {
      this.#ask(conversation, false);
      this.#check();
    }
  }

  /** Is the leader awake? A tab that the system put to sleep keeps the lock and reads nothing. */
  #check() {
    const conversation = this.#wanted;
    if (!conversation || this.leading || !navigator.locks) return;
    const asked = Date.now();
    this.tell({ say: "hello", conversation });
    setTimeout(() => {
      if (conversation !== this.#wanted || this.leading || this.#answered >= asked) return;
      if (!document.hidden) this.#ask(conversation, true);
    }, PATIENCE);
  }

  #ask(conversation: string, steal: boolean) {
    navigator.locks
      .request(`${NAME}:${conversation}`, steal ? { steal } : {}, () => {
        if (conversation !== this.#wanted) return;
        this.#take(true);
        return new Promise<void>((resolve) => (this.#release = resolve));
      })
      .catch((error: DOMException) => {
        if (conversation !== this.#wanted) return;
        if (error.name !== "AbortError") return this.#take(true); // none to be had here: each on its own, then
        // Stolen: this tab slept. Follow, and stand in line again.
        this.#take(false);
        this.#ask(conversation, false);
      });
  }

  #take(leading: boolean) {
    if (leading === this.leading) return;
    this.leading = leading;
    this.lead(leading);
  }

  #drop() {
    this.#release?.();
    this.#release = undefined;
    this.#take(false);
  }
}
