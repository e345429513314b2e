"""Settings of Safe Exam Browser for a room of ours: the seat's own page and nothing else.

What is not named here keeps SEB's default, which for `prohibitedProcesses` and the keys it hooks is its
own list. Meaning of the keys: safeexambrowser.org, manuals of SEB for Windows 3 and for macOS 3.
"""

import hashlib
from dataclasses import dataclass

from server.rules.seb.config import Settings, Value

HOST = "127.0.0.1"
LEAST_PORT, MOST_PORT = 1024, 65535
_START_AN_EXAM = 0
_FULL_SCREEN = 1
_MODERN_WEB_VIEW = 3  # the one that speaks the JavaScript API at every page
_BLOCK = 0  # new windows; not the clipboard
_CLIPBOARD_WITHIN_SEB = 2
_ALLOW = 1
_FORCE_SERVICE = 2


@dataclass(frozen=True, slots=True)
class SebPlan:
    """What a room chooses: the fixed port of its agents' page and the password that leaves SEB."""

    port: int
    quit_password: str


def start_url(port: int) -> str:
    """The exact address that SEB opens and hashes."""
    return f"http://{HOST}:{port}/"


def quit_url(port: int) -> str:
    """The address that makes SEB quit; the page links to it once the paper is handed in."""
    return f"{start_url(port)}quit-seb"


def safe_settings(plan: SebPlan) -> Settings:
    """All settings of the room's file, the originator aside."""
    origin = f"{HOST}:{plan.port}"
    rule: dict[str, Value] = {"action": _ALLOW, "active": True, "expression": origin, "regex": False}
    return {
        "sebConfigPurpose": _START_AN_EXAM,
        "startURL": start_url(plan.port),
        "quitURL": quit_url(plan.port),
        "quitURLConfirm": True,
        "allowQuit": True,  # with the password
        "hashedQuitPassword": hashlib.sha256(plan.quit_password.encode()).hexdigest(),
        "ignoreExitKeys": True,
        "sendBrowserExamKey": True,
        "browserWindowWebView": _MODERN_WEB_VIEW,
        "examSessionClearCookiesOnStart": True,
        "URLFilterEnable": True,
        "URLFilterEnableContentFilter": False,  # it would stop the page's own blob: pictures
        "URLFilterRules": [rule],
        **_WINDOWS,
        **_CLOSED,
    }


_WINDOWS: Settings = {
    "browserViewMode": _FULL_SCREEN,
    "browserWindowAllowReload": True,  # the page keeps nothing: a reload loses nothing
    "showReloadButton": True,
    "newBrowserWindowByLinkPolicy": _BLOCK,
    "newBrowserWindowByLinkBlockForeign": True,
    "newBrowserWindowByScriptPolicy": _BLOCK,
    "newBrowserWindowByScriptBlockForeign": True,
    "showTaskBar": True,
    "showTime": True,
    "showMenuBar": False,
    "allowedDisplaysMaxNumber": 1,
    "clipboardPolicy": _CLIPBOARD_WITHIN_SEB,
    "enablePrivateClipboard": True,
    "sebServicePolicy": _FORCE_SERVICE,
    "sebServiceIgnore": False,
}
_CLOSED: Settings = dict.fromkeys(
    (
        *(
            "allowPreferencesWindow",
            "allowDeveloperConsole",
            "allowSwitchToApplications",
            "allowUserSwitching",
        ),
        *("allowDownUploads", "allowDownloads", "allowUploads", "allowPrint", "allowPDFReaderToolbar"),
        *(
            "allowUserSwitching",
            "allowSpellCheck",
            "allowDictionaryLookup",
            "allowDictation",
            "allowSiri",
            "allowWlan",
        ),
        *("allowVirtualMachine", "allowScreenSharing", "allowDisplayMirroring", "allowScreenCapture"),
        *("allowWindowCapture", "enablePrintScreen", "enableScreenProctoring", "enableRightMouse"),
        # The agent holds the camera, not the page.
        *("browserMediaCaptureCamera", "browserMediaCaptureMicrophone", "browserMediaCaptureScreen"),
        *("audioControlEnabled", "browserWindowAllowAddressBar", "newBrowserWindowAllowAddressBar"),
    ),
    False,
)
