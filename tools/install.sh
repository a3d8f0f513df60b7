#!/bin/sh
# Installs this checkout the way the Debian package does, on distributions without dpkg: the same files, the same scripts around them.
#   sudo sh tools/install.sh            install, or update what an earlier run installed
#   sudo sh tools/install.sh --remove   take it off again; the journal stays
# Needs Python 3.11 or newer with venv, systemd and udev. The camera's libraries are left out: .venv/bin/python -m pip install --target
# /usr/lib/posagent/lib/python3.*/site-packages opencv-python-headless numpy brings them.
set -eu
cd "$(dirname "$0")/.."
HOME_DIR=/usr/lib/posagent
KEPT=/var/cache/posagent
TREE=build/tree
# The newer files go first: two versions' descriptions side by side would name every driver twice.
BACK="rm -r $HOME_DIR && tar -C / -xzf $KEPT/previous.tar.gz && systemctl restart posagent"

stop() { echo "install.sh: $1" >&2; exit "${2:-1}"; }

[ "$(id -u)" = 0 ] || stop "this writes to /usr and /etc: run it with sudo" 77
for tool in systemd-sysusers systemd-tmpfiles runuser; do
  command -v "$tool" >/dev/null || stop "$tool is missing: this machine has no systemd; posagent run --settings FILE works without" 69
done
if command -v dpkg-query >/dev/null && dpkg-query -W -f='${Status}' posagent 2>/dev/null | grep -q 'install ok installed'; then
  stop "posagent is installed as a package here: use dpkg -i dist/posagent_*.deb (make deb)" 78
fi

if [ "${1-}" = --remove ]; then
  [ -d "$HOME_DIR" ] || stop "there is nothing to remove" 1
  scripts=$(mktemp -d)
  cp "$HOME_DIR"/libexec/* "$scripts"
  sh "$scripts/prerm" remove
  while read -r file; do
    rm -f "$file"
    rmdir -p --ignore-fail-on-non-empty "$(dirname "$file")"
  done < "$HOME_DIR/files"
  rm -rf "$HOME_DIR"
  sh "$scripts/postrm" remove
  rm -rf "$scripts"
  echo "install.sh: posagent is gone; /var/lib/posagent and /etc/posagent stay"
  exit 0
fi
[ $# = 0 ] || stop "say nothing, or --remove" 2

[ -x .venv/bin/python ] || make setup
.venv/bin/python -m tools.package --tree "$TREE"
python=$(readlink "$TREE$HOME_DIR/bin/python3")
[ -x "$python" ] || stop "$python is not there: the environment was built for a Python that this machine has elsewhere; make setup PYTHON=/usr/bin/python3" 69

old=
if [ -d "$HOME_DIR" ]; then
  old=$(cat "$HOME_DIR/version" 2>/dev/null || echo 0)
  knows=$(sed -n "s/^KNOWS='\(.*\)'/\1/p" "$TREE/DEBIAN/preinst")
  new=$(sed -n "s/^NEW='\(.*\)'/\1/p" "$TREE/DEBIAN/preinst")
  runuser -u posagent -- "$HOME_DIR/bin/python3" -I -X utf8 -m posagent.upgrade copy --to "$new" --reads "$knows" || stop "nothing was changed (see above)"
  mkdir -p "$KEPT"
  tar -C / -czf "$KEPT/previous.tar.gz" usr/lib/posagent || stop "no room for a copy of the installed version in $KEPT; nothing was changed"
  echo "install.sh: the installed version is kept; to go back: $BACK"
fi

rm -rf "$HOME_DIR.new"
cp -a "$TREE$HOME_DIR" "$HOME_DIR.new"
mkdir -p "$HOME_DIR.new/libexec"
cp "$TREE/DEBIAN/prerm" "$TREE/DEBIAN/postrm" "$HOME_DIR.new/libexec"
sed -n "s/^NEW='\(.*\)'/\1/p" "$TREE/DEBIAN/preinst" > "$HOME_DIR.new/version"
(cd "$TREE" && find usr -path usr/lib/posagent -prune -o ! -type d -print | sed 's|^|/|') > "$HOME_DIR.new/files"
chown -R root:root "$HOME_DIR.new"
rm -rf "$HOME_DIR.old"
[ ! -d "$HOME_DIR" ] || mv "$HOME_DIR" "$HOME_DIR.old"
mv "$HOME_DIR.new" "$HOME_DIR"
rm -rf "$HOME_DIR.old"
while read -r file; do
  mkdir -p "$(dirname "$file")"
  cp -dp "$TREE$file" "$file"
  chown -h root:root "$file"
done < "$HOME_DIR/files"
POSAGENT_GO_BACK=$BACK sh "$TREE/DEBIAN/postinst" configure "$old"
