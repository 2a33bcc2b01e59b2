// What the server wrote into the page, and the interface's words.
import type { Config } from "./types";

export const config = JSON.parse(document.getElementById("config")!.textContent!) as Config;

const [origin = "", inline] = location.hash.slice(1).split(":").reverse();

/** Who the page around says it is: to be believed only if it is on the list. */
export const claimed = decodeURIComponent(origin);

/** It floats above a page, which it can be closed to get back to. */
export const floats = config.mode === "frame" && window.parent !== window && !inline;

/** The text of a key, with `{name}` replaced. */
export const t = (key: string, values: Record<string, string | number> = {}): string =>
  filled(config.texts[key] ?? key, values);

const filled = (text: string, values: Record<string, string | number>) =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => `${values[name] ?? whole}`);

/** A format of times, made when it is first needed: that takes longer than drawing the chat. */
export const dates = (options: Intl.DateTimeFormatOptions) => {
  let made: Intl.DateTimeFormat | undefined;
  return (time: number) => (made ??= new Intl.DateTimeFormat(config.language, options)).format(time);
};

/** What the bot says before anybody wrote; empty for nothing. */
export const greeting = filled(config.greeting, { name: config.bot });
