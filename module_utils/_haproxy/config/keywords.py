# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The words that begin a line inside a section.

Only used to tell a section of a newer HAProxy from a keyword, where neither is indented: a word that is missing here
can be written in YAML and in an indented line like any other.
"""

from __future__ import annotations

# From the manuals and sources of 2.6 to 3.4, chapters 3, 4, 5.3, 6, 10 and 12, with keywords that older versions had.
_KEYWORDS = frozenset(
    (
        "51degrees-allow-unmatched 51degrees-cache-size 51degrees-data-file 51degrees-difference 51degrees-drift "
        "51degrees-property-name-list 51degrees-property-separator 51degrees-use-performance-graph "
        "51degrees-use-predictive-graph accepted_payload_size account-key acl acme-vars alias anonkey appsession "
        "backing-file backlog balance be-unpublished bind bind-process bits block busy-polling ca-base capture "
        "challenge challenge-ready chroot cliexp clitcpka-cnt clitcpka-idle clitcpka-intvl clitimeout "
        "close-spread-time cluster-secret command compression contact contimeout cookie cpu-affinity cpu-map "
        "cpu-policy cpu-set crt crt-base curves daemon declare default default-bind default-path default-server "
        "default_backend description deviceatlas-cache-size deviceatlas-json-file deviceatlas-log-level "
        "deviceatlas-properties-cookie deviceatlas-property-separator deviceatlas-separator dgram-bind directory "
        "disabled dispatch dns-accept-family dns-delay dns-timeout docroot domains dynamic-cookie-key eab-key-id "
        "eab-mac-alg eab-mac-key email-alert enabled error-log-format errorfile errorfiles errorloc errorloc302 "
        "errorloc303 expose-deprecated-directives expose-experimental-directives external-check fd-hard-limit "
        "filter force-be-switch force-cfg-parser-pause force-persist format fullconn generate-dummy gid grace "
        "group guid h1-accept-payload-with-any-method h1-case-adjust h1-case-adjust-file "
        "h1-do-not-close-on-insecure-transfer-encoding h2-workaround-bogus-websocket-clients hard-stop-after "
        "hash-balance-factor hash-preserve-affinity hash-type hide-header hold http-after-response http-check "
        "http-err-codes http-error http-fail-codes http-request http-response http-reuse http-send-name-header id "
        "ignore-persist index insecure-fork-wanted insecure-setuid-wanted ips issuer issuers-chain-path jwt key "
        "key-base keytype limited-quic load load-server-state-from-file localpeer log log-format log-format-sd "
        "log-send-hostname log-stderr log-steps log-tag lua-load lua-load-per-thread lua-prepend-path mailer map "
        "master-worker max-age max-keep-alive-queue max-object-size max-secondary-entries max-session-srv-conns "
        "max-spread-checks max-threads-per-group maxcompcpuusage maxcomprate maxconn maxconnrate maxlen maxpipes "
        "maxsessrate maxsslconn maxsslrate maxzlibmem mode monitor monitor-net monitor-uri mworker-max-reloads "
        "nameserver nbproc nbthread no no-memory-trimming no-quic node noepoll noevports nogetaddrinfo nokqueue "
        "noktls nopoll noreuseport nosplice numa-cpu-mapping ocsp ocsp-update option parse-resolv-conf pass-header "
        "path-info peer persist pidfile pp2-never-send-local prealloc-fd presetenv process-vary profile "
        "provider-name quic-initial quick-exit quiet rate-limit redirect redisp redispatch reqadd reqallow reqdel "
        "reqdeny reqiallow reqidel reqideny reqipass reqirep reqitarpit reqpass reqrep reqtarpit resetenv "
        "resolution_pool_size resolve_retries retries retry-on reuse-key rspadd rspdel rspdeny rspidel rspideny "
        "rspirep rsprep sctl server server-state-base server-state-file server-state-file-name server-template "
        "set-dumpable set-param set-var set-var-fmt setcap setenv shards shm-stats-file shm-stats-file-max-objects "
        "size source spread-checks srvexp srvtcpka-cnt srvtcpka-idle srvtcpka-intvl srvtimeout "
        "ssl-default-bind-ciphers ssl-default-bind-ciphersuites ssl-default-bind-client-sigalgs "
        "ssl-default-bind-curves ssl-default-bind-options ssl-default-bind-sigalgs ssl-default-server-ciphers "
        "ssl-default-server-ciphersuites ssl-default-server-client-sigalgs ssl-default-server-curves "
        "ssl-default-server-options ssl-default-server-sigalgs ssl-dh-param-file ssl-engine ssl-f-use "
        "ssl-load-extra-del-ext ssl-load-extra-files ssl-mode-async ssl-passphrase-cmd ssl-propquery ssl-provider "
        "ssl-provider-path ssl-security-level ssl-server-verify ssl-skip-self-issued-ca stats stats-file stick "
        "stick-table stress-level strict-limits table tcp-check tcp-request tcp-response thread-group "
        "thread-groups thread-hard-limit timeout total-max-size trace transparent type uid ulimit-n "
        "unique-id-format unique-id-header unix-bind unset-param unsetenv use-fcgi-app use-server use_backend user "
        "warn-blocked-traffic-after wurfl-cache-size wurfl-data-file wurfl-engine-mode wurfl-information-list "
        "wurfl-information-list-separator wurfl-patch-file wurfl-useragent-priority zero-warning"
    ).split()
)


def is_keyword(word: str) -> bool:
    """Return whether the word can begin a line of a section. No section has a dot in its name."""
    return "." in word or word in _KEYWORDS
