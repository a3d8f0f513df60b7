"""Owns the catalogue behind `posagent.doctor.words`: every finding in Japanese and English. PURE.

A placeholder in braces is filled with what was found. Commands stand in the form in which they can be typed.
"""

from __future__ import annotations

from typing import NamedTuple


class Said(NamedTuple):
    """``wrong``: what is wrong and why. ``todo``: the next step, with the command where there is one."""

    wrong: str
    todo: str


def _row(ja_wrong: str, ja_todo: str, en_wrong: str, en_todo: str) -> tuple[Said, Said]:
    return Said(ja_wrong, ja_todo), Said(en_wrong, en_todo)


_SUPPORT_JA = "直らないときは posagent bundle を実行し、できたファイルをサポートに送ってください。"
_SUPPORT_EN = "If it stays, run posagent bundle and send the file to support."

WORDS: dict[str, tuple[Said, Said]] = {
    # ---- looking
    "not_looked": _row(
        "調べている途中で対象がなくなりました",
        "もう一度実行してください。",
        "What was looked at went away meanwhile",
        "Run it again.",
    ),
    "may_not_look": _row(
        "{file} を見る権限がありません",
        "sudo posagent doctor を実行してください。",
        "This user may not look at {file}",
        "Run: sudo posagent doctor",
    ),
    # ---- service
    "no_socket": _row(
        "設定に問い合わせ口（socket）がありません",
        '{file} の [screen] に socket = "/run/posagent/api.sock" を加え、再起動してください。',
        "The settings name no socket for commands",
        'Add socket = "/run/posagent/api.sock" under [screen] in {file}; restart posagent.',
    ),
    "agent_down_by_hand": _row(
        "エージェントが動いていません",
        "posagent run を実行するか、パッケージを入れてください。",
        "The agent is not running",
        "Start it with: posagent run (or install the package)",
    ),
    "no_service": _row(
        "サービスとして登録されていません",
        "パッケージを入れると、電源を入れるだけで動くようになります。",
        "It is not installed as a service",
        "Install the package; then it starts with the machine.",
    ),
    "service_settings": _row(
        "設定の誤りのため、サービスが止まっています",
        "posagent check-config で誤りを確かめて直し、sudo systemctl start posagent。",
        "The service is down because the settings are wrong",
        "Run posagent check-config, mend them, then: sudo systemctl start posagent",
    ),
    "service_down": _row(
        "サービスが動いていません（{state}）",
        "sudo systemctl restart posagent。続くときは journalctl -u posagent -n 50 を見てください。",
        "The service is not running ({state})",
        "sudo systemctl restart posagent; if it falls again: journalctl -u posagent -n 50",
    ),
    "service_restarts": _row(
        "サービスが {count} 回落ちて、再起動されています",
        "journalctl -u posagent --since -1d を見てください。" + _SUPPORT_JA,
        "The service fell and was restarted {count} times",
        "journalctl -u posagent --since -1d. " + _SUPPORT_EN,
    ),
    "no_watchdog": _row(
        "見張り（watchdog）が切られています",
        "sudo systemctl revert posagent で元の設定に戻してください。",
        "The watchdog is switched off",
        "Take the drop-in back: sudo systemctl revert posagent",
    ),
    "may_not_ask": _row(
        "このユーザーはエージェントに問い合わせできません",
        "sudo で実行するか、グループ posagent-tech に入れてください。",
        "This user may not ask the agent",
        "Use sudo, or add the user to group posagent-tech.",
    ),
    "device_class_late": _row(
        "機器の種類 {kind} は、サービスの起動後に読み込まれたため許可されていません",
        "sudo systemctl restart posagent",
        "Devices of class {kind} came after the service had started and are refused to it",
        "sudo systemctl restart posagent",
    ),
    "stranger_let_in": _row(
        "{address} がよその画面からの要求に答えました",
        "すぐサポートに連絡してください。" + _SUPPORT_JA,
        "{address} answered a request of a foreign page",
        "Call support at once. " + _SUPPORT_EN,
    ),
    "page_silent": _row(
        "画面の口 {address} が答えません",
        "sudo systemctl restart posagent",
        "The page's address {address} does not answer",
        "sudo systemctl restart posagent",
    ),
    "no_browser_policy": _row(
        "ブラウザに {origin} の許可が入っていません。店員に確認画面が出ます",
        "sudo posagent pair --chrome-policy で許可を入れてください。",
        "The browser has no policy for {origin}: cashiers will be asked",
        "Install it: sudo posagent pair --chrome-policy",
    ),
    "package_half": _row(
        "パッケージの更新が途中で止まっています",
        "sudo dpkg --configure -a",
        "An upgrade stopped half-way",
        "sudo dpkg --configure -a",
    ),
    # ---- what is written down
    "settings_wrong": _row(
        "設定ファイル {file} に誤りがあります",
        "posagent check-config が行ごとに誤りを示します。",
        "The settings file {file} is wrong",
        "posagent check-config names every line.",
    ),
    "no_member_rule": _row(
        "会員コードの規則がないため、すべての会員証が断られます",
        '{file} に kind = "member" の [[code]] を加えてください。',
        "There is no rule for member codes: every card is refused",
        'Add a [[code]] with kind = "member" to {file}.',
    ),
    "no_scanner_set": _row(
        "スキャナが設定されていません",
        "posagent devices の表示を {file} に貼り付けてください。",
        "No scanner is set up",
        "Paste what posagent devices prints into {file}.",
    ),
    "no_program": _row(
        "ポイントの規則が使えないため、ポイントが付きません",
        "posagent program check {file} で誤りを確かめてください。",
        "No program can be applied: no points are given",
        "posagent program check {file} tells why.",
    ),
    "program_kept": _row(
        "新しい規則に誤りがあり、前の規則で続けています",
        "posagent program check {file} の結果を本部に伝えてください。",
        "The new program is wrong; the one before stays in force",
        "Tell head office what posagent program check {file} says.",
    ),
    "program_ends": _row(
        "ポイントの規則が {until} で終わります（あと {days} 日）",
        "本部に次の規則の配布を頼んでください。",
        "The program ends on {until}, in {days} days",
        "Ask head office to hand down the next one.",
    ),
    "settings_writable": _row(
        "{file} をほかの人が書き換えられます",
        "sudo chmod {mode} {file}",
        "Others may write {file}",
        "sudo chmod {mode} {file}",
    ),
    "journal_open": _row(
        "{file} をほかの人が読めます（会員の記録が入っています）",
        "sudo chmod {mode} {file}",
        "Others may look into {file}, which holds members' records",
        "sudo chmod {mode} {file}",
    ),
    "secret_open": _row(
        "鍵のファイル {file} をほかの人が読めます",
        "sudo chmod {mode} {file}。本部に鍵の作り直しも頼んでください。",
        "Others may read the secret {file}",
        "sudo chmod {mode} {file}, and ask head office for a new key.",
    ),
    # ---- machine
    "clock_unasked": _row(
        "時計の同期を調べられません",
        "時刻が正しいか目で確かめてください。",
        "Whether the clock is set from the network cannot be asked",
        "Compare it with a watch.",
    ),
    "clock_unset": _row(
        "時計がネットワークと合わされていません",
        "sudo timedatectl set-ntp true",
        "The clock is not set from the network",
        "sudo timedatectl set-ntp true",
    ),
    "clock_zone": _row(
        "時刻帯が {zone} です。営業日がずれます",
        "sudo timedatectl set-timezone Asia/Tokyo",
        "The time zone is {zone}: business dates will be wrong",
        "sudo timedatectl set-timezone Asia/Tokyo",
    ),
    "clock_skew": _row(
        "時計が本部と {seconds} 秒ずれています",
        "sudo timedatectl set-ntp true。直らなければ時計の電池を替えてください。",
        "The clock differs from head office's by {seconds} s",
        "sudo timedatectl set-ntp true; if it comes back, change the clock's battery.",
    ),
    "clock_dead": _row(
        "時計が {now} を示しています。電池切れです",
        "時刻を合わせ、レジの時計の電池を替えてください。",
        "The clock says {now}: its battery is empty",
        "Set the time and change the register's clock battery.",
    ),
    "no_journal_directory": _row(
        "記録の場所 {file} がありません",
        "sudo systemctl restart posagent（サービスが作ります）。",
        "The journal's directory {file} is not there",
        "sudo systemctl restart posagent (the service makes it).",
    ),
    "disk_unasked": _row(
        "{file} のディスクが答えません",
        "ディスクの故障です。サポートに連絡してください。",
        "The disk of {file} does not answer",
        "The disk is failing: call support.",
    ),
    "disk_read_only": _row(
        "{file} のディスクが読み取り専用です。記録できません",
        "再起動して直らなければ、ディスクを交換してください。",
        "The disk of {file} is read-only: nothing can be recorded",
        "Reboot; if it stays, replace the disk.",
    ),
    "disk_full": _row(
        "ディスクの空きが {free_mb} MB しかありません",
        "{file} のあるディスクの不要なファイルを消してください（記録は消さないこと）。",
        "Only {free_mb} MB are free",
        "Delete what is not needed on the disk of {file} (never the journal).",
    ),
    "disk_short": _row(
        "ディスクの空きが {free_mb} MB です",
        "{file} のあるディスクの不要なファイルを消してください。",
        "{free_mb} MB are free",
        "Make room on the disk of {file}.",
    ),
    "disk_inodes": _row(
        "ディスクにこれ以上ファイルを作れません",
        "{file} のあるディスクの小さなファイルを片付けてください。",
        "The disk takes no more files",
        "Clear small files from the disk of {file}.",
    ),
    "disk_eatmydata": _row(
        "書き込みの保証を切るライブラリ（eatmydata）が入っています",
        "LD_PRELOAD から外してください。停電で記録が消えます。",
        "eatmydata is loaded: a power cut would lose records",
        "Take it out of LD_PRELOAD.",
    ),
    "disk_refuses": _row(
        "{file} に書き込めません",
        "ディスクの空きと故障を調べてください。" + _SUPPORT_JA,
        "{file} cannot be written",
        "Look at the disk's room and health. " + _SUPPORT_EN,
    ),
    "disk_slow": _row(
        "ディスクの書き込みに {ms} ミリ秒かかります。会計が待たされます",
        "SSD に替えるか、ディスクを使うほかの処理を止めてください。",
        "A flush takes {ms} ms: every sale waits for it",
        "Use an SSD, or stop what else writes to this disk.",
    ),
    "journal_unreadable": _row(
        "記録 {file} を読めません",
        "sudo systemctl restart posagent（起動時に修復します）。" + _SUPPORT_JA,
        "The journal {file} cannot be read",
        "sudo systemctl restart posagent (it repairs at the start). " + _SUPPORT_EN,
    ),
    "journal_damaged": _row(
        "記録 {file} が壊れています",
        "sudo systemctl restart posagent（起動時に修復し、抜けた会計を知らせます）。",
        "The journal {file} is damaged",
        "sudo systemctl restart posagent (it repairs, and names what is missing).",
    ),
    "queue_undecided": _row(
        "本部が受け付けない記録が {count} 件あります",
        "posagent queue list、または店長の画面で判断してください。",
        "Head office does not take {count} records",
        "posagent queue list, or the manager's page.",
    ),
    "queue_old": _row(
        "{count} 件が {days} 日以上、本部に届いていません",
        "この下の「本部との接続」を直してください。記録は失われていません。",
        "{count} records have waited for {days} days or more",
        "Mend the way to head office, see D-401. Nothing is lost.",
    ),
    "slips_in_doubt": _row(
        "出たかどうか分からない印刷が {count} 枚あります",
        "会計の画面で「出た／出ていない」を答えてください。",
        "{count} slips may or may not be on paper",
        "Answer the question on the cashier's page.",
    ),
    "snapshot_medium": _row(
        "写しの場所 {file} がありません",
        "媒体を挿すか、設定 snapshots を直してください。",
        "The medium for copies, {file}, is not there",
        "Plug it in, or change the setting snapshots.",
    ),
    "snapshot_old": _row(
        "{file} に 3 日以上新しい写しがありません",
        "媒体の空きと書き込みを確かめてください。",
        "{file} has had no new copy for three days",
        "Look at the medium's room and whether it can be written.",
    ),
    "kernel_unasked": _row(
        "カーネルの報告を読めません",
        "sudo posagent doctor を実行してください。",
        "The kernel's messages cannot be read",
        "Run: sudo posagent doctor",
    ),
    "kernel_brltty": _row(
        "点字ディスプレイのプログラム（brltty）が変換ケーブルを奪っています",
        "sudo systemctl mask --now brltty-udev.service brltty.path（点字機器を使う店では、しないでください）",
        "brltty has taken the USB-serial cable",
        "sudo systemctl mask --now brltty-udev.service brltty.path (not where a braille display is used)",
    ),
    "kernel_over_current": _row(
        "USB の電流が足りません",
        "ハブを通さず本体に挿すか、電源付きハブを使ってください。",
        "A USB port is overloaded",
        "Plug in at the machine itself, or use a hub with its own supply.",
    ),
    "kernel_voltage": _row(
        "電源の電圧が下がっています",
        "本体の電源アダプタを替えてください。",
        "The supply voltage drops",
        "Change the machine's power supply.",
    ),
    "kernel_disk": _row(
        "ディスクが読み書きの誤りを出しています",
        "記録を写し（posagent queue snapshot）、ディスクを交換してください。",
        "The disk reports errors",
        "Copy the journal (posagent queue snapshot FILE) and replace the disk.",
    ),
    "kernel_memory": _row(
        "メモリ不足でプログラムが止められました",
        "レジで動くほかのプログラムを減らしてください。",
        "Programs were killed for want of memory",
        "Run less on this register.",
    ),
    "kernel_usb": _row(
        "USB 機器が応答していません",
        "ケーブルを挿し直し、直らなければケーブルを替えてください。",
        "A USB device does not answer",
        "Replug it; then change the cable.",
    ),
    "cable_loose": _row(
        "USB の口 {port} が 1 日に {count} 回切れています",
        "その口のケーブルを替えるか、別の口に挿してください。",
        "USB port {port} lost its device {count} times in a day",
        "Change that cable, or use another port.",
    ),
    # ---- devices
    "device_gone": _row(
        "{device} が見つかりません（{node}）",
        "ケーブルと電源を確かめてください。別の口に挿したときは posagent devices の表示に合わせて設定を直します（今あるもの: {instead}）。",
        "{device} is not there ({node})",
        "Look at cable and power. If it was moved, take its line from posagent devices (there now: {instead}).",
    ),
    "device_held": _row(
        "{device} を {holder} が使っています",
        "{holder} を止めてください。",
        "{device} is held by {holder}",
        "Stop {holder}.",
    ),
    "device_note": _row(
        "{device}: {note}",
        "その通りにしてから、もう一度実行してください。",
        "{device}: {note}",
        "Do that, then run this again.",
    ),
    "device_denied": _row(
        "{device} を開く権限がありません（{node} はグループ {group}）",
        "機器を挿し直してください。直らなければ sudo udevadm trigger。手で動かすときは sudo usermod -aG {group} ユーザー名。",
        "{device}: the agent may not open {node} (group {group})",
        "Replug it, then: sudo udevadm trigger. Run by hand: sudo usermod -aG {group} USER",
    ),
    "device_twins": _row(
        "{driver} の機器が {count} 台あり、見分けが付きません",
        "posagent devices の by-path（挿した口）で指定してください。",
        "{count} {driver} devices cannot be told apart ({identity})",
        "Name them by their USB port (by-path) as posagent devices shows.",
    ),
    "modem_manager": _row(
        "ModemManager がシリアル機器に命令を送ります",
        "パッケージを入れ直す（udev の規則が入る）か、sudo systemctl mask --now ModemManager。",
        "ModemManager sends commands to serial devices",
        "Reinstall the package (its udev rules), or: sudo systemctl mask --now ModemManager",
    ),
    "brltty": _row(
        "brltty の規則が変換ケーブルを奪うことがあります",
        "sudo ln -s /dev/null /etc/udev/rules.d/85-brltty.rules（点字機器を使う店では、しないでください）",
        "brltty's rule may take USB-serial cables",
        "sudo ln -s /dev/null /etc/udev/rules.d/85-brltty.rules (not where a braille display is used)",
    ),
    "getty": _row(
        "{node} にログイン画面（getty）が出ています",
        "sudo systemctl mask --now {unit}",
        "A login prompt runs on {node}",
        "sudo systemctl mask --now {unit}",
    ),
    "cups_queue": _row(
        "CUPS が {device} を印刷待ち行列に入れています",
        "sudo lpadmin -x 行列名（lpstat -v で分かります）",
        "CUPS has a queue on {device}",
        "sudo lpadmin -x QUEUE (lpstat -v names it)",
    ),
    "no_udev_rules": _row(
        "udev の規則が入っていません",
        "パッケージを入れ直してください。",
        "The udev rules are missing",
        "Reinstall the package.",
    ),
    "udev_rule_wrong": _row(
        "udev の規則 {file} の {line} 行目に誤りがあり、無視されています",
        "その行を直すか、ファイルを消して sudo posagent setup をやり直してから、sudo udevadm control --reload",
        "Line {line} of {file} is wrong, and udev leaves it out",
        "Mend that line, or delete the file and run sudo posagent setup again; then: sudo udevadm control --reload",
    ),
    "driver_broken": _row(
        "ドライバ {driver}（{distribution}）を読み込めません",
        "{distribution} を入れ直すか、外してください。ほかの機器は動きます。",
        "The driver {driver} of {distribution} cannot be loaded",
        "Reinstall {distribution}, or remove it. Everything else works without it.",
    ),
    "no_group": _row(
        "グループ posagent がありません",
        "sudo systemd-sysusers の後、機器を挿し直してください。",
        "Group posagent is missing",
        "sudo systemd-sysusers, then replug the devices.",
    ),
    "network_device_silent": _row(
        "{device} が {host}:{port} で答えません",
        "電源と LAN ケーブル、プリンタの IP アドレスを確かめてください。",
        "{device} does not answer at {host}:{port}",
        "Look at its power, its network cable and its address.",
    ),
    # ---- what the agent knows
    "room_unasked": _row(
        "紙やカバーはエージェントしか知りません。今は聞けません",
        "サービスを動かしてから、もう一度実行してください。",
        "Paper and covers are known to the agent, which cannot be asked now",
        "Start the service, then run this again.",
    ),
    "device_says": _row(
        "{device}",
        "—",
        "{device}",
        "—",
    ),
    "device_silent": _row(
        "{device} が {seconds} 秒前から応答していません",
        "電源を入れ直してください。",
        "{device} has been silent for {seconds} s",
        "Switch it off and on.",
    ),
    "device_opening": _row(
        "{device} は接続の途中です",
        "30 秒待ってから、もう一度実行してください。",
        "{device} is being opened",
        "Wait half a minute and run this again.",
    ),
    "printer_mute": _row(
        "{device} は紙の状態を知らせません",
        "紙とカバーを目で確かめてください。posagent print test で試せます。",
        "{device} does not report its paper",
        "Look at paper and cover yourself; posagent print test tries it.",
    ),
    "paper_low": _row(
        "{device} の紙が残りわずかです",
        "替えの紙を用意してください。",
        "{device} is low on paper",
        "Have a new roll ready.",
    ),
    "cover_open": _row(
        "{device} のカバーが開いています",
        "カバーを閉めてください。",
        "{device}'s cover is open",
        "Close it.",
    ),
    "no_kanji": _row(
        "{device} は漢字を持たないため、絵として印刷します",
        "遅いときは漢字対応の機種に替えてください。",
        "{device} has no Kanji: text is printed as a picture",
        "If it is slow, use a printer with Japanese characters.",
    ),
    "scans_damaged": _row(
        "{device} の読み取り不良が多いです（良 {good}・不良 {damaged}）",
        "posagent devices --calibrate（キーボード型）か --probe（シリアル）で設定を確かめてください。",
        "{device} reads badly ({good} good, {damaged} damaged)",
        "Check it with posagent devices --calibrate (keyboard) or --probe PORT (serial).",
    ),
    "no_manager_pin": _row(
        "店長の暗証番号がありません。取り消しがだれにでもできます",
        "posagent staff pin で作り、設定に加えてください。",
        "No manager has a PIN: anybody may void",
        "Make one with posagent staff pin and add it to the settings.",
    ),
    "test_mode_on": _row(
        "テストモードのため、会員証が会計に使われません",
        "点検の画面でテストモードを切ってください。",
        "Test mode is on: cards do not reach the checkout",
        "Switch it off on the technician's page.",
    ),
    # ---- head office
    "not_enrolled": _row(
        "このレジは登録されていません（{file} がありません）",
        "本部の登録番号で sudo posagent enrol 番号 を実行してください。",
        "This register is not enrolled ({file} is missing)",
        "sudo posagent enrol CODE with head office's code.",
    ),
    "credentials_broken": _row(
        "登録の鍵 {file} が壊れています",
        "本部に新しい登録番号をもらい、sudo posagent enrol 番号。",
        "The credentials {file} are broken",
        "Ask head office for a new code: sudo posagent enrol CODE",
    ),
    "office_no_name": _row(
        "本部の名前 {host} が引けません",
        "LAN ケーブルとルーターの電源を確かめてください。",
        "The name {host} cannot be resolved",
        "Look at the network cable and the router.",
    ),
    "office_no_way": _row(
        "本部 {host} のポート {port} につながりません",
        "ルーターとインターネット回線を確かめてください。プロキシの有無も見てください。",
        "{host} does not answer on port {port}",
        "Look at router and line; is there a proxy or a firewall?",
    ),
    "office_no_tls": _row(
        "本部 {host} と暗号の取り決めができません",
        "途中の機器（ログイン画面、フィルタ）がないか確かめてください。",
        "No secure line to {host}",
        "Is something in between, such as a log-in page or a filter?",
    ),
    "certificate_wrong": _row(
        "本部 {host} の証明書を信用できません",
        "このレジの時計を確かめてください。合っていれば本部に伝えてください。",
        "{host}'s certificate is not trusted",
        "Check this register's clock; if it is right, tell head office.",
    ),
    "certificate_ends": _row(
        "本部 {host} の証明書があと {days} 日で切れます",
        "本部に伝えてください。",
        "{host}'s certificate ends in {days} days",
        "Tell head office.",
    ),
    "office_refuses": _row(
        "本部がこのレジを受け付けません",
        "本部に新しい登録番号をもらい、sudo posagent enrol 番号。記録は失われていません。",
        "Head office does not accept this register",
        "Ask for a new code: sudo posagent enrol CODE. Nothing is lost.",
    ),
    "office_blocked": _row(
        "本部への送信が止まっています",
        "posagent queue status と、この結果をサポートに伝えてください。",
        "Sending to head office has stopped",
        "Tell support this and what posagent queue status says.",
    ),
    # ---- the closed loop
    "loop_scan": _row(
        "テスト印字が出ます",
        "60 秒のうちに、出てきた紙のコードを、すべてのスキャナで 1 回ずつ読み取ってください。",
        "The test slip is coming out",
        "Within 60 s, scan a code on it once with every scanner.",
    ),
    "loop_incomplete": _row(
        "一周の試験には、プリンタとスキャナの両方が必要です（プリンタ {printers}・スキャナ {scanners}）",
        "posagent devices の表示を設定に加えてください。",
        "The loop needs a printer and a scanner (printers {printers}, scanners {scanners})",
        "Add what posagent devices prints to the settings.",
    ),
    "loop_unprinted": _row(
        "{device} から {seconds} 秒のうちにテスト印字が出ませんでした",
        "紙、カバー、電源を見てから、もう一度実行してください。",
        "{device} did not print its test slip within {seconds} s",
        "Look at paper, cover and power, then run it again.",
    ),
    "loop_unread": _row(
        "{device} が {seconds} 秒のうちに読み取りませんでした",
        "印字が薄くないか、スキャナの窓が汚れていないかを見てください。シリアルは --probe、キーボード型は --calibrate。",
        "{device} read nothing whole within {seconds} s",
        "Is the print faint, the window dirty? Serial: posagent devices --probe PORT; keyboard: --calibrate.",
    ),
}
