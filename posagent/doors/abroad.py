"""Owns what tells that a receipt is not in yen, and the titles by which tills of other countries mark what is no sale. PURE.

German, French, Italian, Spanish, Korean, Chinese (both scripts) and Thai. Amounts of other currencies are never read as yen; the kinds are told
all the same, so that a report or a return from such a till is not offered for an amount by hand. Titles are whole lines, squeezed
(`posagent.doors.amounts.squeeze`).
"""

from __future__ import annotations

import re

# ruff: noqa: E501 - a list of words is read as one line

_YEN = re.compile(r"[¥\\￥]|円|(?<![a-z])jpy|(?<![a-z])yen(?![a-z])", re.IGNORECASE)
_JAPANESE = re.compile(r"[ぁ-んァ-ヶｦ-ﾝ]|円|(?<![a-z])jpy|(?<![a-z])yen(?![a-z])|税込|税抜|内税|外税|消費税|軽減税率|登録番号", re.IGNORECASE)
_KANJI = re.compile(r"[\u3400-\u9fff]")
_MONEY = re.compile(
    r"(?P<sign>[€£₩฿₫₹]|(?:US|HK|NT|S|A|C)?\$) ?\d|(?<![A-Za-z])(?P<code>USD|EUR|GBP|CHF|KRW|CNY|RMB|TWD|NTD?|HKD|SGD|THB|VND|AUD|CAD|MYR|PHP|IDR|INR|Rp|RM|Rs)(?![A-Za-z])[. ]{0,2}-?\d"
    r"|\d ?(?P<after>€|₩|฿|元(?!伝|取|売|レ|の|領|帳|値)|원|บาท|(?<![A-Za-z])(?:EUR|USD|GBP|CHF|KRW|CNY|RMB|THB|VND|IDR|đ)(?![A-Za-z]))"
)
_SPEECH = (
    ("Korean", re.compile(r"[\uac00-\ud7a3]{2}")),
    ("Thai", re.compile(r"[\u0e01-\u0e5b]{2}")),
    ("Chinese", re.compile(r"找零|找赎|找續|統一編號|统一社会|發票|发票|應收|应收|实收|實收|应付|实付|收银|收銀員|结账|結帳|桌号|合计|总计|總計|小计|微信支付|载具|載具")),
)


def not_in_yen(text: str) -> str:
    """Which currency or language speaks against yen; "" where nothing does, or yen are named beside it (rates on tax-free receipts)."""
    if _JAPANESE.search(text):
        return ""
    money = _MONEY.search(text)
    if money and not _YEN.search(text):
        return f"the amounts are in {(money['sign'] or money['code'] or money['after']).strip()}"
    # The sign ¥ is also China's; a till that writes no word of Japanese may mean either.
    language = next((name for name, pattern in _SPEECH if pattern.search(text)), "")
    return f"a receipt in {language}, and no word of yen" if language else ""


def is_japanese(text: str) -> bool:
    """Whether the till writes Japanese: what a bistro's name means in French is no title then."""
    return bool(_JAPANESE.search(text))


def may_have_cents(text: str) -> bool:
    """Whether 45.00 can be forty-five of something with cents: neither yen nor a Japanese word stands on the receipt."""
    return not (_YEN.search(text) or _JAPANESE.search(text) or _KANJI.search(text))


def _title(*words: str) -> re.Pattern[str]:
    return re.compile(rf"^(?:{'|'.join(words)})(?:beleg|bon|nr|n[°º]?|no|ticket|recibo|영수증|\d|单|票|小票|凭证){{0,3}}\d{{0,8}}$")


