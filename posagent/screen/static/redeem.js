// Owns what is used up in a sale: coupons, points and prepaid value offered, taken on and off, and what is left to pay. Nothing is reckoned here.

import { newKey, post } from "./ask.js";
import { el } from "./stage.js";
import { current, either, number, t, yen } from "./words.js";

const day = (iso) => `${Number(iso.slice(5, 7))}/${Number(iso.slice(8, 10))}`;
const until = (iso) => (current() === "ja" ? `${day(iso)}${t("until")}` : `${t("until")} ${day(iso)}`);

// A coupon whose code was typed, until it is taken or the sale is over.
let checked = null;
export function offer(answer) {
  checked = answer;
  if (!answer) typed.clear();
}
const typed = new Map(); // by kind: an amount that is being typed outlives a balance that changes meanwhile
export const offered = () => checked;

// Whether there is anything that the member who waits could use.
export const offers = (open) => Boolean(checked || (open?.member && (open.coupons?.some((one) => one.usable) || open.points?.redeemable || open.value)));

// Whether something can be used now: an amount, not paid yet, and a member or a coupon.
export const usable = (open) => Boolean(open?.amount && open.paid === false && (open.member || checked || open.reductions?.length));

function button(name, words, act, extra = {}) {
  return el("button", { type: "button", class: "use", "data-use": name, ...(act ? { onclick: act } : {}), ...extra }, ...words);
}

function coupon(one, use) {
  const words = [el("span", { class: "tag" }, t("coupon")), el("b", {}, either(one.label)), el("small", {}, one.last_day ? until(one.last_day) : "")];
  if (!use) return el("li", { class: "coupon" }, ...words);
  return el("li", {}, button(`coupon ${one.key}`, words, () => use({ kind: "coupon", code: one.key }), { disabled: !one.usable }));
}

// A field with an amount and its button.
function part(kind, most, words, limit, use) {
  const field = el("input", { id: kind, inputmode: "numeric", maxlength: 7, value: typed.get(kind) ?? String(most), "aria-label": words, oninput: () => typed.set(kind, field.value) });
  const act = () => {
    const amount = Number(field.value.normalize("NFKC").replace(/[\s,]/g, ""));
    if (Number.isInteger(amount) && amount > 0) use({ kind, amount });
    else field.focus();
  };
  field.addEventListener("keydown", (event) => event.key === "Enter" && act());
  return el("li", { class: "points-use" }, field, button(kind, [el("b", {}, words), el("small", {}, limit)], act));
}

const points = ({ redeemable, yen: worth }, use) => part("points", redeemable, t("use_points"), t("at_most", number(redeemable), yen(worth)), use);

// The balance is a proposal only: head office has the last word.
function value({ balance, usable: most }, use) {
  const words = balance === null ? t("up_to", yen(most)) : `${t("balance")} ${yen(balance)}`;
  return part("value", balance > 0 ? Math.min(balance, most) : most, t("use_value"), words, use);
}

function taken(one, release) {
  const name = one.kind === "coupon" ? either(one.label) : one.kind === "points" ? `${number(one.points ?? 0)} ${t("points")}` : t("value");
  return el("li", { class: "taken" }, el("span", {}, name), el("b", {}, one.gift ? t("gift") : yen(-one.amount)),
    el("button", { type: "button", class: "quiet", "data-release": one.id, "aria-label": `${t("take_off")}: ${name}`, onclick: () => release(one.id) }, t("take_off")));
}

function rates(rows) {
  const off = rows.filter((row) => row.discount);
  if (!off.length) return null;
  return el("p", { class: "rates" }, `${t("at_the_till")} `, ...off.flatMap(({ tax, discount }) => [el("span", {}, `${tax / 100}%`), el("b", {}, yen(-discount))]));
}

// The member's rights at a glance, under whatever else is said.
export function shownRights(open) {
  if (!open?.member) return [];
  const known = open.coupons?.filter((one) => one.usable) ?? [];
  return [
    open.points ? el("p", { class: "balance" }, el("span", {}, t("balance")), el("b", {}, number(open.points.balance)), el("span", {}, t("points"))) : null,
    known.length ? el("ul", { class: "coupons" }, ...known.slice(0, 3).map((one) => coupon(one, null))) : null,
    open.value?.balance ? el("p", { class: "balance" }, el("span", {}, t("value")), el("b", {}, yen(open.value.balance))) : null,
    el("div", { class: "rights" }, offers(open) && !open.amount ? button("switch", [t("use_something"), el("kbd", {}, "F4")], null, { id: "use" }) : null,
      open.charge ? button("charge", [t("charge"), el("kbd", {}, "F8")], null, { id: "charge" }) : null),
  ].filter(Boolean);
}

// The open sale with what can be used in it. act: {use(what), release(id), paid() or null}
export function checkout(open, act) {
  const typed = checked && !open.coupons?.some((one) => one.key === checked.key) ? checked : null;
  return [
    el("h1", { id: "stage-title", class: "due" }, el("span", {}, t("payable")), ` ${yen(open.payable ?? open.amount)}`),
    open.reductions?.length ? el("ul", { class: "reductions" }, ...open.reductions.map((one) => taken(one, act.release))) : null,
    rates(open.per_rate ?? []),
    el("ul", { class: "rights" }, typed ? coupon({ ...typed, usable: true }, act.use) : null, ...(open.coupons ?? []).map((one) => coupon(one, act.use)),
      open.points?.redeemable ? points(open.points, act.use) : null, open.value?.usable ? value(open.value, act.use) : null),
    act.paid ? el("button", { type: "button", class: "primary", id: "paid", onclick: act.paid }, t("paid_now")) : el("p", { class: "todo" }, t("paid_by_till")),
  ].filter(Boolean);
}

// What a coupon would do, as the agent answered: on the stage. use: takes it, or null where no sale waits for its payment.
export function worth(answer, use) {
  if (!answer.usable) {
    const { title, todo } = answer.words?.[current()] ?? { title: t("unusable"), todo: "" };
    return [el("span", { class: "code" }, answer.code ?? ""), el("h1", { id: "stage-title", class: "word" }, title), el("p", { class: "todo" }, [either(answer.label), todo].filter(Boolean).join("　"))];
  }
  const off = answer.gift ? t("gift") : answer.discount ? yen(-answer.discount) : "";
  return [
    el("ul", { class: "coupons" }, coupon(answer, null)),
    el("h1", { id: "stage-title", class: "due" }, off ? `${t("worth")} ${off}` : either(answer.label)),
    rates(answer.per_rate ?? []),
    use ? button("typed", [el("b", {}, t("use_coupon")), el("kbd", {}, "F4")], () => use({ kind: "coupon", code: answer.key })) : el("p", { class: "todo" }, t("use_next")),
  ].filter(Boolean);
}

export const check = (code, onWaiting) => post("/v1/coupons/check", { code }, { onWaiting });
export const use = (what, onWaiting) => post("/v1/redemptions", what, { key: newKey(), onWaiting });
export const release = (id, onWaiting) => post(`/v1/redemptions/${encodeURIComponent(id)}/release`, {}, { key: newKey(), onWaiting });
