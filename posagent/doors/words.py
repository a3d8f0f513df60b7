"""Owns the words by which a receipt is told from everything else that a printer prints, in Japanese and English. PURE.

All patterns see squeezed text (`posagent.doors.amounts.squeeze`): no spaces, no decoration, lower case. A *title* is a whole line without an
amount; words inside sentences (返品はレシートをお持ちください) are no titles.
"""

from __future__ import annotations

import re

# ruff: noqa: E501 - a list of words is read as one line

# ---------------------------------------------------------------- amounts


def _any(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words))


TAX_NOTE = re.compile(r"(?:\(?(?:税込み?|内税|税込価格|込|免税|taxincl\w*|incl\w*tax|jpy|yen|円)\)?)+$")
PAY = _any(
    r"[ごお]?支払い?(?:総)?(?:金)?額(?:合計|計)?", r"[ごお]?支払い?(?:合計|計)(?:金?額)?", r"[ごお御]?精算(?:金)?額", r"[ごお御]?請求(?:金)?額(?:合計)?", r"[ごお]?請求合計(?:金?額)?", r"(?:本日の)?[お御]会計(?:金?額|合計|計)?", r"今回の?お?支払い?(?:金?額)?", r"会計(?:金額|合計)",
    r"差引(?:合計|計|お?支払額|ご?請求額)(?:金?額)?", r"(?:total)?amount(?:due|payable)", r"balancedue", r"[お御]勘定(?:金?額|合計)?", r"(?:total|net)?due", r"(?:total)?topay", r"netpayable", r"(?:net)?payable",
    r"(?:net)?amounttopay", r"pleasepay", r"paythisamount", r"yourshare(?:due)?", r"領収(?:金)?額",
)  # fmt: skip
GRAND = _any(
    r"(?:総?合計|お?買い?上げ(?:合?計)?)(?:お?支払い?|ご?請求|お?会計)(?:金?額)", r"総合計(?:金?額)?", r"総計", r"税込(?:み)?(?:総)?合計(?:金?額)?", r"合計税込み?", r"税込(?:み)?計", r"(?:お買い?上げ?)?総額", r"grandtotal", r"(?:total|sum)incl\w*", r"totalwithtax",
    r"totalinclusiveof(?:tax|gst|vat)", r"total(?:amount)?inctax", r"税込お?買い?上げ?(?:金?額|計|合計)?",
)  # fmt: skip
TOTAL = _any(
    r"[ご御お]?合計(?:金額|額)?", r"お?買い?上げ?(?:合計|計|金額|額)(?:金?額)?", r"お?買い?物合計(?:金?額)?", r"金額合計", r"商品合計(?:金?額)?", r"(?:sales?|receipt|order|bill|invoice|your)?total(?:amount|price|sales?)?", r"ttl",
    r"tl", r"totaljpy", r"total(?:to)?charged?", r"(?:[おご御]?(?:買い?上げ?|買い?物|購入|商品|飲食代?|利用|食事代?|宿泊代?|税込み?|今回|店内(?:飲食)?|テイクアウト|イートイン|持ち?帰り|現在の?))+(?:料金|代金|金額|額)?(?:合計|総計|総額|計)(?:金額|額)?", r"ご?利用(?:金?額)?合計", r"ご?飲食(?:代金?)?合計",
)  # fmt: skip
WEAK = _any(r"現計", r"計", r"会計", r"お?買い?上げ?", r"代金", r"sum", r"(?:現金|クレジット|カード|電子マネー)合計", r"売上(?:計|合計)", r"[ごお]?支払い?", r"[ごお御]?利用(?:料?金?額|料金)(?:合計|計)?", r"[ごお御]?料金(?:合計|計)?")
FEE = _any(r"(?:[ごお]?[\u4e00-\u9fff]{1,4})?(?:料金|運賃|代金)(?:合計)?", r"(?:通行|駐車|入場|入館|拝観|宿泊|診療|受講|参加|乗車|利用|会場)(?:料|代|費)")
"""The only thing that was sold is the total, where the payment says so too."""
SUB = _any(r"(?:税抜|商品)?小計(?:額)?", r"sub-?total\w*", r"税抜(?:き)?(?:合)?計(?:金?額)?", r"本体(?:価格)?合?計", r"合計税抜き?", r"net(?:total|amount)?", r"totalexcl\w*", r"taxabletotal", r"外税対象計")
DEPOSIT = _any(r"お?預か?り(?:金|金額|額|計|合計)?", r"現金お?預か?り", r"お?預か?り現金", r"(?:cash)?tendered", r"cash(?:received|tendered|in)?", r"(?:amount)?(?:received|tendered)", r"現金", r"現金(?:支払い?|払い?)", r"paidcash", r"csh", r"ca", r"投入(?:金?額|金|計)?")
CHANGE = _any(r"[お御]?釣り?(?:銭|り)?", r"お?つり(?:銭)?", r"(?:cash)?change(?:due|given)?", r"釣銭", r"cg", r"chg", r"cng")
PAYMENT = re.compile(
    r"現金|クレジット|カード|電子マネー|交通系|paypay|楽天pay|楽天ペイ|d払い|aupay|メルペイ|linepay|quicpay|id支払|^id$|suica|pasmo|icoca|nanaco|waon|edy|コード決済|qr|スマホ決済|商品券|ギフト券|金券|デビット|"
    r"銀聯|visa|master|jcb|amex|diners|プリペイド|掛売|売掛|お?支払|預|cash|card|credit|debit|tender|change|釣|paid|payment|voucher|giftcard|alipay|wechat|支付宝|領収(?:いた|致|し)"
)
DEPOSIT_TAKEN = re.compile(r"内金|手付金?|前受金|前払金|予約金|申込金|保証金|着手金|デポジット|deposit(?:paid|receipt|received)?$")
REST = re.compile(r"(?:お?支払い?)?(?:残金|残額|残代金|お?残り|残高)|(?:balance|remaining)(?:due|balance|amount)?")
"""What is still to pay; beside a deposit that was taken."""
TABLE = re.compile(r"(?:テーブル|(?<!食)卓(?!上)|(?<![出欠空客])席(?!料))(?:番号|[Nn][Oo])?[ .:#]{0,3}[A-Za-z]{0,2}-?\d|(?<![A-Za-z])(?:table|tbl)(?: ?no)?[ .:#]{0,3}[A-Z]{0,2}\d", re.IGNORECASE)
UNPAID = re.compile(r"未(?:精算|払い?|収|会計|入金)|(?:out|un)(?:standing|paid)(?:amount|balance|total)?$")
"""What somebody still owes."""
CHARGED = re.compile(r"チャージ(?:金額|額)$|^(?:カード)?入金金?額$|^(?:reload|top-?up|loaded|activation)(?:amount|value)?$|^(?:amount|value)(?:loaded|added)$|^newbalance$")
"""Value that was loaded: no sale."""
GIVEN_BACK = re.compile(r"(?:返金|返品|取消|払い?戻し?|refund(?:ed)?|void(?:ed)?)$")
NOT_PAID = re.compile(r"釣|返|残高|残額|残り|ポイント|番号|会員|change|balance|point|left|number")
"""Beside a word of payment: what is given back, or left on a card."""
RETURNED = re.compile(r"^(?:返品|返金|返却|戻し|returned|returns?(?!able)|refund)")
"""An article that came back, on the receipt of others that were sold."""
EXCHANGE = re.compile(r"^(?:商品)?交換(?:レシート|伝票|票|取引|処理|精算)?$|^(?:item|merchandise|even)?exchange(?:receipt|slip|transaction|sale)?$")
POINTS_USED = re.compile(r"^ポイント$|ポイント(?:ご?利用|使用|値引き?|支払い?|充当|割引)|(?:ご?利用|使用)ポイント|p利用|pt利用|point(?:s)?(?:used|redeemed|discount)|redeem|(?:dpoint|tpoint|ponta|楽天ポイント)利用")
POINTS_SPENT = re.compile(r".{0,8}ポイント(?:ご?利用|使用|支払い?|充当|値引き?)(?:額|数)?")
POINTS_IN_WORDS = re.compile(r"ポイント(?:ご?利用|使用|充当|支払い?|値引き?)(?:数|額)?[ :]{0,3}-?(?P<points>\d{1,3}(?:,\d{3}){1,2}|\d{1,7}) ?(?:P|pt|ポイント)(?![A-Za-z])", re.IGNORECASE)
"""ポイント利用 500P: counted in points, one of them a yen."""
LESS = re.compile(r"値引|割引|クーポン|優待|サービス券|値下|前受|内金|前金|手付|discount|coupon|promo|lesss?|deposit|savings?|off$|deduct|rounding|端数|調整|出精")
MORE = re.compile(r"外税|消費税|税額|税$|税計|tax|vat|gst|サービス料|奉仕料|席料|チャージ|深夜料|送料|手数料|袋|tip|service|surcharge|delivery|shipping|gratuity")
BOOKED = re.compile(r"チャージ後?残高|残高|balance(?:remaining|left|after)")

