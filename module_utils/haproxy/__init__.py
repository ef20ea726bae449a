# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rooms where the work is done; docs/architecture.md has the plan. Data moves one way:

model → syntax → secrecy, sections → services → store, fragments → check → runtime → apply
"""
