// The list of conversations: beside the conversation, or over it where the screen is narrow.

import { element } from "./view.js";
import { label, word } from "./words.js";

const byId = (id) => document.getElementById(id);

export class Chats {
  #chats = new Map(); // id → { id, title, at }
  #chosen = "";
  #new = new Set(); // where something was said that nobody has looked at
  #told;

  /** `told` has `chosen(id)`, `fresh()` and `forget(id)`. */
  constructor(told) {
    this.#told = told;
    byId("new-chat").addEventListener("click", () => this.#leave(told.fresh));
    byId("new-chat-short").addEventListener("click", () => told.fresh());
    byId("show-chats").addEventListener("click", () => this.#open(true));
    byId("close-chats").addEventListener("click", () => this.#open(false));
    byId("shade").addEventListener("click", () => this.#open(false));
    addEventListener("keydown", (event) => event.key === "Escape" && this.#isOpen && this.#open(false));
    matchMedia("(max-width: 760px)").addEventListener("change", () => this.#open(false));
    this.#open(false);
  }

  get newest() {
    return this.#sorted()[0]?.id;
  }

  title(id) {
    return this.#chats.get(id)?.title ?? "";
  }

  set(chats) {
    this.#chats = new Map(chats.map((chat) => [chat.id, chat]));
    this.#show();
  }

  /** Something was said in a conversation: it goes to the top. */
  touch(id, at, title) {
    const known = this.#chats.get(id);
    if (!known && title === undefined) return;
    this.#chats.set(id, { id, title: title ?? known.title, at });
    this.#show();
  }

  /** An answer came to a conversation that is not on the screen. */
  markNew(id) {
    this.#new.add(id);
    this.#show();
  }

  remove(id) {
    this.#chats.delete(id);
    this.#show();
  }

  choose(id) {
    this.#chosen = id;
    this.#new.delete(id);
    this.#show();
  }

  get #isOpen() {
    return document.body.classList.contains("chats-open");
  }

  #sorted() {
    return [...this.#chats.values()].sort((a, b) => b.at - a.at);
  }

  #show() {
    const focused = document.activeElement?.closest?.("#chat-list li")?.dataset.id;
    byId("chat-list").replaceChildren(...this.#sorted().map((chat) => this.#row(chat)));
    byId("no-chats").hidden = this.#chats.size > 0;
    if (focused) byId("chat-list").querySelector(`[data-id="${CSS.escape(focused)}"] .chat`)?.focus();
  }

  #row(chat) {
    const row = element("li", chat.id === this.#chosen ? "chosen" : "");
    row.dataset.id = chat.id;
    const choose = element("button", "chat", chat.title);
    choose.type = "button";
    if (this.#new.has(chat.id)) choose.append(element("span", "new-mark", word("newAnswer")));
    if (chat.id === this.#chosen) choose.setAttribute("aria-current", "true");
    choose.addEventListener("click", () => this.#leave(() => this.#told.chosen(chat.id)));
    const remove = element("button", "icon-button delete");
    remove.type = "button";
    label(remove, "deleteChat", { title: chat.title });
    remove.append(bin());
    remove.addEventListener("click", () => this.#confirm(chat));
    row.append(choose, remove);
    return row;
  }

  async #confirm(chat) {
    const dialog = byId("confirm");
    byId("confirm-text").textContent = word("deleteText", { title: chat.title });
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
    if (dialog.returnValue === "delete") this.#told.forget(chat.id);
  }

  /** On a narrow screen the list makes room for what was chosen from it. */
  #leave(action) {
    if (this.#isOpen) this.#open(false);
    action();
  }

  #open(on) {
    const isNarrow = matchMedia("(max-width: 760px)").matches;
    const wasOpen = this.#isOpen;
    document.body.classList.toggle("chats-open", on && isNarrow);
    byId("chats").inert = isNarrow && !on; // what is out of sight is out of reach of the keyboard
    byId("main").inert = isNarrow && on;
    byId("shade").hidden = !(isNarrow && on);
    byId("show-chats").setAttribute("aria-expanded", String(on && isNarrow));
    if (on) byId("close-chats").focus();
    else if (wasOpen) byId("show-chats").focus();
  }
}

function bin() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 11v5M13.5 11v5");
  svg.append(path);
  return svg;
}
