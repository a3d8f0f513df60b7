// Owns the manager's page: the day in figures, its reports, what was sold, and what head office has not taken.

import * as amend from "./amend.js";
import { asManager, newKey } from "./ask.js";
import * as sales from "./sales.js";
import { byId, el } from "./stage.js";
import { Stream } from "./stream.js";
import { choose, clockOrDay, current, number, t, yen } from "./words.js";
import { w } from "./manager_words.js";

const FIRST_EVENTS = 20_000;
const UNSETTLED_MS = 5000;

let status = null;
let live = false;
let unsettled = null;
let report = null;
const said = { closing: null, unsettled: null }; // {text(), bad}

// ---------------------------------------------------------------- what the agent tells

const stream = new Stream({
  async begin() {
    const response = await fetch("/v1/status", { signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error("line");
    const found = await response.json();
    if (!localStorage.getItem("posagent.language")) choose(found.language);
    takeStatus(found);
    return Math.max(found.shift_start_seq, found.last_seq - FIRST_EVENTS, 0);
  },
  page(event) {
    sales.take(event);
    if (live) draw();
  },
  notice() {},
  status: takeStatus,
  live() {
    live = true;
    document.body.dataset.link = "on";
    draw();
  },
  reset() {
    sales.clear();
  },
  lost() {
    live = false;
    document.body.dataset.link = document.body.dataset.link === "starting" ? "starting" : "lost";
    draw();
  },
});

function takeStatus(found) {
  status = found;
  draw();
}

async function watchUnsettled() {
  for (;;) {
    if (document.hidden) await new Promise((shown) => document.addEventListener("visibilitychange", shown, { once: true }));
    try {
      const response = await fetch("/v1/unsettled", { signal: AbortSignal.timeout(5000) });
      if (response.ok) unsettled = await response.json();
    } catch (error) {
      if (!["TypeError", "TimeoutError", "SyntaxError"].includes(error.name)) console.error(error);
    }
    drawUnsettled();
    await new Promise((later) => setTimeout(later, UNSETTLED_MS));
  }
}

// ---------------------------------------------------------------- drawing

function draw() {
  document.title = byId("title").textContent = t("manager");
  byId("back").textContent = w("back");
  byId("language").textContent = t("other_language");
  byId("language").lang = current() === "ja" ? "en" : "ja";
  const lost = document.body.dataset.link === "lost";
  document.body.dataset.level = lost ? "action" : (status?.level ?? "ok");
  byId("level").querySelector("span").textContent = lost ? t("lost") : t(status?.level ?? "starting");
  if (status) {
    byId("store").textContent = status.store_name;
    byId("register").textContent = status.register_name;
  }
  drawToday();
  drawClosing();
  drawUnsettled();
  amend.draw(status?.open);
  sales.show(Boolean(status?.shift_start_seq));
  sales.fill();
}

function figure(name, value, unit = "") {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value, unit ? el("small", {}, ` ${unit}`) : null));
}

function drawToday() {
  const rows = sales.all();
  const standing = rows.filter((sale) => !sale.void);
  const sum = (list, of) => list.reduce((total, one) => total + (of(one) ?? 0), 0);
  byId("today-title").textContent = w("today");
  byId("figures").replaceChildren(
    figure(w("sales_count"), number(standing.length)),
    figure(w("amount_sum"), yen(sum(standing, (sale) => sale.amount))),
    figure(w("given"), number(sum(rows, (sale) => sale.points)), t("points")),
    figure(w("taken"), number(sum(rows.filter((sale) => sale.void), (sale) => sale.points)), t("points")),
    figure(w("coupons"), number(sum(standing, (sale) => sale.coupons?.length))));
  const hours = new Map();
  for (const sale of standing) hours.set(Number(sale.at.slice(11, 13)), (hours.get(Number(sale.at.slice(11, 13))) ?? 0) + 1);
  const [first, last, most] = [Math.min(...hours.keys(), 9), Math.max(...hours.keys(), 20), Math.max(...hours.values(), 1)];
  document.querySelector("figcaption").textContent = w("by_hour");
  byId("chart").replaceChildren(...Array.from({ length: last - first + 1 }, (_, n) => bar(first + n, hours.get(first + n) ?? 0, most)));
}

function bar(hour, count, most) {
  const filled = el("i", { "aria-hidden": "true" });
  filled.style.height = `${Math.round((130 * count) / most)}px`;
  return el("div", { title: `${w("hour", hour)} ${count}` }, count ? el("b", {}, number(count)) : null, filled, el("span", {}, String(hour)));
}

function drawNote(section, note) {
  const place = byId(section).querySelector(".note");
  place.textContent = note ? note.text() : "";
  place.classList.toggle("bad", Boolean(note?.bad));
}

