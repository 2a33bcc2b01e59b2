// The whole chat: its head, the conversation, and what is below it.
import { Component, createRef, Fragment, h } from "preact";
import type { Chat } from "./chat";
import { Composer } from "./composer";
import { config, dates, floats, greeting, t } from "./config";
import { Icon } from "./icons";
import { late, type Late } from "./late";
import { Markdown } from "./markdown";
import { mend } from "./mend";
import { authorName, Avatar, Row, Stored, Unsent } from "./message";
import type { Message, Speaks } from "./types";

const NEAR = 48; // pixels from the end within which the view follows what is written
const { features } = config;
const day = dates({ weekday: "long", day: "numeric", month: "long" });

/** Who wrote it: several people of the team may. */
const wrote = (message?: Message) => message && message.author + (message.name ?? "");

interface Props {
  chat: Chat;
  close: () => void;
}

interface Here {
  menu: boolean;
  survey: boolean | null;
  behind: boolean;
  announced: string;
  dragged: boolean;
  cards: Late | null;
}

export class App extends Component<Props, Here> {
  override state: Here = { menu: false, survey: null, behind: false, announced: "", dragged: false, cards: null };
  readonly #log = createRef<HTMLDivElement>();
  readonly #more = createRef<HTMLButtonElement>();
  #following = true;
  #first: string | undefined;
  #lastAnnounced = -1;
  #wasOpen = false;
  #sent = 0;
  #top = 0;
  #fetching = false;

