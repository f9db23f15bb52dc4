// The socket: opened again whenever it is lost, soon at first and then less often.

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 6000; // someone may be sitting before it
const QUIET_MS = 30000; // after so long without a word the socket is asked whether it still lives
const ANSWER_MS = 8000;
const NO_COOKIE = 4401;

export class Connection {
  #address;
  #told;
  #socket = null;
  #losses = 0;
  #timer = 0;
  #heard = 0;
  #asked = 0;

  /** `told` has `opened()`, `lost()` and `frame(frame)`. */
  constructor(address, told) {
    this.#address = address;
    this.#told = told;
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
    setInterval(() => this.#check(), 2000);
    this.#open();
  }

  get isOpen() {
    return this.#socket !== null && this.#socket.readyState === WebSocket.OPEN;
  }

  /** Sends a frame; false where there is no connection. */
  send(frame) {
    if (!this.isOpen) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #open() {
    clearTimeout(this.#timer);
    const socket = (this.#socket = new WebSocket(this.#address));
    socket.onopen = () => {
      this.#heard = Date.now();
      this.#asked = 0;
      this.#told.opened();
    };
    socket.onmessage = (event) => {
      this.#losses = 0; // a socket that opens and says nothing is no success
      this.#heard = Date.now();
      this.#asked = 0;
      this.#told.frame(JSON.parse(event.data));
    };
    socket.onclose = (event) => this.#lost(socket, event.code);
  }

  #lost(socket, code) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#told.lost();
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#losses++);
    const open = () => this.#open();
    // Without a cookie we are nobody; the page itself brings one.
    const ready = code === NO_COOKIE ? fetch(".", { cache: "reload" }).catch(() => {}) : Promise.resolve();
    ready.then(() => (this.#timer = setTimeout(open, wait * (0.6 + 0.4 * Math.random()))));
  }

  /** Someone is looking, or the network is back: there is no reason to wait any longer. */
  #hurry() {
    if (this.#socket === null) this.#open();
    else if (Date.now() - this.#heard > 5000) this.#ask();
  }

  /** A sleeping machine or a lost network closes no socket: only silence tells. */
  #check() {
    const now = Date.now();
    if (!this.isOpen) return;
    if (this.#asked && now - this.#asked > ANSWER_MS) {
      const socket = this.#socket;
      socket.close();
      this.#lost(socket, 0);
    } else if (!this.#asked && !document.hidden && now - this.#heard > QUIET_MS) this.#ask();
  }

  #ask() {
    if (!this.#asked && this.send({ type: "chats" })) this.#asked = Date.now();
  }
}
