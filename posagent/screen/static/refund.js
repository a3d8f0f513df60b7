// Owns the box of a refund that the till rang up: which sale it means, and the way to that sale for the manager who confirms it.

import * as sales from "./sales.js";
import { byId, el } from "./stage.js";
import { clock, current, own, t, yen } from "./words.js";

const w = own({
  refund_rung: [(sum) => `返品 ${sum} の元の会計`, (sum) => `The sale of the refund of ${sum}`], look: ["確かめる", "Check it"],
  not_this: ["別の会計", "Another sale"], whole: ["全部の返品", "all of it comes back"], leaves: [(sum) => `残り ${sum}`, (sum) => `${sum} are kept`],
});
const passed = new Set(); // the cashier said that it is another sale
let lastDrawn = "";

// proposals: of GET /v1/status, oldest first
export function show(proposals) {
  const one = proposals.find((each) => !passed.has(each.id));
  const drawn = current() + JSON.stringify(one);
  if (drawn === lastDrawn) return; // who is on a button keeps place and focus
  lastDrawn = drawn;
  byId("refund")?.remove();
  if (!one) return;
  const { amount, total, member, remaining_total: left, receipt_no: receipt, sold_at: at } = one;
  const button = (name, words, act, more = "") => el("button", { type: "button", class: `primary${more}`, "data-refund": name, onclick: act }, words);
  byId("question").after(el("section", { id: "refund", class: "ask", "aria-labelledby": "refund-title" },
    el("h2", { id: "refund-title" }, w("refund_rung", yen(amount))),
    el("p", {}, [clock(at), receipt && `No. ${receipt}`, yen(total)].filter(Boolean).join("　")),
    el("p", {}, `${member}　${left ? w("leaves", yen(left)) : w("whole")}`),
    el("div", { class: "answers" },
      button("look", w("look"), () => sales.open(one.sale_id, one)),
      button("not", w("not_this"), () => {
        passed.add(one.id);
        show(proposals);
        byId("amount").focus();
      }, " plain"))));
}