  override componentDidMount() {
    this.componentDidUpdate();
    document.addEventListener("keydown", this.#key);
    // What grows without being drawn again: an image that arrives, a source that is unfolded, the keyboard.
    const watch = new ResizeObserver(() => this.#follow());
    watch.observe(this.#log.current!);
    watch.observe(this.#log.current!.firstElementChild!);
  }

  override componentDidUpdate() {
    const { open, outbox } = this.props.chat.state;
    if (outbox.length > this.#sent || (open && !this.#wasOpen)) this.#following = true;
    this.#sent = outbox.length;
    this.#wasOpen = open;
    this.#follow();
    this.#announce();
    if (this.#asksEmail() || this.#rates()) this.#fetchCards();
  }

  /** Fetch the cards; again, until they are here. */
  #fetchCards() {
    if (this.#fetching) return;
    this.#fetching = true;
    late().then(
      (cards) => this.setState({ cards }),
      () => setTimeout(() => ((this.#fetching = false), this.forceUpdate()), 5000),
    );
  }

  /** They wait for a person, and may be gone when one comes: where may they be written to? */
  #asksEmail(): boolean {
    const { emailKnown, speaks } = this.props.chat.state;
    return features.email && emailKnown === false && speaks === "queued";
  }

  /** How was it: asked at its end, or as the visitor wishes. */
  #rates(): boolean {
    const { speaks, survey } = this.props.chat.state;
    return features.survey && (this.state.survey ?? (speaks === "resolved" && !survey));
  }

  #follow() {
    const log = this.#log.current!;
    if (this.#following) log.scrollTop = log.scrollHeight;
  }

  readonly #scrolled = () => {
    const { scrollHeight, scrollTop, clientHeight } = this.#log.current!;
    const near = scrollHeight - scrollTop - clientHeight < NEAR;
    // Only who scrolls up leaves the end: it also moves away when something grows.
    this.#following = near || (this.#following && scrollTop >= this.#top);
    this.#top = scrollTop;
    if (this.state.behind === this.#following) this.setState({ behind: !this.#following });
  };

  /** Tell a screen reader what others wrote, once, when it is complete; not what was there before. */
  #announce() {
    const { messages, loading } = this.props.chat.state;
    const first = messages[0]?.id;
    if (first !== this.#first) {
      // Another conversation: what was told of the one before goes with it.
      this.#first = first;
      this.#lastAnnounced = Math.min(this.#lastAnnounced, 0);
      if (this.state.announced) this.setState({ announced: "" });
    }
    if (loading) {
      this.#lastAnnounced = -1;
      return;
    }
    const last = messages.at(-1)?.seq ?? 0;
    if (this.#lastAnnounced >= 0 && last > this.#lastAnnounced) {
      const fresh = messages.filter(({ seq, author }) => seq > this.#lastAnnounced && author !== "customer");
      this.#lastAnnounced = last;
      if (fresh.length) {
        // As it is drawn: nobody wants to hear Markdown.
        const announced = fresh.map(
          ({ author, name, seq }) =>
            `${authorName(author, name)}: ${document.querySelector<HTMLElement>(`[data-seq="${seq}"]`)?.innerText}`,
        );
        this.setState({ announced: announced.join("\n") });
      }
    }
    this.#lastAnnounced = last;
  }

  readonly #key = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      if (this.state.menu) {
        this.setState({ menu: false });
        this.#more.current!.focus();
      } else this.props.close();
    } else if (event.key === "Tab" && floats) {
      const all = [
        ...document.querySelectorAll<HTMLElement>("a[href],button,input,textarea,summary,[tabindex='0']"),
      ].filter((element) => element.offsetParent !== null && !(element as HTMLInputElement).disabled);
      const end = event.shiftKey ? all[0] : all.at(-1);
      if (document.activeElement !== end) return;
      event.preventDefault();
      (event.shiftKey ? all.at(-1) : all[0])?.focus();
    }
  };

  readonly #person = () => {
    this.setState({ menu: false });
    this.props.chat.send(t("person_message"), [], true);
    document.querySelector("textarea")!.focus();
  };

  #status(): string {
    const { speaks, away } = this.props.chat.state;
    if (speaks === "human") return t("person_here");
    if (speaks === "queued") return t(away ? "away" : "person_asked");
    return config.company ? t("at_company", { company: config.company }) : t("online");
  }

  #items() {
    const { chat } = this.props;
    const { messages, outbox, draft, drawn, ratings, session } = chat.state;
    const items = [];
    let author: string | undefined;
    let date = "";
    for (const [at, message] of messages.entries()) {
      const on = new Date(message.created_at).toDateString();
      if (on !== date) {
        if (date || on !== new Date().toDateString()) {
          items.push(
            <div class="day" key={`day${message.seq}`}>
              {day(message.created_at)}
            </div>,
          );
          author = undefined;
        }
        date = on;
      }
      const newest = at === messages.length - 1 && !outbox.length;
      const key = drawn[message.id] ?? (message.client_id || message.id);
      items.push(
        <Stored
          key={`${session?.conversation}${key}`}
          chat={chat}
          message={message}
          first={author !== wrote(message)}
          last={wrote(messages[at + 1]) !== wrote(message)}
          newest={newest}
          rating={ratings[message.seq]}
        />,
      );
      author = wrote(message);
    }
    for (const pending of outbox) {
      items.push(<Unsent key={pending.client_id} chat={chat} pending={pending} first={author !== "customer"} />);
      author = "customer";
    }
    const written = draft && mend(draft.text);
    if (written) {
      items.push(
        <Row key={`${session?.conversation}${draft.turn}`} author="bot" first={author !== "bot"}>
          <div class="bubble" dir="auto">
            <Markdown source={written} />
          </div>
        </Row>,
      );
    } else if (this.#waits()) {
      items.push(
        <Row key="typing" author="bot" first={author !== "bot"}>
          <div class="bubble typing">
            <i />
            <i />
            <i />
            <span class="sr">{t("typing", { name: config.bot })}</span>
          </div>
        </Row>,
      );
    }
    return items;
  }

  /** The bot has something to answer. */
  #waits(): boolean {
    const { messages, outbox, typing, draft, speaks, connected } = this.props.chat.state;
    const last: Message | undefined = messages.at(-1);
    if ((speaks ?? "bot") !== "bot" || connected === false) return false;
    return typing || draft !== null || outbox.some(({ status }) => status === "sent") || (last?.author === "customer" && last.state === "pending");
  }

