// Of marked, the lexer, built from its own sources, which its source map carries. Two things make it a fifth
// smaller: the options that the chat uses are constants, so that what they switch off is left out, and what only
// its own parts call by name gets short names. tests/widget/test_build.py holds its tokens to those of marked.
import { readFileSync } from "node:fs";

/** What `new Lexer({ gfm: true, breaks: true })` would have. */
const CONSTANTS = {
  "this.options.pedantic": "false",
  "this.options.gfm": "true",
  "this.options.breaks": "true",
  "this.options.extensions": "undefined",
  "this.options.hooks": "undefined",
};

/** By file, what is left out: grammars of options that are off, and what only a renderer of HTML needs. */
const UNUSED = {
  "rules.ts": [
    /const (block|inline)Pedantic\b[\s\S]*?\n};\n/g,
    /const (lheading|emStrongLDelim|emStrongRDelimAst|emStrong\w+Pedantic) = [\s\S]*?\.getRegex\(\);\n/g,
    /^  (lheading|emStrongLDelim|emStrongRDelimAst),\n|^  pedantic: \w+,\n/gm,
    /^  (escape(Test|Replace)(NoEncode)?|outputLinkReplace|pedanticH\w+|percentDecode|notSpaceStart|endingNewline): .*\n/gm,
  ],
  "Lexer.ts": [/rules\.(block|inline) = \1\.pedantic;/g, /  static get rules[\s\S]*?\n  }\n/g],
};

/** Blocks of HTML are none: what looks like one is a paragraph, in which tags are words like any other. */
const WITHOUT_HTML = [
  [/const _tag = [\s\S]*?;\n/, ""],
  [/const _htmlInterrupt = [\s\S]*?\.getRegex\(\);/, "const _htmlInterrupt = /(?!)/;"],
  [/const html = [\s\S]*?\.getRegex\(\);/, "const html = noopTest;"],
  [/  htmlBeginRegex: .*/, "  htmlBeginRegex: () => _htmlInterrupt,"],
];

/** Names of its parts' own, besides those of its rules. */
const OWN = ["blockTokens", "codeBlockStyle", "emStrong", "inLink", "inRawBlock", "infiniteLoopError", "inlineQueue",
  "inlineText", "inlineTokens", "lastPossibleDelCloserIndex", "lastPossibleEmStrongCloserIndex", "lastToken",
  "linkEmitted", "linkInText", "linkParenPossible", "maskedSrc"];

/** Read the sources, by name. */
const sources = (path) => {
  const map = JSON.parse(readFileSync(`${path}.map`, "utf8"));
  return new Map(map.sources.map((source, at) => [source.split("/").pop(), map.sourcesContent[at]]));
};

const replaced = (name, source, what, by) => {
  if (!source.match(what)) throw new Error(`marked's ${name} has changed: there is no ${what}`);
  return source.replace(what, by);
};

const cut = (name, source) => {
  for (const [words, constant] of Object.entries(CONSTANTS)) source = source.replaceAll(words, constant);
  for (const unused of UNUSED[name] ?? []) source = replaced(name, source, unused, "");
  if (name === "rules.ts") for (const [html, none] of WITHOUT_HTML) source = replaced(name, source, html, none);
  return name === "Lexer.ts" ? `${source}\nexport { _Lexer as Lexer };` : source;
};

/** Return esbuild's options for a bundle that uses marked's `Lexer`. */
export const lexerOnly = (path) => {
  const found = sources(path);
  const rules = [...found.get("rules.ts").matchAll(/^  (\w+[A-Z]\w+)[:,]/gm)].map(([, name]) => name);
  return {
    mangleProps: new RegExp(`^(${[...rules, ...OWN].join("|")})$`),
    plugins: [
      {
        name: "lexer-only",
        setup(plugin) {
          plugin.onResolve({ filter: /^marked$/ }, () => ({ path: "Lexer.ts", namespace: "marked" }));
          plugin.onResolve({ filter: /^\.\//, namespace: "marked" }, ({ path: file }) => ({ path: file.slice(2), namespace: "marked" }));
          plugin.onLoad({ filter: /./, namespace: "marked" }, ({ path: file }) => ({ contents: cut(file, found.get(file)), loader: "ts" }));
        },
      },
    ],
  };
};
