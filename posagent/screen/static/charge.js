// Owns the dialog in which prepaid value is charged for the member who waits. Limits are the agent's words; it has the last one.

import { newKey, post } from "./ask.js";
import { LOST } from "./sales.js";
import { byId, el } from "./stage.js";
import { current, number, own, t, yen } from "./words.js";

const TENDERS = ["cash", "card", "code"];
const w = own({
  title: [(who) => `${who} にチャージ`, (who) => `Charge for ${who}`], sum: ["チャージする金額（円）", "Amount to charge (yen)"], tender: ["お支払い方法", "Paid by"],
  cash: ["現金", "Cash"], card: ["カード", "Card"], code: ["コード決済", "Code payment"], go: ["チャージする", "Charge"],
  limits: [(unit, min, max) => `${unit} 円単位、${min} 円から${max ? ` ${max} 円` : ""}`, (unit, min, max) => `in steps of ${unit} yen, from ${min}${max ? ` to ${max}` : ""}`],
  wrong: ["金額を確かめてください", "Check the amount"],
});

export function open({ member, charge: limits }) {
  if (document.querySelector("dialog[open]")) return;
  const { unit, min, max } = limits;
  let key = newKey();
  let sent = "";
  const sum = el("input", { id: "charge-sum", inputmode: "numeric", maxlength: 7, autocomplete: "off", "aria-describedby": "charge-limits" });
  const note = el("p", { class: "note bad", role: "alert" });
  const cancel = el("button", { type: "button", class: "primary plain" }, t("close"));
  const go = el("button", { type: "submit", class: "primary" }, w("go"));
  const quick = [1, 2, 3, 5, 10].map((times) => times * Math.max(unit, min)).filter((amount) => !max || amount <= max);
  const form = el("form", { novalidate: true },
    el("h2", { id: "charge-title" }, w("title", member)),
    el("label", { class: "operator" }, el("span", {}, w("sum")), sum),
    el("p", { id: "charge-limits" }, w("limits", number(unit), number(min), max ? number(max) : "")),
    el("div", { class: "reasons" }, ...quick.map((amount) => el("button", { type: "button", class: "use", onclick: () => (sum.value = String(amount)) }, yen(amount)))),
    el("fieldset", {}, el("legend", {}, w("tender")), el("div", { class: "reasons" }, ...TENDERS.map((name, index) =>
      el("label", {}, el("input", { type: "radio", name: "tender", value: name, checked: index === 0 }), el("span", {}, w(name)))))),
    note, el("div", { class: "answers" }, cancel, go));
  const dialog = el("dialog", { id: "charging", "aria-labelledby": "charge-title" }, form);
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    byId("amount").blur(); // it has the focus already, but the caret went with the dialog
    byId("amount").focus();
  });
  cancel.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = sum.value.normalize("NFKC").replace(/[\s,¥円]/g, "");
    const amount = /^\d+$/.test(text) ? Number(text) : 0;
    if (!amount || amount % unit || amount < min || (max && amount > max)) {
      note.textContent = `${w("wrong")}: ${w("limits", number(unit), number(min), max ? number(max) : "")}`;
      sum.focus();
      return;
    }
    const body = { amount, tender: form.elements.tender.value };
    if (sent && sent !== JSON.stringify(body)) key = newKey();
    sent = JSON.stringify(body);
    go.disabled = true;
    note.textContent = t("sending");
    const result = await post("/v1/charges", body, { key, onWaiting: () => (note.textContent = t("resending")) });
    go.disabled = false;
    if (result.ok) return dialog.close();
    const problem = result.problem ?? LOST; // without an answer it may have been charged: the same wish again goes under the same key
    if (result.problem) key = newKey();
    note.textContent = `${problem[current()].title}. ${problem[current()].todo} [${problem.code}]`;
    sum.focus();
  });
  dialog.showModal();
  sum.focus();
}
