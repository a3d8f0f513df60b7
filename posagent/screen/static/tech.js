// Owns the technician's page: asks for the room once a second and for pictures three times a second, and only while somebody looks.

import { newKey, post } from "./ask.js";
import { camera, forget } from "./tech_camera.js";
import { device, office } from "./tech_cards.js";
import { LOST } from "./sales.js";
import { byId, el } from "./stage.js";
import { choose, current, t } from "./words.js";
import { w } from "./tech_words.js";

const ROOM_MS = 700;
const ANSWER_MS = 4000;

let room = null;
let lost = false;
const notes = new Map(); // what a button said last, by device
const drawn = new Map();

async function look() {
  try {
    const response = await fetch("/v1/devices", { signal: AbortSignal.timeout(ANSWER_MS) });
    if (!response.ok) throw new Error("line");
    room = await response.json();
    if (document.body.dataset.link === "starting" && !localStorage.getItem("posagent.language")) choose(room.language);
    lost = false;
  } catch (error) {
    if (!["TypeError", "TimeoutError", "SyntaxError"].includes(error.name) && error.message !== "line") console.error(error);
    lost = true;
  }
  document.body.dataset.link = lost ? (room ? "lost" : "starting") : "on";
  draw();
}

async function watch() {
  for (;;) {
    if (document.hidden) await new Promise((shown) => document.addEventListener("visibilitychange", shown, { once: true }));
    await look();
    await new Promise((later) => setTimeout(later, ROOM_MS));
  }
}

// ---------------------------------------------------------------- drawing

function levelOf(one) {
  if (one.state === "gone" || one.state === "held" || (one.stale && one.beat !== null)) return "action";
  return one.state !== "ready" || one.code || one.stale ? "offline" : "ok";
}

function draw() {
  document.title = byId("title").textContent = t("tech");
  byId("language").textContent = t("other_language");
  byId("language").lang = current() === "ja" ? "en" : "ja";
  byId("back").textContent = w("back");
  if (!room) return;
  byId("place").textContent = `${room.store_name} ${room.register_name}`;
  const levels = room.devices.map(levelOf);
  if (room.journal.state !== "ok") levels.push("action");
  const level = lost || levels.includes("action") ? "action" : levels.includes("offline") ? "offline" : "ok";
  document.body.dataset.level = level;
  byId("level").querySelector("span").textContent = lost ? w("lost") : w(`level_${level}`);
  drawTest();
  const cards = room.devices.map((one) => [`device ${one.name}`, { ...one, note: noteOf(one.name), level: levelOf(one), testing: room.test_mode.on }, device]);
  cards.push(["office", { journal: room.journal, cloud: room.cloud, agent: room.agent }, office]);
  for (const [name, given, make] of cards) redraw(name, given, make);
  for (const card of [...byId("room").children]) if (!cards.some(([name]) => name === card.dataset.card)) card.remove();
}

// A card is made anew only when something in it changed: whoever is on a button of another card keeps place and focus.
function redraw(name, given, make) {
  const state = current() + JSON.stringify(given);
  if (drawn.get(name) === state) return;
  drawn.set(name, state);
  let card = byId("room").querySelector(`[data-card="${CSS.escape(name)}"]`);
  if (!card) {
    card = el("section", { "data-card": name, class: "card" });
    byId("room").append(card);
  }
  const focused = card.contains(document.activeElement) ? document.activeElement.dataset.act : null;
  const open = new Set([...card.querySelectorAll("details[open] > summary")].map((summary) => summary.dataset.act));
  const first = !card.childElementCount;
  const picture = given.camera ? camera(given.name) : null;
  make(card, given, { picture, testPrint, looked: look });
  if (!first) for (const summary of card.querySelectorAll("details > summary")) summary.parentElement.open = open.has(summary.dataset.act);
  if (focused) card.querySelector(`[data-act="${focused}"]`)?.focus();
}

function noteOf(name) {
  const note = notes.get(name);
  return note ? { ...note, text: note.text() } : null;
}

function drawTest() {
  const { on, left_s: left } = room.test_mode;
  byId("test").classList.toggle("on", on);
  byId("test-title").textContent = w("test_title");
  byId("test-words").textContent = on ? w("test_on", left) : w("test_off");
  byId("test-switch").textContent = on ? w("switch_off") : w("switch_on");
  byId("test-switch").setAttribute("aria-checked", String(on));
}

// ---------------------------------------------------------------- acting

function spoken(problem) {
  const said = problem ?? LOST;
  return `${said[current()].title}. ${said[current()].todo} [${said.code}]`;
}

async function testPrint(name) {
  if (notes.get(name)?.busy) return;
  notes.set(name, { busy: true, text: () => w("printing") });
  draw();
  const result = await post(`/v1/devices/${encodeURIComponent(name)}/test`, {}, { key: newKey() });
  const text = () => (result.ok ? w(result.answer.state === "waiting" ? "waits" : "queued") : spoken(result.problem));
  notes.set(name, { bad: !result.ok, text });
  byId(result.ok ? "said" : "alarm").textContent = text();
  await look();
}

async function switchTest() {
  const button = byId("test-switch");
  button.disabled = true;
  const on = !room?.test_mode.on;
  const result = await post("/v1/test-mode", { on }, { key: newKey() });
  button.disabled = false;
  if (!result.ok) byId("alarm").textContent = byId("test-words").textContent = spoken(result.problem);
  else {
    await look();
    byId("said").textContent = byId("test-words").textContent;
  }
  button.focus();
}

byId("test-switch").addEventListener("click", switchTest);
byId("language").addEventListener("click", () => {
  choose(current() === "ja" ? "en" : "ja");
  localStorage.setItem("posagent.language", current());
  forget();
  draw();
});
const language = localStorage.getItem("posagent.language");
if (language) choose(language);
draw();
watch();
