"""Owns the words behind the four-character codes: what is wrong and what to do, in Japanese and English, for the people at the counter. PURE.

The code is what a cashier reads out over the telephone; its letter and digits never change their meaning. The families stand in
`posagent.errors`. A template may name values in braces (``{device}``); a value that was not given is shown as ``—``, so that a message can
always be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["ja", "en"]
LONGEST_VALUE = 60  # characters of a value that may come from a device, a file or the cloud


@dataclass(frozen=True, slots=True)
class Words:
    """One language's side of a message: ``title`` says what happened, ``todo`` what to do next."""

    title: str
    todo: str


@dataclass(frozen=True, slots=True)
class Message:
    """What a code means to the person at the counter."""

    code: str
    ja: Words
    en: Words


def message(code: str) -> Message:
    """The message of a code; an unknown code borrows the words of E900 and keeps its own four characters."""
    return CATALOGUE.get(code) or Message(code, CATALOGUE["E900"].ja, CATALOGUE["E900"].en)


def words(code: str, language: Language, values: Mapping[str, object] | None = None) -> Words:
    """A message in one language with its values filled in."""
    found = message(code)
    side = found.ja if language == "ja" else found.en
    shown = _Shown({name: _plain(value) for name, value in (values or {}).items()})
    return Words(side.title.format_map(shown), side.todo.format_map(shown))


