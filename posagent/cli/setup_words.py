"""Owns what `posagent setup` says, in Japanese and English."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "url": ("本部の受信サーバのアドレス（なければ空のまま Enter）", "Head office's address (Enter alone: there is none)"),
    "code": ("本部の登録コード（12 文字）", "Head office's one-time code (12 letters and digits)"),
    "enrolled": ("登録しました", "Enrolled"),
    "same_register": (
        "このレジには、ほかにも有効な鍵があります。前の機械の鍵なら本部で無効に、その機械が今も動いているなら、どちらかを別のレジとして登録し直してください",
        "Another key of this register is accepted, too. Of the machine before: have it revoked. Of one that still sells: enrol one anew",
    ),
    "keep_key": ("このレジは登録済みです", "This register is enrolled already"),
    "company": ("会社の短い名前（英数字）", "Company, as a short name"),
    "store": ("店舗番号", "Store number"),
    "register": ("レジ番号", "Register number"),
    "brand": ("ブランドの短い名前（英数字）", "Brand, as a short name"),
    "store_name": ("店名（クーポンに印刷されます）", "Store name, as it is printed on slips"),
    "members": ("会員証バーコード（JAN 13 桁）の最初の数字", "Member cards (13 digits, JAN) begin with"),
    "scanners": ("会員証を読むスキャナ", "Scanners for member cards"),
    "printers": ("クーポンを印刷するプリンタ", "Printers for slips"),
    "none_found": (
        "見つかりません。ケーブルを確認して、あとで posagent setup をもう一度実行できます",
        "none found; check the cables, you can run posagent setup again",
    ),
    "choose": ("番号（複数はカンマ区切り、0: なし）", "Numbers, with commas (0: none)"),
    "network": ("ネットワークプリンタのアドレス（なければ空のまま Enter）", "A network printer's address (Enter alone: there is none)"),
    "door": (
        "会計金額の受け取り方  1: POS から直接  2: POS のプリンタを経由  3: 手入力",
        "How a sale arrives  1: the POS calls us  2: through the POS's printer  3: typed",
    ),
    "forward": (
        "本物のレシートプリンタのアドレス（例 192.168.1.20:9100）",
        "The real receipt printer's address, such as 192.168.1.20:9100",
    ),
    "door_told": ("POS のプリンタ設定をこのアドレスに変えてください", "Now give the POS this address as its printer's"),
    "written": ("設定を書きました", "The settings are written"),
    "rules": (
        "本部がないので、ポイントの規則をここに置いてください（例: /usr/share/doc/posagent/examples/program.toml）",
        "Without head office the store's rules must lie here (example: /usr/share/doc/posagent/examples/program.toml)",
    ),
    "kept": ("前の設定はここに残しました", "The earlier file is kept as"),
    "problems": ("設定に問題があり、何も書いていません", "The settings have problems; nothing was written"),
    "rule": ("この機器をスキャナとして登録しました", "This device is now known as a scanner"),
    "scan_now": ("何かバーコードを一つ読み取ってください（30 秒、Ctrl-C で飛ばす）", "Scan any barcode now (30 s, Ctrl-C skips)"),
    "scan_good": ("読めました", "read"),
    "scan_none": ("読めませんでした", "nothing was read"),
    "print_now": ("テスト印刷をします", "printing a test slip"),
    "started": ("posagent を開始しました。画面: http://127.0.0.1:8931/", "posagent runs. The page: http://127.0.0.1:8931/"),
    "start_yourself": (
        "開始するには: systemctl enable --now posagent.socket posagent.service",
        "To start it: systemctl enable --now posagent.socket posagent.service",
    ),
    "not_started": (
        "開始できませんでした。journalctl -u posagent -n 30 を見てください",
        "It did not start; look at journalctl -u posagent -n 30",
    ),
    "again": ("入力を確認してください", "Please look at what you typed"),
    "missing": ("この値が要ります", "This value is needed"),
}  # fmt: skip


def say(key: str, language: str) -> str:
    """The words of one key."""
    return WORDS[key][0 if language == "ja" else 1]
