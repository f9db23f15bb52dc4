// The lamps at the top and the buttons that switch things off.

import { element } from "./steps.js";
import { known, word } from "./words.js";

const NAMES = { agent: word("agent"), matrix: "Matrix", telegram: "Telegram", web: word("web") };

export class Top {
  constructor(send, columns) {
    this.send = send;
    this.columns = columns;
    this.host = {};
    this.homeserver = {};
    this.button("hello").addEventListener("click", () => {
      for (const column of Object.values(columns)) column.say(word("hello_text"));
    });
    this.button("homeserver").addEventListener("click", () => {
      send({ do: this.homeserver.state === "up" ? "stop_homeserver" : "start_homeserver" });
    });
    this.button("kill").addEventListener("click", () => send({ do: this.host.state === "down" ? "start_host" : "kill_host" }));
  }

  button(id) {
    return document.getElementById(id);
  }

  putHost(note) {
    this.host = note;
    clearInterval(this.clock);
    if (note.state === "down") this.clock = setInterval(() => this.#show(), 250);
    this.#show();
  }

  putHomeserver(note) {
    this.homeserver = note;
    this.#show();
  }

  lost() {
    this.host = { state: "ended" };
    clearInterval(this.clock);
    this.#show();
  }

  #show() {
    this.#lamps();
    this.#buttons();
    for (const [name, column] of Object.entries(this.columns)) {
      column.putHealth(this.host.surfaces?.find((one) => one.name === name), this.homeserver.state, this.host.state);
    }
  }

  #lamps() {
    const { state, ready = {}, pid, lives } = this.host;
    const words = state !== "up" ? known(state ?? "") : lives > 1 ? word("life", { pid, n: lives }) : `pid ${pid}`;
    const lamps = [lamp("host", word("host"), state === "up", words)];
    for (const [name, trouble] of Object.entries(state === "up" ? ready : {})) {
      lamps.push(lamp(name, NAMES[name] ?? name, !trouble, known(trouble ? trouble.split(":")[0] : "up"), trouble));
    }
    document.getElementById("lamps").replaceChildren(...lamps);
  }

  #buttons() {
    const off = this.homeserver.state !== "up";
    const moving = ["stopping", "starting"].includes(this.homeserver.state);
    say(this.button("homeserver"), word(moving ? "moment" : off ? "start" : "stop"), word(off ? "start_why" : "stop_why"));
    this.button("homeserver").disabled = moving;
    this.button("homeserver").classList.toggle("on", off);
    const down = this.host.state === "down";
    const left = Math.max(0, Math.ceil((this.host.back_at ?? 0) - Date.now() / 1000));
    if (down) say(this.button("kill"), word("revive"), word("revive_why", { s: left }));
    else if (this.host.state === "starting") say(this.button("kill"), word("starts"), word("starts_why"));
    else say(this.button("kill"), word("kill"), word("kill_why"), "kill -9");
    this.button("kill").disabled = !down && this.host.state !== "up";
    this.button("kill").classList.toggle("on", this.host.state !== "up");
  }
}

function say(button, title, words, code = "") {
  button.querySelector("b").replaceChildren(title, ...(code ? [" ", element("code", "", code)] : []));
  button.querySelector("span").textContent = words;
}

function lamp(id, name, ok, words, title = "") {
  const made = element("div", ok ? "ok" : "bad", element("dt", "", name), element("dd", "", words));
  made.dataset.lamp = id;
  made.title = title;
  return made;
}
