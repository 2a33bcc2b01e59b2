// Half an answer, made to look like the beginning of the whole one. Without this, `**bold` shows its asterisks
// until the closing ones arrive, a list's first dash turns the line above into a heading, and so on.

const LONE_MARK = /(^|\n)[ \t]*([-=]+|[*+]|\d{1,9}[.)]?|#{1,6}|>+|`{1,2}|~{1,2}|\|[^\n]*)[ \t]*$/;

/** Return Markdown that shows what is written so far, and nothing that will look different in a moment. */
export const mend = (text: string): string => {
  const fences = text.match(/^ {0,3}(```|~~~)/gm) ?? [];
  if (fences.length % 2) return text.replace(/\n[`~]{1,2}$/, ""); // in a code block, whatever comes is code
  const from = text.lastIndexOf("\n\n") + 1;
  let tail = text.slice(from);
  // A table is one only when the line below its head is there; a row only when it is whole.
  if (/^\n?\|/.test(tail) && (tail.match(/\n/g) ?? []).length < (tail[0] === "\n" ? 3 : 2)) return text.slice(0, from);
  tail = tail.replace(LONE_MARK, "$1");
  const line = tail.slice(tail.lastIndexOf("\n") + 1);
  return text.slice(0, from) + tail.slice(0, tail.length - line.length) + closed(line);
};

/** Close what is open in the last line. */
const closed = (line: string): string => {
  const code = line.match(/`+/g) ?? [];
  if (code.length % 2) {
    const open = line.lastIndexOf(code.at(-1)!);
    // A code span that has begun; nothing in it means anything.
    return line.length === open + code.at(-1)!.length ? line.slice(0, open) : line + code.at(-1);
  }
  line = line
    .replace(/!?\[[^\]\n]*\]\([^)\s]*$/, (link) => link.replace(/^!?\[|\]\(.*$/g, "")) // an address on its way
    .replace(/!?\[([^\]\n]*)$/, "$1") // its words on their way
    .replace(/<[a-z][^>\s]*$/i, "")
    .replace(/[*_~]+$/, ""); // may begin or end anything
  const plain = line.replace(/(`+).*?\1/g, (span) => " ".repeat(span.length));
  const open: string[] = [];
  for (const { 0: mark, index } of plain.matchAll(/\*\*|__|~~|\*|_/g)) {
    const before = plain[index - 1] ?? " ";
    const after = plain[index + mark.length] ?? " ";
    if (open.includes(mark) && /\S/.test(before)) {
      while (open.pop() !== mark);
    } else if (/\S/.test(after) && (/[\s\p{P}]/u.test(before) || (mark[0] === "*" && mark.length > 1))) {
      open.push(mark);
    }
  }
  return line + open.reverse().join("");
};
