// The conversation of this page: the session, what is sent, what arrives. Views read `state` and call what is here.
import * as api from "./api";
import { config } from "./config";
import * as kept from "./kept";
import { Stream } from "./stream";
import { Tabs, type Word } from "./tabs";
import { empty, heard, lastSeq, renewed, unstored, withMessages, type Transcript } from "./transcript";
import type { ChatEvent, Pending, Session, Upload, Verdict } from "./types";

interface State extends Transcript {
  session: Session | null;
  outbox: Pending[];
  /** `null` before the first attempt. */
  connected: boolean | null;
  online: boolean;
  /** The transcript of an earlier visit is on its way. */
  loading: boolean;
  open: boolean;
  seen: number;
  away: boolean;
  /** `null` until the server has said. */
  emailKnown: boolean | null;
  ratings: Record<string, Verdict>;
  survey: number | null;
}

export type Told = { name: "message" | "unread" | "handoff" | "error"; detail: unknown };

const nothing = {
  ...empty,
  session: null,
  outbox: [],
  connected: null,
  loading: false,
  seen: 0,
  emailKnown: null,
  ratings: {},
  survey: null,
};

export class Chat {
  state: State = { ...nothing, online: navigator.onLine, open: config.mode === "page", away: config.away };
  #user: { name?: string; email?: string } = {};
  #stream: Stream | undefined;
  #opening: Promise<Session> | undefined;
  #sending = false;
  #filling = false;
  #lastUnread = 0;
  readonly #tabs = new Tabs((leading) => this.#follow(leading), (word) => this.#overhear(word));

  constructor(
    private readonly draw: () => void,
    private readonly tell: (told: Told) => void,
    private readonly keeps: (kept: boolean) => void,
  ) {
    addEventListener("online", () => (this.set({ online: true }), void this.flush()));
    addEventListener("offline", () => this.set({ online: false }));
    document.addEventListener("visibilitychange", () => this.#look());
    const session = kept.keptSession();
    if (session) void this.#enter(session);
  }

  set(changes: Partial<State>) {
    this.state = { ...this.state, ...changes };
    this.draw();
  }

  // The session

  /** Take up a session: show its conversation from the beginning, and follow it. */
  async #enter(session: Session, fresh = false) {
    const before = this.state.session;
    const another = before?.conversation !== session.conversation;
    if (before && another) kept.forget(before); // who uses this browser now finds nothing of it
    kept.keepSession(session);
    this.keeps(true);
    this.#tabs.want(""); // a new token needs a new connection
    const unsent = before ? [] : this.state.outbox; // written before there was a session
    this.set({
      ...(another && {
        ...nothing,
        outbox: kept.keptOutbox(session.visitor_id),
        seen: kept.keptSeen(session.conversation),
        loading: !fresh,
        emailKnown: fresh ? !!this.#user.email : null,
      }),
      session,
    });
    if (another) this.#unread();
    if (unsent.length) this.#setOutbox([...this.state.outbox, ...unsent]);
    if (!fresh) {
      void this.#readStatus();
      await this.#fill();
      void this.flush();
    }
    if (this.state.session === session) this.#tabs.want(session.conversation);
  }

