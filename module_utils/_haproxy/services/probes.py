# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say how each service is probed on the edge itself: arguments for the module `socketio_probe`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .definition import Service

# An address and a port, without the options behind it.
_ADDRESS = re.compile(r"[^@,\s]*:\d+(?=\s|$)")


def list_probes(services: Iterable[Service], binds: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return for each service its `name`, why it is not probed (`skip`, empty where it is), and the arguments."""
    addresses = {kind: _first_address(binds.get(kind) or ()) for kind in ("http", "https")}
    return [
        {
            "name": service.name,
            "skip": _reason_to_skip(service, addresses),
            "url": f"https://{next(iter(service.hosts), service.name).replace('*', 'any')}{service.path}",
            "address": addresses["https"],
            "http_address": addresses["http"],
            "path": service.socketio_path,
            "transports": ["http", *(() if service.plain_http else ("redirect",)), *_transports(service)],
            "generation": {3: "2", 4: "4"}.get(service.eio, "auto"),
        }
        for service in services
    ]


def _first_address(binds: Sequence[str]) -> str:
    """Return the first bind that is an address and a port, empty where there is none."""
    found = next((match[0] for bind in binds if (match := _ADDRESS.match(bind))), "")
    return ":" + found[3:] if found.startswith(":::") else found


def _reason_to_skip(service: Service, addresses: Mapping[str, str]) -> str:
    if service.client_ca:
        return "clients need a certificate"
    missing = [kind for kind, address in addresses.items() if not address]
    return f"haproxy_binds.{missing[0]} has no address with a port" if missing else ""


def _transports(service: Service) -> list[str]:
    """Return the transports that the probe can speak, and what they are capable of together."""
    found: list[str] = [transport for transport in ("polling", "websocket") if transport in service.transports]
    if len(found) == 2:
        found.append("upgrade")
    if "polling" in found and service.affinity in ("session", "source"):
        found.append("affinity")
    return found
