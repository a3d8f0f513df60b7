// Owns a camera's live picture: the frame with the found strips drawn on it, and what to change. The element lives as long as the page.

import { el } from "./stage.js";
import { current, number } from "./words.js";
import { w } from "./tech_words.js";

const PICTURE_MS = 330;
const ANSWER_MS = 3000;
const FROZEN_MS = 2500;
const views = new Map(); // by device

export function camera(name) {
  if (!views.has(name)) {
    const view = { name, canvas: el("canvas", { width: 480, height: 270, role: "img" }), says: el("div", { class: "says" }), told: "" };
    view.figure = el("figure", { class: "camera" }, view.canvas, view.says);
    views.set(name, view);
    say(view, null, null);
    run(view);
  }
  return views.get(name).figure;
}

// Another language: say it again.
export const forget = () => views.forEach((view) => ((view.told = ""), say(view, view.picture ?? null, view.age ?? null)));

async function run(view) {
  for (;;) {
    if (document.hidden) await new Promise((shown) => document.addEventListener("visibilitychange", shown, { once: true }));
    if (view.figure.isConnected) await once(view);
    await new Promise((later) => setTimeout(later, PICTURE_MS));
  }
}

async function once(view) {
  try {
    const response = await fetch(`/v1/devices/${encodeURIComponent(view.name)}/preview`, { signal: AbortSignal.timeout(ANSWER_MS) });
    if (!response.ok) return;
    const { age_ms: age, picture } = await response.json();
    if (picture?.jpeg) await paint(view.canvas, picture);
    else if (!picture) blank(view.canvas);
    say(view, picture, age);
  } catch (error) {
    if (!["TypeError", "TimeoutError", "SyntaxError", "InvalidStateError"].includes(error.name)) console.error(error);
  }
}

async function paint(canvas, picture) {
  const bytes = Uint8Array.from(atob(picture.jpeg), (mark) => mark.charCodeAt(0));
  const frame = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
  canvas.width = frame.width;
  canvas.height = frame.height;
  const pen = canvas.getContext("2d");
  pen.drawImage(frame, 0, 0);
  frame.close();
  const good = picture.read.length > 0;
  for (const [x, y, width, height, angle] of picture.strips) {
    pen.save();
    pen.translate(x, y);
    pen.rotate(angle);
    for (const [line, colour] of [[6, "#0009"], [3, good ? "#3df0a6" : "#ffd24a"]]) {
      pen.lineWidth = line;
      pen.strokeStyle = colour;
      pen.strokeRect(-width / 2, -height / 2, width, height);
    }
    pen.restore();
  }
}

const blank = (canvas) => canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);

function say(view, picture, age) {
  Object.assign(view, { picture, age });
  const frozen = age !== null && age > FROZEN_MS;
  view.figure.classList.toggle("frozen", frozen);
  const told = current() + JSON.stringify({ ...picture, jpeg: "" }) + (frozen ? Math.floor(age / 1000) : "");
  if (told === view.told) return;
  view.told = told;
  view.canvas.setAttribute("aria-label", picture ? `${w("picture")}: ${picture[current()]}` : w("no_picture"));
  view.figure.dataset.strips = picture?.strips.length ?? "";
  if (!picture) return view.says.replaceChildren(el("p", { class: "hint" }, w("no_picture")));
  const level = picture.hint === "good" ? "ok" : picture.hint === "none" ? "offline" : "action";
  const px = picture.px_per_module;
  const figure = (name, value, of) => el("div", { "data-level": of }, el("dt", {}, name), el("dd", {}, value));
  view.says.replaceChildren(
    el("p", { class: "advice", "data-level": frozen ? "action" : level }, frozen ? w("frozen", Math.floor(age / 1000)) : picture[current()]),
    el("dl", { class: "figures" },
      figure(w("module"), px ? px.toFixed(1) : "—", !px ? "offline" : px >= 3.5 ? "ok" : px >= 2 ? "offline" : "action"),
      figure(w("sharpness"), picture.strips.length ? picture.sharpness.toFixed(2) : "—", !picture.strips.length ? "offline" : picture.sharpness >= 0.25 ? "ok" : "action"),
      figure(w("mean"), number(picture.mean), picture.hint === "dark" ? "action" : "ok"),
      figure(w("burnt"), `${number(Math.round(picture.burnt / 10))} %`, picture.burnt > 350 ? "action" : "ok")),
    el("p", { class: "detail" }, [picture.read.length ? `${w("read")}: ${picture.read.join(", ")}` : "", w("module_goal")].filter(Boolean).join(" · ")));
}
