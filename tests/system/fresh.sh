#!/usr/bin/env bash
# Shows that the README's two commands work on a fresh Debian 12: a debootstrapped chroot with nothing in
# it but the clone's own needs, then `DEMO_EXIT=1 make demo` and `make test` as root, then set-up as an
# ordinary user where the packages are present.
#
# Usage: fresh.sh [-c COMMAND]... [-u COMMAND]... [REPOSITORY]
#   -c  instead of the README's commands, as root      -u  instead of `make setup`, as the ordinary user
#   REPOSITORY: whose HEAD is cloned; this one when left out.
#
# Uses the caller's package sources: its apt, pip and npm settings, certificates, name service and proxy
# variables are copied into the chroot. Mounts live in a mount namespace and processes in a process
# namespace of their own, so both are gone when this script is, however it ends.
set -euo pipefail
SUITE=bookworm
LISTED=(git make ca-certificates) # what the README asks for before there is a clone
say() { printf '· %s\n' "$*"; }

# ---- second call of this script, inside the namespaces -------------------------------------------------
inside() {
  local root=$1 status=0
  shift
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount --bind /dev "$root/dev"
  mount -t devpts -o newinstance,gid=5,mode=620,ptmxmode=666 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  mount --bind "$root/dev/pts/ptmx" "$root/dev/ptmx"
  timed "packages before the clone: ${LISTED[*]}" as root / \
    "apt-get -qq update && apt-get -qq install -y --no-install-recommends ${LISTED[*]} >/dev/null"
  timed "clone" as root /root "git clone -q /srv/examhall.git examhall && git -C examhall log --oneline -1"
  while [ "$1" != -- ]; do timed "$1" as root /root/examhall "$1" || status=1; shift; done
  shift
  as root / "useradd --create-home --shell /bin/bash visitor && cp -a /root/caller/. /home/visitor/ && chown -R visitor: /home/visitor"
  timed "clone, as an ordinary user" as visitor /home/visitor "git clone -q /srv/examhall.git examhall"
  for command in "$@"; do timed "$command, as an ordinary user" as visitor /home/visitor/examhall "$command" || status=1; done
  return $status
}

as() { # USER FOLDER COMMAND: in the chroot, with a login's environment and the caller's network variables
  local home=/root
  [ "$1" = root ] || home=/home/$1
  chroot "$ROOT" env -i "HOME=$home" "USER=$1" TERM=dumb LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
    setpriv --reuid "$1" --regid "$1" --init-groups -- \
    bash -euc '. /etc/fresh-environment; cd "$0"; eval "$1"' "$2" "$3"
}

timed() { # TITLE COMMAND...: says how long it took and how it ended
  local title=$1 from=$SECONDS status=0
  shift
  say "fresh: $title"
  "$@" </dev/null || status=$?
  echo "fresh: $title: status $status, $((SECONDS - from)) s" | tee -a "$ROOT/../times"
  return $status
}

# ---- preparing the chroot ------------------------------------------------------------------------------
mirror() { # the caller's own Debian mirror
  apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Identifier: Packages' |
    awk -v suite=$SUITE '$1 == suite { print $2; exit }'
}

copy() { # each of these files and folders that exists here, to the same place in the chroot
  local path
  for path in "$@"; do
    [ -e "$path" ] && [ ! -e "$ROOT$path" -o -f "$path" -o -d "$path" ] || continue
    mkdir -p "$ROOT$(dirname "$path")"
    if [ -d "$path" ]; then mkdir -p "$ROOT$path" && cp -aL "$path/." "$ROOT$path/"; else cp -aL "$path" "$ROOT$path"; fi
  done
}

