// Owns the dialog of one sale, charge or adjustment: why so many points, what was used, its slips again, a part of it back, all of it back.

import { asManager, newKey } from "./ask.js";
import * as sales from "./sales.js";
import { byId, el } from "./stage.js";
import { clock, current, either, number, own, signed, t, yen } from "./words.js";

const VOID = ["returned", "wrong_amount", "wrong_member", "test", "other"];
const REFUND = ["returned", "wrong_amount", "defect", "other"];
const w = own({
  refund: ["一部返品", "Part refund"], refund_now: ["返品を確定する", "Refund"], back: ["戻る", "Back"], refund_reason: ["返品の理由", "Why did it come back?"],
  keeps: ["お客様に残る金額（円）", "What the customer keeps (yen)"], kept_lines: ["お客様に残る金額（明細ごと・返品分は 0）", "What the customer keeps of each line (0: it came back)"],
  line: [(n, tax) => `明細 ${n}（${tax}%）`, (n, tax) => `Line ${n} (${tax}%)`], defect: ["不良品", "Faulty"],
  keeps_wrong: [(most) => `0 から ${most} までの整数で入力してください`, (most) => `Enter a whole number from 0 to ${most}`], nothing_back: ["返品する分を減らしてください", "Lower what came back"],
  refunded: [(points, value) => `${points} ポイント${value ? `、残高へ ${value}` : ""}`, (points, value) => `${points} points${value ? `, ${value} to the prepaid value` : ""}`],
  came_back: [(sum) => `返品は ${sum} です`, (sum) => `${sum} came back`], kept: ["残り", "kept"], slips: ["印刷したもの", "Slips"], slip_point: ["レシート", "Slip"], slip_coupon: ["クーポン", "Coupon"], copy: [(n) => `再発行 ${n}`, (n) => `copy ${n}`],
  printed: ["印刷済み", "printed"], held: ["印刷待ち", "waiting"], not_printed: ["出ていません", "not printed"], asked: ["確認待ち", "asked about"],
  reprint: ["再発行する", "Print again"], reprinting: ["再発行しています。「再発行」の印が付きます", "Printing a copy, marked 再発行"], bonus: ["ボーナス", "Bonus"],
  account: ["口座", "Account"], points_used: ["ポイント利用", "Points used"], value_used: ["チャージ残高で支払い", "Paid with prepaid value"], coupon_used: ["クーポン利用", "Coupon used"],
  void_now: ["この会計を取り消す", "Void this sale"], choose_reason: ["理由を選んでください", "Choose a reason"], returned: ["返品", "Returned"], wrong_amount: ["金額の間違い", "Wrong amount"], wrong_member: ["会員の間違い", "Wrong member"], test: ["テスト", "Test"], reason: ["取り消す理由", "Why is it voided?"], other: ["その他", "Other"],
  sale: ["会計の内容", "Sale"], time: ["時刻", "Time"], operator: ["担当者（任意）", "Operator (optional)"],
  receipt: ["レシート番号", "Receipt"], void_charge: ["このチャージを取り消す", "Void this charge"],
});

let shown = null;
let refunding = false;
let keys = {};
let lastFilled = "";
let given = null; // a sale that the list does not show any more, as its refund told of it

const ofDialog = () => sales.find(shown) ?? given;

function note(text, good = false) {
  byId("sale-note").textContent = text;
  byId("sale-note").classList.toggle("ok", good);
}
const wish = (name) => (keys[name] ??= newKey());

// back: a refund that the till rang up ({amount, remaining_total, …}); its words are set, and nothing is sent before somebody says so
export function open(name, back = null) {
  if (byId("sale").open) return;
  shown = name;
  given = back && { kind: "granted", slips: [], used: [], refunds: [], void: null, ...back, at: back.sold_at, amount: back.total };
  refunding = Boolean(back?.remaining_total);
  keys = {};
  lastFilled = "";
  byId("sale-body").replaceChildren();
  byId("operator").value = "";
  note("");
  fill();
  byId("sale").showModal();
  if (!back) return byId("sale-close").focus();
  byId("void").querySelector("[value=returned]").checked = true;
  const whole = byId("sale-body").querySelector("[data-kept=total]");
  if (whole) whole.value = String(back.remaining_total);
  else if (refunding) note(w("came_back", yen(back.amount)));
  (refunding && !whole ? byId("sale-body").querySelector("[data-kept]") : byId("sale-void")).focus();
}

