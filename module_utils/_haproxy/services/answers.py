# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the edge itself answers, without a node."""

from __future__ import annotations

from ..config.model import Line


def headers(checked: bool) -> str:
    """Return the headers of an answer, in the words of HAProxy's rules.

    Scripts of an allowed origin (CORS) could else not even read the status. HAProxy leaves out a header without a
    value. `checked`: the allowed origin is in `txn.cors` (request_filter.note_origin); else any page's is.
    """
    origin = "var(txn.cors)" if checked else "req.fhdr(origin),lower"
    return (
        f"hdr Access-Control-Allow-Origin %[{origin}] hdr Access-Control-Allow-Credentials true "
        "hdr Access-Control-Expose-Headers Retry-After,X-Request-ID hdr Vary Origin hdr X-Request-ID %[unique-id]"
    )


# The first version that tells the number of a request on its connection.
_NUMBERED_SINCE = (3, 0)


def identify_connection(version: tuple[int, ...]) -> list[Line]:
    """Return the rule of a frontend that gives each connection an id, with which those of its requests begin."""
    random = "uuid,sha1,bytes(0,9),ub64enc,concat(.)"
    return [("logging", f"tcp-request session set-var(sess.id) {random}")] if version >= _NUMBERED_SINCE else []


def identify_requests(version: tuple[int, ...]) -> list[Line]:
    """Return the lines of a frontend that give each request an id, for the log and for the node.

    A random one for each request costs more than a header. The number of all requests would tell how many there are.
    """
    form = "%[var(sess.id)]%[fs.id]" if version >= _NUMBERED_SINCE else "%[uuid()]"
    return [("logging", f"unique-id-format {form}"), ("logging", "unique-id-header X-Request-ID")]


def without_servers(more: str) -> list[Line]:
    """Return the line of a frontend for HAProxy's own 503, which says when to try again; `more` are its headers."""
    text = 'string "No server is available to handle this request." hdr Cache-Control no-cache hdr Retry-After 5'
    return [("limits", f"http-error status 503 content-type text/plain {text} {more}")]
