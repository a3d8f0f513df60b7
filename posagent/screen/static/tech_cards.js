// Owns the cards of the technician's page: what a scanner, a printer, any other device and the office behind look like.

import { el } from "./stage.js";
import { age, clock, current, either, number } from "./words.js";
import { door } from "./tech_doors.js";
import { w } from "./tech_words.js";

const row = (name, value) => (value === null || value === "" ? [] : [el("dt", {}, name), el("dd", {}, value)]);
const ago = (seconds) => (seconds === null ? w("never") : age(seconds));

const head = (title, name, state, level) =>
  el("div", { class: "head", "data-level": level }, el("h2", {}, title, el("small", {}, name)), el("span", { class: "pill" }, el("i", { "aria-hidden": "true" }), el("span", {}, state)));

// given: a device of GET /v1/devices with level, note, testing
export function device(card, given, { picture, testPrint, looked }) {
  const kind = given.camera ? "camera" : given.kind;
  card.dataset.level = given.level;
  card.dataset.kind = kind;
  const state = given.stale && given.beat !== null ? w("silent") : w(given.state);
  const trouble = given.message
    ? el("div", { class: "trouble" }, el("b", { class: "code" }, given.message.code), el("div", {}, el("strong", {}, given.message[current()].title), el("p", {}, given.message[current()].todo)))
    : null;
  const facts = el("dl", { class: "facts" }, ...row(w("driver"), given.driver), ...row(w("since"), ago(given.as_of)), ...row(w("beat"), ago(given.beat)));
  const parts = [head(w(kind), given.name, state, given.level), trouble, given.detail && given.message ? el("p", { class: "detail", lang: "en" }, given.detail) : null];
  if (picture) parts.push(picture);
  if (given.scanner) parts.push(...scanner(given.scanner, given.testing));
  if (given.printer) parts.push(...printer(given, testPrint));
  if (given.door) parts.push(...door(given, looked));
  card.replaceChildren(...[...parts, facts].filter(Boolean));
}

// ---------------------------------------------------------------- scanner

function scanner({ good, damaged, damaged_at: at, why, scan }, testing) {
  const counts = el("p", { class: "counts" }, el("span", {}, w("reads", number(good))), el("span", damaged ? { "data-level": "offline" } : {}, w("damaged", number(damaged))));
  const last = damaged ? el("p", { class: "detail" }, `${w("last_damaged")} ${clock(at)} `, el("span", { lang: "en" }, why)) : null;
  if (!scan) return [el("p", { class: "hint" }, testing ? w("waiting_scan") : w("no_scan")), counts, last];
  const level = scan.verdict === "member" ? "ok" : scan.verdict === "damaged" || scan.verdict === "refused" ? "action" : "offline";
  const told = el("div", { class: "scan", "data-level": level },
    el("p", { class: "over" }, el("span", { class: "tag" }, w(`verdict_${scan.verdict}`)), el("time", {}, scan.at.slice(11, 19))),
    scan.masked ? el("p", { class: "masked" }, scan.masked) : null,
    scan.masked ? el("p", { class: "detail" }, [scan.symbology ?? w("unknown_kind"), scan.aim ? `]${scan.aim}` : "", scan.rule].filter(Boolean).join(" · ")) : null,
    el("p", {}, scan.verdict === "damaged" ? w("damaged_words") : either({ ja: scan.ja, en: scan.en })),
    scan.why ? el("p", { class: "detail", lang: "en" }, scan.why) : null);
  const rules = scan.rules?.length
    ? el("details", { open: true }, el("summary", { "data-act": "rules" }, w("rules")), el("ul", { class: "rules" }, ...scan.rules.map(checked)))
    : null;
  return [told, rules, counts, last];
}

const checked = (one) =>
  el("li", { "data-passed": String(one.passed) }, el("i", { role: "img", "aria-label": w(one.passed ? "passed" : "failed") }), el("b", {}, one.rule || w("before")), el("span", {}, either(one)));

// ---------------------------------------------------------------- printer

