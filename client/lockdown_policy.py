"""The managed policies of the kiosk's Chromium, made from the page's origin. Pure.

Which policy closes what was measured action by action; docs/kiosk.md has the table. `*` in a blocklist does
not cover `chrome://` pages, so they are named.
"""

import hashlib
import json
from collections.abc import Mapping

PAGE_PORT = 8321
"""The page's port on a workstation: managed policies name the page's origin, so it must not change."""
POLICY_PATH = "/etc/chromium/policies/managed/examhall.json"
_BLOCKED = (
    *("*", "chrome://*", "chrome-untrusted://*", "devtools://*", "view-source:*"),
    *("file://*", "javascript://*", "data:*", "mailto:*"),
)


def page_origin(port: int = PAGE_PORT) -> str:
    """The origin of the candidate page on this machine."""
    return f"http://127.0.0.1:{port}"


def managed_policy(origin: str) -> Mapping[str, object]:
    """Policies that leave nothing but the pages of `origin`. The camera is the agent's, not the page's."""
    return {
        "URLBlocklist": list(_BLOCKED),
        "URLAllowlist": [origin],
        "DeveloperToolsAvailability": 2,
        "RemoteDebuggingAllowed": False,
        "ExtensionInstallBlocklist": ["*"],
        "DownloadRestrictions": 3,
        "AllowFileSelectionDialogs": False,
        "PrintingEnabled": False,
        "IncognitoModeAvailability": 1,
        "BrowserGuestModeEnabled": False,
        "BrowserAddPersonEnabled": False,
        "BrowserSignin": 0,
        "SyncDisabled": True,
        "EditBookmarksEnabled": False,
        "BookmarkBarEnabled": False,
        "PasswordManagerEnabled": False,
        "AutofillAddressEnabled": False,
        "AutofillCreditCardEnabled": False,
        "SpellcheckEnabled": False,
        "TranslateEnabled": False,
        "SearchSuggestEnabled": False,
        "DefaultSearchProviderEnabled": False,
        "DefaultPopupsSetting": 2,
        "DefaultNotificationsSetting": 2,
        "DefaultGeolocationSetting": 2,
        "DefaultClipboardSetting": 2,
        "ScreenCaptureAllowed": False,
        "AudioCaptureAllowed": False,
        "VideoCaptureAllowed": False,
        "TaskManagerEndProcessEnabled": False,
        "TabDiscardingExceptions": [origin],
        "BackgroundModeEnabled": False,
        "MetricsReportingEnabled": False,
        "PromotionsEnabled": False,
        "DefaultBrowserSettingEnabled": False,
        "BrowserLabsEnabled": False,
    }


def policy_text(origin: str) -> str:
    """The policy file as it stands on the disk."""
    return json.dumps(managed_policy(origin), indent=2, sort_keys=True) + "\n"


def policy_hash(origin: str) -> str:
    """SHA-256 (hex) of the policy file, to compare a workstation with what it should be."""
    return hashlib.sha256(policy_text(origin).encode()).hexdigest()


def browser_flags(profile: str, url: str) -> list[str]:
    """Chromium's arguments. Never `--app`: there links open ordinary windows with an address bar.

    The profile is a folder on the disk, so that a browser that was killed comes back with it. Never
    `--no-sandbox`, and no debugging port.
    """
    return [
        "--kiosk",
        f"--user-data-dir={profile}",
        "--no-first-run",
        "--noerrdialogs",
        "--no-default-browser-check",
        "--hide-crash-restore-bubble",
        "--disable-session-crashed-bubble",
        "--disable-background-timer-throttling",
        "--disable-renderer-backgrounding",
        "--disable-backgrounding-occluded-windows",
        "--disable-pinch",
        "--overscroll-history-navigation=0",
        "--password-store=basic",
        url,
    ]
