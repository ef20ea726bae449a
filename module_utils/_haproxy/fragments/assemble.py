# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Assemble the configuration of an edge from the fragments of its contributors."""

from __future__ import annotations

from ..config import data
from ..config.descriptors import held_descriptors
from ..config.merge import find_shared_addresses, merge
from ..config.model import Configuration, ConfigurationError
from ..config.promises import stated_maxconn
from ..services import balance, common, definition, frontends
from ..services.backends import transports_of
from ..services.base import (
    balance_settings,
    base_settings,
    check_global,
    flash_limit,
    request_settings,
    resolvers,
    tcp_settings,
    unknown_host_backend,
    validate_edge,
)
from ..services.client_address import take_address_rules
from ..services.definition import Service
from ..services.edge import Edge
from .store import OWNER, Fragment


def assemble(edge: Edge, contributions: list[Fragment], with_base_settings: bool = True) -> Configuration:
    """Return the configuration of an edge: services and sections of all fragments in this order, and base settings.

    Raises `ConfigurationError` with the problems of all fragments.
    """
    served, native = _read(contributions)
    definition.check_conflicts(served)
    validate_edge(edge)
    native, rules = take_address_rules(native, _frontends(served))
    edge = edge._replace(address_rules=rules, checks_origins=any(service.origins for service in served))
    sections, routes = frontends.service_sections(served, edge), frontends.service_routes(served, edge)
    edge = edge._replace(maxconn=stated_maxconn(native), held=held_descriptors([sections, routes, *native]))
    base = merge(balance_settings(served), resolvers(served), flash_limit(served, edge))
    if with_base_settings:
        check_global(native)
        requests = merge(unknown_host_backend(served, edge), request_settings(served, edge))
        base = merge(requests, base, tcp_settings(native), base_settings(edge))
    configuration = merge(base, sections, *native, routes)
    configuration = merge(configuration, balance.global_section(served, configuration, edge))
    if edge.version >= common.SINCE:
        names = {f"{service.name}_{transport}" for service in served for transport, _servers in transports_of(service)}
        configuration = common.share_lines(configuration, names)
    if problems := find_shared_addresses(configuration):
        raise ConfigurationError(problems)
    return configuration


def _read(contributions: list[Fragment]) -> tuple[list[Service], list[Configuration]]:
    """Return the services of all fragments, and what each writes itself. Raise `ConfigurationError`."""
    problems: list[str] = []
    served: list[Service] = []
    native: list[Configuration] = []
    for name, described, written, groups, _settings in contributions:
        # The user of an edge with one fragment knows the role's variables, not fragments.
        root = "" if len(contributions) == 1 else f"fragment {name}: "
        root += "haproxy_" if name == OWNER else ""
        try:
            served += definition.read_services(described, groups, f"{root}services")
        except ConfigurationError as error:
            problems += error.problems
        try:
            purpose = "" if name == OWNER else f"fragment {name}"
            native.append(data.from_data(written, f"{root}sections", purpose))
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return served, native


def _frontends(services: list[Service]) -> frozenset[str]:
    """Return the frontends that count the clients of these services."""
    flash = any("flashsocket" in service.transports for service in services)
    return frozenset(("http", "https", *(("flash",) if flash else ())) if services else ())
