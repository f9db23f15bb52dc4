// What goes along with the next message: uploaded as soon as it is chosen, dropped or pasted.

import { element } from "./view.js";
import { label, word } from "./words.js";

const byId = (id) => document.getElementById(id);
export const MOST = 10;

export class Files {
  #list = byId("files");
  #chosen = [];
  #changed;

  /** `changed()` is called when there is more or less to send. */
  constructor(changed) {
    this.#changed = changed;
    byId("attach").addEventListener("click", () => byId("picker").click());
    byId("picker").addEventListener("change", ({ target }) => {
      this.add(target.files);
      target.value = "";
    });
    byId("text").addEventListener("paste", (event) => {
      if (event.clipboardData.files.length) event.preventDefault();
      this.add(event.clipboardData.files);
    });
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      this.add(event.dataTransfer.files);
    });
  }

  get isEmpty() {
    return this.#chosen.length === 0;
  }

  /** Whether all that was chosen has arrived. */
  get isReady() {
    return this.#chosen.every((one) => one.filed);
  }

  add(files) {
    for (const file of [...files].slice(0, MOST - this.#chosen.length)) {
      const one = { file, filed: null, note: "" };
      this.#chosen.push(one);
      this.#upload(one);
    }
    this.#show();
  }

  /** What was chosen, for a message; nothing is chosen then. */
  take() {
    const taken = this.#chosen.map((one) => one.filed);
    this.#chosen = [];
    this.#show();
    return taken;
  }

  async #upload(one) {
    const type = one.file.type || "application/octet-stream";
    try {
      const answer = await fetch(`file?name=${encodeURIComponent(one.file.name)}`, {
        method: "POST", body: one.file, headers: { "Content-Type": type },
      });
      if (answer.ok) one.filed = await answer.json();
      else one.note = answer.status === 413 ? word("tooLarge") : word("notUploaded");
    } catch {
      one.note = word("notUploaded");
    }
    this.#show();
  }

  #show() {
    this.#list.replaceChildren(...this.#chosen.map((one) => this.#item(one)));
    this.#list.hidden = this.isEmpty;
    this.#changed();
  }

  #item(one) {
    const item = element("li", one.note ? "bad" : one.filed ? "" : "under-way");
    item.append(element("span", "", one.file.name), element("small", "", one.note || sized(one.file.size)));
    const remove = element("button", "icon-button", "×");
    remove.type = "button";
    label(remove, "removeFile");
    remove.addEventListener("click", () => {
      this.#chosen = this.#chosen.filter((other) => other !== one);
      this.#show();
    });
    item.append(remove);
    return item;
  }
}

const PLAYED = /^(audio\/(aac|flac|mp4|mpeg|ogg|wav|webm|x-wav)|video\/(mp4|ogg|webm))$/;

/** A recording or a film with what plays it; what the browser can't play can still be saved. */
function player({ id, name, type, size }) {
  const played = element(type.split("/")[0], "");
  Object.assign(played, { src: `file/${id}`, controls: true, preload: "metadata", title: name });
  const link = element("a", "");
  Object.assign(link, { href: `file/${id}`, download: name });
  link.append(element("span", "", name), element("small", "", sized(size)));
  const figure = element("figure", "file");
  figure.append(played, link);
  return figure;
}

/** The files of a message, as the conversation shows them. */
export function shownFiles(files) {
  return files.map(({ id, name, type, size }) => {
    if (PLAYED.test(type)) return player({ id, name, type, size });
    const link = element("a", "file");
    Object.assign(link, { href: `file/${id}`, target: "_blank", rel: "noopener" });
    if (/^image\/(png|jpeg|gif|webp)$/.test(type)) {
      const image = element("img", "");
      Object.assign(image, { src: `file/${id}`, alt: name, loading: "lazy" });
      link.append(image);
    } else {
      link.download = name;
      link.append(element("span", "", name), element("small", "", sized(size)));
    }
    return link;
  });
}

function sized(bytes) {
  const step = bytes < 1e3 ? 0 : bytes < 1e6 ? 1 : 2;
  const unit = ["byte", "kilobyte", "megabyte"][step];
  const figures = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: step === 2 ? 1 : 0 };
  return new Intl.NumberFormat(navigator.language, figures).format(bytes / 1000 ** step);
}
