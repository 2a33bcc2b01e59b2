// One message: its words, pictures, sources, and what can be done with it.
import { Component, h, type ComponentChildren } from "preact";
import * as api from "./api";
import type { Chat } from "./chat";
import { config, dates, t } from "./config";
import { Icon } from "./icons";
import { address, Markdown } from "./markdown";
import type { Citation, Message, Pending, Picture, Verdict } from "./types";

const clock = dates({ hour: "numeric", minute: "2-digit" });

/** Who wrote it, in words. */
export const authorName = (author: Message["author"], name?: string) =>
  author === "customer" ? t("you") : author === "person" ? name || t("team") : config.bot;

export const Avatar = ({ person }: { person?: boolean }) =>
  config.theme.logo && !person ? (
    <img class="avatar" src={config.theme.logo} alt="" />
  ) : (
    <span class={`avatar${person ? " person" : ""}`} aria-hidden="true">
      {person ? <Icon name="person" /> : [...config.bot][0]}
    </span>
  );

const Source = ({ citation: { title, source, quote } }: { citation: Citation }) => {
  const url = address(source);
  const head = (
    <span class="source-title">
      {title}
      {url && <small>{new URL(url).hostname}</small>}
    </span>
  );
  if (url) {
    return (
      <a class="source" href={url} target="_blank" rel="noopener noreferrer">
        <Icon name="source" />
        {head}
      </a>
    );
  }
  return quote ? (
    <details class="source">
      <summary>
        <Icon name="source" />
        {head}
      </summary>
      <blockquote dir="auto">{quote}</blockquote>
    </details>
  ) : (
    <div class="source">
      <Icon name="source" />
      {head}
    </div>
  );
};

const Sources = ({ citations }: { citations: Citation[] }) =>
  citations.length ? (
    <div class="sources" role="group" aria-label={t("sources")}>
      {citations.map((citation) => (
        <Source citation={citation} />
      ))}
    </div>
  ) : null;

/** An image of a stored message. It needs the token, so it is fetched and shown from memory. */
class StoredImage extends Component<{ chat: Chat; seq: number; image: Picture }, { url?: string }> {
  override componentDidMount() {
    const { chat, seq, image } = this.props;
    api
      .readImage(chat.state.session!.token, seq, image.n)
      .then((blob) => this.setState({ url: URL.createObjectURL(blob) }))
      .catch(() => {});
  }
  override componentWillUnmount() {
    if (this.state.url) URL.revokeObjectURL(this.state.url);
  }
  override render() {
    return this.state.url ? (
      <img class="picture" src={this.state.url} alt={this.props.image.name || t("image")} />
    ) : (
      <span class="picture" role="img" aria-label={this.props.image.name || t("image")} />
    );
  }
}

class Copy extends Component<{ text: string }, { done?: boolean }> {
  override render() {
    const { done } = this.state;
    const copy = () =>
      navigator.clipboard?.writeText(this.props.text).then(() => {
        this.setState({ done: true });
        setTimeout(() => this.setState({ done: false }), 2000);
      });
    return (
      <button type="button" class="quiet" aria-label={t(done ? "copied" : "copy")} title={t("copy")} onClick={copy}>
        <Icon name={done ? "done" : "copy"} />
      </button>
    );
  }
}

const Thumb = ({ chat, seq, verdict, given }: { chat: Chat; seq: number; verdict: Verdict; given: Verdict | undefined }) => (
  <button
    type="button"
    class="quiet"
    aria-label={t(verdict)}
    title={t(verdict)}
    aria-pressed={given === verdict}
    onClick={() => void chat.rate(seq, verdict)}
  >
    <Icon name={verdict} />
  </button>
);

/** A bubble with who wrote it beside it. `first`: another one wrote before; `last`: another one writes after. */
export const Row = (props: {
  author: Message["author"];
  name?: string | undefined;
  first: boolean;
  children: ComponentChildren;
}) => (
  <div class={`row ${props.author}${props.first ? " first" : ""}`}>
    {props.author !== "customer" && (props.first ? <Avatar person={props.author === "person"} /> : <span class="avatar none" />)}
    <div class="column">
      <span class={props.first && props.author !== "customer" ? "name" : "sr"}>{authorName(props.author, props.name)}</span>
      {props.children}
    </div>
  </div>
);