const fact = (name, value) => (value ? [el("dt", {}, name), el("dd", {}, value)] : []);

function facts(row) {
  const voided = row.void ? `（${t("tag_voided")} ${clock(row.void.at)}）` : "";
  const used = row.used.flatMap((one) => fact(w(one.kind), `${one.kind === "coupon_used" ? `${either(one.label)} ` : ""}${one.gift ? t("gift") : yen(-one.amount)}`));
  const back = row.refunds.flatMap((one) => fact(`${w("refund")} ${clock(one.at)}`, `${w("refunded", signed(one.points), one.value_back ? yen(one.value_back) : "")}（${w("kept")} ${yen(one.amount)}）`));
  const what = {
    charged: () => [...fact(t("charge"), yen(row.amount) + voided), ...fact(w("bonus"), row.bonus && yen(row.bonus)), ...fact(t("balance"), row.balance && yen(row.balance.value))],
    adjusted: () => [...fact(w("account"), row.account), ...fact(t("tag_adjusted"), signed(row.points))],
    used: () => [...used, ...back, ...fact(t("tag_voided"), row.void && clock(row.void.at))],
    granted: () => [...fact(t("amount"), row.amount && yen(row.amount)), ...fact(w("receipt"), row.receipt_no), ...used, ...fact(t("points"), signed(row.points) + voided), ...back],
  }[row.kind];
  return [...fact(w("time"), clock(row.at)), ...fact(t("member"), row.member), ...what()];
}

export function fill() {
  const row = ofDialog();
  const filled = current() + refunding + JSON.stringify([row, row?.slips.map(sales.slip)]);
  if (!row || filled === lastFilled) return; // whoever is choosing a reason keeps place and focus
  lastFilled = filled;
  if (row.void) refunding = false;
  byId("sale-title").textContent = w(row.kind === "charged" ? "charge" : row.kind === "adjusted" ? "tag_adjusted" : "sale");
  byId("sale-facts").replaceChildren(...facts(row));
  byId("sale-why").replaceChildren(...(refunding ? [] : (row.explain?.[current()] ?? [])).map((line) => el("li", {}, line)));
  const standing = !row.void && row.kind !== "adjusted";
  const checked = byId("void").querySelector("input:checked")?.value;
  byId("void").hidden = !standing;
  byId("void").querySelector("legend").textContent = refunding ? w("refund_reason") : w("reason");
  byId("void").querySelector(".operator span").textContent = w("operator");
  byId("void").querySelector(".reasons").replaceChildren(...(refunding ? REFUND : VOID).map((name) =>
    el("label", {}, el("input", { type: "radio", name: "reason", value: name, checked: name === checked }), el("span", {}, w(name)))));
  byId("sale-body").replaceChildren(...(refunding ? kept(row) : slips(row)));
  byId("sale-void").hidden = !standing;
  byId("sale-void").textContent = refunding ? w("refund_now") : row.kind === "charged" ? w("void_charge") : w("void_now");
  byId("sale-refund").hidden = !standing || row.kind !== "granted" || !sales.left(row);
  byId("sale-refund").textContent = refunding ? w("back") : w("refund");
  byId("sale-close").textContent = t("close");
}

// ---------------------------------------------------------------- its slips

function slips(row) {
  const known = row.slips.map(sales.slip).filter(Boolean);
  if (!known.length) return [];
  const items = known.map((slip) => el("li", {},
    el("span", {}, `${w(slip.coupon ? "slip_coupon" : "slip_point")} ${slip.serial.split("-").at(-1)}`), el("small", {}, w(slip.state) + (slip.copy > 1 ? `・${w("copy", slip.copy)}` : "")),
    slip.state === "printed" && !row.void ? el("button", { type: "button", class: "primary plain", "data-job": slip.job, onclick: () => reprint(slip) }, w("reprint")) : null));
  return [el("h3", {}, w("slips")), el("ul", { id: "sale-slips" }, ...items)];
}

