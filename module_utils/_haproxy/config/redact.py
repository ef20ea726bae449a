# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mask passwords, keys and tokens in everything that people see: diffs, errors, warnings, rendered text.

No list of keywords could be complete: a word that sounds like a secret (`password`, `X-Api-Key`, `DB_TOKEN`) marks its
value as one. References stay visible: paths, environment variables, log-format expressions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .model import Configuration, Directive
from .words import unquote

MASK = "********"

_SENSITIVE = r"passw(?:or)?d|passphrase|passcode|secret|token|credentials?|authorization|api[-_.]?key|apikey|cookie"
# A text without any of these (lower case) matches none of the expressions below.
_HINTS = tuple("pass secret token credential auth api cookie key pwd :// hmac aes_ jwt_".split())
# A name that ends in a word for a secret, or in `key`: DB_PASSWORD, X-Auth-Token, dynamic-cookie-key.
_NAMES_SECRET = re.compile(rf"(?i)(?:.*[^a-z])?(?:{_SENSITIVE}|key|auth|pwd)|.*(?:password|secret|apikey)").fullmatch
# Where such a name means something else: `hash-key addr`, `cookie SRV insert`, `balance hdr(X-Key)`, `option ...`.
_HARMLESS = frozenset("auth cookie hash-key key".split())
# Words that may follow a name and are not its value.
_NO_VALUE = frozenset("if unless { } || or ! -m -i -f -M -u -n len table".split())

_REFERENCE = re.compile(r"""["']?(?:/|\$\{?\w+\}?["']?$|%\[[^\]]*\]["']?$)""").match
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^/@\s:]*:)[^/@\s]+(?=@)")
_IN_QUERY = re.compile(rf"(?i)([?&][a-z0-9_.-]*(?:{_SENSITIVE})=)[^&\s\"']+")
_IN_HEADER = re.compile(
    r"(?i)((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]*(?:key|token|secret))(\\?:)(?:\\? )*.+?(?=\\r\\n|[\"']?$)"
)
# Converters that take a key: hmac(sha256,key), aes_gcm_dec(bits,nonce,key,tag), jwt_verify(alg,key), digest, ...
_CONVERTER = re.compile(r"\b(hmac|aes_(?:gcm|cbc)_(?:enc|dec)|jwt_verify|jwt_decrypt_secret)\(([^()]*)\)")
# A sample of a secret that is compared with the expected value: { req.hdr(authorization) -m str "Basic ..." }
_SAMPLE = re.compile(r"(?i)!?[a-z0-9_.-]+\(([^(),]+)[^()]*\)\S*")
_CREDENTIALS = re.compile(r"!?http_auth_(?:bearer|pass)\b.*")
_VARIABLE = re.compile(r"(?:proc|sess|txn|req|res|check)\.\w+").fullmatch
# Deeper than any data that becomes HAProxy's sections.
_DEPTH = 8
_FLAGS_WITH_VALUE = frozenset(("-m", "-f", "-M"))


def mask(directive: Directive) -> str:
    """Return the directive's line with its secrets masked."""
    words = [directive.keyword, *directive.arguments]
    for position, masked in mask_positions(directive):
        words[position] = masked
    return " ".join(words)


def find_secrets(directive: Directive) -> list[str]:
    """Return the secrets of the line as HAProxy reads them, longest first; parts of four characters and more."""
    words = (directive.keyword, *directive.arguments)
    found: set[str] = set()
    for position, masked in mask_positions(directive):
        plain = unquote(words[position])
        before, _mask, after = unquote(masked).partition(MASK)
        secret = plain[len(before) : len(plain) - len(after)]
        found.update(part for part in (secret, plain if not before + after else secret) if len(part) > 3)
    return sorted(found, key=len, reverse=True)


