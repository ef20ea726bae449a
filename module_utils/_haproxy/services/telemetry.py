# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Log lines, stats page and metrics of an edge."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from ..config.model import Directive, Line
from ..config.words import quote
from .peers import SECTION

# HAProxy's own HTTP format (manual, 8.2.3) with the TLS version, the beginning of the session id, and at the end the id
# of the request; backend and server are transport and node. The query is left out: it contains the whole session id,
# which is enough to take over the session.
_LINE = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq"
# The path is taken and shortened when the line is written: in Socket.IO 0.9 it contains the session id, too.
_PATH = r'capture.req.uri,field(1,?),regsub("(/1/[a-z]+(socket|-polling|file)/.{8}).*","\1")'
LOG = f"log-format '{_LINE} %sslv %[var(txn.sid),bytes(0,8)] %HM %{{+Q,+E}}[{_PATH}] %HV %ID'"
LOG_PLAIN = f'log-format "{_LINE} - - %HM %{{+Q,+E}}HPO %HV"'

# For connections that end before a request, such as those whose TLS handshake failed (manual, 8.2.5).
LOG_ERRORS = 'error-log-format "%ci:%cp [%tr] %ft - %sslv %{+Q}[fc_err_str] %{+Q}[ssl_fc_err_str]"'

# The tables of sessions that were not found, by service; no service's name has a colon.
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
        ("statistics", f"table {name} type string len 64 size 1k store http_req_cnt")
        for name in sorted({_miss_table_of(service) for service in services})
    ]


def stats_frontend(address: str) -> list[Line]:
    """Return the lines of the frontend for the stats page and the metrics."""
    return [
        ("statistics", f"bind {address}"),
        ("statistics", "option dontlog-normal"),
        ("statistics", "http-request use-service prometheus-exporter if { path /metrics }"),
        *_with_lua("http-request use-service lua.edge_metrics if { path /metrics/edge }"),
        ("statistics", "stats enable"),
        ("statistics", "stats uri /"),
        ("statistics", "stats refresh 5s"),
    ]


def script(master: str, runtime: str, peer: str) -> str:
    """Return the Lua service `edge_metrics`, which reads from the two sockets what HAProxy's exporter lacks.

    `peer` is this edge's name among those that share its tables.
    """
    values = {"MASTER": f"unix@{master}", "WORKER": f"unix@{runtime}", "PEER": peer}
    return re.sub(r"\b(MASTER|WORKER|PEER)\b", lambda name: _lua(values[name[1]]), _SCRIPT)


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


_SCRIPT = r"""-- Metrics that HAProxy's exporter lacks: old workers and what they still serve, certificates, affinity.
local function ask(socket, command)
  local connection = core.tcp()
  connection:settimeout(5)
  if not connection:connect(socket) then return "" end
  connection:send(command .. "\nquit\n") -- the master would wait for more
  local answer = connection:receive("*a")
  connection:close()
  return answer or ""
end

-- "Nov 24 06:06:04 2027 GMT" in seconds since 1970, by the days since March 1st of the year 0.
local months = {
  Mar = 1, Apr = 2, May = 3, Jun = 4, Jul = 5, Aug = 6, Sep = 7, Oct = 8, Nov = 9, Dec = 10, Jan = 11, Feb = 12
}
local function seconds(date)
  local name, day, hour, minute, second, year = date:match("^(%a+)%s+(%d+) (%d+):(%d+):(%d+) (%d+) GMT")
  if not name then return nil end
  local month = months[name]
  year = tonumber(year) - (month > 10 and 1 or 0)
  local days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 1) + 2) // 5 + tonumber(day) - 1
  return (((days - 719468) * 24 + tonumber(hour)) * 60 + tonumber(minute)) * 60 + tonumber(second)
end

-- Label values are names of files, backends and services.
local function label(value) return '"' .. value:gsub('[\\"]', "\\%0") .. '"' end

local function metrics()
  local lines = {}
  local function metric(name, kind, help)
    lines[#lines + 1] = "# HELP " .. name .. " " .. help .. "\n# TYPE " .. name .. " " .. kind
    return function(labels, value) lines[#lines + 1] = name .. labels .. " " .. string.format("%d", value) end
  end
  local processes = ask(MASTER, "show proc")
  local old = {}
  local serving, fewest
  for pid, reloads in processes:gmatch("\n(%d+)%s+worker%s+(%d+)") do
    reloads = tonumber(reloads)
    if not fewest or reloads < fewest then
      old[#old + 1], serving, fewest = serving, pid, reloads
    else
      old[#old + 1] = pid
    end
  end
  local add = metric("realtime_edge_workers", "gauge", "Processes that serve: new clients, or their last connections.")
  add('{state="serving"}', serving and 1 or 0)
  add('{state="old"}', #old)
  add = metric("realtime_edge_failed_reloads", "gauge", "Reloads refused since the last one that was taken.")
  add("", tonumber(processes:match("%[failed: (%d+)%]")) or 0)

  local sessions = {}
  for _, pid in ipairs(old) do
    local answer = ask(MASTER, "@!" .. pid .. " show stat -1 2 -1")
    for proxy, current in answer:gmatch("\n([^,\n]+),BACKEND,[^,]*,[^,]*,(%d+),") do
      sessions[proxy] = (sessions[proxy] or 0) + tonumber(current)
    end
  end
  add = metric("realtime_edge_old_sessions", "gauge", "Live sessions of a backend on old workers.")
  for proxy in ask(WORKER, "show stat -1 2 -1"):gmatch("\n([^,\n]+),BACKEND,") do
    add("{proxy=" .. label(proxy) .. "}", sessions[proxy] or 0)
  end

  add = metric("realtime_edge_certificate_not_after_seconds", "gauge", "When it ends, in seconds since 1970.")
  for path in ask(WORKER, "show ssl cert"):gmatch("\n(/[^\n]+)") do
    local ends = seconds(ask(WORKER, "show ssl cert " .. path):match("\nnotAfter: ([^\n]+)") or "")
    if ends then add("{certificate=" .. label(path:match("([^/]+)$")) .. "}", ends) end
  end

  add = metric("realtime_edge_affinity_misses_total", "counter", "Requests of sessions that no node was known for.")
  local entry = "key=([^:%s]+):(%S+) [^\n]*http_req_cnt=(%d+)"
  for name in ask(WORKER, "show table"):gmatch("# table: (affinity/:misses%S*), [^\n]*used:[1-9]") do
    for edge, service, count in ask(WORKER, "show table " .. name):gmatch(entry) do
      if edge == PEER then add("{service=" .. label(service) .. "}", tonumber(count)) end
    end
  end

  add = metric("realtime_edge_peer_up", "gauge", "Whether the affinity tables are exchanged with this other edge.")
  for line in ask(WORKER, "show peers affinity"):gmatch("[^\n]+") do
    local peer = line:match("id=([^%s(]+)%(remote")
    if peer then add("{peer=" .. label(peer) .. "}", line:find("last_status=ESTA", 1, true) and 1 or 0) end
  end

  -- Of the addresses that edges share, as far as the role keepalived is there.
  local file = io.open("/run/realtime-edge/metrics")
  if file then
    lines[#lines + 1] = file:read("a"):match("^(.-)\n*$")
    file:close()
  end
  return table.concat(lines, "\n") .. "\n"
end

core.register_service("edge_metrics", "http", function(applet)
  local text = metrics()
  applet:set_status(200)
  applet:add_header("content-type", "text/plain; version=0.0.4")
  applet:add_header("content-length", string.len(text))
  applet:start_response()
  applet:send(text)
end)
"""