  async #readStatus() {
    const { session } = this.state;
    try {
      const status = await api.readStatus(session!.token);
      if (this.state.session !== session) return;
      const { away, email_known, ratings, survey, state } = status;
      this.set({ away, emailKnown: email_known, ratings, survey, speaks: this.state.speaks ?? state });
    } catch {
      // Nice to know, and no more: then it is asked for.
      if (this.state.session === session) this.set({ emailKnown: this.state.emailKnown ?? false });
    }
  }

  #session(): Promise<Session> {
    const known = this.state.session ?? kept.keptSession(); // another tab may have begun it just now
    if (known && !this.state.session) void this.#enter(known);
    if (known) return Promise.resolve(known);
    return (this.#opening ??= api
      .openSession(this.#user)
      .catch((error: api.Refusal) => {
        // A name or an address that is none keeps nobody from writing.
        if (error.status !== 422) throw error;
        this.#fail(error);
        this.#user = {};
        return api.openSession({});
      })
      .then((session) => {
        if (this.state.session) return this.state.session; // the site said meanwhile who it is
        void this.#enter(session, true);
        this.#tabs.tell({ say: "session", session });
        return session;
      })
      .finally(() => (this.#opening = undefined)));
  }

  /** The token is dead: another tab may have a newer one. Else it begins anew; what is not sent goes along. */
  #expired(token: string) {
    if (this.state.session?.token !== token) return;
    const newer = kept.keptSession();
    if (newer && newer.token !== token) return void this.#enter(newer);
    const { outbox } = this.state;
    this.#leave();
    this.set({ outbox });
    this.tell({ name: "error", detail: { code: "unauthorized", message: "The session is over." } });
    void this.flush();
  }

  #leave() {
    const { session } = this.state;
    this.#tabs.want("");
    if (session) kept.forget(session);
    this.keeps(false);
    this.set(nothing);
    this.#unread();
  }

  /** The site says who the visitor is. */
  async identify(jwt: string) {
    try {
      const before = this.state.session ?? kept.keptSession();
      const session = await api.identify(before?.token ?? "", jwt).catch((error: api.Refusal) => {
        // A dead session says nothing about who they are.
        if (error.code === "unauthorized" && before) return api.identify("", jwt);
        throw error;
      });
      if (session.token === this.state.session?.token) return;
      await this.#enter(session);
      this.#tabs.tell({ say: "session", session });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What the visitor calls themselves, for a session that is opened later. */
  introduce({ name, email }: { name: string; email: string }) {
    this.#user = { ...(name && { name: name.slice(0, 200) }), ...(email && { email }) };
  }

  /** The visitor logged out. */
  reset() {
    const { session } = this.state;
    this.#user = {};
    this.#leave();
    this.#tabs.tell({ say: "session", session: null });
    if (session) api.closeSession(session.token).catch(() => {});
  }

  #fail(error: unknown) {
    if (!(error instanceof api.Refusal)) throw error;
    this.tell({ name: "error", detail: { code: error.code, message: error.message } });
  }

  // What arrives

  #follow(leading: boolean) {
    this.#stream?.stop();
    this.#stream = undefined;
    const { session } = this.state;
    if (!leading || !session) return;
    this.#stream = new Stream(session.token, {
      hear: (event) => {
        this.#tabs.tell({ say: "event", conversation: session.conversation, event });
        this.#hear(event);
      },
      connected: (up) => {
        this.#tabs.tell({ say: "connected", conversation: session.conversation, up });
        this.#connected(up);
      },
      expired: () => this.#expired(session.token),
      last: () => {
        const last = this.state.messages.at(-1);
        return last ? `${last.seq}-${last.id}` : "";
      },
    });
  }

  #connected(up: boolean) {
    if (this.state.connected !== up) this.set({ connected: up });
    if (!up) return;
    void this.flush();
    // What was settled while nobody listened is not told again.
    const pending = this.state.messages.find(({ state }) => state === "pending");
    if (pending) void this.#fill(pending.seq - 1);
  }

  #hear(event: ChatEvent) {
    const next = heard(this.state, event);
    if (!next) return void this.#fill();
    const added = next.messages.slice(this.state.messages.length);
    const before = this.state.speaks;
    // What was here is gone, and this is the first of a new conversation.
    if (next.messages.length < this.state.messages.length) this.set({ seen: 0 });
    this.#adopt(next);
    for (const { id, seq, author } of added) this.tell({ name: "message", detail: { id, seq, author } });
    if (event.event === "state" && before !== event.data.state && (before ?? "bot") !== event.data.state) {
      this.tell({ name: "handoff", detail: { state: event.data.state } });
    }
  }

  /** Take in what is known now, and forget what need not be sent any more. */
  #adopt(next: Transcript) {
    const outbox = unstored(this.state.outbox, next);
    if (outbox !== this.state.outbox) this.#setOutbox(outbox);
    this.set({ ...next, outbox });
    this.#look();
    this.#unread();
  }

  /** Fetch what is missing after a message. */
  async #fill(from?: number) {
    const { session } = this.state;
    if (!session || this.#filling) return;
    this.#filling = true;
    try {
      for (let after = from ?? lastSeq(this.state); ; ) {
        const page = await api.readMessages(session.token, after);
        if (this.state.session?.conversation !== session.conversation) break;
        // Who speaks may have changed since the page was made: the stream knows better, if it said anything.
        const speaks = this.state.speaks ?? page.state;
        this.#adopt(renewed(withMessages({ ...this.state, speaks }, page.messages), page.messages));
        if (page.messages.length < 200) break;
        after = page.messages.at(-1)!.seq;
      }
    } catch (error) {
      if (error instanceof api.Refusal && error.status === 401) this.#expired(session.token);
      // Else the stream brings it when it is back.
    } finally {
      this.#filling = false;
      if (this.state.session?.conversation !== session.conversation) void this.#fill();
      else this.set({ loading: false });
    }
  }

  /** Another tab said something. */
  #overhear(word: Word) {
    const { session } = this.state;
    if (word.say === "session") {
      if (!word.session) return session ? this.#leave() : undefined;
      if (word.session.token !== session?.token) void this.#enter(word.session);
      return;
    }
    if (word.conversation !== session?.conversation) return;
    switch (word.say) {
      case "event":
        return this.#hear(word.event);
      case "connected":
        return this.#connected(word.up);
      case "hello":
        if (!this.#tabs.leading) return;
        const { conversation } = session;
        const { draft, typing, speaks, connected } = this.state;
        return this.#tabs.tell({ say: "live", conversation, draft, typing, speaks, up: connected !== false });
      case "live":
        this.set({ draft: word.draft, typing: word.typing, speaks: word.speaks ?? this.state.speaks });
        return this.#connected(word.up);
      case "seen":
        this.set({ seen: Math.max(word.seq, this.state.seen) });
        return this.#unread();
    }
  }

  // What the visitor has seen

  show(open: boolean) {
    this.set({ open });
    this.#look();
  }

  #look() {
    const { open, session, seen } = this.state;
    const last = lastSeq(this.state);
    if (!open || !session || document.hidden || last <= seen) return;
    this.set({ seen: last });
    kept.keepSeen(session.conversation, last);
    this.#tabs.tell({ say: "seen", conversation: session.conversation, seq: last });
    api.see(session.token, last).catch(() => {}); // then it may come by mail as well
    this.#unread();
  }

  #unread() {
    const { messages, seen } = this.state;
    const count = messages.filter(({ seq, author }) => seq > seen && author !== "customer").length;
    if (count !== this.#lastUnread) this.tell({ name: "unread", detail: { count: (this.#lastUnread = count) } });
  }

  // What is sent

  /** Show a message at once, and send it until it is known to be stored. */
  send(text: string, images: Upload[] = [], wants_person = false) {
    const client_id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
      byte.toString(16).padStart(2, "0"),
    ).join("");
    const pending: Pending = { client_id, text, images, wants_person, created_at: Date.now(), status: "waiting" };
    this.#setOutbox([...this.state.outbox, pending]);
    void this.flush();
  }

  #setOutbox(outbox: Pending[]) {
    const visitor = this.state.session?.visitor_id;
    if (visitor) {
      for (const pending of this.state.outbox) kept.dropPending(visitor, pending);
      for (const pending of outbox) kept.keepPending(visitor, pending);
    }
    this.set({ outbox });
  }

  /** Do with what was refused: send it again under its id, or let it be. */
  again({ client_id }: Pending) {
    this.#mark(client_id, { status: "waiting" });
    void this.flush();
  }

  discard(unwanted: Pending) {
    this.#setOutbox(this.state.outbox.filter((pending) => pending.client_id !== unwanted.client_id));
  }

  #mark(client_id: string, changes: Partial<Pending>) {
    this.#setOutbox(
      this.state.outbox.map((pending) => (pending.client_id === client_id ? { ...pending, ...changes } : pending)),
    );
  }

  /** Send what waits, one after the other: the order is the visitor's. */
  async flush() {
    if (this.#sending) return;
    this.#sending = true;
    let failures = 0;
    try {
      for (;;) {
        const pending = this.state.outbox.find(({ status }) => status === "waiting");
        if (!pending) return;
        try {
          const { token, conversation } = await this.#session();
          await api.sendMessage(token, pending);
          failures = 0;
          this.#mark(pending.client_id, { status: "sent" });
          // Without a stream nobody would tell that it is stored.
          if (!this.state.connected && this.state.session?.conversation === conversation) void this.#fill();
        } catch (error) {
          if (!(error instanceof api.Refusal)) throw error;
          if (error.status === 401) this.#expired(this.state.session?.token ?? "");
          else if (!error.passing) {
            this.#mark(pending.client_id, { status: "refused", problem: error.code });
            this.#fail(error);
            continue;
          }
          if (!this.state.online) return; // "online" begins again
          const pause = Math.min(15_000, 500 * 2 ** failures++);
          await new Promise((resolve) => setTimeout(resolve, Math.max(error.after * 1000, pause)));
        }
      }
    } finally {
      this.#sending = false;
    }
  }

  // What the visitor thinks

  async rate(seq: number, verdict: Verdict) {
    const before = this.state.ratings;
    this.set({ ratings: { ...before, [seq]: verdict } });
    await api.rate(this.state.session!.token, seq, verdict).catch((error) => {
      this.set({ ratings: before });
      this.#fail(error);
    });
  }

  async survey(score: number, comment: string) {
    await api.survey(this.state.session!.token, score, comment);
  }

  /** Leave an address; returns whether answers that are missed will be sent there. */
  async leaveEmail(email: string) {
    const { token } = await this.#session();
    return (await api.leaveEmail(token, email)).continues_by_email;
  }
}
