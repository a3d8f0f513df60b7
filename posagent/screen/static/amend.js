// Owns what a manager puts right for the member who waits: points for an earlier sale, and an account's balance.

import { asManager, newKey } from "./ask.js";
import * as sales from "./sales.js";
import { byId, el } from "./stage.js";
import { clock, current, either, number, own, signed, t, yen } from "./words.js";

const REASONS = ["grant_missed", "wrong_member", "system_fault", "goodwill", "migration", "other"];
const w = own({
  amend: ["後から付ける・直す", "Put right"], nobody: ["会員証を読み取ると使えます", "Scan the member card first"], late: ["付け忘れた会計にポイントを付ける", "Points for an earlier sale"],
  none_left: ["会員のいない会計はありません", "No sale without a member"], grant: ["この会計に付ける", "Give the points"], adjust: ["残高を調整する", "Adjust an account"], account: ["口座", "Account"],
  delta: ["増減（±）", "Change (±)"], why: ["理由", "Reason"], text: ["説明", "Explanation"], go: ["調整する", "Adjust"],
  wrong_member: ["会員の間違い", "Wrong member"], other: ["その他", "Other"], grant_missed: ["付け忘れ", "Points were missed"], system_fault: ["機器の不具合", "Fault of the system"], goodwill: ["お詫び", "Goodwill"], migration: ["移行", "Migration"],
  choose_sale: ["会計を選んでください", "Choose a sale"], choose: ["選んでください", "Choose"], wrong: ["0 以外の整数で入力してください", "Enter a whole number that is not 0"], explain: ["「その他」には説明が必要です", "Other needs an explanation"],
  granted: [(who, n) => `${who} に ${n} ポイントを付けました`, (who, n) => `${who}: ${n} points given`], already: ["この会計にはもう付いています", "This sale has its points already"],
  adjusted: [(who, label, n) => `${who} の${label}を ${n} 調整しました`, (who, label, n) => `${who}: ${label} adjusted by ${n}`], receipt: [(no) => `No. ${no}`, (no) => `No. ${no}`],
});

let open = null;
let said = null; // {text(), bad}
let busy = false;
let lastDrawn = "";
const keys = new Map(); // a wish without an answer keeps its key

export function draw(opened) {
  open = opened ?? null;
  const member = open?.member;
  const left = sales.waiting();
  byId("amend").querySelector(".note").textContent = said ? said.text() : "";
  byId("amend").querySelector(".note").classList.toggle("bad", Boolean(said?.bad));
  const drawn = current() + JSON.stringify([member, open?.accounts, left, busy]);
  if (drawn === lastDrawn) return; // whoever is in a field keeps place and focus
  lastDrawn = drawn;
  byId("amend-title").textContent = w("amend");
  byId("amend-who").replaceChildren(...(member ? [t("member"), el("b", {}, member)] : [w("nobody")]));
  drawLate(left, member);
  drawAdjust(member);
}

function drawLate(left, member) {
  const form = byId("late");
  const chosen = form.querySelector("input:checked")?.value;
  const focused = form.contains(document.activeElement) && document.activeElement.value;
  form.querySelector("h3").textContent = w("late");
  const pick = form.querySelector(".pick");
  pick.setAttribute("aria-label", w("late"));
  pick.replaceChildren(...left.map((sale) => el("label", {}, el("input", { type: "radio", name: "sale", value: sale.sale_id, checked: sale.sale_id === chosen }),
    el("time", {}, clock(sale.at)), el("span", {}, sale.receipt_no ? w("receipt", sale.receipt_no) : ""), el("span", {}, yen(sale.amount)))), ...(left.length ? [] : [w("none_left")]));
  if (focused) [...pick.querySelectorAll("input")].find((input) => input.value === focused)?.focus();
  const button = form.querySelector("button");
  button.textContent = w("grant");
  button.disabled = !member || !left.length || busy;
}

function drawAdjust(member) {
  const form = byId("adjust");
  const { account, reason } = form.elements;
  const before = [account.value, reason.value];
  form.querySelector("h3").textContent = w("adjust");
  const choice = (list, words) => [el("option", { value: "" }, w("choose")), ...list.map((value) => el("option", { value }, words(value)))];
  const accounts = open?.accounts ?? [];
  account.replaceChildren(...choice(accounts.map((one) => one.name), label));
  reason.replaceChildren(...choice(REASONS, (name) => w(name)));
  account.value = accounts.length === 1 ? accounts[0].name : accounts.some((one) => one.name === before[0]) ? before[0] : "";
  reason.value = before[1];
  ["account", "delta", "why", "text"].forEach((name, index) => (form.querySelectorAll("label span")[index].textContent = w(name)));
  for (const part of form.elements) part.disabled = !member || busy;
  form.querySelector("button").textContent = w("go");
}

const label = (name) => either(open?.accounts?.find((one) => one.name === name)?.label ?? name);

function refuse(words, field) {
  said = { text: () => w(words), bad: true };
  draw(open);
  field?.focus();
}

async function send(path, body, done) {
  if (busy) return false;
  const wish = path + JSON.stringify(body);
  if (!keys.has(wish)) keys.set(wish, newKey());
  busy = true;
  said = { text: () => t("sending") };
  draw(open);
  const result = await asManager(path, body, { key: keys.get(wish), onWaiting: () => (said = { text: () => t("resending") }) });
  busy = false;
  const problem = result.problem ?? sales.LOST;
  if (result.ok || result.problem) keys.delete(wish);
  said = result.ok ? { text: () => done(result.answer) } : { text: () => `${problem[current()].title}. ${problem[current()].todo} [${problem.code}]`, bad: true };
  draw(open);
  return result.ok;
}

async function late(event) {
  event.preventDefault();
  const sale = byId("late").querySelector("input:checked")?.value;
  if (!sale) return refuse("choose_sale", byId("late").querySelector("input"));
  await send("/v1/late-grants", { sale_id: sale }, (answer) => (answer.result === "already" ? w("already") : w("granted", answer.member, number(answer.points))));
}

async function adjust(event) {
  event.preventDefault();
  const { account, delta, reason, text } = byId("adjust").elements;
  if (!account.value) return refuse("choose", account);
  const digits = delta.value.normalize("NFKC").replace(/[\s,]/g, "").replace(/^[−ー‐–]/, "-");
  if (!/^[+-]?\d{1,8}$/.test(digits) || !Number(digits)) return refuse("wrong", delta);
  if (!reason.value) return refuse("choose", reason);
  const why = text.value.trim();
  if (reason.value === "other" && !why) return refuse("explain", text);
  const body = { account: account.value, delta: Number(digits), reason: reason.value, role: "manager", ...(why ? { text: why } : {}) };
  const words = label(account.value);
  if (await send("/v1/adjustments", body, (answer) => w("adjusted", answer.member, words, signed(answer.delta)))) delta.value = text.value = reason.value = "";
}

export function wire() {
  byId("late").addEventListener("submit", late);
  byId("adjust").addEventListener("submit", adjust);
}