function drawClosing() {
  byId("closing-title").textContent = w("closing");
  byId("closing").querySelector(".operator span").textContent = w("day");
  byId("check").textContent = w("check");
  byId("close").textContent = w("close_day");
  drawNote("closing", said.closing);
  byId("report").hidden = !report;
  if (!report) return;
  byId("report-head").textContent = `${w(report.result === "closed" ? "close_day" : "check")} ${report.business_date} ${clockOrDay(report.at)}`;
  byId("report-rows").replaceChildren(...report.sections[current()].map(({ title, rows }) =>
    el("table", {}, el("caption", {}, title), el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((cell) => el("td", {}, cell))))))));
  byId("report-remark").textContent = report.remark[current()] ?? "";
}

function drawUnsettled() {
  byId("unsettled-title").textContent = w("unsettled");
  drawNote("unsettled", said.unsettled);
  if (!unsettled) return;
  const { pending, oldest, events, more } = unsettled;
  byId("waiting").textContent = `${pending ? w("waits", pending, oldest ? clockOrDay(oldest) : "") : w("all_sent")}${events.length ? "" : `・${w("nothing")}`}`;
  const state = current() + JSON.stringify(events) + more;
  if (byId("undecided").dataset.state === state) return; // whoever is on a button keeps place and focus
  byId("undecided").dataset.state = state;
  byId("undecided").replaceChildren(...events.map(undecided), ...(more ? [el("li", {}, w("more"))] : []));
}

function undecided(event) {
  const facts = [event.amount && yen(event.amount), event.points && `${number(event.points)} ${t("points")}`, event.masked].filter(Boolean).join("　");
  const again = event.state === "parked" ? el("button", { type: "button", class: "primary plain", onclick: () => decide(event, "retry") }, w("retry")) : null;
  return el("li", { "data-seq": event.seq },
    el("div", {}, el("span", { class: "tag" }, w(event.state)), " ", el("b", {}, w(event.kind)), ` ${clockOrDay(event.at)}　${facts}`),
    el("small", {}, `${event.seq}: ${event.problem}`),
    el("div", { class: "answers" }, again, el("button", { type: "button", class: "primary plain", onclick: () => decide(event, "drop") }, w("drop"))));
}

// ---------------------------------------------------------------- acting

function spoken(problem) {
  const words = problem ?? sales.LOST;
  return { text: () => `${words[current()].title}. ${words[current()].todo} [${words.code}]`, bad: true };
}

// The reason (or true) where the person says yes; null where not.
function sure(title, words, asksWhy = false) {
  const dialog = byId("sure");
  byId("sure-title").textContent = title;
  dialog.querySelector("p").textContent = words;
  const why = dialog.querySelector("input");
  why.value = "";
  why.required = asksWhy;
  dialog.querySelector("label").hidden = !asksWhy;
  dialog.querySelector("label span").textContent = w("why");
  const [no, yes] = dialog.querySelectorAll("button");
  no.textContent = w("no");
  no.formNoValidate = true;
  yes.textContent = w("yes");
  dialog.returnValue = "no";
  dialog.showModal();
  (asksWhy ? why : no).focus();
  return new Promise((decided) => dialog.addEventListener("close", () => decided(dialog.returnValue === "yes" ? (asksWhy ? why.value.trim() : true) : null), { once: true }));
}

let asking = false;

async function take(kind) {
  if (asking || (kind === "z" && !(await sure(w("sure_close"), w("sure_close_sub"))))) return;
  asking = true;
  said.closing = { text: () => w("taking") };
  drawClosing();
  const day = byId("day").value;
  const result = await asManager("/v1/reports", { kind, role: "manager", ...(day ? { business_date: day } : {}) }, { key: newKey() });
  asking = false;
  if (result.ok) report = result.answer;
  said.closing = result.ok ? (result.answer.job ? { text: () => w("printed") } : null) : spoken(result.problem);
  draw();
}

async function decide(event, what) {
  const reason = what === "drop" ? await sure(w("sure_drop"), w("sure_drop_sub"), true) : "";
  if (reason === null || asking) return;
  asking = true;
  const result = await asManager(`/v1/unsettled/${event.seq}`, { what, role: "manager", ...(reason ? { reason } : {}) });
  asking = false;
  said.unsettled = result.ok ? { text: () => w("decided") } : spoken(result.problem);
  if (result.ok) unsettled = { ...unsettled, events: unsettled.events.filter((one) => one.seq !== event.seq) };
  drawUnsettled();
}

byId("check").addEventListener("click", () => take("x"));
byId("close").addEventListener("click", () => take("z"));
byId("sales").addEventListener("keydown", sales.arrows);
byId("language").addEventListener("click", () => {
  choose(current() === "ja" ? "en" : "ja");
  localStorage.setItem("posagent.language", current());
  draw();
});
const language = localStorage.getItem("posagent.language");
if (language) choose(language);
draw();
amend.wire();
stream.run();
watchUnsettled();
