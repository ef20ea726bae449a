# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the state of a running HAProxy through its master, as facts and as a table. Nothing is changed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from ..binary.version import describe_binary, parse_library
from ..certificates import acme_client
from ..config import data
from ..config.model import ConfigurationError
from ..fragments import store
from ..paths import AGENT_SOCKET, BINARIES, MASTER_SOCKET
from ..runtime import closing, rebalance
from ..runtime.certificates import show_certificate, show_certificates
from ..runtime.cli import RuntimeFailure, Worker, failed_reloads, processes, tell, workers
from ..runtime.servers import STATS_BACKENDS, STATS_SERVERS, read_stats
from ..services.peers import SECTION
from . import canaries
from .annotations import TRANSPORTS, service_of

# `show stat` of these kinds: backends and servers (management guide, 9.3 "show stat").
_BACKENDS, _SERVERS = "1", "2"

# The connection was made, and no answer came in time (management guide, 9.1, `check_status`).
_NO_ANSWER = "L7TOUT"

# Seconds for which a closing of sessions that has reached its end is news.
_RECENT = 600

Rows = list[dict[str, str]]


def read_live(master: str, path: str, now: datetime | None = None) -> dict[str, Any]:
    """Return the facts of `haproxy_status`, as documented there.

    `path` is the configuration file, which has the fragments beside it; `now` is for the days left of certificates.
    If no master answers, `answers` is false, and `problem` says why.
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
            **_read_agent(master),
            "closing": _closing() if master == MASTER_SOCKET else None,
            "peers": _peers(tell(master, serving, f"show peers {SECTION}")),
            "contributors": _contributors(path),
        }
        states = canaries.read_canaries(master, serving)
        facts["canaries"] = [{**state._asdict(), "text": canaries.describe(state)} for state in states]
        facts["outages"] = list(find_outages(facts["services"]))
        facts["unchecked"] = list(_find_unchecked(facts["services"]))
    except RuntimeFailure as failure:
        return {"answers": False, "problem": str(failure)}
    facts["table"] = format_table(facts)
    return facts


def _read_agent(master: str) -> dict[str, Any]:
    """Return whether the service beside HAProxy answers, and what it does by itself."""
    # It watches the HAProxy of the role, and no other one.
    if master != MASTER_SOCKET:
        return {"agent": None, "moving": None}
    try:
        moving = rebalance.read_moving(rebalance.read_counts(AGENT_SOCKET))
    except closing.ClosingError:
        return {"agent": False, "moving": None}
    return {"agent": True, "moving": {name: list(value) for name, value in moving._asdict().items()}}


def _closing() -> dict[str, Any] | None:
    """Return how far the last closing of sessions is; None if there was none since the boot."""
    told = closing.read_progress()
    return {"of": told.of, "left": told.left, "age": int(time.time()) - told.when} if told else None


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
    """Return the seconds since the master was started; a reload does not reset them."""
    return next((process.uptime for process in processes(master) if process.kind == "master"), 0)


def _build(pid: int, version: str) -> dict[str, str]:
    """Return options and TLS library of the running build, from `haproxy -vv`; empty if unknown.

    The worker's own binary can be run even after its file was deleted; in a container it may be hidden even from root.
    """
    for binary in (f"/proc/{pid}/exe", *BINARIES):
        answer = describe_binary(binary)
        if answer and version in answer.partition("\n")[0]:
            options = re.search(r"^\s*OPTIONS = (.*)$", answer, re.MULTILINE)
            return {"build": options[1] if options else "", "tls_library": parse_library(answer)}
    return {"build": "", "tls_library": ""}


def _statistics(master: str, pid: int) -> Rows:
    """Return one worker's figures of backends and servers; none if it has just ended."""
    try:
        return read_stats(master, pid, STATS_BACKENDS | STATS_SERVERS)
    except RuntimeFailure:
        return []


def _contributors(path: str) -> list[dict[str, Any]]:
    """Return the contributors, in the order in which fragments are merged; none if a fragment cannot be read."""
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
    """Return stick table → number of its entries."""
    found = re.findall(r"^# table: (\S+), .*used:(\d+)", answer, re.MULTILINE)
    return {name: int(used) for name, used in found}


def _peers(answer: str) -> list[dict[str, Any]]:
    """Return the other edges that share the affinity tables (management guide, 9.3); none without a peers section."""
    found = re.findall(r"id=(\S+)\(remote,\w+\) addr=(\S+).* last_status=(\S+)", answer)
    return [{"name": name, "address": address, "up": state == "ESTA"} for name, address, state in found]


