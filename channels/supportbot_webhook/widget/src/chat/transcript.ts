// What is known of a conversation, and how an event changes it. Pure: nothing here waits or draws.
import type { ChatEvent, Draft, Message, Pending, Speaks } from "./types";

export interface Transcript {
  /** Without a gap, by number. */
  messages: Message[];
  draft: Draft | null;
  typing: boolean;
  speaks: Speaks;
  /** By message id, the turn that was watched while it wrote: what was drawn then stays where it is. */
  drawn: Record<string, string>;
}

export const empty: Transcript = { messages: [], draft: null, typing: false, speaks: null, drawn: {} };

export const lastSeq = ({ messages }: Transcript) => messages.at(-1)?.seq ?? 0;

/** How many code points: the server counts those, JavaScript's length does not. */
export const codePoints = (text: string) => {
  let count = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit < 0xdc00 && text.charCodeAt(at + 1) >>> 10 === 0x37) {
      count--;
      at++;
    }
  }
  return count;
};

/** Add messages. Those that are here are passed over; after a gap nothing is added: fetch it, and come again. */
export const withMessages = (transcript: Transcript, added: Message[]): Transcript => {
  let { messages, draft, typing, drawn } = transcript;
  let last = lastSeq(transcript);
  for (const message of added) {
    if (message.seq !== last + 1) continue;
    messages = messages === transcript.messages ? [...messages, message] : (messages.push(message), messages);
    last = message.seq;
    if (message.author !== "customer") {
      if (draft && message.author === "bot") drawn = { ...drawn, [message.id]: draft.turn };
      draft = null;
      typing = false;
      messages = messages.map((earlier) =>
        earlier.state === "pending" && message.author === "bot" ? { ...earlier, state: "answered" } : earlier,
      );
    }
  }
  return { ...transcript, messages, draft, typing, drawn };
};

/** What the server says of messages that are here as pending: they may have been settled unheard. */
export const renewed = (transcript: Transcript, fresh: Message[]): Transcript => {
  const states = new Map(fresh.map(({ id, state }) => [id, state]));
  return {
    ...transcript,
    messages: transcript.messages.map((message) => {
      const state = states.get(message.id);
      return state && message.state === "pending" && state !== "pending" ? { ...message, state } : message;
    }),
  };
};

/** Apply an event; `null` when something before it is missing. */
export const heard = (transcript: Transcript, { event, data }: ChatEvent): Transcript | null => {
  switch (event) {
    case "message": {
      const there = transcript.messages[data.seq - 1];
      // Another one under its number: the conversation was deleted, and begins again.
      if (there && there.id !== data.id) return withMessages(empty, [data]);
      return data.seq > lastSeq(transcript) + 1 ? null : withMessages(transcript, [data]);
    }
    case "typing":
      if (data.on) {
        const same = transcript.draft?.turn === data.turn;
        return { ...transcript, typing: true, draft: same ? transcript.draft : null };
      }
      return { ...transcript, typing: false, draft: null };
    case "delta": {
      const { turn, offset, text } = data;
      const draft = transcript.draft?.turn === turn ? transcript.draft : null;
      if (offset === 0) return { ...transcript, draft: { turn, text, size: codePoints(text) } };
      if (draft?.size !== offset) return transcript; // it does not fit: the message will tell
      return { ...transcript, draft: { turn, text: draft.text + text, size: offset + codePoints(text) } };
    }
    case "state":
      return {
        ...transcript,
        speaks: data.state,
        ...(data.state !== "bot" && { draft: null, typing: false }),
      };
    case "settled":
      return {
        ...transcript,
        draft: null,
        typing: false,
        messages: transcript.messages.map((message) =>
          data.message_ids.includes(message.id) ? { ...message, state: data.state } : message,
        ),
      };
    default:
      return transcript;
  }
};

/** What is not in the transcript yet. */
export const unstored = (outbox: Pending[], { messages }: Transcript) => {
  const stored = new Set(messages.map((message) => message.client_id));
  return outbox.every(({ client_id }) => !stored.has(client_id))
    ? outbox
    : outbox.filter(({ client_id }) => !stored.has(client_id));
};
