// Owns the page: what is shown when, and what keys and touches do.

import * as ask from "./ask.js";
import * as redeem from "./redeem.js";
import * as sales from "./sales.js";
import * as sound from "./sound.js";
import { byId, isMild, MOVED, said, showDevices, showStage } from "./stage.js";
import { Stream } from "./stream.js";
import { choose, current, number, t, yen } from "./words.js";

const LARGE_YEN = 100_000; // asks once more
const LONGEST_AMOUNT = 7; // digits; longer is a member number
const AWAY_MS = 120_000; // after a break of the line, what happened so lately is still worth the stage
const FIRST_EVENTS = 2000;
const NOTICE_MS = 30_000; // then a notice makes room; what needs a person stays in the banner

let status = null;
let live = false;
let shown = { kind: "idle" };
let lastSlip = null;
let confirmed = "";
let sending = false;
let noted = "";
let settled = ""; // the proposal that Enter has confirmed: the status says so a moment later
let again = false; // Enter was pressed while an answer was awaited
let boxes = null; // the part that shows what waits for a person
let rest;
let forgetting;
let wantsUse = false; // the next amount is not paid yet: something is to be used first

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
    if (event.kind === "slip") lastSlip = event.job ?? lastSlip;
    if (event.kind === "granted" || event.kind === "voided") {
      if (live) stage({ kind: event.kind, fact: event }, event.points || event.kind === "voided" ? "good" : null);
      else if (document.body.dataset.link !== "starting" && Date.now() - Date.parse(event.at) < AWAY_MS) shown = { kind: event.kind, fact: event };
    }
    if (live && MOVED.includes(event.kind)) stage({ kind: event.kind, fact: event }, "good");
    if (live) draw();
  },
  notice(notice) {
    if (!notice.message) return;
    if (notice.code === "E640") useSoon(); // a coupon was scanned before the amount
    const { code } = notice.message; // what the banner or the device strip says already does not push a grant from the stage
    if ((status?.level === "action" && status.code === code) || status?.devices.some((device) => device.code === code)) return;
    stage({ kind: "trouble", fact: notice }, isMild(notice.message.code) ? null : "bad");
  },
  status: takeStatus,
  live() {
    live = true;
    document.body.dataset.link = "on";
    ask.nudge();
    resendKept();
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

// What makes it another sale or another step of it. Not its balances, and not that head office is being asked: what just happened stays on the stage.
const step = (open) => JSON.stringify([open?.member, open?.amount, open?.paid, open?.reductions]);

function takeStatus(found) {
  const before = status;
  status = found;
  const { open } = found;
  const changed = step(open) !== step(before?.open);
  if (changed && open) shown = atRest();
  else if (changed && (shown.kind.startsWith("wait") || shown.kind === "using" || shown.kind === "coupon")) shown = { kind: "idle" };
  const taken = open?.reductions?.length > (before?.open?.reductions?.length ?? 0);
  if (changed && (!open || taken)) redeem.offer(null);
  if (changed && !open?.member && !redeem.offered()) wantsUse = false;
  if (changed && !open) ask.forgetUnpaid();
  if (changed && open?.proposed && !sending) note("");
  if (changed && open) byId("spoken").textContent = said(shown);
  if (found.level === "action" && found.message && found.code !== before?.code && before) {
    byId("alarm").textContent = `${found.message[current()].title}. ${found.message[current()].todo}`;
    sound.play("bad");
  }
  draw();
}

function stage(next, tone) {
  shown = next;
  clearTimeout(rest);
  if (next.kind === "trouble") rest = setTimeout(() => next === shown && backToRest(), NOTICE_MS);
  byId(next.kind === "trouble" ? "alarm" : "spoken").textContent = said(next);
  if (tone) sound.play(tone);
  draw();
}

// ---------------------------------------------------------------- drawing

function draw() {
  if (status) {
    byId("store").textContent = status.store_name;
    byId("register").textContent = status.register_name;
    showDevices(status);
  }
  const lost = document.body.dataset.link === "lost";
  const level = lost ? "action" : (status?.level ?? "ok");
  document.body.dataset.level = level;
  byId("level").querySelector("span").textContent = lost ? t("lost") : document.body.dataset.link === "starting" ? t("starting") : t(level);
  const message = lost ? sales.LOST : status?.message;
  const banner = byId("banner");
  banner.hidden = !message || (level === "ok" && !lost);
  if (message) {
    const { title, todo } = message[current()];
    for (const [part, text] of [[".code", message.code], ["strong", title], ["span", todo]]) banner.querySelector(part).textContent = text;
  }
  const { open } = status ?? {};
  showStage(shown, open, { using: () => redeem.checkout(open, { use, release, paid: owed(open) ? paid : null }), coupon: (fact) => redeem.worth(fact, redeem.usable(open) ? use : null), rights: () => redeem.shownRights(open), state: [wantsUse, Boolean(owed(open)), redeem.offered()] });
  drawWords();
  drawSlip();
  drawBoxes();
  drawNote();
  sales.show(Boolean(status?.shift_start_seq));
  sales.fill();
}

function drawWords() {
  document.querySelector("label[for=amount]").textContent = t("entry");
  byId("unit").textContent = t("unit");
  byId("submit").textContent = t("submit");
  byId("tech").textContent = t("tech");
  byId("manager").textContent = t("manager");
  byId("pad").textContent = t("keypad");
  byId("language").textContent = t("other_language");
  byId("language").lang = current() === "ja" ? "en" : "ja";
  byId("sound").textContent = t(`sound_${sound.state()}`);
  for (const key of byId("keypad").querySelectorAll("[data-word]")) key.textContent = t(key.dataset.word);
}

function drawSlip() {
  const job = status?.questions?.[0]?.job ?? lastSlip;
  byId("slip").hidden = !job || byId("slip").dataset.failed === job;
  byId("slip-title").textContent = t("slip");
  byId("slip-open").setAttribute("aria-label", t("enlarge"));
  const picture = byId("slip-picture");
  picture.alt = t("slip_alt");
  const address = job ? `/v1/slips/${encodeURIComponent(job)}.png` : "";
  if (job && picture.getAttribute("src") !== address) picture.src = address;
}

async function drawBoxes() {
  if (!boxes && !status?.questions?.length && !status?.refunds?.length) return;
  boxes ??= await sales.load("./boxes.js");
  boxes?.show(status, (problem) => stage({ kind: "trouble", fact: { message: problem ?? sales.LOST } }, "bad"));
}

// ---------------------------------------------------------------- the typed amount

// Where there is nothing else to say: what Enter on the empty field confirms.
function drawNote() {
  const { open } = status ?? {};
  byId("entry-note").textContent = noted || (open?.proposed && owed(open) && !byId("amount").value ? t("proposed", yen(open.amount)) : "");
}

function note(text, bad = false) {
  noted = text;
  drawNote();
  byId("entry").classList.toggle("bad", bad);
}

// Full-width digits (an input method left on) count as digits; separators and a yen sign do not count.
const plain = (text) => text.normalize("NFKC").replace(/[\s,¥\\円]/g, "");

// 4980 reads as 4,980 while it is typed at the end of the field.
function group() {
  const field = byId("amount");
  const text = plain(field.value);
  if (/^\d+$/.test(text) && text.length <= LONGEST_AMOUNT && field.selectionStart === field.value.length) field.value = number(Number(text));
  else if (/^[\d,]+$/.test(field.value) && text.length > LONGEST_AMOUNT) field.value = text;
}

async function submit(event) {
  event.preventDefault();
  const text = plain(byId("amount").value);
  if (!text) return paid();
  if (sending) {
    again = true;
    return;
  }
  if (/^\d+$/.test(text) && text.length <= LONGEST_AMOUNT) {
    const total = Number(text);
    if (!total) return note(t("not_a_number"), true);
    if (total > LARGE_YEN && confirmed !== text) {
      confirmed = text;
      return note(t("confirm", number(total)));
    }
    const old = ask.kept(); // entered again because no answer came: the same wish, the same key
    const same = old && old.body.total === total && Date.now() - old.at < ask.FRESH_MS;
    const body = { total, source: "typed", ...(wantsUse ? { paid: false } : {}) };
    await sendSale(same ? old : { key: ask.newKey(), at: Date.now(), body });
  } else if (/^C[0-9A-Z]{16}$/i.test(text.replace(/-/g, ""))) {
    byId("amount").value = "";
    await look(text);
  } else if (/^[\x21-\x7e]{8,}$/.test(text)) {
    await send("/v1/scans", { text }, ask.newKey());
  } else note(t("not_a_number"), true);
}

async function sendSale(sale) {
  ask.keep(sale);
  if (sale.body.paid === false) ask.keepUnpaid({ key: sale.key, total: sale.body.total });
  const sure = await send("/v1/sales", sale.body, sale.key);
  if (sure) ask.forget();
}

// True when there is an answer, good or bad; without one the sale is kept for the next try.
async function send(path, body, key) {
  const field = byId("amount");
  const typed = field.value;
  field.value = ""; // what is typed while the answer is awaited is the next entry
  sending = true;
  byId("entry").classList.add("sending");
  note(t("sending"));
  const result = await ask.post(path, body, { key, onWaiting: () => note(t("resending")) });
  sending = false;
  byId("entry").classList.remove("sending");
  confirmed = "";
  const answered = result.ok || (result.problem !== null && result.problem.status < 500);
  if (!answered && !field.value) field.value = typed;
  note(result.ok && path === "/v1/scans" ? t("sent_code") : "");
  if (!result.ok) {
    const problem = result.problem ?? sales.LOST;
    stage({ kind: "trouble", fact: { message: problem } }, "bad");
  }
  if (!byId("stage-body").contains(document.activeElement)) field.focus(); // F4 was faster; Enter there is not "paid"
  if (again) {
    again = false;
    byId("entry").requestSubmit();
  }
  return answered;
}

function resendKept() {
  const sale = ask.kept();
  if (!sale || sending) return;
  if (Date.now() - sale.at < ask.FRESH_MS) sendSale(sale);
  else {
    ask.forget(); // by now another customer stands here
    note(t("dropped", number(sale.body.total)), true);
  }
}

// ---------------------------------------------------------------- keys and touches

async function showKeypad(on) {
  const pad = byId("keypad");
  if (on && !pad.children.length) {
    const part = await sales.load("./keypad.js");
    if (!part) return; // the tablet's own keys do, and the next press tries again
    pad.replaceChildren(...part.keys(byId("amount"), plain));
    drawWords();
  }
  pad.hidden = !on;
  document.body.classList.toggle("padded", on);
  byId("pad").setAttribute("aria-expanded", String(on));
  byId("amount").inputMode = on ? "none" : "numeric"; // ours instead of the tablet's own, which would cover the page
}

function keys(event) {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.altKey || event.metaKey) return;
  const field = byId("amount");
  if (event.key === "Escape") {
    field.value = "";
    confirmed = "";
    note("");
    field.focus();
    backToRest();
  } else if (event.key === "F4") {
    event.preventDefault();
    if (shown.kind !== "coupon" && redeem.usable(status?.open)) backToRest(); // from a charge or a notice
    if (shown.kind === "using" || shown.kind === "coupon") byId("stage-body").querySelector("button:not(:disabled)")?.focus();
    else useNext();
  } else if (event.key === "F8") {
    event.preventDefault();
    charge();
  } else if (event.key === "F2") {
    event.preventDefault();
    byId("sales").querySelector("button")?.focus();
  } else if (/^\w$/.test(event.key) && document.activeElement.tagName !== "INPUT") {
    field.focus(); // it lands there
  }
}