  override render() {
    const { chat, close } = this.props;
    const { menu, behind, announced, survey, dragged, cards } = this.state;
    const { messages, outbox, speaks, loading, away, connected, online, session } = chat.state;
    const fresh = !messages.length && !outbox.length && !loading;
    const waiting = speaks === "queued" || speaks === "human";
    const lost = !online || (session !== null && connected === false);
    return (
      <main
        class={`chat${dragged ? " dragged" : ""}`}
        onDragOver={(event) => {
          if (!features.images) return;
          event.preventDefault();
          if (!dragged) this.setState({ dragged: true });
        }}
        onDragLeave={(event) => {
          if (!event.relatedTarget) this.setState({ dragged: false });
        }}
        onDrop={(event) => {
          event.preventDefault();
          this.setState({ dragged: false });
          const files = [...(event.dataTransfer?.files ?? [])];
          dispatchEvent(new CustomEvent("supportbot:files", { detail: files }));
        }}
      >
        <header>
          <Avatar person={speaks === "human"} />
          <div class="title">
            <h1>{config.bot}</h1>
            <p class={speaks === "human" ? "person" : ""} role="status">
              {this.#status()}
            </p>
          </div>
          {(features.handoff || features.survey) && (
            <div class="menu">
              <button
                ref={this.#more}
                type="button"
                class="quiet more"
                aria-label={t("menu")}
                aria-expanded={menu}
                aria-controls="menu"
                onClick={() => this.setState({ menu: !menu })}
              >
                <Icon name="more" />
              </button>
              <div id="menu" hidden={!menu} onClick={() => this.setState({ menu: false })}>
                {features.handoff && !waiting && (
                  <button type="button" onClick={this.#person}>
                    <Icon name="person" />
                    {t("talk_to_person")}
                  </button>
                )}
                {features.survey && messages.length > 0 && (
                  <button type="button" onClick={() => ((this.#following = true), this.setState({ survey: true }))}>
                    <Icon name="star" />
                    {t("rate_chat")}
                  </button>
                )}
                {messages.length === 0 && waiting && <span class="note">{this.#status()}</span>}
              </div>
            </div>
          )}
          {floats && (
            <button type="button" class="quiet close" aria-label={t("close")} onClick={close}>
              <Icon name="close" />
            </button>
          )}
        </header>
        <div class="log" ref={this.#log} onScroll={this.#scrolled} tabIndex={0} role="region" aria-label={t("conversation")}>
          <div class="lines">
            {greeting && !loading && (
              <Row author="bot" first>
                <div class="bubble" dir="auto">
                  <Markdown source={greeting} />
                </div>
                {fresh && config.suggestions.length > 0 && (
                  <div class="choices">
                    {config.suggestions.map((suggestion) => (
                      <button type="button" class="choice" onClick={() => chat.send(suggestion)}>
                        {suggestion}
                      </button>
                    ))}
                  </div>
                )}
              </Row>
            )}
            {loading && (
              <div class="skeleton" aria-hidden="true">
                <i />
                <i />
                <i />
              </div>
            )}
            {this.#items()}
            <Note speaks={speaks} away={away} />
            {cards && this.#asksEmail() && <cards.EmailCard chat={chat} />}
            {cards && this.#rates() && (
              <cards.SurveyCard chat={chat} wanted={!!survey} close={() => this.setState({ survey: false })} />
            )}
          </div>
        </div>
        {behind && (
          <button
            type="button"
            class="down"
            aria-label={t("to_end")}
            onClick={() => {
              this.#following = true;
              this.#follow();
            }}
          >
            <Icon name="down" />
          </button>
        )}
        <div role="status">
          {lost && (
            <p class="banner">
              <Icon name="away" />
              {t(online ? "reconnecting" : "offline")}
            </p>
          )}
        </div>
        <Composer chat={chat} />
        <div class="sr" aria-live="polite" aria-atomic="true">
          {announced || null}
        </div>
        {dragged && <div class="drop">{t("drop_image")}</div>}
      </main>
    );
  }
}

/** Who speaks now, when it is not the bot. */
const Note = ({ speaks, away }: { speaks: Speaks; away: boolean }) => {
  const text =
    speaks === "queued"
      ? t(away ? "note_away" : "note_queued")
      : speaks === "human"
        ? t("note_human")
        : speaks === "resolved"
          ? t("note_resolved")
          : "";
  return text ? (
    <p class="note line">
      <Icon name={speaks === "resolved" ? "done" : away && speaks === "queued" ? "away" : "person"} />
      {text}
    </p>
  ) : (
    <Fragment />
  );
};
