// The steps of a message's way, as the host names them, and how they are told to a person.

import { known, word } from "./words.js";

export const STEPS = ["stored", "taken", "asked", "answered", "sent", "settled"];
export const KILLED = "killed";

export const explain = (step) => known(`${step}_why`);

export function told(ms) {
  if (ms < 0.95) return "<1";
  if (ms < 1000) return String(Math.round(ms));
  return `${ms < 10000 ? (ms / 1000).toFixed(1) : Math.round(ms / 1000)} ${word("s")}`;
}

export const toldLong = (ms) => (ms < 1000 ? `${told(ms)} ${word("ms")}` : told(ms));

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}
