// The one script on the site's page: a launcher, the chat's iframe, and window.SupportBot.
import type { Launcher, ToChat, ToPage } from "./protocol";

// The server puts its settings in the place of this string.
const settings = "%SUPPORTBOT_CONFIG%" as unknown as Launcher;

const script = document.currentScript as HTMLScriptElement;
const { bot, target, lang, theme } = script.dataset;
const base = new URL(bot && /[/:]/.test(bot) ? bot.replace(/\/?$/, "/") : "./", script.src);
const flag = `supportbot:${base.href}`;
const style = `
:host{all:initial;--d:.18s}
button{all:unset;box-sizing:border-box;position:fixed;z-index:2147483000;bottom:var(--y);height:56px;min-width:56px;padding:0 16px;display:flex;align-items:center;justify-content:center;gap:10px;border-radius:28px;cursor:pointer;background:var(--c);color:var(--o);font:600 15px/1 system-ui,sans-serif;box-shadow:0 2px 6px #0002,0 8px 24px #0003;transition:var(--d);-webkit-tap-highlight-color:transparent}
button:hover{transform:translateY(-2px)}
button:focus-visible{outline:3px solid var(--o);outline-offset:-6px;box-shadow:0 0 0 3px var(--c)}
.left>*{left:var(--x)}.right>*{right:var(--x)}
svg{width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
img{width:28px;height:28px;border-radius:50%}
b{position:absolute;top:-4px;right:-4px;box-sizing:border-box;min-width:22px;height:22px;padding:0 6px;border:2px solid;border-radius:11px;background:#c81e1e;color:#fff;font:600 12px/18px system-ui,sans-serif;text-align:center}
[hidden]{display:none!important}
iframe{position:fixed;z-index:2147483001;bottom:calc(var(--y) + 68px);width:400px;height:min(680px,calc(100dvh - var(--y) - 84px));border:0;border-radius:var(--r);box-shadow:0 4px 10px #0002,0 8px 24px #0003;color-scheme:normal;opacity:0;visibility:hidden;transform:translateY(12px);transition:var(--d);transition-property:opacity,transform,visibility}
.open iframe{opacity:1;visibility:visible;transform:none}
.inline iframe{position:static;width:100%;height:100%;min-height:480px;box-shadow:none}
@media (max-width:480px){.box iframe{inset:0;top:var(--vt,0);width:100%;height:var(--vh,100dvh);border-radius:0}.open button{display:none}}
@media (prefers-reduced-motion:reduce){:host{--d:0s}}
@media print{:host{display:none}}`;

type Name = keyof SupportBot.Events;
const listeners: Partial<Record<Name, Set<(detail: unknown) => void>>> = {};
const emit = (name: Name, detail?: unknown) => {
  for (const listener of listeners[name] ?? []) {
    try {
      listener(detail);
    } catch (error) {
      reportError(error); // the site's own mistake: shown in its console, and no reason to stop
    }
  }
};
const wanted = lang || document.documentElement.lang || navigator.language;
const texts = settings.texts[wanted.slice(0, 2).toLowerCase()] ?? settings.texts[settings.language]!;

const make = <Tag extends keyof HTMLElementTagNameMap>(tag: Tag, parent: Node) =>
  parent.appendChild(document.createElement(tag));
const icon = (parent: Node, path: string) => {
  const svg = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.appendChild(document.createElementNS(svg.namespaceURI!, "path")).setAttribute("d", path);
  return svg;
};

const host = document.createElement("div");
const root = host.attachShadow({ mode: "open" });
const sheet = new CSSStyleSheet(); // the site's Content-Security-Policy has no say in it
sheet.replaceSync(style);
root.adoptedStyleSheets = [sheet];
const { color, on_color, corner, offset: [x, y] } = settings; // checked when the bot started
host.style.cssText = `--c:${color};--o:${on_color};--r:${corner}px;--x:${x}px;--y:${y}px`;
const box = make("div", root);

let frame: HTMLIFrameElement | undefined;
let ready = false;
let isOpen = false;
let unread = 0;
let waiting: ToChat[] = [];
const inline = !!target;

let button: HTMLButtonElement | undefined;
let badge: HTMLElement | undefined;
let bubble: Element | undefined;
let cross: Element | undefined;

const kept = (value?: boolean): boolean => {
  try {
    if (value === undefined) return !!localStorage.getItem(flag);
    if (value) localStorage.setItem(flag, "1");
    else localStorage.removeItem(flag);
  } catch {
    // No storage here: the chat is then only loaded when it is opened.
  }
  return !!value;
};

const tell = (message: ToChat) => {
  load();
  if (ready) frame!.contentWindow!.postMessage(message, base.origin);
  else waiting.push(message);
};

/** Pass on who the visitor is, when all that the page says of it is text. */
const claim = (message: Record<string, unknown>) =>
  Object.values(message).some((value) => typeof value !== "string")
    ? emit("error", { code: "invalid", message: "Not a text" })
    : tell(message as ToChat);

let again: ReturnType<typeof setTimeout>;
let failures = 0;

const load = () => {
  if (frame) return;
  clearTimeout(again);
  frame = document.createElement("iframe");
  frame.title = texts[2];
  frame.allow = "clipboard-write";
  const asked = new URLSearchParams({ lang: wanted, theme: theme ?? "" });
  frame.src = `${base}frame?${asked}#${inline ? "inline:" : ""}${encodeURIComponent(location.origin)}`;
  // A browser's page about an error loads as well, but does not say that it is ready.
  frame.onload = () => (again = setTimeout(failed, 2000));
  box.prepend(frame);
};

