// Where people write.

import { Files } from "./files.js";
import { label } from "./words.js";

const byId = (id) => document.getElementById(id);

export class Composer {
  #text = byId("text");
  #send = byId("send");
  #told;
  #files;
  #isWorking = false;
  #draft = "";

  /** `told` has `say(text, files)` and `stop()`. */
  constructor(told) {
    this.#told = told;
    this.#files = new Files(() => this.#changed());
    const isTouch = matchMedia("(pointer: coarse)");
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("keydown", (event) => {
      // While a word is being composed (Chinese, Japanese) Enter ends the word. On a phone it is the only new line.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || isTouch.matches) return;
      event.preventDefault();
      this.#say();
    });
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#stops) this.#told.stop();
      else this.#say();
    });
  }

  /** Shows what was begun in the conversation `chat`. */
  begin(chat) {
    const early = this.#draft ? "" : this.#text.value; // written before the page knew which conversation it shows
    this.#draft = `${location.pathname}draft/${chat}`;
    this.#text.value = early || (sessionStorage.getItem(this.#draft) ?? "");
    this.#changed();
    if (!matchMedia("(pointer: coarse)").matches) this.#text.focus();
  }

  /** Whether an answer is being made, which could be stopped. */
  set isWorking(on) {
    this.#isWorking = on;
    this.#changed();
  }

  get #stops() {
    return this.#isWorking && !this.#text.value.trim() && this.#files.isEmpty;
  }

  get #hasSomething() {
    return this.#files.isReady && !(this.#files.isEmpty && !this.#text.value.trim());
  }

  #say() {
    const text = this.#text.value.trim();
    if (!this.#hasSomething) return;
    this.#text.value = "";
    this.#told.say(text, this.#files.take());
  }

  #changed() {
    const text = this.#text.value;
    if (this.#draft && text) sessionStorage.setItem(this.#draft, text);
    else if (this.#draft) sessionStorage.removeItem(this.#draft);
    this.#send.classList.toggle("stops", this.#stops);
    this.#send.disabled = !this.#hasSomething && !this.#stops;
    label(this.#send, this.#stops ? "stop" : "send");
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }
}
