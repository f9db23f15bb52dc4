// Puts the page together and hands each note to the part that shows it.

import { Column } from "./column.js";
import { follow } from "./socket.js";
import { Top } from "./top.js";
import { Ways } from "./ways.js";
import { translate, word } from "./words.js";

const TROUBLE_MS = 8000;

translate();
const send = (frame) => tell(frame);
const columns = Object.fromEntries(["matrix", "telegram", "web"].map((name) => [name, new Column(name, send)]));
document.getElementById("columns").append(...Object.values(columns).map((column) => column.root));
const ways = new Ways(document.getElementById("ways"), document.getElementById("legend"), columns);
const top_ = new Top(send, columns);

const SHOW = {
  host: (_, note) => top_.putHost(note),
  homeserver: (_, note) => top_.putHomeserver(note),
  column: ([name], note) => columns[name].describe(note),
  typing: ([name], note) => columns[name].putTyping(note),
  message: ([name, ...id], note) => {
    if (!note) columns[name].drop(id.join("/"));
    else columns[name].put(id.join("/"), note);
    if (note?.who === "person") ways.show();
  },
  way: (rest, note) => (note ? ways.put(rest.join("/"), note) : ways.drop(rest.join("/"))),
  trouble: (_, note) => trouble(note.text),
};

let timer = 0;
function trouble(text) {
  const line = document.getElementById("trouble");
  line.textContent = text;
  line.hidden = !text;
  clearTimeout(timer);
  if (text) timer = setTimeout(() => trouble(""), TROUBLE_MS);
}

const tell = follow({
  onOpen() {
    for (const column of Object.values(columns)) column.clear();
    ways.clear();
    trouble("");
  },
  onNotes(changes) {
    for (const [name, note] of changes) {
      const [kind, ...rest] = name.split("/");
      SHOW[kind](rest, note);
    }
  },
  onLost() {
    top_.lost();
    trouble(word("lost"));
  },
});
