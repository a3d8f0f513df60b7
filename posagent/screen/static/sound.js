// Owns sound: one short tone for "done", three for "look here". Made on the spot; no files.

let context = null;
let on = localStorage.getItem("posagent.sound") !== "off";

export const state = () => (!on ? "off" : context && context.state === "running" ? "on" : "blocked");

// Browsers let a page sound only after a person has touched it.
export async function wake() {
  context ??= new AudioContext();
  if (context.state !== "running") await context.resume();
}

export function toggle() {
  if (state() !== "blocked") on = !on;
  localStorage.setItem("posagent.sound", on ? "on" : "off");
}

function tone(hertz, from, length) {
  const source = context.createOscillator();
  const gain = context.createGain();
  const start = context.currentTime + from;
  source.frequency.value = hertz;
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(0.25, start + 0.01);
  gain.gain.linearRampToValueAtTime(0, start + length);
  source.connect(gain).connect(context.destination);
  source.start(start);
  source.stop(start + length);
}

export function play(kind) {
  document.body.dataset.sounded = kind; // for people who test, and for nobody else
  if (state() !== "on") return;
  if (kind === "good") tone(988, 0, 0.14);
  else for (const n of [0, 1, 2]) tone(392, n * 0.2, 0.13);
}
