// Owns the page's own words. What a code means comes from the agent with the code.

const WORDS = {
  ja: {
    ok: "正常", offline: "オフライン", action: "対応が必要", lost: "再接続中", starting: "接続中",
    sound_on: "音 オン", sound_off: "音 オフ", sound_blocked: "音を出すには押す", other_language: "English",
    member: "会員", amount: "金額", no_member: "未読取", no_amount: "未入力",
    idle: "会員証を読み取ってください", idle_sub: "カードでもスマホの会員画面でも使えます",
    wait_amount: "金額を待っています", wait_amount_sub: "レジから届きます。下に入力もできます",
    wait_member: "会員証を読み取ってください", wait_member_sub: "金額は届いています",
    granted: "ポイントを付けました", voided: "取り消しました", points: "ポイント", none_granted: "この会計に付くポイントはありません",
    later: "ポイントは後で登録されます", balance: "残高", as_of: "時点", coupon: "クーポン", until: "まで", stamps: "スタンプ",
    sale_of: "お買い上げ", entry: "金額を入力", unit: "円", submit: "決定", keypad: "数字キー", clear: "全消去", back: "訂正",
    proposed: (sum) => `レジの表示 ${sum}　Enter で確定`,
    confirm: (yen) => `${yen} 円でよろしいですか？ もう一度「決定」を押してください`,
    sending: "送信中…", resending: "答えを待っています。自動で送り直します（二重にはなりません）", sent_code: "会員番号として読み取りました",
    dropped: (yen) => `${yen} 円は送れませんでした。必要ならもう一度入力してください`,
    not_a_number: "数字で入力してください", slip: "印刷したもの", slip_alt: "印刷したクーポンの画像", enlarge: "大きく見る", close: "閉じる",
    history: "会計の履歴", totals: (n, points) => `${n} 件・${points} ポイント`, no_sales: "まだ会計がありません",
    tag_voided: "取消", tag_offline: "後で登録", tag_refunded: "返品", tag_charged: "チャージ", tag_adjusted: "調整", tag_used: "利用",
    scanner: "スキャナ", printer: "プリンタ", display: "表示器", drawer: "ドロア", sale_door: "レジ連携", head_office: "本部",
    ready: "正常", held: "確認してください", gone: "つながっていません", opening: "準備中", unknown: "状態不明",
    synced: "送信済み", pending: (n, age) => `未送信 ${n} 件${age ? `・最も古いもの ${age}` : ""}`, link_offline: "接続なし", link_unknown: "確認中",
    stale: (age) => `${age}から応答なし`, second: "秒前", minute: "分前", hour: "時間前", day: "日前", tech: "機器の点検",
    manager: "店長の画面",
    using: "クーポン・ポイントを使えます", payable: "お支払い", use_points: "ポイントを使う", at_most: (n, worth) => `${n} まで（${worth}）`, take_off: "外す", gift: "進呈", value: "チャージ残高",
    at_the_till: "レジで引く金額", use_something: "クーポン・ポイントを使う", use_next: "使うときは、金額を入力してください", paid_now: "お支払い済み", paid_by_till: "レジのお支払いを待っています",
    charge: "チャージ", charged: "チャージしました", adjusted: "調整しました", refunded: "返品しました", use_value: "残高で支払う", up_to: (worth) => `${worth} まで`, use_coupon: "このクーポンを使う", worth: "値引き", unusable: "このクーポンは使えません",
  },
  en: {
    ok: "OK", offline: "Offline", action: "Needs attention", lost: "Reconnecting", starting: "Connecting",
    sound_on: "Sound on", sound_off: "Sound off", sound_blocked: "Press for sound", other_language: "日本語",
    member: "Member", amount: "Amount", no_member: "not scanned", no_amount: "not entered",
    idle: "Scan the member card", idle_sub: "A card or the member screen on a phone",
    wait_amount: "Waiting for the amount", wait_amount_sub: "It comes from the till. You may also type it below",
    wait_member: "Scan the member card", wait_member_sub: "The amount is here",
    granted: "Points given", voided: "Voided", points: "points", none_granted: "This sale earns no points",
    later: "Points are registered later", balance: "Balance", as_of: "as of", coupon: "Coupon", until: "until", stamps: "Stamps",
    sale_of: "Sale", entry: "Enter the amount", unit: "yen", submit: "Enter", keypad: "Number keys", clear: "Clear", back: "Delete",
    proposed: (sum) => `The till shows ${sum}: Enter confirms it`,
    confirm: (yen) => `${yen} yen: is that right? Press Enter once more`,
    sending: "Sending…", resending: "Waiting for an answer; it is sent again by itself (never counted twice)", sent_code: "Taken as a member number",
    dropped: (yen) => `${yen} yen could not be sent. Enter it again if it is still needed`,
    not_a_number: "Enter digits only", slip: "Printed slip", slip_alt: "Picture of the printed slip", enlarge: "Enlarge", close: "Close",
    history: "Sales", totals: (n, points) => `${n} ${n === 1 ? "sale" : "sales"} · ${points} points`, no_sales: "No sales yet",
    tag_voided: "void", tag_offline: "later", tag_refunded: "refund", tag_charged: "charge", tag_adjusted: "adjusted", tag_used: "used",
    scanner: "Scanner", printer: "Printer", display: "Display", drawer: "Drawer", sale_door: "Till link", head_office: "Head office",
    ready: "OK", held: "needs a look", gone: "not connected", opening: "starting", unknown: "no status",
    synced: "all sent", pending: (n, age) => `${n} to send${age ? `, oldest ${age}` : ""}`, link_offline: "no connection", link_unknown: "checking",
    stale: (age) => `silent since ${age}`, second: " s ago", minute: " min ago", hour: " h ago", day: " days ago", tech: "Devices",
    manager: "Manager",
    using: "Coupons and points can be used", payable: "To pay", use_points: "Use points", at_most: (n, worth) => `up to ${n} (${worth})`, take_off: "Take off", gift: "free", value: "Prepaid value",
    at_the_till: "Take off at the till:", use_something: "Use coupons or points", use_next: "To use them, enter the amount", paid_now: "Paid", paid_by_till: "Waiting for the till's payment",
    charge: "Charge", charged: "Charged", adjusted: "Adjusted", refunded: "Refunded", use_value: "Pay with the prepaid value", up_to: (worth) => `up to ${worth}`, use_coupon: "Use this coupon", worth: "Takes off", unusable: "This coupon cannot be used",
  },
};

