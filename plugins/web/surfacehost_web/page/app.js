// The page: what is said goes to the host, what comes back is shown.

import { Chats } from "./chats.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import * as unsent from "./unsent.js";
import { View } from "./view.js";
import { translate, word } from "./words.js";

const byId = (id) => document.getElementById(id);
const CALM_MS = 1200; // a connection that is lost for less is nobody's concern

class Page {
  #chat = "";
  #isReady = false;
  #isShown = false; // whether the conversation has arrived
  #worry = 0;
  #refused = new Set();
  #toForget = new Set();

  constructor() {
    translate();
    document.title = word("assistant");
    this.view = new View((text, choice) => this.say(text, [], choice));
    this.chats = new Chats({
      chosen: (id) => this.show(id),
      fresh: () => this.show(unsent.newId()),
      forget: (id) => this.forget(id),
    });
    this.composer = new Composer({ say: (text, files) => this.say(text, files), stop: () => this.stop() });
    byId("empty-hint").textContent = word(matchMedia("(pointer: coarse)").matches ? "emptyHintTouch" : "emptyHintKeys");
    byId("earlier").addEventListener("click", () => this.#ask({ before: this.view.first }));
    for (const button of document.querySelectorAll("[data-say]")) {
      button.addEventListener("click", () => this.say(button.dataset.say));
    }
    addEventListener("hashchange", () => this.#follow(location.hash.slice(1)));
    this.#follow(location.hash.slice(1));
    const address = new URL("socket", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.hash = "";
    this.#worryAbout("connecting");
    this.connection = new Connection(address, this);
  }

  /** Goes to a conversation; its place in the browser's history lets Back return. */
  show(id) {
    if (id !== this.#chat) location.hash = id;
  }

  say(text, files = [], choice = "") {
    if (!this.#chat) this.#begin(unsent.newId());
    const message = { id: unsent.newId(), chat: this.#chat, text, files, choice, at: Date.now() / 1000 };
    unsent.keep(message);
    this.view.pend(message);
    this.#showState();
    this.#deliver(message);
    setTimeout(() => this.#markUnsent(), CALM_MS);
  }

  stop() {
    this.connection.send({ type: "stop", id: unsent.newId(), chat: this.#chat });
  }

  forget(id) {
    for (const message of unsent.all()) if (message.chat === id) unsent.drop(message.id);
    this.#toForget.add(id); // until the host has heard of it
    this.connection.send({ type: "forget", chat: id });
    this.#leaveForgotten(id);
  }

  // What the connection tells.

  opened() {
    this.#ask();
  }

  lost() {
    this.#isReady = false;
    this.#showState();
    this.#worryAbout("reconnecting");
    setTimeout(() => this.#markUnsent(), CALM_MS);
  }

  frame(frame) {
    this[`on_${frame.type}`]?.(frame); // a newer host may say what this page does not know
    this.#showState();
  }

  on_state({ ready, title }) {
    if (title) document.title = title;
    this.#isReady = ready;
    if (!ready) {
      this.#worryAbout("starting");
      return;
    }
    this.#worryAbout("");
    for (const id of this.#toForget) this.connection.send({ type: "forget", chat: id });
    this.#deliverAll();
  }

  on_chats({ chats }) {
    this.chats.set(chats.filter((chat) => !this.#toForget.has(chat.id)));
    if (!location.hash) this.#begin(this.chats.newest ?? unsent.newId());
  }

  on_history({ chat, before, lines, more, live }) {
    if (chat !== this.#chat) return;
    if (before === null) this.view.show(lines, live);
    else this.view.showEarlier(lines);
    byId("earlier").hidden = !more;
    this.#isShown = true;
    for (const line of lines) unsent.drop(line.id);
    for (const message of unsent.all()) if (message.chat === chat) this.view.pend(message);
  }

  on_said(line) {
    unsent.drop(line.id);
    this.chats.touch(line.chat, line.at, line.title);
    if (line.chat === this.#chat) this.view.add(line);
  }

  on_typing({ chat, to, on }) {
    if (chat === this.#chat) this.view.working(to, on);
  }

  on_preview({ chat, to, ...growth }) {
    if (chat === this.#chat) this.view.grow(to, growth);
  }

  on_final(line) {
    this.chats.touch(line.chat, line.at);
    if (line.chat === this.#chat) this.view.add(line);
    else this.chats.markNew(line.chat);
  }

  on_forgotten({ chat }) {
    this.#toForget.delete(chat);
    this.#leaveForgotten(chat);
  }

  on_error({ code, id }) {
    if (code === "not_ready") setTimeout(() => this.#askAgain(), 2000);
    if (code === "bad_frame" && id) {
      this.#refused.add(id);
      unsent.drop(id);
      this.#markUnsent();
    }
  }

  /** Shows the conversation that the address names, if it names one. */
  #follow(id) {
    if (!/^[A-Za-z0-9-]{1,64}$/.test(id)) return;
    this.#chat = id;
    this.#isShown = false;
    byId("earlier").hidden = true;
    this.view.clear();
    this.chats.choose(id);
    this.composer.begin(id);
    for (const message of unsent.all()) if (message.chat === id) this.view.pend(message);
    this.#ask();
    this.#showState();
  }

  /** The first conversation of a visit: there is none before it to go back to. */
  #begin(id) {
    history.replaceState(null, "", `#${id}`);
    this.#follow(id);
  }

  #ask(more = {}) {
    if (this.#chat) this.connection?.send({ type: "open", chat: this.#chat, ...more });
  }

  #leaveForgotten(id) {
    this.chats.remove(id);
    if (id === this.#chat) this.show(this.chats.newest ?? unsent.newId());
  }

  #askAgain() {
    if (!this.#isShown) this.#ask();
    this.#deliverAll();
  }

  #deliver({ id, chat, text, files = [], choice = "" }) {
    const message = { type: "say", id, chat, text, files: files.map((file) => file.id), locale: navigator.language };
    if (this.#isReady) this.connection.send(choice ? { ...message, choice } : message);
  }

  #deliverAll() {
    for (const message of unsent.all()) this.#deliver(message);
  }

  /** Says so under every message that is still waiting: quietly, and not for the blink in which one is sent. */
  #markUnsent() {
    for (const message of unsent.all()) {
      const isOld = Date.now() / 1000 - message.at > CALM_MS / 1000;
      if (message.chat === this.#chat && isOld) this.view.pend(message, "unsent");
    }
    for (const id of this.#refused) this.view.refuse(id);
  }

  #worryAbout(key) {
    clearTimeout(this.#worry);
    const line = byId("connection");
    if (!key) {
      line.hidden = true;
      return;
    }
    if (!line.hidden) line.textContent = word(key);
    else
      this.#worry = setTimeout(() => {
        line.textContent = word(key);
        line.hidden = false;
      }, CALM_MS);
  }

  #showState() {
    byId("title").textContent = this.chats.title(this.#chat) || document.title;
    byId("empty").hidden = !(this.view.isEmpty && this.#isShown);
    this.composer.isWorking = this.view.isWorking && this.#isReady;
  }
}

new Page();
