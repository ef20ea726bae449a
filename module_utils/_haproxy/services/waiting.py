# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a request waits for in a worker that has just begun: the affinity table, and the servers that the DNS names."""

from __future__ import annotations

# Seconds for which HAProxy lets an old worker hand its tables over at a reload (peers.c, PEER_RESYNC_TIMEOUT). A worker
# that is replaced before it has them hands over nothing: the one before it does, up to two seconds later.
_FROM_OLD_WORKER = 5
# After that another edge is asked.
_FROM_OTHER_EDGE = 8

WAIT_FOR_SERVERS = ("balance", "http-request lua.wait_for_servers if { nbsrv 0 }")
"""The rule of a backend whose servers the DNS names."""


def script(alone: bool) -> str:
    """Return the Lua actions `wait_for_table` and `wait_for_servers`.

    An edge that is `alone` has no other one to get the table from.
    """
    longest = _FROM_OLD_WORKER if alone else _FROM_OTHER_EDGE
    return f"""-- What arrives late at a reload is waited for in the first ten seconds of a worker.
local young = true
core.register_task(function()
  core.msleep(10000)
  young = false
end)

local function wait_until(arrived, patience)
  local waited, pause = 0, 50
  while waited < patience and not arrived() do
    core.msleep(pause)
    waited = waited + pause
    pause = math.min(2 * pause, 200, patience - waited)
  end
end

-- The affinity table, by a request whose session it lacks. Later another edge may just open the session: 400 ms.
core.register_action("wait_for_table", {{"http-req"}}, function(txn, table)
  local session = txn:get_var("txn.sid")
  local function arrived() return txn.sc:in_table(session, table) == "1" end
  wait_until(arrived, young and {longest}000 or 400)
  if not arrived() then txn:set_var("txn.unknown", true) end
end, 1)

-- The addresses that the DNS brings, by a request to a backend without a server.
core.register_action("wait_for_servers", {{"http-req"}}, function(txn)
  wait_until(function() return txn.f:nbsrv(txn.f:be_name()) > 0 end, young and {_FROM_OLD_WORKER}000 or 0)
end)
"""
