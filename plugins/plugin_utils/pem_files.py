# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read PEM files on the controller, vaulted ones too: for a value that is a path, and those that ACME has obtained."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleError

from ..module_utils._haproxy.certificates.requested import FIELDS
from ..module_utils._haproxy.services import definition


class PemFiles:
    """`find` is Ansible's search for a file of this task, `read` its reader, which decrypts."""

    def __init__(self, find: Callable[[str, str], str], read: Callable[[str], tuple[bytes, bool]]) -> None:
        """Take both from an action plugin."""
        self._find = find
        self._read = read

    def fill(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of `haproxy_certificate` with texts for paths, and with what is in `acme_folder`."""
        filled = {key: value for key, value in arguments.items() if key != "acme_folder"}
        if key := filled.get("acme_account_key"):
            filled["acme_account_key"] = self._text(key)
        certificates = filled.get("certificates")
        if not isinstance(certificates, list):
            return filled  # the module says what is expected
        obtained = self._obtained(arguments.get("acme_folder"), arguments.get("services"), certificates)
        return {**filled, "certificates": [self._fill_entry(entry) for entry in [*certificates, *obtained]]}

    def _fill_entry(self, entry: Any) -> Any:
        if not isinstance(entry, Mapping):
            return entry
        return {key: self._text(value) if key in FIELDS and value else value for key, value in entry.items()}

    def _obtained(self, folder: Any, services: Any, certificates: list[Any]) -> list[dict[str, Any]]:
        """Return an entry for each certificate that ACME has obtained; those it has not are still to come."""
        if not folder:
            return []
        paths = {
            order["name"]: os.path.join(os.path.expanduser(folder), order["name"])
            for order in definition.certificate_orders(services, certificates)
        }
        return [
            {"name": name, "certificate": f"{path}.crt", "key": f"{path}.key"}
            for name, path in paths.items()
            if os.path.isfile(f"{path}.crt")
        ]

    def _text(self, value: Any) -> str:
        """Return PEM text as it is, and the content of a file; a path of none stays, for the module to complain."""
        text = str(value)
        if "-----BEGIN" in text or "\n" in text:
            return text
        path = self._path(text)
        return self._read(path)[0].decode("utf-8", errors="replace").rstrip() if path else text

    def _path(self, text: str) -> str:
        """Return the path beside the playbook or role, or from the folder that Ansible was started in, else nothing."""
        try:
            return self._find("files", text)
        except AnsibleError:
            path = os.path.join(os.environ.get("PWD", os.getcwd()), os.path.expanduser(text))
            return path if os.path.isfile(path) else ""
