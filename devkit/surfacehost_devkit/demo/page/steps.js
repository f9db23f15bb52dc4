// The steps of a message's way, as the host names them, and how they are told to a person.

export const STEPS = [
  { name: "stored", text: "stored", why: "on the disk: the platform may forget it" },
  { name: "taken", text: "taken", why: "its turn in the conversation has come" },
  { name: "asked", text: "asked", why: "the agent has been asked" },
  { name: "answered", text: "answered", why: "the whole answer is on the disk: nobody is asked again" },
  { name: "sent", text: "sent", why: "the platform has accepted the answer" },
  { name: "settled", text: "settled", why: "done with; the next one may go" },
];
export const KILLED = { name: "killed", text: "killed", why: "the host was killed here, and went on from its disk" };

const BY_NAME = new Map([...STEPS, KILLED].map((step) => [step.name, step]));

export const stepOf = (name) => BY_NAME.get(name) ?? { name, text: name, why: "" };

export function told(ms) {
  if (ms < 0.95) return "<1";
  if (ms < 1000) return String(Math.round(ms));
  return ms < 10000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}

export const toldLong = (ms) => told(ms) + (ms < 1000 ? " ms" : "");

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}
