// What the server wrote into the page, and the interface's words.
import type { Config } from "./types";

export const config = JSON.parse(document.getElementById("config")!.textContent!) as Config;

/** The text of a key, with `{name}` replaced. */
export const t = (key: string, values: Record<string, string | number> = {}): string =>
  (config.texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name: string) => `${values[name] ?? whole}`);
