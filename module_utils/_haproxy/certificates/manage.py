# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Do what `haproxy_certificate` is asked for, and return its result as documented there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import paths
from ..runtime.cli import RuntimeFailure
from ..services import acme, definition
from . import acme_client, hotswap, tickets
from .install import foresee, group_id, install
from .pem import CertificateError
from .requested import FIELDS, is_path

# The file of the configuration, in the folder above that of the certificates.
CONFIGURATION = os.path.basename(paths.CONFIGURATION)

OPTIONS: dict[str, dict[str, Any]] = {
    "certificates": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "pem": {"type": "str", "no_log": True},
            "certificate": {"type": "str", "no_log": True},  # a key may have been put here by mistake
            "key": {"type": "str", "no_log": True},
            "chain": {"type": "str", "no_log": True},
            "ca": {"type": "str", "no_log": True},
            "hosts": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
    },
    "services": definition.ARGUMENT,
    "groups": {"type": "dict"},
    "compared": {"type": "dict"},
    "acme_folder": {"type": "str"},
    "self_signed": {"type": "bool", "default": True},
    "accept_bad": {"type": "bool", "default": False},
    "directory": {"type": "path", "default": "/etc/haproxy/certificates"},
    "group": {"type": "str", "default": "haproxy"},
    "acme_account_key": {"type": "str", "no_log": True},
    "ticket_keys": {"type": "path", "no_log": False},
    "ticket_rotation": {"type": "int", "default": 86400},
    "shared_ticket_keys": {"type": "list", "elements": "str", "no_log": True},
    "master_socket": {"type": "path", "default": "/run/haproxy/master.sock"},
}
"""The options of the module."""

Parameters = Mapping[str, Any]


def showable_values(parameters: Parameters) -> set[str]:
    """Return the values that are no secrets: paths of which no file was found, and which the message must show."""
    values = {entry[part] for entry in parameters["certificates"] for part in FIELDS if entry[part]}
    return {value for value in values if is_path(value)}


def manage(parameters: Parameters, check_mode: bool) -> dict[str, Any]:
    """Install, keep and serve the certificates, and return the result; its `warnings` are for people.

    Raises CertificateError and ConfigurationError, and then has changed no certificate.
    """
    services = definition.read_services(parameters["services"], parameters["groups"] or {})
    definition.check_conflicts(services)
    kept = _keep_renewed(parameters, check_mode)
    result = install(
        certificates=parameters["certificates"],
        services=services,
        directory=Path(parameters["directory"]),
        group=parameters["group"],
        self_signed=parameters["self_signed"],
        accept_bad=parameters["accept_bad"],
        check_mode=check_mode,
    )
    result["kept"] = sorted(kept)
    result["changed"] = _keep_account(parameters, check_mode) or result["changed"] or bool(kept)
    _swap(parameters, check_mode, result)
    result["ticket_keys"] = _provide_ticket_keys(parameters, check_mode, result)
    return result


def foresee_files(parameters: Parameters) -> dict[str, str]:
    """Return path → text of the files that `manage` would write, for a check of the configuration that names them.

    An empty text is for a file that it would remove. The texts hold keys. Raises CertificateError.
    """
    directory = Path(parameters["directory"])
    services = definition.read_services(parameters["services"], parameters["groups"] or {})
    settings = {name: parameters[name] for name in ("certificates", "self_signed", "accept_bad")}
    found = foresee(services=services, directory=directory, **settings)
    if (place := parameters["ticket_keys"]) and not os.path.exists(place):
        found[place] = "".join(f"{key}\n" for key in tickets.make_keys())
    if parameters["acme_account_key"]:
        found[str(directory.parent / acme.ACCOUNT_KEY)] = parameters["acme_account_key"]
    return found


def _keep_renewed(parameters: Parameters, check_mode: bool) -> list[str]:
    """Keep what HAProxy's own ACME client has renewed; what the caller gives is the caller's to renew."""
    folder, group = parameters["directory"], group_id(parameters["group"], check_mode)
    given = {
        f"{folder}/{entry['name']}.pem"
        for entry in parameters["certificates"]
        if entry["state"] == "absent" or any(entry[part] for part in FIELDS)
    }
    try:
        configuration = (Path(folder).parent / CONFIGURATION).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return []
    ordered = acme.ordered_paths(configuration, folder) - given
    try:
        return list(acme_client.keep_renewed(parameters["master_socket"], group, ordered, check_mode))
    except RuntimeFailure as failure:
        raise CertificateError(f"what HAProxy's ACME client has obtained cannot be kept: {failure}") from None
    except OSError as error:
        raise CertificateError(f"{error.filename2 or error.filename or folder}: {error.strerror}") from error


def _keep_account(parameters: Parameters, check_mode: bool) -> bool:
    """Keep the key of the ACME account, where it is given; returns whether it changed."""
    if not (pem := parameters["acme_account_key"]):
        return False
    path = Path(parameters["directory"]).parent / acme.ACCOUNT_KEY
    return acme_client.keep_account(path, pem, group_id(parameters["group"], check_mode), check_mode)


def _swap(parameters: Parameters, check_mode: bool, result: dict[str, Any]) -> None:
    """Let the running HAProxy serve what is on disk, and add to `result` what that changed."""
    folder = parameters["directory"]
    served = [
        one["path"]
        for one in result["certificates"]
        # In check mode, what is to be kept is not on the disk yet.
        if os.path.dirname(one["path"]) == folder.rstrip("/") and not (check_mode and one["path"] in result["kept"])
    ]
    removed = result.pop("removed")
    done = hotswap.swap_certificates(parameters["master_socket"], served, removed, folder, check_mode)
    for one in result["certificates"]:
        one["served"] = one["path"] in done.served
    result["swapped"] = done.changed
    result["changed"] = result["changed"] or bool(done.changed)
    result["warnings"] += done.warnings


def _provide_ticket_keys(parameters: Parameters, check_mode: bool, result: dict[str, Any]) -> str:
    """Make or rotate the keys of session tickets, add what was done to `result`, and return it in a word."""
    if not (place := parameters["ticket_keys"]):
        return ""
    group = group_id(parameters["group"], check_mode)
    rotation, master, shared = (parameters[name] for name in ("ticket_rotation", "master_socket", "shared_ticket_keys"))
    if not all(map(tickets.is_key, shared or ())):
        raise CertificateError("shared_ticket_keys: each is 80 random bytes, in base64")
    gid = -1 if group is None else group
    try:
        outcome = tickets.provide_keys(Path(place), gid, rotation, master, check_mode, shared)
    except OSError as error:
        raise CertificateError(f"{error.filename2 or error.filename or place}: {error.strerror}") from error
    result["warnings"] += outcome.warnings
    if outcome.action:
        result["changed"] = True
        result["diff"].append({"header": place, "before": "", "after": f"ticket keys {outcome.action}\n"})
    return outcome.action