def _certificates(master: str, worker: Worker, now: datetime) -> list[dict[str, Any]]:
    """Return the certificates that the worker has loaded, sorted by their end."""
    found = []
    orders = acme_client.read_status(master, worker)
    loaded, still_open = show_certificates(master, worker.pid)
    for path in (*loaded, *still_open):
        fields = show_certificate(master, worker.pid, path)
        until = _date(fields.get("notAfter", ""))
        since = _date(fields.get("notBefore", ""))
        if until is None:  # empty, or of a transaction that was left open
            continue
        names = re.findall(r"(?:DNS|IP Address):([^,\s]+)", fields.get("Subject Alternative Name", ""))
        found.append(
            {
                "path": path,
                "names": names,
                "subject": fields.get("Subject", ""),
                "algorithm": fields.get("Algorithm", ""),
                "not_after": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "days_left": (until - now).days,
                "not_before": since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else "",
                "days_until_valid": max(0, -((now - since) // timedelta(days=1))) if since else 0,
                "acme": orders[path]._asdict() if path in orders else None,
            }
        )
    return sorted(found, key=lambda certificate: certificate["not_after"])


def _date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _services(rows: dict[int, Rows], serving: int, tables: dict[str, int]) -> list[dict[str, Any]]:
    """Return the backends of the serving worker by service, with the sessions that old workers still serve."""
    old = _old_sessions(rows, serving)
    services: dict[str, dict[str, Any]] = {}
    for row in rows.get(serving, ()):
        name = row["pxname"]
        if name.startswith("limits:"):
            continue  # it only holds a table
        owner, transport = service_of(name)
        service = services.setdefault(owner, {"name": owner, "known_sessions": None, "backends": []})
        backend = next((item for item in service["backends"] if item["name"] == name), None)
        if backend is None:
            backend = {"name": name, "transport": transport, "servers": []}
            service["backends"].append(backend)
        figures = _read_figures(row, old)
        if row["type"] == _SERVERS:
            more = {"name": row["svname"], "address": row["addr"], "weight": int(row["weight"] or 0)}
            check = {"check": row["check_status"], "check_reason": _check_reason(row)}
            backend["servers"].append({**more, **figures, **check})
        elif row["type"] == _BACKENDS:
            backend.update(figures)
    for service in services.values():
        service["known_sessions"] = tables.get(f"{SECTION}/{service['name']}")
    return list(services.values())


def _check_reason(row: dict[str, str]) -> str:
    """Return how HAProxy's last check of a server ended, in its own words; empty for one without a check."""
    code = " ".join(filter(None, (row["check_status"].lstrip("* "), row.get("check_code"))))
    return ": ".join(filter(None, (code, row.get("check_desc"), row.get("last_chk"))))


def find_outages(services: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a text for each backend of which no server is up, with the reasons of the checks.

    Servers that a person has taken out are no outage, unless the others are down.
    """
    for service in services:
        for backend in service["backends"]:
            servers = backend["servers"]
            down = [server for server in servers if server["status"].startswith("DOWN")]
            if down and all(server["status"].startswith(("DOWN", "MAINT", "DRAIN")) for server in servers):
                reasons = [f"{one['name']} ({one['address']}): {one['check_reason'] or 'no reason'}" for one in down]
                if any(one["check_reason"].startswith(_NO_ANSWER) for one in down):
                    # Such as Node's `http.createServer()` without a handler, which answers no page.
                    reasons.append("it never answers the check; name a path that it answers (health)")
                yield f"{backend['name']}: no server is up: {'; '.join(reasons)}"


def _find_unchecked(services: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the servers whose first check has not ended yet: HAProxy takes them for up until then."""
    for service in services:
        for backend in service["backends"]:
            for server in backend["servers"]:
                if server["check"].lstrip("* ") == "INI":
                    yield f"{backend['name']}/{server['name']}"


def _old_sessions(rows: dict[int, Rows], serving: int) -> dict[tuple[str, str], int]:
    """Return (backend, server) → sessions on all old workers."""
    old: dict[tuple[str, str], int] = {}
    for pid, statistics in rows.items():
        for row in statistics if pid != serving else ():
            key = row["pxname"], row["svname"]
            old[key] = old.get(key, 0) + int(row["scur"] or 0)
    return old


def _read_figures(row: dict[str, str], old: dict[tuple[str, str], int]) -> dict[str, Any]:
    """Return state and figures of one row of `show stat`."""
    return {
        "status": row["status"],
        "sessions": int(row["scur"] or 0),
        "old_sessions": old.get((row["pxname"], row["svname"]), 0),
        "total": int(row["stot"] or 0),
        "queue": int(row["qcur"] or 0),
    }


def format_table(facts: dict[str, Any]) -> list[str]:
    """Return the facts as lines of text, a block for each subject."""
    blocks = (
        *(_version_lines, _worker_lines, _agent_lines, _service_lines, _canary_lines),
        *(_table_lines, _certificate_lines, _contributor_lines),
    )
    lines: list[str] = []
    for block in blocks:
        found = block(facts)
        lines += ["", *found] if lines and found else found
    return lines


def _version_lines(facts: dict[str, Any]) -> list[str]:
    library = facts["tls_library"] or "TLS library unknown"
    uptime, configuration = duration(facts["uptime"]), duration(facts["workers"][0]["uptime"])
    return [f"HAProxy {facts['version']}, {library}; up for {uptime}, the configuration for {configuration}"]


def _worker_lines(facts: dict[str, Any]) -> list[str]:
    rows: list[tuple[str, ...]] = [("worker", "serves", "up", "connections", "version")]
    rows += [
        (
            str(worker["pid"]),
            "new clients" if worker["serving"] else "existing connections",
            duration(worker["uptime"]),
            "?" if worker["connections"] < 0 else str(worker["connections"]),
            worker["version"],
        )
        for worker in facts["workers"]
    ]
    return _aligned(rows)


def _agent_lines(facts: dict[str, Any]) -> list[str]:
    away = "the service realtime-edge-agent DOES NOT ANSWER: HAProxy serves, and /metrics/edge has nothing"
    lines = [away] if facts["agent"] is False else []
    moving = facts["moving"] or {"services": [], "silent": []}
    waits = f", but WAITS for {', '.join(moving['silent'])}" if moving["silent"] else ""
    lines += [f"moves sockets of {service} to its emptier nodes by itself{waits}" for service in moving["services"]]
    lines += [f"the service realtime-edge-agent of {peer} TELLS NOTHING of its sockets" for peer in moving["silent"]]
    told = facts["closing"]
    if told and (told["left"] or told["age"] < _RECENT):
        left = f"{told['left']} left" if told["left"] else "none left"
        lines.append(f"sessions closed ({told['of']}): {left}, {duration(told['age'])} ago")
    return lines


def _service_lines(facts: dict[str, Any]) -> list[str]:
    rows = [("service", "transport", "server", "state", "live", "on old workers", "total", "queued")]
    for service in facts["services"]:
        for backend in service["backends"]:
            transport = TRANSPORTS.get(backend["transport"], "–")
            rows.append((service["name"], transport, "", *_figures(backend)))
            rows += [("", "", server["name"], *_figures(server)) for server in backend["servers"]]
    return _aligned(rows)


def _canary_lines(facts: dict[str, Any]) -> list[str]:
    return [state["text"] for state in facts["canaries"]]


def _table_lines(facts: dict[str, Any]) -> list[str]:
    known = [service for service in facts["services"] if service["known_sessions"] is not None]
    lines = [
        f"{service['name']}: {service['known_sessions']} Socket.IO sessions in the affinity table" for service in known
    ]
    return lines + [
        f"{peer['name']} ({peer['address']}): {'shares' if peer['up'] else 'DOES NOT SHARE'} these tables"
        for peer in facts["peers"]
    ]


def _certificate_lines(facts: dict[str, Any]) -> list[str]:
    if not facts["certificates"]:
        return ["no certificates are loaded"]
    # Only an edge whose HAProxy renews certificates has the column.
    own = any(certificate["acme"] for certificate in facts["certificates"])
    rows = [("certificate", "names", "key", "until", "days left", *(["HAProxy renews"] if own else []))]
    rows += [
        (
            certificate["path"].rpartition("/")[2],
            " ".join(certificate["names"]) or certificate["subject"],
            certificate["algorithm"],
            certificate["not_after"][:10],
            _days_left(certificate),
            *([_renewal(certificate["acme"])] if own else []),
        )
        for certificate in facts["certificates"]
    ]
    return _aligned(rows)


def _days_left(certificate: dict[str, Any]) -> str:
    later = certificate["days_until_valid"]
    return f"valid in {later}" if later else str(certificate["days_left"])


def _contributor_lines(facts: dict[str, Any]) -> list[str]:
    rows = [("contributor", "services", "sections")]
    rows += [
        (part["name"], " ".join(part["services"]) or "–", ", ".join(part["sections"]) or "–")
        for part in facts["contributors"]
    ]
    return _aligned(rows) if facts["contributors"] else []


def _renewal(acme: dict[str, Any] | None) -> str:
    """Return when HAProxy's own ACME client renews a certificate."""
    return ("now" if acme["running"] else acme["renewal"][:10]) if acme else "–"


def _figures(item: dict[str, Any]) -> tuple[str, ...]:
    figures = (item.get(name, 0) for name in ("sessions", "old_sessions", "total", "queue"))
    return (str(item.get("status", "")), *(str(figure) for figure in figures))


def duration(seconds: int) -> str:
    """Return a time in two units: `3 d 4 h`, `5 min 12 s`."""
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    for number, (unit, size) in enumerate(units[:-1]):
        if seconds >= size:
            smaller, part = units[number + 1]
            return f"{seconds // size} {unit} {seconds % size // part} {smaller}"
    return f"{seconds} s"


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return the rows with aligned columns; columns of numbers are aligned on the right."""
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
