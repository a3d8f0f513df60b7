// Owns the keys of the number pad that a touch screen shows. Their words are put in by the page, in its language.

import { el } from "./stage.js";

// plain: what of the field's text counts, as the page takes it.
export function keys(field, plain) {
  const press = (key) => {
    if (key === "clear") field.value = "";
    else if (key === "back") field.value = plain(field.value).slice(0, -1);
    else field.value += key;
    field.setSelectionRange(field.value.length, field.value.length);
    field.dispatchEvent(new Event("input"));
  };
  const digit = (key) => el("button", { type: "button", class: key === "0" ? "wide" : "", onclick: () => press(key) }, key);
  const word = (key) => el("button", { type: "button", class: "small", "data-word": key, onclick: () => press(key) });
  const enter = el("button", { type: "submit", form: "entry", class: "primary", "data-word": "submit" });
  return [..."789".split("").map(digit), word("back"), ..."456".split("").map(digit), word("clear"), ..."123".split("").map(digit), enter, digit("0"), digit("00")];
}
