// Owns the boxes that wait for a person: did the slip come out? and: which sale came back? They load when there is one.

import { post } from "./ask.js";
import * as sales from "./sales.js";
import { byId, el } from "./stage.js";
import { clock, current, own, t, yen } from "./words.js";

const w = own({
  question: ["クーポンは出ましたか？", "Did the coupon come out?"], question_sub: [(who) => `${who} の分です。プリンタを見てください`, (who) => `It is for ${who}. Please look at the printer`],
  yes: ["出た", "It came out"], no: ["出ていない", "It did not"],
  refund_rung: [(sum) => `返品 ${sum} の元の会計`, (sum) => `The sale of the refund of ${sum}`], look: ["確かめる", "Check it"],
  not_this: ["別の会計", "Another sale"], whole: ["全部の返品", "all of it comes back"], leaves: [(sum) => `残り ${sum}`, (sum) => `${sum} are kept`],
});
const passed = new Set(); // refunds of which the cashier said that they mean another sale
const drawn = {};

// A box, in order below the one before it; the same is not drawn again: who is on a button keeps place and focus.
function box(id, title, facts, lines, buttons) {
  const now = title && current() + JSON.stringify(facts);
  if (now === drawn[id]) return;
  drawn[id] = now;
  byId(id)?.remove();
  if (!title) return;
  const [question, slip] = [byId("question"), byId("slip")];
  const section = el("section", { id, class: "ask", "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), ...lines.map((line) => el("p", {}, line)), el("div", { class: "answers" }, ...buttons));
  if (question) question.after(section);
  else slip.before(section);
}

const button = (mark, name, words, act, more = "") => el("button", { type: "button", class: `primary${more}`, [`data-${mark}`]: name, onclick: act }, words);

// status: of GET /v1/status; failed: told the problem of an answer that was not taken
export function show(status, failed) {
  const [asked] = status.questions ?? [];
  const answer = async (yes) => {
    const result = await post(`/v1/print/${encodeURIComponent(asked.job)}/answer`, { came_out: yes });
    if (!result.ok) failed(result.problem);
    byId("amount").focus();
  };
  box("question", asked && w("question"), asked, asked?.member ? [w("question_sub", asked.member)] : [], [
    button("answer", "yes", w("yes"), () => answer(true)), button("answer", "no", w("no"), () => answer(false), " plain")]);
  const one = (status.refunds ?? []).find((each) => !passed.has(each.id));
  if (!one) return box("refund");
  const { amount, total, member, remaining_total: left, receipt_no: receipt, sold_at: at } = one;
  const pass = () => {
    passed.add(one.id);
    show(status, failed);
    byId("amount").focus();
  };
  box("refund", w("refund_rung", yen(amount)), one, [[clock(at), receipt && `No. ${receipt}`, yen(total)].filter(Boolean).join("　"), `${member}　${left ? w("leaves", yen(left)) : w("whole")}`], [
    button("refund", "look", w("look"), () => sales.open(one.sale_id, one)), button("refund", "not", w("not_this"), pass, " plain")]);
}
