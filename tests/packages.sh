#!/usr/bin/env bash
# Installs the Debian packages of packages.txt that are missing, as root or with sudo; else names them.
# Usage: packages.sh PART..., the parts being `run` and `test`; all parts when none is named.
# A program already there from elsewhere (python3, node, npm, ...) counts as installed.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted() { # the names below the headings of these parts
  awk -v parts=" ${*:-run test} " '/^#|^$/ { next } /^\[/ { on = index(parts, " " substr($0, 2, length($0) - 2) " "); next } on' \
    packages.txt
}

have() {
  case "$1" in
    nodejs) command -v node >/dev/null ;;
    npm | make | git | python3) command -v "$1" >/dev/null ;;
    chromium) command -v chromium chromium-browser google-chrome-stable >/dev/null ;;
    python3-venv) "${PYTHON:-python3}" -c 'import venv, ensurepip' 2>/dev/null ;;
    postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null ;;
    nginx-light) command -v nginx /usr/sbin/nginx >/dev/null ;;
    redis-server) command -v redis-server >/dev/null ;;
    iproute2) command -v ip >/dev/null ;;
    passwd) command -v useradd /usr/sbin/useradd >/dev/null ;;
    util-linux) command -v setpriv >/dev/null ;;
    *) ! command -v dpkg >/dev/null || dpkg -s "$1" 2>/dev/null | grep -q '^Status: install ok installed' ;;
  esac
}

missing=()
for name in $(wanted "$@"); do have "$name" || missing+=("$name"); done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "missing here, please install what your system calls: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "missing here, please install as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "· Debian packages (a minute or two): ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" > "$log" 2>&1 && return
  tail -n 20 "$log" >&2
  return 1
}
apt update
apt install -y --no-install-recommends "${missing[@]}"