let language = document.documentElement.lang === "en" ? "en" : "ja";

export const current = () => language;

export function choose(name) {
  language = name === "en" ? "en" : "ja";
  document.documentElement.lang = language;
}

export const t = (name, ...values) => {
  const word = WORDS[language][name];
  return typeof word === "function" ? word(...values) : (word ?? name);
};

// Words of a part's own, [Japanese, English] by name; what it does not have comes from here.
export const own = (table) => (name, ...values) => {
  const word = table[name]?.[language === "ja" ? 0 : 1];
  return typeof word === "function" ? word(...values) : (word ?? t(name, ...values));
};

export const known = () => Object.keys(WORDS.ja);
export const missing = () => [...Object.keys(WORDS.ja).filter((k) => !(k in WORDS.en)), ...Object.keys(WORDS.en).filter((k) => !(k in WORDS.ja))];

export const number = (value) => value.toLocaleString("en-US");
export const signed = (value) => (value < 0 ? "−" : "+") + number(Math.abs(value));
export const yen = (value) => (value < 0 ? "−" : "") + "¥" + number(Math.abs(value));

// The register's own clock, as it stands in the fact: no conversion, no surprise.
export const clock = (at) => (at ?? "").slice(11, 16);
export function clockOrDay(at) {
  const today = new Date().toLocaleDateString("sv");
  return (at ?? "").slice(0, 10) === today ? clock(at) : `${Number(at.slice(5, 7))}/${Number(at.slice(8, 10))} ${clock(at)}`;
}

export function age(seconds) {
  const [n, unit] = seconds < 60 ? [seconds, "second"] : seconds < 3600 ? [seconds / 60, "minute"] : seconds < 172800 ? [seconds / 3600, "hour"] : [seconds / 86400, "day"];
  return Math.floor(n) + t(unit);
}

// A text of the agent's that comes in both languages, or in one.
export const either = (text) => (text && typeof text === "object" ? text[language] ?? text.ja ?? text.en ?? "" : text ?? "");
