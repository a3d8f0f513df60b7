// Owns the stage: what happened, in one glance.

import { age, clock, clockOrDay, current, either, number, signed, t, yen } from "./words.js";

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

// An informational code asks nobody to act; it is shown in amber, without the alarm.
export const isMild = (code) => /^E(201|215|4\d\d|60[67]|61[01]|62[013]|677)$/.test(code ?? "");

const title = (text, extra = {}) => el("h1", { id: "stage-title", ...extra }, text);

function coupon(one) {
  const last = one.last_day ? el("small", {}, current() === "ja" ? `${day(one.last_day)}${t("until")}` : `${t("until")} ${day(one.last_day)}`) : null;
  return el("li", { class: "coupon" }, el("span", { class: "tag" }, t("coupon")), el("b", {}, either(one.label)), last);
}

const day = (iso) => `${Number(iso.slice(5, 7))}/${Number(iso.slice(8, 10))}`;

function stamps({ position, size }) {
  const dots = Array.from({ length: Math.min(size, 20) }, (_, n) => el("i", { class: n < position ? "on" : "" }));
  return el("div", { class: "stamps", role: "img", "aria-label": `${t("stamps")} ${position}/${size}` }, el("span", {}, t("stamps")), el("div", {}, ...dots), el("b", {}, `${position}/${size}`));
}

function balance(event) {
  if (!event.balance) return null;
  const when = event.balance.as_of ? (current() === "ja" ? `${clockOrDay(event.balance.as_of)} ${t("as_of")}` : `${t("as_of")} ${clockOrDay(event.balance.as_of)}`) : "";
  return el("p", { class: "balance" }, el("span", {}, t("balance")), el("b", {}, number(event.balance.value)), el("small", {}, when));
}

function granted(event) {
  const none = !event.points;
  return [
    el("p", { class: "over" }, el("b", {}, event.member ?? ""), event.amount ? el("span", {}, `${t("sale_of")} ${yen(event.amount)}`) : null, el("time", {}, clock(event.at))),
    title(none ? t("none_granted") : t("granted"), { class: none ? "" : "unseen" }),
    none ? null : el("p", { class: "points" }, el("b", {}, signed(event.points)), el("span", {}, t("points"))),
    event.offline ? el("p", { class: "later" }, t("later")) : null,
    el("div", { class: "under" }, balance(event), event.stamps ? stamps(event.stamps) : null),
    event.coupons?.length ? el("ul", { class: "coupons" }, ...event.coupons.slice(0, 3).map(coupon)) : null,
  ];
}

function voided(event) {
  return [
    el("p", { class: "over" }, el("b", {}, event.member ?? ""), event.amount ? el("span", {}, `${t("sale_of")} ${yen(event.amount)}`) : null, el("time", {}, clock(event.at))),
    title(t("voided"), { class: "word" }),
    el("p", { class: "points" }, el("b", {}, signed(event.points ?? 0)), el("span", {}, t("points"))),
    el("div", { class: "under" }, balance(event)),
  ];
}

// A charge, a refund, an adjustment: what moved, for whom, and what stands now.
function moved(event) {
  const { kind, points = 0, bonus, amount } = event;
  const sum = kind === "charged" ? [el("b", {}, yen(amount))] : [el("b", {}, signed(points)), el("span", {}, t("points"))];
  return [
    el("p", { class: "over" }, el("b", {}, event.member ?? ""), el("time", {}, clock(event.at))),
    title(t(kind), { class: "word" }),
    el("p", { class: "points" }, ...sum),
    bonus ? el("p", {}, `＋ ${yen(bonus)}`) : null,
    event.balance ? el("p", { class: "balance" }, el("span", {}, t("value")), el("b", {}, yen(event.balance.value))) : null,
  ];
}

function trouble({ message, code, values }) {
  const said = message[current()];
  return [el("span", { class: "code" }, code ?? message.code), title(said.title, { class: "word" }), el("p", { class: "todo" }, said.todo), values?.label ? el("p", { class: "balance" }, el("b", {}, values.label), el("span", {}, either(values.benefit))) : null];
}

