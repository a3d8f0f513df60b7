"""Owns the words of what is found at the counter and on the way to head office: devices, what the agent knows of them, the loop. PURE."""

from __future__ import annotations

from posagent.doctor.row import Said, row

COUNTER_ROWS: dict[str, tuple[Said, Said]] = {
    # ---- devices
    "device_gone": row(
        "{device} が見つかりません（{node}）",
        "ケーブルと電源を確かめてください。別の口に挿したときは posagent devices の表示に合わせて設定を直します（今あるもの: {instead}）。",
        "{device} is not there ({node})",
        "Look at cable and power. If it was moved, take its line from posagent devices (there now: {instead}).",
    ),
    "device_held": row(
        "{device} を {holder} が使っています",
        "{holder} を止めてください。",
        "{device} is held by {holder}",
        "Stop {holder}.",
    ),
    "device_note": row(
        "{device}: {note}",
        "その通りにしてから、もう一度実行してください。",
        "{device}: {note}",
        "Do that, then run this again.",
    ),
    "device_denied": row(
        "{device} を開く権限がありません（{node} はグループ {group}）",
        "機器を挿し直してください。直らなければ sudo udevadm trigger。手で動かすときは sudo usermod -aG {group} ユーザー名。",
        "{device}: the agent may not open {node} (group {group})",
        "Replug it, then: sudo udevadm trigger. Run by hand: sudo usermod -aG {group} USER",
    ),
    "device_twins": row(
        "{driver} の機器が {count} 台あり、見分けが付きません",
        "posagent devices の by-path（挿した口）で指定してください。",
        "{count} {driver} devices cannot be told apart ({identity})",
        "Name them by their USB port (by-path) as posagent devices shows.",
    ),
    "modem_manager": row(
        "ModemManager がシリアル機器に命令を送ります",
        "パッケージを入れ直す（udev の規則が入る）か、sudo systemctl mask --now ModemManager。",
        "ModemManager sends commands to serial devices",
        "Reinstall the package (its udev rules), or: sudo systemctl mask --now ModemManager",
    ),
    "brltty": row(
        "brltty の規則が変換ケーブルを奪うことがあります",
        "sudo ln -s /dev/null /etc/udev/rules.d/85-brltty.rules（点字機器を使う店では、しないでください）",
        "brltty's rule may take USB-serial cables",
        "sudo ln -s /dev/null /etc/udev/rules.d/85-brltty.rules (not where a braille display is used)",
    ),
    "getty": row(
        "{node} にログイン画面（getty）が出ています",
        "sudo systemctl mask --now {unit}",
        "A login prompt runs on {node}",
        "sudo systemctl mask --now {unit}",
    ),
    "cups_queue": row(
        "CUPS が {device} を印刷待ち行列に入れています",
        "sudo lpadmin -x 行列名（lpstat -v で分かります）",
        "CUPS has a queue on {device}",
        "sudo lpadmin -x QUEUE (lpstat -v names it)",
    ),
    "no_udev_rules": row(
        "udev の規則が入っていません",
        "パッケージを入れ直してください。",
        "The udev rules are missing",
        "Reinstall the package.",
    ),
    "udev_rule_wrong": row(
        "udev の規則 {file} の {line} 行目に誤りがあり、無視されています",
        "その行を直すか、ファイルを消して sudo posagent setup をやり直してから、sudo udevadm control --reload",
        "Line {line} of {file} is wrong, and udev leaves it out",
        "Mend that line, or delete the file and run sudo posagent setup again; then: sudo udevadm control --reload",
    ),
    "driver_broken": row(
        "ドライバ {driver}（{distribution}）を読み込めません",
        "{distribution} を入れ直すか、外してください。ほかの機器は動きます。",
        "The driver {driver} of {distribution} cannot be loaded",
        "Reinstall {distribution}, or remove it. Everything else works without it.",
    ),
    "no_group": row(
        "グループ posagent がありません",
        "sudo systemd-sysusers の後、機器を挿し直してください。",
        "Group posagent is missing",
        "sudo systemd-sysusers, then replug the devices.",
    ),
    "network_device_silent": row(
        "{device} が {host}:{port} で答えません",
        "電源と LAN ケーブル、プリンタの IP アドレスを確かめてください。",
        "{device} does not answer at {host}:{port}",
        "Look at its power, its network cable and its address.",
    ),
    # ---- what the agent knows
    "room_unasked": row(
        "紙やカバーはエージェントしか知りません。今は聞けません",
        "サービスを動かしてから、もう一度実行してください。",
        "Paper and covers are known to the agent, which cannot be asked now",
        "Start the service, then run this again.",
    ),
    "device_says": row(
        "{device}",
        "—",
        "{device}",
        "—",
    ),
    "device_silent": row(
        "{device} が {seconds} 秒前から応答していません",
        "電源を入れ直してください。",
        "{device} has been silent for {seconds} s",
        "Switch it off and on.",
    ),
    "device_opening": row(
        "{device} は接続の途中です",
        "30 秒待ってから、もう一度実行してください。",
        "{device} is being opened",
        "Wait half a minute and run this again.",
    ),
    "printer_mute": row(
        "{device} は紙の状態を知らせません",
        "紙とカバーを目で確かめてください。posagent print test で試せます。",
        "{device} does not report its paper",
        "Look at paper and cover yourself; posagent print test tries it.",
    ),
    "paper_low": row(
        "{device} の紙が残りわずかです",
        "替えの紙を用意してください。",
        "{device} is low on paper",
        "Have a new roll ready.",
    ),
    "cover_open": row(
        "{device} のカバーが開いています",
        "カバーを閉めてください。",
        "{device}'s cover is open",
        "Close it.",
    ),
    "no_kanji": row(
        "{device} は漢字を持たないため、絵として印刷します",
        "遅いときは漢字対応の機種に替えてください。",
        "{device} has no Kanji: text is printed as a picture",
        "If it is slow, use a printer with Japanese characters.",
    ),
    "scans_damaged": row(
        "{device} の読み取り不良が多いです（良 {good}・不良 {damaged}）",
        "posagent devices --calibrate（キーボード型）か --probe（シリアル）で設定を確かめてください。",
        "{device} reads badly ({good} good, {damaged} damaged)",
        "Check it with posagent devices --calibrate (keyboard) or --probe PORT (serial).",
    ),
    "no_manager_pin": row(
        "店長の暗証番号がありません。取り消しがだれにでもできます",
        "posagent staff pin で作り、設定に加えてください。",
        "No manager has a PIN: anybody may void",
        "Make one with posagent staff pin and add it to the settings.",
    ),
    "test_mode_on": row(
        "テストモードのため、会員証が会計に使われません",
        "点検の画面でテストモードを切ってください。",
        "Test mode is on: cards do not reach the checkout",
        "Switch it off on the technician's page.",
    ),
    # ---- head office
    "not_enrolled": row(
        "このレジは登録されていません（{file} がありません）",
        "本部の登録番号で sudo posagent enrol 番号 を実行してください。",
        "This register is not enrolled ({file} is missing)",
        "sudo posagent enrol CODE with head office's code.",
    ),
    "credentials_broken": row(
        "登録の鍵 {file} が壊れています",
        "本部に新しい登録番号をもらい、sudo posagent enrol 番号。",
        "The credentials {file} are broken",
        "Ask head office for a new code: sudo posagent enrol CODE",
    ),
    "office_no_name": row(
        "本部の名前 {host} が引けません",
        "LAN ケーブルとルーターの電源を確かめてください。",
        "The name {host} cannot be resolved",
        "Look at the network cable and the router.",
    ),
    "office_no_way": row(
        "本部 {host} のポート {port} につながりません",
        "ルーターとインターネット回線を確かめてください。プロキシの有無も見てください。",
        "{host} does not answer on port {port}",
        "Look at router and line; is there a proxy or a firewall?",
    ),
    "office_no_tls": row(
        "本部 {host} と暗号の取り決めができません",
        "途中の機器（ログイン画面、フィルタ）がないか確かめてください。",
        "No secure line to {host}",
        "Is something in between, such as a log-in page or a filter?",
    ),
    "certificate_wrong": row(
        "本部 {host} の証明書を信用できません",
        "このレジの時計を確かめてください。合っていれば本部に伝えてください。",
        "{host}'s certificate is not trusted",
        "Check this register's clock; if it is right, tell head office.",
    ),
    "certificate_ends": row(
        "本部 {host} の証明書があと {days} 日で切れます",
        "本部に伝えてください。",
        "{host}'s certificate ends in {days} days",
        "Tell head office.",
    ),
    "office_refuses": row(
        "本部がこのレジを受け付けません",
        "本部に新しい登録番号をもらい、sudo posagent enrol 番号。記録は失われていません。",
        "Head office does not accept this register",
        "Ask for a new code: sudo posagent enrol CODE. Nothing is lost.",
    ),
    "office_blocked": row(
        "本部への送信が止まっています",
        "posagent queue status と、この結果をサポートに伝えてください。",
        "Sending to head office has stopped",
        "Tell support this and what posagent queue status says.",
    ),
    # ---- the closed loop
    "loop_scan": row(
        "テスト印字が出ます",
        "60 秒のうちに、出てきた紙のコードを、すべてのスキャナで 1 回ずつ読み取ってください。",
        "The test slip is coming out",
        "Within 60 s, scan a code on it once with every scanner.",
    ),
    "loop_incomplete": row(
        "一周の試験には、プリンタとスキャナの両方が必要です（プリンタ {printers}・スキャナ {scanners}）",
        "posagent devices の表示を設定に加えてください。",
        "The loop needs a printer and a scanner (printers {printers}, scanners {scanners})",
        "Add what posagent devices prints to the settings.",
    ),
    "loop_unprinted": row(
        "{device} から {seconds} 秒のうちにテスト印字が出ませんでした",
        "紙、カバー、電源を見てから、もう一度実行してください。",
        "{device} did not print its test slip within {seconds} s",
        "Look at paper, cover and power, then run it again.",
    ),
    "loop_unread": row(
        "{device} が {seconds} 秒のうちに読み取りませんでした",
        "印字が薄くないか、スキャナの窓が汚れていないかを見てください。シリアルは --probe、キーボード型は --calibrate。",
        "{device} read nothing whole within {seconds} s",
        "Is the print faint, the window dirty? Serial: posagent devices --probe PORT; keyboard: --calibrate.",
    ),
}
