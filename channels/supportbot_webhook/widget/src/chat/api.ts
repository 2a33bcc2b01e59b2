// Requests to the bot, which serves this page too.
import { config } from "./config";
import type { Message, Pending, Session, Speaks, Status, Verdict } from "./types";

/** The server refused, or (status 0) could not be reached. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds to wait, when the server said so. */
    readonly after = 0,
  ) {
    super(message);
  }

  /** The same request may succeed later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

const TIMEOUT = 30_000;

/** Send a request; anything but a 2xx throws a `Refusal`. */
export const request = async (
  method: string,
  path: string,
  token: string,
  body?: unknown,
  more: RequestInit = {},
): Promise<Response> => {
  const headers: Record<string, string> = { ...(more.headers as Record<string, string>) };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...more,
      headers,
    });
  } catch (error) {
    throw new Refusal(0, "unreachable", `${error}`);
  }
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: {} }));
  throw new Refusal(
    response.status,
    error?.code ?? "error",
    error?.message ?? response.statusText,
    Number(response.headers.get("Retry-After")) || 0,
  );
};

const json = async <T>(response: Promise<Response>) => (await response).json() as Promise<T>;

export const openSession = (user: { name?: string; email?: string }) =>
  json<Session>(request("POST", "sessions", "", user));
export const closeSession = (token: string) => request("DELETE", "sessions/current", token);
export const identify = (token: string, jwt: string) =>
  json<Session>(request("POST", "sessions/identify", token, { token: jwt }));

export const sendMessage = (token: string, { client_id, text, images, wants_person }: Pending) =>
  json<{ message_id: string; seq: number }>(
    request("POST", "conversation/messages", token, {
      client_id,
      text,
      language: config.language,
      ...(wants_person && { wants_person }),
      ...(images.length && { images: images.map(({ name, data }) => ({ name, data })) }),
    }),
  );
export const readMessages = (token: string, after: number) =>
  json<{ messages: Message[]; state: Speaks }>(
    request("GET", `conversation/messages?after=${after}&limit=200`, token),
  );
export const readStatus = (token: string) => json<Status>(request("GET", "conversation/status", token));
export const readImage = async (token: string, seq: number, n: number) =>
  (await request("GET", `conversation/messages/${seq}/images/${n}`, token)).blob();

export const rate = (token: string, seq: number, verdict: Verdict) =>
  request("PUT", `conversation/messages/${seq}/rating`, token, { verdict });
export const survey = (token: string, score: number, comment: string) =>
  request("PUT", "conversation/survey", token, { score, comment });
export const see = (token: string, seq: number) => request("PUT", "conversation/seen", token, { seq });
export const leaveEmail = (token: string, email: string) =>
  json<{ continues_by_email: boolean }>(request("PUT", "conversation/email", token, { email }));
