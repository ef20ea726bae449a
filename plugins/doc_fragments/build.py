# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documentation of the options that say which HAProxy a host is to have."""

from __future__ import annotations


class ModuleDocFragment:
    """Document the options for the modules that have them."""

    DOCUMENTATION = r"""
options:
  build:
    description: The build from source that is wanted.
    type: dict
    suboptions:
      version:
        description: Version of HAProxy, such as V(3.2.26).
        type: str
        required: true
      checksum:
        description: SHA-256 of its source archive, 64 hexadecimal digits.
        type: str
        required: true
      options:
        description: Make variables that add to those the collection builds with, or override them.
        type: dict
        default: {}
      openssl:
        description: The OpenSSL that is to be a part of it; without a version it takes the one that is there.
        type: dict
        default: {}
        suboptions:
          version:
            description: Version of OpenSSL, such as V(3.5.7).
            type: str
            default: ""
          checksum:
            description: SHA-256 of its source archive, 64 hexadecimal digits.
            type: str
            default: ""
      prefix:
        description: Folder that holds the builds.
        type: path
        default: /opt/haproxy
  binary:
    description: Path of the binary that is wanted, such as a package's. Not together with O(build).
    type: path
"""
