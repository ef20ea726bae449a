#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: bring a build of HAProxy about, from an archive or from source."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_build
short_description: Build HAProxy from source into a folder of its own, or unpack such a build
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Brings the folder C(PREFIX/VERSION-FINGERPRINT) about, with C(sbin/haproxy) and C(build.json) in it.
    The fingerprint covers version, checksum, options, TLS library, distribution and architecture, so a
    folder that is there is never built again, and builds of several versions stand side by side.
  - Which of them serves is not decided here.
  - The folder appears when its binary runs, has the wanted version and every wanted feature; a run that
    fails leaves nothing behind. Runs at the same time take turns.
  - While it lasts, the task shows the step and its time. The host builds in the background, so a connection
    without traffic does not end it.
requirements:
  - to build - make, a C compiler, and the headers of OpenSSL, Lua and PCRE2, for O(openssl) perl; to unpack - nothing
options:
  version:
    description: Version of HAProxy, for example V(3.2.26).
    type: str
    required: true
  checksum:
    description: SHA-256 of upstream's tarball of this version, as 64 hex digits.
    type: str
    required: true
  source:
    description:
      - Places to get the tarball from, tried in order; one with another checksum is not used.
      - An URL, in which C({version}) and C({branch}) are replaced; the word V(distribution) for the source
        package of the distribution (Debian, Ubuntu); or the path of a file. A path is also looked for by its
        last part in C(PREFIX/sources), where a tarball can be put beforehand.
    type: list
    elements: str
    default: []
  options:
    description:
      - Variables for HAProxy's C(make), over the defaults (OpenSSL, Lua, PCRE2 with JIT, QUIC, Prometheus exporter).
      - V(true) means 1; V(false) or an empty string switches an option off.
    type: dict
    default: {}
  openssl:
    description:
      - An OpenSSL of its own, which becomes a part of the binary. Nothing else on the host uses it, and no update of
        the distribution reaches it. Without a version HAProxy is linked with the one that is there.
    type: dict
    default: {}
    suboptions:
      version:
        description: Version of OpenSSL, such as V(3.5.7).
        type: str
        default: ""
      checksum:
        description: SHA-256 of upstream's tarball of this version, as 64 hex digits.
        type: str
        default: ""
      source:
        description: Places to get the tarball from, like O(source).
        type: list
        elements: str
        default: []
  prefix:
    description: Folder that holds the builds.
    type: path
    default: /opt/haproxy
  archive:
    description:
      - A build as one file. When it is there, it is unpacked and nothing is compiled.
        When it is not, it is written after the build.
    type: path
  archive_checksum:
    description:
      - SHA-256 that O(archive) has to have. Another file is refused before anything of it is unpacked or run.
    type: str
    default: ""
  fingerprint:
    description:
      - The fingerprint the build is wanted to have. A host whose builds have another one is refused, before
        anything is done, because the build would not suit the host that it is meant for.
    type: str
attributes:
  check_mode:
    description: Says what would be done and about how long it takes, without fetching or building anything.
    support: full
  diff_mode:
    description: A build has no difference to show.
    support: none
"""

EXAMPLES = r"""
- name: Build HAProxy, and keep the build as an archive
  realtime.edge.haproxy_build:
    version: 3.0.11
    checksum: a133e2d550c5fd9a849b5c7ab17bb945bcdad209ca140d41f45ebf31943ae783
    source:
      - https://www.haproxy.org/download/{branch}/src/haproxy-{version}.tar.gz
      - distribution
    options:
      USE_QUIC: false
    archive: /var/cache/haproxy-3.0.11.tar.gz
"""

RETURN = r"""
directory:
  description: Folder of the build.
  returned: success
  type: str
  sample: /opt/haproxy/3.0.11-ab12cd34ef56
binary:
  description: Path of its binary.
  returned: success
  type: str
  sample: /opt/haproxy/3.0.11-ab12cd34ef56/sbin/haproxy
fingerprint:
  description: Fingerprint of the build, 12 hex characters.
  returned: success
  type: str
  sample: ab12cd34ef56
source:
  description: The place that served the source, or the archive that was unpacked; empty when the build was there.
  returned: success
  type: str
  sample: distribution
expected_seconds:
  description: In check mode, how long the host would compile, about; 0 if it has nothing to compile.
  returned: in check mode
  type: int
  sample: 220
features:
  description: Features that the binary was asked to have, as C(haproxy -vv) lists them.
  returned: success
  type: list
  elements: str
  sample: [LUA, OPENSSL, PCRE2, PCRE2_JIT, PROMEX, QUIC, QUIC_OPENSSL_COMPAT]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.build.provide import expect_seconds, is_built, provide_build
from ..module_utils._haproxy.build.recipe import BuildError, host_recipe


def main() -> None:
    """Read the arguments, bring the build about, say what was done."""
    module = AnsibleModule(
        argument_spec={
            "version": {"type": "str", "required": True},
            "checksum": {"type": "str", "required": True},
            "source": {"type": "list", "elements": "str", "default": []},
            "options": {"type": "dict", "default": {}},
            "openssl": {
                "type": "dict",
                "default": {},
                "options": {
                    "version": {"type": "str", "default": ""},
                    "checksum": {"type": "str", "default": ""},
                    "source": {"type": "list", "elements": "str", "default": []},
                },
            },
            "prefix": {"type": "path", "default": "/opt/haproxy"},
            "archive": {"type": "path"},
            "archive_checksum": {"type": "str", "default": ""},
            "fingerprint": {"type": "str"},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    prefix = Path(wanted["prefix"])
    archive = Path(wanted["archive"]) if wanted["archive"] else None
    try:
        recipe = host_recipe(wanted["version"], wanted["checksum"], wanted["options"], wanted["openssl"])
        if wanted["fingerprint"] and wanted["fingerprint"] != recipe.fingerprint:
            raise BuildError(
                f"haproxy_build_host: a build of this host ({recipe.described()}) does not suit the edge; "
                "both must have the same distribution, architecture and version of the TLS library"
            )
        if module.check_mode:
            changed = not is_built(recipe, prefix) or (archive is not None and not archive.is_file())
            source = ""
            more = {"expected_seconds": expect_seconds(recipe, prefix, archive)}
        else:
            more = {}
            openssl = wanted["openssl"].get("source", [])
            changed, source = provide_build(
                recipe, wanted["source"], prefix, archive, openssl, wanted["archive_checksum"]
            )
    except BuildError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=changed,
        directory=str(recipe.directory(prefix)),
        binary=str(recipe.binary(prefix)),
        fingerprint=recipe.fingerprint,
        source=source,
        features=recipe.features,
        **more,
    )


if __name__ == "__main__":
    main()
