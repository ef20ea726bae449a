# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What nobody but HAProxy should read in a configuration, masked for diffs and pages.

HAProxy takes secrets from files where it can; these are the places where a configuration itself holds some.
"""

from __future__ import annotations

import re

MASK = "********"

# One word in HAProxy's spelling: plain, escaped and quoted parts (configuration manual, 2.2).
_WORD = r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+"""

# Names that say that their value is a secret. A `key` alone may be a file's name, a stick table's or a header's.
_KEYS = r"(?:api|private|mac)[_.-]?key"
_NAME = rf"(?:[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|credential|{_KEYS})[\w.-]*)"
_HEADER = rf"(?:(?:proxy-)?authorization|(?:set-)?cookie|{_NAME})"

_RULES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # userlist: `user NAME password HASH`, `insecure-password TEXT`; also as options with other names.
        rf"(?P<before>\s(?:insecure-)?password\s+)(?P<secret>{_WORD})",
        rf"(?P<before>^[\s#]*stats\s+auth\s+[^\s:]+:)(?P<secret>{_WORD})",
        rf"(?P<before>^[\s#]*(?:dynamic-cookie-key|cluster-secret|eab-mac-key)\s+)(?P<secret>{_WORD})",
        rf"(?P<before>^[\s#]*(?:presetenv|setenv)\s+{_NAME}\s+)(?P<secret>\S.*)",
        # Headers set or compared: `set-header Authorization "Bearer ..."`, `hdr(x-api-key) -m str ...`.
        rf"(?P<before>\b(?:set-header|add-header|replace-header|replace-value|header|hdr)\s+[\"']?{_HEADER}[\"']?\s+)"
        rf"(?P<secret>{_WORD})",
        rf"(?P<before>\b(?:hdr|fhdr|cook|cookie)(?:_\w+)?\([\"']?{_HEADER}\S*\)\S*\s+(?:(?:-i|-f\s+\S+|-n|-m\s+\w+|--)\s+)*)"
        r"(?P<secret>[^\s}-](?:[^}]*[^\s}])?)",
        rf"(?P<before>\bhttp_auth_(?:bearer|pass)\S*\s+(?:-m\s+\w+\s+)?)(?P<secret>(?!-){_WORD})",
        # Keys of converters: `hmac(sha256,KEY)`, `jwt_verify(ALG,KEY)`, `aes_gcm_dec(BITS,NONCE,KEY,TAG)`.
        r"(?P<before>\b(?:hmac|jwt_verify|aes_\w+)\([^,()]*,)(?P<secret>[^()]*)(?=\))",
        # Variables of such a name, `name=value` in a URL or an argument, and `scheme://user:password@host`.
        rf"(?P<before>\bset-var(?:-fmt)?\({_NAME}\S*\)\s+)(?P<secret>{_WORD})",
        rf"(?P<before>\bset-var(?:-fmt)?\s+{_NAME}\s+)(?P<secret>{_WORD})",
        rf"(?P<before>\b{_NAME}=)(?P<secret>[^\s&\"']+)",
        r"(?P<before>\w://[^\s/:@]+:)(?P<secret>[^\s/@]+)(?=@)",
    )
)

# Most lines hold none of these, and a configuration may have ten thousand.
_HINT = re.compile(
    r"pass|auth|secret|token|credential|key|cook|hmac|jwt|aes_|://[^\s/]*@",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """The text of a configuration with its secrets masked; lines and their order stay as they are."""
    return "\n".join(_mask(line) if _HINT.search(line) else line for line in text.split("\n"))


def _mask(line: str) -> str:
    for rule in _RULES:
        line = rule.sub(lambda found: found["before"] + MASK, line)
    return line