TEST = _title(r"trainings?(?:bon|modus|beleg)?", r"übungs?(?:bon|modus|beleg)?", r"schulungs?(?:bon|modus|beleg)?", r"modeécole", r"modeecole", r"modeformation", r"modeentra[iî]nement", r"ticketd'?essai", r"scontrinodiprova", r"modalit[aà](?:training|prova|addestramento)", r"modo(?:de)?(?:prueba|formaci[oó]n|entrenamiento|pr[aá]cticas)", r"(?:연습|교육|훈련)(?:모드|용)?", r"(?:练习|練習|培训|训练|訓練)(?:模式|用)?", r"(?:โหมด)?(?:ฝึกหัด|ทดสอบ)")  # fmt: skip
REPORT = _title(
    r"tagesabschluss(?:[xz]-?bon)?", r"tages(?:bericht|umsatz|ende|losung)", r"[xz]-?(?:bon|abschlag|abschluss|bericht|abfrage)", r"kassen(?:abschluss|bericht|sturz|abrechnung|schnitt)", r"(?:umsatz|finanz|bediener|kellner|schicht)(?:bericht|abrechnung|abschluss)", r"schichtende",
    r"cl[oô]turede(?:caisse|journ[eé]e)[xz]?", r"cl[oô]ture(?:journali[eè]re|[xz])?", r"(?:ticket|rapport|lecture|bande|[eé]tat)[xz]\d{0,4}", r"rapport(?:financier|journalier|decaisse|deventes?|dejourn[eé]e|decl[oô]ture)", r"chiffred'?affaires(?:dujour)?", r"journaldesventes", r"totaldujour", r"remise[aà]z[eé]ro",
    r"chiusura(?:fiscale|giornaliera|cassa|dicassa|giornata|turno|[xz])?", r"rapporto(?:finanziario|giornaliero|[xz]|cassa)", r"lettura[xz]?", r"azzeramento", r"corrispettivi(?:delgiorno|giornalieri)?",
    r"cierre(?:de)?(?:caja|turno|d[ií]a|diario|[xz])?", r"informe(?:de)?(?:ventas|caja|diario|[xz])?", r"arqueo(?:decaja)?", r"corte(?:de)?(?:caja|[xz])", r"ventasdeld[ií]a", r"reporte(?:de)?(?:ventas|caja|[xz])",
    r"(?:일일|영업|매장|포스)?(?:마감|일계)(?:정산|보고서?|내역)?", r"(?:일일|매출|영업|중간|시재)(?:정산|합계|집계|현황|보고서?|일보)", r"정산서?",
    r"交班(?:报表|表|小结|单)?", r"(?:日结|日結|结班|班结|日报|日報|营业日报|销售日报)(?:报表|表|单)?", r"(?:营业|營業|销售|銷售|收银|收款)(?:报表|報表|汇总|统计|日报表?|额)", r"对账(?:单|表)", r"盘点(?:表|单)?",
    r"รายงาน.{0,20}", r"สรุปยอด.{0,20}", r"ปิด(?:กะ|ยอด|รอบ).{0,16}",
)  # fmt: skip
REFUND = _title(r"stornos?(?:rechnung|ierung)?", r"stornierung", r"r(?:ü|ue)ckgabe", r"retoure", r"gutschrift", r"erstattung", r"warenr(?:ü|ue)ckgabe", r"remboursement", r"avoir", r"annulation", r"retour(?:marchandise|client)?", r"ticketde(?:retour|remboursement)", r"(?:emessoper)?reso(?:merce)?", r"rimborso", r"annull(?:o|amento)", r"(?:ticketde)?devoluci[oó]n", r"reembolso", r"(?:ticketde)?abono", r"anulaci[oó]n", r"(?:환불|반품|취소|결제취소|승인취소|매출취소)", r"退款|退货|退貨|作废|作廢|退单|退菜", r"คืนเงิน|คืนสินค้า|ใบลดหนี้|ยกเลิกรายการ")  # fmt: skip
REPRINT = _title(r"(?:beleg|rechnungs)?kopie", r"duplikat", r"nachdruck", r"zweitschrift", r"duplicata", r"copie(?:client|commer[cç]ant|duticket)?", r"r[eé]impression", r"copia(?:cliente|comercio|esercente|conforme)?", r"duplicat[oa]", r"duplicado", r"ristampa", r"reimpresi[oó]n", r"kundenbeleg", r"h(?:ä|ae)ndlerbeleg", r"(?:재발행|재출력|재인쇄|사본|고객용|가맹점용|매장용)", r"(?:重打|重印|补打|補印|重新打印|重打印|副本|复印|存根|顾客联|商户存根|持卡人存根)(?:小票)?", r"สำเนา(?:ใบเสร็จ)?|พิมพ์ซ้ำ")  # fmt: skip
PREBILL = _title(r"zwischen(?:rechnung|bon|summe)", r"keinerechnung", r"keinbeleg", r"vorabrechnung", r"rechnungsentwurf", r"l'?addition", r"note(?:provisoire|detable)", r"cecin'?estpasunticket", r"preconto", r"prescontrino", r"(?:documento)?nonfiscale", r"pre-?cuenta", r"pre-?factura", r"noesfactura", r"cuenta(?:provisional)?", r"(?:중간)?계산서", r"빌지", r"预结|預結|预打|预结账|埋单|埋單|结账前", r"ใบแจ้งยอด|ใบแจ้งรายการ")  # fmt: skip
ORDER = _title(r"bestell(?:ung|schein)", r"k(?:ü|ue)chen?", r"theke", r"(?:bonde)?(?:cuisine|commande)", r"comanda", r"cucina", r"ordine", r"cocina", r"pedido", r"주문서?", r"주방", r"厨房|出品|点菜|后厨|下单", r"ครัว|ใบสั่ง(?:อาหาร)?")  # fmt: skip

_FOREIGN_SCRIPT = re.compile(r"[\uac00-\ud7a3\u0e01-\u0e5b]+|合计|总计|總計|小计|现金|找零|信用卡(?=.)|應付|应付")
_JAPANESE_LEFT = re.compile(r"[ぁ-んァ-ヶ\u3400-\u9fff]")


def in_japanese(label: str) -> str:
    """A label in several languages, in Japanese alone: 합계/合計, 合计 合計. One without Japanese stays as it is."""
    left = _FOREIGN_SCRIPT.sub("", label)
    return left if left != label and _JAPANESE_LEFT.search(left) else label