const atRest = () => ({ kind: !status?.open ? "idle" : redeem.usable(status.open) ? "using" : status.open.member ? "wait_amount" : "wait_member" });

function backToRest() {
  shown = atRest();
  draw();
}

// ---------------------------------------------------------------- what is used up in the sale

function useNext() {
  if (!redeem.offers(status?.open) || status.open.amount) return;
  wantsUse = true;
  note(t("use_next"));
  byId("amount").focus();
  draw();
}

// A coupon came first: the next amount is not paid yet. Later this is another customer.
function useSoon() {
  wantsUse = true;
  clearTimeout(forgetting);
  forgetting = setTimeout(() => {
    wantsUse = false;
    redeem.offer(null);
    if (shown.kind === "coupon") backToRest();
  }, AWAY_MS);
}

// A coupon's code that was typed: what it is worth, and whether it can be used here.
async function look(code) {
  await act(async (onWaiting) => {
    const result = await redeem.check(code, onWaiting);
    if (result.ok) {
      redeem.offer(result.answer.usable ? result.answer : null);
      if (result.answer.usable && !status?.open?.amount) useSoon();
      stage({ kind: "coupon", fact: result.answer }, result.answer.usable ? null : "bad");
    }
    return result;
  });
}

async function charge() {
  if (!status?.open?.charge) return;
  const part = await sales.load("./charge.js");
  part?.open(status.open);
}

