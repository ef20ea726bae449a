# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documentation of what modules share that speak with a running HAProxy."""

from __future__ import annotations


class ModuleDocFragment:
    """Document the options and attributes for the modules that have them."""

    MASTER = r"""
options:
  master_socket:
    description: The master CLI.
    type: path
    default: /run/haproxy/master.sock
"""

    ROUNDS = r"""
options:
  rounds:
    description:
      - End after so many rounds, of some seconds each. What is left is counted anew in each.
      - By default the controller starts one round after the other, and shows in between how far it is; V(0) is any
        number at once.
    type: int
    default: 0
attributes:
  diff_mode:
    description: There is no text to compare.
    support: none
  action:
    description: The controller shows every few seconds how far it is.
    support: full
"""
