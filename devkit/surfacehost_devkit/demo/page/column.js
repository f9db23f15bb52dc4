// One conversation: what was said, who is typing, and the person's own composer.

import { fromEntities, fromHtml } from "./rich.js";
import { STEPS, element, explain, toldLong } from "./steps.js";
import { known, word } from "./words.js";

const CHIPS = ["stream", "markdown", "error quota", "approve"];
const LOOKS = {
  matrix: { title: "Matrix", path: "M6 3H3v18h3M18 3h3v18h-3M8 16v-6m0 2.4c0-1.4.8-2.4 2-2.4s2 .9 2 2.4V16m0-3.6c0-1.4.8-2.4 2-2.4s2 .9 2 2.4V16" },
  telegram: { title: "Telegram", path: "M21 4 3 11.2l6 2.1M21 4l-3 15.5-9-6.2M21 4 9 13.3m0 0V19l3.2-3.4" },
  web: { title: word("web"), path: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm0 0c5.5 5 5.5 13 0 18m0-18c-5.5 5-5.5 13 0 18M3.5 12h17" },
};

export class Column {
  constructor(name, send) {
    this.name = name;
    this.send = send;
    this.messages = new Map();
    this.ways = new Map();
    this.room = "";
    this.typing = {};
    this.root = document.getElementById("column").content.firstElementChild.cloneNode(true);
    this.root.dataset.column = name;
    this.root.querySelector("header path").setAttribute("d", LOOKS[name].path);
    this.root.querySelector("h2").textContent = LOOKS[name].title;
    this.talk = this.root.querySelector(".talk");
    this.field = this.root.querySelector("textarea");
    this.field.setAttribute("aria-label", word(`write_${name}`));
    this.root.querySelector("form button").setAttribute("aria-label", word("send"));
    this.talk.setAttribute("aria-label", LOOKS[name].title);
    this.dots = element("div", "bubble agent dots", element("i"), element("i"), element("i"));
    this.dots.setAttribute("aria-label", word("typing"));
    this.#listen();
    this.#chips();
  }

  #listen() {
    this.root.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.say(this.field.value);
      this.field.value = "";
      this.#grow();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.root.querySelector("form").requestSubmit();
      }
    });
    this.field.addEventListener("input", () => this.#grow());
  }

  #grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 120)}px`;
  }

  say(text) {
    if (text.trim() && !this.field.disabled) this.send({ do: "say", column: this.name, room: this.room, text: text.trim() });
  }

  describe(note) {
    this.root.querySelector(".who p").replaceChildren(...this.#place(note));
    const tabs = this.root.querySelector(".rooms");
    tabs.hidden = note.rooms.length < 2;
    tabs.replaceChildren(...note.rooms.map((room) => this.#tab(room)));
    if (!this.room && note.rooms.length) this.open(note.rooms[0].id);
  }

  #place(note) {
    if (this.name !== "web") return [word(`at_${this.name}`, note)];
    const link = element("a", "", word("page"));
    link.href = note.at;
    link.target = "_blank";
    return [word("at_web"), link];
  }

  #tab(room) {
    const tab = element("button", "", room.name);
    tab.type = "button";
    tab.dataset.room = room.id;
    tab.addEventListener("click", () => this.open(room.id));
    return tab;
  }

  open(room) {
    this.room = room;
    for (const tab of this.root.querySelectorAll(".rooms button")) {
      tab.setAttribute("aria-pressed", String(tab.dataset.room === room));
      if (tab.dataset.room === room) tab.classList.remove("new");
    }
    for (const [, shown] of this.messages) shown.element.hidden = shown.note.room !== room;
    this.#showTyping();
    this.talk.scrollTop = this.talk.scrollHeight;
  }

  put(id, note) {
    const follows = this.#isAtEnd();
    const known = this.messages.get(id);
    const bubble = this.#fill(known?.element ?? element("div"), id, note);
    if (!known) this.talk.insertBefore(bubble, this.dots.parentNode === this.talk ? this.dots : null);
    this.messages.set(id, { note, element: bubble });
    if (note.live) this.dots.remove();
    bubble.hidden = note.room !== this.room;
    if (bubble.hidden && !known) this.root.querySelector(`.rooms [data-room="${CSS.escape(note.room)}"]`)?.classList.add("new");
    this.#offerAnswers();
    this.#follow(follows || note.who === "person");
  }

  drop(id) {
    this.messages.get(id)?.element.remove();
    this.messages.delete(id);
  }

  clear() {
    this.messages.clear();
    this.ways.clear();
    this.talk.replaceChildren();
  }

  #fill(bubble, id, note) {
    const said = element("div", note.html ? "said" : "said plain");
    said.append(note.html ? fromHtml(note.html) : fromEntities(note.text ?? "", note.entities ?? []));
    bubble.className = `bubble ${note.who}${note.live ? " live" : ""}`;
    bubble.replaceChildren(said);
    if (note.file) bubble.append(element("p", "file", `📎 ${note.file}`));
    for (const row of note.buttons ?? []) bubble.append(element("div", "keys", ...row.map((key) => this.#key(id, key))));
    const time = new Date(note.at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const foot = element("div", "foot", element("time", "", note.edited ? word("edited", { time }) : time));
    if (note.who === "person") foot.prepend(this.#track(note));
    bubble.append(foot);
    return bubble;
  }

  #key(id, key) {
    const button = element("button", "", key.text);
    button.type = "button";
    button.disabled = !key.callback_data;
    button.addEventListener("click", () => this.send({ do: "tap", column: this.name, message: id, data: key.callback_data }));
    return button;
  }

  // A message's way in small: a dot for each step.
  #track(note) {
    const steps = this.ways.get(note.event)?.steps ?? [];
    const track = element("div", "track");
    const names = new Set(steps.map(([name]) => name));
    for (const step of STEPS) {
      const dot = element("i", names.has(step) ? `on ${step}` : "");
      dot.title = `${known(step)}: ${explain(step)}`;
      track.append(dot);
    }
    track.append(element("span", "", caption(steps, names)));
    track.classList.toggle("waits", !names.has("settled"));
    return track;
  }

  putWay(way) {
    this.ways.set(way.event, way);
    for (const [, shown] of this.messages) {
      if (shown.note.event === way.event && shown.note.who === "person") {
        const follows = this.#isAtEnd();
        shown.element.querySelector(".track").replaceWith(this.#track(shown.note));
        this.#follow(follows);
      }
    }
  }

  textOf(event) {
    for (const [, { note }] of this.messages) if (note.event === event && note.who === "person") return note.text;
    return null;
  }

  putTyping(note) {
    this.typing = note;
    clearTimeout(this.timer);
    const left = (note.until ?? 0) * 1000 - Date.now();
    if (left > 0) this.timer = setTimeout(() => this.#showTyping(), left + 20);
    this.#showTyping();
  }

  #showTyping() {
    const { rooms = [], until = 0, on = false } = this.typing;
    const shows = (on && ![...this.messages.keys()].some((id) => id.startsWith("live-"))) || rooms.includes(this.room) || until * 1000 > Date.now();
    const follows = this.#isAtEnd();
    if (shows) this.talk.append(this.dots);
    else this.dots.remove();
    this.#follow(follows);
  }

  putHealth(surface, homeserver, hostState) {
    const pill = this.root.querySelector(".pill");
    const up = hostState === "up" && surface?.state === "up";
    pill.textContent = known(hostState !== "up" ? "host_down" : surface?.state ?? "starting");
    pill.title = surface?.trouble ?? "";
    pill.classList.toggle("ok", up);
    const off = this.name === "matrix" && homeserver !== "up";
    this.root.classList.toggle("off", off);
    this.field.disabled = off;
    this.field.placeholder = word(off ? "stopped" : `write_${this.name}`);
    for (const button of this.root.querySelectorAll("form button, .chips button")) button.disabled = off;
  }

  #chips(words = []) {
    const answers = words.map((word) => this.#chip(word, word, "answer"));
    const commands = CHIPS.map((word) => this.#chip(word, `/demo ${word}`, ""));
    this.root.querySelector(".chips").replaceChildren(...answers, element("span", "", "/demo"), ...commands);
  }

  #chip(label, text, className) {
    const chip = element("button", className, label);
    chip.type = "button";
    chip.title = text;
    chip.dataset.say = text;
    chip.addEventListener("click", () => this.say(text));
    return chip;
  }

  // An approval is answered with a word; offer the words.
  #offerAnswers() {
    const last = [...this.messages.values()].filter(({ note }) => note.room === this.room).at(-1)?.note;
    const asks = last?.who === "agent" && /\byes\W* or \W*no\b/i.test(last.text ?? "");
    if (asks !== this.asks) this.#chips(asks ? ["yes", "no"] : []);
    this.asks = asks;
  }

  #isAtEnd() {
    return this.talk.scrollHeight - this.talk.scrollTop - this.talk.clientHeight < 60;
  }

  #follow(follows) {
    if (follows) this.talk.scrollTop = this.talk.scrollHeight;
  }
}

function caption(steps, names) {
  if (!steps.length) return word("waits");
  if (names.has("settled")) return toldLong((steps.at(-1)[1] - steps[0][1]) * 1000);
  return known(steps.at(-1)[0]);
}
