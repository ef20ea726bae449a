# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mask passwords, keys and tokens in everything that people see: diffs, errors, warnings, rendered text.

No list of keywords could be complete, so secrets are known by their kind: the value after a name that sounds like a
secret (`password`, `X-Api-Key`, `DB_PASS`), also in queries and headers; the payload that a health check sends; the key
of a converter; the password in a URL. References stay visible: paths, environment variables, log-format expressions.

The cost is linear in the length of the text: no expression begins at each character and then reads on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .model import Configuration, Directive
from .words import split_until_fault, unquote

MASK = "********"

# The last word of a name for a secret. `key` and `auth` alone are keywords of HAProxy too: see _HARMLESS.
_LAST_WORDS = frozenset(
    "apikey apitoken auth authorisation authorization cookie credential creds dsn jwt key md5sig otp pass passcode "
    "passphrase passwd password psk pwd salt secret signature sig token".split()
)
_ENDINGS = ("password", "passwd", "passphrase", "secret", "apikey", "token")
# Names of environment variables are run together (DBPASS, REDISCLI_AUTH); any of these in one marks its value.
_IN_ENVIRONMENT = tuple("PASS PWD SECRET TOKEN KEY SALT AUTH CRED SIGN DSN PRIVATE".split())
# A text without any of these (lower case) has no secret by the expressions below.
_HINTS = tuple(
    "pass pwd secret token cred auth api cookie key salt sig otp psk jwt dsn private :// hmac aes_ -check".split()
)
# Where such a name means something else: `hash-key addr`, `cookie SRV insert`, `balance hdr(X-Key)`, `option ...`.
_HARMLESS = frozenset("auth cookie hash-key key pass sig".split())
# Words that may follow a name and are not its value.
_NO_VALUE = frozenset("if unless { } || or ! -m -i -f -M -u -n len table true false".split())
# The first argument of these is a name that somebody has chosen.
_NAMED = frozenset("acl default_backend filter group nameserver peer server server-template table use_backend".split())
# What a health check may send without telling anything.
_HARMLESS_PAYLOADS = frozenset(("ping", "quit", "info", "info replication", "role", "stats", "version"))
_PAYLOADS = {"tcp-check": re.compile(r"send(?:-lf|-binary|-binary-lf)?"), "http-check": re.compile(r"body(?:-lf)?")}

_REFERENCE = re.compile(r"""["']?(?:/|\$\{?\w+\}?["']?$|%\[[^\]]*\]["']?$)""").match
_CONSTANT = re.compile(r"\b(?:str|bin)\(").search
# The scheme is short: a bound keeps the cost linear.
_IN_URL = re.compile(r"(?i)((?<![a-z0-9])[a-z][a-z0-9+.-]{0,20}://[^/@\s:]*:)[^/\s]+(?=@)")
_PAIR = re.compile(r"""((?:^|(?<=[?&;,\s"']))["']?([A-Za-z0-9_.-]+)=)([^&;,\s"'$%][^&;,\s"']*)""")
_IN_HEADER = re.compile(
    r"(?i)(?:(?<![a-z0-9-])|(?<=\\[rn]))((?:proxy-)?authori[sz]ation|(?:set-)?cookie|x-[a-z0-9-]*)"
    r"(\\?:)(?:\\? )*(.+?)(?=\\r\\n|[\"']?$)"
)
# Converters that take a key: hmac(sha256,key), aes_gcm_dec(bits,nonce,key,tag), jwt_verify(alg,key), digest, ...
_CONVERTER = re.compile(r"\b(hmac|aes_(?:gcm|cbc)_(?:enc|dec)|jwt_verify|jwt_decrypt_secret)\(([^()]*)\)")
# A sample of a secret that is compared with the expected value: { req.hdr(authorization) -m str "Basic ..." }
_SAMPLE = re.compile(r"(?i)!?[a-z0-9_.-]+\(([^(),]+)(?:,[^()]*)?\)\S*")
_CREDENTIALS = re.compile(r"!?http_auth_(?:bearer|pass)\b.*")
_VARIABLE = re.compile(r"(?:proc|sess|txn|req|res|check)\.\w+").fullmatch
# Deeper than any data that becomes HAProxy's sections.
_DEPTH = 8
_FLAGS_WITH_VALUE = frozenset(("-m", "-f", "-M"))
# How many words a comment has at most before the line that it quotes, and what is between a name and its value.
_WORDS_BEFORE = 4
_LINKS = frozenset(("is", "was", "=", ":"))


