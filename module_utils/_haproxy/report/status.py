# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a running HAProxy is doing: asked through its master, told as facts and as a table. Nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from ..binary.version import describe_binary, parse_library
from ..certificates import acme_client
from ..config import data
from ..config.model import ConfigurationError
from ..fragments import store
from ..paths import BINARIES
from ..runtime.certificates import show_certificate, show_certificates
from ..runtime.cli import RuntimeFailure, Worker, failed_reloads, processes, tell, workers
from ..runtime.servers import STATS_BACKENDS, STATS_SERVERS, read_stats
from ..services.peers import SECTION
from .annotations import TRANSPORTS, service_of

# `show stat` of these kinds: backends and servers (management guide, 9.3 "show stat").
_BACKENDS, _SERVERS = "1", "2"

Rows = list[dict[str, str]]


def read_live(master: str, path: str, now: datetime | None = None) -> dict[str, Any]:
    """Everything that `haproxy_info` tells with `live`, as documented there.

    `path` is the configuration file, beside which contributors are; `now` is for the days that are left.

    `answers` is false where no master answers, and `problem` says why.
    """
    try:
        known = workers(master, sessions=True)
        rows = {worker.pid: _statistics(master, worker.pid) for worker in known}
        serving = known[0].pid
        facts: dict[str, Any] = {
            "answers": True,
            "version": known[0].version,
            "uptime": _uptime(master),
            "failed_reloads": failed_reloads(master),
            **_build(serving, known[0].version),
            "workers": [_read_worker(worker) for worker in known],
            "certificates": _certificates(master, known[0], now or datetime.now(timezone.utc)),
            "services": _services(rows, serving, _tables(tell(master, serving, "show table"))),
            "peers": _peers(tell(master, serving, f"show peers {SECTION}")),
            "contributors": _contributors(path),
        }
    except RuntimeFailure as failure:
        return {"answers": False, "problem": str(failure)}
    facts["table"] = format_table(facts)
    return facts


def _read_worker(worker: Worker) -> dict[str, Any]:
    return {
        "pid": worker.pid,
        "serving": not worker.old,
        "uptime": worker.uptime,
        "reloads": worker.reloads,
        "version": worker.version,
        "connections": worker.sessions,
    }


def _uptime(master: str) -> int:
    """Seconds since the master was started; reloads do not end it."""
    return next((process.uptime for process in processes(master) if process.kind == "master"), 0)


def _build(pid: int, version: str) -> dict[str, str]:
    """The build that runs, in HAProxy's words (`haproxy -vv`): its options and TLS library, empty where nobody knows.

    The program of the worker itself, also when its file is gone; in a container it may be hidden even from root.
    """
    for program in (f"/proc/{pid}/exe", *BINARIES):
        said = describe_binary(program)
        if said and version in said.partition("\n")[0]:
            options = re.search(r"^\s*OPTIONS = (.*)$", said, re.MULTILINE)
            return {"build": options[1] if options else "", "tls_library": parse_library(said)}
    return {"build": "", "tls_library": ""}


def _statistics(master: str, pid: int) -> Rows:
    """Backends and servers as one worker counts them; nothing where it has ended meanwhile."""
    try:
        return read_stats(master, pid, STATS_BACKENDS | STATS_SERVERS)
    except RuntimeFailure:
        return []


def _contributors(path: str) -> list[dict[str, Any]]:
    """Who has a fragment here, in the order in which they are merged; nobody where one of them cannot be read."""
    try:
        return [
            {
                "name": fragment.name,
                "services": [str(service.get("name")) for service in fragment.services if isinstance(service, dict)],
                "sections": [section.header for section in data.from_data(fragment.sections).sections],
            }
            for fragment in store.in_order(store.read_others(path, ""))
        ]
    except ConfigurationError:
        return []


def _tables(answer: str) -> dict[str, int]:
    """Stick table → how many entries it holds."""
    found = re.findall(r"^# table: (\S+), .*used:(\d+)", answer, re.MULTILINE)
    return {name: int(used) for name, used in found}


def _peers(answer: str) -> list[dict[str, Any]]:
    """The other edges that hold the affinity tables; nobody where the section is not there (management guide, 9.3)."""
    found = re.findall(r"id=(\S+)\(remote,\w+\) addr=(\S+).* last_status=(\S+)", answer)
    return [{"name": name, "address": address, "up": state == "ESTA"} for name, address, state in found]


def _certificates(master: str, worker: Worker, now: datetime) -> list[dict[str, Any]]:
    """The certificates that the worker has loaded, those that end first before the others."""
    found = []
    seen_to = acme_client.read_status(master, worker)
    loaded, still_open = show_certificates(master, worker.pid)
    for path in (*loaded, *still_open):
        told = show_certificate(master, worker.pid, path)
        until = _date(told.get("notAfter", ""))
        if until is None:  # empty, or of a change that somebody has left open
            continue
        names = re.findall(r"(?:DNS|IP Address):([^,\s]+)", told.get("Subject Alternative Name", ""))
        found.append(
            {
                "path": path,
                "names": names,
                "subject": told.get("Subject", ""),
                "algorithm": told.get("Algorithm", ""),
                "not_after": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "days_left": (until - now).days,
                "acme": seen_to[path]._asdict() if path in seen_to else None,
            }
        )
    return sorted(found, key=lambda certificate: certificate["not_after"])


