"""What `examhall kiosk --install` writes on a Linux workstation: path -> text. Pure; nothing is run.

Everything lies in a file of its own, so that nothing of the distribution's is changed and the set-up can be
taken away again by removing these files.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from client.lockdown_openbox import RC_PATH, rc_xml, swallowed_keys
from client.lockdown_policy import POLICY_PATH, policy_text
from client.lockdown_stick import SCRIPT_PATH, stick_files

KIOSK_USER = "examhall-kiosk"
XORG_PATH = "/etc/X11/xorg.conf.d/90-examhall.conf"
LOGIND_PATH = "/etc/systemd/logind.conf.d/90-examhall.conf"
SYSCTL_PATH = "/etc/sysctl.d/90-examhall.conf"
USER_PATH = "/etc/sysusers.d/examhall.conf"
CONFIG_PATH = "/etc/examhall/kiosk.conf"
SESSION_PATH = "/etc/examhall/session"
UNIT_PATH = "/etc/systemd/system/examhall-kiosk.service"
DATA_PATH = "/var/lib/examhall-kiosk"

_XORG = """Section "ServerFlags"
    Option "DontVTSwitch" "true"
    Option "DontZap" "true"
    Option "AllowMouseOpenFail" "true"
    Option "BlankTime" "0"
    Option "StandbyTime" "0"
    Option "OffTime" "0"
EndSection
"""
_LOGIND = """[Login]
NAutoVTs=0
ReserveVT=0
HandlePowerKey=ignore
HandleSuspendKey=ignore
HandleLidSwitch=ignore
IdleAction=ignore
"""
_SESSION = """#!/bin/sh
# The kiosk's X session. The agent starts window manager and browser; it is started again until it ends well,
# which it does after an ordered quit or when the unit is stopped.
. {config}
setxkbmap -option srvrkeys:none
xset s off -dpms
eval "set -- $AGENT_ARGUMENTS"
until {agent} "$@"; do
    sleep 1
done
"""
_CONFIG = "# Arguments of the seat agent, see docs/kiosk.md.\nAGENT_ARGUMENTS={own}\n"
_UNIT = """[Unit]
Description=Candidate seat (examhall)
After=systemd-user-sessions.service network.target
Conflicts=getty@tty1.service
OnSuccess=getty@tty1.service

[Service]
User={user}
PAMName=login
TTYPath=/dev/tty7
StandardInput=tty
StateDirectory=examhall-kiosk
StateDirectoryMode=0700
UtmpIdentifier=tty7
ExecStart=/usr/bin/xinit {session} -- /usr/bin/Xorg :0 vt7 -nolisten tcp -keeptty
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a workstation is set up for. `python`: the interpreter that has this package.

    `arguments` are the agent's own: address of the server, camera. They stand in `CONFIG_PATH`, which is kept
    when a later set-up names none.
    """

    origin: str
    python: str = "/usr/bin/python3"
    arguments: tuple[str, ...] = field(default=())


def lockdown_files(origin: str) -> Mapping[str, str]:
    """The files that close something; `examhall kiosk --check` compares them to the letter."""
    return {
        POLICY_PATH: policy_text(origin),
        RC_PATH: rc_xml(swallowed_keys()),
        XORG_PATH: _XORG,
        LOGIND_PATH: _LOGIND,
        SYSCTL_PATH: "kernel.sysrq = 0\n",
    }


def system_files(plan: Plan) -> Mapping[str, str]:
    """All files of a workstation: what closes, the unprivileged user, its session, the unit, and sticks."""
    port = plan.origin.rsplit(":", 1)[-1]
    agent = [plan.python, "-m", "client", "--kiosk", "--data", DATA_PATH, "--port", port]
    own = shlex.join(plan.arguments or ("--server", "https://exam.local:8443"))
    return {
        **lockdown_files(plan.origin),
        **stick_files(KIOSK_USER),
        USER_PATH: f'u {KIOSK_USER} - "Candidate seat" {DATA_PATH}\n',
        CONFIG_PATH: _CONFIG.format(own=shlex.quote(own)),
        SESSION_PATH: _SESSION.format(agent=shlex.join(agent), config=CONFIG_PATH),
        UNIT_PATH: _UNIT.format(user=KIOSK_USER, session=SESSION_PATH),
    }


EXECUTABLE = frozenset({SESSION_PATH, SCRIPT_PATH})
"""Files that are programs (mode 0755); all others are 0644."""
