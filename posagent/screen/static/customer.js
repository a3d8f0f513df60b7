// Owns the customer's screen: what is to be paid, what was earned, and nothing else. No number of a card, no trouble of ours, no button.

import { el } from "./stage.js";
import { Stream } from "./stream.js";
import { choose, current, either, number, signed, yen } from "./words.js";

const SHOWN_MS = 25_000; // a result makes room for the next customer
const AWAY_MS = 20_000; // what happened so lately, while the line was down, is still this customer's

const WORDS = {
  idle: ["いらっしゃいませ", "Welcome"],
  idle_sub: ["会員証やスマホの会員画面をお見せください", "Please show your member card or the member screen on your phone"],
  due: ["お会計", "Your total"],
  show_card: ["会員証をお持ちでしたらお見せください", "Do you have a member card? Please show it"],
  card_read: ["会員証を読み取りました", "Your member card was read"],
  card_read_sub: ["お会計をお待ちください", "One moment, please"],
  thanks: ["ありがとうございました", "Thank you"],
  voided: ["取り消しました", "This was cancelled"],
  points: ["ポイント", "points"],
  balance: ["残高", "Balance"],
  as_of: ["時点", "as of"],
  stamps: ["スタンプ", "Stamps"],
  coupon: ["クーポン", "Coupon"],
  until: ["まで", "until"],
  later: ["ポイントは後で登録されます", "Your points are registered later"],
  wait: ["少々お待ちください", "One moment, please"],
};

const w = (name) => WORDS[name][current() === "ja" ? 0 : 1];
const other = (name) => el("p", { class: "second", lang: current() === "ja" ? "en" : "ja" }, WORDS[name][current() === "ja" ? 1 : 0]);
const dated = (at) => `${Number(at.slice(5, 7))}/${Number(at.slice(8, 10))}`;
const placed = (what, word) => (current() === "ja" ? `${what}${w(word)}` : `${w(word)} ${what}`);

let store = "";
let open = null;
let result = null;
let clearing;
let live = false;
let lost = true;

function stamps({ position, size }) {
  const dots = Array.from({ length: Math.min(size, 20) }, (_, n) => el("i", { class: n < position ? "on" : "" }));
  return el("div", { class: "stamps", role: "img", "aria-label": `${w("stamps")} ${position}/${size}` }, el("span", {}, w("stamps")), ...dots);
}

function coupon(one) {
  return el("li", { class: "coupon" }, `${w("coupon")} `, el("b", {}, either(one.label)), one.last_day ? el("small", {}, placed(dated(one.last_day), "until")) : null);
}

function balance({ value, as_of: at }) {
  return el("span", {}, w("balance"), el("b", {}, number(value)), at ? el("small", {}, placed(`${dated(at)} ${at.slice(11, 16)}`, "as_of")) : null);
}

function ended(event) {
  return [
    el("h1", {}, w(event.kind === "voided" ? "voided" : "thanks")),
    event.points ? el("p", { class: "points" }, el("b", {}, signed(event.points)), el("span", {}, w("points"))) : other("thanks"),
    event.offline ? el("p", { class: "later" }, w("later")) : null,
    event.balance || event.stamps ? el("div", { class: "facts" }, event.balance ? balance(event.balance) : null, event.stamps ? stamps(event.stamps) : null) : null,
    event.coupons?.length ? el("ul", {}, ...event.coupons.slice(0, 3).map(coupon)) : null,
  ];
}

function paying({ amount, payable, member, reductions = [] }) {
  const word = member ? "card_read" : "show_card";
  return [
    el("p", { class: "due" }, el("span", {}, w("due")), el("b", {}, yen(payable ?? amount))),
    ...reductions.map((one) => el("p", { class: "off" }, either(one.label), el("b", {}, yen(-one.amount)))),
    el("h1", {}, w(word)),
    other(word),
  ];
}

function draw() {
  document.getElementById("store").textContent = store;
  const kind = lost ? "wait" : open ? (open.amount ? "paying" : "card_read") : (result?.kind ?? "idle");
  document.body.dataset.kind = kind;
  const parts = {
    wait: () => [el("h1", {}, w("wait")), other("wait")],
    paying: () => paying(open),
    card_read: () => [el("h1", {}, w("card_read")), el("p", { class: "second" }, w("card_read_sub")), other("card_read")],
    granted: () => ended(result),
    voided: () => ended(result),
    idle: () => [el("h1", {}, w("idle")), el("p", { class: "second" }, w("idle_sub")), other("idle_sub")],
  }[kind]();
  document.getElementById("said").replaceChildren(...parts.filter(Boolean));
}

function takeStatus(found) {
  store = found.store_name;
  open = found.open;
  if (open) result = null; // the next customer stands here
  draw();
}

const stream = new Stream({
  async begin() {
    const response = await fetch("/v1/status", { signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error("line");
    const found = await response.json();
    choose(new URLSearchParams(location.search).get("lang") ?? found.language);
    takeStatus(found);
    return found.last_seq;
  },
  page(event) {
    if (event.kind !== "granted" && event.kind !== "voided") return;
    if (!live && Date.now() - Date.parse(event.at) > AWAY_MS) return;
    result = event;
    clearTimeout(clearing);
    clearing = setTimeout(() => {
      result = null;
      draw();
    }, SHOWN_MS);
    draw();
  },
  notice() {}, // trouble is the cashier's
  status: takeStatus,
  live() {
    live = true;
    lost = false;
    document.body.dataset.link = "on";
    draw();
  },
  reset() {},
  lost() {
    live = false;
    lost = true;
    document.body.dataset.link = "lost";
    draw();
  },
});

stream.run();
