"""Owns the words of what is found at the machine: the service, what is written down, clock, disk, journal, kernel. PURE."""

from __future__ import annotations

from posagent.doctor.row import Said, row

_SUPPORT_JA = "直らないときは posagent bundle を実行し、できたファイルをサポートに送ってください。"
_SUPPORT_EN = "If it stays, run posagent bundle and send the file to support."

MACHINE_ROWS: dict[str, tuple[Said, Said]] = {
    # ---- looking
    "not_looked": row(
        "調べている途中で対象がなくなりました",
        "もう一度実行してください。",
        "What was looked at went away meanwhile",
        "Run it again.",
    ),
    "may_not_look": row(
        "{file} を見る権限がありません",
        "sudo posagent doctor を実行してください。",
        "This user may not look at {file}",
        "Run: sudo posagent doctor",
    ),
    # ---- service
    "no_socket": row(
        "設定に問い合わせ口（socket）がありません",
        '{file} の [screen] に socket = "/run/posagent/api.sock" を加え、再起動してください。',
        "The settings name no socket for commands",
        'Add socket = "/run/posagent/api.sock" under [screen] in {file}; restart posagent.',
    ),
    "agent_down_by_hand": row(
        "エージェントが動いていません",
        "posagent run を実行するか、パッケージを入れてください。",
        "The agent is not running",
        "Start it with: posagent run (or install the package)",
    ),
    "no_service": row(
        "サービスとして登録されていません",
        "パッケージを入れると、電源を入れるだけで動くようになります。",
        "It is not installed as a service",
        "Install the package; then it starts with the machine.",
    ),
    "service_settings": row(
        "設定の誤りのため、サービスが止まっています",
        "posagent check-config で誤りを確かめて直し、sudo systemctl start posagent。",
        "The service is down because the settings are wrong",
        "Run posagent check-config, mend them, then: sudo systemctl start posagent",
    ),
    "service_down": row(
        "サービスが動いていません（{state}）",
        "sudo systemctl restart posagent。続くときは journalctl -u posagent -n 50 を見てください。",
        "The service is not running ({state})",
        "sudo systemctl restart posagent; if it falls again: journalctl -u posagent -n 50",
    ),
    "service_restarts": row(
        "サービスが {count} 回落ちて、再起動されています",
        "journalctl -u posagent --since -1d を見てください。" + _SUPPORT_JA,
        "The service fell and was restarted {count} times",
        "journalctl -u posagent --since -1d. " + _SUPPORT_EN,
    ),
    "no_watchdog": row(
        "見張り（watchdog）が切られています",
        "sudo systemctl revert posagent で元の設定に戻してください。",
        "The watchdog is switched off",
        "Take the drop-in back: sudo systemctl revert posagent",
    ),
    "may_not_ask": row(
        "このユーザーはエージェントに問い合わせできません",
        "sudo で実行するか、グループ posagent-tech に入れてください。",
        "This user may not ask the agent",
        "Use sudo, or add the user to group posagent-tech.",
    ),
    "device_class_late": row(
        "機器の種類 {kind} は、サービスの起動後に読み込まれたため許可されていません",
        "sudo systemctl restart posagent",
        "Devices of class {kind} came after the service had started and are refused to it",
        "sudo systemctl restart posagent",
    ),
    "stranger_let_in": row(
        "{address} がよその画面からの要求に答えました",
        "すぐサポートに連絡してください。" + _SUPPORT_JA,
        "{address} answered a request of a foreign page",
        "Call support at once. " + _SUPPORT_EN,
    ),
    "page_silent": row(
        "画面の口 {address} が答えません",
        "sudo systemctl restart posagent",
        "The page's address {address} does not answer",
        "sudo systemctl restart posagent",
    ),
    "no_browser_policy": row(
        "ブラウザに {origin} の許可が入っていません。店員に確認画面が出ます",
        "sudo posagent pair --chrome-policy で許可を入れてください。",
        "The browser has no policy for {origin}: cashiers will be asked",
        "Install it: sudo posagent pair --chrome-policy",
    ),
    "package_half": row(
        "パッケージの更新が途中で止まっています",
        "sudo dpkg --configure -a",
        "An upgrade stopped half-way",
        "sudo dpkg --configure -a",
    ),
    # ---- what is written down
    "settings_wrong": row(
        "設定ファイル {file} に誤りがあります",
        "posagent check-config が行ごとに誤りを示します。",
        "The settings file {file} is wrong",
        "posagent check-config names every line.",
    ),
    "no_member_rule": row(
        "会員コードの規則がないため、すべての会員証が断られます",
        '{file} に kind = "member" の [[code]] を加えてください。',
        "There is no rule for member codes: every card is refused",
        'Add a [[code]] with kind = "member" to {file}.',
    ),
    "no_scanner_set": row(
        "スキャナが設定されていません",
        "posagent devices の表示を {file} に貼り付けてください。",
        "No scanner is set up",
        "Paste what posagent devices prints into {file}.",
    ),
    "no_program": row(
        "ポイントの規則が使えないため、ポイントが付きません",
        "posagent program check {file} で誤りを確かめてください。",
        "No program can be applied: no points are given",
        "posagent program check {file} tells why.",
    ),
    "program_kept": row(
        "新しい規則に誤りがあり、前の規則で続けています",
        "posagent program check {file} の結果を本部に伝えてください。",
        "The new program is wrong; the one before stays in force",
        "Tell head office what posagent program check {file} says.",
    ),
    "program_ends": row(
        "ポイントの規則が {until} で終わります（あと {days} 日）",
        "本部に次の規則の配布を頼んでください。",
        "The program ends on {until}, in {days} days",
        "Ask head office to hand down the next one.",
    ),
    "settings_writable": row(
        "{file} をほかの人が書き換えられます",
        "sudo chmod {mode} {file}",
        "Others may write {file}",
        "sudo chmod {mode} {file}",
    ),
    "journal_open": row(
        "{file} をほかの人が読めます（会員の記録が入っています）",
        "sudo chmod {mode} {file}",
        "Others may look into {file}, which holds members' records",
        "sudo chmod {mode} {file}",
    ),
    "secret_open": row(
        "鍵のファイル {file} をほかの人が読めます",
        "sudo chmod {mode} {file}。本部に鍵の作り直しも頼んでください。",
        "Others may read the secret {file}",
        "sudo chmod {mode} {file}, and ask head office for a new key.",
    ),
    # ---- machine
    "clock_unasked": row(
        "時計の同期を調べられません",
        "時刻が正しいか目で確かめてください。",
        "Whether the clock is set from the network cannot be asked",
        "Compare it with a watch.",
    ),
    "clock_unset": row(
        "時計がネットワークと合わされていません",
        "sudo timedatectl set-ntp true",
        "The clock is not set from the network",
        "sudo timedatectl set-ntp true",
    ),
    "clock_zone": row(
        "時刻帯が {zone} です。営業日がずれます",
        "sudo timedatectl set-timezone Asia/Tokyo",
        "The time zone is {zone}: business dates will be wrong",
        "sudo timedatectl set-timezone Asia/Tokyo",
    ),
    "clock_skew": row(
        "時計が本部と {seconds} 秒ずれています",
        "sudo timedatectl set-ntp true。直らなければ時計の電池を替えてください。",
        "The clock differs from head office's by {seconds} s",
        "sudo timedatectl set-ntp true; if it comes back, change the clock's battery.",
    ),
    "clock_dead": row(
        "時計が {now} を示しています。電池切れです",
        "時刻を合わせ、レジの時計の電池を替えてください。",
        "The clock says {now}: its battery is empty",
        "Set the time and change the register's clock battery.",
    ),
    "no_journal_directory": row(
        "記録の場所 {file} がありません",
        "sudo systemctl restart posagent（サービスが作ります）。",
        "The journal's directory {file} is not there",
        "sudo systemctl restart posagent (the service makes it).",
    ),
    "disk_unasked": row(
        "{file} のディスクが答えません",
        "ディスクの故障です。サポートに連絡してください。",
        "The disk of {file} does not answer",
        "The disk is failing: call support.",
    ),
    "disk_read_only": row(
        "{file} のディスクが読み取り専用です。記録できません",
        "再起動して直らなければ、ディスクを交換してください。",
        "The disk of {file} is read-only: nothing can be recorded",
        "Reboot; if it stays, replace the disk.",
    ),
    "disk_full": row(
        "ディスクの空きが {free_mb} MB しかありません",
        "{file} のあるディスクの不要なファイルを消してください（記録は消さないこと）。",
        "Only {free_mb} MB are free",
        "Delete what is not needed on the disk of {file} (never the journal).",
    ),
    "disk_short": row(
        "ディスクの空きが {free_mb} MB です",
        "{file} のあるディスクの不要なファイルを消してください。",
        "{free_mb} MB are free",
        "Make room on the disk of {file}.",
    ),
    "disk_inodes": row(
        "ディスクにこれ以上ファイルを作れません",
        "{file} のあるディスクの小さなファイルを片付けてください。",
        "The disk takes no more files",
        "Clear small files from the disk of {file}.",
    ),
    "disk_eatmydata": row(
        "書き込みの保証を切るライブラリ（eatmydata）が入っています",
        "LD_PRELOAD から外してください。停電で記録が消えます。",
        "eatmydata is loaded: a power cut would lose records",
        "Take it out of LD_PRELOAD.",
    ),
    "disk_refuses": row(
        "{file} に書き込めません",
        "ディスクの空きと故障を調べてください。" + _SUPPORT_JA,
        "{file} cannot be written",
        "Look at the disk's room and health. " + _SUPPORT_EN,
    ),
    "disk_slow": row(
        "ディスクの書き込みに {ms} ミリ秒かかります。会計が待たされます",
        "SSD に替えるか、ディスクを使うほかの処理を止めてください。",
        "A flush takes {ms} ms: every sale waits for it",
        "Use an SSD, or stop what else writes to this disk.",
    ),
    "journal_unreadable": row(
        "記録 {file} を読めません",
        "sudo systemctl restart posagent（起動時に修復します）。" + _SUPPORT_JA,
        "The journal {file} cannot be read",
        "sudo systemctl restart posagent (it repairs at the start). " + _SUPPORT_EN,
    ),
    "journal_damaged": row(
        "記録 {file} が壊れています",
        "sudo systemctl restart posagent（起動時に修復し、抜けた会計を知らせます）。",
        "The journal {file} is damaged",
        "sudo systemctl restart posagent (it repairs, and names what is missing).",
    ),
    "queue_undecided": row(
        "本部が受け付けない記録が {count} 件あります",
        "posagent queue list、または店長の画面で判断してください。",
        "Head office does not take {count} records",
        "posagent queue list, or the manager's page.",
    ),
    "queue_old": row(
        "{count} 件が {days} 日以上、本部に届いていません",
        "この下の「本部との接続」を直してください。記録は失われていません。",
        "{count} records have waited for {days} days or more",
        "Mend the way to head office, see D-401. Nothing is lost.",
    ),
    "slips_in_doubt": row(
        "出たかどうか分からない印刷が {count} 枚あります",
        "会計の画面で「出た／出ていない」を答えてください。",
        "{count} slips may or may not be on paper",
        "Answer the question on the cashier's page.",
    ),
    "snapshot_medium": row(
        "写しの場所 {file} がありません",
        "媒体を挿すか、設定 snapshots を直してください。",
        "The medium for copies, {file}, is not there",
        "Plug it in, or change the setting snapshots.",
    ),
    "snapshot_old": row(
        "{file} に 3 日以上新しい写しがありません",
        "媒体の空きと書き込みを確かめてください。",
        "{file} has had no new copy for three days",
        "Look at the medium's room and whether it can be written.",
    ),
    "kernel_unasked": row(
        "カーネルの報告を読めません",
        "sudo posagent doctor を実行してください。",
        "The kernel's messages cannot be read",
        "Run: sudo posagent doctor",
    ),
    "kernel_brltty": row(
        "点字ディスプレイのプログラム（brltty）が変換ケーブルを奪っています",
        "sudo systemctl mask --now brltty-udev.service brltty.path（点字機器を使う店では、しないでください）",
        "brltty has taken the USB-serial cable",
        "sudo systemctl mask --now brltty-udev.service brltty.path (not where a braille display is used)",
    ),
    "kernel_over_current": row(
        "USB の電流が足りません",
        "ハブを通さず本体に挿すか、電源付きハブを使ってください。",
        "A USB port is overloaded",
        "Plug in at the machine itself, or use a hub with its own supply.",
    ),
    "kernel_voltage": row(
        "電源の電圧が下がっています",
        "本体の電源アダプタを替えてください。",
        "The supply voltage drops",
        "Change the machine's power supply.",
    ),
    "kernel_disk": row(
        "ディスクが読み書きの誤りを出しています",
        "記録を写し（posagent queue snapshot）、ディスクを交換してください。",
        "The disk reports errors",
        "Copy the journal (posagent queue snapshot FILE) and replace the disk.",
    ),
    "kernel_memory": row(
        "メモリ不足でプログラムが止められました",
        "レジで動くほかのプログラムを減らしてください。",
        "Programs were killed for want of memory",
        "Run less on this register.",
    ),
    "kernel_usb": row(
        "USB 機器が応答していません",
        "ケーブルを挿し直し、直らなければケーブルを替えてください。",
        "A USB device does not answer",
        "Replug it; then change the cable.",
    ),
    "cable_loose": row(
        "USB の口 {port} が 1 日に {count} 回切れています",
        "その口のケーブルを替えるか、別の口に挿してください。",
        "USB port {port} lost its device {count} times in a day",
        "Change that cable, or use another port.",
    ),
}
