// The ways of the latest messages, newest first: one bar each, one leg from step to step.

import { KILLED, STEPS, element, explain, told, toldLong } from "./steps.js";
import { known, word } from "./words.js";

const SHOWN = 14;

export class Ways {
  constructor(list, legend, columns) {
    this.list = list;
    this.columns = columns;
    this.ways = new Map();
    this.rows = new Map();
    legend.replaceChildren(...[...STEPS, KILLED].map((step) => {
      const item = element("li", step, known(step));
      item.title = explain(step);
      return item;
    }));
  }

  put(id, way) {
    this.ways.set(id, way);
    this.columns[way.surface]?.putWay(way);
    this.show();
  }

  drop(id) {
    this.ways.delete(id);
    this.show();
  }

  clear() {
    this.ways.clear();
    this.show();
  }

  show() {
    const begun = ([, way]) => way.steps[0][1];
    const latest = [...this.ways].sort((a, b) => begun(b) - begun(a)).slice(0, SHOWN);
    const longest = Math.max(1, ...latest.map(([, way]) => lasted(way)));
    const rows = latest.map(([id, way]) => [id, this.#fill(this.rows.get(id) ?? element("li"), way, longest)]);
    this.rows = new Map(rows);
    place(this.list, rows.map(([, row]) => row));
  }

  #fill(row, way, longest) {
    const text = this.columns[way.surface]?.textOf(way.event);
    const what = element("div", "what", element("b", way.surface, way.surface), element("span", "", text ?? word("invitation")));
    what.title = way.thread;
    const [first, ...rest] = way.steps;
    const over = rest.some(([name]) => name === "settled");
    const start = element("i", "start stored");
    start.title = word("stored_at", { time: new Date(first[1] * 1000).toLocaleTimeString() });
    const bar = element("div", "bar", start, ...rest.map(([name, at], index) => leg(name, (at - way.steps[index][1]) * 1000)));
    bar.style.width = `${38 + 62 * Math.sqrt(lasted(way) / longest)}%`;
    if (!over) bar.append(element("i", "going"));
    row.className = over ? "over" : "open";
    row.dataset.surface = way.surface;
    row.replaceChildren(what, bar, element("div", "total", over ? toldLong(lasted(way)) : "…"));
    return row;
  }
}

// Puts the rows in order and touches none that stands where it belongs: a row moved is a row that comes in again.
function place(list, rows) {
  const wanted = new Set(rows);
  for (const row of [...list.children]) if (!wanted.has(row)) row.remove();
  rows.forEach((row, index) => list.children[index] !== row && list.insertBefore(row, list.children[index] ?? null));
}

const lasted = (way) => (way.steps.at(-1)[1] - way.steps[0][1]) * 1000;

function leg(name, ms) {
  const made = element("i", `leg ${name}`, name === KILLED ? "kill -9" : told(ms));
  made.style.flexGrow = String(Math.sqrt(Math.max(ms, 0.3)));
  made.title = word("after", { step: known(name), time: toldLong(ms), why: explain(name) });
  return made;
}
