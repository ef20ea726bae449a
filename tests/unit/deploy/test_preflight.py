"""A configuration is checked with the files as they will be. The HAProxy here complains of missing certificates."""

import os
import socket

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply, preflight

BINARY = """#!/bin/sh
for path in $(sed -nE 's/.* crt ([^ ]+).*/\\1/p; s/.* ca-file ([^ ]+).*/\\1/p' "$3"); do
    grep -qs CERTIFICATE "$path" && continue
    echo "[ALERT]    (1) : config : parsing [$3:1] : unable to stat SSL certificate from file '$path'." >&2
    exit 1
done
"""
PEERS = {"server": "edge", "table": "chat type string len 64 size 1k"}
CHECK = apply.ApplyOptions(check_mode=True)


@pytest.fixture
def wanted(target, tmp_path):
    """A configuration with a certificate, one of a client's CA, and a folder with another certificate in it."""
    with open(target.binary, "w") as file:
        file.write(BINARY)
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates/old.pem").write_text("CERTIFICATE old")
    binds = {"a": f"crt {tmp_path}/certificates/new.pem", "b": f"ca-file {tmp_path}/client-ca/staff.pem"}
    binds["c"] = f"crt {tmp_path}/certificates/old.pem"
    return data.from_data({"frontend": {name: {"bind": f"127.0.0.1:0 ssl {words}"} for name, words in binds.items()}})


def test_certificates_that_are_to_come_are_there_for_the_check(target, wanted, tmp_path):
    with pytest.raises(ConfigurationError, match=f"unable to stat SSL certificate .*{tmp_path}/certificates/new.pem"):
        apply.apply(wanted, target, CHECK)
    foreseen = {f"{tmp_path}/certificates/new.pem": "CERTIFICATE new", f"{tmp_path}/client-ca/staff.pem": "CERTIFICATE"}
    before = sorted(tmp_path.iterdir())
    assert apply.apply(wanted, target, CHECK._replace(foreseen=foreseen)).action == "start"
    assert sorted(tmp_path.iterdir()) == before


def test_a_certificate_that_will_be_gone_is_gone_for_the_check_under_the_path_that_people_know(
    target, wanted, tmp_path
):
    foreseen = {f"{tmp_path}/certificates/new.pem": "CERTIFICATE new", f"{tmp_path}/client-ca/staff.pem": "CERTIFICATE"}
    foreseen[f"{tmp_path}/certificates/old.pem"] = ""
    with pytest.raises(ConfigurationError) as raised:
        apply.apply(wanted, target, CHECK._replace(foreseen=foreseen))
    assert f"'{tmp_path}/certificates/old.pem'" in str(raised.value)
    assert "check-" not in str(raised.value)


def test_a_bare_host_is_told_of_a_port_in_use_as_well(target, tmp_path):
    os.unlink(target.binary)
    taken = preflight.process_name(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"already listens on port {port} .*{taken}"):
            apply.apply(data.from_data({"frontend": {"web": {"bind": f"127.0.0.1:{port}"}}}), target, CHECK)


def test_tables_that_a_reload_loses_are_told():
    before = data.from_data({"peers": {"affinity": {"bind": "127.0.0.1:8405", **PEERS}}})
    after = data.from_data({"peers": {"affinity": {"bind": "unix@/run/haproxy/peers.sock mode 600", **PEERS}}})
    (told,) = preflight.lost_tables(after, before)
    assert told.startswith(
        "peers affinity: the next worker listens at unix@/run/haproxy/peers.sock, and the serving one knows 127.0.0.1:8405"
    )
    assert preflight.lost_tables(after, after) == []
    assert preflight.lost_tables(after, data.from_data({})) == []
