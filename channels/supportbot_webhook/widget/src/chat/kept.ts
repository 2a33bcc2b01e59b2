// What this browser keeps: the session, what is not yet sent, what was seen. Without storage, only this page knows.
import type { Pending, Session } from "./types";

const place = `supportbot:${new URL(".", location.href).pathname}:`;
const memory = new Map<string, string>();

const read = (key: string): unknown => {
  try {
    const text = localStorage.getItem(place + key) ?? memory.get(key);
    return text === undefined ? null : JSON.parse(text);
  } catch {
    return null;
  }
};

const write = (key: string, value: unknown) => {
  memory.delete(key);
  try {
    if (value === null) localStorage.removeItem(place + key);
    else localStorage.setItem(place + key, JSON.stringify(value));
  } catch {
    if (value !== null) memory.set(key, JSON.stringify(value)); // forbidden, or full
  }
};

export const keptSession = () => read("session") as Session | null;
export const keepSession = (session: Session | null) => write("session", session);

/** What a visitor has not sent yet, each under a key of its own: tabs do not overwrite one another's. */
export const keptOutbox = (visitor: string): Pending[] => {
  const start = `${place}outbox:${visitor}:`;
  let keys: string[] = [];
  try {
    keys = Object.keys(localStorage).filter((key) => key.startsWith(start));
  } catch {
    // No storage.
  }
  return keys
    .map((key) => read(key.slice(place.length)) as Pending | null)
    .filter((pending) => pending !== null)
    .sort((a, b) => a.created_at - b.created_at);
};
export const keepPending = (visitor: string, pending: Pending) =>
  write(`outbox:${visitor}:${pending.client_id}`, pending);
export const dropPending = (visitor: string, { client_id }: Pending) =>
  write(`outbox:${visitor}:${client_id}`, null);

export const keptSeen = (conversation: string) => (read(`seen:${conversation}`) ?? 0) as number;
export const keepSeen = (conversation: string, seq: number) => write(`seen:${conversation}`, seq);

/** Forget a visitor: they logged out. */
export const forget = (session: Session) => {
  write("session", null);
  for (const pending of keptOutbox(session.visitor_id)) dropPending(session.visitor_id, pending);
  write(`seen:${session.conversation}`, null);
};
