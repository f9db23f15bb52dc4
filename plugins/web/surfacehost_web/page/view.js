// One conversation on the screen: what was said, what is growing, what is not sent yet.

import { shownFiles } from "./files.js";
import { word } from "./words.js";

const byId = (id) => document.getElementById(id);
const ADDRESS = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}»”]/g;

export class View {
  #scroll = byId("scroll");
  #lines = byId("lines");
  #live = byId("live");
  #pending = byId("pending");
  #growing = new Map(); // message id → the article in which its answer grows
  #answer;

  /** `answer(text, choice)` is called when a button under a question is pressed. */
  constructor(answer) {
    this.#answer = answer;
    this.#scroll.addEventListener("scroll", () => this.#showToEnd(), { passive: true });
    byId("to-end").addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.isAtEnd && this.toEnd()).observe(this.#scroll);
  }

  isAtEnd = true;

  get isEmpty() {
    return ![this.#lines, this.#live, this.#pending].some((node) => node.hasChildNodes());
  }

  get isWorking() {
    return this.#growing.size > 0;
  }

  /** The number of the first line that is shown. */
  get first() {
    return Number(this.#lines.firstElementChild?.dataset.n ?? 0);
  }

  clear() {
    for (const node of [this.#lines, this.#live, this.#pending]) node.replaceChildren();
    this.#growing.clear();
    this.isAtEnd = true;
    this.#settle();
  }

  /** The last lines of a conversation and what is growing in it, instead of all that is shown. */
  show(lines, live) {
    const wasAtEnd = this.isAtEnd;
    this.#lines.replaceChildren(...lines.map((line) => this.#article(line)));
    this.#live.replaceChildren();
    this.#growing.clear();
    for (const [to, text] of Object.entries(live)) {
      this.working(to, true);
      if (text) this.grow(to, { text });
    }
    if (wasAtEnd) this.toEnd();
    this.#settle();
  }

  /** Lines from before what is shown; what the reader looks at stays where it is. */
  showEarlier(lines) {
    const fromEnd = this.#scroll.scrollHeight - this.#scroll.scrollTop;
    this.#lines.prepend(...lines.map((line) => this.#article(line)));
    this.#scroll.scrollTop = this.#scroll.scrollHeight - fromEnd;
  }

  /** A line that was just stored. */
  add(line) {
    if (line.who === "person") this.unpend(line.id);
    else if (line.kind !== "decided") this.#growing.get(line.to)?.replaceChildren();
    const shown = this.#lines.querySelector(`[data-id="${CSS.escape(line.id)}"]`);
    if (!shown) this.#lines.append(this.#article(line));
    else if (line.kind === "decided") shown.replaceWith(this.#article(line));
    this.#follow();
  }

  /** An answer to the message `to` is being made, or no longer. */
  working(to, on) {
    if (on && !this.#growing.has(to)) {
      const article = element("article", "line agent growing");
      article.append(...dots());
      this.#growing.set(to, article);
      this.#live.append(article);
    } else if (!on) {
      this.#growing.get(to)?.remove();
      this.#growing.delete(to);
    }
    this.#follow();
  }

  /** The answer to `to` has grown: by `add`, or it is `text` altogether. */
  grow(to, { add, text }) {
    this.working(to, true);
    const article = this.#growing.get(to);
    let body = article.querySelector(".plain");
    if (!body) {
      body = element("div", "plain");
      body.append("");
      article.replaceChildren(body);
    }
    if (add !== undefined) body.firstChild.appendData(add);
    else body.firstChild.data = text;
    this.#follow();
  }

  /** A message that is not stored yet. */
  pend(message, note) {
    let article = this.#pending.querySelector(`[data-id="${CSS.escape(message.id)}"]`);
    if (!article) {
      article = this.#article({ ...message, who: "person" });
      article.classList.add("unsent");
      this.#pending.append(article);
      this.toEnd();
    }
    article.querySelector(".note")?.remove();
    if (note) article.append(element("p", "note", word(note)));
    this.#settle();
  }

  unpend(id) {
    this.#pending.querySelector(`[data-id="${CSS.escape(id)}"]`)?.remove();
    this.#settle();
  }

  /** The host does not take this message, however often it is sent. */
  refuse(id) {
    const article = this.#pending.querySelector(`[data-id="${CSS.escape(id)}"]`);
    article?.querySelector(".note")?.remove();
    article?.append(element("p", "note", word("refused")));
  }

  toEnd() {
    this.isAtEnd = true;
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#showToEnd();
  }

  #follow() {
    this.#settle();
    if (this.isAtEnd) this.toEnd();
    else this.#showToEnd();
  }

  #showToEnd() {
    const rest = this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight;
    this.isAtEnd = rest < 40;
    byId("to-end").hidden = this.isAtEnd;
  }

  #settle() {
    byId("conversation").hidden = this.isEmpty;
  }

  #article(line) {
    const article = element("article", `line ${line.who} ${line.kind ?? ""}`.trim());
    article.dataset.id = line.id;
    if (line.n !== undefined) article.dataset.n = line.n;
    article.title = new Date(line.at * 1000).toLocaleString();
    article.append(element("h3", "speaker", line.who === "person" ? word("you") : document.title));
    const isPerson = line.who === "person";
    const said = line.text ? [isPerson ? linked(element("div", "plain", line.text)) : formatted(line.html)] : [];
    const files = shownFiles(line.files ?? []);
    article.append(...(line.kind === "file" ? [...files, ...said] : [...said, ...files])); // a caption stands below
    if (line.choices?.length) article.append(this.#choices(line.choices));
    return article;
  }

  /** The buttons under a question: they stand until it is decided, or one of them was pressed. */
  #choices(all) {
    const choices = element("div", "choices");
    for (const { id, label } of all) {
      const button = element("button", "", label);
      button.type = "button";
      button.addEventListener("click", () => {
        choices.remove();
        this.#answer(label, id);
      });
      choices.append(button);
    }
    return choices;
  }
}

export function element(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/** An answer. Its HTML was made and cleaned by the server; the page's policy lets nothing in it run. */
function formatted(html) {
  const body = element("div", "formatted");
  body.innerHTML = html;
  for (const code of body.querySelectorAll("pre")) code.append(copier(code.textContent));
  for (const table of body.querySelectorAll("table")) {
    const wide = element("div", "wide");
    wide.tabIndex = 0; // so that it can be scrolled with the keyboard
    table.replaceWith(wide);
    wide.append(table);
  }
  for (const spoiler of body.querySelectorAll("[data-mx-spoiler]")) {
    spoiler.tabIndex = 0; // focus reveals it, and so does a touch
  }
  return linked(body);
}

function copier(text) {
  const button = element("button", "copy", word("copy"));
  button.type = "button";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.replace(/\n$/, ""));
    button.textContent = word("copied");
    setTimeout(() => (button.textContent = word("copy")), 1500);
  });
  if (!navigator.clipboard) button.hidden = true; // only where the page is trusted: https or this machine
  return button;
}

/** Makes addresses that stand as bare text into links. */
function linked(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest("a, pre, code, button")) texts.push(walker.currentNode);
  }
  for (const text of texts) {
    const parts = [];
    let end = 0;
    for (const found of text.data.matchAll(ADDRESS)) {
      const link = element("a", "", found[0]);
      Object.assign(link, { href: found[0], target: "_blank", rel: "noopener noreferrer nofollow" });
      parts.push(text.data.slice(end, found.index), link);
      end = found.index + found[0].length;
    }
    if (parts.length) text.replaceWith(...parts, text.data.slice(end));
  }
  return root;
}

function dots() {
  const node = element("div", "dots");
  node.setAttribute("role", "status");
  node.setAttribute("aria-label", word("working"));
  node.append(element("i", ""), element("i", ""), element("i", ""));
  return [node];
}
