// Owns the technician's page's own words, Japanese and English side by side. Words that the cashier's page has too come from there.

import { current, t } from "./words.js";

const WORDS = {
  back: ["会計の画面", "Cashier's page"], level_ok: ["すべて正常", "All is well"], level_action: ["対応が必要", "Needs attention"],
  level_offline: ["確認中の機器があります", "A device says nothing yet"], test_title: ["テストモード", "Test mode"],
  test_off: ["読み取りを試すときだけ入れてください。", "Switch it on only to try scanning."],
  test_on: [(s) => `会員証は会計に使われません。あと ${s} 秒で自動的に切れます。`, (s) => `Cards do not reach the checkout. It ends by itself in ${s} s.`],
  switch_on: ["テストモードを入れる", "Switch test mode on"], switch_off: ["テストモードを切る", "Switch test mode off"], camera: ["カメラ", "Camera"], driver: ["ドライバ", "Driver"],
  beat: ["最後の応答", "Last answer"], since: ["この状態になった時", "In this state since"], never: ["まだなし", "never yet"],
  silent: ["応答がありません", "does not answer"], reads: [(n) => `${n} 回 正しく読み取り`, (n) => `${n} read well`], damaged: [(n) => `${n} 回 読み取り不良`, (n) => `${n} damaged`],
  last_damaged: ["最後の不良", "Last damaged"],
  no_scan: ["テストモードを入れてから、会員証やバーコードを読み取ってください。ここに結果が出ます。", "Switch test mode on, then scan a member card or any barcode. The result shows here."],
  waiting_scan: ["読み取りを待っています…", "Waiting for a scan…"], unknown_kind: ["種類不明", "kind not told"],
  verdict_member: ["会員証", "Member"], verdict_coupon: ["クーポン", "Coupon"], verdict_product: ["商品", "Product"], verdict_staff: ["従業員", "Staff"],
  verdict_ambiguous: ["決められません", "Not decided"], verdict_refused: ["受け付けません", "Refused"], verdict_damaged: ["読み取り不良", "Damaged"],
  damaged_words: ["コードが最後まで届きませんでした。もう一度、ゆっくり読み取ってください。", "The code did not arrive whole. Scan it once more, slowly."], rules: ["規則ごとの判定", "What each rule says"],
  before: ["前処理", "before"], picture: ["カメラの映像", "Camera picture"], no_picture: ["映像を待っています…", "Waiting for the picture…"],
  frozen: [(s) => `映像は ${s} 秒前のものです`, (s) => `This picture is ${s} s old`], module: ["1 モジュールの画素数", "Pixels per module"],
  module_goal: ["目標 3.5 以上、2 未満は読めません", "3.5 or more is the goal; below 2 nothing reads"], sharpness: ["鮮明さ", "Sharpness"], mean: ["明るさ", "Brightness"],
  burnt: ["白飛び", "Burnt out"], read: ["読めた種類", "Read"], test_print: ["テスト印字", "Test print"], printing: ["送信中…", "Sending…"],
  queued: ["テスト印字を受け付けました", "The test print is queued"], waits: ["前のテスト印字がまだ待っています", "The last test print still waits"], status: ["状態", "Status"],
  says_nothing: ["このプリンタは状態を知らせません。紙と電源を目で確かめてください。", "This printer does not report its status. Look at its paper and power yourself."], online: ["オンライン", "online"],
  offline: ["オフライン", "offline"], cover_open: ["カバーが開いています", "cover open"], cover_closed: ["カバー 閉", "cover closed"], paper_ok: ["紙 あり", "paper in"],
  paper_near_end: ["紙 残りわずか", "paper low"], paper_end: ["紙 なし", "no paper"], cutter_error: ["カッター異常", "cutter stuck"], cutter_ok: ["カッター 正常", "cutter well"],
  other_error: ["エラー", "error"], drawer_open: ["ドロア 開", "drawer open"], drawer_closed: ["ドロア 閉", "drawer closed"], tier: ["印字の証明", "Proof of printing"],
  tier_3: ["T3：処理番号とカッター回数で証明できます", "T3: by process id and cutter counter"], tier_2: ["T2：処理番号かカッター回数で証明できます", "T2: by process id or cutter counter"],
  tier_1: ["T1：状態だけで推定します", "T1: guessed from the status"], tier_0: ["T0：何も返さないため証明できません", "T0: none, it answers nothing"], model: ["機種", "Model"],
  firmware: ["ファームウェア", "Firmware"], serial: ["製造番号", "Serial number"],
  passed: ["合格", "passed"], failed: ["不合格", "failed"], not_learned: ["最初の印刷のときに調べます", "asked with the first slip"],
  jobs: ["最近の印刷", "Last slips"], no_jobs: ["まだありません", "None yet"], sample: ["見本", "sample"], copy: [(n) => `再発行 ${n}`, (n) => `copy ${n}`], QUEUED: ["印刷待ち", "waiting"],
  SENDING: ["送信中", "sending"], HANDED: ["確認中", "being proved"], HELD: ["保留", "held"], CONFIRMED: ["印刷済み", "printed"], UNCONFIRMED: ["確認中", "being proved"],
  NEEDS_OPERATOR: ["確認が必要", "ask a person"], SUPERSEDED: ["再発行しました", "printed again"], CANCELLED: ["取り消し", "cancelled"], confirmed: ["証明あり", "proved"],
  weak: ["状態から推定", "by its status"], assumed: ["証明なし", "not proved"], operator: ["目で確認", "seen by a person"], journal: ["記録（ジャーナル）", "Journal"],
  journal_ok: ["正常", "well"], journal_degraded: ["要確認", "look at it"], journal_failed: ["書き込めません", "cannot be written"], last_write: ["最後の書き込み", "Last write"],
  disk: ["ディスクの空き", "Free disk"], fsync: ["書き込みの待ち（99%）", "Wait for the disk (99 %)"], at_start: ["起動時の報告", "Found at start"], cloud: ["本部との接続", "Head office"],
  no_cloud: ["本部との接続は設定されていません", "No head office is configured"], link_online: ["接続中", "connected"], last_exchange: ["最後のやりとり", "Last exchange"],
  profile: ["レシートの読み方", "Receipt profile"], no_profile: ["共通の読み方", "the common one"], trust: ["自動付与", "Trust"],
  trusted: ["確認なしで付けます", "trusted: no OK is asked"], vouched: ["技術者の設定で確認なし", "vouched for by the settings"],
  earning: [(n, all) => `金額の確認が必要です（${n} / ${all} 件 一致）`, (n, all) => `the cashier's OK is asked (${n} of ${all} confirmed)`],
  teach_on: ["レシートを覚えさせる", "Teach this door"], teach_off: ["覚えさせるのをやめる", "Stop teaching"],
  teach_begun: ["レシートを待っています", "Waiting for receipts"], teach_ended: ["終わりました。読んだ内容は消しました", "Ended; what was read is forgotten"],
  teach_how: [(m) => `金額の違う会計を二つ印字し、それぞれの金額を入れてください。あと ${m} 分で自動的に終わります。`, (m) => `Print two sales with different amounts and enter each amount. It ends by itself in ${m} min.`],
  teach_waits: ["レシートを待っています…", "Waiting for a receipt…"], teach_receipt: ["レシート", "Receipt"], teach_text: ["文字を見る", "Show its text"],
  teach_reads: ["いまの読み方", "Read now"], teach_unread: ["金額を読めません", "no amount"], teach_total: ["ポイントの対象になる金額", "The amount that earns points"],
  teach_name: ["名前（英小文字）", "Name (small letters)"], teach_learn: ["覚える", "Learn"], teach_two: ["金額を二つ以上入れてください", "Enter two amounts or more"],
  teach_name_wrong: ["名前は英小文字・数字・- _ で入れてください", "A name has small letters, digits, - and _"],
  teach_now_reads: ["覚えたあとの読み方", "With the profile"],
  taught: [(path, name) => `${path} に保存しました。「${name} で読む」を押すと次のレシートから使われます。`, (path, name) => `Saved as ${path}. Press "Read by ${name}" and it counts from the next receipt on.`],
  use_profile: [(name) => `${name} で読む`, (name) => `Read by ${name}`], as_settings: ["設定の読み方に戻す", "Read as the settings say"], chosen_here: ["（ここで選択）", " (chosen here)"],
  profile_used: [(name) => `次のレシートから ${name} で読みます`, (name) => `Reads by ${name} from the next receipt on`], profile_back: ["設定の読み方に戻しました", "Reads as the settings say"],
  kind_sale: ["会計", "sale"], kind_refund: ["返品", "refund"], kind_reprint: ["再発行", "reprint"], kind_prebill: ["会計前", "bill before payment"], kind_order: ["注文", "order"],
  kind_report: ["点検・精算", "report"], kind_test: ["テスト", "test"], kind_unknown: ["不明", "unknown"],
  to_send: ["未送信", "To send"], clock: ["時計のずれ", "Clock difference"], blocked: ["送信が止まっています", "Sending has stopped"],
};

export const w = (name, ...values) => {
  const word = WORDS[name]?.[current() === "ja" ? 0 : 1];
  return typeof word === "function" ? word(...values) : (word ?? t(name));
};

export const known = () => Object.keys(WORDS);
export const missing = () => known().filter((name) => WORDS[name].filter(Boolean).length !== 2);