interface Props {
  chat: Chat;
  message: Message;
  first: boolean;
  last: boolean;
  newest: boolean;
  rating: Verdict | undefined;
}

/** A stored message; drawn again only when something of it changed. */
export class Stored extends Component<Props> {
  override shouldComponentUpdate(next: Props) {
    const now = this.props;
    return (["message", "first", "last", "newest", "rating"] as const).some((name) => now[name] !== next[name]);
  }
  override render() {
    const { chat, message, first, last, newest, rating } = this.props;
    const { author, text, images, choices, state, seq } = message;
    const bot = author === "bot";
    return (
      <Row author={author} name={message.name} first={first}>
        {images?.length ? (
          <div class="pictures">
            {images.map((image) => (
              <StoredImage key={image.n} chat={chat} seq={seq} image={image} />
            ))}
          </div>
        ) : null}
        {text && (
          <div class="bubble" dir="auto" data-seq={seq}>
            {author === "customer" ? <p class="plain">{text}</p> : <Markdown source={text} />}
          </div>
        )}
        {bot && <Sources citations={message.citations} />}
        {bot && newest && choices?.length ? (
          <div class="choices">
            {choices.map(({ label, says }) => (
              <button type="button" class="choice" onClick={() => chat.send(says)}>
                {label}
              </button>
            ))}
          </div>
        ) : null}
        {state === "dead" && (
          <p class="note problem">
            {t("unanswered")}{" "}
            <button type="button" class="link" onClick={() => chat.send(text)}>
              {t("ask_again")}
            </button>
          </p>
        )}
        {(last || bot) && (
          <div class="meta">
            <time dateTime={new Date(message.created_at).toISOString()}>{clock(message.created_at)}</time>
            {bot && <Copy text={text} />}
            {message.rateable && config.features.ratings && (
              <span role="group" aria-label={t("helpful")}>
                <Thumb chat={chat} seq={seq} verdict="good" given={rating} />
                <Thumb chat={chat} seq={seq} verdict="bad" given={rating} />
              </span>
            )}
          </div>
        )}
      </Row>
    );
  }
}

/** A message that is on its way. */
export const Unsent = ({ chat, pending, first }: { chat: Chat; pending: Pending; first: boolean }) => (
  <Row author="customer" first={first}>
    {pending.images.length > 0 && (
      <div class="pictures">
        {pending.images.map(({ name, data, type }) => (
          <Preview name={name} data={data} type={type} />
        ))}
      </div>
    )}
    {pending.text && (
      <div class={`bubble${pending.status === "sent" ? "" : " unsent"}`} dir="auto">
        <p class="plain">{pending.text}</p>
      </div>
    )}
    {pending.status === "refused" ? (
      <p class="note problem">
        {t(pending.problem === "too_large" || pending.problem === "text_too_long" ? "too_long" : "not_sent")}{" "}
        <button type="button" class="link" onClick={() => chat.again(pending)}>
          {t("retry")}
        </button>{" "}
        <button type="button" class="link" onClick={() => chat.discard(pending)}>
          {t("discard")}
        </button>
      </p>
    ) : (
      <div class="meta">{t(pending.status === "sent" ? "sent" : chat.state.online ? "sending" : "waiting")}</div>
    )}
  </Row>
);

/** An image that is still only here. */
export class Preview extends Component<{ name: string; data: string; type: string }> {
  #url = "";
  override componentWillMount() {
    const bytes = Uint8Array.from(atob(this.props.data), (char) => char.charCodeAt(0));
    this.#url = URL.createObjectURL(new Blob([bytes], { type: this.props.type }));
  }
  override componentWillUnmount() {
    URL.revokeObjectURL(this.#url);
  }
  override render() {
    return <img class="picture" src={this.#url} alt={this.props.name || t("image")} />;
  }
}
