// What the page and the chat in the iframe say to each other. Each checks origin and source of the other.

/** From the site's page to the chat. */
export type ToChat =
  | { supportbot: "open"; focus: boolean }
  | { supportbot: "close" }
  | { supportbot: "identify"; token: string }
  | { supportbot: "user"; name: string; email: string }
  | { supportbot: "reset" };

/** From the chat to the site's page. No words of the conversation are in it. */
export type ToPage =
  | { supportbot: "ready" }
  | { supportbot: "close" }
  | { supportbot: "session"; kept: boolean }
  | { supportbot: "event"; name: "message" | "unread" | "handoff" | "error"; detail: unknown };

/** What the server puts into widget.js. */
export interface Launcher {
  color: string;
  on_color: string;
  position: "left" | "right";
  corner: number;
  offset: [number, number];
  logo: string;
  label: string;
  language: string;
  /** By language: open, close, the chat's name, how many are unread. */
  texts: Record<string, [string, string, string, string]>;
}
