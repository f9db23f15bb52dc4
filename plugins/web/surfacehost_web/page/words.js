// What people read. Both languages have the same keys; {…} is filled in.

const en = {
  assistant: "Assistant",
  conversations: "Conversations",
  newChat: "New conversation",
  noChats: "What you talk about will be listed here.",
  newAnswer: "New answer",
  close: "Close",
  messages: "Messages",
  message: "Message",
  write: "Write a message…",
  send: "Send",
  stop: "Stop the answer",
  attach: "Attach files",
  files: "Files to send",
  removeFile: "Remove this file",
  tooLarge: "too large",
  notUploaded: "could not be uploaded",
  toEnd: "Go to the newest message",
  earlier: "Show earlier messages",
  emptyTitle: "What shall we talk about?",
  emptyHintKeys: "Enter sends, Shift+Enter starts a new line.",
  emptyHintTouch: "Your conversations are kept and will be here when you return.",
  suggestHelp: "what I understand",
  suggestStatus: "whether I am there",
  you: "You",
  working: "Working on an answer",
  unsent: "Not sent yet: it goes out as soon as the connection is back.",
  refused: "This message could not be sent.",
  connecting: "Connecting…",
  reconnecting: "The connection is gone. Trying again; what you write is kept.",
  starting: "Starting up. What you write is kept.",
  copy: "Copy",
  copied: "Copied",
  delete: "Delete",
  deleteChat: "Delete “{title}”",
  deleteTitle: "Delete this conversation?",
  deleteText: "“{title}” and everything said in it will be erased. This can't be undone.",
  keep: "Keep it",
};

const ru = {
  assistant: "Ассистент",
  conversations: "Беседы",
  newChat: "Новая беседа",
  noChats: "Здесь появятся ваши беседы.",
  newAnswer: "Новый ответ",
  close: "Закрыть",
  messages: "Сообщения",
  message: "Сообщение",
  write: "Напишите сообщение…",
  send: "Отправить",
  stop: "Остановить ответ",
  attach: "Приложить файлы",
  files: "Файлы к отправке",
  removeFile: "Убрать файл",
  tooLarge: "слишком большой",
  notUploaded: "не удалось загрузить",
  toEnd: "К последнему сообщению",
  earlier: "Показать более ранние",
  emptyTitle: "О чём поговорим?",
  emptyHintKeys: "Enter отправляет, Shift+Enter начинает новую строку.",
  emptyHintTouch: "Беседы сохраняются и будут ждать вас здесь.",
  suggestHelp: "что я понимаю",
  suggestStatus: "на связи ли я",
  you: "Вы",
  working: "Готовится ответ",
  unsent: "Ещё не отправлено: уйдёт, как только связь восстановится.",
  refused: "Это сообщение не удалось отправить.",
  connecting: "Соединяюсь…",
  reconnecting: "Связь прервалась. Пробую снова; всё написанное сохранится.",
  starting: "Запускаюсь. Всё написанное сохранится.",
  copy: "Копировать",
  copied: "Скопировано",
  delete: "Удалить",
  deleteChat: "Удалить «{title}»",
  deleteTitle: "Удалить эту беседу?",
  deleteText: "«{title}» и всё сказанное в ней будет стёрто. Вернуть это нельзя.",
  keep: "Оставить",
};

export const languages = { en, ru };
export const language = navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en";

export function word(key, values = {}) {
  return languages[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Fills in every word that index.html asks for. */
export function translate() {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  for (const node of document.querySelectorAll("[data-hint]")) node.placeholder = word(node.dataset.hint);
  for (const node of document.querySelectorAll("[data-label]")) label(node, node.dataset.label);
}

/** Names a button that shows only a picture: for screen readers and as a tooltip. */
export function label(node, key, values) {
  node.setAttribute("aria-label", word(key, values));
  if (node.tagName === "BUTTON") node.title = word(key, values);
}
