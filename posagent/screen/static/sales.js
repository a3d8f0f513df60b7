// Owns the list of the shift: sales, and what was used, charged, refunded and put right. The dialog of one loads when it is opened.

import { byId, el } from "./stage.js";
import { clock, current, number, signed, t, yen } from "./words.js";

const KEPT = 300;
const rows = new Map(); // by sale_id, oldest first; an adjustment has a name of its own
const slips = new Map(); // by serial: the newest copy
const unclaimed = new Map(); // paid sales for which nothing is granted, by sale_id
const SMALL = { coupon_used: "used", points_used: "used", value_used: "used", refunded: "refunds" };

function put(name, row) {
  rows.delete(name);
  rows.set(name, { kind: "granted", points: 0, used: [], refunds: [], slips: [], void: null, ...row });
  trim(rows);
}

function trim(map) {
  if (map.size > KEPT) map.delete(map.keys().next().value);
}

export function take(event) {
  const { kind, sale_id: name } = event;
  const row = rows.get(name);
  if (kind === "granted") {
    unclaimed.delete(name);
    put(name, { ...event, used: row && !row.void ? row.used : [] }); // also a sale that is granted again after its void
  } else if (kind === "charged") put(name, event);
  else if (kind === "adjusted") put(`${event.at} ${event.account}`, { ...event, sale_id: `${event.at} ${event.account}` });
  else if (SMALL[kind]) {
    if (!row || row.void) put(name, { kind: "used", sale_id: name, at: event.at });
    rows.get(name)[SMALL[kind]].push(event);
  } else if ((kind === "voided" || kind === "charge_voided") && row) {
    row.void = event;
    if (row.kind !== "charged") claimable({ ...row, sale_id: name });
  } else if (kind === "sale" && !(row && !row.void && row.kind === "granted")) claimable(event);
  else if (kind === "slip" && event.serial) {
    slips.set(event.serial, event);
    trim(slips);
  }
}

function claimable({ sale_id: name, at, amount, receipt_no: receipt }) {
  if (!amount) return;
  unclaimed.set(name, { sale_id: name, at, amount, receipt_no: receipt });
  trim(unclaimed);
}

export function clear() {
  for (const map of [rows, slips, unclaimed]) map.clear();
}

export const all = () => [...rows.values()].filter((row) => row.kind === "granted");
export const waiting = () => [...unclaimed.values()].reverse();
export const find = (name) => rows.get(name);
export const slip = (serial) => slips.get(serial);

// What stands of a sale: its lines or its total, after the refunds.
export const left = (row) => row.refunds.at(-1)?.amount ?? row.amount;
const standing = (row) => row.refunds.reduce((sum, one) => sum + one.points, row.points);

// The agent says where the shift began; where it does not, the day of the newest sale is the shift.
export function show(shiftKnown) {
  const newest = [...rows.values()].reverse();
  const mine = shiftKnown ? newest : newest.filter((row) => row.at?.slice(0, 10) === newest[0].at?.slice(0, 10));
  byId("history-title").textContent = t("history");
  byId("no-sales").textContent = mine.length ? "" : t("no_sales");
  const good = mine.filter((row) => row.kind === "granted" && !row.void);
  byId("totals").textContent = mine.length ? t("totals", good.length, number(good.reduce((sum, row) => sum + standing(row), 0))) : "";
  const drawn = current() + JSON.stringify(mine);
  if (drawn === lastDrawn) return; // a row that is being pressed, or holds the focus, stays the same element
  lastDrawn = drawn;
  const focused = document.activeElement.dataset.sale;
  byId("sales").replaceChildren(...mine.slice(0, 100).map(line));
  if (focused) byId("sales").querySelector(`[data-sale="${CSS.escape(focused)}"]`)?.focus();
}

let lastDrawn = "";

// "**** **** 4821" as "*4821": the list is narrow, and the hidden part tells nobody anything.
const short = (member) => member.replace(/[*＊•●\s-]+/g, "*");

function line(row) {
  const tags = [row.void ? "voided" : row.refunds.length ? "refunded" : null, { charged: "charged", adjusted: "adjusted" }[row.kind] ?? (row.used.length ? "used" : null), row.offline && !row.void ? "offline" : null];
  const shown = tags.filter(Boolean).map((tag) => el("span", { class: tag === "voided" ? "tag void" : "tag" }, t(`tag_${tag}`)));
  const button = el("button", { type: "button", "data-sale": row.sale_id, onclick: () => open(row.sale_id) },
    el("time", {}, clock(row.at)), el("span", { class: "who" }, short(row.member ?? ""), ...shown), el("span", { class: "sum" }, row.amount ? yen(row.kind === "granted" ? left(row) : row.amount) : ""),
    el("b", {}, row.kind === "charged" ? "" : signed(standing(row))));
  return el("li", { class: row.void ? "void" : "" }, button);
}

// Up and down move within the list: one Tab stop leads in and out.
export function arrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const buttons = [...byId("sales").querySelectorAll("button")];
  buttons[buttons.indexOf(document.activeElement) + step]?.focus();
  event.preventDefault();
}

let dialog = null; // the module

export async function open(name, back) {
  dialog ??= await load("./sale_dialog.js");
  dialog?.open(name, back);
}

export function fill() {
  dialog?.fill();
}

// Parts that few customers need come when they are needed. Null while the agent is away; the next press tries again.
export async function load(part) {
  try {
    return await import(part);
  } catch (error) {
    if (error.name !== "TypeError") throw error;
    return null;
  }
}

// The one message that the agent cannot send.
export const LOST = {
  code: "E902",
  ja: { title: "レジのプログラムとつながっていません", todo: "会計は続けられます。自動でつなぎ直します。" },
  en: { title: "The page has lost the agent", todo: "Go on selling. It reconnects by itself." },
};
