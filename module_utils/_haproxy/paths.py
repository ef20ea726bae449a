# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Default paths and sockets."""

from __future__ import annotations

CONFIGURATION = "/etc/haproxy/haproxy.cfg"
LISTS = "/etc/haproxy"
CERTIFICATES = "/etc/haproxy/certificates"
CERTIFICATE_LIST = "/etc/haproxy/certificates.list"
CLIENT_CAS = "/etc/haproxy/client-ca"
METRICS = "/etc/haproxy/metrics.lua"
TICKET_KEYS = "/etc/haproxy/ticket-keys"
KERNEL_SETTINGS = "/etc/sysctl.d/60-realtime-edge.conf"

MASTER_SOCKET = "/run/haproxy/master.sock"
RUNTIME_SOCKET = "/run/haproxy/admin.sock"
# Of the service beside HAProxy, which the role installs and which asks the master at its default path.
AGENT_SOCKET = "/run/realtime-edge-agent/metrics.sock"
AGENT_LOCK = "/run/realtime-edge-agent/lock"
# How far the last closing of sessions is, for that service, which passes it on.
PROGRESS = "/run/realtime-edge/closing"

# The collection's own build comes before the distribution's package.
PACKAGE_BINARY = "/usr/sbin/haproxy"
BINARIES = ("/usr/local/sbin/haproxy", PACKAGE_BINARY)
