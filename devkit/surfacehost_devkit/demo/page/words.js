// What people read, in English and Russian: the browser's own language decides. Both have the same keys.

const EN = {
  motto: "One agent on Matrix, Telegram and the web, side by side from one process.",
  hello: "Say hello everywhere", hello_why: "three platforms, three conversations, one agent", hello_text: "Hello from all three!",
  stop: "Stop the homeserver", stop_why: "Telegram and the web go on answering",
  start: "Start the homeserver", start_why: "Matrix catches up with what it missed", moment: "One moment …",
  kill: "Kill the host", kill_why: "what you write meanwhile is answered once",
  revive: "Start it now", revive_why: "the host is dead; it is started in {s} s. Write something!",
  starts: "The host starts …", starts_why: "and looks what it has to go on with",
  ways: "Each message’s way through the host", invitation: "(an invitation)",
  host: "Host", agent: "Agent", web: "Web", life: "pid {pid}, life {n}", up: "up", down: "down", starting: "starting",
  waiting: "waiting", parked: "parked", host_down: "host down", ended: "demo ended",
  at_matrix: "{user}, on a real homeserver", at_telegram: "{user}, on a simulated Bot API", at_web: "a browser, on ", page: "the chat page",
  write_matrix: "Write as Alice on Matrix", write_telegram: "Write as Alice on Telegram", write_web: "Write on the web page",
  stopped: "The homeserver is stopped", send: "Send", typing: "typing", edited: "edited {time}", waits: "waits for the host",
  lost: "The demo has ended, or can’t be reached. This page comes back when it does.",
  stored: "stored", stored_why: "on the disk: the platform may forget it", stored_at: "stored at {time}",
  taken: "taken", taken_why: "its turn in the conversation has come",
  asked: "asked", asked_why: "the agent has been asked",
  answered: "answered", answered_why: "the whole answer is on the disk: nobody is asked again",
  sent: "sent", sent_why: "the platform has accepted the answer",
  settled: "settled", settled_why: "done with; the next one may go",
  killed: "killed", killed_why: "the host was killed here, and went on from its disk",
  after: "{step} after {time}: {why}", ms: "ms", s: "s",
};

const RU = {
  motto: "Один агент в Matrix, Telegram и на сайте, бок о бок в одном процессе.",
  hello: "Поздороваться везде", hello_why: "три платформы, три беседы, один агент", hello_text: "Привет сразу отовсюду!",
  stop: "Остановить сервер Matrix", stop_why: "Telegram и сайт продолжают отвечать",
  start: "Запустить сервер Matrix", start_why: "Matrix наверстает пропущенное", moment: "Минутку …",
  kill: "Убить хост", kill_why: "написанное тем временем получит ровно один ответ",
  revive: "Запустить сейчас", revive_why: "хост мёртв и запустится через {s} с. Напишите что-нибудь!",
  starts: "Хост запускается …", starts_why: "и смотрит, что осталось доделать",
  ways: "Путь каждого сообщения через хост", invitation: "(приглашение)",
  host: "Хост", agent: "Агент", web: "Сайт", life: "pid {pid}, жизнь {n}", up: "работает", down: "остановлен", starting: "запускается",
  waiting: "ждёт", parked: "отключён", host_down: "хост остановлен", ended: "демо закончилось",
  at_matrix: "{user}, на настоящем сервере", at_telegram: "{user}, Bot API имитируется", at_web: "браузер, ", page: "страница чата",
  write_matrix: "Написать в Matrix", write_telegram: "Написать в Telegram", write_web: "Написать на сайте",
  stopped: "Сервер Matrix остановлен", send: "Отправить", typing: "печатает", edited: "изменено {time}", waits: "ждёт хоста",
  lost: "Демо закончилось или недоступно. Страница вернётся вместе с ним.",
  stored: "сохранено", stored_why: "на диске: платформа может забыть", stored_at: "сохранено в {time}",
  taken: "взято", taken_why: "его очередь в беседе подошла",
  asked: "спрошено", asked_why: "вопрос ушёл агенту",
  answered: "отвечено", answered_why: "весь ответ на диске: заново никто не спрашивает",
  sent: "отправлено", sent_why: "платформа приняла ответ",
  settled: "закрыто", settled_why: "готово, очередь следующего",
  killed: "убит", killed_why: "здесь хост убили, и он продолжил с диска",
  after: "{step} через {time}: {why}", ms: "мс", s: "с",
};

export const CATALOGUES = { en: EN, ru: RU };
export const LANGUAGE = navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en";

export function word(key, values = {}) {
  return CATALOGUES[LANGUAGE][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

// A word that may be one of ours, such as a state of the host, else itself.
export const known = (key) => CATALOGUES[LANGUAGE][key] ?? key;

export function translate() {
  document.documentElement.lang = LANGUAGE;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
}
