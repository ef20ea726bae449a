# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's part of the module `haproxy_rebalance`: it shows how far it is."""

from __future__ import annotations

from typing import Any

from ..plugin_utils.rounds import RoundsAction


class ActionModule(RoundsAction):
    """Show what each node has of its share."""

    def describe(self, part: dict[str, Any]) -> str:
        """Return in words what is left after a round."""
        nodes = ", ".join(f"{node['server']} {node['sockets']} of {node['share']}" for node in part["nodes"])
        return f"{part['surplus']} too many on all edges ({nodes})"
