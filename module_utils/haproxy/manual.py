# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# Made by tools/manual from HAProxy's source: run it again instead of changing this file.
"""Where HAProxy's configuration manual describes a keyword: version → section → keywords, parted by `|`."""

from __future__ import annotations

MANUALS: dict[str, dict[str, str]] = {
    "2.6": {
        "3.1": (
            "51degrees-data-file|51degrees-property-name-list|51degrees-property-separator|51degrees-cache-size|"
            "ca-base|chroot|close-spread-time|cluster-secret|cpu-map|crt-base|daemon|default-path|description|"
            "deviceatlas-json-file|deviceatlas-log-level|deviceatlas-properties-cookie|deviceatlas-separator|"
            "expose-experimental-directives|external-check|fd-hard-limit|gid|grace|group|"
            "h1-accept-payload-with-any-method|h1-case-adjust|h1-case-adjust-file|"
            "h2-workaround-bogus-websocket-clients|hard-stop-after|httpclient.resolvers.id|"
            "httpclient.resolvers.prefer|httpclient.ssl.ca-file|httpclient.ssl.verify|insecure-fork-wanted|"
            "insecure-setuid-wanted|issuers-chain-path|localpeer|log|log-send-hostname|log-tag|lua-load|"
            "lua-load-per-thread|lua-prepend-path|master-worker|mworker-max-reloads|nbthread|numa-cpu-mapping|"
            "pidfile|pp2-never-send-local|presetenv|resetenv|stats|stats bind-process|server-state-base|"
            "server-state-file|set-dumpable|set-var|set-var-fmt|setenv|ssl-default-bind-ciphers|"
            "ssl-default-bind-ciphersuites|ssl-default-bind-curves|ssl-default-bind-options|"
            "ssl-default-server-ciphers|ssl-default-server-ciphersuites|ssl-default-server-options|"
            "ssl-dh-param-file|ssl-propquery|ssl-provider|ssl-provider-path|ssl-load-extra-del-ext|"
            "ssl-load-extra-files|ssl-server-verify|ssl-skip-self-issued-ca|stats maxconn|stats socket|"
            "stats timeout|strict-limits|thread-group|thread-groups|uid|ulimit-n|unix-bind|unsetenv|user|node|"
            "wurfl-cache-size|wurfl-data-file|wurfl-information-list|wurfl-information-list-separator|"
            "wurfl-patch-file"
        ),
        "3.2": (
            "busy-polling|max-spread-checks|maxcompcpuusage|maxcomprate|maxconn|maxconnrate|maxpipes|maxsessrate|"
            "maxsslconn|maxsslrate|maxzlibmem|no-memory-trimming|noepoll|noevports|nogetaddrinfo|nokqueue|nopoll|"
            "noreuseport|nosplice|profiling.memory|profiling.tasks|spread-checks|ssl-engine|ssl-mode-async|"
            "tune.buffers.limit|tune.buffers.reserve|tune.bufsize|tune.comp.maxlevel|tune.fail-alloc|"
            "tune.fd.edge-triggered|tune.h2.header-table-size|tune.h2.initial-window-size|"
            "tune.h2.max-concurrent-streams|tune.h2.max-frame-size|tune.http.cookielen|tune.http.logurilen|"
            "tune.http.maxhdr|tune.idle-pool.shared|tune.idletimer|tune.listener.multi-queue|"
            "tune.lua.forced-yield|tune.lua.maxmem|tune.lua.session-timeout|tune.lua.service-timeout|"
            "tune.lua.task-timeout|tune.maxaccept|tune.maxpollevents|tune.maxrewrite|tune.pattern.cache-size|"
            "tune.peers.max-updates-at-once|tune.pipesize|tune.pool-high-fd-ratio|tune.pool-low-fd-ratio|"
            "tune.quic.frontend.conn-tx-buffers.limit|tune.quic.frontend.max-idle-timeout|"
            "tune.quic.frontend.max-streams-bidi|tune.quic.retry-threshold|tune.rcvbuf.client|tune.rcvbuf.server|"
            "tune.recv_enough|tune.runqueue-depth|tune.sched.low-latency|tune.sndbuf.client|tune.sndbuf.server|"
            "tune.ssl.cachesize|tune.ssl.capture-buffer-size|tune.ssl.capture-cipherlist-size|"
            "tune.ssl.default-dh-param|tune.ssl.force-private-cache|tune.ssl.hard-maxrecord|tune.ssl.keylog|"
            "tune.ssl.lifetime|tune.ssl.maxrecord|tune.ssl.ssl-ctx-cache-size|tune.vars.global-max-size|"
            "tune.vars.proc-max-size|tune.vars.reqres-max-size|tune.vars.sess-max-size|tune.vars.txn-max-size|"
            "tune.zlib.memlevel|tune.zlib.windowsize"
        ),
        "3.3": (
            "quiet|zero-warning"
        ),
        "3.4": (
            "userlist|group|user"
        ),
        "3.5": (
            "peers|bind|disabled|default-bind|default-server|enabled|log|peer|server|table"
        ),
        "3.6": (
            "mailers|mailer|timeout|timeout mail"
        ),
        "3.7": (
            "program|command|user|group|option|option start-on-reload|no option|no option start-on-reload"
        ),
        "3.8": (
            "http-errors|errorfile"
        ),
        "3.9": (
            "ring|backing-file|description|format|maxlen|server|size|timeout|timeout connect|timeout server"
        ),
        "3.10": (
            "log-forward|backlog|bind|dgram-bind|log|log global|maxconn|timeout|timeout client"
        ),
        "4.2": (
            "acl|backlog|balance|balance url_param|bind|bind-process|capture|capture cookie|capture request|"
            "capture request header|capture response|capture response header|clitcpka-cnt|clitcpka-idle|"
            "clitcpka-intvl|compression|compression algo|compression type|compression offload|cookie|declare|"
            "declare capture|default-server|default_backend|description|disabled|dispatch|dynamic-cookie-key|"
            "enabled|errorfile|errorfiles|errorloc|errorloc302|errorloc303|email-alert|email-alert from|"
            "email-alert level|email-alert mailers|email-alert myhostname|email-alert to|error-log-format|"
            "force-persist|filter|fullconn|hash-balance-factor|hash-type|http-after-response|"
            "http-after-response add-header|http-after-response allow|http-after-response capture|"
            "http-after-response del-header|http-after-response replace-header|http-after-response replace-value|"
            "http-after-response set-header|http-after-response set-status|http-after-response set-var|"
            "http-after-response set-var-fmt|http-after-response strict-mode|http-after-response unset-var|"
            "http-check|http-check comment|http-check connect|http-check disable-on-404|http-check expect|"
            "http-check send|http-check send-state|http-check set-var|http-check set-var-fmt|"
            "http-check unset-var|http-error|http-error status|http-request|http-request add-acl|"
            "http-request add-header|http-request allow|http-request auth|http-request cache-use|"
            "http-request capture|http-request del-acl|http-request del-header|http-request del-map|"
            "http-request deny|http-request disable-l7-retry|http-request do-resolve|http-request early-hint|"
            "http-request normalize-uri|http-request normalize-uri fragment-encode|"
            "http-request normalize-uri fragment-strip|http-request normalize-uri path-merge-slashes|"
            "http-request normalize-uri path-strip-dot|http-request normalize-uri path-strip-dotdot|"
            "http-request normalize-uri percent-decode-unreserved|"
            "http-request normalize-uri percent-to-uppercase|http-request normalize-uri query-sort-by-name|"
            "http-request redirect|http-request reject|http-request replace-header|http-request replace-path|"
            "http-request replace-pathq|http-request replace-uri|http-request replace-value|http-request return|"
            "http-request sc-inc-gpc|http-request sc-inc-gpc0|http-request sc-inc-gpc1|http-request sc-set-gpt|"
            "http-request sc-set-gpt0|http-request send-spoe-group|http-request set-dst|"
            "http-request set-dst-port|http-request set-header|http-request set-log-level|http-request set-map|"
            "http-request set-mark|http-request set-method|http-request set-nice|http-request set-path|"
            "http-request set-pathq|http-request set-priority-class|http-request set-priority-offset|"
            "http-request set-query|http-request set-src|http-request set-src-port|http-request set-timeout|"
            "http-request set-tos|http-request set-uri|http-request set-var|http-request set-var-fmt|"
            "http-request silent-drop|http-request strict-mode|http-request tarpit|http-request track-sc0|"
            "http-request track-sc1|http-request track-sc2|http-request unset-var|http-request use-service|"
            "http-request wait-for-body|http-request wait-for-body time|http-request wait-for-handshake|"
            "http-response|http-response add-acl|http-response add-header|http-response allow|"
            "http-response cache-store|http-response capture|http-response del-acl|http-response del-header|"
            "http-response del-map|http-response deny|http-response redirect|http-response replace-header|"
            "http-response replace-value|http-response return|http-response sc-inc-gpc|http-response sc-inc-gpc0|"
            "http-response sc-inc-gpc1|http-response sc-set-gpt|http-response sc-set-gpt0|"
            "http-response send-spoe-group|http-response set-header|http-response set-log-level|"
            "http-response set-map|http-response set-mark|http-response set-nice|http-response set-status|"
            "http-response set-tos|http-response set-var|http-response set-var-fmt|http-response silent-drop|"
            "http-response strict-mode|http-response track-sc0|http-response track-sc1|http-response track-sc2|"
            "http-response unset-var|http-response wait-for-body|http-response wait-for-body time|http-reuse|"
            "http-send-name-header|id|ignore-persist|load-server-state-from-file|log|log global|no log|"
            "log-format|log-format-sd|log-tag|max-keep-alive-queue|max-session-srv-conns|maxconn|mode|monitor|"
            "monitor fail|monitor-uri|option|option abortonclose|no option|no option abortonclose|"
            "option accept-invalid-http-request|no option accept-invalid-http-request|"
            "option accept-invalid-http-response|no option accept-invalid-http-response|option allbackups|"
            "no option allbackups|option checkcache|no option checkcache|option clitcpka|no option clitcpka|"
            "option contstats|option disable-h2-upgrade|no option disable-h2-upgrade|option dontlog-normal|"
            "no option dontlog-normal|option dontlognull|no option dontlognull|option forwardfor|"
            "option h1-case-adjust-bogus-client|no option h1-case-adjust-bogus-client|"
            "option h1-case-adjust-bogus-server|no option h1-case-adjust-bogus-server|option http-buffer-request|"
            "no option http-buffer-request|option http-ignore-probes|no option http-ignore-probes|"
            "option http-keep-alive|no option http-keep-alive|option http-no-delay|no option http-no-delay|"
            "option http-pretend-keepalive|no option http-pretend-keepalive|option http-restrict-req-hdr-names|"
            "option http-server-close|no option http-server-close|option http-use-proxy-header|"
            "no option http-use-proxy-header|option httpchk|option httpclose|no option httpclose|option httplog|"
            "option httpslog|option independent-streams|no option independent-streams|option ldap-check|"
            "option external-check|option idle-close-on-response|no option idle-close-on-response|"
            "option log-health-checks|no option log-health-checks|option log-separate-errors|"
            "no option log-separate-errors|option logasap|no option logasap|option mysql-check|option nolinger|"
            "no option nolinger|option originalto|option persist|no option persist|option pgsql-check|"
            "option pgsql-check user|option prefer-last-server|no option prefer-last-server|option redispatch|"
            "no option redispatch|option redis-check|option smtpchk|option socket-stats|no option socket-stats|"
            "option splice-auto|no option splice-auto|option splice-request|no option splice-request|"
            "option splice-response|no option splice-response|option spop-check|option srvtcpka|"
            "no option srvtcpka|option ssl-hello-chk|option tcp-check|option tcp-smart-accept|"
            "no option tcp-smart-accept|option tcp-smart-connect|no option tcp-smart-connect|option tcpka|"
            "option tcplog|option transparent|no option transparent|external-check|external-check command|"
            "external-check path|persist|persist rdp-cookie|rate-limit|rate-limit sessions|redirect|"
            "redirect location|redirect prefix|redirect scheme|retries|retry-on|server|server-state-file-name|"
            "server-template|source|srvtcpka-cnt|srvtcpka-idle|srvtcpka-intvl|stats|stats admin|stats auth|"
            "stats enable|stats hide-version|stats http-request|stats realm|stats refresh|stats scope|"
            "stats show-desc|stats show-legends|stats show-modules|stats show-node|stats uri|stick|stick match|"
            "stick on|stick store-request|stick-table|stick-table type|stick store-response|tcp-check|"
            "tcp-check comment|tcp-check connect|tcp-check expect|tcp-check send|tcp-check send-lf|"
            "tcp-check send-binary|tcp-check send-binary-lf|tcp-check set-var|tcp-check set-var-fmt|"
            "tcp-check unset-var|tcp-request|tcp-request connection|tcp-request connection accept|"
            "tcp-request connection expect-netscaler-cip|tcp-request connection expect-netscaler-cip layer4|"
            "tcp-request connection expect-proxy|tcp-request connection expect-proxy layer4|"
            "tcp-request connection reject|tcp-request connection sc-inc-gpc|tcp-request connection sc-inc-gpc0|"
            "tcp-request connection sc-inc-gpc1|tcp-request connection sc-set-gpt|"
            "tcp-request connection sc-set-gpt0|tcp-request connection set-dst|"
            "tcp-request connection set-dst-port|tcp-request connection set-mark|tcp-request connection set-src|"
            "tcp-request connection set-src-port|tcp-request connection set-tos|tcp-request connection set-var|"
            "tcp-request connection set-var-fmt|tcp-request connection silent-drop|"
            "tcp-request connection track-sc0|tcp-request connection track-sc1|tcp-request connection track-sc2|"
            "tcp-request connection unset-var|tcp-request content|tcp-request content accept|"
            "tcp-request content capture|tcp-request content do-resolve|tcp-request content reject|"
            "tcp-request content sc-inc-gpc|tcp-request content sc-inc-gpc0|tcp-request content sc-inc-gpc1|"
            "tcp-request content sc-set-gpt|tcp-request content sc-set-gpt0|tcp-request content send-spoe-group|"
            "tcp-request content set-dst|tcp-request content set-dst-port|tcp-request content set-log-level|"
            "tcp-request content set-mark|tcp-request content set-nice|tcp-request content set-priority-class|"
            "tcp-request content set-priority-offset|tcp-request content set-src|"
            "tcp-request content set-src-port|tcp-request content set-tos|tcp-request content set-var|"
            "tcp-request content set-var-fmt|tcp-request content silent-drop|tcp-request content switch-mode|"
            "tcp-request content switch-mode http|tcp-request content track-sc0|tcp-request content track-sc1|"
            "tcp-request content track-sc2|tcp-request content unset-var|tcp-request content use-service|"
            "tcp-request inspect-delay|tcp-request session|tcp-request session accept|tcp-request session reject|"
            "tcp-request session sc-inc-gpc|tcp-request session sc-inc-gpc0|tcp-request session sc-inc-gpc1|"
            "tcp-request session sc-set-gpt|tcp-request session sc-set-gpt0|tcp-request session set-dst|"
            "tcp-request session set-dst-port|tcp-request session set-mark|tcp-request session set-src|"
            "tcp-request session set-src-port|tcp-request session set-tos|tcp-request session set-var|"
            "tcp-request session set-var-fmt|tcp-request session silent-drop|tcp-request session track-sc0|"
            "tcp-request session track-sc1|tcp-request session track-sc2|tcp-request session unset-var|"
            "tcp-response|tcp-response content|tcp-response content accept|tcp-response content close|"
            "tcp-response content reject|tcp-response content sc-inc-gpc|tcp-response content sc-inc-gpc0|"
            "tcp-response content sc-inc-gpc1|tcp-response content sc-set-gpt|tcp-resposne|tcp-resposne content|"
            "tcp-resposne content sc-set-gpt0|tcp-response content send-spoe-group|"
            "tcp-response content set-log-level|tcp-response content set-mark|tcp-response content set-nice|"
            "tcp-response content set-tos|tcp-response content set-var|tcp-response content set-var-fmt|"
            "tcp-response content silent-drop|tcp-response content unset-var|tcp-response inspect-delay|timeout|"
            "timeout check|timeout client|timeout client-fin|timeout connect|timeout http-keep-alive|"
            "timeout http-request|timeout queue|timeout server|timeout server-fin|timeout tarpit|timeout tunnel|"
            "transparent|unique-id-format|unique-id-header|use_backend|use-fcgi-app|use-server"
        ),
        "5.1": (
            "accept-netscaler-cip|accept-proxy|allow-0rtt|alpn|backlog|curves|ecdhe|ca-file|ca-ignore-err|"
            "ca-sign-file|ca-sign-pass|ca-verify-file|ciphers|ciphersuites|crl-file|crt|crt-ignore-err|crt-list|"
            "defer-accept|expose-fd|expose-fd listeners|force-sslv3|force-tlsv10|force-tlsv11|force-tlsv12|"
            "force-tlsv13|generate-certificates|gid|group|id|interface|level|severity-output|maxconn|mode|mss|"
            "name|namespace|nice|no-ca-names|no-sslv3|no-tls-tickets|no-tlsv10|no-tlsv11|no-tlsv12|no-tlsv13|npn|"
            "prefer-client-ciphers|process|proto|quic-cc-algo|quic-force-retry|shards|ssl|ssl-max-ver|"
            "ssl-min-ver|strict-sni|tcp-ut|tfo|thread|tls-ticket-keys|transparent|v4v6|v6only|uid|user|verify"
        ),
        "5.2": (
            "addr|agent-check|agent-send|agent-inter|agent-addr|agent-port|allow-0rtt|alpn|backup|ca-file|check|"
            "check-send-proxy|check-alpn|check-proto|check-sni|check-ssl|check-via-socks4|ciphers|ciphersuites|"
            "cookie|crl-file|crt|disabled|enabled|error-limit|fall|force-sslv3|force-tlsv10|force-tlsv11|"
            "force-tlsv12|force-tlsv13|id|init-addr|inter|fastinter|downinter|log-proto|maxconn|maxqueue|"
            "max-reuse|minconn|namespace|no-agent-check|no-backup|no-check|no-check-ssl|no-send-proxy|"
            "no-send-proxy-v2|no-send-proxy-v2-ssl|no-send-proxy-v2-ssl-cn|no-ssl|no-ssl-reuse|no-sslv3|"
            "no-tls-tickets|no-tlsv10|no-tlsv11|no-tlsv12|no-tlsv13|no-verifyhost|no-tfo|non-stick|npn|observe|"
            "on-error|on-marked-down|on-marked-up|pool-low-conn|pool-max-conn|pool-purge-delay|port|proto|redir|"
            "rise|resolve-opts|resolve-prefer|resolve-net|resolvers|send-proxy|send-proxy-v2|proxy-v2-options|"
            "send-proxy-v2-ssl|send-proxy-v2-ssl-cn|slowstart|sni|source|ssl|ssl-max-ver|ssl-min-ver|ssl-reuse|"
            "stick|socks4|tcp-ut|tfo|track|tls-tickets|verify|verifyhost|weight|ws"
        ),
        "5.3.2": (
            "resolvers|accepted_payload_size|nameserver|parse-resolv-conf|hold|resolve_retries|timeout"
        ),
        "6.2.1": (
            "cache|total-max-size|max-object-size|max-age|process-vary|max-secondary-entries"
        ),
        "6.2.2": (
            "http-request|http-request cache-use|http-response|http-response cache-store"
        ),
        "7.3.1": (
            "51d.single|add|add_item|aes_gcm_dec|and|b64dec|base64|be2dec|be2hex|bool|bytes|concat|cpl|crc32|"
            "crc32c|cut_crlf|da-csv-conv|debug|digest|div|djb2|even|field|fix_is_valid|fix_tag_value|hex|hex2i|"
            "htonl|hmac|host_only|http_date|iif|in_table|ipmask|json|json_query|jwt_header_query|"
            "jwt_payload_query|jwt_verify|language|length|lower|ltime|ltrim|map|mod|mqtt_field_value|"
            "mqtt_is_valid|mul|nbsrv|neg|not|odd|or|port_only|protobuf|regsub|capture-req|capture-res|rtrim|sdbm|"
            "secure_memcmp|set-var|sha1|sha2|srv_queue|strcmp|sub|table_bytes_in_rate|table_bytes_out_rate|"
            "table_conn_cnt|table_conn_cur|table_conn_rate|table_expire|table_gpt|table_gpt0|table_gpc|"
            "table_gpc_rate|table_gpc0|table_gpc0_rate|table_gpc1|table_gpc1_rate|table_http_err_cnt|"
            "table_http_err_rate|table_http_fail_cnt|table_http_fail_rate|table_http_req_cnt|table_http_req_rate|"
            "table_idle|table_kbytes_in|table_kbytes_out|table_server_id|table_sess_cnt|table_sess_rate|"
            "table_trackers|ub64dec|ub64enc|upper|url_dec|url_enc|ungrpc|unset-var|utime|word|wt6|xor|xxh3|xxh32|"
            "xxh64"
        ),
        "7.3.2": (
            "always_false|always_true|avg_queue|be_conn|be_conn_free|be_sess_rate|bin|bool|connslots|cpu_calls|"
            "cpu_ns_avg|cpu_ns_tot|date|date_us|env|fe_conn|fe_req_rate|fe_sess_rate|hostname|int|ipv4|ipv6|"
            "last_rule_file|last_rule_line|lat_ns_avg|lat_ns_tot|meth|nbsrv|prio_class|prio_offset|proc|queue|"
            "rand|srv_conn|srv_conn_free|srv_is_up|srv_queue|srv_sess_rate|srv_iweight|srv_uweight|srv_weight|"
            "stopping|str|table_avl|table_cnt|thread|uuid|var"
        ),
        "7.3.3": (
            "bc_dst|bc_dst_port|bc_err|bc_err_str|bc_http_major|bc_src|bc_src_port|be_id|be_name|"
            "be_server_timeout|be_tunnel_timeout|cur_server_timeout|cur_tunnel_timeout|dst|dst_conn|dst_is_local|"
            "dst_port|fc_dst|fc_dst_is_local|fc_dst_port|fc_err|fc_err_str|fc_fackets|fc_http_major|fc_lost|"
            "fc_pp_authority|fc_pp_unique_id|fc_rcvd_proxy|fc_reordering|fc_retrans|fc_rtt|fc_rttvar|fc_sacked|"
            "fc_src|fc_src_is_local|fc_src_port|fc_unacked|fe_defbe|fe_id|fe_name|fe_client_timeout|"
            "sc_bytes_in_rate|sc0_bytes_in_rate|sc1_bytes_in_rate|sc2_bytes_in_rate|sc_bytes_out_rate|"
            "sc0_bytes_out_rate|sc1_bytes_out_rate|sc2_bytes_out_rate|sc_clr_gpc|sc_clr_gpc0|sc0_clr_gpc0|"
            "sc1_clr_gpc0|sc2_clr_gpc0|sc_clr_gpc1|sc0_clr_gpc1|sc1_clr_gpc1|sc2_clr_gpc1|sc_conn_cnt|"
            "sc0_conn_cnt|sc1_conn_cnt|sc2_conn_cnt|sc_conn_cur|sc0_conn_cur|sc1_conn_cur|sc2_conn_cur|"
            "sc_conn_rate|sc0_conn_rate|sc1_conn_rate|sc2_conn_rate|sc_get_gpc|sc_get_gpc0|sc0_get_gpc0|"
            "sc1_get_gpc0|sc2_get_gpc0|sc_get_gpc1|sc0_get_gpc1|sc1_get_gpc1|sc2_get_gpc1|sc_get_gpt|sc_get_gpt0|"
            "sc0_get_gpt0|sc1_get_gpt0|sc2_get_gpt0|sc_gpc_rate|sc_gpc0_rate|sc0_gpc0_rate|sc1_gpc0_rate|"
            "sc2_gpc0_rate|sc_gpc1_rate|sc0_gpc1_rate|sc1_gpc1_rate|sc2_gpc1_rate|sc_http_err_cnt|"
            "sc0_http_err_cnt|sc1_http_err_cnt|sc2_http_err_cnt|sc_http_err_rate|sc0_http_err_rate|"
            "sc1_http_err_rate|sc2_http_err_rate|sc_http_fail_cnt|sc0_http_fail_cnt|sc1_http_fail_cnt|"
            "sc2_http_fail_cnt|sc_http_fail_rate|sc0_http_fail_rate|sc1_http_fail_rate|sc2_http_fail_rate|"
            "sc_http_req_cnt|sc0_http_req_cnt|sc1_http_req_cnt|sc2_http_req_cnt|sc_http_req_rate|"
            "sc0_http_req_rate|sc1_http_req_rate|sc2_http_req_rate|sc_inc_gpc|sc_inc_gpc0|sc0_inc_gpc0|"
            "sc1_inc_gpc0|sc2_inc_gpc0|sc_inc_gpc1|sc0_inc_gpc1|sc1_inc_gpc1|sc2_inc_gpc1|sc_kbytes_in|"
            "sc0_kbytes_in|sc1_kbytes_in|sc2_kbytes_in|sc_kbytes_out|sc0_kbytes_out|sc1_kbytes_out|"
            "sc2_kbytes_out|sc_sess_cnt|sc0_sess_cnt|sc1_sess_cnt|sc2_sess_cnt|sc_sess_rate|sc0_sess_rate|"
            "sc1_sess_rate|sc2_sess_rate|sc_tracked|sc0_tracked|sc1_tracked|sc2_tracked|sc_trackers|sc0_trackers|"
            "sc1_trackers|sc2_trackers|so_id|so_name|src|src_bytes_in_rate|src_bytes_out_rate|src_clr_gpc|"
            "src_clr_gpc0|src_clr_gpc1|src_conn_cnt|src_conn_cur|src_conn_rate|src_get_gpc|src_get_gpc0|"
            "src_get_gpc1|src_get_gpt|src_get_gpt0|src_gpc_rate|src_gpc0_rate|src_gpc1_rate|src_http_err_cnt|"
            "src_http_err_rate|src_http_fail_cnt|src_http_fail_rate|src_http_req_cnt|src_http_req_rate|"
            "src_inc_gpc|src_inc_gpc0|src_inc_gpc1|src_is_local|src_kbytes_in|src_kbytes_out|src_port|"
            "src_sess_cnt|src_sess_rate|src_updt_conn_cnt|srv_id|srv_name"
        ),
        "7.3.4": (
            "51d.all|ssl_bc|ssl_bc_alg_keysize|ssl_bc_alpn|ssl_bc_cipher|ssl_bc_client_random|ssl_bc_err|"
            "ssl_bc_err_str|ssl_bc_is_resumed|ssl_bc_npn|ssl_bc_protocol|ssl_bc_unique_id|ssl_bc_server_random|"
            "ssl_bc_session_id|ssl_bc_session_key|ssl_bc_use_keysize|ssl_c_ca_err|ssl_c_ca_err_depth|"
            "ssl_c_chain_der|ssl_c_der|ssl_c_err|ssl_c_i_dn|ssl_c_key_alg|ssl_c_notafter|ssl_c_notbefore|"
            "ssl_c_s_dn|ssl_c_serial|ssl_c_sha1|ssl_c_sig_alg|ssl_c_used|ssl_c_verify|ssl_c_version|ssl_f_der|"
            "ssl_f_i_dn|ssl_f_key_alg|ssl_f_notafter|ssl_f_notbefore|ssl_f_s_dn|ssl_f_serial|ssl_f_sha1|"
            "ssl_f_sig_alg|ssl_f_version|ssl_fc|ssl_fc_alg_keysize|ssl_fc_alpn|ssl_fc_cipher|"
            "ssl_fc_cipherlist_bin|ssl_fc_cipherlist_hex|ssl_fc_cipherlist_str|ssl_fc_cipherlist_xxh|"
            "ssl_fc_ecformats_bin|ssl_fc_eclist_bin|ssl_fc_extlist_bin|ssl_fc_client_random|"
            "ssl_fc_client_early_traffic_secret|ssl_fc_client_handshake_traffic_secret|"
            "ssl_fc_client_traffic_secret_0|ssl_fc_exporter_secret|ssl_fc_early_exporter_secret|ssl_fc_err|"
            "ssl_fc_err_str|ssl_fc_has_crt|ssl_fc_has_early|ssl_fc_has_sni|ssl_fc_is_resumed|ssl_fc_npn|"
            "ssl_fc_protocol|ssl_fc_protocol_hello_id|ssl_fc_unique_id|ssl_fc_server_handshake_traffic_secret|"
            "ssl_fc_server_traffic_secret_0|ssl_fc_server_random|ssl_fc_session_id|ssl_fc_session_key|ssl_fc_sni|"
            "ssl_fc_use_keysize|ssl_s_der|ssl_s_chain_der|ssl_s_key_alg|ssl_s_notafter|ssl_s_notbefore|"
            "ssl_s_i_dn|ssl_s_s_dn|ssl_s_serial|ssl_s_sha1|ssl_s_sig_alg|ssl_s_version"
        ),
        "7.3.5": (
            "distcc_body|distcc_param|payload|payload_lv|req.len|req_len|req.payload|req.payload_lv|"
            "req.proto_http|req_proto_http|req.rdp_cookie|rdp_cookie|req.rdp_cookie_cnt|rdp_cookie_cnt|"
            "req.ssl_alpn|req.ssl_ec_ext|req.ssl_hello_type|req_ssl_hello_type|req.ssl_sni|req_ssl_sni|"
            "req.ssl_st_ext|req.ssl_ver|req_ssl_ver|res.len|res.payload|res.payload_lv|res.ssl_hello_type|"
            "rep_ssl_hello_type|wait_end"
        ),
        "7.3.6": (
            "base|base32|base32+src|baseq|capture.req.hdr|capture.req.method|capture.req.uri|capture.req.ver|"
            "capture.res.hdr|capture.res.ver|req.body|req.body_param|req.body_len|req.body_size|req.cook|cook|"
            "req.cook_cnt|cook_cnt|req.cook_val|cook_val|cookie|hdr|req.fhdr|req.fhdr_cnt|req.hdr|req.hdr_cnt|"
            "hdr_cnt|req.hdr_ip|hdr_ip|req.hdr_val|hdr_val|req.hdrs|req.hdrs_bin|http_auth|http_auth_bearer|"
            "http_auth_group|http_auth_pass|http_auth_type|http_auth_user|http_first_req|method|path|pathq|query|"
            "req.hdr_names|req.ver|req_ver|res.body|res.body_len|res.body_size|res.cache_hit|res.cache_name|"
            "res.comp|res.comp_algo|res.cook|scook|res.cook_cnt|scook_cnt|res.cook_val|scook_val|res.fhdr|"
            "res.fhdr_cnt|res.hdr|shdr|res.hdr_cnt|shdr_cnt|res.hdr_ip|shdr_ip|res.hdr_names|res.hdr_val|"
            "shdr_val|res.hdrs|res.hdrs_bin|res.ver|resp_ver|set-cookie|status|unique-id|url|url_ip|url_port|"
            "urlp|url_param|urlp_val|url32|url32+src"
        ),
        "7.3.7": (
            "internal.htx.data|internal.htx.free|internal.htx.free_data|internal.htx.has_eom|internal.htx.nbblks|"
            "internal.htx.size|internal.htx.used|internal.htx_blk.size|internal.htx_blk.type|"
            "internal.htx_blk.data|internal.htx_blk.hdrname|internal.htx_blk.hdrval|internal.htx_blk.start_line|"
            "internal.strm.is_htx"
        ),
        "9.1": (
            "filter|filter trace"
        ),
        "9.2": (
            "filter|filter compression"
        ),
        "9.3": (
            "filter|filter spoe"
        ),
        "9.4": (
            "filter|filter cache"
        ),
        "9.5": (
            "filter|filter fcgi-app"
        ),
        "9.6": (
            "filter|filter opentracing"
        ),
        "10.1.1": (
            "fcgi-app|acl|docroot|index|log-stderr|log-stderr global|pass-header|path-info|option|"
            "option get-values|no option|no option get-values|option keep-conn|no option keep-conn|"
            "option max-reqs|option mpxs-conns|no option mpxs-conns|set-param"
        ),
        "10.1.2": (
            "use-fcgi-app"
        ),
    },
    "3.0": {
        "3.1": (
            "51degrees-data-file|51degrees-property-name-list|51degrees-property-separator|51degrees-cache-size|"
            "51degrees-use-performance-graph|51degrees-use-predictive-graph|51degrees-drift|51degrees-difference|"
            "51degrees-allow-unmatched|ca-base|chroot|close-spread-time|cluster-secret|cpu-map|crt-base|daemon|"
            "default-path|description|deviceatlas-json-file|deviceatlas-log-level|deviceatlas-properties-cookie|"
            "deviceatlas-separator|expose-deprecated-directives|expose-experimental-directives|external-check|"
            "fd-hard-limit|gid|grace|group|h1-accept-payload-with-any-method|"
            "h1-do-not-close-on-insecure-transfer-encoding|h1-case-adjust|h1-case-adjust-file|"
            "h2-workaround-bogus-websocket-clients|hard-stop-after|harden.reject-privileged-ports.tcp|"
            "harden.reject-privileged-ports.quic|http-err-codes|http-fail-codes|insecure-fork-wanted|"
            "insecure-setuid-wanted|issuers-chain-path|key-base|limited-quic|localpeer|log|log-send-hostname|"
            "log-tag|lua-load|lua-load-per-thread|lua-prepend-path|master-worker|mworker-max-reloads|nbthread|"
            "no-quic|numa-cpu-mapping|ocsp-update.disable|ocsp-update.httpproxy|ocsp-update.maxdelay|"
            "tune.ssl.ocsp-update.maxdelay|ocsp-update.mindelay|tune.ssl.ocsp-update.mindelay|ocsp-update.mode|"
            "pidfile|pp2-never-send-local|presetenv|prealloc-fd|resetenv|server-state-base|server-state-file|"
            "set-dumpable|set-var|set-var-fmt|setcap|setenv|ssl-default-bind-ciphers|"
            "ssl-default-bind-ciphersuites|ssl-default-bind-client-sigalgs|ssl-default-bind-curves|"
            "ssl-default-bind-options|ssl-default-bind-sigalgs|ssl-default-server-ciphers|"
            "ssl-default-server-ciphersuites|ssl-default-server-client-sigalgs|ssl-default-server-curves|"
            "ssl-default-server-options|ssl-default-server-sigalgs|ssl-dh-param-file|ssl-propquery|ssl-provider|"
            "ssl-provider-path|ssl-load-extra-del-ext|ssl-load-extra-files|ssl-security-level|ssl-server-verify|"
            "ssl-skip-self-issued-ca|stats|stats maxconn|stats socket|stats timeout|stats-file|strict-limits|"
            "thread-group|thread-groups|thread-hard-limit|trace|uid|ulimit-n|unix-bind|unsetenv|user|node|"
            "wurfl-cache-size|wurfl-data-file|wurfl-information-list|wurfl-information-list-separator|"
            "wurfl-patch-file"
        ),
        "3.2": (
            "busy-polling|max-spread-checks|maxcompcpuusage|maxcomprate|maxconn|maxconnrate|maxpipes|maxsessrate|"
            "maxsslconn|maxsslrate|maxzlibmem|no-memory-trimming|noepoll|noevports|nogetaddrinfo|nokqueue|nopoll|"
            "noreuseport|nosplice|profiling.memory|profiling.tasks|spread-checks|ssl-engine|ssl-mode-async|"
            "tune.applet.zero-copy-forwarding|tune.buffers.limit|tune.buffers.reserve|tune.bufsize|"
            "tune.comp.maxlevel|tune.disable-fast-forward|tune.disable-zero-copy-forwarding|"
            "tune.epoll.mask-events|tune.events.max-events-at-once|tune.fail-alloc|tune.fd.edge-triggered|"
            "tune.h1.zero-copy-fwd-recv|tune.h1.zero-copy-fwd-send|tune.h2.be.glitches-threshold|"
            "tune.h2.be.initial-window-size|tune.h2.be.max-concurrent-streams|tune.h2.fe.glitches-threshold|"
            "tune.h2.fe.initial-window-size|tune.h2.fe.max-concurrent-streams|tune.h2.fe.max-total-streams|"
            "tune.h2.header-table-size|tune.h2.initial-window-size|tune.h2.max-concurrent-streams|"
            "tune.h2.max-frame-size|tune.h2.zero-copy-fwd-send|tune.http.cookielen|tune.http.logurilen|"
            "tune.http.maxhdr|tune.idle-pool.shared|tune.idletimer|tune.listener.default-shards|"
            "tune.listener.multi-queue|tune.lua.burst-timeout|tune.lua.forced-yield|tune.lua.log.loggers|"
            "tune.lua.log.stderr|tune.lua.maxmem|tune.lua.service-timeout|tune.lua.session-timeout|"
            "tune.lua.task-timeout|tune.max-checks-per-thread|tune.maxaccept|tune.maxpollevents|tune.maxrewrite|"
            "tune.memory.hot-size|tune.pattern.cache-size|tune.peers.max-updates-at-once|tune.pipesize|"
            "tune.pool-high-fd-ratio|tune.pool-low-fd-ratio|tune.pt.zero-copy-forwarding|tune.quic.cc-hystart|"
            "tune.quic.frontend.conn-tx-buffers.limit|tune.quic.frontend.glitches-threshold|"
            "tune.quic.frontend.max-idle-timeout|tune.quic.frontend.max-streams-bidi|tune.quic.max-frame-loss|"
            "tune.quic.reorder-ratio|tune.quic.retry-threshold|tune.quic.socket-owner|"
            "tune.quic.zero-copy-fwd-send|tune.rcvbuf.backend|tune.rcvbuf.frontend|tune.rcvbuf.client|"
            "tune.rcvbuf.server|tune.recv_enough|tune.ring.queues|tune.runqueue-depth|tune.sched.low-latency|"
            "tune.sndbuf.backend|tune.sndbuf.frontend|tune.sndbuf.client|tune.sndbuf.server|tune.ssl.cachesize|"
            "tune.ssl.capture-buffer-size|tune.ssl.capture-cipherlist-size|tune.ssl.default-dh-param|"
            "tune.ssl.force-private-cache|tune.ssl.hard-maxrecord|tune.ssl.keylog|tune.ssl.lifetime|"
            "tune.ssl.maxrecord|tune.ssl.ssl-ctx-cache-size|tune.stick-counters|tune.vars.global-max-size|"
            "tune.vars.proc-max-size|tune.vars.reqres-max-size|tune.vars.sess-max-size|tune.vars.txn-max-size|"
            "tune.zlib.memlevel|tune.zlib.windowsize"
        ),
        "3.3": (
            "anonkey|quick-exit|quiet|warn-blocked-traffic-after|zero-warning"
        ),
        "3.4": (
            "userlist|group|user"
        ),
        "3.5": (
            "peers|bind|disabled|default-bind|default-server|enabled|log|peer|server|shards|table"
        ),
        "3.6": (
            "mailers|mailer|timeout|timeout mail"
        ),
        "3.7": (
            "program|command|user|group|option|option start-on-reload|no option|no option start-on-reload"
        ),
        "3.8": (
            "http-errors|errorfile"
        ),
        "3.9": (
            "ring|backing-file|description|format|maxlen|server|size|timeout|timeout connect|timeout server"
        ),
        "3.10": (
            "log-forward|backlog|bind|dgram-bind|log|log global|maxconn|timeout|timeout client"
        ),
        "3.11": (
            "httpclient.resolvers.disabled|httpclient.resolvers.id|httpclient.resolvers.prefer|"
            "httpclient.retries|httpclient.ssl.ca-file|httpclient.ssl.verify|httpclient.timeout.connect"
        ),
        "3.12": (
            "crt-base|key-base|load"
        ),
        "3.12.1": (
            "crt|alias|key|ocsp|issuer|sctl|ocsp-update"
        ),
        "4.2": (
            "acl|backlog|balance|balance url_param|bind|capture|capture cookie|capture request|"
            "capture request header|capture response|capture response header|clitcpka-cnt|clitcpka-idle|"
            "clitcpka-intvl|compression|compression algo|compression algo-req|compression algo-res|"
            "compression type|compression offload|compression direction|cookie|declare|declare capture|"
            "default-server|default_backend|description|disabled|dispatch|dynamic-cookie-key|enabled|errorfile|"
            "errorfiles|errorloc|errorloc302|errorloc303|email-alert|email-alert from|email-alert level|"
            "email-alert mailers|email-alert myhostname|email-alert to|error-log-format|force-persist|filter|"
            "fullconn|guid|hash-balance-factor|hash-type|http-after-response|http-check|http-check comment|"
            "http-check connect|http-check disable-on-404|http-check expect|http-check send|"
            "http-check send-state|http-check set-var|http-check set-var-fmt|http-check unset-var|http-error|"
            "http-error status|http-request|http-response|http-reuse|http-send-name-header|id|ignore-persist|"
            "load-server-state-from-file|log|log global|no log|log-format|log-format-sd|log-tag|"
            "max-keep-alive-queue|max-session-srv-conns|maxconn|mode|monitor|monitor fail|monitor-uri|option|"
            "option abortonclose|no option|no option abortonclose|option accept-invalid-http-request|"
            "no option accept-invalid-http-request|option accept-invalid-http-response|"
            "no option accept-invalid-http-response|option allbackups|no option allbackups|option checkcache|"
            "no option checkcache|option clitcpka|no option clitcpka|option contstats|option disable-h2-upgrade|"
            "no option disable-h2-upgrade|option dontlog-normal|no option dontlog-normal|option dontlognull|"
            "no option dontlognull|option forwarded|no option forwarded|option forwardfor|"
            "option h1-case-adjust-bogus-client|no option h1-case-adjust-bogus-client|"
            "option h1-case-adjust-bogus-server|no option h1-case-adjust-bogus-server|option http-buffer-request|"
            "no option http-buffer-request|option http-ignore-probes|no option http-ignore-probes|"
            "option http-keep-alive|no option http-keep-alive|option http-no-delay|no option http-no-delay|"
            "option http-pretend-keepalive|no option http-pretend-keepalive|option http-restrict-req-hdr-names|"
            "option http-server-close|no option http-server-close|option http-use-proxy-header|"
            "no option http-use-proxy-header|option httpchk|option httpclose|no option httpclose|option httplog|"
            "option httpslog|option independent-streams|no option independent-streams|option ldap-check|"
            "option external-check|option idle-close-on-response|no option idle-close-on-response|"
            "option log-health-checks|no option log-health-checks|option log-separate-errors|"
            "no option log-separate-errors|option logasap|no option logasap|option mysql-check|option nolinger|"
            "no option nolinger|option originalto|option persist|no option persist|option pgsql-check|"
            "option pgsql-check user|option prefer-last-server|no option prefer-last-server|option redispatch|"
            "no option redispatch|option redis-check|option smtpchk|option socket-stats|no option socket-stats|"
            "option splice-auto|no option splice-auto|option splice-request|no option splice-request|"
            "option splice-response|no option splice-response|option spop-check|option srvtcpka|"
            "no option srvtcpka|option ssl-hello-chk|option tcp-check|option tcp-smart-accept|"
            "no option tcp-smart-accept|option tcp-smart-connect|no option tcp-smart-connect|option tcpka|"
            "option tcplog|option transparent|no option transparent|external-check|external-check command|"
            "external-check path|persist|persist rdp-cookie|rate-limit|rate-limit sessions|redirect|"
            "redirect location|redirect prefix|redirect scheme|retries|retry-on|server|server-state-file-name|"
            "server-template|source|srvtcpka-cnt|srvtcpka-idle|srvtcpka-intvl|stats|stats admin|stats auth|"
            "stats enable|stats hide-version|stats http-request|stats realm|stats refresh|stats scope|"
            "stats show-desc|stats show-legends|stats show-modules|stats show-node|stats uri|stick|stick match|"
            "stick on|stick store-request|stick-table|stick-table type|stick store-response|tcp-check|"
            "tcp-check comment|tcp-check connect|tcp-check expect|tcp-check send|tcp-check send-lf|"
            "tcp-check send-binary|tcp-check send-binary-lf|tcp-check set-var|tcp-check set-var-fmt|"
            "tcp-check unset-var|tcp-request|tcp-request connection|tcp-request content|"
            "tcp-request inspect-delay|tcp-request session|tcp-response|tcp-response content|"
            "tcp-response inspect-delay|timeout|timeout check|timeout client|timeout client-fin|"
            "timeout client-hs|timeout connect|timeout http-keep-alive|timeout http-request|timeout queue|"
            "timeout server|timeout server-fin|timeout tarpit|timeout tunnel|transparent|unique-id-format|"
            "unique-id-header|use_backend|use-fcgi-app|use-server"
        ),
        "4.4": (
            "accept|add-acl|add-header|allow|attach-srv|auth|cache-store|cache-use|capture|close|del-acl|"
            "del-header|del-map|deny|disable-l7-retry|do-resolve|early-hint|expect-netscaler-cip|"
            "expect-netscaler-cip layer4|expect-proxy|expect-proxy layer4|normalize-uri|"
            "normalize-uri fragment-encode|normalize-uri fragment-strip|normalize-uri path-merge-slashes|"
            "normalize-uri path-strip-dot|normalize-uri path-strip-dotdot|"
            "normalize-uri percent-decode-unreserved|normalize-uri percent-to-uppercase|"
            "normalize-uri query-sort-by-name|redirect|reject|replace-header|replace-path|replace-pathq|"
            "replace-uri|replace-value|return|sc-add-gpc|sc-inc-gpc|sc-inc-gpc0|sc-inc-gpc1|sc-set-gpt|"
            "sc-set-gpt0|send-spoe-group|set-bandwidth-limit|set-bc-mark|set-bc-tos|set-dst|set-dst-port|"
            "set-fc-mark|set-fc-tos|set-header|set-log-level|set-map|set-mark|set-method|set-nice|set-path|"
            "set-pathq|set-priority-class|set-priority-offset|set-query|set-src|set-src-port|set-status|"
            "set-timeout|set-tos|set-uri|set-var|set-var-fmt|silent-drop|strict-mode|switch-mode|"
            "switch-mode http|tarpit|track-sc0|track-sc1|track-sc2|unset-var|use-service|wait-for-body|"
            "wait-for-body time|wait-for-handshake"
        ),
        "5.1": (
            "accept-netscaler-cip|accept-proxy|allow-0rtt|alpn|backlog|ca-file|ca-ignore-err|ca-sign-file|"
            "ca-sign-pass|ca-verify-file|ciphers|ciphersuites|client-sigalgs|crl-file|crt|crt-ignore-err|"
            "crt-list|default-crt|curves|defer-accept|ecdhe|expose-fd|expose-fd listeners|force-sslv3|"
            "force-tlsv10|force-tlsv11|force-tlsv12|force-tlsv13|generate-certificates|gid|group|guid-prefix|id|"
            "interface|level|maxconn|mode|mss|name|namespace|nbconn|nice|no-alpn|no-ca-names|no-sslv3|"
            "no-tls-tickets|no-tlsv10|no-tlsv11|no-tlsv12|no-tlsv13|npn|prefer-client-ciphers|proto|quic-cc-algo|"
            "quic-force-retry|quic-socket|severity-output|shards|sigalgs|ssl|ssl-max-ver|ssl-min-ver|strict-sni|"
            "tcp-ut|tfo|thread|tls-ticket-keys|transparent|uid|user|v4v6|v6only|verify"
        ),
        "5.2": (
            "addr|agent-check|agent-send|agent-inter|agent-addr|agent-port|allow-0rtt|alpn|backup|ca-file|check|"
            "check-send-proxy|check-alpn|check-proto|check-sni|check-ssl|check-via-socks4|ciphers|ciphersuites|"
            "client-sigalgs|cookie|crl-file|crt|curves|disabled|enabled|error-limit|fall|force-sslv3|"
            "force-tlsv10|force-tlsv11|force-tlsv12|force-tlsv13|guid|hash-key|id|init-addr|inter|fastinter|"
            "downinter|log-bufsize|log-proto|maxconn|maxqueue|max-reuse|minconn|namespace|no-agent-check|"
            "no-backup|no-check|no-check-ssl|no-send-proxy|no-send-proxy-v2|no-send-proxy-v2-ssl|"
            "no-send-proxy-v2-ssl-cn|no-ssl|no-ssl-reuse|no-sslv3|no-tls-tickets|no-tlsv10|no-tlsv11|no-tlsv12|"
            "no-tlsv13|no-verifyhost|no-tfo|non-stick|npn|observe|on-error|on-marked-down|on-marked-up|"
            "pool-conn-name|pool-low-conn|pool-max-conn|pool-purge-delay|port|proto|redir|rise|resolve-opts|"
            "resolve-prefer|resolve-net|resolvers|send-proxy|send-proxy-v2|set-proxy-v2-tlv-fmt|proxy-v2-options|"
            "send-proxy-v2-ssl|send-proxy-v2-ssl-cn|shard|sigalgs|slowstart|sni|source|ssl|ssl-max-ver|"
            "ssl-min-ver|ssl-reuse|stick|socks4|tcp-ut|tfo|track|tls-tickets|verify|verifyhost|weight|ws"
        ),
        "5.3.2": (
            "resolvers|accepted_payload_size|nameserver|parse-resolv-conf|hold|resolve_retries|timeout"
        ),
        "6.2.1": (
            "cache|total-max-size|max-object-size|max-age|process-vary|max-secondary-entries"
        ),
        "7.3.1": (
            "51d.single|add|add_item|aes_gcm_dec|aes_gcm_enc|and|b64dec|base64|be2dec|be2hex|bool|bytes|"
            "capture-req|capture-res|concat|cpl|crc32|crc32c|cut_crlf|da-csv-conv|debug|digest|div|djb2|even|"
            "field|fix_is_valid|fix_tag_value|hex|hex2i|hmac|host_only|htonl|http_date|iif|in_table|ipmask|json|"
            "json_query|jwt_header_query|jwt_payload_query|jwt_verify|language|length|lower|ltime|ltrim|map|mod|"
            "mqtt_field_value|mqtt_is_valid|ms_ltime|ms_utime|mul|nbsrv|neg|not|odd|or|param|port_only|protobuf|"
            "regsub|rfc7239_field|rfc7239_is_valid|rfc7239_n2nn|rfc7239_n2np|rtrim|sdbm|secure_memcmp|set-var|"
            "sha1|sha2|srv_queue|strcmp|sub|table_bytes_in_rate|table_bytes_out_rate|table_conn_cnt|"
            "table_conn_cur|table_conn_rate|table_expire|table_glitch_cnt|table_glitch_rate|table_gpc|table_gpc0|"
            "table_gpc0_rate|table_gpc1|table_gpc1_rate|table_gpc_rate|table_gpt|table_gpt0|table_http_err_cnt|"
            "table_http_err_rate|table_http_fail_cnt|table_http_fail_rate|table_http_req_cnt|table_http_req_rate|"
            "table_idle|table_kbytes_in|table_kbytes_out|table_server_id|table_sess_cnt|table_sess_rate|"
            "table_trackers|ub64dec|ub64enc|ungrpc|unset-var|upper|url_dec|url_enc|us_ltime|us_utime|utime|when|"
            "word|wt6|x509_v_err_str|xor|xxh3|xxh32|xxh64"
        ),
        "7.3.2": (
            "act_conn|acl|always_false|always_true|avg_queue|be_conn|be_conn_free|be_sess_rate|bin|bool|"
            "connslots|cpu_calls|cpu_ns_avg|cpu_ns_tot|date|date_us|env|fe_conn|fe_req_rate|fe_sess_rate|"
            "hostname|int|ipv4|ipv6|last_rule_file|last_rule_line|lat_ns_avg|lat_ns_tot|meth|nbsrv|prio_class|"
            "prio_offset|pid|proc|queue|quic_enabled|rand|srv_conn|srv_conn_free|srv_is_up|srv_queue|"
            "srv_sess_rate|srv_iweight|srv_uweight|srv_weight|stopping|str|table_avl|table_cnt|thread|txn.id32|"
            "txn.sess_term_state|uptime|uuid|var|wait_end"
        ),
        "7.3.3": (
            "accept_date|bc.timer.connect|bc_be_queue|bc_dst|bc_dst_port|bc_err|bc_err_name|bc_err_str|"
            "bc_glitches|bc_http_major|bc_nb_streams|bc_src|bc_src_port|bc_srv_queue|bc_settings_streams_limit|"
            "be_id|be_name|bc_rtt|bc_rttvar|be_server_timeout|be_tunnel_timeout|bytes_in|bytes_out|"
            "cur_server_timeout|cur_tunnel_timeout|cur_client_timeout|dst|dst_conn|dst_is_local|dst_port|"
            "fc.timer.handshake|fc.timer.total|fc_dst|fc_dst_is_local|fc_dst_port|fc_err|fc_err_name|fc_err_str|"
            "fc_fackets|fc_glitches|fc_http_major|fc_lost|fc_nb_streams|fc_pp_authority|fc_pp_unique_id|"
            "fc_pp_tlv|fc_rcvd_proxy|fc_reordering|fc_retrans|fc_rtt|fc_rttvar|fc_sacked|fc_src|fc_src_is_local|"
            "fc_src_port|fc_settings_streams_limit|fc_unacked|fe_defbe|fe_id|fe_name|fe_client_timeout|"
            "res.timer.data|sc_bytes_in_rate|sc0_bytes_in_rate|sc1_bytes_in_rate|sc2_bytes_in_rate|"
            "sc_bytes_out_rate|sc0_bytes_out_rate|sc1_bytes_out_rate|sc2_bytes_out_rate|sc_clr_gpc|sc_clr_gpc0|"
            "sc0_clr_gpc0|sc1_clr_gpc0|sc2_clr_gpc0|sc_clr_gpc1|sc0_clr_gpc1|sc1_clr_gpc1|sc2_clr_gpc1|"
            "sc_conn_cnt|sc0_conn_cnt|sc1_conn_cnt|sc2_conn_cnt|sc_conn_cur|sc0_conn_cur|sc1_conn_cur|"
            "sc2_conn_cur|sc_conn_rate|sc0_conn_rate|sc1_conn_rate|sc2_conn_rate|sc_get_gpc|sc_get_gpc0|"
            "sc0_get_gpc0|sc1_get_gpc0|sc2_get_gpc0|sc_get_gpc1|sc0_get_gpc1|sc1_get_gpc1|sc2_get_gpc1|"
            "sc_get_gpt|sc_get_gpt0|sc0_get_gpt0|sc1_get_gpt0|sc2_get_gpt0|sc_glitch_cnt|sc0_glitch_cnt|"
            "sc1_glitch_cnt|sc2_glitch_cnt|sc_glitch_rate|sc0_glitch_rate|sc1_glitch_rate|sc2_glitch_rate|"
            "sc_gpc_rate|sc_gpc0_rate|sc0_gpc0_rate|sc1_gpc0_rate|sc2_gpc0_rate|sc_gpc1_rate|sc0_gpc1_rate|"
            "sc1_gpc1_rate|sc2_gpc1_rate|sc_http_err_cnt|sc0_http_err_cnt|sc1_http_err_cnt|sc2_http_err_cnt|"
            "sc_http_err_rate|sc0_http_err_rate|sc1_http_err_rate|sc2_http_err_rate|sc_http_fail_cnt|"
            "sc0_http_fail_cnt|sc1_http_fail_cnt|sc2_http_fail_cnt|sc_http_fail_rate|sc0_http_fail_rate|"
            "sc1_http_fail_rate|sc2_http_fail_rate|sc_http_req_cnt|sc0_http_req_cnt|sc1_http_req_cnt|"
            "sc2_http_req_cnt|sc_http_req_rate|sc0_http_req_rate|sc1_http_req_rate|sc2_http_req_rate|sc_inc_gpc|"
            "sc_inc_gpc0|sc0_inc_gpc0|sc1_inc_gpc0|sc2_inc_gpc0|sc_inc_gpc1|sc0_inc_gpc1|sc1_inc_gpc1|"
            "sc2_inc_gpc1|sc_kbytes_in|sc0_kbytes_in|sc1_kbytes_in|sc2_kbytes_in|sc_kbytes_out|sc0_kbytes_out|"
            "sc1_kbytes_out|sc2_kbytes_out|sc_sess_cnt|sc0_sess_cnt|sc1_sess_cnt|sc2_sess_cnt|sc_sess_rate|"
            "sc0_sess_rate|sc1_sess_rate|sc2_sess_rate|sc_tracked|sc0_tracked|sc1_tracked|sc2_tracked|"
            "sc_trackers|sc0_trackers|sc1_trackers|sc2_trackers|so_id|so_name|src|src_bytes_in_rate|"
            "src_bytes_out_rate|src_clr_gpc|src_clr_gpc0|src_clr_gpc1|src_conn_cnt|src_conn_cur|src_conn_rate|"
            "src_get_gpc|src_get_gpc0|src_get_gpc1|src_get_gpt|src_get_gpt0|src_glitch_cnt|src_glitch_rate|"
            "src_gpc_rate|src_gpc0_rate|src_gpc1_rate|src_http_err_cnt|src_http_err_rate|src_http_fail_cnt|"
            "src_http_fail_rate|src_http_req_cnt|src_http_req_rate|src_inc_gpc|src_inc_gpc0|src_inc_gpc1|"
            "src_is_local|src_kbytes_in|src_kbytes_out|src_port|src_sess_cnt|src_sess_rate|src_updt_conn_cnt|"
            "srv_id|srv_name|txn.conn_retries|txn.redispatched"
        ),
        "7.3.4": (
            "51d.all|bs.aborted|bs.debug_str|bs.id|bs.rst_code|ssl_bc|fs.aborted|fs.debug_str|fs.id|fs.rst_code|"
            "ssl_bc_alg_keysize|ssl_bc_alpn|ssl_bc_cipher|ssl_bc_client_random|"
            "ssl_bc_client_early_traffic_secret|ssl_bc_client_handshake_traffic_secret|"
            "ssl_bc_client_traffic_secret_0|ssl_bc_exporter_secret|ssl_bc_early_exporter_secret|ssl_bc_curve|"
            "ssl_bc_err|ssl_bc_err_str|ssl_bc_is_resumed|ssl_bc_npn|ssl_bc_protocol|ssl_bc_unique_id|"
            "ssl_bc_server_handshake_traffic_secret|ssl_bc_server_traffic_secret_0|ssl_bc_server_random|"
            "ssl_bc_session_id|ssl_bc_session_key|ssl_bc_use_keysize|ssl_c_ca_err|ssl_c_ca_err_depth|"
            "ssl_c_chain_der|ssl_c_der|ssl_c_err|ssl_c_i_dn|ssl_c_key_alg|ssl_c_notafter|ssl_c_notbefore|"
            "ssl_c_r_dn|ssl_c_s_dn|ssl_c_serial|ssl_c_sha1|ssl_c_sig_alg|ssl_c_used|ssl_c_verify|ssl_c_version|"
            "ssl_f_der|ssl_f_i_dn|ssl_f_key_alg|ssl_f_notafter|ssl_f_notbefore|ssl_f_s_dn|ssl_f_serial|"
            "ssl_f_sha1|ssl_f_sig_alg|ssl_f_version|ssl_fc|ssl_fc_alg_keysize|ssl_fc_alpn|ssl_fc_cipher|"
            "ssl_fc_cipherlist_bin|ssl_fc_cipherlist_hex|ssl_fc_cipherlist_str|ssl_fc_cipherlist_xxh|"
            "ssl_fc_curve|ssl_fc_ecformats_bin|ssl_fc_eclist_bin|ssl_fc_extlist_bin|ssl_fc_client_random|"
            "ssl_fc_client_early_traffic_secret|ssl_fc_client_handshake_traffic_secret|"
            "ssl_fc_client_traffic_secret_0|ssl_fc_exporter_secret|ssl_fc_early_exporter_secret|ssl_fc_err|"
            "ssl_fc_err_str|ssl_fc_has_crt|ssl_fc_has_early|ssl_fc_has_sni|ssl_fc_is_resumed|ssl_fc_npn|"
            "ssl_fc_protocol|ssl_fc_protocol_hello_id|ssl_fc_unique_id|ssl_fc_server_handshake_traffic_secret|"
            "ssl_fc_server_traffic_secret_0|ssl_fc_server_random|ssl_fc_session_id|ssl_fc_session_key|ssl_fc_sni|"
            "ssl_fc_use_keysize|ssl_s_der|ssl_s_chain_der|ssl_s_key_alg|ssl_s_notafter|ssl_s_notbefore|"
            "ssl_s_i_dn|ssl_s_s_dn|ssl_s_serial|ssl_s_sha1|ssl_s_sig_alg|ssl_s_version|txn.timer.user"
        ),
        "7.3.5": (
            "distcc_body|distcc_param|payload|payload_lv|req.len|req_len|req.payload|req.payload_lv|"
            "req.proto_http|req_proto_http|req.rdp_cookie|rdp_cookie|req.rdp_cookie_cnt|rdp_cookie_cnt|"
            "req.ssl_alpn|req.ssl_ec_ext|req.ssl_hello_type|req_ssl_hello_type|req.ssl_sni|req_ssl_sni|"
            "req.ssl_st_ext|req.ssl_ver|req_ssl_ver|res.len|res.payload|res.payload_lv|res.ssl_hello_type|"
            "rep_ssl_hello_type"
        ),
        "7.3.6": (
            "base|base32|base32+src|baseq|capture.req.hdr|capture.req.method|capture.req.uri|capture.req.ver|"
            "capture.res.hdr|capture.res.ver|req.body|req.body_param|req.body_len|req.body_size|req.cook|cook|"
            "req.cook_cnt|cook_cnt|req.cook_val|cook_val|req.cook_names|cookie|hdr|request_date|req.fhdr|"
            "req.fhdr_cnt|req.hdr|req.hdr_cnt|hdr_cnt|req.hdr_ip|hdr_ip|req.hdr_val|hdr_val|req.hdrs|"
            "req.hdrs_bin|req.timer.hdr|req.timer.idle|req.timer.queue|req.timer.tq|res.timer.hdr|http_auth|"
            "http_auth_bearer|http_auth_group|http_auth_pass|http_auth_type|http_auth_user|http_first_req|method|"
            "path|pathq|query|req.hdr_names|req.ver|req_ver|res.body|res.body_len|res.body_size|res.cache_hit|"
            "res.cache_name|res.comp|res.comp_algo|res.cook|scook|res.cook_cnt|scook_cnt|res.cook_val|scook_val|"
            "res.cook_names|res.fhdr|res.fhdr_cnt|res.hdr|shdr|res.hdr_cnt|shdr_cnt|res.hdr_ip|shdr_ip|"
            "res.hdr_names|res.hdr_val|shdr_val|res.hdrs|res.hdrs_bin|res.ver|resp_ver|server_status|set-cookie|"
            "status|txn.status|txn.timer.total|unique-id|url|url_ip|url_port|urlp|url_param|urlp_val|url32|"
            "url32+src"
        ),
        "7.3.7": (
            "internal.htx.data|internal.htx.free|internal.htx.free_data|internal.htx.has_eom|internal.htx.nbblks|"
            "internal.htx.size|internal.htx.used|internal.htx_blk.size|internal.htx_blk.type|"
            "internal.htx_blk.data|internal.htx_blk.hdrname|internal.htx_blk.hdrval|internal.htx_blk.start_line|"
            "internal.strm.is_htx"
        ),
        "9.1": (
            "filter|filter trace"
        ),
        "9.2": (
            "filter|filter compression"
        ),
        "9.3": (
            "filter|filter spoe"
        ),
        "9.4": (
            "filter|filter cache"
        ),
        "9.5": (
            "filter|filter fcgi-app"
        ),
        "9.6": (
            "filter|filter opentracing"
        ),
        "9.7": (
            "filter|filter bwlim-in|filter bwlim-out"
        ),
        "10.1.1": (
            "fcgi-app|acl|docroot|index|log-stderr|log-stderr global|pass-header|path-info|option|"
            "option get-values|no option|no option get-values|option keep-conn|no option keep-conn|"
            "option max-reqs|option mpxs-conns|no option mpxs-conns|set-param"
        ),
        "10.1.2": (
            "use-fcgi-app"
        ),
    },
    "3.2": {
        "3.1": (
            "51degrees-data-file|51degrees-property-name-list|51degrees-property-separator|51degrees-cache-size|"
            "51degrees-use-performance-graph|51degrees-use-predictive-graph|51degrees-drift|51degrees-difference|"
            "51degrees-allow-unmatched|acme.scheduler|ca-base|chroot|close-spread-time|cluster-secret|cpu-map|"
            "cpu-policy|cpu-set|crt-base|daemon|default-path|description|deviceatlas-json-file|"
            "deviceatlas-log-level|deviceatlas-properties-cookie|deviceatlas-separator|dns-accept-family|"
            "expose-deprecated-directives|expose-experimental-directives|external-check|fd-hard-limit|gid|grace|"
            "group|h1-accept-payload-with-any-method|h1-do-not-close-on-insecure-transfer-encoding|"
            "h1-case-adjust|h1-case-adjust-file|h2-workaround-bogus-websocket-clients|hard-stop-after|"
            "harden.reject-privileged-ports.tcp|harden.reject-privileged-ports.quic|http-err-codes|"
            "http-fail-codes|insecure-fork-wanted|insecure-setuid-wanted|issuers-chain-path|key-base|"
            "limited-quic|localpeer|log|log-send-hostname|log-tag|lua-load|lua-load-per-thread|lua-prepend-path|"
            "master-worker|mworker-max-reloads|nbthread|no-quic|numa-cpu-mapping|ocsp-update.disable|"
            "ocsp-update.httpproxy|ocsp-update.maxdelay|tune.ssl.ocsp-update.maxdelay|ocsp-update.mindelay|"
            "tune.ssl.ocsp-update.mindelay|ocsp-update.mode|pidfile|pp2-never-send-local|presetenv|prealloc-fd|"
            "resetenv|server-state-base|server-state-file|set-dumpable|set-var|set-var-fmt|setcap|setenv|"
            "ssl-default-bind-ciphers|ssl-default-bind-ciphersuites|ssl-default-bind-client-sigalgs|"
            "ssl-default-bind-curves|ssl-default-bind-options|ssl-default-bind-sigalgs|"
            "ssl-default-server-ciphers|ssl-default-server-ciphersuites|ssl-default-server-client-sigalgs|"
            "ssl-default-server-curves|ssl-default-server-options|ssl-default-server-sigalgs|ssl-dh-param-file|"
            "ssl-propquery|ssl-provider|ssl-provider-path|ssl-load-extra-del-ext|ssl-load-extra-files|"
            "ssl-security-level|ssl-server-verify|ssl-skip-self-issued-ca|stats|stats maxconn|stats socket|"
            "stats timeout|stats-file|stress-level|strict-limits|thread-group|thread-groups|thread-hard-limit|"
            "uid|ulimit-n|unix-bind|unsetenv|user|node|wurfl-cache-size|wurfl-data-file|wurfl-information-list|"
            "wurfl-information-list-separator|wurfl-patch-file"
        ),
        "3.2": (
            "busy-polling|max-spread-checks|maxcompcpuusage|maxcomprate|maxconn|maxconnrate|maxpipes|maxsessrate|"
            "maxsslconn|maxsslrate|maxzlibmem|no-memory-trimming|noepoll|noevports|nogetaddrinfo|nokqueue|nopoll|"
            "noreuseport|nosplice|profiling.memory|profiling.tasks|spread-checks|ssl-engine|ssl-mode-async|"
            "tune.applet.zero-copy-forwarding|tune.buffers.limit|tune.buffers.reserve|tune.bufsize|"
            "tune.bufsize.small|tune.comp.maxlevel|tune.disable-fast-forward|tune.disable-zero-copy-forwarding|"
            "tune.epoll.mask-events|tune.events.max-events-at-once|tune.fail-alloc|tune.fd.edge-triggered|"
            "tune.glitches.kill.cpu-usage|tune.h1.zero-copy-fwd-recv|tune.h1.zero-copy-fwd-send|"
            "tune.h2.be.glitches-threshold|tune.h2.be.initial-window-size|tune.h2.be.max-concurrent-streams|"
            "tune.h2.be.max-frames-at-once|tune.h2.be.rxbuf|tune.h2.fe.glitches-threshold|"
            "tune.h2.fe.initial-window-size|tune.h2.fe.max-concurrent-streams|tune.h2.fe.max-frames-at-once|"
            "tune.h2.fe.max-rst-at-once|tune.h2.fe.max-total-streams|tune.h2.fe.rxbuf|tune.h2.header-table-size|"
            "tune.h2.initial-window-size|tune.h2.log-errors|tune.h2.max-concurrent-streams|"
            "tune.h2.max-frame-size|tune.h2.zero-copy-fwd-send|tune.http.cookielen|tune.http.logurilen|"
            "tune.http.maxhdr|tune.idle-pool.shared|tune.idletimer|tune.listener.default-shards|"
            "tune.listener.multi-queue|tune.lua.bool-sample-conversion|tune.lua.burst-timeout|"
            "tune.lua.forced-yield|tune.lua.log.loggers|tune.lua.log.stderr|tune.lua.maxmem|"
            "tune.lua.service-timeout|tune.lua.session-timeout|tune.lua.task-timeout|tune.max-checks-per-thread|"
            "tune.maxaccept|tune.maxpollevents|tune.maxrewrite|tune.max-rules-at-once|tune.memory.hot-size|"
            "tune.notsent-lowat.client|tune.notsent-lowat.server|tune.pattern.cache-size|"
            "tune.peers.max-updates-at-once|tune.pipesize|tune.pool-high-fd-ratio|tune.pool-low-fd-ratio|"
            "tune.pt.zero-copy-forwarding|tune.quic.cc-hystart|tune.quic.cc.cubic.min-losses|"
            "tune.quic.disable-tx-pacing|tune.quic.disable-udp-gso|tune.quic.frontend.glitches-threshold|"
            "tune.quic.frontend.max-data-size|tune.quic.frontend.max-idle-timeout|"
            "tune.quic.frontend.max-streams-bidi|tune.quic.frontend.max-tx-mem|"
            "tune.quic.frontend.stream-data-ratio|tune.quic.frontend.default-max-window-size|"
            "tune.quic.max-frame-loss|tune.quic.reorder-ratio|tune.quic.retry-threshold|tune.quic.socket-owner|"
            "tune.quic.zero-copy-fwd-send|tune.renice.runtime|tune.renice.startup|tune.rcvbuf.backend|"
            "tune.rcvbuf.frontend|tune.rcvbuf.client|tune.rcvbuf.server|tune.recv_enough|tune.ring.queues|"
            "tune.runqueue-depth|tune.sched.low-latency|tune.sndbuf.backend|tune.sndbuf.frontend|"
            "tune.sndbuf.client|tune.sndbuf.server|tune.ssl.cachesize|tune.ssl.capture-buffer-size|"
            "tune.ssl.capture-cipherlist-size|tune.ssl.certificate-compression|tune.ssl.default-dh-param|"
            "tune.ssl.force-private-cache|tune.ssl.hard-maxrecord|tune.ssl.keylog|tune.ssl.lifetime|"
            "tune.ssl.maxrecord|tune.ssl.ssl-ctx-cache-size|tune.stick-counters|"
            "tune.takeover-other-tg-connections|tune.vars.global-max-size|tune.vars.proc-max-size|"
            "tune.vars.reqres-max-size|tune.vars.sess-max-size|tune.vars.txn-max-size|tune.zlib.memlevel|"
            "tune.zlib.windowsize"
        ),
        "3.3": (
            "anonkey|debug.counters|force-cfg-parser-pause|quick-exit|quiet|warn-blocked-traffic-after|"
            "zero-warning"
        ),
        "3.4": (
            "httpclient.resolvers.disabled|httpclient.resolvers.id|httpclient.resolvers.prefer|"
            "httpclient.retries|httpclient.ssl.ca-file|httpclient.ssl.verify|httpclient.timeout.connect"
        ),
        "4.2": (
            "acl|backlog|balance|balance url_param|bind|capture|capture cookie|capture request|"
            "capture request header|capture response|capture response header|clitcpka-cnt|clitcpka-idle|"
            "clitcpka-intvl|compression|compression algo|compression algo-req|compression algo-res|"
            "compression type|compression minsize-req|compression minsize-res|compression offload|"
            "compression direction|cookie|declare|declare capture|default-server|default_backend|description|"
            "disabled|dispatch|dynamic-cookie-key|enabled|errorfile|errorfiles|errorloc|errorloc302|errorloc303|"
            "email-alert|email-alert from|email-alert level|email-alert mailers|email-alert myhostname|"
            "email-alert to|error-log-format|force-persist|filter|fullconn|guid|hash-balance-factor|"
            "hash-preserve-affinity|hash-type|http-after-response|http-check|http-check comment|"
            "http-check connect|http-check disable-on-404|http-check expect|http-check send|"
            "http-check send-state|http-check set-var|http-check set-var-fmt|http-check unset-var|http-error|"
            "http-error status|http-request|http-response|http-reuse|http-send-name-header|id|ignore-persist|"
            "load-server-state-from-file|log|log global|no log|log-format|log-format-sd|log-steps|log-tag|"
            "max-keep-alive-queue|max-session-srv-conns|maxconn|mode|monitor|monitor fail|monitor-uri|option|"
            "option abortonclose|no option|no option abortonclose|option accept-invalid-http-request|"
            "no option accept-invalid-http-request|option accept-invalid-http-response|"
            "no option accept-invalid-http-response|option accept-unsafe-violations-in-http-request|"
            "no option accept-unsafe-violations-in-http-request|option accept-unsafe-violations-in-http-response|"
            "no option accept-unsafe-violations-in-http-response|option allbackups|no option allbackups|"
            "option checkcache|no option checkcache|option clitcpka|no option clitcpka|option contstats|"
            "option disable-h2-upgrade|no option disable-h2-upgrade|option dontlog-normal|"
            "no option dontlog-normal|option dontlognull|no option dontlognull|option forwarded|"
            "no option forwarded|option forwardfor|option h1-case-adjust-bogus-client|"
            "no option h1-case-adjust-bogus-client|option h1-case-adjust-bogus-server|"
            "no option h1-case-adjust-bogus-server|option http-buffer-request|no option http-buffer-request|"
            "option http-drop-request-trailers|no option http-drop-request-trailers|"
            "option http-drop-response-trailers|no option http-drop-response-trailers|option http-ignore-probes|"
            "no option http-ignore-probes|option http-keep-alive|no option http-keep-alive|option http-no-delay|"
            "no option http-no-delay|option http-pretend-keepalive|no option http-pretend-keepalive|"
            "option http-restrict-req-hdr-names|option http-server-close|no option http-server-close|"
            "option http-use-proxy-header|no option http-use-proxy-header|option httpchk|option httpclose|"
            "no option httpclose|option httplog|option httpslog|option independent-streams|"
            "no option independent-streams|option ldap-check|option external-check|option idle-close-on-response|"
            "no option idle-close-on-response|option log-health-checks|no option log-health-checks|"
            "option log-separate-errors|no option log-separate-errors|option logasap|no option logasap|"
            "option mysql-check|option nolinger|no option nolinger|option originalto|option persist|"
            "no option persist|option pgsql-check|option pgsql-check user|option prefer-last-server|"
            "no option prefer-last-server|option redispatch|no option redispatch|option redis-check|"
            "option smtpchk|option socket-stats|no option socket-stats|option splice-auto|no option splice-auto|"
            "option splice-request|no option splice-request|option splice-response|no option splice-response|"
            "option spop-check|option srvtcpka|no option srvtcpka|option ssl-hello-chk|option tcp-check|"
            "option tcp-smart-accept|no option tcp-smart-accept|option tcp-smart-connect|"
            "no option tcp-smart-connect|option tcpka|option tcplog|option transparent|no option transparent|"
            "external-check|external-check command|external-check path|persist|persist rdp-cookie|quic-initial|"
            "rate-limit|rate-limit sessions|redirect|redirect location|redirect prefix|redirect scheme|retries|"
            "retry-on|server|server-state-file-name|server-template|source|srvtcpka-cnt|srvtcpka-idle|"
            "srvtcpka-intvl|stats|stats admin|ssl-f-use|stats auth|stats enable|stats hide-version|"
            "stats http-request|stats realm|stats refresh|stats scope|stats show-desc|stats show-legends|"
            "stats show-modules|stats show-node|stats uri|stick|stick match|stick on|stick store-request|"
            "stick store-response|stick-table|stick-table type|tcp-check|tcp-check comment|tcp-check connect|"
            "tcp-check expect|tcp-check send|tcp-check send-lf|tcp-check send-binary|tcp-check send-binary-lf|"
            "tcp-check set-var|tcp-check set-var-fmt|tcp-check unset-var|tcp-request|tcp-request connection|"
            "tcp-request content|tcp-request inspect-delay|tcp-request session|tcp-response|tcp-response content|"
            "tcp-response inspect-delay|timeout|timeout check|timeout client|timeout client-fin|"
            "timeout client-hs|timeout connect|timeout http-keep-alive|timeout http-request|timeout queue|"
            "timeout server|timeout server-fin|timeout tarpit|timeout tunnel|transparent|unique-id-format|"
            "unique-id-header|use_backend|use-fcgi-app|use-server"
        ),
        "4.4": (
            "accept|add-acl|add-header|allow|attach-srv|auth|cache-store|cache-use|capture|close|del-acl|"
            "del-header|del-map|deny|dgram-drop|disable-l7-retry|do-log|do-resolve|early-hint|"
            "expect-netscaler-cip|expect-netscaler-cip layer4|expect-proxy|expect-proxy layer4|normalize-uri|"
            "normalize-uri fragment-encode|normalize-uri fragment-strip|normalize-uri path-merge-slashes|"
            "normalize-uri path-strip-dot|normalize-uri path-strip-dotdot|"
            "normalize-uri percent-decode-unreserved|normalize-uri percent-to-uppercase|"
            "normalize-uri query-sort-by-name|pause|redirect|reject|replace-header|replace-path|replace-pathq|"
            "replace-uri|replace-value|return|sc-add-gpc|sc-inc-gpc|sc-inc-gpc0|sc-inc-gpc1|sc-set-gpt|"
            "sc-set-gpt0|send-retry|send-spoe-group|set-bandwidth-limit|set-bc-mark|set-bc-tos|set-dst|"
            "set-dst-port|set-fc-mark|set-fc-tos|set-header|set-log-level|set-map|set-mark|set-method|set-nice|"
            "set-path|set-pathq|set-priority-class|set-priority-offset|set-query|set-retries|set-src|"
            "set-src-port|set-status|set-timeout|set-tos|set-uri|set-var|set-var-fmt|silent-drop|strict-mode|"
            "switch-mode|switch-mode http|tarpit|track-sc0|track-sc1|track-sc2|unset-var|use-service|"
            "wait-for-body|wait-for-body time|wait-for-handshake"
        ),
        "5.1": (
            "accept-netscaler-cip|accept-proxy|allow-0rtt|alpn|backlog|ca-file|ca-ignore-err|ca-sign-file|"
            "ca-sign-pass|ca-verify-file|ciphers|ciphersuites|client-sigalgs|crl-file|crt|crt-ignore-err|"
            "crt-list|default-crt|curves|defer-accept|ecdhe|expose-fd|expose-fd listeners|force-sslv3|"
            "force-tlsv10|force-tlsv11|force-tlsv12|force-tlsv13|generate-certificates|gid|group|guid-prefix|id|"
            "idle-ping|interface|label|level|maxconn|mode|mss|name|namespace|nbconn|nice|no-alpn|no-ca-names|"
            "no-sslv3|no-strict-sni|no-tls-tickets|no-tlsv10|no-tlsv11|no-tlsv12|no-tlsv13|npn|"
            "prefer-client-ciphers|proto|quic-cc-algo|quic-force-retry|quic-socket|severity-output|shards|"
            "sigalgs|ssl|ssl-max-ver|ssl-min-ver|strict-sni|tcp-ut|tfo|thread|tls-tickets|tls-ticket-keys|"
            "transparent|uid|user|v4v6|v6only|verify"
        ),
        "5.2": (
            "addr|agent-check|agent-send|agent-inter|agent-addr|agent-port|allow-0rtt|alpn|backup|ca-file|check|"
            "check-reuse-pool|check-send-proxy|check-alpn|check-pool-conn-name|check-proto|check-sni|check-ssl|"
            "check-via-socks4|ciphers|ciphersuites|client-sigalgs|cookie|crl-file|crt|curves|disabled|enabled|"
            "error-limit|fall|force-sslv3|force-tlsv10|force-tlsv11|force-tlsv12|force-tlsv13|guid|hash-key|id|"
            "idle-ping|init-addr|inter|fastinter|downinter|init-state|log-bufsize|log-proto|maxconn|maxqueue|"
            "max-reuse|minconn|namespace|no-agent-check|no-backup|no-check|no-check-reuse-pool|no-check-ssl|"
            "no-send-proxy|no-send-proxy-v2|no-send-proxy-v2-ssl|no-send-proxy-v2-ssl-cn|no-ssl|no-ssl-reuse|"
            "no-sslv3|no-tls-tickets|no-tlsv10|no-tlsv11|no-tlsv12|no-tlsv13|no-verifyhost|no-tfo|non-stick|npn|"
            "observe|on-error|on-marked-down|on-marked-up|pool-conn-name|pool-low-conn|pool-max-conn|"
            "pool-purge-delay|port|proto|redir|rise|resolve-opts|resolve-prefer|resolve-net|resolvers|send-proxy|"
            "send-proxy-v2|set-proxy-v2-tlv-fmt|proxy-v2-options|send-proxy-v2-ssl|send-proxy-v2-ssl-cn|shard|"
            "sigalgs|slowstart|sni|source|ssl|ssl-max-ver|ssl-min-ver|ssl-reuse|stick|strict-maxconn|socks4|"
            "tcp-ut|tfo|track|tls-tickets|verify|verifyhost|weight|ws"
        ),
        "5.3.2": (
            "resolvers|accepted_payload_size|nameserver|parse-resolv-conf|hold|resolve_retries|timeout"
        ),
        "6.2.1": (
            "cache|max-age|max-object-size|max-secondary-entries|process-vary|total-max-size"
        ),
        "7.3.1": (
            "51d.single|add|add_item|aes_gcm_dec|aes_gcm_enc|and|b64dec|base2|base64|be2dec|le2dec|be2hex|bool|"
            "bytes|capture-req|capture-res|concat|cpl|crc32|crc32c|cut_crlf|da-csv-conv|date|debug|digest|div|"
            "djb2|even|field|fix_is_valid|fix_tag_value|has_ctl|hex|hex2i|hmac|host_only|htonl|http_date|iif|"
            "in_table|ipmask|json|json_query|jwt_header_query|jwt_payload_query|jwt_verify|language|length|lower|"
            "ltime|ltrim|map|mod|mqtt_field_value|mqtt_is_valid|ms_ltime|ms_utime|mul|nbsrv|neg|not|odd|or|param|"
            "port_only|protobuf|regsub|rfc7239_field|rfc7239_is_valid|rfc7239_n2nn|rfc7239_n2np|rfc7239_nn|"
            "rfc7239_np|rtrim|sdbm|secure_memcmp|set-var|sha1|sha2|srv_is_up|srv_queue|strcmp|sub|"
            "table_bytes_in_rate|table_bytes_out_rate|table_clr_gpc|table_clr_gpc0|table_clr_gpc1|table_conn_cnt|"
            "table_conn_cur|table_conn_rate|table_expire|table_glitch_cnt|table_glitch_rate|table_gpc|table_gpc0|"
            "table_gpc0_rate|table_gpc1|table_gpc1_rate|table_gpc_rate|table_gpt|table_gpt0|table_http_err_cnt|"
            "table_http_err_rate|table_http_fail_cnt|table_http_fail_rate|table_http_req_cnt|table_http_req_rate|"
            "table_idle|table_inc_gpc|table_inc_gpc0|table_inc_gpc1|table_kbytes_in|table_kbytes_out|"
            "table_server_id|table_sess_cnt|table_sess_rate|table_trackers|ub64dec|ub64enc|ungrpc|unset-var|"
            "upper|url_dec|url_enc|us_ltime|us_utime|utime|when|word|wt6|x509_v_err_str|xor|xxh3|xxh32|xxh64"
        ),
        "7.3.2": (
            "acl|act_conn|always_false|always_true|avg_queue|be_conn|be_conn_free|be_sess_rate|bin|bool|"
            "connslots|cpu_calls|cpu_ns_avg|cpu_ns_tot|date|date_us|env|fe_conn|fe_req_rate|fe_sess_rate|"
            "hostname|int|ipv4|ipv6|last_entity|last_rule_file|last_rule_line|lat_ns_avg|lat_ns_tot|meth|nbsrv|"
            "pid|prio_class|prio_offset|proc|queue|quic_enabled|rand|srv_conn|srv_conn_free|srv_is_up|"
            "srv_iweight|srv_queue|srv_sess_rate|srv_uweight|srv_weight|stopping|str|table_avl|table_cnt|"
            "term_events|thread|txn.id32|txn.sess_term_state|uptime|uuid|var|wait_end|waiting_entity"
        ),
        "7.3.3": (
            "accept_date|bc.timer.connect|bc_be_queue|bc_dst|bc_dst_port|bc_err|bc_err_name|bc_err_str|"
            "bc_glitches|bc_http_major|bc_nb_streams|bc_reused|bc_rtt|bc_rttvar|bc_settings_streams_limit|bc_src|"
            "bc_src_port|bc_srv_queue|be_id|be_name|be_server_timeout|be_tunnel_timeout|bytes_in|bytes_out|"
            "cur_client_timeout|cur_server_timeout|cur_tunnel_timeout|dst|dst_conn|dst_is_local|dst_port|"
            "fc.timer.handshake|fc.timer.total|fc_dst|fc_dst_is_local|fc_dst_port|fc_err|fc_err_name|fc_err_str|"
            "fc_fackets|fc_glitches|fc_http_major|fc_lost|fc_nb_streams|fc_pp_authority|fc_pp_tlv|"
            "fc_pp_unique_id|fc_rcvd_proxy|fc_reordering|fc_retrans|fc_rtt|fc_rttvar|fc_sacked|"
            "fc_settings_streams_limit|fc_src|fc_src_is_local|fc_src_port|fc_unacked|fe_client_timeout|fe_defbe|"
            "fe_id|fe_name|res.timer.data|sc_bytes_in_rate|sc0_bytes_in_rate|sc1_bytes_in_rate|sc2_bytes_in_rate|"
            "sc_bytes_out_rate|sc0_bytes_out_rate|sc1_bytes_out_rate|sc2_bytes_out_rate|sc_clr_gpc|sc_clr_gpc0|"
            "sc0_clr_gpc0|sc1_clr_gpc0|sc2_clr_gpc0|sc_clr_gpc1|sc0_clr_gpc1|sc1_clr_gpc1|sc2_clr_gpc1|"
            "sc_conn_cnt|sc0_conn_cnt|sc1_conn_cnt|sc2_conn_cnt|sc_conn_cur|sc0_conn_cur|sc1_conn_cur|"
            "sc2_conn_cur|sc_conn_rate|sc0_conn_rate|sc1_conn_rate|sc2_conn_rate|sc_get_gpc|sc_get_gpc0|"
            "sc0_get_gpc0|sc1_get_gpc0|sc2_get_gpc0|sc_get_gpc1|sc0_get_gpc1|sc1_get_gpc1|sc2_get_gpc1|"
            "sc_get_gpt|sc_get_gpt0|sc0_get_gpt0|sc1_get_gpt0|sc2_get_gpt0|sc_glitch_cnt|sc0_glitch_cnt|"
            "sc1_glitch_cnt|sc2_glitch_cnt|sc_glitch_rate|sc0_glitch_rate|sc1_glitch_rate|sc2_glitch_rate|"
            "sc_gpc_rate|sc_gpc0_rate|sc0_gpc0_rate|sc1_gpc0_rate|sc2_gpc0_rate|sc_gpc1_rate|sc0_gpc1_rate|"
            "sc1_gpc1_rate|sc2_gpc1_rate|sc_http_err_cnt|sc0_http_err_cnt|sc1_http_err_cnt|sc2_http_err_cnt|"
            "sc_http_err_rate|sc0_http_err_rate|sc1_http_err_rate|sc2_http_err_rate|sc_http_fail_cnt|"
            "sc0_http_fail_cnt|sc1_http_fail_cnt|sc2_http_fail_cnt|sc_http_fail_rate|sc0_http_fail_rate|"
            "sc1_http_fail_rate|sc2_http_fail_rate|sc_http_req_cnt|sc0_http_req_cnt|sc1_http_req_cnt|"
            "sc2_http_req_cnt|sc_http_req_rate|sc0_http_req_rate|sc1_http_req_rate|sc2_http_req_rate|sc_inc_gpc|"
            "sc_inc_gpc0|sc0_inc_gpc0|sc1_inc_gpc0|sc2_inc_gpc0|sc_inc_gpc1|sc0_inc_gpc1|sc1_inc_gpc1|"
            "sc2_inc_gpc1|sc_kbytes_in|sc0_kbytes_in|sc1_kbytes_in|sc2_kbytes_in|sc_kbytes_out|sc0_kbytes_out|"
            "sc1_kbytes_out|sc2_kbytes_out|sc_key|sc0_key|sc1_key|sc2_key|sc_sess_cnt|sc0_sess_cnt|sc1_sess_cnt|"
            "sc2_sess_cnt|sc_sess_rate|sc0_sess_rate|sc1_sess_rate|sc2_sess_rate|sc_tracked|sc0_tracked|"
            "sc1_tracked|sc2_tracked|sc_trackers|sc0_trackers|sc1_trackers|sc2_trackers|so_id|so_name|src|"
            "src_bytes_in_rate|src_bytes_out_rate|src_clr_gpc|src_clr_gpc0|src_clr_gpc1|src_conn_cnt|"
            "src_conn_cur|src_conn_rate|src_get_gpc|src_get_gpc0|src_get_gpc1|src_get_gpt|src_get_gpt0|"
            "src_glitch_cnt|src_glitch_rate|src_gpc_rate|src_gpc0_rate|src_gpc1_rate|src_http_err_cnt|"
            "src_http_err_rate|src_http_fail_cnt|src_http_fail_rate|src_http_req_cnt|src_http_req_rate|"
            "src_inc_gpc|src_inc_gpc0|src_inc_gpc1|src_is_local|src_kbytes_in|src_kbytes_out|src_port|"
            "src_sess_cnt|src_sess_rate|src_updt_conn_cnt|srv_id|srv_name|txn.conn_retries|txn.redispatched"
        ),
        "7.3.4": (
            "51d.all|bs.aborted|bs.debug_str|bs.id|bs.rst_code|fs.aborted|fs.debug_str|fs.id|fs.rst_code|ssl_bc|"
            "ssl_bc_alg_keysize|ssl_bc_alpn|ssl_bc_cipher|ssl_bc_client_early_traffic_secret|"
            "ssl_bc_client_handshake_traffic_secret|ssl_bc_client_random|ssl_bc_client_traffic_secret_0|"
            "ssl_bc_curve|ssl_bc_early_exporter_secret|ssl_bc_err|ssl_bc_err_str|ssl_bc_exporter_secret|"
            "ssl_bc_is_resumed|ssl_bc_npn|ssl_bc_protocol|ssl_bc_server_handshake_traffic_secret|"
            "ssl_bc_server_random|ssl_bc_server_traffic_secret_0|ssl_bc_session_id|ssl_bc_session_key|ssl_bc_sni|"
            "ssl_bc_unique_id|ssl_bc_use_keysize|ssl_c_ca_err|ssl_c_ca_err_depth|ssl_c_chain_der|ssl_c_der|"
            "ssl_c_err|ssl_c_i_dn|ssl_c_key_alg|ssl_c_notafter|ssl_c_notbefore|ssl_c_r_dn|ssl_c_s_dn|ssl_c_san|"
            "ssl_c_serial|ssl_c_sha1|ssl_c_sig_alg|ssl_c_used|ssl_c_verify|ssl_c_version|ssl_f_der|ssl_f_i_dn|"
            "ssl_f_key_alg|ssl_f_notafter|ssl_f_notbefore|ssl_f_s_dn|ssl_f_serial|ssl_f_sha1|ssl_f_sig_alg|"
            "ssl_f_version|ssl_fc|ssl_fc_alg_keysize|ssl_fc_alpn|ssl_fc_cipher|ssl_fc_cipherlist_bin|"
            "ssl_fc_cipherlist_hex|ssl_fc_cipherlist_str|ssl_fc_cipherlist_xxh|"
            "ssl_fc_client_early_traffic_secret|ssl_fc_client_handshake_traffic_secret|ssl_fc_client_random|"
            "ssl_fc_client_traffic_secret_0|ssl_fc_curve|ssl_fc_early_rcvd|ssl_fc_early_exporter_secret|"
            "ssl_fc_ecformats_bin|ssl_fc_eclist_bin|ssl_fc_err|ssl_fc_err_str|ssl_fc_exporter_secret|"
            "ssl_fc_extlist_bin|ssl_fc_has_crt|ssl_fc_has_early|ssl_fc_has_sni|ssl_fc_is_resumed|ssl_fc_npn|"
            "ssl_fc_protocol|ssl_fc_protocol_hello_id|ssl_fc_server_handshake_traffic_secret|"
            "ssl_fc_server_random|ssl_fc_server_traffic_secret_0|ssl_fc_session_id|ssl_fc_session_key|"
            "ssl_fc_sigalgs_bin|ssl_fc_sni|ssl_fc_supported_versions_bin|ssl_fc_unique_id|ssl_fc_use_keysize|"
            "ssl_s_chain_der|ssl_s_der|ssl_s_i_dn|ssl_s_key_alg|ssl_s_notafter|ssl_s_notbefore|ssl_s_s_dn|"
            "ssl_s_serial|ssl_s_sha1|ssl_s_sig_alg|ssl_s_version|txn.timer.user"
        ),
        "7.3.5": (
            "distcc_body|distcc_param|payload|payload_lv|req.len|req_len|req.payload|req.payload_lv|"
            "req.proto_http|req_proto_http|req.rdp_cookie|rdp_cookie|req.rdp_cookie_cnt|rdp_cookie_cnt|"
            "req.ssl_alpn|req.ssl_cipherlist|req.ssl_cipherlist binary|req.ssl_ec_ext|req.ssl_hello_type|"
            "req_ssl_hello_type|req.ssl_keyshare_groups|req.ssl_keyshare_groups binary|req.ssl_sigalgs|"
            "req.ssl_sigalgs binary|req.ssl_sni|req_ssl_sni|req.ssl_st_ext|req.ssl_supported_groups|"
            "req.ssl_supported_groups binary|req.ssl_ver|req_ssl_ver|res.len|res.payload|res.payload_lv|"
            "res.ssl_hello_type|rep_ssl_hello_type"
        ),
        "7.3.6": (
            "base|base32|base32+src|baseq|capture.req.hdr|capture.req.method|capture.req.uri|capture.req.ver|"
            "capture.res.hdr|capture.res.ver|cookie|hdr|http_auth|http_auth_bearer|http_auth_group|"
            "http_auth_pass|http_auth_type|http_auth_user|http_first_req|method|path|pathq|query|req.body|"
            "req.body_len|req.body_param|req.body_size|req.cook|cook|req.cook_cnt|cook_cnt|req.cook_names|"
            "req.cook_val|cook_val|req.fhdr|req.fhdr_cnt|req.hdr|req.hdr_cnt|hdr_cnt|req.hdr_ip|hdr_ip|"
            "req.hdr_names|req.hdr_val|hdr_val|req.hdrs|req.hdrs_bin|req.timer.hdr|req.timer.idle|"
            "req.timer.queue|req.timer.tq|req.ver|req_ver|request_date|res.body|res.body_len|res.body_size|"
            "res.cache_hit|res.cache_name|res.comp|res.comp_algo|res.cook|scook|res.cook_cnt|scook_cnt|"
            "res.cook_names|res.cook_val|scook_val|res.fhdr|res.fhdr_cnt|res.hdr|shdr|res.hdr_cnt|shdr_cnt|"
            "res.hdr_ip|shdr_ip|res.hdr_names|res.hdr_val|shdr_val|res.hdrs|res.hdrs_bin|res.timer.hdr|res.ver|"
            "resp_ver|server_status|set-cookie|status|txn.status|txn.timer.total|unique-id|url|url32|url32+src|"
            "url_ip|url_port|urlp|url_param|urlp_val"
        ),
        "7.3.7": (
            "internal.htx.data|internal.htx.free|internal.htx.free_data|internal.htx.has_eom|internal.htx.nbblks|"
            "internal.htx.size|internal.htx.used|internal.htx_blk.size|internal.htx_blk.type|"
            "internal.htx_blk.data|internal.htx_blk.hdrname|internal.htx_blk.hdrval|internal.htx_blk.start_line|"
            "internal.strm.is_htx"
        ),
        "8.3.5": (
            "log-profile|log-tag|on"
        ),
        "9.1": (
            "filter|filter trace"
        ),
        "9.2": (
            "filter|filter compression"
        ),
        "9.3": (
            "filter|filter spoe"
        ),
        "9.4": (
            "filter|filter cache"
        ),
        "9.5": (
            "filter|filter fcgi-app"
        ),
        "9.6": (
            "filter|filter opentracing"
        ),
        "9.7": (
            "filter|filter bwlim-in|filter bwlim-out"
        ),
        "10.1.1": (
            "fcgi-app|acl|docroot|index|log-stderr|log-stderr global|pass-header|path-info|option|"
            "option get-values|no option|no option get-values|option keep-conn|no option keep-conn|"
            "option max-reqs|option mpxs-conns|no option mpxs-conns|set-param"
        ),
        "10.1.2": (
            "use-fcgi-app"
        ),
        "11.1": (
            "stick-table|stick-table type|table"
        ),
        "11.2": (
            "peers|bind|disabled|default-bind|default-server|enabled|log|peer|server|shards|table"
        ),
        "12.1": (
            "traces|trace"
        ),
        "12.2": (
            "userlist|group|user"
        ),
        "12.3": (
            "mailers|mailer|timeout|timeout mail"
        ),
        "12.4": (
            "http-errors|errorfile"
        ),
        "12.5": (
            "ring|backing-file|description|format|maxlen|server|size|timeout|timeout connect|timeout server"
        ),
        "12.6": (
            "log-forward|backlog|bind|dgram-bind|log|log global|maxconn|timeout|timeout client|option|"
            "option assume-rfc6587-ntf|option dont-parse-log|option host"
        ),
        "12.7": (
            "crt-store|crt-base|key-base|load"
        ),
        "12.7.1": (
            "crt|acme|alias|domains|key|ocsp|issuer|sctl|ocsp-update"
        ),
        "12.8": (
            "acme|account-key|acme-vars|bits|challenge|contact|curves|directory|keytype|map|provider-name|"
            "reuse-key"
        ),
        "12.9": (
            "program|command|user|group|option|option start-on-reload|no option|no option start-on-reload"
        ),
    },
    "3.4": {
        "3.1": (
            "51degrees-data-file|51degrees-property-name-list|51degrees-property-separator|51degrees-cache-size|"
            "51degrees-use-performance-graph|51degrees-use-predictive-graph|51degrees-drift|51degrees-difference|"
            "51degrees-allow-unmatched|acme.scheduler|ca-base|chroot|close-spread-time|cluster-secret|cpu-map|"
            "cpu-affinity|cpu-policy|cpu-set|crt-base|daemon|default-path|description|deviceatlas-json-file|"
            "deviceatlas-log-level|deviceatlas-properties-cookie|deviceatlas-separator|dns-accept-family|"
            "expose-deprecated-directives|expose-experimental-directives|external-check|fd-hard-limit|gid|grace|"
            "group|h1-accept-payload-with-any-method|h1-do-not-close-on-insecure-transfer-encoding|"
            "h1-case-adjust|h1-case-adjust-file|h2-workaround-bogus-websocket-clients|hard-stop-after|"
            "harden.reject-privileged-ports.tcp|harden.reject-privileged-ports.quic|http-err-codes|"
            "http-fail-codes|insecure-fork-wanted|insecure-setuid-wanted|issuers-chain-path|jwt.allow_none_alg|"
            "jwt.decrypt_alg_list|jwt.decrypt_enc_list|key-base|limited-quic|localpeer|log|log-send-hostname|"
            "log-tag|lua-load|lua-load-per-thread|lua-prepend-path|master-worker|"
            "master-worker no-exit-on-failure|max-threads-per-group|mworker-max-reloads|nbthread|"
            "numa-cpu-mapping|ocsp-update.disable|ocsp-update.httpproxy|ocsp-update.maxdelay|"
            "tune.ssl.ocsp-update.maxdelay|ocsp-update.mindelay|tune.ssl.ocsp-update.mindelay|ocsp-update.mode|"
            "pidfile|pp2-never-send-local|presetenv|prealloc-fd|resetenv|server-state-base|server-state-file|"
            "set-dumpable|set-var|set-var-fmt|setcap|setenv|shm-stats-file|shm-stats-file-max-objects|"
            "ssl-default-bind-ciphers|ssl-default-bind-ciphersuites|ssl-default-bind-client-sigalgs|"
            "ssl-default-bind-curves|ssl-default-bind-options|ssl-default-bind-sigalgs|"
            "ssl-default-server-ciphers|ssl-default-server-ciphersuites|ssl-default-server-client-sigalgs|"
            "ssl-default-server-curves|ssl-default-server-options|ssl-default-server-sigalgs|ssl-dh-param-file|"
            "ssl-passphrase-cmd|ssl-propquery|ssl-provider|ssl-provider-path|ssl-load-extra-del-ext|"
            "ssl-load-extra-files|ssl-security-level|ssl-server-verify|ssl-skip-self-issued-ca|stats|"
            "stats calculate-max-counters|stats maxconn|stats socket|stats timeout|stats-file|stress-level|"
            "strict-limits|thread-group|thread-groups|thread-hard-limit|uid|ulimit-n|unix-bind|unsetenv|user|"
            "node|wurfl-cache-size|wurfl-data-file|wurfl-information-list|wurfl-information-list-separator|"
            "wurfl-patch-file"
        ),
        "3.2": (
            "busy-polling|max-spread-checks|maxcompcpuusage|maxcomprate|maxconn|maxconnrate|maxpipes|maxsessrate|"
            "maxsslconn|maxsslrate|maxzlibmem|no-memory-trimming|noepoll|noevports|nogetaddrinfo|nokqueue|noktls|"
            "nopoll|noreuseport|nosplice|profiling.memory|profiling.tasks|spread-checks|ssl-engine|"
            "ssl-mode-async|tune.applet.zero-copy-forwarding|tune.buffers.limit|tune.buffers.reserve|"
            "tune.bufsize|tune.bufsize.large|tune.bufsize.small|tune.cli.max-payload-size|tune.comp.maxlevel|"
            "tune.defaults.purge|tune.disable-fast-forward|tune.disable-zero-copy-forwarding|"
            "tune.epoll.mask-events|tune.events.max-events-at-once|tune.fail-alloc|tune.fd.edge-triggered|"
            "tune.glitches.kill.cpu-usage|tune.h1.be.glitches-threshold|tune.h1.fe.glitches-threshold|"
            "tune.h1.zero-copy-fwd-recv|tune.h1.zero-copy-fwd-send|tune.h2.be.glitches-threshold|"
            "tune.h2.be.initial-window-size|tune.h2.be.max-concurrent-streams|tune.h2.be.max-frames-at-once|"
            "tune.h2.be.rxbuf|tune.h2.fe.glitches-threshold|tune.h2.fe.initial-window-size|"
            "tune.h2.fe.max-concurrent-streams|tune.h2.fe.max-frames-at-once|tune.h2.fe.max-rst-at-once|"
            "tune.h2.fe.max-total-streams|tune.h2.fe.rxbuf|tune.h2.header-table-size|tune.h2.initial-window-size|"
            "tune.h2.log-errors|tune.h2.max-concurrent-streams|tune.h2.max-frame-size|tune.h2.zero-copy-fwd-send|"
            "tune.http.cookielen|tune.http.logurilen|tune.http.maxhdr|tune.idle-pool.shared|tune.idletimer|"
            "tune.listener.default-shards|tune.listener.multi-queue|tune.lua.bool-sample-conversion|"
            "tune.lua.burst-timeout|tune.lua.forced-yield|tune.lua.log.loggers|tune.lua.log.stderr|"
            "tune.lua.maxmem|tune.lua.openlibs|tune.lua.service-timeout|tune.lua.session-timeout|"
            "tune.lua.task-timeout|tune.max-checks-per-thread|tune.maxaccept|tune.maxpollevents|tune.maxrewrite|"
            "tune.max-rules-at-once|tune.memory.hot-size|tune.notsent-lowat.client|tune.notsent-lowat.server|"
            "tune.pattern.cache-size|tune.peers.max-updates-at-once|tune.pipesize|tune.pool-high-fd-ratio|"
            "tune.pool-low-fd-ratio|tune.pt.zero-copy-forwarding|tune.quic.be.cc.cubic-min-losses|"
            "tune.quic.fe.cc.cubic-min-losses|tune.quic.cc.cubic.min-losses|tune.quic.be.cc.hystart|"
            "tune.quic.fe.cc.hystart|tune.quic.cc-hystart|tune.quic.be.cc.max-frame-loss|"
            "tune.quic.fe.cc.max-frame-loss|tune.quic.max-frame-loss|tune.quic.be.cc.max-win-size|"
            "tune.quic.fe.cc.max-win-size|tune.quic.frontend.default-max-window-size|"
            "tune.quic.be.cc.reorder-ratio|tune.quic.fe.cc.reorder-ratio|tune.quic.reorder-ratio|"
            "tune.quic.be.max-idle-timeout|tune.quic.fe.max-idle-timeout|tune.quic.frontend.max-idle-timeout|"
            "tune.quic.be.sec.glitches-threshold|tune.quic.fe.sec.glitches-threshold|"
            "tune.quic.frontend.glitches-threshold|tune.quic.fe.sec.retry-threshold|tune.quic.retry-threshold|"
            "tune.quic.fe.sock-per-conn|tune.quic.socket-owner|tune.quic.be.stream.data-ratio|"
            "tune.quic.fe.stream.data-ratio|tune.quic.frontend.stream-data-ratio|"
            "tune.quic.be.stream.max-concurrent|tune.quic.fe.stream.max-concurrent|tune.quic.fe.stream.max-total|"
            "tune.quic.frontend.max-streams-bidi|tune.quic.be.stream.rxbuf|tune.quic.fe.stream.rxbuf|"
            "tune.quic.frontend.max-data-size|tune.quic.be.tx.pacing|tune.quic.fe.tx.pacing|"
            "tune.quic.disable-tx-pacing|tune.quic.be.tx.udp-gso|tune.quic.fe.tx.udp-gso|"
            "tune.quic.disable-udp-gso|tune.quic.listen|tune.quic.mem.tx-max|tune.quic.frontend.max-tx-mem|"
            "tune.quic.zero-copy-fwd-send|tune.renice.runtime|tune.renice.startup|tune.rcvbuf.backend|"
            "tune.rcvbuf.frontend|tune.rcvbuf.client|tune.rcvbuf.server|tune.recv_enough|tune.ring.queues|"
            "tune.runqueue-depth|tune.sched.low-latency|tune.sndbuf.backend|tune.sndbuf.frontend|"
            "tune.sndbuf.client|tune.sndbuf.server|tune.ssl.cachesize|tune.ssl.capture-buffer-size|"
            "tune.ssl.capture-cipherlist-size|tune.ssl.certificate-compression|tune.ssl.default-dh-param|"
            "tune.ssl.force-private-cache|tune.ssl.hard-maxrecord|tune.ssl.keylog|tune.ssl.keyupdate-rate-limit|"
            "tune.ssl.lifetime|tune.ssl.maxrecord|tune.ssl.ssl-ctx-cache-size|tune.streams-elasticity|"
            "tune.stick-counters|tune.takeover-other-tg-connections|tune.vars.global-max-size|"
            "tune.vars.proc-max-size|tune.vars.reqres-max-size|tune.vars.sess-max-size|tune.vars.txn-max-size|"
            "tune.zlib.memlevel|tune.zlib.windowsize"
        ),
        "3.3": (
            "anonkey|debug.counters|force-cfg-parser-pause|quick-exit|quiet|warn-blocked-traffic-after|"
            "zero-warning"
        ),
        "3.4": (
            "httpclient.resolvers.disabled|httpclient.resolvers.id|httpclient.resolvers.prefer|"
            "httpclient.retries|httpclient.ssl.ca-file|httpclient.ssl.verify|httpclient.timeout.connect"
        ),
        "4.2": (
            "acl|backlog|balance|balance url_param|be-unpublished|bind|capture|capture cookie|capture request|"
            "capture request header|capture response|capture response header|clitcpka-cnt|clitcpka-idle|"
            "clitcpka-intvl|compression|compression algo|compression algo-req|compression algo-res|"
            "compression type|compression minsize-req|compression minsize-res|compression offload|"
            "compression direction|cookie|declare|declare capture|default-server|default_backend|description|"
            "disabled|dispatch|dynamic-cookie-key|enabled|errorfile|errorfiles|errorloc|errorloc302|errorloc303|"
            "email-alert|email-alert from|email-alert level|email-alert mailers|email-alert myhostname|"
            "email-alert to|error-log-format|force-persist|external-check|external-check command|"
            "external-check path|force-be-switch|filter|fullconn|guid|hash-balance-factor|hash-preserve-affinity|"
            "hash-type|http-after-response|http-check|http-check comment|http-check connect|"
            "http-check disable-on-404|http-check expect|http-check send|http-check send-state|"
            "http-check set-var|http-check set-var-fmt|http-check unset-var|http-error|http-error status|"
            "http-request|http-response|http-reuse|http-send-name-header|id|ignore-persist|"
            "load-server-state-from-file|log|log global|no log|log-format|log-format-sd|log-steps|log-tag|"
            "max-keep-alive-queue|max-session-srv-conns|maxconn|mode|monitor|monitor fail|monitor-uri|option|"
            "option abortonclose|no option|no option abortonclose|option accept-invalid-http-request|"
            "no option accept-invalid-http-request|option accept-invalid-http-response|"
            "no option accept-invalid-http-response|option accept-unsafe-violations-in-http-request|"
            "no option accept-unsafe-violations-in-http-request|option accept-unsafe-violations-in-http-response|"
            "no option accept-unsafe-violations-in-http-response|option allbackups|no option allbackups|"
            "option checkcache|no option checkcache|option clitcpka|no option clitcpka|option contstats|"
            "option disable-h2-upgrade|no option disable-h2-upgrade|option dontlog-normal|"
            "no option dontlog-normal|option dontlognull|no option dontlognull|option external-check|"
            "option forwarded|no option forwarded|option forwardfor|option h1-case-adjust-bogus-client|"
            "no option h1-case-adjust-bogus-client|option h1-case-adjust-bogus-server|"
            "no option h1-case-adjust-bogus-server|option http-buffer-request|no option http-buffer-request|"
            "option http-drop-request-trailers|no option http-drop-request-trailers|"
            "option http-drop-response-trailers|no option http-drop-response-trailers|option http-ignore-probes|"
            "no option http-ignore-probes|option http-keep-alive|no option http-keep-alive|option http-no-delay|"
            "no option http-no-delay|option http-pretend-keepalive|no option http-pretend-keepalive|"
            "option http-restrict-req-hdr-names|option http-server-close|no option http-server-close|"
            "option http-use-proxy-header|no option http-use-proxy-header|option httpchk|option httpclose|"
            "no option httpclose|option httplog|option httpslog|option idle-close-on-response|"
            "no option idle-close-on-response|option independent-streams|no option independent-streams|"
            "option ldap-check|option log-health-checks|no option log-health-checks|option log-separate-errors|"
            "no option log-separate-errors|option logasap|no option logasap|option mysql-check|option nolinger|"
            "no option nolinger|option originalto|option persist|no option persist|option pgsql-check|"
            "option pgsql-check user|option prefer-last-server|no option prefer-last-server|option redispatch|"
            "no option redispatch|option redis-check|option smtpchk|option socket-stats|no option socket-stats|"
            "option splice-auto|no option splice-auto|option splice-request|no option splice-request|"
            "option splice-response|no option splice-response|option spop-check|option srvtcpka|"
            "no option srvtcpka|option ssl-hello-chk|option tcp-check|option tcp-smart-accept|"
            "no option tcp-smart-accept|option tcp-smart-connect|no option tcp-smart-connect|option tcpka|"
            "option tcplog|option transparent|no option transparent|option use-small-buffers|persist|"
            "persist rdp-cookie|quic-initial|rate-limit|rate-limit sessions|redirect|redirect location|"
            "redirect prefix|redirect scheme|retries|retry-on|server|server-state-file-name|server-template|"
            "source|srvtcpka-cnt|srvtcpka-idle|srvtcpka-intvl|stats|stats admin|ssl-f-use|stats auth|"
            "stats enable|stats hide-version|stats http-request|stats realm|stats refresh|stats scope|"
            "stats show-desc|stats show-legends|stats show-modules|stats show-node|stats show-version|stats uri|"
            "stick|stick match|stick on|stick store-request|stick store-response|stick-table|stick-table type|"
            "tcp-check|tcp-check comment|tcp-check connect|tcp-check expect|tcp-check send|tcp-check send-lf|"
            "tcp-check send-binary|tcp-check send-binary-lf|tcp-check set-var|tcp-check set-var-fmt|"
            "tcp-check unset-var|tcp-request|tcp-request connection|tcp-request content|"
            "tcp-request inspect-delay|tcp-request session|tcp-response|tcp-response content|"
            "tcp-response inspect-delay|timeout|timeout check|timeout client|timeout client-fin|"
            "timeout client-hs|timeout connect|timeout http-keep-alive|timeout http-request|timeout queue|"
            "timeout server|timeout server-fin|timeout tarpit|timeout tunnel|transparent|unique-id-format|"
            "unique-id-header|use_backend|use-fcgi-app|use-server"
        ),
        "4.4": (
            "accept|add-acl|add-header|add-headers-bin|allow|attach-srv|auth|cache-store|cache-use|capture|close|"
            "del-acl|del-header|del-headers-bin|del-map|deny|dgram-drop|disable-l7-retry|do-log|do-resolve|"
            "early-hint|expect-netscaler-cip|expect-netscaler-cip layer4|expect-proxy|expect-proxy layer4|"
            "normalize-uri|normalize-uri fragment-encode|normalize-uri fragment-strip|"
            "normalize-uri path-merge-slashes|normalize-uri path-strip-dot|normalize-uri path-strip-dotdot|"
            "normalize-uri percent-decode-unreserved|normalize-uri percent-to-uppercase|"
            "normalize-uri query-sort-by-name|pause|redirect|reject|replace-header|replace-path|replace-pathq|"
            "replace-uri|replace-value|return|sc-add-gpc|sc-inc-gpc|sc-inc-gpc0|sc-inc-gpc1|sc-set-gpt|"
            "sc-set-gpt0|send-retry|send-spoe-group|set-bandwidth-limit|set-bc-mark|set-bc-tos|set-dst|"
            "set-dst-port|set-fc-mark|set-fc-tos|set-header|set-headers-bin|set-log-level|set-map|set-mark|"
            "set-method|set-nice|set-path|set-pathq|set-priority-class|set-priority-offset|set-query|set-retries|"
            "set-src|set-src-port|set-status|set-timeout|set-tos|set-uri|set-var|set-var-fmt|silent-drop|"
            "strict-mode|switch-mode|switch-mode http|tarpit|track-sc0|track-sc1|track-sc2|unset-var|use-service|"
            "wait-for-body|wait-for-body time|wait-for-handshake"
        ),
        "5.1": (
            "accept-netscaler-cip|accept-proxy|allow-0rtt|alpn|backlog|ca-file|ca-ignore-err|ca-sign-file|"
            "ca-sign-pass|ca-verify-file|cc|ciphers|ciphersuites|client-sigalgs|crl-file|crt|crt-ignore-err|"
            "crt-list|default-crt|curves|defer-accept|ecdhe|ech|expose-fd|expose-fd listeners|force-sslv3|"
            "force-tlsv10|force-tlsv11|force-tlsv12|force-tlsv13|generate-certificates|gid|group|guid-prefix|id|"
            "idle-ping|interface|ktls|label|level|maxconn|mode|mss|name|namespace|nbconn|nice|no-alpn|"
            "no-ca-names|no-sslv3|no-strict-sni|no-tls-tickets|no-tlsv10|no-tlsv11|no-tlsv12|no-tlsv13|npn|"
            "prefer-client-ciphers|proto|quic-cc-algo|quic-force-retry|quic-socket|severity-output|shards|"
            "sigalgs|ssl|ssl-max-ver|ssl-min-ver|strict-sni|tcp-md5sig|tcp-ss|tcp-ut|tfo|thread|tls-tickets|"
            "tls-ticket-keys|transparent|uid|user|v4v6|v6only|verify"
        ),
        "5.2": (
            "addr|agent-check|agent-send|agent-inter|agent-addr|agent-port|allow-0rtt|alpn|backup|ca-file|cc|"
            "check|check-reuse-pool|check-send-proxy|check-alpn|check-pool-conn-name|check-proto|check-sni-auto|"
            "check-sni|check-ssl|check-via-socks4|ciphers|ciphersuites|client-sigalgs|cookie|crl-file|crt|curves|"
            "disabled|enabled|error-limit|fall|force-sslv3|force-tlsv10|force-tlsv11|force-tlsv12|force-tlsv13|"
            "guid|hash-key|healthcheck|id|idle-ping|init-addr|inter|fastinter|downinter|init-state|ktls|"
            "log-bufsize|log-proto|maxconn|maxqueue|max-reuse|minconn|namespace|no-agent-check|no-backup|"
            "no-check|no-check-reuse-pool|no-check-sni-auto|no-check-ssl|no-renegotiate|no-send-proxy|"
            "no-send-proxy-v2|no-send-proxy-v2-ssl|no-send-proxy-v2-ssl-cn|no-sni-auto|no-ssl|no-ssl-reuse|"
            "no-sslv3|no-tls-tickets|no-tlsv10|no-tlsv11|no-tlsv12|no-tlsv13|no-verifyhost|no-tfo|non-stick|npn|"
            "observe|on-error|on-marked-down|on-marked-up|pool-conn-name|pool-low-conn|pool-max-conn|"
            "pool-purge-delay|port|proto|quic-cc-algo|redir|renegotiate|rise|resolve-opts|resolve-prefer|"
            "resolve-net|resolvers|send-proxy|send-proxy-v2|set-proxy-v2-tlv-fmt|proxy-v2-options|"
            "send-proxy-v2-ssl|send-proxy-v2-ssl-cn|shard|sigalgs|slowstart|sni|sni-auto|source|ssl|ssl-max-ver|"
            "ssl-min-ver|ssl-reuse|stick|strict-maxconn|socks4|tcp-md5sig|tcp-ut|tfo|track|tls-tickets|verify|"
            "verifyhost|weight|ws"
        ),
        "5.3.2": (
            "resolvers|accepted_payload_size|nameserver|parse-resolv-conf|hold|resolve_retries|timeout"
        ),
        "6.2.1": (
            "cache|max-age|max-object-size|max-secondary-entries|process-vary|total-max-size"
        ),
        "7.3.1": (
            "51d.single|add|add_item|aes_cbc_dec|aes_cbc_enc|aes_gcm_dec|aes_gcm_enc|and|b64dec|base2|base64|"
            "be2dec|le2dec|be2hex|bool|bytes|capture-req|capture-res|concat|cpl|crc32|crc32c|cut_crlf|"
            "da-csv-conv|date|debug|digest|div|djb2|eth.data|eth.dst|eth.hdr|eth.proto|eth.src|eth.vlan|even|"
            "field|fe_exists|fix_is_valid|fix_tag_value|has_ctl|hex|hex2i|hmac|host_only|htonl|http_date|iif|"
            "in_table|ip.data|ip.df|ip.dst|ip.fp|ip.hdr|ip.proto|ip.src|ip.tos|ip.ttl|ip.ver|ipmask|json|"
            "json_query|jwt_decrypt_cert|jwt_decrypt_jwk|jwt_decrypt_secret|jwt_header_query|jwt_payload_query|"
            "jwt_verify|jwt_verify_cert|language|length|lower|ltime|ltrim|map|mod|mqtt_field_value|mqtt_is_valid|"
            "ms_ltime|ms_utime|mul|nbsrv|neg|not|odd|or|param|port_only|protobuf|regsub|reverse|reverse_dom|"
            "rfc7239_field|rfc7239_is_valid|rfc7239_n2nn|rfc7239_n2np|rfc7239_nn|rfc7239_np|rtrim|sdbm|"
            "secure_memcmp|set-var|sha1|sha2|srv_is_up|srv_queue|strcmp|sub|table_bytes_in_rate|"
            "table_bytes_out_rate|table_clr_gpc|table_clr_gpc0|table_clr_gpc1|table_conn_cnt|table_conn_cur|"
            "table_conn_rate|table_expire|table_glitch_cnt|table_glitch_rate|table_gpc|table_gpc0|"
            "table_gpc0_rate|table_gpc1|table_gpc1_rate|table_gpc_rate|table_gpt|table_gpt0|table_http_err_cnt|"
            "table_http_err_rate|table_http_fail_cnt|table_http_fail_rate|table_http_req_cnt|table_http_req_rate|"
            "table_idle|table_inc_gpc|table_inc_gpc0|table_inc_gpc1|table_kbytes_in|table_kbytes_out|"
            "table_server_id|table_sess_cnt|table_sess_rate|table_trackers|tcp.dst|tcp.flags|tcp.options.mss|"
            "tcp.options.sack|tcp.options.tsopt|tcp.options.tsval|tcp.options.wscale|tcp.options.wsopt|"
            "tcp.options_list|tcp.seq|tcp.src|tcp.win|ub64dec|ub64enc|ungrpc|unset-var|upper|url_dec|url_enc|"
            "us_ltime|us_utime|utime|when|word|wt6|x509_v_err_str|xor|xxh3|xxh32|xxh64"
        ),
        "7.3.2": (
            "acl|act_conn|always_false|always_true|avg_queue|be_conn|be_conn_free|be_sess_rate|bin|bool|"
            "connslots|cpu_calls|cpu_ns_avg|cpu_ns_tot|cpu_usage_grp|cpu_usage_proc|cpu_usage_thr|date|date_us|"
            "env|fe_conn|fe_req_rate|fe_sess_rate|hostname|int|ipv4|ipv6|last_entity|last_rule_file|"
            "last_rule_line|lat_ns_avg|lat_ns_tot|meth|nbsrv|pid|prio_class|prio_offset|proc|queue|quic_enabled|"
            "rand|srv_conn|srv_conn_free|srv_is_up|srv_iweight|srv_queue|srv_sess_rate|srv_uweight|srv_weight|"
            "stopping|str|table_avl|table_cnt|term_events|tgroup|thread|txn.id32|txn.sess_term_state|uptime|uuid|"
            "var|dump_all_vars|wait_end|waiting_entity"
        ),
        "7.3.3": (
            "accept_date|bc.timer.connect|bc_be_queue|bc_dst|bc_dst_port|bc_err|bc_err_name|bc_err_str|"
            "bc_glitches|bc_http_major|bc_nb_streams|bc_reused|bc_rtt|bc_rttvar|bc_settings_streams_limit|bc_src|"
            "bc_src_port|bc_srv_queue|be_id|be_connect_timeout|be_name|be_queue_timeout|be_server_timeout|"
            "be_tarpit_timeout|be_tunnel_timeout|bytes_in|bytes_out|cur_connect_timeout|cur_client_timeout|"
            "cur_queue_timeout|cur_server_timeout|cur_tarpit_timeout|cur_tunnel_timeout|dst|dst_conn|"
            "dst_is_local|dst_port|fc.timer.handshake|fc.timer.total|fc_dst|fc_dst_is_local|fc_dst_port|fc_err|"
            "fc_err_name|fc_err_str|fc_fackets|fc_glitches|fc_http_major|fc_lost|fc_nb_streams|fc_pp_authority|"
            "fc_pp_tlv|fc_pp_unique_id|fc_rcvd_proxy|fc_reordering|fc_retrans|fc_rtt|fc_rttvar|fc_sacked|"
            "fc_saved_syn|fc_settings_streams_limit|fc_src|fc_src_is_local|fc_src_port|fc_unacked|"
            "fe_client_timeout|fe_defbe|fe_id|fe_name|fe_tarpit_timeout|req.bytes_in|req.bytes_out|res.bytes_in|"
            "res.bytes_out|res.timer.data|sc_bytes_in_rate|sc0_bytes_in_rate|sc1_bytes_in_rate|sc2_bytes_in_rate|"
            "sc_bytes_out_rate|sc0_bytes_out_rate|sc1_bytes_out_rate|sc2_bytes_out_rate|sc_clr_gpc|sc_clr_gpc0|"
            "sc0_clr_gpc0|sc1_clr_gpc0|sc2_clr_gpc0|sc_clr_gpc1|sc0_clr_gpc1|sc1_clr_gpc1|sc2_clr_gpc1|"
            "sc_conn_cnt|sc0_conn_cnt|sc1_conn_cnt|sc2_conn_cnt|sc_conn_cur|sc0_conn_cur|sc1_conn_cur|"
            "sc2_conn_cur|sc_conn_rate|sc0_conn_rate|sc1_conn_rate|sc2_conn_rate|sc_get_gpc|sc_get_gpc0|"
            "sc0_get_gpc0|sc1_get_gpc0|sc2_get_gpc0|sc_get_gpc1|sc0_get_gpc1|sc1_get_gpc1|sc2_get_gpc1|"
            "sc_get_gpt|sc_get_gpt0|sc0_get_gpt0|sc1_get_gpt0|sc2_get_gpt0|sc_glitch_cnt|sc0_glitch_cnt|"
            "sc1_glitch_cnt|sc2_glitch_cnt|sc_glitch_rate|sc0_glitch_rate|sc1_glitch_rate|sc2_glitch_rate|"
            "sc_gpc_rate|sc_gpc0_rate|sc0_gpc0_rate|sc1_gpc0_rate|sc2_gpc0_rate|sc_gpc1_rate|sc0_gpc1_rate|"
            "sc1_gpc1_rate|sc2_gpc1_rate|sc_http_err_cnt|sc0_http_err_cnt|sc1_http_err_cnt|sc2_http_err_cnt|"
            "sc_http_err_rate|sc0_http_err_rate|sc1_http_err_rate|sc2_http_err_rate|sc_http_fail_cnt|"
            "sc0_http_fail_cnt|sc1_http_fail_cnt|sc2_http_fail_cnt|sc_http_fail_rate|sc0_http_fail_rate|"
            "sc1_http_fail_rate|sc2_http_fail_rate|sc_http_req_cnt|sc0_http_req_cnt|sc1_http_req_cnt|"
            "sc2_http_req_cnt|sc_http_req_rate|sc0_http_req_rate|sc1_http_req_rate|sc2_http_req_rate|sc_inc_gpc|"
            "sc_inc_gpc0|sc0_inc_gpc0|sc1_inc_gpc0|sc2_inc_gpc0|sc_inc_gpc1|sc0_inc_gpc1|sc1_inc_gpc1|"
            "sc2_inc_gpc1|sc_kbytes_in|sc0_kbytes_in|sc1_kbytes_in|sc2_kbytes_in|sc_kbytes_out|sc0_kbytes_out|"
            "sc1_kbytes_out|sc2_kbytes_out|sc_key|sc0_key|sc1_key|sc2_key|sc_sess_cnt|sc0_sess_cnt|sc1_sess_cnt|"
            "sc2_sess_cnt|sc_sess_rate|sc0_sess_rate|sc1_sess_rate|sc2_sess_rate|sc_tracked|sc0_tracked|"
            "sc1_tracked|sc2_tracked|sc_trackers|sc0_trackers|sc1_trackers|sc2_trackers|so_id|so_name|src|"
            "src_bytes_in_rate|src_bytes_out_rate|src_clr_gpc|src_clr_gpc0|src_clr_gpc1|src_conn_cnt|"
            "src_conn_cur|src_conn_rate|src_get_gpc|src_get_gpc0|src_get_gpc1|src_get_gpt|src_get_gpt0|"
            "src_glitch_cnt|src_glitch_rate|src_gpc_rate|src_gpc0_rate|src_gpc1_rate|src_http_err_cnt|"
            "src_http_err_rate|src_http_fail_cnt|src_http_fail_rate|src_http_req_cnt|src_http_req_rate|"
            "src_inc_gpc|src_inc_gpc0|src_inc_gpc1|src_is_local|src_kbytes_in|src_kbytes_out|src_port|"
            "src_sess_cnt|src_sess_rate|src_updt_conn_cnt|srv_id|srv_name|txn.conn_retries|txn.redispatched"
        ),
        "7.3.4": (
            "51d.all|bs.aborted|bs.debug_str|bs.id|bs.rst_code|fs.aborted|fs.debug_str|fs.id|fs.rst_code|ssl_bc|"
            "ssl_bc_alg_keysize|ssl_bc_alpn|ssl_bc_cipher|ssl_bc_client_early_traffic_secret|"
            "ssl_bc_client_handshake_traffic_secret|ssl_bc_client_random|ssl_bc_client_traffic_secret_0|"
            "ssl_bc_curve|ssl_bc_early_exporter_secret|ssl_bc_err|ssl_bc_err_str|ssl_bc_exporter_secret|"
            "ssl_bc_is_resumed|ssl_bc_npn|ssl_bc_protocol|ssl_bc_server_handshake_traffic_secret|"
            "ssl_bc_server_random|ssl_bc_server_traffic_secret_0|ssl_bc_session_id|ssl_bc_session_key|ssl_bc_sni|"
            "ssl_bc_unique_id|ssl_bc_use_keysize|ssl_c_ca_err|ssl_c_ca_err_depth|ssl_c_chain_der|ssl_c_der|"
            "ssl_c_err|ssl_c_i_dn|ssl_c_key_alg|ssl_c_notafter|ssl_c_notbefore|ssl_c_r_dn|ssl_c_s_dn|ssl_c_san|"
            "ssl_c_serial|ssl_c_sha1|ssl_c_sig_alg|ssl_c_used|ssl_c_verify|ssl_c_version|ssl_f_der|ssl_f_i_dn|"
            "ssl_f_key_alg|ssl_f_notafter|ssl_f_notbefore|ssl_f_s_dn|ssl_f_serial|ssl_f_sha1|ssl_f_sig_alg|"
            "ssl_f_version|ssl_fc|ssl_fc_alg_keysize|ssl_fc_alpn|ssl_fc_cipher|ssl_fc_cipherlist_bin|"
            "ssl_fc_cipherlist_hex|ssl_fc_cipherlist_str|ssl_fc_cipherlist_xxh|"
            "ssl_fc_client_early_traffic_secret|ssl_fc_client_handshake_traffic_secret|ssl_fc_client_random|"
            "ssl_fc_client_traffic_secret_0|ssl_fc_crtname|ssl_fc_curve|ssl_fc_early_rcvd|"
            "ssl_fc_early_exporter_secret|ssl_fc_ecformats_bin|ssl_fc_eclist_bin|ssl_fc_err|ssl_fc_err_str|"
            "ssl_fc_exporter_secret|ssl_fc_extlist_bin|ssl_fc_has_crt|ssl_fc_has_early|ssl_fc_has_sni|"
            "ssl_fc_is_resumed|ssl_fc_npn|ssl_fc_protocol|ssl_fc_protocol_hello_id|"
            "ssl_fc_server_handshake_traffic_secret|ssl_fc_server_random|ssl_fc_server_traffic_secret_0|"
            "ssl_fc_session_id|ssl_fc_session_key|ssl_fc_sigalgs_bin|ssl_fc_sni|ssl_fc_supported_versions_bin|"
            "ssl_fc_unique_id|ssl_fc_use_keysize|ssl_s_chain_der|ssl_s_der|ssl_s_i_dn|ssl_s_key_alg|"
            "ssl_s_notafter|ssl_s_notbefore|ssl_s_s_dn|ssl_s_serial|ssl_s_sha1|ssl_s_sig_alg|ssl_s_version|"
            "txn.timer.user"
        ),
        "7.3.5": (
            "distcc_body|distcc_param|payload|payload_lv|req.len|req_len|req.payload|req.payload_lv|"
            "req.proto_http|req_proto_http|req.rdp_cookie|rdp_cookie|req.rdp_cookie_cnt|rdp_cookie_cnt|"
            "req.ssl_alpn|req.ssl_cipherlist|req.ssl_cipherlist binary|req.ssl_ec_ext|req.ssl_hello_type|"
            "req_ssl_hello_type|req.ssl_keyshare_groups|req.ssl_keyshare_groups binary|req.ssl_sigalgs|"
            "req.ssl_sigalgs binary|req.ssl_sni|req_ssl_sni|req.ssl_st_ext|req.ssl_supported_groups|"
            "req.ssl_supported_groups binary|req.ssl_ver|req_ssl_ver|res.len|res.payload|res.payload_lv|"
            "res.ssl_hello_type|rep_ssl_hello_type"
        ),
        "7.3.6": (
            "base|base32|base32+src|baseq|capture.req.hdr|capture.req.method|capture.req.uri|capture.req.ver|"
            "capture.res.hdr|capture.res.ver|cookie|hdr|http_auth|http_auth_bearer|http_auth_group|"
            "http_auth_pass|http_auth_type|http_auth_user|http_first_req|method|path|pathq|query|req.body|"
            "req.body_len|req.body_param|req.body_size|req.cook|cook|req.cook_cnt|cook_cnt|req.cook_names|"
            "req.cook_val|cook_val|req.fhdr|req.fhdr_cnt|req.hdr|req.hdr_cnt|hdr_cnt|req.hdr_ip|hdr_ip|"
            "req.hdr_names|req.hdr_val|hdr_val|req.hdrs|req.hdrs_bin|req.timer.hdr|req.timer.idle|"
            "req.timer.queue|req.timer.tq|req.ver|req_ver|request_date|res.body|res.body_len|res.body_size|"
            "res.cache_hit|res.cache_name|res.comp|res.comp_algo|res.cook|scook|res.cook_cnt|scook_cnt|"
            "res.cook_names|res.cook_val|scook_val|res.fhdr|res.fhdr_cnt|res.hdr|shdr|res.hdr_cnt|shdr_cnt|"
            "res.hdr_ip|shdr_ip|res.hdr_names|res.hdr_val|shdr_val|res.hdrs|res.hdrs_bin|res.timer.hdr|res.ver|"
            "resp_ver|server_status|set-cookie|status|txn.status|txn.timer.total|unique-id|url|url32|url32+src|"
            "url_ip|url_port|urlp|url_param|urlp_val"
        ),
        "7.3.7": (
            "internal.htx.data|internal.htx.free|internal.htx.free_data|internal.htx.has_eom|internal.htx.nbblks|"
            "internal.htx.size|internal.htx.used|internal.htx_blk.size|internal.htx_blk.type|"
            "internal.htx_blk.data|internal.htx_blk.hdrname|internal.htx_blk.hdrval|internal.htx_blk.start_line|"
            "internal.strm.is_htx"
        ),
        "8.3.5": (
            "log-profile|log-tag|on"
        ),
        "9.1": (
            "filter|filter trace"
        ),
        "9.2": (
            "filter|filter comp-req|filter comp-res|filter compression"
        ),
        "9.3": (
            "filter|filter spoe"
        ),
        "9.4": (
            "filter|filter cache"
        ),
        "9.5": (
            "filter|filter fcgi-app"
        ),
        "9.6": (
            "filter|filter opentracing"
        ),
        "9.7": (
            "filter|filter bwlim-in|filter bwlim-out"
        ),
        "10.1.1": (
            "fcgi-app|acl|docroot|index|log-stderr|log-stderr global|pass-header|path-info|option|"
            "option get-values|no option|no option get-values|option keep-conn|no option keep-conn|"
            "option max-reqs|option mpxs-conns|no option mpxs-conns|set-param"
        ),
        "10.1.2": (
            "use-fcgi-app"
        ),
        "11.1": (
            "stick-table|stick-table type|table"
        ),
        "11.2": (
            "peers|bind|disabled|default-bind|default-server|enabled|log|peer|server|shards|table"
        ),
        "12.1": (
            "traces|trace"
        ),
        "12.2": (
            "userlist|group|user"
        ),
        "12.3": (
            "mailers|mailer|timeout|timeout mail"
        ),
        "12.4": (
            "http-errors|errorfile"
        ),
        "12.5": (
            "ring|backing-file|description|format|maxlen|server|size|timeout|timeout connect|timeout server"
        ),
        "12.6": (
            "log-forward|backlog|bind|dgram-bind|log|log global|maxconn|timeout|timeout client|option|"
            "option assume-rfc6587-ntf|option dont-parse-log|option host"
        ),
        "12.7": (
            "crt-store|crt-base|key-base|load"
        ),
        "12.7.1": (
            "crt|acme|alias|domains|ips|key|ocsp|issuer|sctl|ocsp-update|jwt|generate-dummy|keytype|bits|curves"
        ),
        "12.8": (
            "acme|account-key|acme-vars|bits|challenge|challenge-ready|contact|curves|directory|dns-delay|"
            "dns-timeout|keytype|map|profile|provider-name|reuse-key|eab-key-id|eab-mac-key|eab-mac-alg"
        ),
        "12.9": (
            "healthcheck|type|http-check|http-check comment|http-check connect|http-check disable-on-404|"
            "http-check expect|http-check send|http-check send-state|http-check set-var|http-check set-var-fmt|"
            "http-check unset-var|tcp-check|tcp-check comment|tcp-check connect|tcp-check expect|tcp-check send|"
            "tcp-check send-lf|tcp-check send-binary|tcp-check send-binary-lf|tcp-check set-var|"
            "tcp-check set-var-fmt|tcp-check unset-var"
        ),
    },
}
