// Owns a sale door's part of its card: whether its reading is trusted, and teach mode, in which two known sales make a profile.

import { newKey, post } from "./ask.js";
import { LOST } from "./sales.js";
import { byId, el } from "./stage.js";
import { clock, current, number } from "./words.js";
import { w } from "./tech_words.js";

const typed = new Map(); // what stands in a field, by door and field: cards are drawn anew while somebody types
const said = new Map();

const spoken = (problem) => {
  const told = problem ?? LOST;
  return `${told[current()].title}. ${told[current()].todo} [${told.code}]`;
};

async function send(name, path, body, words) {
  const result = await post(`/v1/devices/${encodeURIComponent(name)}/${path}`, body, { key: newKey() });
  const text = result.ok ? words(result.answer) : spoken(result.problem);
  said.set(name, { bad: !result.ok, text });
  byId(result.ok ? "said" : "alarm").textContent = text;
  return result.ok;
}

const switchTeaching = async (name, on, looked) => {
  for (const key of [...typed.keys()]) if (key.startsWith(`${name}/`)) typed.delete(key);
  said.delete(name);
  await send(name, "teach", { on }, () => w(on ? "teach_begun" : "teach_ended"));
  await looked();
};

const plain = (text) => text.normalize("NFKC").replace(/[\s,¥\\円]/g, "");

async function learn(name, captured, looked) {
  const known = captured.map((one) => ({ number: one.number, total: Number(plain(typed.get(`${name}/${one.number}`) ?? "")) })).filter((one) => one.total > 0);
  const profile = (typed.get(`${name}/name`) ?? "").trim();
  if (known.length < 2) said.set(name, { bad: true, text: w("teach_two") });
  else if (!/^[a-z0-9][a-z0-9_-]{0,39}$/.test(profile)) said.set(name, { bad: true, text: w("teach_name_wrong") });
  else await send(name, "learn", { name: profile, known }, (answer) => `${w("teach_now_reads")}: ${answer.totals.map(number).join(", ")}. ${w("taught", answer.path, profile)}`);
  if (said.get(name)?.bad) byId("alarm").textContent = said.get(name).text;
  await looked();
}

function field(name, key, label, attributes) {
  const input = el("input", { ...attributes, "data-act": `${name}/${key}`, "aria-label": label, autocomplete: "off" });
  input.value = typed.get(`${name}/${key}`) ?? "";
  input.addEventListener("input", () => typed.set(`${name}/${key}`, input.value));
  return input;
}

function receipt(name, one) {
  const read = one.total === null ? w("teach_unread") : `${w(`kind_${one.kind}`)} ${number(one.total)}`;
  return el("li", {},
    el("p", { class: "over" }, el("b", {}, `${w("teach_receipt")} ${one.number}`), el("time", {}, clock(one.at))),
    el("details", {}, el("summary", { "data-act": `${name}/text${one.number}` }, w("teach_text")), el("pre", {}, one.lines.join("\n"))),
    el("p", { class: "detail" }, `${w("teach_reads")}: ${read}${one.receipt_no ? ` · ${one.receipt_no}` : ""} `, el("span", { lang: "en" }, one.why[0] ?? "")),
    el("label", {}, w("teach_total"), field(name, one.number, `${w("teach_receipt")} ${one.number} ${w("teach_total")}`, { inputmode: "numeric", maxlength: "12", size: "10" })));
}

// Another profile for the door, at once: one that was learned here, or what the settings say.
function choose(given, looked) {
  const { chosen, profiles } = given.door;
  const use = async (profile) => {
    await send(given.name, "profile", { profile }, () => (profile ? w("profile_used", profile) : w("profile_back")));
    await looked();
  };
  const button = (profile, text) => el("button", { type: "button", "data-act": `${given.name}/use/${profile}`, onclick: () => use(profile) }, text);
  const others = profiles.filter((name) => name !== chosen).map((name) => button(name, w("use_profile", name)));
  const all = [...others, ...(chosen ? [button("", w("as_settings"))] : [])];
  return all.length ? [el("div", { class: "act" }, ...all)] : [];
}

// given: a device of GET /v1/devices with ``door``; ``looked`` draws the page anew
export function door(given, looked) {
  const { profile, chosen, trust, teaching_s: left, captured } = given.door;
  const row = (title, value) => [el("dt", {}, title), el("dd", {}, value)];
  const standing = trust ? (trust.confirmed >= trust.needed ? w("trusted") : w("earning", trust.confirmed, trust.needed)) : w("vouched");
  const facts = el("dl", { class: "facts" }, ...row(w("profile"), (profile || w("no_profile")) + (chosen ? w("chosen_here") : "")), ...row(w("trust"), standing));
  const note = said.get(given.name);
  const words = el("p", { class: note?.bad ? "bad" : "" }, note?.text ?? "");
  const teach = el("button", { type: "button", "data-act": `${given.name}/teach`, onclick: () => switchTeaching(given.name, !left, looked) }, w(left ? "teach_off" : "teach_on"));
  if (!left) return [facts, ...choose(given, looked), el("div", { class: "act" }, teach, words)];
  const list = captured.length ? el("ul", { class: "captured" }, ...captured.map((one) => receipt(given.name, one))) : el("p", { class: "hint" }, w("teach_waits"));
  const form = captured.length
    ? el("div", { class: "act" }, el("label", {}, w("teach_name"), field(given.name, "name", w("teach_name"), { maxlength: "40", size: "14" })),
      el("button", { type: "button", class: "primary", "data-act": `${given.name}/learn`, onclick: () => learn(given.name, captured, looked) }, w("teach_learn")))
    : null;
  return [facts, el("p", { class: "hint" }, w("teach_how", Math.ceil(left / 60))), list, form, ...choose(given, looked), el("div", { class: "act" }, teach, words)];
}
