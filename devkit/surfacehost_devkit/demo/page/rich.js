// Formatted text as DOM nodes. Nothing that came from outside is ever parsed into the page itself: HTML is parsed into
// a document of its own that loads and runs nothing, and only what is listed here is made anew from it.

const TAGS = new Set(("DEL H1 H2 H3 H4 H5 H6 BLOCKQUOTE P A UL OL SUP SUB LI B I U STRONG EM S CODE HR BR DIV TABLE THEAD TBODY"
  + " TR TH TD CAPTION PRE SPAN DETAILS SUMMARY").split(" "));
const DROPPED = new Set(["SCRIPT", "STYLE", "MX-REPLY", "IFRAME", "OBJECT", "TEMPLATE", "SVG", "MATH"]);
const DEEPEST = 60;

export function fromHtml(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  return copies(parsed.body, 0);
}

function copies(parent, depth) {
  const made = document.createDocumentFragment();
  for (const node of parent.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) made.append(node.data);
    else if (node.nodeType === Node.ELEMENT_NODE && !DROPPED.has(node.tagName.toUpperCase())) made.append(copy(node, depth + 1));
  }
  return made;
}

function copy(node, depth) {
  const inner = depth < DEEPEST ? copies(node, depth) : node.textContent;
  if (!TAGS.has(node.tagName)) {
    const plain = document.createDocumentFragment();
    plain.append(inner);
    return plain;
  }
  const made = document.createElement(node.tagName);
  if (node.tagName === "A") linkTo(made, node.getAttribute("href"));
  if (node.tagName === "OL" && /^\d+$/.test(node.getAttribute("start") ?? "")) made.start = Number(node.getAttribute("start"));
  made.append(inner);
  return made;
}

function linkTo(element, address) {
  if (!/^(https?|mailto|tg):/i.test(address ?? "")) return;
  element.href = address;
  element.target = "_blank";
  element.rel = "noopener noreferrer nofollow";
}

// Telegram's entities: offsets and lengths count UTF-16 units, which is just what JavaScript's strings count.
const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);
const ENTITY_TAGS = {
  bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre", blockquote: "blockquote",
  expandable_blockquote: "blockquote", spoiler: "span", text_link: "a", url: "a", email: "a", mention: "span",
  hashtag: "span", cashtag: "span", bot_command: "span", text_mention: "span", phone_number: "span",
};

export function fromEntities(text, entities) {
  const marks = entities.filter((one) => ENTITY_TAGS[one.type]);
  marks.sort((a, b) => a.offset - b.offset || b.length - a.length);
  return nested(text, marks, 0, text.length);
}

function nested(text, marks, from, to) {
  const made = document.createDocumentFragment();
  let at = from;
  for (let i = 0; i < marks.length; ) {
    const mark = marks[i];
    const end = Math.min(mark.offset + mark.length, to);
    let next = i + 1;
    while (next < marks.length && marks[next].offset < end) next += 1;
    const isBlock = BLOCKS.has(mark.type); // it begins and ends a line by itself
    made.append(without(text.slice(at, mark.offset), isBlock && /\n$/), marked(text, mark, marks.slice(i + 1, next), end));
    at = isBlock && text[end] === "\n" ? end + 1 : end;
    i = next;
  }
  made.append(text.slice(at, to));
  return made;
}

const without = (text, pattern) => (pattern ? text.replace(pattern, "") : text);

function marked(text, mark, inside, end) {
  const element = document.createElement(ENTITY_TAGS[mark.type]);
  const said = text.slice(mark.offset, end);
  if (mark.type === "text_link") linkTo(element, mark.url);
  else if (mark.type === "url") linkTo(element, /^[a-z]+:/i.test(said) ? said : `https://${said}`);
  else if (mark.type === "email") linkTo(element, `mailto:${said}`);
  else if (element.tagName === "SPAN") element.className = mark.type === "spoiler" ? "spoiler" : "mark";
  element.append(nested(text, inside, mark.offset, end));
  return element;
}