def mask(directive: Directive) -> str:
    """Return the directive's line with its secrets masked."""
    words = [directive.keyword, *directive.arguments]
    for position, masked in mask_positions(directive):
        words[position] = masked
    return " ".join(words)


def mask_comment(comment: str) -> str:
    """Return a comment with its secrets masked: it may be a line that somebody has taken out, or tell a password."""
    words = split_leniently(comment)
    if len(words) < 2:
        return comment
    masks = {
        begin + position: masked
        for begin in range(min(len(words), _WORDS_BEFORE))
        for position, masked in mask_positions(Directive(words[begin], tuple(words[begin + 1 :])))
    }
    for position, word in enumerate(words[:-1]):
        if word.endswith(":") or words[position + 1] in _LINKS:
            value = position + 1 + (words[position + 1] in _LINKS)
            if _names_secret(word.rstrip(":")) and value < len(words):
                masks = {**{at: mask for at, mask in masks.items() if at != position + 1}, value: MASK}
    return " ".join(masks.get(position, word) for position, word in enumerate(words)) if masks else comment


def split_leniently(text: str) -> list[str]:
    """Return the words of a text that need not be a line: from a fault on, blanks separate them."""
    words, rest = split_until_fault(text)
    tail = rest.split()
    if words and tail and not text[-len(rest) - 1].isspace():
        words[-1] += tail.pop(0)
    return [*words, *tail]


def find_secrets(directive: Directive) -> list[str]:
    """Return the secrets of the line, longest first: as HAProxy reads them and as they are spelled.

    Of a payload the last word counts too. Parts below four characters would hide half of an output.
    """
    words = (directive.keyword, *directive.arguments)
    found: set[str] = set()
    for position, masked in mask_positions(directive):
        before, _mask, after = unquote(masked).partition(MASK)
        for spelling in (unquote(words[position]), words[position], words[position].strip("\"'")):
            secret = spelling[len(before) : len(spelling) - len(after)]
            found.update((secret, spelling if not before + after else secret))
        if words[0] in _PAYLOADS:
            found.update(unquote(words[position]).split()[-1:])
    return sorted((part for part in found if len(part) > 3), key=len, reverse=True)


def all_secrets(configuration: Configuration) -> set[str]:
    """Return the secrets of all lines."""
    # Most lines of a service stand in the others too: each text is looked at once.
    directives = {line.text: line for section in configuration.sections for line in section.directives}
    return {secret for line in directives.values() for secret in find_secrets(line)}


def secrets_in_data(data: Any, words: tuple[str, ...] = ()) -> set[str]:
    """Return the secrets in YAML data that is not parsed yet: each value, after the keys above it, counts as a line."""
    if isinstance(data, dict) and len(words) < _DEPTH:
        return {secret for key, value in data.items() for secret in secrets_in_data(value, (*words, str(key)))}
    if isinstance(data, list) and len(words) < _DEPTH:
        return {secret for value in data for secret in secrets_in_data(value, words)}
    lines = ([*words, *split_leniently(line)] for line in str(data).split("\n"))
    return {secret for line in lines for begin in range(len(words) + 1) for secret in _secrets_of_words(line[begin:])}


def _secrets_of_words(words: list[str]) -> list[str]:
    return find_secrets(Directive(words[0], tuple(words[1:]))) if len(words) > 1 else []


