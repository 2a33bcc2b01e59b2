// Builds dist/ from src/: node build.mjs [folder]. The result is committed, and tests hold it to this.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "dist");

// Of marked, the lexer only: its HTML renderer is never used, and would be a third of the bundle.
const lexerOnly = {
  name: "lexer-only",
  setup(plugin) {
    plugin.onLoad({ filter: /marked\.esm\.js$/ }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      const tail = source.search(/;var \w+=new \w+;function \w+\(\w+,\w+\)\{return \w+\.parse/);
      const lexer = source.match(/(\w+) as Lexer/)?.[1];
      if (tail < 0 || !lexer) throw new Error("marked is built in another way now: look at lexerOnly");
      return { contents: `${source.slice(0, tail)};export{${lexer} as Lexer}`, loader: "js" };
    });
  },
};

const common = { bundle: true, minify: true, target: "es2022", charset: "utf8", legalComments: "none" };
const banner = (made) => ({ js: `/* SupportBot ${made} - MIT licence; built from widget/src */` });

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
  jsxFactory: "h",
  jsxFragment: "Fragment",
  plugins: [lexerOnly],
  banner: { js: "/* SupportBot chat - MIT licence, see LICENSES.txt; built from widget/src */" },
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
