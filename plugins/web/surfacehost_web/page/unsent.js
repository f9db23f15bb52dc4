// What was written and is not yet known to be stored: kept by the browser, so that a reload does not lose it.
// One entry a message, so that two tabs don't overwrite each other's.

const PREFIX = `${location.pathname}unsent/`;
const spare = new Map(); // where the browser lets us store nothing: as long as the page is open

export function keep(message) {
  try {
    localStorage.setItem(PREFIX + message.id, JSON.stringify(message));
  } catch {
    spare.set(message.id, message);
  }
}

export function drop(id) {
  spare.delete(id);
  try {
    localStorage.removeItem(PREFIX + id);
  } catch {
    // nothing was stored either
  }
}

/** Every unsent message, in the order they were written. */
export function all() {
  const found = [...spare.values()];
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX)) found.push(JSON.parse(localStorage.getItem(key)));
    }
  } catch {
    // likewise
  }
  return found.sort((a, b) => a.at - b.at);
}

/** A random id; crypto.randomUUID is missing where a page came over plain HTTP. */
export function newId() {
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