function printer(given, testPrint) {
  const { says, capabilities: able, jobs } = given.printer;
  const words = says ? status(says) : [];
  const lights = words.length
    ? el("ul", { class: "lights", "aria-label": w("status") }, ...words.map(([text, level]) => el("li", { "data-level": level }, el("i", { "aria-hidden": "true" }), text)))
    : given.state === "gone" ? null : el("p", { class: "hint" }, w("says_nothing"));
  const proof = able
    ? el("dl", { class: "facts" }, ...row(w("tier"), w(`tier_${able.tier}`)), ...row(w("model"), [able.maker, able.model].filter(Boolean).join(" ")), ...row(w("firmware"), able.firmware), ...row(w("serial"), able.serial))
    : given.state === "gone" ? null : el("dl", { class: "facts" }, ...row(w("tier"), w("not_learned")));
  const note = given.note;
  const act = el("div", { class: "act" }, el("button", { type: "button", class: "primary", "data-act": "print", "aria-disabled": note?.busy ? "true" : false, onclick: () => testPrint(given.name) }, w("test_print")),
    el("p", { class: note?.bad ? "bad" : "" }, note?.text ?? ""));
  const list = jobs.length ? el("ul", { class: "jobs" }, ...jobs.map(job)) : el("p", { class: "hint" }, w("no_jobs"));
  return [lights, proof, act, el("h3", {}, w("jobs")), list];
}

function status(says) {
  const words = [];
  const add = (value, whenTrue, whenFalse, badIsTrue) => {
    if (value !== null) words.push([value ? whenTrue : whenFalse, value === badIsTrue ? "action" : "ok"]);
  };
  add(says.online, w("online"), w("offline"), false);
  if (says.paper) words.push([w(`paper_${says.paper}`), { ok: "ok", near_end: "offline", end: "action" }[says.paper]]);
  add(says.cover_open, w("cover_open"), w("cover_closed"), true);
  add(says.cutter_error, w("cutter_error"), w("cutter_ok"), true);
  if (says.other_error) words.push([w("other_error"), "action"]);
  add(says.drawer_open, w("drawer_open"), w("drawer_closed"), null);
  return words;
}

function job(one) {
  const level = { CONFIRMED: "ok", SUPERSEDED: "ok", CANCELLED: "ok", NEEDS_OPERATOR: "action" }[one.state] ?? "offline";
  const tags = [one.sample ? el("span", { class: "tag" }, w("sample")) : null, one.copy > 1 ? el("span", { class: "tag" }, w("copy", one.copy - 1)) : null];
  const why = level === "ok" || !one.reason ? null : el("small", { lang: "en" }, one.reason);
  return el("li", { "data-level": level }, el("i", { "aria-hidden": "true" }), el("time", {}, clock(local(one.created))), el("span", { class: "what" }, one.title || one.serial, ...tags.filter(Boolean), el("small", {}, one.serial), why ?? ""),
    el("b", {}, w(one.state), one.certainty ? el("small", {}, w(one.certainty)) : ""));
}

// The print lane writes UTC; the page shows the register's clock.
const local = (at) => new Date(at).toLocaleString("sv").replace(" ", "T");

// ---------------------------------------------------------------- behind the counter

export function office(card, { journal, cloud, agent }) {
  card.dataset.kind = "office";
  const level = journal.state === "ok" ? "ok" : "action";
  const link = cloud.configured ? (cloud.link === "online" && !cloud.blocked ? "ok" : "offline") : "ok";
  const notes = journal.notes.map((text) => el("p", { class: "detail", lang: "en" }, text));
  const found = journal.found_at_start.map((text) => el("p", { class: "detail", lang: "en" }, `${w("at_start")}: ${text}`));
  card.replaceChildren(
    head(w("journal"), "", w(`journal_${journal.state}`), level),
    ...notes,
    el("dl", { class: "facts" }, ...row(w("last_write"), ago(journal.last_success)), ...row(w("disk"), `${number(journal.disk_free_mb)} MB`),
      ...row(w("fsync"), journal.fsync_p99_us ? `${number(Math.round(journal.fsync_p99_us / 100) / 10)} ms` : null)),
    ...found,
    head(w("cloud"), "", cloud.configured ? w(`link_${cloud.link}`) : "—", link),
    cloud.configured
      ? el("dl", { class: "facts" }, ...row(w("last_exchange"), ago(cloud.last_success)), ...row(w("to_send"), number(cloud.pending)),
        ...row(w("clock"), cloud.clock_offset_ms === null ? null : `${number(cloud.clock_offset_ms)} ms`))
      : el("p", { class: "hint" }, w("no_cloud")),
    ...(cloud.blocked ? [el("p", { class: "detail" }, `${w("blocked")}: `, el("span", { lang: "en" }, cloud.blocked))] : []),
    el("p", { class: "detail" }, `posagent ${agent.version}`),
  );
}
