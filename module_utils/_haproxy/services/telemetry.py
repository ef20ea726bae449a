# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Log lines, stats page and metrics of an edge."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from ..config.model import Directive, Line
from ..config.words import quote
from .peers import SECTION

# HAProxy's own HTTP format (manual, 8.2.3) with the TLS version, the beginning of the session id, and at the end the id
# of the request; backend and server are transport and node. The query is left out: it contains the whole session id,
# which is enough to take over the session.
_LINE = ":%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq"
# The path is taken and shortened when the line is written: in Socket.IO 0.9 it contains the session id, too.
_PATH = r'capture.req.uri,field(1,?),regsub("(/1/[a-z]+(socket|-polling|file)/.{8}).*","\1")'
_REQUEST = f"{_LINE} %sslv %[var(txn.sid),bytes(0,8)] %HM %{{+Q,+E}}[{_PATH}] %HV %ID"
LOG_PLAIN = f'log-format "%ci{_LINE} - - %HM %{{+Q,+E}}HPO %HV"'

# For connections that end before a request, such as those whose TLS handshake failed (manual, 8.2.5).
LOG_ERRORS = 'error-log-format "%ci:%cp [%tr] %ft - %sslv %{+Q}[fc_err_str] %{+Q}[ssl_fc_err_str]"'


def log_format(by_connection: bool) -> str:
    """Return the format of a request's line; `by_connection`: its address is that of `remember_address`.

    HAProxy would turn the address into text once more for each line.
    """
    return f"log-format '{'%[var(sess.address)]' if by_connection else '%ci'}{_REQUEST}'"


# The tables of sessions that were not found, by edge, which may be the name of a host (253 characters), and service; no
# service's name has a colon.
MISSES = ":misses"


def _miss_table_of(service: str) -> str:
    """Return the table of a service's misses, one of 256.

    HAProxy compares each proxy that names a table with all others that do: in one table, 10,000 services would take
    minutes to load.
    """
    return f"{MISSES}.{hashlib.sha256(service.encode()).hexdigest()[:2]}"


def count_miss(edge: str, service: str, unknown: str) -> Directive:
    """Return the rule that counts a request of the service whose session is `unknown` (a condition) as a miss.

    `edge` is this edge among those that share the table. The rule uses stick counter 2.
    """
    table = f"{SECTION}/{_miss_table_of(service)}"
    return Directive.of("statistics", f"http-request track-sc2 str({edge}:{service}) table {table} if {unknown}")


def miss_tables(services: Iterable[str]) -> list[Line]:
    """Return the lines of the section `peers` for the tables of misses, which thus survive a reload."""
    return [
        ("statistics", f"table {name} type string len 512 size 1k store http_req_cnt")
        for name in sorted({_miss_table_of(service) for service in services})
    ]


def stats_frontend(address: str, agent: bool) -> list[Line]:
    """Return the lines of the frontend for the stats page and the metrics, with those of the agent if there is one."""
    return [
        ("statistics", f"bind {address}"),
        ("statistics", "option dontlog-normal"),
        ("statistics", "http-request use-service prometheus-exporter if { path /metrics }"),
        *(_with_lua("http-request use-service lua.edge_metrics if { path /metrics/edge }") if agent else ()),
        ("statistics", "stats enable"),
        ("statistics", "stats uri /"),
        ("statistics", "stats refresh 5s"),
    ]


def script(agent: str) -> str:
    """Return the Lua service `edge_metrics`, which passes on what the agent tells at its socket.

    The agent reads what HAProxy's exporter lacks, from outside of the worker: this script reaches nothing else.
    """
    return _SCRIPT.replace("AGENT", _lua(f"unix@{agent}"))


def _lua(text: str) -> str:
    """Return the text as a string of Lua."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def load_script(path: str) -> list[Line]:
    """Return the lines that load the script; one Lua state for all threads suffices for a request every few seconds."""
    return _with_lua(f"lua-load {quote(path)}")


def _with_lua(line: str) -> list[Line]:
    """Return the line under the condition that the build has Lua; a build without Lua lacks only these metrics."""
    return [("statistics", text) for text in (".if feature(LUA)", line, ".endif")]


_SCRIPT = r"""-- What the service realtime-edge-agent tells about this edge.
core.register_service("edge_metrics", "http", function(applet)
  local agent = core.tcp()
  agent:settimeout(10)
  local text = agent:connect(AGENT) and agent:receive("*a") or ""
  agent:close()
  local status = text == "" and 503 or 200
  if status == 503 then text = "The service realtime-edge-agent does not answer.\n" end
  applet:set_status(status)
  applet:add_header("content-type", "text/plain; version=0.0.4")
  applet:add_header("content-length", string.len(text))
  applet:start_response()
  applet:send(text)
end)
"""
