"""The window manager's configuration: no menus, one desktop, every key swallowed that leads elsewhere. Pure.

This layer does not depend on the page: it holds while a renderer has crashed and cancels nothing.
"""

import string
from collections.abc import Iterable
from xml.sax.saxutils import escape

RC_PATH = "/etc/examhall/openbox.xml"
_LETTERS = {
    "C": "defghjklnoprstuw",  # a, c, v, x, y, z edit text; the page decides on the clipboard
    "C-S": "abcdegijkmnopqrstuw",
    "A": string.ascii_lowercase,
    "C-A": string.ascii_lowercase,
    "W": string.ascii_lowercase,
}
_ARROWS = ("Left", "Right", "Up", "Down")
_FUNCTION = tuple(f"F{n}" for n in range(1, 13))
_NAMED = {
    "": (
        *(*_FUNCTION, "Print", "Menu", "Super_L", "Super_R", "XF86Back", "XF86Forward", "XF86HomePage"),
        *("XF86Refresh", "XF86Search", "XF86WWW", "XF86Mail", "XF86Explorer", "XF86Favorites"),
        *("XF86Tools", "XF86Calculator"),
    ),
    "S": ("Escape", "F3", "F5", "F9", "F10", "Print"),
    "C": (
        *("Tab", "Escape", "Prior", "Next", "F4", "F5", "F6", "Print", "plus", "minus", "equal", "0"),
        *("KP_Add", "KP_Subtract", "KP_0", *"123456789", "comma"),
    ),
    "C-S": ("Tab", "Escape", "Delete", "Prior", "Next", "plus", "equal", "minus", "underscore"),
    "A": (
        *("F1", "F2", "F3", "F4", "F7", "F8", "F10", "Tab", "space", "Return", "Escape", "Home", "Print"),
        *(*_ARROWS, *"123456789"),
    ),
    "A-S": ("Tab", *"abit"),
    "C-A": (*_ARROWS, "Delete", "BackSpace", "Escape", "Tab", *_FUNCTION),
    "W": (*_ARROWS, "Tab", "space", "Return", "Escape", *"123456789"),
}
_KEYBIND = '    <keybind key="{}"><action name="Execute"><command>true</command></action></keybind>'
_RC = """<?xml version="1.0" encoding="UTF-8"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>yes</focusNew><followMouse>no</followMouse></focus>
  <theme><titleLayout></titleLayout></theme>
  <desktops><number>1</number><popupTime>0</popupTime></desktops>
  <keyboard>
    <chainQuitKey></chainQuitKey>
{keys}
  </keyboard>
  <mouse>
    <context name="Client">
      <mousebind button="Left" action="Press"><action name="Focus"/><action name="Raise"/></mousebind>
    </context>
  </mouse>
  <menu><hideDelay>0</hideDelay></menu>
  <applications>
    <application class="*"><decor>no</decor><fullscreen>yes</fullscreen></application>
  </applications>
</openbox_config>
"""


def swallowed_keys() -> tuple[str, ...]:
    """All keys that lead out of the page, with exact modifiers, in openbox's spelling, without doubles.

    What the page itself uses is not among them: letters, arrows, Tab, Escape, Ctrl+Enter and the keys that
    edit text; nor Ctrl+Space, with which an input method is switched.
    """
    named = [_spelled(modifiers, key) for modifiers, keys in _NAMED.items() for key in keys]
    letters = [_spelled(modifiers, key) for modifiers, keys in _LETTERS.items() for key in keys]
    return tuple(dict.fromkeys([*named, *letters]))


def rc_xml(keys: Iterable[str]) -> str:
    """openbox's rc.xml that swallows `keys` and knows one use of the mouse: a left press gives the focus."""
    return _RC.format(keys="\n".join(_KEYBIND.format(escape(key, {'"': "&quot;"})) for key in keys))


def _spelled(modifiers: str, key: str) -> str:
    return f"{modifiers}-{key}" if modifiers else key
