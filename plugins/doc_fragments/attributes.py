# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The attributes of modules that read."""

from __future__ import annotations


class ModuleDocFragment:
    """Document the attributes for the modules that have them."""

    INFO_MODULE = r"""
attributes:
  check_mode:
    description: Nothing is changed in either mode.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
"""