def all_secrets(configuration: Configuration) -> set[str]:
    """Return the secrets of all lines."""
    directives = [line for section in configuration.sections for line in section.directives]
    texts = "\n".join(line.text for line in directives).lower()
    hints = [hint for hint in _HINTS if hint in texts]
    numbers = {number for hint in hints for number, text in enumerate(texts.split("\n")) if hint in text}
    return {secret for number in numbers for secret in find_secrets(directives[number])}


def secrets_in_data(data: Any, words: tuple[str, ...] = ()) -> set[str]:
    """Return the secrets in YAML data that is not parsed yet: each value, after the keys above it, counts as a line."""
    if isinstance(data, dict) and len(words) < _DEPTH:
        return {secret for key, value in data.items() for secret in secrets_in_data(value, (*words, str(key)))}
    if isinstance(data, list) and len(words) < _DEPTH:
        return {secret for value in data for secret in secrets_in_data(value, words)}
    lines = (f"{' '.join(words)} {line}".split() for line in str(data).splitlines())
    return {secret for line in lines for begin in range(len(words) + 1) for secret in _secrets_of_words(line[begin:])}


def _secrets_of_words(words: list[str]) -> list[str]:
    return find_secrets(Directive(words[0], tuple(words[1:]))) if len(words) > 1 else []


def mask_positions(directive: Directive) -> Iterator[tuple[int, str]]:
    """Yield position and replacement of each word that is or contains a secret."""
    words = (directive.keyword, *directive.arguments)
    if not _may_hold_secret(directive.text):
        return
    seen = set()
    for position in _secret_values(words):
        if position not in seen and not _REFERENCE(words[position]):
            seen.add(position)
            user, colon, _password = words[position].partition(":")
            yield position, f"{user}:{MASK}" if colon and words[:2] == ("stats", "auth") else MASK
    for position, word in enumerate(words):
        if position in seen:
            continue
        masked = _IN_URL.sub(rf"\g<1>{MASK}", word)
        masked = _IN_QUERY.sub(rf"\g<1>{MASK}", masked)
        masked = _IN_HEADER.sub(rf"\g<1>\g<2>{MASK}", masked)
        masked = _CONVERTER.sub(_without_key, masked)
        if masked != word:
            yield position, masked


def _may_hold_secret(text: str) -> bool:
    """Return whether the text can contain a secret: a cheap test that rules out most lines."""
    return any(map(text.lower().__contains__, _HINTS))


def _secret_values(words: tuple[str, ...]) -> Iterator[int]:
    """Yield the positions of words that a preceding word marks as secrets."""
    if words[:2] == ("stats", "auth"):
        yield 2
        return
    for position, word in enumerate(words[:-1]):
        sample = _SAMPLE.fullmatch(word)
        if word.startswith("set-var") and sample:
            if _NAMES_SECRET(sample[1]) and (word.startswith("set-var-fmt") or words[position + 1].startswith("str(")):
                yield position + 1
        elif (sample and _NAMES_SECRET(unquote(sample[1]))) or _CREDENTIALS.fullmatch(word):
            yield from _pattern_positions(words, position + 1)
        elif (
            _NAMES_SECRET(unquote(word))
            and words[position + 1] not in _NO_VALUE
            and (word not in _HARMLESS or (position and words[position - 1] in ("hdr", "set-header", "add-header")))
        ):
            yield position + 1


def _pattern_positions(words: tuple[str, ...], position: int) -> Iterator[int]:
    """Yield the positions of the patterns that a sample is compared with, up to the end of its condition."""
    while position < len(words) and words[position] not in ("}", "if", "unless", "||", "or"):
        if words[position] in _FLAGS_WITH_VALUE:
            position += 1
        elif not words[position].startswith("-"):
            yield position
        position += 1


def _without_key(call: re.Match[str]) -> str:
    arguments = call[2].split(",")
    kept = [argument if _VARIABLE(argument) else MASK for argument in arguments[1:]]
    return f"{call[1]}({','.join([arguments[0], *kept])})"
