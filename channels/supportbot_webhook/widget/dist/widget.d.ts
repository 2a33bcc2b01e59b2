/** SupportBot's chat widget on your page: what `window.SupportBot` offers. */
declare namespace SupportBot {
  interface Events {
    /** The chat is loaded and may be used. */
    ready: undefined;
    open: undefined;
    close: undefined;
    /** Somebody wrote. What was written stays in the chat: your page cannot read it. */
    message: { id: string; seq: number; author: "customer" | "bot" | "person" | "system" };
    /** How many messages the visitor has not seen. */
    unread: { count: number };
    /** A person was asked for, took over, or left again. */
    handoff: { state: "bot" | "queued" | "human" | "snoozed" | "resolved" };
    /**
     * `code` is `not_framed` (the bot is down, or this site is not in `allowed_origins`), `invalid` (`identify` or `setUser`
     * was called with something else than text, and did nothing), or one of the API's: of a token,
     * `identity_expired` and others that say what to do, or `bad_identity` when your key did not sign it.
     */
    error: { code: string; message: string };
  }

  type Listener<Name extends keyof Events> = (detail: Events[Name]) => void;

  interface Api {
    open(): void;
    close(): void;
    toggle(): void;
    /** Say who the visitor is, with a JWT that your server signed. Call it again when the token changes. */
    identify(identity: { token: string }): void;
    /** What the visitor calls themselves: taken as a claim, never as proof. */
    setUser(user: { name?: string; email?: string }): void;
    /** The visitor logged out: forget the conversation on this browser. */
    reset(): void;
    on<Name extends keyof Events>(event: Name, listener: Listener<Name>): void;
    off<Name extends keyof Events>(event: Name, listener: Listener<Name>): void;
    /** A command as an array, the way the queue before the script takes it: `push(["open"])`. */
    push(command: Command): void;
  }

  type Command =
    | ["open" | "close" | "toggle" | "reset"]
    | ["identify", { token: string }]
    | ["setUser", { name?: string; email?: string }]
    | { [Name in keyof Events]: ["on" | "off", Name, Listener<Name>] }[keyof Events];
}

interface Window {
  SupportBot?: SupportBot.Api | SupportBot.Command[];
}
