"""A host to deploy to, in a folder of its own."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy import paths
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import disk


@pytest.fixture
def target(tmp_path):
    binary = tmp_path / "builds" / "haproxy"
    binary.parent.mkdir()
    binary.write_text(
        "#!/bin/sh\ngrep -q wrong \"$3\" && { echo '[ALERT]    (1) : config : wrong' >&2; exit 1; }\nexit 0\n"
    )
    binary.chmod(0o755)
    return disk.Target(
        path=str(tmp_path / "haproxy.cfg"),
        binary=str(binary),
        link=str(tmp_path / "haproxy"),
        master=str(tmp_path / "master.sock"),
        state=str(tmp_path),
        group=-1,
    )


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    """Keep what closings of sessions tell in a folder of the test."""
    monkeypatch.setattr(paths, "PROGRESS", str(tmp_path / "run" / "closing"))