REPORT_LABEL = re.compile(r"^(?:途中|中間|売上金?)?回収$|^出金(?:合計|額|計)?$|^売上(?:高|金?額)?$|純売|総売|粗売|売上(?:総?合計|総額|総?計|金額合計)|在高|過不足|釣銭?準備|客単価|現金残|^(?:ca|ch|ck|cr)id\d?$|本日(?:の)?(?:総?売上|合計)|^現金売上|(?:ネット|グロス)(?:売上|セールス)|本日(?:の)?累計|^(?:gross|net|daily|total)sales|cashindrawer|over/?short|openingfloat|startingcash|expectedcash|グランドトータル|^gt\d?$|累計売上")
SALES_LABEL = re.compile(r"売上(?:合計|計)")
"""A report's, but where change was given the total of a small register."""
CHARGED_COPY = re.compile(r"^金額?(?:税込)?$|領収(?:金)?額")

# ---------------------------------------------------------------- kinds

POLICY = re.compile(
    r"ません|ください|下さい|お願い|場合|際は|際に|以内|不可|ついて|了承|致しかね|お持ち|条件|期限|ありがとう|有難う|対象外|お断り|御遠慮|ご遠慮|お済み|できます|いたします|致します|承り|までに|のみ|お問い?合|お早め|お知らせ|ご案内"
    r"|please|within|policy|must|cannot|arenot|willbe|accepted|ifyou|thank|\ddays|days(?:of|from|after)|only|norefund|noreturn|withoutreceipt|withreceipt|forrefund|returnsand|refundsand|exchange"
)
REPORT = re.compile(
    r"(?<!料金)(?<!駐車)(?<!宿泊)(?<![ごお御])精算(?:レポート|レシート|票|処理|確認|日報|一覧|結果|明細|報告)|(?<!料金)(?<!駐車)(?<!宿泊)(?<![ごお御])精算書|(?:レジ|キャッシャー|クラーク|ドロワ|日次|日計|責任者?|担当者?|中間|本|仮|営業|月次|店舗|全体|個別|一括|[xz])-?精算(?!機)|^精算$|精算[xz]|点検(?:レポート|レシート|票|精算|結果|日報|報告)|^(?:レジ|日計|中間|責任者?|担当者?|売上|[xz])*-?点検$|[xz]点検|点検[xz]"
    r"|日計|(?:日次|月次|閉店|開店|営業|業務|レジ|シフト)(?:締|処理|点検|精算|報告|集計)|[xz]読|(?:ネット|グロス)(?:売上|セールス)|本日(?:の)?累計|^clos(?:e|ing)$|^(?:closing|close|day|end)(?:of)?(?:day|end|shift|batch|register|till|business|report)(?:report|summary)?$|^[xz]\d?-?(?:daily|periodic|weekly|monthly|flash|grand|mode|gross|net)|(?:shift|day|store|till|register)(?:close|closing|end)(?:d|report)?$|月計(?:レポート|表|票|$)|(?:営業|売上|会計|販売|レジ|精算|店舗|業務)(?:日|週|月)報|^日報$|(?<![a-z])[xz]-?\d?(?:レポ|報告|リポート)|レポート(?:番号|no|$)|純売|総売|粗売|売上(?:総?合計|総額|集計|速報|レポート|点数|件数|回数|報告|内訳|金額合計)|集計(?:表|レポート|票|期間|日|\d|$)|在高|過不足|釣銭準備|釣準備|準備金|有高"
    r"|ドロ[アワ]|部門(?:別|売上)|レジ(?:内)?(?:現)?金(?:確認|点検|合計|在高|$)|時間帯(?:別|売上|集計|レポート)|(?:クラーク|担当者?|キャッシャー|スタッフ|従業員|時間|曜日|客層|支払い?(?:方法)?|決済(?:種別|手段)?|金種|カテゴリー?|グループ|メディア|店舗|責任者|レジ|取引)別|(?:商品|税率|品目|メニュー|ブランド|メーカー)別(?:売上|集計|合計|レポート|販売)|売上(?:一覧|明細表|推移|管理)|店舗日報|前(?:月|年|日)比|(?:今月|当月|前月|月間)(?:累計|売上)|客単価|レジ締|[中本]締め?(?:$|処理|精算)|^(?:本日の|今日の)?精算(?:合計|報告)?$|(?:sales|electronic)journal|(?:manager|supervisor|x1|z1)read|締め?処理|日締|月締|締(?:日時|日|め)?レポート|業務終了|営業終了|^(?:開局|閉局|開設|閉設|開店|閉店|始業|終業|開業|閉業)(?:処理|レポート|業務|準備)?$|開設(?:処理|レポート)|^締め?(?:$|済|時刻|日時)|引き?継ぎ?(?:書|票|$)|(?<!商品)(?<!明細)(?<!買上)(?<!買い上げ)一覧表?$|(?:別|帯|日|月|週|年|者|店|計)売上$|現金(?:チェック|確認|有高|点検)|^(?:店舗|全店|グループ|部門|責任者?|担当者?|レジ)(?:合計|計)$|入出金|^(?:途中|中間|売上金?)?回収$|釣り?銭?(?:補充|追加|回収|機)|^補充$|cashdrop|pettycash|safedrop|^cash(?:in|out)$|小口現金|(?<!order)summary$|現金出納|金種(?:表|別|内訳|$)|累計売上|グランドトータル|本日(?:の)?(?:総?売上|合計(?:金額)?$)|売上日|現金(?:在高|売上)|取引(?:回数|件数)合計|入金(?:票|伝票|処理)|出金(?:票|伝票|処理)|両替|会計件数"
    r"|(?:^|[^a-z])[xz]-?(?:\d-?)?(?:report|read(?:ing)?|out|total|counter|tape)|^z(?:no|nr)?\d{0,20}$|^x(?:\d{6,20})?$|end-?of-?(?:the-?)?(?:day|shift)|(?:daily|closing|sales|shift|financial|department|hourly|cashier|till|day|settlement|batch|summary|register|clerk|plu|weekly|monthly)(?:sales|close|closing)?(?:report|summary|totals?$)"
    r"|(?:gross|net|total|daily|cash|card|credit)sales$|(?:gross|net|daily)sales|cashindrawer|drawer(?:count|total|amount)|over/?short|openingfloat|startingcash|expectedcash|nosale|no-?of-?(?:customers|transactions|receipts)|numberof(?:customers|transactions|receipts|sales)|transactioncount|averagesale|eodreport|^eo[ds]$|^(?:starting|opening|closing|initial|till|drawer)(?:float|bank|cash|fund|amount)$|[a-z]report$|^settlement$|^batch\w{0,3}\d{1,12}$|(?:hourly|weekly|monthly|todays?|category|item|product|server|staff)sales$|^(?:opening|closing)(?:balance|float|cash)|settlementreport|sales(?:by|per)[a-z]|close-?out$|(?:till|drawer|register|shift|batch)\W{0,2}\d{0,3}(?:is)?close(?:d|out)|server(?:banking|sales|report)|reconciliation|(?:shift|day|sales)review|overandshort|cashcount|^expected(?:cash)?$|batch(?:close|total|settle)|dayclose|closeofday|cashup|payin|payout|paidout"
)
WEAK_REPORT = re.compile(
    r"客数|件数|組数|回数|平均|(?:クレジット|カード|電子マネー|qr|券|その他)(?:売上|計)|現金計|値引(?:合計|計)|割引(?:合計|計)|返品(?:合計|計|回数)|取消(?:合計|計|回数)|訂正(?:合計|計|回数)|消費税(?:合計|計)|内税計|外税計|税抜売上|税込売上|開始時刻|終了時刻|営業日|gt[12]?$|通番from|\d件|refunds?total|discountstotal|voids?$|guests|transactions?$|customers$"
)
PREBILL = re.compile(
    r"仮締|仮会計|仮伝票|仮レシート|仮計|仮勘定|会計前|お?会計伝票|お?会計票|請求明細|中間(?:伝票|会計)|draft(?:receipt|bill|check)?$|(?:確認|チェック)用$|途中会計|お?勘定書|(?<!適格)(?<!簡易)(?<!格)請求書(?!番号|発行事業者|等保存|兼領収|領収|・領収)|見積|未会計|未払|未収|未精算|精算前|会計用(?:qr|バーコード|コード)|^お?会計書$|^(?:お?席|テーブル|卓上?|お客様|ご?利用|個別)伝票|仮計算書|概算|仮払|仮$|現時点|現在のご?(?:注文|利用|会計)|yourbill|billsofar|支払い?前|会計待|(?:会計|支払い?|請求)予定|予定金額|明細確認|確認伝票|お?会計確認|ご?利用明細確認|テーブル会計|お席会計"
    r"|pre-?bill|pro-?forma|guest-?check|guest-?bill|bill-?preview|interim-?bill|draft-?bill|provisional|not-?a-?(?:tax)?-?(?:receipt|invoice)|notavalidreceipt|nota(?:final)?bill|unpaid|^(?:table|tbl|tab)\w{1,6}check$|estimate$|^quot(?:e|ation)$|^precheck|^invoice$|^check$|^thecheck$|^bill$|tablecheck|payatthe|pay(?:ment)?atcounter|awaitingpayment|suggested(?:tip|gratuity)|tipguide|^tab\w{0,6}open|opentab|notpaid|notyetpaid|paymentpending|checkpreview|^preliminary|temporary(?:bill|check|receipt)|interim(?:bill|check|receipt)|proceedto(?:the)?(?:cashier|counter|register|checkout)|pay(?:able)?(?:at|on)(?:collection|pickup|delivery)"
)
BILL_NUMBER = re.compile(r"(?:会計|席|テーブル|卓上?|お客様)(?:伝票|票)(?:no|番号)")
"""The number of the table's bill, which receipts repeat."""
PREBILL_SENTENCE = re.compile(
    r"(?:伝票|会計票|会計札|注文票|計算書)(?:を|は).{0,6}レジ|(?:この|本|こちらの)(?:伝票|票|会計票|計算書).{0,14}(?:持ち|持参|提示|会計)|会計はレジ|レジ(?:にて|で|まで).{0,8}(?:支払|会計|精算)|(?:受取|受け取り|お?渡し|引取)り?の?(?:時|際)に.{0,6}(?:支払|会計|精算)|(?:会計|支払い?|精算)が?お?済みで(?:ない|は)|会計金?額のご?案内|お?会計は.{0,8}(?:承|お持ち|どうぞ)|^(?!.*(?:返品|交換|クーポン|次回|ポイント|カード)).*レジ(?:に|まで|へ).{0,4}(?:お?持ち|お越し)|まだお?会計|お?支払い?方法を.{0,4}(?:選|お知らせ)|お?(?:支払い?|会計)は.{0,10}(?:お?渡し|引取|受取|お帰り|退店)|pay(?:your|the)(?:server|waiter|cashier)|payat(?:the)?(?:counter|register|till|desk)|payonleaving|pleasepay|qr(?:コード)?でお?(?:会計|支払|精算)|(?:コード|伝票|レシート)を.{0,12}かざし|後払い?$|会計の際.{0,8}伝票|(?:領収書|領収証|レシート)では(?:ありません|ございません)|(?:未払い?|お支払い?)(?:が|は)(?:まだ|お済みで)"
)
ORDER = re.compile(
    r"(?:ご?注文|オーダー|調理|厨房|キッチン|ドリンク|ドリンカー|ホール|配膳|料理|フード)(?:伝票|票|シート|指示|確認(?:書|票)?|明細|内容|追加|控)|^(?:追加|新規)(?:オーダー|注文)|^(?:追加|新規|変更|取消)(?:卓|席|テーブル|t)\w{0,3}\d{1,3}|^(?:キッチン|厨房|ホール|ドリンク)(?:伝票|プリンタ.{0,8}|控え?|行き?|\d{1,3})?$|調理指示|持帰り?伝票|デシャップ|取消オーダー|オーダー取消|料理取消|(?:配達|出前|宅配|デリバリー|テイクアウト)(?:伝票|票|注文)|出前館|^ubereats|^wolt$|^doordash|お?届け先|(?<!返品)(?<!返金)(?<!取消)受付票|受取票|お?受け?取り?(?:票|伝票)"
    r"|^kitchen(?:order|ticket|copy|slip|printer|\d*)\w{0,6}$|barorder|order-?ticket|order-?slip|^(?:new|add-?on|additional)-?order|^order$|^orderlist$|prep-?ticket|preparation|packing-?slip|pick-?list|expo$"
)
_REFUND_WORDS = r"(?:返品|取消し?|取り消し|返金|払い?戻し?|戻し|赤伝|マイナス|売上取消|取引取消|void(?:ed)?|refund(?:ed)?|return(?:ed|s)?|reversal|reversed|credit-?note|chargeback)"
MAYBE_ORDER = re.compile(r"wolt|ubereats|出前館|foodpanda|doordash|deliveroo|grubhub|^(?:ピックアップ|pick-?up)(?:時間|時刻|日時|予定|time|at)*\d*$|^お?受取(?:時間|時刻|日時|予定)|^(?:新規|追加)?(?:ご?注文|オーダー)(?:no)?\d*$")
"""A counter that calls out numbers prints it on paid receipts as well: an order where no payment proves the total."""
WEAK_ORDER = re.compile(r"^order(?:no|number)?\d{0,8}$|^ご?注文書$|^(?:テーブル|卓|table)(?:no)?\d{1,4}$")
"""Stands on sales as well: an order where no total does."""
REFUND = re.compile(
    r"^(?:商品|売上|[ごお]?取引|お?会計|伝票|カード|現金|全|一括|クレジット|レシート|全額|一部|後|sales?|transaction|cash|card|item|merchandise|full|partial|receipt|order|post-?)*" + _REFUND_WORDS
    + r"(?:レシート|受付票?|伝票|票|処理|取引|モード|扱い?|済み?|控え?|明細書?|書|お?会計|登録|売上|領収書|分|点|receipt|transaction|slip|sales?|note|mode|\d)*$"
    r"|^" + _REFUND_WORDS + r"(?:日時?|理由|元|担当|者|数|点数|no|番号|reason|id|original)"
    r"|(?:取引|会計|売上|決済|支払い?)[はがを](?:取り?消|キャンセル|返金)し?(?:され|さ|しま|いた|致)|^(?:transaction|sale|order|payment)(?:was|hasbeen)?(?:voided|reversed|refunded)$"
    r"|^(?:取引|処理|会計)?(?:種別|区分|種類|モード)(?:返品|取消|返金|赤伝)|^(?:transaction|sales?)?type(?:refund|return|void)|^(?:元|原)(?:取引|レシート|伝票|売上|会計)(?:no|番号|日)|^original(?:receipt|transaction|sale)|返品・?返金|returnreceipt|refundreceipt|creditnote"
)
REFUND_AMOUNT = re.compile(r"^(?:amount)?(?:お客様への|現金|カード|クレジット)?(?:マイナス|ご?返金|お?返金|払い?戻し?|返品|取消|ご?返却|お?返し|refund(?:ed)?|total|credit(?:ed)?)(?:合計|計|額|金額|金|amount|total|due|refund|refunded|credit|credited|back)*$")
REFUND_STRONG = re.compile(r"^(?:お客様への)?(?:ご?返金|お返金|払い?戻し?|refund|totalrefund|マイナス合計|返品(?:合計|金?額)|取消(?:合計|金?額)|ご?返却)")
REPRINT = re.compile(
    r"^再$|再度?発行|\d回目(?:発行|印字)|copyof|^[2-9]枚目$|^ジャーナル(?!no|番号|\d)|再印字|再印刷|再プリント|再出力|再発券|リプリント|控え?(?:$|\(|へ|用|レシート|券|伝票|no)|(?:お客様|加盟店|店舗|お店|本部|会社|センター|売場|本社)控|^複写$|^写し?$|(?:レシート|領収[書証]|伝票|明細書?)写し?$|^複製$|^[副複]$|re-?issue|^コピー$|コピー(?:レシート|伝票|印字)|レシートコピー|duplicat|re-?print(?:ed)?(?!ing)|(?:^|merchant|customer|store|receipt|office|shop|client|cardholder|invoice|this\w{0,3}a)copy(?:$|only|no|\d)|(?:2nd|3rd|second|third)(?:receipt|print|copy)|ジャーナル(?:再|印字|レポ)"
)
CARD_SLIP = re.compile(r"(?:電子マネー|クレジット|コード決済|qr決済|quicpay|交通系(?:ic)?)(?:ご?利用|支払い?|お?取引)(?:明細|票|控|伝票)|売上票|クレジットカード売上|クレジット(?:売上|お?取引)(?:票|伝票)|^(?:カード|クレジット)?ご?利用(?:伝票|票)$|カード会社控")
TEST = re.compile(
    r"(?:研修|練習|訓練|トレーニング|テスト|試験|試し|サンプル|見本|デモ|ダミー|検証|教育)(?:用?(?:レシート|伝票|会計|取引|売上|データ|印字|印刷|発行|票)|用$|用の?(?:ため|もの|です)|中$|モード)|^(?:研修|訓練|教育)$|(?:training|practice|sample|demo|dummy|test)(?:mode|receipt|transaction|sale|only|slip|ticket|bill|data)|トレーニング(?:モード|中|レシート|$)|^トレーニング(?!ジム|ウェア|ウエア|シューズ|パンツ|マシン|スタジオ|センター|シャツ|コース|用品|代)|^練習|練習(?:モード|中|レシート|$)|訓練(?:モード|中|$)|教育(?:モード|中)|研修(?:モード|中)|^テスト$|(?:プリンター?|接続|通信|動作|レジ|印刷)テスト|テスト(?:印字|印刷|プリント|レシート|モード|送信)|^見本$|見本(?:印字|レシート)|^サンプル$|サンプル(?:印字|レシート)|^(?:training(?:mode|receipt|sale|only)*)+$|training-?mode|^practice(?:mode|receipt)?$|testprint|testreceipt|testpage|testmode|^test$|^\W*sample(?:receipt|print)?$|selftest|self-test|hexdump|ダミー|検証用|動作確認|印字テスト|デモ(?:モード|機|$)|demo-?mode|^demo$|notforsale"
)
ABORTED = re.compile(
    r"(?:取引|会計|登録|売上|精算|お?買上げ?|レシート|印字)[をはが]?(?:中止|中断|キャンセル|破棄|打ち切り)|^(?:全)?中止$|^未完了$|^未成立$|^キャンセル$|^中断$|一時保留|^保留|保留(?:伝票|レシート|票|番号|中)|全取消|一括取消|強制終了|(?:transaction|sale|order|receipt)-?(?:was)?(?:cancell?ed|aborted|suspended|voided|onhold)|^cancell?ed$|^aborted$|^suspended$|onhold$|savedsale|parkedsale"
)
COPY_TITLE = re.compile(r"^領収(?:書|証)$|領収(?:書|証)(?:再|発行|控|\(|no)|^領収(?:書|証)様?")
COPY_SIGNS = re.compile(r"^但し?|として$|品代|上記(?:の)?(?:金額)?(?:を)?正に|正に領収|収入印紙|印紙|^.{0,20}様$|^宛名")
NOT_A_SALE = re.compile(r"前払式(?:支払手段)?発行|納品書(?!兼?領収)|予約(?:票|確認)|引換票|^電子ジャーナル|履歴(?:一覧|照会|$)|[a-z]history$|お?預か?り(?:証|票)|商品券発行|(?<!サービス)(?<!テーブル)(?<!ルーム)(?<!カバー)(?<!深夜)(?<!お通し)(?<!席)(?<!週末)チャージ$|(?:プリペイド|電子マネー|カード|waon|nanaco|suica|pasmo|edy|au)(?:残高)?(?:への?)?入金$|チャージ(?:明細|レシート|票|完了|処理|受付|伝票|控)|^ご?予約(?:金|内金)$|入金(?:明細|レシート)|残高照会|点数票|値札|ラベル|発注書|棚卸|出荷|配送(?:伝票|票)|仕入(?:れ)?(?:伝票|票|書|$)|廃棄(?:伝票|票|登録|$)|移動(?:伝票|票)|送り状|払込(?:票|用紙|書|取扱票)|振込(?:票|用紙|依頼書)|買取|deliverynote|giftreceipt|ギフトレシート|reservation|layaway|balanceinquiry|(?:gift|prepaid|stored)\w{0,6}card\w{0,6}(?:reload|load|activation|activated|sale|purchase)|^reload$|^(?:card)?activation$|addvalue|charge(?:slip|receipt)$|top-?up|取置")
ANNOUNCED = re.compile(r"[*【\[<(#] ?(?:再|再発行|再印字|再印刷|複製?|写し?|控え?|コピー|DUP(?:LICATE)?|REPRINT|COPY) ?[*】\]>)#]", re.IGNORECASE)
"""Marked as a copy beside a number or an amount: レシートNo.0012 [再]"""
SHOP = re.compile(
    r"店|スーパー|マート|ストア|カフェ|喫茶|珈琲|コーヒー|食堂|レストラン|ビストロ|ラーメン|らーめん|うどん|そば|寿司|鮨|焼|居酒屋|酒|薬|ドラッグ|百貨|デパート|ホテル|旅館|書[店房]|ベーカリー|パン|菓子|ケーキ|[堂屋亭庵園館軒家苑]$|株式会社|有限|合同会社|\(株\)|センター|市場|商[店会]|モール|プラザ|スタンド|サロン|美容|クリニック|医院|歯科|病院|タクシー|交通"
    r"|^[ぁ-んァ-ー]+$|shop|store|mart$|caf[eé]|coffee|restaurant|bistro|trattoria|bar$|grill|diner|bakery|hotel|market|kitchen$|pharmacy|deli$|ltd|inc$|llc|gmbh"
)
"""What shops are called; a name in kana alone is one too."""
ORDINARY = re.compile(r"レシート|領収|明細|お?買い?上げ?|購入|receipt|invoice|免税|taxfree|ありがと|有難|thank|welcome|いらっしゃ|またのお?越し|番号|電話|tel|fax|〒|[都道府県]|担当|責任|スタッフ|客|人数|名様|軽減|税|対象|です$|ます$|[。:]|cashier|staff|server|register|date|http|www|円$|^signature$|有効|支払|決済|クレジット|現金|内訳|店内|持ち?帰|テイクアウト|イートイン|ポイント|会員|点$")
"""What stands on receipts beside the shop's name: no heading that tells of another kind of document."""
WEAK_NOT_A_SALE = re.compile(r"ポイント(?:明細|残高|照会|カード)|引換券|整理券|queue(?:no|ticket)|waitingticket|クーポン券")
"""Printed at the foot of sales as well: no sale where nothing confirms a total."""

