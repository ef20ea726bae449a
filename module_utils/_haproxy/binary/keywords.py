# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Explain HAProxy's messages about unknown words: a similar word, or the version that introduced it.

Only used to explain a refusal: a word that is missing here is not refused.
"""

from __future__ import annotations

import difflib
import re

from .. import commands
from ..config.model import Directive

# Words that each long-term supported version after 2.6 added, as the binaries list them: the differences of
# `haproxy -dKall` of 2.6.12, 3.0.11, 3.2.26 and 3.4.7 without what older manuals have, and sections. Words of one
# keyword are joined by a slash.
_SINCE = {
    "3.0": (
        "aes_gcm_enc bind/client-sigalgs bind/default-crt bind/guid-prefix bind/nbconn bind/no-alpn "
        "bind/quic-cc-algo bind/quic-force-retry bind/quic-socket bind/sigalgs bwlim-in bwlim-out client-sigalgs "
        "crt-store guid h1-do-not-close-on-insecure-transfer-encoding harden.reject-privileged-ports.quic "
        "harden.reject-privileged-ports.tcp http-after-response/del-acl http-after-response/del-map "
        "http-after-response/sc-add-gpc http-after-response/sc-inc-gpc http-after-response/sc-inc-gpc0 "
        "http-after-response/sc-inc-gpc1 http-after-response/sc-set-gpt http-after-response/sc-set-gpt0 "
        "http-after-response/set-log-level http-after-response/set-map http-err-codes http-fail-codes "
        "http-request/sc-add-gpc http-request/set-bandwidth-limit http-request/set-bc-mark http-request/set-bc-tos "
        "http-request/set-fc-mark http-request/set-fc-tos http-response/sc-add-gpc "
        "http-response/set-bandwidth-limit http-response/set-fc-mark http-response/set-fc-tos "
        "http-response/set-timeout httpclient.resolvers.disabled httpclient.retries httpclient.timeout.connect "
        "key-base map_beg_key map_dir_key map_dom_key map_end_key map_int_key map_ip_key map_reg_key map_str_key "
        "map_sub_key ms_ltime ms_utime no-alpn ocsp-update.disable ocsp-update.httpproxy ocsp-update.maxdelay "
        "ocsp-update.mindelay ocsp-update.mode param prealloc-fd rfc7239_field rfc7239_is_valid rfc7239_n2nn "
        "rfc7239_n2np server/client-sigalgs server/curves server/guid server/hash-key server/log-bufsize "
        "server/pool-conn-name server/set-proxy-v2-tlv-fmt server/shard server/sigalgs setcap sigalgs "
        "ssl-default-bind-client-sigalgs ssl-default-bind-sigalgs ssl-default-server-client-sigalgs "
        "ssl-default-server-curves ssl-default-server-sigalgs ssl-security-level table_glitch_cnt table_glitch_rate "
        "tcp-request/connection/sc-add-gpc tcp-request/connection/set-fc-mark tcp-request/connection/set-fc-tos "
        "tcp-request/content/sc-add-gpc tcp-request/content/set-bandwidth-limit tcp-request/content/set-bc-mark "
        "tcp-request/content/set-bc-tos tcp-request/content/set-fc-mark tcp-request/content/set-fc-tos "
        "tcp-request/session/attach-srv tcp-request/session/sc-add-gpc tcp-request/session/set-fc-mark "
        "tcp-request/session/set-fc-tos tcp-response/content/sc-add-gpc tcp-response/content/set-bandwidth-limit "
        "tcp-response/content/set-fc-mark tcp-response/content/set-fc-tos thread-hard-limit trace "
        "tune.applet.zero-copy-forwarding tune.buffers.limit tune.buffers.reserve tune.epoll.mask-events "
        "tune.events.max-events-at-once tune.h1.zero-copy-fwd-recv tune.h1.zero-copy-fwd-send "
        "tune.h2.be.glitches-threshold tune.h2.be.initial-window-size tune.h2.be.max-concurrent-streams "
        "tune.h2.fe.glitches-threshold tune.h2.fe.initial-window-size tune.h2.fe.max-concurrent-streams "
        "tune.h2.fe.max-total-streams tune.h2.zero-copy-fwd-send tune.listener.default-shards "
        "tune.lua.burst-timeout tune.lua.log.loggers tune.lua.log.stderr tune.max-checks-per-thread "
        "tune.memory.hot-size tune.pt.zero-copy-forwarding tune.quic.backend.max-idle-timeou tune.quic.cc-hystart "
        "tune.quic.frontend.conn-tx-buffers.limit tune.quic.frontend.glitches-threshold "
        "tune.quic.frontend.max-idle-timeout tune.quic.frontend.max-streams-bidi tune.quic.max-frame-loss "
        "tune.quic.reorder-ratio tune.quic.retry-threshold tune.quic.socket-owner tune.quic.zero-copy-fwd-send "
        "tune.rcvbuf.backend tune.rcvbuf.frontend tune.ring.queues tune.sndbuf.backend tune.sndbuf.frontend "
        "tune.ssl.ocsp-update.maxdelay tune.ssl.ocsp-update.mindelay tune.stick-counters us_ltime us_utime "
        "warn-blocked-traffic-after when x509_v_err_str "
    ),
    "3.2": (
        "account-key acme acme-vars acme.scheduler base2 bind/idle-ping bind/label bind/no-strict-sni "
        "bind/tls-tickets bits challenge contact cpu-policy cpu-set directory dns-accept-family "
        "force-cfg-parser-pause has_ctl hash-preserve-affinity http-after-response/do-log http-request/do-log "
        "http-request/pause http-request/set-retries http-response/do-log http-response/pause keytype le2dec "
        "log-profile log-steps nbproc option/accept-unsafe-violations-in-http-request "
        "option/accept-unsafe-violations-in-http-response option/http-drop-request-trailers "
        "option/http-drop-response-trailers provider-name quic-initial reuse-key rfc7239_nn rfc7239_np "
        "server/check-pool-conn-name server/check-reuse-pool server/idle-ping server/init-state "
        "server/no-check-reuse-pool server/strict-maxconn ssl-f-use stress-level table_clr_gpc table_clr_gpc0 "
        "table_clr_gpc1 table_inc_gpc table_inc_gpc0 table_inc_gpc1 tcp-request/connection/do-log "
        "tcp-request/content/do-log tcp-request/content/set-retries tcp-request/session/do-log "
        "tcp-response/content/do-log traces tune.bufsize.small tune.chksize tune.glitches.kill.cpu-usage "
        "tune.h2.be.max-frames-at-once tune.h2.be.rxbuf tune.h2.fe.max-frames-at-once tune.h2.fe.max-rst-at-once "
        "tune.h2.fe.rxbuf tune.h2.log-errors tune.lua.bool-sample-conversion tune.max-rules-at-once "
        "tune.notsent-lowat.client tune.notsent-lowat.server tune.quic.cc.cubic.min-losses "
        "tune.quic.disable-tx-pacing tune.quic.disable-udp-gso tune.quic.frontend.default-max-window-size "
        "tune.quic.frontend.max-data-size tune.quic.frontend.max-tx-mem tune.quic.frontend.stream-data-ratio "
        "tune.renice.runtime tune.renice.startup tune.ssl.certificate-compression "
        "tune.takeover-other-tg-connections "
    ),
    "3.4": (
        "aes_cbc_dec aes_cbc_enc be-unpublished bind/cc bind/ktls bind/tcp-md5sig bind/tcp-ss challenge-ready "
        "comp-req comp-res cpu-affinity dns-delay dns-timeout eab-key-id eab-mac-alg eab-mac-key eth.data eth.dst "
        "eth.hdr eth.proto eth.src eth.vlan fe_exists force-be-switch healthcheck "
        "http-after-response/add-headers-bin http-after-response/del-headers-bin "
        "http-after-response/set-headers-bin http-request/add-headers-bin http-request/del-headers-bin "
        "http-request/set-headers-bin http-response/add-headers-bin http-response/del-headers-bin "
        "http-response/set-headers-bin ip.data ip.df ip.dst ip.fp ip.hdr ip.proto ip.src ip.tos ip.ttl ip.ver "
        "jwt.allow_none_alg jwt.decrypt_alg_list jwt.decrypt_enc_list jwt_decrypt_cert jwt_decrypt_jwk "
        "jwt_decrypt_secret jwt_verify_cert ktls max-threads-per-group noktls profile reverse reverse_dom server/cc "
        "server/check-sni-auto server/healthcheck server/ktls server/no-check-sni-auto server/no-renegotiate "
        "server/no-sni-auto server/quic-cc-algo server/renegotiate server/sni-auto server/tcp-md5sig shm-stats-file "
        "shm-stats-file-max-objects ssl-passphrase-cmd tcp.dst tcp.flags tcp.options.mss tcp.options.sack "
        "tcp.options.tsopt tcp.options.tsval tcp.options.wscale tcp.options.wsopt tcp.options_list tcp.seq tcp.src "
        "tcp.win tune.bufsize.large tune.cli.max-payload-size tune.defaults.purge tune.h1.be.glitches-threshold "
        "tune.h1.fe.glitches-threshold tune.lua.openlibs tune.quic.be.cc.cubic-min-losses tune.quic.be.cc.hystart "
        "tune.quic.be.cc.max-frame-loss tune.quic.be.cc.max-win-size tune.quic.be.cc.reorder-ratio "
        "tune.quic.be.max-idle-timeout tune.quic.be.sec.glitches-threshold tune.quic.be.stream.data-ratio "
        "tune.quic.be.stream.max-concurrent tune.quic.be.stream.rxbuf tune.quic.be.tx.pacing "
        "tune.quic.be.tx.udp-gso tune.quic.fe.cc.cubic-min-losses tune.quic.fe.cc.hystart "
        "tune.quic.fe.cc.max-frame-loss tune.quic.fe.cc.max-win-size tune.quic.fe.cc.reorder-ratio "
        "tune.quic.fe.max-idle-timeout tune.quic.fe.sec.glitches-threshold tune.quic.fe.sec.retry-threshold "
        "tune.quic.fe.sock-per-conn tune.quic.fe.stream.data-ratio tune.quic.fe.stream.max-concurrent "
        "tune.quic.fe.stream.max-total tune.quic.fe.stream.rxbuf tune.quic.fe.tx.pacing tune.quic.fe.tx.udp-gso "
        "tune.quic.listen tune.quic.mem.tx-max tune.ssl.keyupdate-rate-limit tune.streams-elasticity "
    ),
}
_INTRODUCED = {name: version for version, names in _SINCE.items() for name in names.split()}

# The unknown word, in the several forms of HAProxy's message.
_UNKNOWN = re.compile(
    r"(?:unknown (?:keyword|option|fetch method|converter|matching method|service name|filter)|but got|\(got|unexpected"
    r"|unknown argument|not a valid keyword|'[a-z-]+' : unknown keyword) '(?P<word>[^' ]+)'"
)
_ALTERNATIVES = re.compile(r"(?:'[^' ]+'(?:,? (?:and|or) |, )){8,}'[^' ]+'")
_QUOTED = re.compile(r"'([^' ]+)'")


def explain_message(text: str, directive: Directive | None, binary: str) -> str:
    """Return HAProxy's message about an unknown word with a similar word or the version that introduced it.

    A long list of alternatives is shortened to their number.
    """
    listed: list[str] = []
    found = _ALTERNATIVES.search(text)
    if found:
        listed = [name.partition("(")[0] for name in _QUOTED.findall(found[0])]
        text = f"{text[: found.start()]}one of {len(listed)} words{text[found.end() :]}"
    unknown = _UNKNOWN.search(text)
    if not unknown:
        return text
    word = unknown["word"].partition("(")[0]
    version = introduced_in(word, directive)
    if version:
        return f"{text.partition('; did you mean')[0].rstrip(' .')}; HAProxy {version} has it"
    if "did you mean" in text:
        return text
    close = difflib.get_close_matches(word, listed or known_keywords(binary), n=1)
    return f"{text.rstrip(' .')}; did you mean '{close[0]}'?" if close else text


def introduced_in(word: str, directive: Directive | None) -> str:
    """Return the first long-term supported version with the word, for this keyword or for any; empty if unknown."""
    first = directive.keyword if directive else ""
    return _INTRODUCED.get(f"{first}/{word}") or _INTRODUCED.get(word, "")


def known_keywords(binary: str) -> list[str]:
    """Return all words that the binary lists: keywords, options, sample fetches, converters, services."""
    try:  # it lists them, then refuses the empty file
        listed = commands.run(binary, "-dKall", "-q", "-c", "-f", "/dev/null", limit=10)
    except OSError:
        return []
    return sorted(set(re.findall(r"[a-z0-9][a-z0-9_.-]+", listed.stdout)))