def mask_positions(directive: Directive) -> Iterator[tuple[int, str]]:
    """Yield position and replacement of each word that is or contains a secret."""
    words = (directive.keyword, *directive.arguments)
    if not _may_hold_secret(directive.text):
        return
    seen = set()
    for position in (*_payloads(words), *_secret_values(words)):
        if position not in seen and not _is_reference(words[position]):
            seen.add(position)
            user, colon, _password = words[position].partition(":")
            yield position, f"{user}:{MASK}" if colon and words[:2] == ("stats", "auth") else MASK
    for position, word in enumerate(words):
        if position in seen:
            continue
        masked = _IN_URL.sub(rf"\g<1>{MASK}", word)
        masked = _PAIR.sub(_without_value, masked)
        masked = _IN_HEADER.sub(_without_header, masked)
        masked = _CONVERTER.sub(_without_key, masked)
        if masked != word:
            yield position, masked


def _may_hold_secret(text: str) -> bool:
    """Return whether the text can contain a secret: a cheap test that rules out most lines."""
    return any(map(text.lower().__contains__, _HINTS))


def _is_reference(word: str) -> bool:
    """Return whether the word names where the value is, instead of being the value."""
    return bool(_REFERENCE(word)) and not _CONSTANT(word)


def _names_secret(name: str) -> bool:
    """Return whether this is a name for a secret: its last word is, a number behind it aside (`X-Signature-256`).

    A path is none (`tls-ticket-keys /etc/haproxy/ticket-keys curves ...`).
    """
    name = name.rstrip("0123456789-_.").lower()
    if not name.isascii() or name.startswith("/"):
        return False
    last = re.split(r"[^a-z]", name[-16:])[-1]
    return last in _LAST_WORDS or last.removesuffix("s") in _LAST_WORDS or name.endswith(_ENDINGS)


def _payloads(words: tuple[str, ...]) -> Iterator[int]:
    """Yield the positions of what a health check sends."""
    sends = _PAYLOADS.get(words[0])
    for position, word in enumerate(words[1:-1] if sends else (), 1):
        if sends and sends.fullmatch(word):
            if unquote(words[position + 1]).strip().lower() not in _HARMLESS_PAYLOADS:
                yield position + 1
            return


def _secret_values(words: tuple[str, ...]) -> Iterator[int]:
    """Yield the positions of words that a preceding word marks as secrets."""
    if words[:2] == ("stats", "auth"):
        yield from (2,)[: len(words) - 2]
        return
    if words[0] in ("setenv", "presetenv") and any(hint in words[1].upper() for hint in _IN_ENVIRONMENT):
        yield from (2,)[: len(words) - 2]
    chosen = 1 if words[0] in _NAMED else -1
    for position, word in enumerate(words[:-1]):
        sample = _SAMPLE.fullmatch(word)
        if word.startswith("set-var") and sample:
            if _names_secret(sample[1]) and (word.startswith("set-var-fmt") or words[position + 1].startswith("str(")):
                yield position + 1
        elif (sample and _names_secret(unquote(sample[1]))) or _CREDENTIALS.fullmatch(word):
            yield from _pattern_positions(words, position + 1)
        elif position != chosen and _marks_next(words, position):
            yield position + 1


def _marks_next(words: tuple[str, ...], position: int) -> bool:
    """Return whether the word at this position is the name of a secret that the next word is."""
    word = words[position]
    if not _names_secret(unquote(word)) or words[position + 1] in _NO_VALUE:
        return False
    return word not in _HARMLESS or (position > 0 and words[position - 1] in ("hdr", "set-header", "add-header"))


def _pattern_positions(words: tuple[str, ...], position: int) -> Iterator[int]:
    """Yield the positions of the patterns that a sample is compared with, up to the end of its condition."""
    while position < len(words) and words[position] not in ("}", "if", "unless", "||", "or"):
        if words[position] in _FLAGS_WITH_VALUE:
            position += 1
        elif not words[position].startswith("-"):
            yield position
        position += 1


def _without_value(pair: re.Match[str]) -> str:
    return f"{pair[1]}{MASK}" if _names_secret(pair[2]) else pair[0]


def _without_header(header: re.Match[str]) -> str:
    secret = _names_secret(header[1]) and not _is_reference(header[3])
    return f"{header[1]}{header[2]}{MASK}" if secret else header[0]


def _without_key(call: re.Match[str]) -> str:
    arguments = call[2].split(",")
    kept = [argument if _VARIABLE(argument) else MASK for argument in arguments[1:]]
    return f"{call[1]}({','.join([arguments[0], *kept])})"
