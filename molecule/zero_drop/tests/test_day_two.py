"""The day-two playbooks, on a working day."""

from __future__ import annotations

import subprocess

testinfra_hosts = ["ansible://zero-edge1"]


def test_nodes_are_updated_one_by_one_and_new_clients_never_notice(edge, play, nodes, tmp_path):
    update = tmp_path / "update.yml"
    update.write_text("- name: Update\n  ansible.builtin.command: systemctl restart chat\n")
    started = {name: node.check_output("systemctl show --property MainPID chat") for name, node in nodes.items()}
    command = edge.command("numbered.js", "--insecure", "--clients", "0", "--stream", "100")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stream:
        done = play({"update": str(update), "drain": 2}, playbook="rolling_update")
        output, _ = stream.communicate(timeout=60)
    assert done.returncode == 0, done.stdout
    assert '"refused":{}' in output
    for name, node in nodes.items():
        assert node.check_output("systemctl show --property MainPID chat") != started[name]
    assert "weight 0" not in edge.host.file("/etc/haproxy/haproxy.cfg").content_string


def test_no_node_is_touched_where_the_service_would_be_left_with_too_few(edge, play, nodes, tmp_path):
    before = edge.host.file("/etc/haproxy/haproxy.cfg").content_string
    started = {name: node.check_output("systemctl show --property MainPID chat") for name, node in nodes.items()}
    done = play({"update": f"{tmp_path}/none.yml", "minimum": 3}, playbook="rolling_update")
    assert done.returncode != 0
    assert "stays in service: backend chat_http would have 2 servers that answer" in done.stdout
    assert edge.host.file("/etc/haproxy/haproxy.cfg").content_string == before
    for name, node in nodes.items():
        assert node.check_output("systemctl show --property MainPID chat") == started[name]


def test_a_node_that_does_not_come_back_stays_out_and_ends_the_update(edge, play, nodes, tmp_path):
    update = tmp_path / "update.yml"
    update.write_text("- name: Break it\n  ansible.builtin.command: systemctl stop chat\n")
    try:
        done = play({"update": str(update), "drain": 0, "healthy": 5}, playbook="rolling_update")
        assert done.returncode != 0
        states = {name: node.run("systemctl is-active chat").stdout.strip() for name, node in nodes.items()}
        assert sorted(states.values()) == ["active", "active", "inactive"]
        assert edge.get("/healthz").status == 200
    finally:
        for node in nodes.values():
            node.check_output("systemctl start chat")
