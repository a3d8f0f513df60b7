// Owns the technician's page's own words. Words that the cashier's page has too come from there.

import { current, t } from "./words.js";

const WORDS = {
  ja: {
    title: "機器の点検", back: "会計の画面", level_ok: "すべて正常", level_action: "対応が必要", level_offline: "確認中の機器があります", lost: "再接続中",
    test_title: "テストモード", test_off: "切っている間は、読み取りはすべて会計に使われます。読み取りを試すときだけ入れてください。",
    test_on: (s) => `会員証は会計に使われません。あと ${s} 秒で自動的に切れます。`, switch_on: "テストモードを入れる", switch_off: "テストモードを切る",
    test_done: "送りました", scanner: "スキャナ", camera: "カメラ", printer: "プリンタ", display: "表示器", drawer: "ドロア", sale_door: "レジ連携",
    driver: "ドライバ", beat: "最後の応答", since: "この状態", ago: (age) => `${age}前から`, never: "まだなし", silent: "応答がありません",
    reads: (n) => `${n} 回 正しく読み取り`, damaged: (n) => `${n} 回 読み取り不良`, last_damaged: "最後の不良",
    no_scan: "テストモードを入れてから、会員証やバーコードを読み取ってください。ここに結果が出ます。", waiting_scan: "読み取りを待っています…",
    digits: (n) => `${n} 文字`, unknown_kind: "種類不明", verdict_member: "会員証", verdict_coupon: "クーポン", verdict_product: "商品", verdict_staff: "従業員",
    verdict_ambiguous: "決められません", verdict_refused: "受け付けません", verdict_damaged: "読み取り不良",
    damaged_words: "コードが最後まで届きませんでした。もう一度、ゆっくり読み取ってください。", rules: "規則ごとの判定", before: "前処理",
    picture: "カメラの映像", no_picture: "映像を待っています…", frozen: (s) => `映像は ${s} 秒前のものです`, found: (n) => `コードの候補 ${n} か所`, none_found: "コードの候補なし",
    module: "1 モジュールの画素数", module_goal: "目標 3.5 以上、2 未満は読めません", sharpness: "鮮明さ", mean: "明るさ", burnt: "白飛び", read: "読めた種類", paused: "画面が隠れている間は止まります",
    test_print: "テスト印字", printing: "送信中…", queued: (serial) => `テスト印字を受け付けました（${serial}）`, waits: (serial) => `前のテスト印字がまだ待っています（${serial}）`,
    status: "状態", says_nothing: "このプリンタは状態を知らせません。紙と電源を目で確かめてください。", online: "オンライン", offline: "オフライン", cover_open: "カバーが開いています", cover_closed: "カバー 閉",
    paper_ok: "紙 あり", paper_near_end: "紙 残りわずか", paper_end: "紙 なし", cutter_error: "カッター異常", cutter_ok: "カッター 正常", other_error: "エラー", drawer_open: "ドロア 開", drawer_closed: "ドロア 閉",
    tier: "印字の証明", tier_3: "T3：処理番号とカッター回数で証明できます", tier_2: "T2：処理番号かカッター回数で証明できます", tier_1: "T1：状態だけで推定します", tier_0: "T0：何も返さないため証明できません",
    model: "機種", firmware: "ファームウェア", serial: "製造番号", kanji: "漢字", yes: "あり", no: "なし", not_said: "不明", jobs: "最近の印刷", no_jobs: "まだありません", sample: "見本", copy: (n) => `再発行 ${n}`,
    QUEUED: "印刷待ち", SENDING: "送信中", HANDED: "確認中", HELD: "保留", CONFIRMED: "印刷済み", UNCONFIRMED: "確認中", NEEDS_OPERATOR: "確認が必要", SUPERSEDED: "再発行しました", CANCELLED: "取り消し",
    confirmed: "証明あり", weak: "状態から推定", assumed: "証明なし", operator: "目で確認",
    journal: "記録（ジャーナル）", journal_ok: "正常", journal_degraded: "要確認", journal_failed: "書き込めません", last_write: "最後の書き込み", disk: "ディスクの空き", reserve: "満杯時の予備",
    fsync: "書き込みの待ち（99%）", errors: "読み書きエラー", at_start: "起動時の報告", cloud: "本部との接続", no_cloud: "本部との接続は設定されていません", link_online: "接続中", last_exchange: "最後のやりとり",
    to_send: "未送信", count: (n) => `${n} 件`, clock: "時計のずれ", blocked: "送信が止まっています", version: "バージョン", ms: "ミリ秒", gone: "見つかりません",
  },
  en: {
    title: "Devices", back: "Cashier's page", level_ok: "All is well", level_action: "Needs attention", level_offline: "A device says nothing yet", lost: "Reconnecting",
    test_title: "Test mode", test_off: "While it is off, every scan counts for the checkout. Switch it on only to try scanning.",
    test_on: (s) => `Cards do not reach the checkout. It ends by itself in ${s} s.`, switch_on: "Switch test mode on", switch_off: "Switch test mode off",
    test_done: "Sent", scanner: "Scanner", camera: "Camera", printer: "Printer", display: "Display", drawer: "Drawer", sale_door: "Till link",
    driver: "Driver", beat: "Last answer", since: "In this state", ago: (age) => `since ${age}`, never: "never yet", silent: "does not answer",
    reads: (n) => `${n} read well`, damaged: (n) => `${n} damaged`, last_damaged: "Last damaged",
    no_scan: "Switch test mode on, then scan a member card or any barcode. The result shows here.", waiting_scan: "Waiting for a scan…",
    digits: (n) => `${n} characters`, unknown_kind: "kind not told", verdict_member: "Member", verdict_coupon: "Coupon", verdict_product: "Product", verdict_staff: "Staff",
    verdict_ambiguous: "Not decided", verdict_refused: "Refused", verdict_damaged: "Damaged",
    damaged_words: "The code did not arrive whole. Scan it once more, slowly.", rules: "What each rule says", before: "before",
    picture: "Camera picture", no_picture: "Waiting for the picture…", frozen: (s) => `This picture is ${s} s old`, found: (n) => `${n} ${n === 1 ? "place" : "places"} with bars`, none_found: "no bars found",
    module: "Pixels per module", module_goal: "3.5 or more is the goal; below 2 nothing reads", sharpness: "Sharpness", mean: "Brightness", burnt: "Burnt out", read: "Read", paused: "It pauses while this page is hidden",
    test_print: "Test print", printing: "Sending…", queued: (serial) => `The test print is queued (${serial})`, waits: (serial) => `The last test print still waits (${serial})`,
    status: "Status", says_nothing: "This printer does not report its status. Look at its paper and power yourself.", online: "online", offline: "offline", cover_open: "cover open", cover_closed: "cover closed",
    paper_ok: "paper in", paper_near_end: "paper low", paper_end: "no paper", cutter_error: "cutter stuck", cutter_ok: "cutter well", other_error: "error", drawer_open: "drawer open", drawer_closed: "drawer closed",
    tier: "Proof of printing", tier_3: "T3: by process id and cutter counter", tier_2: "T2: by process id or cutter counter", tier_1: "T1: guessed from the status", tier_0: "T0: none, it answers nothing",
    model: "Model", firmware: "Firmware", serial: "Serial number", kanji: "Kanji", yes: "yes", no: "no", not_said: "not known", jobs: "Last slips", no_jobs: "None yet", sample: "sample", copy: (n) => `copy ${n}`,
    QUEUED: "waiting", SENDING: "sending", HANDED: "being proved", HELD: "held", CONFIRMED: "printed", UNCONFIRMED: "being proved", NEEDS_OPERATOR: "ask a person", SUPERSEDED: "printed again", CANCELLED: "cancelled",
    confirmed: "proved", weak: "by its status", assumed: "not proved", operator: "seen by a person",
    journal: "Journal", journal_ok: "well", journal_degraded: "look at it", journal_failed: "cannot be written", last_write: "Last write", disk: "Free disk", reserve: "Reserve when full",
    fsync: "Wait for the disk (99 %)", errors: "I/O errors", at_start: "Found at start", cloud: "Head office", no_cloud: "No head office is configured", link_online: "connected", last_exchange: "Last exchange",
    to_send: "To send", count: (n) => String(n), clock: "Clock difference", blocked: "Sending has stopped", version: "Version", ms: "ms", gone: "not connected",
  },
};

// A word of this page, else of the cashier's.
export const w = (name, ...values) => {
  const word = WORDS[current()][name];
  return typeof word === "function" ? word(...values) : (word ?? t(name));
};

export const known = () => Object.keys(WORDS.ja);
export const missing = () => [...Object.keys(WORDS.ja).filter((k) => !(k in WORDS.en)), ...Object.keys(WORDS.en).filter((k) => !(k in WORDS.ja))];