use_callers_sources() {
  local name home
  rm -f "$ROOT/etc/apt/sources.list" "$ROOT/etc/resolv.conf"
  copy /etc/resolv.conf /etc/hosts /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d \
    /etc/apt/preferences.d /etc/apt/keyrings /etc/apt/trusted.gpg /etc/apt/trusted.gpg.d /usr/share/keyrings \
    /usr/local/share/ca-certificates /etc/ssl/certs/ca-certificates.crt \
    /etc/pip.conf /etc/npmrc /usr/etc/npmrc /usr/local/etc/npmrc
  mkdir -p "$ROOT/root/caller"
  for name in .config/pip .pip .npmrc; do # for root, and kept for the ordinary user
    [ -e "$HOME/$name" ] || continue
    for home in "$ROOT/root" "$ROOT/root/caller"; do
      mkdir -p "$home/$(dirname $name)" && cp -aL "$HOME/$name" "$home/$name"
    done
  done
  # Folders of the caller that hold packages do not exist on a fresh machine.
  for name in /etc/pip.conf /root/{,caller/}{.config/pip,.pip}/pip.conf; do
    [ ! -f "$ROOT$name" ] || sed -i -E -e 's#file:[^ ]*##g' -e '/^find-links/s#= */.*#=#' "$ROOT$name"
  done
  (umask 022 && for name in $(compgen -e); do
    case "$name" in
      PIP_FIND_LINKS) ;;
      PIP_* | npm_config_* | NPM_CONFIG_* | *[hH][tT][tT][pP]*_[pP][rR][oO][xX][yY] | [nN][oO]_[pP][rR][oO][xX][yY] | \
        [aA][lL][lL]_[pP][rR][oO][xX][yY] | SSL_CERT_* | *_CA_BUNDLE | NODE_EXTRA_CA_CERTS | GIT_SSL_CAINFO)
        printf 'export %s=%q\n' "$name" "${!name}"
        [ ! -f "${!name}" ] || copy "${!name}" ;;
    esac
  done > "$ROOT/etc/fresh-environment")
}

prepare() {
  local from=$SECONDS
  say "fresh: debootstrap $SUITE (a minute or two)"
  debootstrap --variant=minbase "$SUITE" "$ROOT" "$MIRROR" > "$FOLDER/debootstrap.log" 2>&1 ||
    { tail -n 20 "$FOLDER/debootstrap.log" >&2; return 1; }
  use_callers_sources
  if ! grep -qs "VERSION_CODENAME=$SUITE" /etc/os-release; then # the caller's list is of another release
    rm -rf "$ROOT"/etc/apt/sources.list.d/*
    echo "deb $MIRROR $SUITE main" > "$ROOT/etc/apt/sources.list"
  fi
  printf '#!/bin/sh\nexit 101\n' > "$ROOT/usr/sbin/policy-rc.d" # no services are started in a chroot
  chmod 755 "$ROOT/usr/sbin/policy-rc.d"
  git clone -q --bare "$REPOSITORY" "$ROOT/srv/examhall.git"
  printf '[safe]\n\tdirectory = /srv/examhall.git\n' > "$ROOT/etc/gitconfig" # root's, read by the ordinary user
  chmod -R a+rX "$ROOT/srv/examhall.git"
  echo "fresh: debootstrap: $((SECONDS - from)) s"
}

if [ "${1:-}" = --inside ]; then
  ROOT=$2
  inside "${@:2}"
  exit
fi

commands=() user_commands=()
while getopts c:u: option; do
  case $option in c) commands+=("$OPTARG") ;; u) user_commands+=("$OPTARG") ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
[ ${#commands[@]} -gt 0 ] || commands=("DEMO_EXIT=1 make demo" "make test")
[ ${#user_commands[@]} -gt 0 ] || user_commands=("make setup && .venv/bin/examhall --help > /dev/null")
REPOSITORY=${1:-$(cd "$(dirname "$0")/../.." && pwd)}
[ "$(id -u)" = 0 ] || { echo "fresh.sh: needs root, for debootstrap and chroot" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "fresh.sh: needs the package debootstrap" >&2; exit 2; }
MIRROR=${FRESH_MIRROR:-$(mirror)}
[ -n "$MIRROR" ] || { echo "fresh.sh: no Debian mirror for $SUITE in apt's sources; set FRESH_MIRROR" >&2; exit 2; }

FOLDER=$(mktemp -d "${TMPDIR:-/var/tmp}/examhall-fresh-XXXXXX")
ROOT=$FOLDER/root
mkdir "$ROOT" && chmod 755 "$FOLDER" "$ROOT"
trap 'rm -rf --one-file-system "$FOLDER"' EXIT
trap 'exit 130' INT TERM HUP
prepare
status=0
setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --propagation private \
  bash "$0" --inside "$ROOT" "${commands[@]}" -- "${user_commands[@]}" &
child=$!
trap 'kill -KILL $child; wait $child || true; exit 130' INT TERM HUP
wait $child || status=$?
say "fresh: all"
cat "$FOLDER/times" 2>/dev/null || true
exit $status
