# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Do what `haproxy_config` is asked for, in each of its states, and return its result as documented there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..config import diff, redact
from ..config.data import to_data
from ..config.model import Configuration, ConfigurationError
from ..config.promises import read_promises
from ..config.syntax import read, render
from ..config.words import one_line
from ..deploy import apply, disk, draining, marker
from ..errors import Problems
from ..runtime import closing
from ..services import acme, definition
from ..services.probes import list_probes
from . import store
from .arguments import read_edge
from .assemble import assemble
from .contribute import Contribution, contribute

_EMPTY = (
    "haproxy_services, haproxy_sections: this edge has no service and no section, and no contributor has added any: it "
    "serves no application"
)

# How a change is made here, whatever it is.
_HOST_OPTIONS = ("restart", "warnings_fatal", "drain_time", "drain_rate", "max_old_workers")


class Request(NamedTuple):
    """The parameters of a module call. `hide` keeps secrets out of all that leaves the module.

    `foreseen`: path → text of the files that are written before this is applied, for check mode.
    """

    parameters: Mapping[str, Any]
    check_mode: bool
    show_diff: bool
    hide: Callable[[set[str]], None]
    foreseen: Mapping[str, str] | None = None


def manage(request: Request) -> dict[str, Any]:
    """Return the result; its `warnings` are for people. Raises ConfigurationError, and then has changed nothing."""
    state = request.parameters["state"]
    _check_values(request.parameters)
    try:
        return _STATES.get(state, _contribute)(request)
    except ConfigurationError:
        stated = (request.parameters[option] for option in ("sections", "services", "running_config"))
        request.hide({secret for data in stated for secret in redact.secrets_in_data(data)})
        raise


def _check_values(parameters: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for values that no file or path can hold, before anything reads them."""
    problems = Problems()
    for name, value in parameters.items():
        if store.is_too_deep(value):
            problems.add(name, f"its values are nested more than {store.DEPTH} levels deep")
        elif isinstance(value, str) and name != "running_config" and not one_line(value):
            problems.add(name, f"a line break, another control character or no text stands inside {value!a}")
    if fault := closing.find_fault(parameters["drain_rate"]):
        problems.add("drain_rate", fault)
    problems.raise_if_any()


def _contribute(request: Request) -> dict[str, Any]:
    """Make this fragment a part of the edge, or remove it."""
    parameters, absent = request.parameters, request.parameters["state"] == "absent"
    own = {key: parameters[key] for key in store.SETTINGS if parameters[key] is not None}
    settings: dict[str, Any] = {}
    promises: dict[str, int] = {}
    empty: list[str] = []

    def assemble_all(parts: list[store.Fragment], effective: dict[str, Any]) -> Configuration:
        settings.update(effective)
        empty.extend([] if any(part.services or part.sections for part in parts) else [_EMPTY])
        configuration = _assemble(request, parts, effective)
        promises.update(read_promises(configuration)._asdict())
        return configuration

    options = apply.ApplyOptions(
        check_mode=request.check_mode,
        foreseen=request.foreseen,
        **{name: parameters[name] for name in _HOST_OPTIONS},
    )
    done = contribute(parameters["path"], _fragment(parameters, own), absent, assemble_all, options)
    described = _describe(done, parameters["path"], request.show_diff)
    return {
        **described,
        "warnings": [*described["warnings"], *empty],
        "path": parameters["path"],
        "fragments": done.fragments,
        "reasons": done.reasons,
        "promises": promises,
        "probes": [] if absent else _probes(parameters, settings),
    }


def _describe(done: Contribution, path: str, show_diff: bool) -> dict[str, Any]:
    """Return what the change is for HAProxy."""
    outcome = done.outcome
    if outcome is None:
        return {"changed": bool(done.reasons), "action": "unchanged", "checked": False, "warnings": []}
    experimental = [acme.EXPERIMENTAL] if acme.is_introduced(outcome.before, outcome.after) else []
    shown = {"diff": diff.compare(outcome.before, outcome.after, path, marker.MARKER)} if show_diff else {}
    return {
        **shown,
        "changed": bool(outcome.reasons),
        "action": outcome.action,
        "commands": [{"what": s.what, "commands": list(s.commands), "sessions": s.sessions} for s in outcome.steps],
        "connections": outcome.connections,
        "draining": list(outcome.draining),
        "workers": [
            {"pid": w.pid, "uptime": w.uptime, "version": w.version, "connections": w.sessions} for w in outcome.workers
        ],
        "takes_over": {key: getattr(outcome.replaced, key) for key in ("pid", "listeners", "connections")}
        if outcome.replaced
        else {},
        "checked": outcome.checked,
        "haproxy_warnings": outcome.warnings,
        "warnings": [*outcome.warnings, *experimental],
    }


def _rendered(request: Request) -> dict[str, Any]:
    """Return the text, without a host."""
    parameters = request.parameters
    settings = {key: default if parameters[key] is None else parameters[key] for key, default in store.SETTINGS.items()}
    if settings["version"]:
        settings["binary"] = ""  # one that happens to be here is not the one to write for
    if settings["acme"]:
        settings["acme_thumbprint"] = acme.UNKNOWN
    configuration = _assemble(request, [_fragment(parameters, settings)], settings)
    text = diff.mask_text(render(configuration))
    return {"changed": False, "rendered": text, "probes": _probes(parameters, settings)}


def _parsed(request: Request) -> dict[str, Any]:
    return _as_data(request.parameters["running_config"], "parsed")


def _gathered(request: Request) -> dict[str, Any]:
    path = request.parameters["path"]
    try:
        return _as_data(marker.without_marker(disk.read_text(path)), "gathered")
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {problem}" for problem in error.problems) from None


def _as_data(text: str, name: str) -> dict[str, Any]:
    """Return the text as data under this name, and a warning of the comments that the data do not have."""
    configuration, lost = read(text)
    lines = ", ".join(map(str, lost))
    warnings = [f"{name} has no comment that stands above no directive: that of line {lines}"] if lost else []
    return {"changed": False, name: to_data(draining.without_draining(configuration)), "warnings": warnings}


def _assemble(request: Request, parts: list[store.Fragment], settings: dict[str, Any]) -> Configuration:
    """Return the configuration; from here on, no secret of it leaves the module."""
    groups: dict[str, Any] = next((part.groups for part in parts if part.name == store.OWNER), {})
    edge = read_edge(settings, request.parameters["path"], groups)
    configuration = assemble(edge, parts, settings["base_settings"])
    request.hide(set(redact.all_secrets(configuration)))
    return dataclasses.replace(configuration, comments=settings["comments"])


def _fragment(parameters: Mapping[str, Any], settings: dict[str, Any]) -> store.Fragment:
    services, sections, groups = (parameters[key] for key in ("services", "sections", "groups"))
    return store.Fragment(parameters["fragment"], services, sections, groups, settings)


def _probes(parameters: Mapping[str, Any], settings: dict[str, Any]) -> list[dict[str, Any]]:
    services = definition.read_services(parameters["services"], parameters["groups"])
    return list_probes(services, settings["binds"])


_STATES = {"rendered": _rendered, "parsed": _parsed, "gathered": _gathered}
