// Owns the demo page's hands and eyes: it asks the counter for its state once a second and sends what is clicked.
const words = {
  ja: { scanner: "スキャナーに", wedge: "キーボード型に", camera: "カメラに", agent: "エージェント", killed: "強制終了しました。自動で再起動します。", nobody: "エージェントが応答しません",
    promised: "伝えたこと", arrived: "届いたこと", grants: "件", points: "ポイント", slips: "枚", cut: "回線断", agree: "すべて一致", busy: "送信・印刷中",
    online: "オンライン", offline: "オフライン", paper_end: "紙切れ", paper_near_end: "紙残少", cover_open: "カバー開", cutter_error: "カッター異常", off: "電源断",
    unfinished: "印字途中", void: "無効", starts: "起動回数", pending: "未送信", unplugged: "スキャナーは抜けています", other: "English" },
  en: { scanner: "to the scanner", wedge: "to the keyboard scanner", camera: "to the camera", agent: "agent", killed: "Killed. It starts again by itself.", nobody: "The agent does not answer",
    promised: "told", arrived: "arrived", grants: "grants", points: "points", slips: "slips", cut: "line cut", agree: "all agree", busy: "on its way",
    online: "online", offline: "offline", paper_end: "paper out", paper_near_end: "paper low", cover_open: "cover open", cutter_error: "cutter", off: "power off",
    unfinished: "unfinished", void: "void", starts: "starts", pending: "unsent", unplugged: "the scanner is unplugged", other: "日本語" },
};
const CARDS = { jan: "JAN-13", nw7: "NW-7", code128: "Code 128", qr: "QR" };
const RESULTS = {
  granted: ["付与しました", "granted"], already: ["付与済み", "granted already"], waiting_for_member: ["会員を待っています", "waiting for the member"],
  waiting_for_payment: ["支払いを待っています", "waiting for payment"], refused: ["受け付けられません", "refused"], conflict: ["内容が違います", "conflict"],
};
const $ = (id) => document.getElementById(id);
let lang = "ja";
let receipt = 1;
let wedge = false; // a keyboard-wedge scanner, where the kernel offers uinput

function speak() {
  document.documentElement.lang = lang;
  for (const part of document.querySelectorAll("[data-ja]")) part.textContent = part.dataset[lang];
  $("lang").textContent = words[lang].other;
  drawCards();
}

async function act(asked) {
  const answer = await fetch("/do", { method: "POST", headers: { "Content-Type": "application/json", "X-Demo": "1" }, body: JSON.stringify(asked) });
  const said = await answer.json();
  await look();
  return said;
}

function drawCards() {
  $("cards").replaceChildren(...Object.entries(CARDS).map(([id, name]) => {
    const figure = document.createElement("figure");
    const picture = document.createElement("img");
    const phone = id === "qr" || id === "code128";
    picture.src = `/cards/${phone ? "phone" : "plastic"}/${id}.png`;
    picture.alt = name;
    const caption = document.createElement("figcaption");
    caption.append(name, button(words[lang].scanner, { what: "scan", card: id }), ...(wedge ? [button(words[lang].wedge, { what: "scan", card: id, wedge: true })] : []), button(words[lang].camera, { what: "camera", card: id, kind: phone ? "phone" : "plastic" }));
    figure.append(picture, caption);
    return figure;
  }));
}

function button(text, asked) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", async () => {
    await act(asked);
    if (asked.what === "camera") setTimeout(() => act({ what: "camera-clear" }), 2500); // the customer takes the phone away
  });
  return made;
}

function drawSlips(slips) {
  const wanted = slips.map((slip) => `${slip.number}-${slip.complete}-${slip.void}`).join();
  if ($("slips").dataset.shown === wanted) return;
  $("slips").dataset.shown = wanted;
  $("slips").replaceChildren(...slips.map((slip) => {
    const box = document.createElement("div");
    const picture = document.createElement("img");
    picture.src = `/slips/${slip.number}.png?${slip.complete}`;
    picture.alt = slip.serials.join(" ");
    const note = document.createElement("p");
    note.textContent = [slip.serials.join(" "), slip.complete ? "" : words[lang].unfinished, slip.void ? words[lang].void : ""].filter(Boolean).join(" · ");
    box.append(picture, note);
    return box;
  }));
}

function drawReckoning({ promised, arrived, cloud }) {
  const w = words[lang];
  const one = (side) => `${side.grants ?? "?"} ${w.grants} ${side.points ?? "?"} ${w.points} ${side.slips} ${w.slips}`;
  const agree = promised.grants === arrived.grants && promised.points === arrived.points && promised.slips === arrived.slips;
  $("reckoning").className = agree ? "good" : "busy";
  $("reckoning").textContent = `${w.promised}: ${one(promised)}   ${w.arrived}: ${cloud ? one(arrived) : w.cut}   ${agree ? w.agree : w.busy}`;
}

async function look() {
  const state = await (await fetch("/state")).json();
  const w = words[lang];
  if (wedge !== !state.wedge) {
    wedge = !state.wedge;
    drawCards();
  }
  if (!$("cashier").src) $("cashier").src = state.cashier;
  $("office").href = state.office;
  $("customers").href = `${state.cashier}customer`;
  $("managers").href = `${state.cashier}manager`;
  [$("upper").textContent, $("lower").textContent] = state.display;
  const lamps = [state.printer.powered ? (state.printer.online ? ["online", ""] : ["offline", "bad"]) : ["off", "bad"]];
  for (const name of ["paper_end", "paper_near_end", "cover_open", "cutter_error"]) if (state.printer[name]) lamps.push([name, "bad"]);
  $("lamps").replaceChildren(...lamps.map(([name, look]) => Object.assign(document.createElement("span"), { textContent: w[name], className: look })));
  $("facts").textContent = [`${w.agent} pid ${state.agent.pid || "—"}`, `${w.starts} ${state.agent.starts}`, `${w.pending} ${state.pending ?? "?"}`, state.scanner ? "" : w.unplugged].filter(Boolean).join(" · ");
  drawReckoning(state);
  drawSlips(state.slips);
}

$("sale").addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = await act({ what: "sale", total: Number($("total").value), receipt_no: `${Date.now() % 100000}-${receipt++}` });
  const result = RESULTS[said.result];
  $("said").textContent = result ? `${result[lang === "ja" ? 0 : 1]}${said.points ? ` +${said.points}` : ""}` : said.title || words[lang].nobody;
});
for (const part of document.querySelectorAll("[data-do]")) part.addEventListener("click", async () => {
  const said = await act(JSON.parse(part.dataset.do));
  if (said.killed) $("said").textContent = words[lang].killed;
});
$("lang").addEventListener("click", () => { lang = lang === "ja" ? "en" : "ja"; speak(); });
speak();
look();
setInterval(look, 1000);