class _Shown(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "—"


def _plain(value: object) -> str:
    text = "".join(mark if mark.isprintable() else " " for mark in str(value))
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _row(code: str, ja_title: str, ja_todo: str, en_title: str, en_todo: str) -> Message:
    return Message(code, Words(ja_title, ja_todo), Words(en_title, en_todo))


_ROWS = (
    # E1 settings: store IT acts
    _row("E100", "設定ファイルに誤りがあります", "会計は続けられます。サポートに番号を伝えてください。",
         "The settings file is wrong", "Go on selling. Tell support this code; they run: posagent check-config"),
    _row("E101", "この画面のポート {port} を別のプログラムが使っています", "{holder} を終了するか、設定 listen を別のポートにしてください。",
         "Another program uses this page's port {port}", "Stop {holder}, or choose another port in the setting 'listen'."),
    _row("E102", "設定にまだ使えない機器があります", "サポートに番号を伝えてください。",
         "The settings name a device that is not supported yet", "Tell support this code; they run: posagent check-config"),
    _row("E103", "会員番号の鍵が読めません", "ポイントを付けずに会計し、すぐサポートに番号を伝えてください。",
         "The key for member numbers cannot be read", "Sell without points and tell support this code; the register must be enrolled again."),
    _row("E104", "レジの登録情報が読めません", "サポートに番号を伝えてください。",
         "The register's credentials cannot be read", "Tell support this code; the register must be enrolled again."),
    _row("E105", "設定ファイルがありません", "会計は続けられます。サポートに番号を伝えてください。",
         "There is no settings file", "Go on selling. Tell support this code; they run: posagent check-config"),
    # E2 printer: the cashier or a technician acts
    _row("E200", "クーポンプリンタに問題があります", "電源を入れ直してください。直らなければサポートに番号を伝えてください。",
         "The coupon printer has a problem", "Switch it off and on. If that does not help, tell support this code."),
    _row("E201", "プリンタのロール紙が残りわずかです", "手の空いたときに紙を交換してください。",
         "The printer's paper is nearly used up", "Change the roll when you have a moment."),
    _row("E210", "プリンタの紙がありません", "紙を交換してください。続きは自動で印刷されます。",
         "The printer is out of paper", "Change the paper. Printing goes on by itself."),
    _row("E211", "プリンタのカバーが開いています", "カバーを閉じてください。続きは自動で印刷されます。",
         "The printer's cover is open", "Close the cover. Printing goes on by itself."),
    _row("E212", "カッターが止まっています", "電源を切り、つまった紙を取り除いてから電源を入れてください。",
         "The paper cutter is stuck", "Switch the printer off, take out the jammed paper, switch it on."),
    _row("E213", "プリンタがオフラインです", "電源とケーブルを確認し、オンラインボタンを押してください。",
         "The printer is offline", "Check power and cable, then press its online button."),
    _row("E214", "プリンタが見つかりません", "電源とケーブルを確認してください。つながると続きが印刷されます。",
         "The printer cannot be found", "Check power and cable. Waiting slips print when it is back."),
    _row("E215", "プリンタの状態が分かりません", "紙と電源を目で確認してください。このプリンタは状態を知らせません。",
         "The printer does not report its status", "Look at its paper and power yourself."),
    _row("E216", "クーポンが印刷されたか分かりません", "紙が出ているか確認し、画面の「出た」「出ていない」を押してください。",
         "It is not known whether the slip was printed", "Look at the printer and answer 'It came out' or 'It did not'."),
    _row("E217", "プリンタが熱くなっています", "しばらく待ってください。冷えると自動で続けます。",
         "The printer's head is too hot", "Wait a little. It goes on by itself when it has cooled."),
    _row("E218", "プリンタを別のプログラムが使っています", "そのプログラムを終了してください。名前は「機器の点検」に出ます。",
         "Another program holds the printer", "Stop that program. 'Devices' says which one it is."),
    _row("E219", "印刷待ちのクーポンが {count} 枚あります", "プリンタを確認してください。直ると順に印刷されます。",
         "{count} slips are waiting to be printed", "See to the printer. They print in order when it is ready."),
    _row("E220", "この文字はプリンタで印刷できません", "サポートに番号を伝えてください。会計は続けられます。",
         "The printer cannot print some of the text", "Tell support this code. Go on selling."),
    # E3 scanner and camera
    _row("E300", "{device} に問題があります", "ケーブルを抜き差ししてください。直らなければサポートに番号を伝えてください。",
         "{device} has a problem", "Unplug it and plug it in again. If that does not help, tell support this code."),
    _row("E301", "{device} が見つかりません", "ケーブルを確認してください。つながると自動で使えます。",
         "{device} is not connected", "Check its cable. It works again by itself once it is back."),
    _row("E302", "{device} を別のプログラムが使っています", "{holder} を終了してください。",
         "Another program holds {device}", "Stop {holder}."),
    _row("E303", "{device} を開く権限がありません", "サポートに番号を伝えてください。",
         "{device} may not be opened", "Tell support this code; they run: posagent doctor"),
    _row("E304", "{device} が応答しません", "電源を入れ直してください。",
         "{device} does not answer", "Switch it off and on."),
    _row("E305", "{device} の読み取りプログラムが止まりました", "自動で再開します。続くときはサポートに番号を伝えてください。",
         "The program that reads {device} stopped", "It starts again by itself. If this goes on, tell support this code."),
    _row("E306", "この画像は読めません", "PNG か JPEG の画像を使ってください。",
         "This picture cannot be read", "Use a PNG or JPEG picture."),
    _row("E307", "カメラが使えません", "カメラのケーブルを抜き差ししてください。直らなければサポートに番号を伝えてください。",
         "The camera cannot be used", "Unplug it and plug it in again. If that does not help, tell support this code."),
    _row("E308", "カメラの準備ができていません", "サポートに番号を伝えてください。",
         "The camera is not set up", "Tell support this code; they run: posagent check-config"),
    _row("E310", "カメラが暗すぎます", "レンズの前をあけ、明るくしてください。",
         "The camera sees only darkness", "Uncover the lens or turn on a light."),
    _row("E311", "カメラの映像が止まっています", "ケーブルを抜き差ししてください。",
         "The camera's picture stands still", "Unplug the camera and plug it in again."),
    _row("E320", "バーコードが最後まで読めませんでした", "もう一度、ゆっくり読み取ってください。",
         "The barcode was not read whole", "Scan it once more, slowly."),
    _row("E321", "読み取った文字が多すぎます", "別のバーコードを読んでいないか確認し、もう一度読み取ってください。",
         "Too many characters were read", "Check that it is a member barcode and scan again."),
    _row("E322", "このコードは POS に送れませんでした", "商品を手で入力してください。続くときはサポートに番号を伝えてください。",
         "This code could not be passed on to the POS", "Enter the article by hand. If this goes on, tell support this code."),
    _row("E323", "会員コードが POS に送られました", "POS の入力を取り消し、もう一度読み取ってください。",
         "A member's code went to the POS", "Clear it there and scan the card once more."),
    # E4 cloud and network: nobody must act
    _row("E400", "本部とつながっていません", "そのまま会計してください。ポイントは後で登録されます。",
         "No connection to head office", "Go on selling. Points are registered later."),
    _row("E401", "本部がこのレジを受け付けません", "会計は続けられます。サポートに番号を伝えてください。",
         "Head office does not accept this register", "Go on selling. Tell support this code."),
    _row("E402", "未送信の記録が {count} 件あります", "そのまま会計してください。回線が戻ると自動で送られます。",
         "{count} records wait to be sent", "Go on selling. They are sent when the line is back."),
    _row("E403", "送れない記録が {count} 件あります", "会計は続けられます。サポートに番号を伝えてください。",
         "{count} records were refused by head office", "Go on selling. Tell support this code; they run: posagent queue list"),
    _row("E404", "会員情報が古くなっています", "そのまま会計してください。残高は後で更新されます。",
         "Member records are out of date", "Go on selling. Balances are brought up to date later."),
    # E5 journal and disk: store IT acts
    _row("E500", "記録を書き込めません", "ポイントを付けずに会計し、すぐサポートに番号を伝えてください。",
         "Records cannot be written", "Sell without points and tell support this code now."),
    _row("E501", "このレジではすでに動いています", "もう一つのプログラムを終了してください。",
         "The agent already runs on this register", "Stop the other one."),
    _row("E502", "ディスクの空きが残りわずかです", "会計は続けられます。サポートに番号を伝えてください。",
         "The disk is nearly full", "Go on selling. Tell support this code."),
    _row("E503", "記録ファイルが壊れています", "ポイントを付けずに会計し、すぐサポートに番号を伝えてください。",
         "The journal is damaged", "Sell without points and tell support this code now."),
    _row("E504", "ディスクが読み取り専用です", "ポイントを付けずに会計し、すぐサポートに番号を伝えてください。",
         "The disk is read-only", "Sell without points and tell support this code now."),
    _row("E505", "時計が合っていません", "会計は続けられます。サポートに番号を伝えてください。",
         "The clock is wrong", "Go on selling. Tell support this code."),
    _row("E506", "ディスクがいっぱいです", "ポイントを付けずに会計し、すぐサポートに番号を伝えてください。",
         "The disk is full", "Sell without points and tell support this code now."),
    # E6 rules: the cashier acts
    _row("E600", "ポイントの規則ファイルに誤りがあります", "前の規則で続けています。本部に番号を伝えてください。",
         "The program file is wrong", "The previous rules stay in force. Tell head office this code."),
    _row("E601", "この操作は受け付けられません", "内容を確認して、もう一度お試しください。",
         "This cannot be accepted", "Check what was entered and try again."),
    _row("E602", "会員証ではないバーコードです", "会員証またはスマホの会員画面を読み取ってください。",
         "This is not a member barcode", "Scan the member card or the member screen on the phone."),
    _row("E603", "この会員証は使えません", "お客様にカスタマーセンターへの連絡をご案内ください。",
         "This card is blocked", "Ask the customer to contact customer service."),
    _row("E604", "会員証の番号が正しくありません", "もう一度読み取るか、番号を手で入力してください。",
         "The member number does not check", "Scan again, or type the number."),
    _row("E605", "会員番号を一つに決められません", "会員証を一枚だけ見せて、もう一度読み取ってください。",
         "More than one member number was read", "Show only one card and scan again."),
    _row("E606", "会員が {member} に替わりました", "違うときは、正しい会員証をもう一度読み取ってください。",
         "The member is now {member}", "If that is wrong, scan the right card again."),
    _row("E607", "同じ会計が別の内容で届きました", "履歴を確かめ、必要なら先に取り消してください。",
         "The same sale came with other content", "Look at the list of sales; void the first one if it was wrong."),
    _row("E608", "その会計が見つかりません", "履歴で会計を確かめてください。",
         "That sale cannot be found", "Look for it in the list of sales."),
    _row("E609", "その会計はすでに取り消されています", "何もする必要はありません。",
         "That sale has already been voided", "Nothing needs to be done."),
    _row("E610", "会員証の読み取りが取り消されました（時間切れ）", "会員証をもう一度読み取ってください。",
         "The scan waited too long and was dropped", "Scan the card again."),
    _row("E611", "金額が取り消されました（時間切れ）", "金額をもう一度入力してください。",
         "The amount waited too long and was dropped", "Enter the amount again."),
    _row("E612", "金額が大きすぎます", "金額を確かめてください。上限は {limit} です。",
         "The amount is too large", "Check the amount. The limit is {limit}."),
    _row("E613", "この操作には店長の権限が必要です", "店長を呼んでください。",
         "This needs a manager", "Call the manager."),
    _row("E614", "期限切れの会員証です", "お客様に会員証の更新をご案内ください。",
         "This card has expired", "Ask the customer to renew it."),
    _row("E615", "その印刷は見つかりません", "履歴を確かめてください。",
         "That slip cannot be found", "Look for it in the list of sales."),
    _row("E616", "この画面コードは期限切れです", "お客様に会員画面を開き直していただいてください。",
         "The code on the phone has run out", "Ask the customer to open the member screen again."),
    _row("E617", "この画面コードは使用済みです", "お客様に会員画面を開き直していただき、新しいコードを読み取ってください。",
         "The code on the phone has been used", "Ask the customer to open the member screen again and scan the new code."),
    _row("E618", "この画面コードは確認できません", "お客様に会員画面を開き直していただいてください。続くときは会員証の番号を入力してください。",
         "The code on the phone is not genuine", "Ask the customer to open the member screen again; else type the card's number."),
    _row("E619", "お客様のスマートフォンの時刻が進んでいます", "スマートフォンの時刻を合わせ、会員画面を開き直していただいてください。",
         "The customer's phone is ahead of time", "Ask the customer to set the phone's clock and open the member screen again."),
    _row("E620", "この会計にはもうポイントが付いています", "何もする必要はありません。",
         "This sale already has its points", "Nothing needs to be done."),
    _row("E621", "金額が {amount} に替わりました", "違うときは、正しい金額をもう一度入力してください。",
         "The amount is now {amount}", "If that is wrong, enter the right amount again."),
    _row("E622", "この会計のポイントを計算できません", "金額を確かめて、もう一度入力してください。",
         "Points cannot be computed for this sale", "Check the amount and enter it again."),
    _row("E623", "これはクーポンのコードです", "会員証を読み取ってください。",
         "This is a coupon's code", "Scan the member card."),
    _row("E624", "本部とつながらない間は、この金額のポイントは付けられません", "レシート番号を控えてください。つながったら後から付けられます。",
         "Too much to grant while head office cannot be reached", "Note the receipt number: points can be granted later."),
    _row("E625", "送れない記録がたまりすぎて、ポイントを付けられません", "レシート番号を控え、すぐサポートに番号を伝えてください。",
         "Too many records wait to be sent; no points for now", "Note the receipt number and tell support this code now."),
    _row("E630", "テストモードです。会員証は会計に使われません", "会計の前に技術者の画面で切ってください。2 分で自動で切れます。",
         "Test mode is on: cards are not taken", "Switch it off on the technician's page before the next sale. It ends after 2 minutes."),
    _row("E631", "読み取りはテストとして扱いました", "お客様の会員証なら、テストモードを切ってからもう一度読み取ってください。",
         "That scan was taken as a test", "If it was a customer's card, switch test mode off and scan it again."),
    _row("E632", "その機器は見つからないか、この操作ができません", "機器の一覧を確かめてください。",
         "There is no such device, or it cannot do that", "Look at the list of devices."),
    _row("E633", "返品のレシートです（{amount} 円）。ポイントは自動では戻りません", "履歴で元の会計を選び、取り消してください。",
         "A refund was printed ({amount} yen): its points are not taken back by themselves", "Find the sale in the history and void it."),
    _row("E634", "レシートの金額を読み取れません", "金額を入力してください。",
         "The amount on the receipt could not be read", "Enter the amount."),
    _row("E635", "レシートの金額の読み違いがありました", "これからは毎回、金額を確かめてください。技術者に番号を伝えてください。",
         "An amount was read wrong from a receipt", "Check every amount from now on, and tell the technician this code."),
    _row("E636", "このレシートからは金額の場所を覚えられません", "金額の違う会計を二つ印字して、金額を確かめてください。",
         "Nothing can be learned from these receipts", "Print two sales with different amounts and check their totals."),
    _row("E640", "クーポンやポイントは、金額のあとに使えます", "先に金額を入力してから、もう一度読み取ってください。",
         "Enter the amount first", "Then scan the coupon, or choose the points, again."),
    _row("E641", "この会計は支払い済みです", "支払いの前に使ってください。取り消してやり直すこともできます。",
         "This sale is paid already", "Use it before the payment, or void the sale and begin again."),
    _row("E642", "本部とつながらない間は、このレジで発行したクーポンだけ使えます", "値引きせずに会計し、クーポンはお客様にお返しください。",
         "While head office cannot be reached, only this register's own coupons can be used", "Sell without it and give the coupon back."),
    _row("E643", "このクーポンは使えません", "コードを確かめて、もう一度読み取ってください。",
         "This coupon is not valid", "Compare the code and scan it again."),
    _row("E644", "クーポンの期限が切れています", "値引きせずに会計してください。",
         "This coupon has expired", "Sell without it."),
    _row("E645", "まだ使えないクーポンです", "ご利用開始日をお客様にご案内ください。",
         "This coupon cannot be used yet", "Show the customer its first day."),
    _row("E646", "このクーポンは使用済みか、ほかの会計で使用中です", "値引きせずに会計してください。",
         "This coupon has been used, or is being used in another sale", "Sell without it."),
    _row("E647", "この店では使えないクーポンです", "お客様に使えるお店をご案内ください。",
         "This coupon cannot be used in this shop", "Tell the customer where it can."),
    _row("E648", "この会計ではクーポンの条件を満たしていません", "クーポンの条件（金額・商品・日時）を確かめてください。",
         "This sale does not meet the coupon's conditions", "Look at its conditions: amount, goods, days and hours."),
    _row("E649", "ほかのクーポンやポイントと一緒に使えません", "どちらか一つを選び、要らないほうを外してください。",
         "It cannot be used together with what is there already", "Choose one and take the other off."),
    _row("E650", "本部とつながらない間は使えません", "ポイントや残高を使わずに会計してください。",
         "This needs head office, which cannot be reached now", "Sell without points and prepaid value."),
    _row("E651", "残高が足りません", "残高を確かめ、少ない額でもう一度お試しください。",
         "The balance does not suffice", "Look at the balance and try a smaller amount."),
    _row("E652", "この額は使えません。上限は {limit} です", "額を確かめて、もう一度入力してください。",
         "This amount cannot be used; at most {limit}", "Check the amount and enter it again."),
    _row("E653", "{label} を外しました。値引きは無効です", "レジの値引きを取り消すか、もう一度使ってください。",
         "{label} was taken off: its discount does not stand", "Take the discount off at the till, or use it again."),
    _row("E654", "本部とつながらない間のクーポンの上限を超えます（1回 {limit} 円）", "値引きせずに会計し、クーポンはお客様にお返しください。",
         "Over the limit for coupons while head office cannot be reached ({limit} yen a sale)", "Sell without it and give the coupon back."),
    _row("E655", "{member} のポイントやクーポンを使用中です", "会計を終えるか、使用を外してから次の会員証を読み取ってください。",
         "Points or coupons of {member} are in use", "Finish the sale or take them off, then scan the next card."),
    _row("E656", "本部から答えがありません。使われていません", "もう一度お試しください。続くときは使わずに会計してください。",
         "Head office did not answer: nothing was used", "Try again; if it goes on, sell without it."),
    _row("E657", "会員証がまだ読み取られていません", "会員証を読み取ってから、もう一度選んでください。",
         "No member card has been scanned", "Scan the card, then choose again."),
    _row("E658", "本部がこの操作を受け付けません", "使わずに会計してください。続くときはサポートに番号を伝えてください。",
         "Head office does not accept this", "Sell without it; if it goes on, tell support this code."),
    _row("E659", "それはこの会計では使われていません", "画面の一覧を確かめてください。",
         "That is not used in this sale", "Look at the list on the page."),
    _row("E660", "支払い額が合いません（残り {payable} 円）", "値引きを確かめて、もう一度送ってください。",
         "The amount is not what is left to pay ({payable} yen)", "Check the discounts and send it again."),
    _row("E661", "このクーポンはほかの会員のものです", "会員証を確かめてください。",
         "This coupon belongs to another member", "Check the member card."),
    _row("E662", "この額はチャージできません（{unit} 円単位、{min}〜{max} 円）", "額を確かめて、もう一度入力してください。",
         "This amount cannot be charged (steps of {unit}, from {min} to {max} yen)", "Check the amount and enter it again."),
    _row("E663", "チャージの上限を超えます（残高 {max_balance} 円まで）", "少ない額でもう一度お試しください。",
         "Over the limit of the balance ({max_balance} yen)", "Try a smaller amount."),
    _row("E664", "この店ではチャージできません", "お客様にチャージできるお店をご案内ください。",
         "Nothing can be charged in this shop", "Tell the customer where it can."),
    _row("E665", "チャージの取り消しは、その営業日だけできます", "返金はできません。本部に番号を伝えてください。",
         "A charge can be taken back on its own business date only", "It is not paid out; tell head office this code."),
    _row("E667", "この会計は一部返品を計算できません", "会計を取り消して、残りを打ち直してください。",
         "A part of this sale cannot be taken back by computing it", "Void the sale and ring up what stays."),
    _row("E668", "返品できる期間を過ぎています", "本部に番号を伝えてください。",
         "This sale is too old for a refund", "Tell head office this code."),
    _row("E669", "返品の内容が会計と合いません", "残る明細（または残る金額）を確かめて、もう一度送ってください。",
         "What is kept does not fit the sale", "Check the lines or the total that the customer keeps and send it again."),
    _row("E670", "この会計はまだ支払われていません", "支払いのあとにもう一度お試しください。",
         "This sale is not paid yet", "Try again after the payment."),
    _row("E671", "ほかの会計が途中です", "先にその会計を終えるか、取り消してください。",
         "Another sale is open", "Finish it first, or start over."),
    _row("E672", "理由が必要です", "一覧から理由を選んでください。「その他」には説明が必要です。",
         "A reason is needed", "Choose one from the list; 'other' needs words."),
    _row("E673", "この口座は手で直せません", "口座の名前を確かめてください。チャージ残高はチャージでだけ増やせます。",
         "This account cannot be put right by hand", "Check its name; prepaid value comes from charges only."),
    _row("E674", "後からポイントを付けられる期間を過ぎています", "本部に番号を伝えてください。",
         "It is too late to grant points for this sale", "Tell head office this code."),
    _row("E675", "返品のレシートです（{amount} 円）", "元の会計 {sale_id} を確かめ、店長が返品を確定してください。",
         "A refund of {amount} yen was rung up", "Check the sale {sale_id}; a manager confirms the refund on the page."),
    _row("E676", "返品のレシートです（{amount} 円）。同じ金額の会計が {count} 件あります", "履歴で元の会計を選び、取り消してください。",
         "A refund of {amount} yen was rung up; {count} sales have that total", "Find the right sale in the history and void it."),
    _row("E677", "返品のレシートです（{amount} 円）。元の会計にポイントは付いていません", "何もする必要はありません。",
         "A refund of {amount} yen was rung up; its sale gave no points", "Nothing to do."),
    _row("E678", "レジの金額が替わりました（{amount} 円）", "画面の金額を確かめて、もう一度 Enter を押すか、金額を入力してください。",
         "The till shows another amount now ({amount} yen)", "Check the amount on the page and press Enter again, or type it."),
    # E7 security: a program or its settings must change
    _row("E700", "許可されていない接続です", "この画面は http://{address}/ で開いてください。",
         "This connection is not allowed", "Open the page at http://{address}/"),
    _row("E701", "アドレスが違います", "この画面は http://{address}/ で開いてください。",
         "Wrong address", "Open the page at http://{address}/"),
    _row("E702", "このページからは操作できません", "設定 allowed_origins にページのアドレスを加えてください。",
         "This web page may not use the agent", "Add its origin to the setting 'allowed_origins'."),
    _row("E703", "接続の許可（トークン）がないか、正しくありません", "もう一度ペアリングしてください。",
         "The token is missing or not valid", "Pair the program again."),
    _row("E704", "このトークンではこの操作はできません", "正しいページで、必要な権限を付けてペアリングしてください。",
         "This token may not do that", "Pair with the right origin and scope."),
    _row("E705", "間違いが多すぎます", "1 分待ってから、もう一度お試しください。",
         "Too many failed attempts", "Wait one minute and try again."),
    _row("E706", "要求の形が正しくありません", "プログラムの作成者に伝えてください：{problem}",
         "The request is malformed", "Tell the program's maker: {problem}"),
    _row("E707", "要求が大きすぎます", "プログラムの作成者に伝えてください：{problem}",
         "The request is too large", "Tell the program's maker: {problem}"),
    _row("E708", "要求が届ききりませんでした", "もう一度お試しください。",
         "The request did not arrive in time", "Try again."),
    _row("E709", "接続が多すぎます", "使っていない画面を閉じてください。",
         "Too many connections", "Close pages that are not in use."),
    _row("E710", "担当者コードまたは暗証番号が違います", "確かめて、もう一度入力してください。",
         "The staff code or the PIN is wrong", "Check both and enter them again."),
    _row("E711", "このレジには暗証番号が登録されていません", "サポートに登録（posagent staff pin）を依頼してください。",
         "Nobody has a PIN on this register", "Ask support to make one: posagent staff pin"),
    _row("E712", "暗証番号による許可の時間が切れました", "暗証番号をもう一度入力してください。",
         "The release by PIN has ended", "Enter the PIN again."),
    _row("E713", "ペアリングコードが違います", "印刷されたコードを確かめて、もう一度入力してください。",
         "The pairing code is wrong", "Check the printed code and enter it again."),
    _row("E714", "ペアリングコードはもう使えません", "posagent pair で新しいコードを発行してください。",
         "The pairing code is no longer valid", "Make a new one: posagent pair"),
    _row("E715", "そのトークンは見つかりません", "posagent tokens list で確かめてください。",
         "There is no such token", "Look at: posagent tokens list"),
    # E9 internal
    _row("E900", "内部エラーです", "会計は続けられます。サポートに番号を伝えてください。",
         "Something went wrong inside", "Go on selling. Tell support this code."),
    _row("E901", "時間内に答えがありませんでした", "そのまま待つか、同じ内容でもう一度送ってください。二重にはなりません。",
         "There was no answer in time", "Wait, or send the same again: it will not count twice."),
    _row("E902", "レジのプログラムとつながっていません", "会計は続けられます。自動でつなぎ直します。",
         "The page has lost the agent", "Go on selling. It reconnects by itself."),
)  # fmt: skip

CATALOGUE: Mapping[str, Message] = {row.code: row for row in _ROWS}
