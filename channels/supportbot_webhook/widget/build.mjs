// Builds dist/ from src/: node build.mjs [folder]. The result is committed, and tests hold it to this.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { lexerOnly } from "./marked.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "dist");

const common = { bundle: true, minify: true, target: ["chrome111", "firefox115", "safari16.4"], charset: "utf8", legalComments: "none" };
const jsx = { jsxFactory: "h", jsxFragment: "Fragment" };
const banner = (made) => ({ js: `/* SupportBot ${made} - MIT licence */` });

// late.js has nothing twice: what it imports of chat.js and of Preact, chat.js hands over (src/chat/late.ts).
const late = {
  name: "late",
  setup(plugin) {
    plugin.onResolve({ filter: /^preact$|^\.\.\/chat\// }, () => ({ path: "shared", namespace: "shared" }));
    plugin.onLoad({ filter: /./, namespace: "shared" }, () => ({ contents: "export const { Component, createRef, h, config, t, Icon } = window.SupportBotShared" }));
    plugin.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { outputFiles } = await build({ ...common, entryPoints: [path], write: false });
      return { contents: outputFiles[0].text.trim(), loader: "text" };
    });
  },
};

mkdirSync(out, { recursive: true });
await build({
  ...common,
  entryPoints: [join(here, "src/loader.ts")],
  outfile: join(out, "widget.js"),
  format: "iife",
  banner: banner("widget"),
});
await build({
  ...common,
  entryPoints: [join(here, "src/chat/main.tsx")],
  outfile: join(out, "chat.js"),
  format: "esm",
  ...jsx,
  ...lexerOnly(join(here, "node_modules/marked/lib/marked.esm.js")),
  banner: { js: "/* SupportBot chat - MIT licence, see LICENSES.txt; built from widget/src */" },
});
await build({
  ...common,
  entryPoints: [join(here, "src/late/main.ts")],
  outfile: join(out, "late.js"),
  format: "esm",
  ...jsx,
  plugins: [late],
  banner: banner("chat, later"),
});
await build({
  ...common,
  entryPoints: [join(here, "src/chat/chat.css")],
  outfile: join(out, "chat.css"),
});
cpSync(join(here, "src/widget.d.ts"), join(out, "widget.d.ts"));
const notices = ["preact", "marked"].map((name) => {
  const text = readFileSync(join(here, "node_modules", name, "LICENSE"), "utf8").trim();
  return `chat.js contains ${name}:\n\n${text}\n`;
});
writeFileSync(join(out, "LICENSES.txt"), notices.join("\n---\n\n"));
mkdirSync(join(out, "texts"), { recursive: true });
for (const name of readdirSync(join(here, "src/texts"))) {
  const texts = JSON.parse(readFileSync(join(here, "src/texts", name), "utf8"));
  writeFileSync(join(out, "texts", name), JSON.stringify(texts) + "\n");
}
