# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of the module `haproxy_config`, and the edge that they describe."""

from __future__ import annotations

import os
from typing import Any

from ..binary import version
from ..errors import ConfigurationError, Problems
from ..services import acme, definition, limits, peers, request_filter, tls
from ..services.edge import Edge
from .store import OWNER


def _plain(defaults: Any) -> dict[str, dict[str, Any]]:
    """Return an option for each field of a tuple that has all defaults."""
    return {
        name: {"type": type(value).__name__, **({} if value == "" else {"default": value})}
        for name, value in defaults._asdict().items()
    }


_ADDRESSES: dict[str, Any] = {"type": "list", "elements": "str"}

OPTIONS: dict[str, dict[str, Any]] = {
    "fragment": {"type": "str", "default": OWNER},
    "state": {"type": "str", "choices": ["present", "absent", "rendered", "parsed", "gathered"], "default": "present"},
    "running_config": {"type": "str"},
    "warnings_fatal": {"type": "bool", "default": False},
    "sections": {"type": "raw", "default": {}},
    "services": definition.ARGUMENT,
    "groups": {"type": "dict", "default": {}},
    "compared": {"type": "dict"},
    "binds": {
        "type": "dict",
        "options": {
            "http": {"default": [":80"], **_ADDRESSES},
            "https": {"default": [":443"], **_ADDRESSES},
            "quic": {"default": [], **_ADDRESSES},
            "policy": {"default": [":843", ":10843"], **_ADDRESSES},
        },
    },
    "stats_bind": {"type": "str"},
    "base_settings": {"type": "bool"},
    "comments": {"type": "bool"},
    "tls": {
        "type": "dict",
        "options": {
            **_plain(tls.Settings()),
            "profile": {"type": "str", "choices": [*tls.PROFILES, "custom"], "default": "intermediate"},
            "min_version": {"type": "str", "choices": list(tls.VERSIONS)},
        },
    },
    "acme_thumbprint": {"type": "str"},
    "acme": {
        "type": "dict",
        "options": {
            "directory": {"type": "str", "default": ""},
            "contact": {"default": [], **_ADDRESSES},
            "terms_agreed": {"type": "bool", "default": False},
            "validate_certs": {"type": "bool", "default": True},
            "orders": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"name": {"type": "str", "required": True}, "hosts": {"required": True, **_ADDRESSES}},
            },
        },
    },
    "limits": {
        "type": "dict",
        "options": {**_plain(limits.Limits()), "exempt": {"default": [], **_ADDRESSES}},
    },
    "trusted_proxies": {
        "type": "dict",
        "options": {
            "addresses": {"default": [], **_ADDRESSES},
            "protocol": {"type": "str", "choices": list(request_filter.PROTOCOLS), "default": "proxy_protocol"},
        },
    },
    "peers": {
        "type": "dict",
        "options": {
            "name": {"type": "str"},
            "group": {"type": "str"},
            "port": {"type": "int", "default": peers.PORT},
            "certificate": {"type": "str"},
        },
    },
    "ticket_keys": {"type": "path"},
    "certificates": {"type": "path"},
    "path": {"type": "path", "default": "/etc/haproxy/haproxy.cfg"},
    "binary": {"type": "path"},
    "link": {"type": "path"},
    "version": {"type": "str"},
    "master_socket": {"type": "path"},
    "runtime_socket": {"type": "path"},
    "state_directory": {"type": "path"},
    "group": {"type": "str"},
    "file_descriptors": {"type": "int"},
    "restart": {"type": "bool", "default": False},
    "drain_time": {"type": "int"},
    "drain_rate": {"type": "float", "default": 20.0},
    "max_old_workers": {"type": "int", "default": 20},
}


_TYPES: dict[str, type[Any]] = {"list": list, "dict": dict, "bool": bool, "int": int}


def check_settings(settings: dict[str, Any], file: str) -> None:
    """Raise `ConfigurationError` if the recorded settings of the edge are not those of this version."""
    problems = Problems()
    for name in (name for name, value in settings.items() if value is None):
        problems.add(f"settings.{name}", "a value is expected")
    _check_options(settings, OPTIONS, "settings", problems)
    if problems:
        raise ConfigurationError(
            f"{file} is of another version of realtime.edge: {'; '.join(problems.texts)}. Nothing has changed: run the "
            "role for the edge's owner first"
        )


def _check_options(values: dict[str, Any], options: dict[str, dict[str, Any]], path: str, problems: Problems) -> None:
    for name, value in values.items():
        option, place = options.get(name), f"{path}.{name}"
        if option is None:
            problems.add(place, "unknown here")
        elif value is not None:
            _check_value(value, option, place, problems)


def _check_value(value: Any, option: dict[str, Any], place: str, problems: Problems) -> None:
    kind = option["type"]
    if not isinstance(value, _TYPES.get(kind, str)):
        problems.add(place, f"a value of type {kind} is expected")
    elif kind == "dict" and "options" in option:
        _check_options(value, option["options"], place, problems)
    elif kind == "list":
        element = {**option, "type": option.get("elements", "raw")}
        for number, item in enumerate(value):
            if element["type"] != "raw":
                _check_value(item, element, f"{place}[{number}]", problems)


def read_edge(settings: dict[str, Any], path: str, groups: dict[str, Any]) -> Edge:
    """Return what all services of an edge share; `groups` are those that its owner names."""
    binds, trusted = settings["binds"], settings["trusted_proxies"].get("addresses", ())
    account_key = os.path.join(os.path.dirname(path), acme.ACCOUNT_KEY)
    client = acme.read_client(settings["acme"], account_key)
    thumbprint = settings["acme_thumbprint"] or (acme.account_thumbprint(account_key) if client.directory else "")
    return Edge(
        http=tuple(binds["http"]),
        https=tuple(binds["https"]),
        quic=tuple(binds["quic"]),
        policy=tuple(binds["policy"]),
        stats_bind=settings["stats_bind"],
        certificates=settings["certificates"],
        lua=os.path.join(os.path.dirname(path), "edge.lua"),
        metrics=os.path.join(os.path.dirname(path), "metrics.lua"),
        master_socket=settings["master_socket"],
        runtime_socket=settings["runtime_socket"],
        version=version.target_version(settings["binary"], settings["version"]),
        descriptors=settings["file_descriptors"],
        tls=tls.Settings(**{key: value for key, value in settings["tls"].items() if value is not None}),
        library=version.tls_library(settings["binary"]),
        ticket_keys=settings["ticket_keys"],
        acme=thumbprint,
        client=client if thumbprint else acme.Client(),
        peers=definition.read_peers(settings["peers"], groups, settings["certificates"]),
        limits=limits.Limits(**{**settings["limits"], "exempt": tuple(settings["limits"].get("exempt", ()))}),
        proxies=request_filter.TrustedProxies(**{**settings["trusted_proxies"], "addresses": tuple(trusted)}),
        client_cas=os.path.join(os.path.dirname(path), "client-ca"),
        certificate_list=os.path.join(os.path.dirname(path), "certificates.list"),
        lists=os.path.dirname(path),
        threads=len(os.sched_getaffinity(0)),
    )
