// The site's colours, which the server made readable on whatever lies below them.
import { config } from "./config";

/** Set the page's colours; through CSSOM, since the policy allows no style in the markup. */
export const dress = () => {
  const { light, dark, corner, scheme } = config.theme;
  const root = document.documentElement;
  const wish = new URLSearchParams(location.search).get("theme");
  root.dataset.scheme = wish === "light" || wish === "dark" ? wish : scheme;
  const set = (name: string, value: string) => root.style.setProperty(`--sb-${name}`, value);
  for (const [name, value] of Object.entries(light)) set(`${name}-light`, value);
  for (const [name, value] of Object.entries(dark)) set(`${name}-dark`, value);
  set("corner", `${corner}px`);
};