# ---------------------------------------------------------------- receipt numbers, best first; they see spelled text, not squeezed

NUMBER_VALUE = r"[\s:.#№]{0,4}(?P<no>[A-Za-z]{0,6}[-_/]?\d[A-Za-z0-9]{0,16}(?:[-_/][A-Za-z0-9]{1,12}){0,3})"
_NO = r"\s?(?:No|NO|no|№|番号|ナンバー|ID|#|番)"
RECEIPT_NUMBERS = tuple(
    re.compile(pattern + NUMBER_VALUE, re.IGNORECASE)
    for pattern in (
        rf"(?<!元)(?<!原)(?:レシート|ﾚｼｰﾄ)(?:{_NO}|(?=[\s:]{{1,3}}\d))",
        r"(?<![A-Za-z])R-?No(?=[\s.:])",
        rf"(?<!元)(?<!原)(?:伝票|領収[書証]?|伝)(?:{_NO})",
        r"(?<!元)(?<!原)伝票(?=[\s:]{1,3}[A-Z]?-?\d{2})",
        r"(?<![A-Za-z])(?:receipt|rcpt|rec)\s?(?:no|number|num|nr|id|#|:)",
        rf"(?<!元)(?<!原)(?:取引|会計|売上|精算|お買上|購入|食券|券|管理|処理|ジャーナル|一連|通し?)(?:{_NO})",
        r"(?<!元)(?<!原)取引(?=[\s:]{0,3}\d{3})",
        r"(?<![A-Za-z])(?:transaction|trans|trx|txn|tran|ticket|invoice|inv|bill|sales?|check|chk|doc|document)\s?(?:no|number|num|nr|id|#|:)",
    )
)
WEAK_NUMBERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:^|\s)No[.:]?\s?(?P<no>(?!T\d{13})[A-Za-z]{0,3}\d[\d-]{1,20})(?=\s|$)",
        r"(?:^|\s)#\s?(?P<no>[A-Za-z0-9]{0,4}-?\d[0-9A-Za-z-]{1,20})(?=\s|$)",
        r"(?<![A-Za-z])(?:注文番号|オーダー(?:番号|No)|受付番号|order\s?(?:no|number|id|#))[\s:.#]{0,4}(?P<no>[A-Za-z]{0,4}-?\d[\d-]{3,20})",
    )
)
NOT_RECEIPT_NO = re.compile(
    r"(?:レジ|店舗?|責|担当者?|卓|テーブル|tel|table|会員|登録|承認|端末|カード|register|reg|pos|store|shop|clerk|cashier|member|card|auth|terminal|tax|phone|電話|席|客|機|担|staff|server|branch|電|fax|承|商品|jan|コード|伝票種)\W{0,3}$",
    re.IGNORECASE,
)
