// Owns the PIN dialog. It comes when the agent says that a manager is needed (`asManager` of ask.js).

import { keepRelease, post } from "./ask.js";
import { el } from "./stage.js";
import { current, own, t } from "./words.js";

const w = own({ pin_title: ["店長の確認", "A manager is needed"], pin_operator: ["担当者コード", "Staff code"], pin: ["暗証番号", "PIN"] });

// True once a PIN was right, false where the dialog was left.
export function released() {
  const operator = el("input", { name: "operator", maxlength: 32, autocomplete: "off", spellcheck: "false", required: true });
  const pin = el("input", { name: "pin", type: "password", inputmode: "numeric", maxlength: 12, autocomplete: "off", required: true });
  const note = el("p", { class: "note", role: "alert" });
  const cancel = el("button", { type: "button", class: "primary plain" }, t("close"));
  const form = el("form", {},
    el("h2", { id: "pin-title" }, w("pin_title")),
    el("label", { class: "operator" }, el("span", {}, w("pin_operator")), operator),
    el("label", { class: "operator" }, el("span", {}, w("pin")), pin),
    note,
    el("div", { class: "answers" }, cancel, el("button", { type: "submit", class: "primary" }, t("submit"))));
  const dialog = el("dialog", { id: "pin", "aria-labelledby": "pin-title" }, form);
  document.body.append(dialog);
  return new Promise((decided) => {
    let right = false;
    dialog.addEventListener("close", () => {
      dialog.remove();
      decided(right);
    });
    cancel.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const result = await post("/v1/unlock", { operator: operator.value.trim(), pin: pin.value });
      pin.value = "";
      if (result.ok) {
        keepRelease(result.answer);
        right = true;
        dialog.close();
        return;
      }
      note.textContent = result.problem ? `${result.problem[current()].title}. ${result.problem[current()].todo} [${result.problem.code}]` : t("resending");
      pin.focus();
    });
    dialog.showModal();
    operator.focus();
  });
}
