// The site's colour, made readable on whatever lies below it (WCAG 2.2, 1.4.3).
import { config } from "./config";

type Rgb = [number, number, number];

const parse = (hex: string): Rgb =>
  [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255) as Rgb;

const luminance = (rgb: Rgb) => {
  const [r, g, b] = rgb.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

const contrast = (a: Rgb, b: Rgb) => {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
};

/** The colour, moved towards white or black until text in it can be read on `ground`. */
export const readable = (hex: string, ground: string): string => {
  const back = parse(ground);
  const to = luminance(back) > 0.4 ? 0 : 1;
  let rgb = parse(hex);
  for (let step = 0; step < 20 && contrast(rgb, back) < 4.6; step++) {
    rgb = rgb.map((c) => c + (to - c) * 0.12) as Rgb;
  }
  return `#${rgb.map((c) => Math.round(c * 255).toString(16).padStart(2, "0")).join("")}`;
};

/** Set the page's colours; through CSSOM, since the policy allows no style in the markup. */
export const dress = () => {
  const { color, on_color, color_dark, on_color_dark, corner, scheme } = config.theme;
  const root = document.documentElement;
  const wish = new URLSearchParams(location.search).get("theme");
  root.dataset.scheme = wish === "light" || wish === "dark" ? wish : scheme;
  root.dataset.mode = config.mode;
  const set = (name: string, value: string) => root.style.setProperty(`--sb-${name}`, value);
  set("color-light", color);
  set("on-color-light", on_color);
  set("color-dark", color_dark || color);
  set("on-color-dark", on_color_dark || on_color);
  set("link-light", readable(color, "#f1f3f5"));
  set("link-dark", readable(color_dark || color, "#262a30"));
  set("corner", `${corner}px`);
};