/** Nobody gets to see a broken frame: the launcher comes back with the chat. */
const failed = () => {
  if (ready) return;
  turn(false, false);
  frame!.remove();
  frame = undefined;
  again = setTimeout(load, Math.min(3e5, 2e3 * 2 ** failures++) * (0.5 + Math.random()));
  show();
  emit("error", { code: "not_framed", message: "Bot down, or this site not in allowed_origins" });
};

const show = () => {
  const shown = isOpen || inline;
  box.className = `${inline ? "inline" : "box"} ${settings.position}${ready && shown ? " open" : ""}`;
  if (!button) return;
  button.hidden = !ready && !!failures;
  button.setAttribute("aria-expanded", `${isOpen}`);
  button.setAttribute("aria-label", isOpen ? texts[1] : unread ? `${texts[0]}, ${texts[3].replace("{n}", `${unread}`)}` : texts[0]);
  bubble!.toggleAttribute("hidden", isOpen); // an svg has no such property
  cross!.toggleAttribute("hidden", !isOpen);
  badge!.hidden = shown || !unread;
  badge!.textContent = unread > 9 ? "9+" : `${unread}`;
};

// On a phone the keyboard covers a page without telling it: follow what is really visible.
const seen = window.visualViewport;
const fit = () => {
  if (!seen) return;
  host.style.setProperty("--vh", `${seen.height}px`);
  host.style.setProperty("--vt", `${seen.offsetTop}px`);
};

const turn = (open: boolean, back = true) => {
  if (inline || open === isOpen) return;
  isOpen = open;
  show();
  fit();
  tell(open ? { supportbot: "open", focus: true } : { supportbot: "close" });
  if (open) frame!.focus();
  else if (back) button?.focus();
  emit(open ? "open" : "close");
};

let title: string | undefined;
const retitle = () => {
  if (title !== undefined && document.title.endsWith(title)) document.title = title;
  title = undefined;
  if (unread && document.hidden) {
    title = document.title;
    document.title = `(${unread}) ${title}`;
  }
};

addEventListener("message", ({ source, origin, data }: MessageEvent<ToPage>) => {
  if (!frame || source !== frame.contentWindow || origin !== base.origin || !data) return;
  switch (data.supportbot) {
    case "ready":
      ready = true;
      show();
      if (isOpen) frame.focus();
      waiting.forEach(tell);
      waiting = [];
      emit("ready");
      break;
    case "close":
      turn(false);
      break;
    case "session":
      kept(data.kept);
      break;
    case "event":
      if (data.name === "unread") {
        unread = (data.detail as { count: number }).count;
        show();
        retitle();
      }
      emit(data.name, data.detail);
  }
});
document.addEventListener("visibilitychange", retitle);
seen?.addEventListener("resize", fit);
seen?.addEventListener("scroll", fit);

const api: SupportBot.Api = {
  open: () => turn(true),
  close: () => turn(false),
  toggle: () => turn(!isOpen),
  identify: (person?: { token: string }) => claim({ supportbot: "identify", token: person?.token }),
  setUser: (user?) => claim({ supportbot: "user", name: user?.name ?? "", email: user?.email ?? "" }),
  reset() {
    if (frame || kept()) tell({ supportbot: "reset" });
  },
  on(event, listener) {
    (listeners[event] ??= new Set()).add(listener as (detail: unknown) => void);
    if (event === "ready" && ready) (listener as () => void)();
  },
  off(event, listener) {
    listeners[event]?.delete(listener as (detail: unknown) => void);
  },
  push(command) {
    const [name, ...rest] = [command].flat() as [Name, ...unknown[]]; // forgives a bare word
    const call = (api as unknown as Record<string, (...rest: unknown[]) => void>)[name];
    if (call) call(...rest);
    else console.warn("SupportBot:", command);
  },
};

const start = () => {
  const place = inline ? document.querySelector(target!) : document.body;
  if (!place) throw new Error(`SupportBot: no ${target} here`);
  if (inline) {
    host.style.cssText += ";display:block;height:100%";
    box.style.height = "100%";
    tell({ supportbot: "open", focus: false });
  } else {
    button = make("button", box);
    button.type = "button";
    bubble = settings.logo
      ? Object.assign(document.createElement("img"), { src: new URL(settings.logo, base).href, alt: "" })
      : icon(button, "M21 12a8 8 0 0 1-8 8H4l1.8-3.2A8 8 0 1 1 21 12Z");
    button.append(bubble);
    cross = icon(button, "m6 9 6 6 6-6");
    if (settings.label) make("span", button).textContent = settings.label;
    badge = make("b", button);
    button.onclick = () => turn(!isOpen);
    // Whoever points at it will open it: the chat is there by then.
    button.onpointerenter = button.onfocus = load;
    if (kept()) (window.requestIdleCallback ?? setTimeout)(load);
  }
  show();
  place.append(host);
};

const queue = window.SupportBot as SupportBot.Command[] | undefined;
if (!queue || Array.isArray(queue)) {
  window.SupportBot = api;
  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start);
  // Array.isArray is true of the documented Proxy too; its commands have names, not only positions.
  for (const command of queue ?? []) api.push(command);
}
