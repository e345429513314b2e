#!/usr/bin/env bash
# Installs the Debian packages of packages.txt that are missing, as root or with sudo; else names them.
# A program already there from elsewhere (python3, node, npm) counts as installed.
set -euo pipefail
cd "$(dirname "$0")/.."
have() {
  case "$1" in
    nodejs) command -v node >/dev/null ;;
    npm | make | git | chromium) command -v "$1" >/dev/null ;;
    python3) command -v python3 >/dev/null ;;
    python3-venv) python3 -c 'import venv, ensurepip' 2>/dev/null ;;
    postgresql) ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null ;;
    *) dpkg -s "$1" 2>/dev/null | grep -q '^Status: install ok installed' ;;
  esac
}
missing=()
while read -r name; do
  case "$name" in '' | '#'*) continue ;; esac
  have "$name" || missing+=("$name")
done < packages.txt
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then
  echo "missing here, please install: ${missing[*]}" >&2
  exit 0
fi
if [ "$(id -u)" = 0 ]; then run=(); elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then run=(sudo); else
  echo "missing here, please install as root: apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "· Debian packages: ${missing[*]}"
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
  > /dev/null
