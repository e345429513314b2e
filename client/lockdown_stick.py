"""How a set-up workstation mounts a USB stick, so that answers can be taken away without the network.

A machine without a desktop mounts nothing by itself. udev starts a unit per partition of a USB drive, the
unit runs a script as root, and the stick lies below `PLACE` where `client.rescue.sticks` looks, writable for
the kiosk's user alone; nothing on it can be run.
"""

from collections.abc import Mapping

PLACE = "/media/examhall"
RULE_PATH = "/etc/udev/rules.d/90-examhall-stick.rules"
UNIT_PATH = "/etc/systemd/system/examhall-stick@.service"
SCRIPT_PATH = "/etc/examhall/stick"

# A drive that already serves the system, one it was booted from for example, is left alone by the script.
_RULE = (
    'ACTION!="remove", SUBSYSTEM=="block", ENV{ID_BUS}=="usb", '
    'ENV{ID_FS_TYPE}=="vfat|exfat|ntfs|ext2|ext3|ext4", '
    'TAG+="systemd", ENV{SYSTEMD_WANTS}+="examhall-stick@%k.service"\n'
)
_UNIT = """[Unit]
Description=USB stick for answers (examhall), %I
BindsTo=dev-%i.device
After=dev-%i.device

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={script} mount %I
ExecStop={script} umount %I
"""
_SCRIPT = """#!/bin/sh
# Mounts a partition of a stick for the kiosk's user, or lets go of it: stick mount|umount sdb1
set -eu
device=/dev/$2 place={place}/$2
if [ "$1" = umount ]; then
    umount --lazy "$place" || true
    rmdir "$place" || true
    exit 0
fi
if findmnt --noheadings --source "$device" >/dev/null; then
    exit 0
fi
type=$(blkid -o value -s TYPE "$device")
own=uid=$(id -u {user}),gid=$(id -g {user}),umask=077
case $type in
    vfat) own=$own,utf8=1 ;;
    exfat) own=$own,iocharset=utf8 ;;
    ntfs) own=$own,iocharset=utf8 type=ntfs3 ;;
    ext[234]) own= ;;
    *) exit 1 ;;
esac
mkdir -p "$place"
mount -t "$type" -o "nosuid,nodev,noexec${{own:+,$own}}" "$device" "$place" || {{ rmdir "$place"; exit 1; }}
# These keep an owner of their own: their top folder is given to the user.
[ -n "$own" ] || chown {user}: "$place"
"""


def stick_files(user: str) -> Mapping[str, str]:
    """Path -> text; `user` is the kiosk's."""
    return {
        RULE_PATH: _RULE,
        UNIT_PATH: _UNIT.format(script=SCRIPT_PATH),
        SCRIPT_PATH: _SCRIPT.format(place=PLACE, user=user),
    }