async function act(wish) {
  note(t("sending"));
  const result = await wish(() => note(t("resending")));
  note("");
  if (!result.ok) stage({ kind: "trouble", fact: { message: result.problem ?? sales.LOST } }, "bad");
  byId("amount").focus();
  return result.ok;
}

const use = (what) => act((onWaiting) => redeem.use(what, onWaiting));
const release = (id) => act((onWaiting) => redeem.release(id, onWaiting));

// The word that the open sale is paid: of one that was read at the till, or of one that was typed here as unpaid.
function owed(open) {
  const { amount: total, sale_id: confirms } = open ?? {};
  if (open?.proposed) return settled === `${confirms} ${total}` ? null : { body: { total, source: "typed", confirms } };
  const unpaid = ask.unpaid();
  return unpaid && open?.paid === false && unpaid.total === total ? { key: unpaid.key, body: { total, source: "typed", paid: true } } : null;
}

async function paid() {
  const word = owed(status?.open);
  if (!word) return;
  settled = `${word.body.confirms} ${word.body.total}`;
  if (!(await act((onWaiting) => ask.post("/v1/sales", word.body, { key: word.key, onWaiting })))) settled = "";
  drawNote();
}

function wire() {
  byId("stage-body").addEventListener("click", (event) => {
    if (event.target.closest("#use")) useNext();
    if (event.target.closest("#charge")) charge();
  });
  byId("entry").addEventListener("submit", submit);
  byId("amount").addEventListener("input", () => {
    confirmed = "";
    note("");
    group();
  });
  byId("pad").addEventListener("click", () => showKeypad(byId("keypad").hidden));
  byId("language").addEventListener("click", () => {
    choose(current() === "ja" ? "en" : "ja");
    localStorage.setItem("posagent.language", current());
    draw();
  });
  byId("sound").addEventListener("click", async () => {
    sound.toggle();
    await sound.wake();
    draw();
  });
  byId("sales").addEventListener("keydown", sales.arrows);
  byId("sale").addEventListener("close", () => byId("amount").focus());
  byId("slip-picture").addEventListener("error", () => {
    byId("slip").dataset.failed = status?.questions?.[0]?.job ?? lastSlip ?? "";
    draw();
  });
  byId("slip-open").addEventListener("click", () => {
    const dialog = byId("big-slip");
    dialog.querySelector("img").src = byId("slip-picture").src;
    dialog.querySelector("img").alt = t("slip_alt");
    dialog.querySelector("button").textContent = t("close");
    dialog.showModal();
  });
  document.addEventListener("keydown", keys);
  for (const kind of ["pointerdown", "keydown"]) {
    document.addEventListener(kind, async () => {
      await sound.wake();
      drawWords();
    }, { once: true });
  }
  showKeypad(matchMedia("(pointer: coarse)").matches);
  const language = localStorage.getItem("posagent.language");
  if (language) choose(language);
  byId("amount").focus({ preventScroll: true });
}

wire();
draw();
stream.run();
