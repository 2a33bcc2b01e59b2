// Begins the chat, and speaks with the site's page around it.
import { h, render } from "preact";
import type { ToChat, ToPage } from "../protocol";
import { App } from "./app";
import { Chat } from "./chat";
import { claimed, config, floats, t } from "./config";
import { dress } from "./theme";

const root = document.getElementById("app")!;

// The page around says in the fragment who it is; only those on the list are believed, and a message for
// that origin reaches no other.
const framed = config.mode === "frame" && window.parent !== window;
const origin = framed && [location.origin, ...config.origins].includes(claimed) ? claimed : "";
const tell = (message: ToPage) => {
  if (origin) window.parent.postMessage(message, origin);
};

let drawing = false;
const draw = () => {
  if (drawing) return;
  drawing = true;
  // A hidden page gets no animation frames, but its title and its screen reader follow.
  const now = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    drawing = false;
    render(<App chat={chat} close={close} />, root);
  };
  const frame = requestAnimationFrame(now);
  const timer = setTimeout(now, 200);
};
const close = () => {
  if (!floats) return;
  chat.show(false);
  tell({ supportbot: "close" });
};

const chat: Chat = new Chat(
  draw,
  (event) => tell({ supportbot: "event", ...event }),
  (kept) => tell({ supportbot: "session", kept }),
);

addEventListener("message", ({ source, origin: from, data }: MessageEvent<ToChat>) => {
  if (!origin || source !== window.parent || from !== origin || !data) return;
  switch (data.supportbot) {
    case "open":
      chat.show(true);
      // On a phone the keyboard would jump up before anything was read.
      if (data.focus)
        document.querySelector<HTMLElement>(matchMedia("(pointer: coarse)").matches ? ".log" : "textarea")!.focus();
      break;
    case "close":
      chat.show(false);
      break;
    case "identify":
      void chat.identify(data.token);
      break;
    case "user":
      chat.introduce(data);
      break;
    case "reset":
      chat.reset();
  }
});

dress();
document.title = t("title", { name: config.bot });
render(<App chat={chat} close={close} />, root);
tell({ supportbot: "ready" });
