// The words of the API, as docs/webhook.md has them.

export interface Citation {
  title: string;
  source: string;
  quote: string;
}

export interface Picture {
  n: number;
  name: string;
  content_type: string;
}

export interface Choice {
  label: string;
  says: string;
}

export interface Message {
  seq: number;
  id: string;
  author: "customer" | "bot" | "person" | "system";
  /** Of the person of the team who wrote it, where that is known. */
  name?: string;
  text: string;
  citations: Citation[];
  created_at: number;
  state: "pending" | "answered" | "handed_over" | "ignored" | "dead" | "said";
  client_id: string;
  images?: Picture[];
  choices?: Choice[];
  /** It is an answer, and no fixed text. */
  rateable?: boolean;
}

export type Speaks = "bot" | "queued" | "human" | "snoozed" | "resolved" | null;

export interface Session {
  token: string;
  visitor_id: string;
  conversation: string;
  name?: string;
}

/** What `GET conversation/status` knows and the transcript does not. */
export interface Status {
  state: Speaks;
  away: boolean;
  email_known: boolean;
  survey: number | null;
  ratings: Record<string, Verdict>;
}

export type Verdict = "good" | "bad";

/** An image that goes with a message: its bytes in base64, the way they travel. */
export interface Upload {
  name: string;
  data: string;
  type: string;
}

/** A message of the visitor that is not known to be stored. It is kept until the transcript has it. */
export interface Pending {
  client_id: string;
  text: string;
  images: Upload[];
  wants_person: boolean;
  created_at: number;
  /** `refused`: the server will not take it as it is. */
  status: "waiting" | "sent" | "refused";
  problem?: string;
}

/** The answer that is being written. `size` counts code points, as the server's offsets do. */
export interface Draft {
  turn: string;
  text: string;
  size: number;
}

/** One event of the stream. */
export type ChatEvent =
  | { event: "message"; data: Message }
  | { event: "typing"; data: { turn: string; on: boolean } }
  | { event: "delta"; data: { turn: string; offset: number; text: string } }
  | { event: "state"; data: { state: Speaks } }
  | { event: "settled"; data: { message_ids: string[]; state: Message["state"] } }
  | { event: "bye"; data: unknown };

export interface Config {
  bot: string;
  company: string;
  language: string;
  dir: "ltr" | "rtl";
  mode: "frame" | "page";
  theme: {
    /** CSS variables, by name. */
    light: Record<string, string>;
    dark: Record<string, string>;
    corner: number;
    scheme: "auto" | "light" | "dark";
    logo: string;
  };
  texts: Record<string, string>;
  greeting: string;
  suggestions: string[];
  features: { images: boolean; ratings: boolean; survey: boolean; handoff: boolean; email: boolean };
  limits: { text: number; image_bytes: number; images: number; image_types: string[] };
  /** Where late.js is. */
  late: string;
  away: boolean;
  origins: string[];
  heartbeat?: number;
}