def _date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _services(rows: dict[int, Rows], serving: int, tables: dict[str, int]) -> list[dict[str, Any]]:
    """The backends of the serving worker by service; what old workers still serve is added to the sessions."""
    old: dict[tuple[str, str], int] = {}
    for pid, statistics in rows.items():
        for row in statistics if pid != serving else ():
            key = row["pxname"], row["svname"]
            old[key] = old.get(key, 0) + int(row["scur"] or 0)
    services: dict[str, dict[str, Any]] = {}
    for row in rows.get(serving, ()):
        name = row["pxname"]
        if name.startswith("limits:"):
            continue  # a table, which serves nobody
        owner, transport = service_of(name)
        service = services.setdefault(owner, {"name": owner, "known_sessions": None, "backends": []})
        backend = next((item for item in service["backends"] if item["name"] == name), None)
        if backend is None:
            backend = {"name": name, "transport": transport, "servers": []}
            service["backends"].append(backend)
        figures = {
            "status": row["status"],
            "sessions": int(row["scur"] or 0),
            "old_sessions": old.get((name, row["svname"]), 0),
            "total": int(row["stot"] or 0),
            "queue": int(row["qcur"] or 0),
        }
        if row["type"] == _SERVERS:
            more = {"name": row["svname"], "address": row["addr"], "weight": int(row["weight"] or 0)}
            backend["servers"].append({**more, **figures, "check": row["check_status"]})
        elif row["type"] == _BACKENDS:
            backend.update(figures)
    for service in services.values():
        service["known_sessions"] = tables.get(f"{SECTION}/{service['name']}")
    return list(services.values())


def format_table(facts: dict[str, Any]) -> list[str]:
    """The facts as lines of text."""
    serving = facts["workers"][0]
    library = facts["tls_library"] or "TLS library unknown"
    ages = f"up for {duration(facts['uptime'])}, the configuration for {duration(serving['uptime'])}"
    lines = [f"HAProxy {facts['version']}, {library}; {ages}", ""]
    rows: list[tuple[str, ...]] = [("worker", "serves", "up", "connections", "version")]
    rows += [
        (
            str(worker["pid"]),
            "new clients" if worker["serving"] else "its last ones",
            duration(worker["uptime"]),
            "?" if worker["connections"] < 0 else str(worker["connections"]),
            worker["version"],
        )
        for worker in facts["workers"]
    ]
    lines += [*_aligned(rows), ""]
    rows = [("service", "transport", "server", "state", "live", "on old workers", "so far", "waiting")]
    for service in facts["services"]:
        for backend in service["backends"]:
            transport = TRANSPORTS.get(backend["transport"], "–")
            rows.append((service["name"], transport, "", *_figures(backend)))
            rows += [("", "", server["name"], *_figures(server)) for server in backend["servers"]]
    lines += [*_aligned(rows), ""]
    known = [service for service in facts["services"] if service["known_sessions"] is not None]
    for service in known:
        lines.append(f"{service['name']}: {service['known_sessions']} Socket.IO sessions in the affinity table")
    lines += [
        f"{peer['name']} ({peer['address']}): {'has' if peer['up'] else 'DOES NOT GET'} the same tables"
        for peer in facts["peers"]
    ]
    lines += [""] if known else []
    own = any(certificate["acme"] for certificate in facts["certificates"])
    rows = [("certificate", "names", "key", "until", "days left", *(["HAProxy renews"] if own else []))]
    rows += [
        (
            certificate["path"].rpartition("/")[2],
            " ".join(certificate["names"]) or certificate["subject"],
            certificate["algorithm"],
            certificate["not_after"][:10],
            str(certificate["days_left"]),
            *([_renewal(certificate["acme"])] if own else []),
        )
        for certificate in facts["certificates"]
    ]
    lines += _aligned(rows) if len(rows) > 1 else ["no certificates are loaded"]
    rows = [("contributor", "services", "sections")]
    rows += [
        (part["name"], " ".join(part["services"]) or "–", ", ".join(part["sections"]) or "–")
        for part in facts["contributors"]
    ]
    return [*lines, "", *_aligned(rows)] if len(rows) > 1 else lines


def _renewal(acme: dict[str, Any] | None) -> str:
    """When HAProxy's own ACME client is to renew a certificate that it sees to."""
    return ("now" if acme["running"] else acme["renewal"][:10]) if acme else "–"


def _figures(item: dict[str, Any]) -> tuple[str, ...]:
    figures = (item.get(name, 0) for name in ("sessions", "old_sessions", "total", "queue"))
    return (str(item.get("status", "")), *(str(figure) for figure in figures))


def duration(seconds: int) -> str:
    """Two units of a time: `3 d 4 h`, `5 min 12 s`."""
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    for number, (unit, size) in enumerate(units[:-1]):
        if seconds >= size:
            smaller, part = units[number + 1]
            return f"{seconds // size} {unit} {seconds % size // part} {smaller}"
    return f"{seconds} s"


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Columns of one width; those that hold numbers only are aligned on the right."""
    listed = list(rows)
    columns = list(zip(*listed))
    widths = [max(len(cell) for cell in column) for column in columns]
    numbers = [len(column) > 1 and all(cell.lstrip("-").isdigit() for cell in column[1:]) for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width) for cell, width, number in zip(row, widths, numbers)
        ).rstrip()
        for row in listed
    ]