async function reprint(slip) {
  if (await send(`/v1/print/${encodeURIComponent(slip.job)}/reprint`, { role: "manager" }, `slip ${slip.job}`)) note(w("reprinting"), true);
}

// ---------------------------------------------------------------- a part of it back

// One field for each line where the lines are known, else one for the total.
function kept(row) {
  const before = row.refunds.at(-1)?.kept;
  const field = (name, most, words) => el("label", { class: "operator" }, el("span", {}, words),
    el("input", { inputmode: "numeric", maxlength: 7, "data-kept": name, "data-most": most, value: String(most), autocomplete: "off" }));
  if (!row.lines?.length) return [field("total", sales.left(row), w("keeps"))];
  return [el("p", {}, w("kept_lines")), 
    ...row.lines.flatMap((one, index) => {
      const most = before ? (before[index + 1] ?? 0) : one.amount;
      return most ? [field(index + 1, most, w("line", index + 1, one.tax / 100))] : [];
    })];
}

// What the request says of what is kept; null where something is no number of this sale.
function asked() {
  const fields = [...byId("sale-body").querySelectorAll("[data-kept]")];
  const sums = fields.map((field) => field.value.normalize("NFKC").replace(/[\s,¥円]/g, "")).map((text) => (/^\d+$/.test(text) ? Number(text) : -1));
  const wrong = fields.find((field, index) => sums[index] < 0 || sums[index] > Number(field.dataset.most));
  if (wrong) {
    note(w("keeps_wrong", number(Number(wrong.dataset.most))));
    wrong.focus();
    return null;
  }
  if (fields.every((field, index) => sums[index] === Number(field.dataset.most))) {
    note(w("nothing_back"));
    fields[0].focus();
    return null;
  }
  if (fields[0].dataset.kept === "total") return { remaining_total: sums[0] };
  return { remaining_lines: sums.map((amount, index) => ({ line: Number(fields[index].dataset.kept), amount })).filter((line) => line.amount) };
}

export function turn() {
  refunding = !refunding;
  note("");
  fill();
  if (refunding) byId("sale-body").querySelector("[data-kept]").select();
  else byId("sale-refund").focus();
}

// ---------------------------------------------------------------- asking

// True where it was done. The same wish goes under the same key until there is an answer.
async function send(path, body, name) {
  const buttons = [...byId("sale").querySelectorAll("button:not(#sale-close)")].filter((button) => !button.disabled);
  const held = document.activeElement;
  const operator = byId("operator").value.trim();
  for (const button of buttons) button.disabled = true;
  note(t("sending"), true);
  const result = await asManager(path, { ...body, ...(operator ? { operator } : {}) }, { key: wish(`${name} ${operator}`), onWaiting: () => note(t("resending"), true) });
  for (const button of buttons) button.disabled = false;
  if (held.isConnected) held.focus();
  if (result.ok || result.problem) delete keys[`${name} ${operator}`];
  const words = result.problem ?? sales.LOST;
  note(result.ok ? "" : `${words[current()].title}. ${words[current()].todo} [${words.code}]`);
  return result.ok;
}

export async function act() {
  const row = ofDialog();
  const part = refunding ? asked() : {};
  if (!part) return;
  const reason = byId("void").querySelector("input:checked")?.value;
  if (!reason) {
    note(w("choose_reason"));
    byId("void").querySelector("input").focus();
    return;
  }
  const needed = refunding || row.kind === "charged" ? { role: "manager" } : {}; // where nobody has a PIN the word holds
  const body = { sale_id: shown, reason, ...needed, ...part };
  if (!(await send(refunding ? "/v1/refunds" : "/v1/voids", body, JSON.stringify(body)))) return;
  byId("sale").close();
}

byId("sale-void").addEventListener("click", act);
byId("sale-refund").addEventListener("click", turn);
