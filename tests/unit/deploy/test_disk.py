"""What is written to the disk does not depend on what others have left there."""

import os

from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import disk


def test_a_link_that_a_killed_run_has_left_is_in_nobodys_way(tmp_path):
    link = tmp_path / "haproxy"
    # A run of the same process id was killed between the two steps, or somebody has foreseen the name.
    (tmp_path / f"haproxy.{os.getpid()}").symlink_to("/elsewhere")
    disk.switch_link("/opt/haproxy/new", str(link))
    assert os.readlink(link) == "/opt/haproxy/new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["haproxy", f"haproxy.{os.getpid()}"]


def test_a_binary_that_somebody_has_put_there_is_kept(tmp_path):
    link = tmp_path / "haproxy"
    link.write_text("built by hand")
    for build in ("/opt/haproxy/one", "/opt/haproxy/two"):
        disk.switch_link(build, str(link))
        assert os.readlink(link) == build
    assert (tmp_path / "haproxy.by-hand").read_text() == "built by hand"
