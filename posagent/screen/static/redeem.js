// Owns what a member uses up in a sale: coupons and points offered, taken on and off, and what is left to pay. Nothing is reckoned here.

import { newKey } from "./ask.js";
import { asManager } from "./pin.js";
import { el } from "./stage.js";
import { current, either, number, t, yen } from "./words.js";

const day = (iso) => `${Number(iso.slice(5, 7))}/${Number(iso.slice(8, 10))}`;
const until = (iso) => (current() === "ja" ? `${day(iso)}${t("until")}` : `${t("until")} ${day(iso)}`);

// Whether there is anything that the member who waits could use.
export const offers = (open) => Boolean(open?.coupons?.some((one) => one.usable) || open?.points?.redeemable);

// Whether something can be used now: card and amount are there, and it is not paid yet.
export const usable = (open) => Boolean(open?.member && open.amount && open.paid === false);

function button(name, words, act, extra = {}) {
  return el("button", { type: "button", class: "use", "data-use": name, ...(act ? { onclick: act } : {}), ...extra }, ...words);
}

function coupon(one, use) {
  const words = [el("span", { class: "tag" }, t("coupon")), el("b", {}, either(one.label)), el("small", {}, one.last_day ? until(one.last_day) : "")];
  if (!use) return el("li", { class: "coupon" }, ...words);
  return el("li", {}, button(`coupon ${one.key}`, words, () => use({ kind: "coupon", code: one.key }), { disabled: !one.usable }));
}

function points({ redeemable, yen: worth }, use) {
  const field = el("input", { id: "points", inputmode: "numeric", maxlength: 7, value: String(redeemable), "aria-label": t("use_points") });
  const act = () => {
    const amount = Number(field.value.normalize("NFKC").replace(/[\s,]/g, ""));
    if (Number.isInteger(amount) && amount > 0) use({ kind: "points", amount });
    else field.focus();
  };
  return el("li", { class: "points-use" }, field, button("points", [el("b", {}, t("use_points")), el("small", {}, t("at_most", number(redeemable), yen(worth)))], act));
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
    offers(open) && !open.amount ? button("switch", [t("use_something"), el("kbd", {}, "F4")], null, { id: "use" }) : null,
  ].filter(Boolean);
}

// The open sale with what can be used in it. act: {use(what), release(id), paid() or null}
export function checkout(open, act) {
  return [
    el("h1", { id: "stage-title", class: "due" }, el("span", {}, t("payable")), ` ${yen(open.payable ?? open.amount)}`),
    open.reductions?.length ? el("ul", { class: "reductions" }, ...open.reductions.map((one) => taken(one, act.release))) : null,
    rates(open.per_rate ?? []),
    el("ul", { class: "rights" }, ...(open.coupons ?? []).map((one) => coupon(one, act.use)), open.points?.redeemable ? points(open.points, act.use) : null),
    act.paid ? el("button", { type: "button", class: "primary", id: "paid", onclick: act.paid }, t("paid_now")) : el("p", { class: "todo" }, t("paid_by_till")),
  ].filter(Boolean);
}

export const use = (what, onWaiting) => asManager("/v1/redemptions", what, { key: newKey(), onWaiting });
export const release = (id, onWaiting) => asManager(`/v1/redemptions/${encodeURIComponent(id)}/release`, {}, { key: newKey(), onWaiting });
