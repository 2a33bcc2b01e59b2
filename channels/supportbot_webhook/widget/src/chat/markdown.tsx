// Markdown as elements. The parser's tokens become nodes, one kind at a time; there is no HTML in between, so
// that nothing an answer says can be more than text, and addresses are held to a list of schemes.
import { Lexer, type Token, type Tokens } from "marked";
import { Component, h, type ComponentChild } from "preact";
import { t } from "./config";

const ADDRESS = /^(https?:\/\/|mailto:|tel:)[^\s\u0000-\u001f]+$/i;

/** Return an address that may be followed, else undefined. */
export const address = (href: string): string | undefined => {
  const url = href.trim();
  try {
    return ADDRESS.test(url) && new URL(url) ? url : undefined; // URL.canParse is not in Safari 16
  } catch {
    return undefined;
  }
};

const text = (escaped: string) =>
  escaped.replace(/&(\w+);/g, (entity, name: string) => (Object.hasOwn(ENTITIES, name) ? ENTITIES[name]! : entity));

/** The named ones that models write; the parser has replaced those with numbers. */
const ENTITIES: Record<string, string> = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0",
  copy: "©", euro: "€", hellip: "…", ndash: "–", mdash: "—",
};

const link = (href: string, children: ComponentChild) => {
  const url = address(href);
  return url ? (
    <a href={url} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ) : (
    children
  );
};

const inline = (tokens: Token[] = []): ComponentChild[] =>
  tokens.map((token) => {
    switch (token.type) {
      case "strong":
        return <strong>{inline(token.tokens)}</strong>;
      case "em":
        return <em>{inline(token.tokens)}</em>;
      case "del":
        return <del>{inline(token.tokens)}</del>;
      case "codespan":
        return <code>{token.text}</code>;
      case "br":
        return <br />;
      case "link":
        return link(token.href, inline(token.tokens));
      case "image": // nothing is fetched from elsewhere: a link says where it is
        return link(token.href, token.text || token.href);
      case "html":
        return /^<br\s*\/?>$/i.test(token.raw) ? <br /> : token.raw;
      case "escape":
        return token.text;
      case "text":
        return "tokens" in token && token.tokens ? inline(token.tokens) : text(token.text);
      default:
        return token.raw;
    }
  });

const cell = (cell: Tokens.TableCell, tag: "th" | "td") =>
  h(tag, cell.align ? { class: `align-${cell.align}` } : null, inline(cell.tokens));

const block = (token: Token): ComponentChild => {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading": // below the page's own; no level is left out, whatever an answer begins with
      return <h2>{inline(token.tokens)}</h2>;
    case "paragraph":
      return <p>{inline(token.tokens)}</p>;
    case "text":
      return token.tokens ? inline(token.tokens) : text(token.text);
    case "code":
      return (
        <pre tabIndex={0}>
          <code>{token.text}</code>
        </pre>
      );
    case "blockquote":
      return <blockquote>{blocks(token.tokens ?? [])}</blockquote>;
    case "hr":
      return <hr />;
    case "list": {
      const list = token as Tokens.List;
      const items = list.items.map((item) => (
        <li class={item.task ? "task" : undefined}>
          {item.task && <input type="checkbox" checked={!!item.checked} disabled aria-label={t("task")} />}
          {item.tokens.filter(({ type }) => type !== "checkbox").map(block)}
        </li>
      ));
      return list.ordered ? <ol start={Number(list.start) || 1}>{items}</ol> : <ul>{items}</ul>;
    }
    case "table": {
      const table = token as Tokens.Table;
      return (
        <div class="table" tabIndex={0} role="group">
          <table>
            <thead>
              <tr>{table.header.map((head) => cell(head, "th"))}</tr>
            </thead>
            <tbody>
              {table.rows.map((row) => (
                <tr>{row.map((data) => cell(data, "td"))}</tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    }
    case "html":
      return <p>{token.raw.trim()}</p>;
    default:
      return <p>{token.raw}</p>;
  }
};

/** A block is drawn again only when its source changed: while an answer grows, all but the last stay. */
class Block extends Component<{ token: Token }> {
  override shouldComponentUpdate({ token }: { token: Token }) {
    return token.raw !== this.props.token.raw;
  }
  override render() {
    return block(this.props.token);
  }
}

const blocks = (tokens: Token[]) => tokens.map((token, at) => <Block key={at} token={token} />);

// One line in which nothing can be Markdown. The parser's first use takes longer than drawing the whole chat.
const PLAIN = /^(?![-+=\d\s])(?!.*www\.)[^*_`#[\]<>|~\\&\n@:]+$/i;

/** Draw Markdown. */
export const Markdown = ({ source }: { source: string }) => {
  if (PLAIN.test(source)) {
    return (
      <div class="markdown">
        <p>{source}</p>
      </div>
    );
  }
  let tokens: Token[];
  try {
    tokens = new Lexer({ gfm: true, breaks: true }).lex(source);
  } catch {
    return <p>{source}</p>; // nested beyond reason
  }
  return <div class="markdown">{blocks(tokens.filter(({ type }) => type !== "space"))}</div>;
};
