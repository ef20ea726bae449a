"""HAProxy has the OpenSSL that was built with it, on every edge; the host keeps its own."""

from __future__ import annotations

import re

testinfra_hosts = ["ansible://edges"]


def test_serves_on_the_library_that_was_built_with_it(running, loaded, version):
    assert running().startswith(f"OpenSSL {version} ")
    assert loaded() == set()


def test_a_client_gets_the_post_quantum_key_exchange_and_another_the_usual_one(offer):
    assert (offer("X25519MLKEM768"), offer("X25519")) == ("TLSv1.3", "TLSv1.3")
    assert offer("secp521r1").startswith("ERR_SSL")


def test_polling_over_http3(edge):
    result = edge.client("generations/http3.py")
    assert result["works"], result["error"]


def test_the_library_of_the_system_is_as_the_distribution_delivers_it(host):
    assert host.run("dpkg --verify libssl3 openssl").stdout == ""
    assert "OpenSSL 3.0." in host.check_output("openssl version")
    everywhere = r"find / -xdev -not -path '/usr/lib/*' \( -name 'libssl.*' -o -name 'libcrypto.*' \)"
    assert host.check_output(everywhere) == ""


def test_the_authorities_of_the_host_are_found(second_edge):
    check = "\nbackend other\n    server other 127.0.0.1:1 ssl verify required ca-file @system-ca\n"
    shown = second_edge(lambda text: text + check).ask("show ssl ca-file")
    assert int(re.search(r"@system-ca - (\d+) certificate", shown)[1]) > 100, shown


def test_the_edge_has_what_was_built_elsewhere_and_no_compiler(host, edge, archives):
    build = host.file("/usr/local/sbin/haproxy").linked_to.split("/")[3]
    assert host.check_output("sha256sum <%s", f"/opt/haproxy/archives/haproxy-{build}.tar.gz") in archives
    assert not any(host.exists(tool) for tool in ("cc", "make"))