function waiting(kind) {
  return [el("span", { class: `sign ${kind === "wait_amount" ? "till" : "card"}`, "aria-hidden": "true" }), title(t(kind), { class: "word" }), el("p", { class: "todo" }, t(`${kind}_sub`))];
}

let lastDrawn = "";

// shown: {kind: idle | wait_amount | wait_member | using | coupon | granted | voided | charged | refunded | adjusted | trouble, fact}.
// others: {using, coupon, rights}, which make what stands there while something can be used, and what stands under the waiting word.
export function showStage(shown, open, others = {}) {
  const drawn = current() + JSON.stringify([shown, open, others.state]);
  if (drawn === lastDrawn) return; // who is on a button of the stage keeps place and focus
  lastDrawn = drawn;
  const stage = byId("stage");
  stage.dataset.kind = shown.kind === "trouble" && isMild(shown.fact.message.code) ? "mild" : shown.kind;
  stage.classList.toggle("offline", Boolean(shown.fact?.offline));
  const make = { granted, voided, trouble, charged: moved, refunded: moved, adjusted: moved, using: others.using, coupon: others.coupon }[shown.kind];
  const nodes = make ? make(shown.fact) : [...waiting(shown.kind), ...(others.rights?.() ?? [])];
  byId("stage-body").replaceChildren(...nodes.filter(Boolean));
  const sale = open ?? (shown.kind === "granted" ? shown.fact : null);
  half("member", sale?.member, sale?.member ?? t("no_member"));
  half("amount", sale?.amount, sale?.amount ? yen(sale.amount) : t("no_amount"));
}

function half(name, there, text) {
  const item = document.querySelector(`[data-half=${name}]`);
  item.classList.toggle("there", Boolean(there));
  item.querySelector("span").textContent = t(name);
  item.querySelector("b").textContent = text;
}

export const MOVED = ["charged", "refunded", "adjusted"];

// What a screen reader says of it: one sentence.
export function said(shown) {
  const { kind, fact } = shown;
  if (kind === "granted") return `${fact.member ?? ""} ${signed(fact.points)} ${t("points")}${fact.offline ? `. ${t("later")}` : ""}`;
  if (kind === "voided") return `${t("voided")} ${fact.member ?? ""} ${signed(fact.points ?? 0)} ${t("points")}`;
  if (MOVED.includes(kind)) return `${t(kind)} ${fact.member ?? ""} ${kind === "charged" ? yen(fact.amount) : `${signed(fact.points ?? 0)} ${t("points")}`}`;
  if (kind === "trouble") return `${fact.message[current()].title}. ${fact.message[current()].todo} ${fact.message.code}`;
  return t(kind);
}

export function showDevices(status) {
  const rows = status.devices.map((device) => {
    const state = device.stale && device.as_of !== null ? t("stale", age(device.as_of)) : device.message ? device.message[current()].title : t(device.state);
    const works = device.state === "ready" && !device.stale;
    const soon = works || (!device.stale && (device.state === "opening" || device.state === "unknown")); // amber: paper near its end, not yet there
    const level = works && !device.code ? "ok" : soon ? "offline" : "action";
    const twins = status.devices.filter((other) => other.kind === device.kind).length > 1;
    return chip(level, twins ? `${t(device.kind)} ${device.name}` : t(device.kind), state, device.code, `${device.name} (${device.driver})`);
  });
  const { pending, oldest_s: oldest, link } = status.queue;
  const words = pending ? t("pending", pending, oldest ? age(oldest) : "") : link === "online" ? t("synced") : t(`link_${link}`);
  byId("devices").replaceChildren(...rows, chip(link === "online" ? "ok" : "offline", t("head_office"), words));
}

function chip(level, name, state, code, hint) {
  return el("li", { "data-level": level, title: hint }, el("i", { "aria-hidden": "true" }), el("b", {}, name), el("span", {}, state), code ? el("span", { class: "code" }, code) : null);
}
