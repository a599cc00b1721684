// A terminal to compare ours with: xterm.js, the one inside VS Code, without a window.
//
//   node reference-terminal.mjs MODULES ROWS COLUMNS
//
// MODULES is where npm installed it. Reads a line of JSON, answers with one: {"feed": base64} gives
// {"replies": base64}, {"show": true} gives the screen as tests/console/ writes its own.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [modules, rows, columns] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { Terminal } = require("@xterm/headless");
const { Unicode11Addon } = require("@xterm/addon-unicode11");

const terminal = new Terminal({
  rows: Number(rows), cols: Number(columns), scrollback: 0, allowProposedApi: true, logLevel: "off",
});
terminal.loadAddon(new Unicode11Addon());
terminal.unicode.activeVersion = "11";
// In xterm (seen with 379) what erases or moves cells begins in the last column when the cursor waits
// behind it; xterm.js begins behind it, and erases nothing.
for (const final of ["J", "K", "X", "@", "P"]) {
  terminal.parser.registerCsiHandler({ final }, () => {
    const buffer = terminal._core._inputHandler._activeBuffer;
    buffer.x = Math.min(buffer.x, terminal.cols - 1);
    return false;
  });
}
let replies = "";
terminal.onData((data) => { replies += data; });

function color(mark, isDefault, isPalette, value) {
  if (isDefault) return "";
  return isPalette ? `${mark}${value}` : `${mark}#${value.toString(16).padStart(6, "0")}`;
}

function style(cell) {
  const letters = [
    ["B", cell.isBold()], ["D", cell.isDim()], ["I", cell.isItalic()], ["U", cell.isUnderline()],
    ["K", cell.isBlink()], ["V", cell.isInverse()], ["H", cell.isInvisible()], ["S", cell.isStrikethrough()],
  ].map(([letter, set]) => (set ? letter : "")).join("");
  return [
    letters,
    color("f", cell.isFgDefault(), cell.isFgPalette(), cell.getFgColor()),
    color("b", cell.isBgDefault(), cell.isBgPalette(), cell.getBgColor()),
  ].filter(Boolean).join(",");
}

function show() {
  const buffer = terminal.buffer.active;
  const shown = [];
  for (let y = 0; y < terminal.rows; y++) {
    const line = buffer.getLine(buffer.baseY + y);
    let text = "", styles = "", begin = 0, last = "";
    for (let x = 0; x <= terminal.cols; x++) {
      const cell = x < terminal.cols ? line.getCell(x) : null;
      const next = cell ? style(cell) : "";
      if (cell && cell.getWidth() > 0) text += cell.getChars() || " ";
      if (!cell || next !== last) {
        if (last) styles += ` ${begin}-${x - 1}=${last}`;
        begin = x;
        last = next;
      }
    }
    shown.push(text.replace(/ +$/, "") + (styles && `\n ${styles}`));
  }
  // No public name for it: the headless terminal draws no cursor.
  const hidden = terminal._core.coreService.isCursorHidden;
  const column = Math.min(buffer.cursorX, terminal.cols - 1);
  return { cursor: hidden ? "hidden" : `${buffer.cursorY},${column}`, rows: shown };
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  let answer;
  if (asked.reset) {
    terminal.reset();
    answer = {};
  } else if (asked.show) {
    answer = show();
  } else {
    await new Promise((done) => terminal.write(Buffer.from(asked.feed, "base64"), done));
    answer = { replies: Buffer.from(replies).toString("base64") };
    replies = "";
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
