// Owns the manager's page's own words, Japanese and English side by side. Words that the cashier's page has too come from there.

import { own } from "./words.js";

const WORDS = {
  back: ["会計の画面", "Cashier's page"], today: ["今日", "Today"], sales_count: ["会員の会計", "Members' sales"], amount_sum: ["会計金額", "Amount"],
  given: ["付与", "Given"], taken: ["取消", "Voided"], coupons: ["クーポン", "Coupons"], by_hour: ["時間ごとの会計（会員）", "Members' sales by the hour"],
  hour: [(h) => `${h}時`, (h) => `${h}:00`], closing: ["点検・精算", "Reports"], day: ["営業日", "Business date"], check: ["点検（X）", "X report"],
  close_day: ["精算（Z）", "Z report"], sure_close: ["この営業日を締めますか？", "Close this business date?"],
  sure_close_sub: ["締めたあとの会計は、締め後として記録されます。", "Sales after the closing are recorded as after it."],
  sure_drop: ["この記録をあきらめますか？", "Give this record up?"], sure_drop_sub: ["記録は印を付けて残ります。本部の残高には入りません。", "It stays, marked. It does not reach the balances at head office."],
  why: ["理由", "Reason"], yes: ["はい", "Yes"], no: ["いいえ", "No"], taking: ["集計しています…", "Adding up…"], printed: ["印刷しています", "Printing"],
  unsettled: ["本部への送信", "Head office"], all_sent: ["すべて送信済みです", "Everything was sent"],
  waits: [(n, since) => `未送信 ${n} 件${since ? `（最も古いもの ${since}）` : ""}`, (n, since) => `${n} to send${since ? `, the oldest of ${since}` : ""}`],
  nothing: ["判断が必要な記録はありません", "Nothing needs a decision"], more: ["ほかにもあります", "There are more"],
  parked: ["送れません", "Cannot be sent"], rejected: ["本部が受け付けません", "Refused by head office"], conflict: ["本部の記録と食い違います", "Differs from head office"],
  retry: ["もう一度送る", "Send again"], drop: ["あきらめる", "Give up"], decided: ["決定しました", "Decided"],
  "sale.granted": ["ポイント付与", "Points given"], "sale.voided": ["取消", "Void"], "sale.refunded": ["返品", "Refund"], "points.redeemed": ["ポイント利用", "Points used"],
  "points.adjusted": ["ポイント調整", "Adjustment"], "value.charged": ["チャージ", "Charge"], "value.spent": ["残高利用", "Value used"], "coupon.issued": ["クーポン発行", "Coupon issued"],
  "coupon.redeemed": ["クーポン利用", "Coupon used"], "coupon.printed": ["クーポン印刷", "Coupon printed"], "coupon.voided": ["クーポン無効", "Coupon voided"],
  "day.closed": ["精算", "Z report"], "day.checked": ["点検", "X report"], "member.seen": ["会員の読み取り", "Card read"], "sale.seen": ["会計", "Sale"],
};

export const w = own(WORDS);

export const known = () => Object.keys(WORDS);
export const missing = () => known().filter((name) => WORDS[name].filter(Boolean).length !== 2);
