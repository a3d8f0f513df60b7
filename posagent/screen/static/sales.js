// Owns the list of the shift's sales and the dialog of one sale: why so many points, and taking them back.

import { newKey } from "./ask.js";
import { asManager } from "./pin.js";
import { byId, el } from "./stage.js";
import { clock, current, number, signed, t, yen } from "./words.js";

const REASONS = ["returned", "wrong_amount", "wrong_member", "test", "other"];
const KEPT = 300;
const sales = new Map(); // by sale_id, oldest first

export function take(event) {
  if (event.kind === "granted") {
    sales.delete(event.sale_id); // a sale that is granted again after its void
    sales.set(event.sale_id, { ...event, void: null });
    if (sales.size > KEPT) sales.delete(sales.keys().next().value);
  } else if (event.kind === "voided" && sales.has(event.sale_id)) sales.get(event.sale_id).void = event;
}

export const clear = () => sales.clear();
export const all = () => [...sales.values()];

// The agent says where the shift began; where it does not, the day of the newest sale is the shift.
export function show(shiftKnown) {
  const all = [...sales.values()].reverse();
  const rows = shiftKnown ? all : all.filter((sale) => sale.at?.slice(0, 10) === all[0].at?.slice(0, 10));
  byId("history-title").textContent = t("history");
  byId("no-sales").textContent = rows.length ? "" : t("no_sales");
  const standing = rows.filter((sale) => !sale.void);
  byId("totals").textContent = rows.length ? t("totals", standing.length, number(standing.reduce((sum, sale) => sum + sale.points, 0))) : "";
  const drawn = current() + JSON.stringify(rows);
  if (drawn === lastDrawn) return; // a row that is being pressed, or holds the focus, stays the same element
  lastDrawn = drawn;
  const focused = document.activeElement.dataset.sale;
  byId("sales").replaceChildren(...rows.slice(0, 100).map(row));
  if (focused) byId("sales").querySelector(`[data-sale="${CSS.escape(focused)}"]`)?.focus();
}

let lastDrawn = "";

// "**** **** 4821" as "*4821": the list is narrow, and the hidden part tells nobody anything.
const short = (member) => member.replace(/[*＊•●\s-]+/g, "*");

function row(sale) {
  const tag = sale.void ? el("span", { class: "tag void" }, t("tag_voided")) : sale.offline ? el("span", { class: "tag" }, t("tag_offline")) : null;
  const button = el("button", { type: "button", "data-sale": sale.sale_id, onclick: () => open(sale.sale_id) },
    el("time", {}, clock(sale.at)), el("span", { class: "who" }, short(sale.member ?? ""), tag), el("span", { class: "sum" }, sale.amount ? yen(sale.amount) : ""), el("b", {}, signed(sale.points)));
  return el("li", { class: sale.void ? "void" : "" }, button);
}

// Up and down move within the list: one Tab stop leads in and out.
export function arrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const buttons = [...byId("sales").querySelectorAll("button")];
  buttons[buttons.indexOf(document.activeElement) + step]?.focus();
  event.preventDefault();
}

let shown = null;
let key = null;
let lastFilled = "";

function open(saleId) {
  shown = saleId;
  key = newKey();
  lastFilled = "";
  fill();
  byId("operator").value = "";
  byId("sale-note").textContent = "";
  for (const reason of byId("void").querySelectorAll("input[type=radio]")) reason.checked = false;
  byId("sale").showModal();
  byId("sale-close").focus();
}

function fact(name, value) {
  return value ? [el("dt", {}, name), el("dd", {}, value)] : [];
}

export function fill() {
  const sale = sales.get(shown);
  const filled = current() + JSON.stringify(sale);
  if (!sale || filled === lastFilled) return; // whoever is choosing a reason keeps place and focus
  lastFilled = filled;
  byId("sale-title").textContent = t("sale");
  byId("sale-facts").replaceChildren(...fact(t("time"), clock(sale.at)), ...fact(t("member"), sale.member), ...fact(t("amount"), sale.amount && yen(sale.amount)),
    ...fact(t("points"), signed(sale.points) + (sale.void ? `（${t("tag_voided")} ${clock(sale.void.at)}）` : "")));
  byId("sale-why").replaceChildren(...(sale.explain?.[current()] ?? []).map((line) => el("li", {}, line)));
  byId("void").hidden = Boolean(sale.void);
  byId("void").querySelector("legend").textContent = t("reason");
  byId("void").querySelector(".operator span").textContent = t("operator");
  const checked = byId("void").querySelector("input:checked")?.value;
  byId("void").querySelector(".reasons").replaceChildren(
    ...REASONS.map((name) => el("label", {}, el("input", { type: "radio", name: "reason", value: name, checked: name === checked }), el("span", {}, t(name)))));
  byId("sale-void").hidden = Boolean(sale.void);
  byId("sale-void").textContent = t("void_now");
  byId("sale-close").textContent = t("close");
}

export async function voidNow() {
  const reason = byId("void").querySelector("input:checked")?.value;
  const note = byId("sale-note");
  if (!reason) {
    note.textContent = t("choose_reason");
    byId("void").querySelector("input").focus();
    return;
  }
  byId("sale-void").disabled = true;
  note.textContent = t("sending");
  const operator = byId("operator").value.trim();
  const asked = { sale_id: shown, reason, ...(operator ? { operator } : {}) };
  const result = await asManager("/v1/voids", asked, { key: `${key}-${reason}`, onWaiting: () => (note.textContent = t("resending")) });
  byId("sale-void").disabled = false;
  if (result.ok) byId("sale").close();
  else {
    const words = (result.problem ?? LOST)[current()];
    note.textContent = `${words.title}. ${words.todo} [${(result.problem ?? LOST).code}]`;
  }
}

// The one message that the agent cannot send.
export const LOST = {
  code: "E902",
  ja: { title: "レジのプログラムとつながっていません", todo: "会計は続けられます。自動でつなぎ直します。" },
  en: { title: "The page has lost the agent", todo: "Go on selling. It reconnects by itself." },
};
