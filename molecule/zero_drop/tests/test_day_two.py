"""The role and the day-two playbooks, on a working day."""

from __future__ import annotations

import ssl

testinfra_hosts = ["ansible://zero-edge1"]

AT_RUN_TIME = "In the running process, without a reload"
RELOAD = "live connections stay with the old worker until they end"


def test_the_role_says_what_each_change_costs_and_nobody_notices(edge, crowd, play, key_pairs):
    chat, *others = edge.variables["haproxy_services"]
    nodes = edge.variables["groups"]["chat_nodes"]
    usual = [{"name": name, "address": f"10.213.9.2{number}", "port": 3000} for number, name in enumerate(nodes, 1)]
    own = edge.host.file("/etc/haproxy/certificates/chat.pem").content_string
    (certificate, key), _ = key_pairs
    wanted = {}

    def change(words, **variables):
        """Run the role with these variables, and those of before: whether it reloaded, or nothing if it refused."""
        wanted.update(variables)
        worker = edge.worker()
        done = play(wanted, "--limit", "zero-edge1")
        for word in words:
            assert word in done.stdout, done.stdout
        assert "Traceback" not in done.stdout
        return edge.worker() != worker if done.returncode == 0 else None

    def with_extra(**options):
        extra = {"name": "extra", "address": "10.213.9.22", "port": 3000, **options}
        return [{**chat, "servers": [*usual, extra]}, *others]

    crowd.come(400, "chat.example.com", "websocket", "--interval", "3000", "--stream", "100")
    crowd.come(100, "chat.example.com", "polling", "--interval", "5000")
    try:
        added = [AT_RUN_TIME, "server chat_websocket/extra is added"]
        assert change(added, haproxy_services=with_extra()) is False
        weighed = [AT_RUN_TIME, "server chat_websocket/extra gets weight 7"]
        assert change(weighed, haproxy_services=with_extra(weight=7)) is False
        # The certificates' own task does it; nothing is left to say.
        renewed = [{"name": "chat", "certificate": certificate, "key": key}]
        assert change(["changed=1"], haproxy_certificates=renewed) is False
        assert ssl.PEM_cert_to_DER_cert(certificate) == edge._certificate()
        tunnel = {"defaults": {"timeout": {"tunnel": "2h"}}}
        assert change([RELOAD, "`timeout tunnel` is new or changed"], haproxy_sections=tunnel) is True
        place = "haproxy_sections.defaults.timeout.tunel"
        assert change([place, "tunnel"], haproxy_sections={"defaults": {"timeout": {"tunel": "2h"}}}) is None
    finally:
        wanted.clear()
        assert change([RELOAD], haproxy_certificates=[{"name": "chat", "pem": own}]) is True
    for seen in crowd.observed():
        assert (seen["lost"], seen["refused"]) == ({}, {}), seen
        assert seen["sent"] == seen["answered"] > 0
        assert (seen["out_of_order"], seen["moved"]) == (0, 0)


def test_polling_sessions_of_a_removed_node_survive_reloads(edge, crowd, play):
    """Their node leaves in one run with a change that needs a reload, and another reload follows."""
    chat, *others = edge.variables["haproxy_services"]
    nodes = edge.variables["groups"]["chat_nodes"]
    usual = [{"name": name, "address": f"10.213.9.2{number}", "port": 3000} for number, name in enumerate(nodes, 1)]
    leaving = nodes[-1]

    def run(words, **variables):
        done = play(variables, "--limit", "zero-edge1")
        assert done.returncode == 0, done.stdout
        assert [word for word in words if word not in done.stdout] == [], done.stdout

    crowd.come(90, "chat.example.com", "polling", "--interval", "1000")
    without = {"haproxy_services": [{**chat, "servers": usual[:-1]}, *others]}
    told = f"server chat_polling/{leaving} is removed: it gets no new clients, and stays until its last session ends"
    try:
        run([RELOAD, told], **without, haproxy_sections={"defaults": {"timeout": {"tunnel": "2h"}}})
        run([RELOAD], **without, haproxy_sections={"defaults": {"timeout": {"tunnel": "3h"}}})
        written = edge.host.file("/etc/haproxy/haproxy.cfg").content_string
        assert f"    # draining\n    server {leaving} " in written
        (seen,) = crowd.observed()
        assert (seen["lost"], seen["refused"], seen["moved"]) == ({}, {}, 0), seen
        assert seen["sent"] == seen["answered"] > 0
        crowd.processes.clear()
        # Its sessions have ended: a further run takes it out.
        run(
            ["is removed when it has no sessions left"],
            **without,
            haproxy_sections={"defaults": {"timeout": {"tunnel": "3h"}}},
        )
        assert "# draining" not in edge.host.file("/etc/haproxy/haproxy.cfg").content_string
    finally:
        run([])


def rolling_update(play, tasks, **options):
    """Run the playbook with tasks that update the nodes of the application."""
    variables = {"nodes": "chat_nodes", "tasks": str(tasks), **options}
    return play({f"rolling_update_{name}": value for name, value in variables.items()}, playbook="rolling_update")


def test_nodes_are_updated_one_by_one_and_new_clients_never_notice(edge, crowd, play, nodes, tmp_path):
    """Sessions that do not end are closed, those of an old worker too."""
    update = tmp_path / "update.yml"
    update.write_text("- name: Update\n  ansible.builtin.command: systemctl restart chat\n")
    started = {name: node.check_output("systemctl show --property MainPID chat") for name, node in nodes.items()}
    crowd.come(30, "chat.example.com", "websocket", "--stream", "100")
    try:
        done = play({"haproxy_sections": {"defaults": {"timeout": {"tunnel": "2h"}}}}, "--limit", "zero-edge1")
        assert RELOAD in done.stdout, done.stdout
        done = rolling_update(play, update, drain=2)
        assert done.returncode == 0, done.stdout
        (seen,) = crowd.observed()
        crowd.processes.clear()
        for name, node in nodes.items():
            assert f" sessions of {name} were closed, 0 do not end" in done.stdout, done.stdout
            assert node.check_output("systemctl show --property MainPID chat") != started[name]
        assert (sum(seen["lost"].values()), seen["refused"]) == (30, {}), seen
        assert seen["requests"] > 0
        assert "weight 0" not in edge.host.file("/etc/haproxy/haproxy.cfg").content_string
    finally:
        play({}, "--limit", "zero-edge1")


def test_no_node_is_touched_where_the_service_would_be_left_with_too_few(edge, play, nodes, tmp_path):
    before = edge.host.file("/etc/haproxy/haproxy.cfg").content_string
    started = {name: node.check_output("systemctl show --property MainPID chat") for name, node in nodes.items()}
    (tmp_path / "update.yml").write_text("- ansible.builtin.fail: {msg: it was touched}\n")
    done = rolling_update(play, tmp_path / "update.yml", minimum=3)
    assert done.returncode != 0
    assert "stays in service: backend chat_http would have 2 servers that answer" in done.stdout
    assert edge.host.file("/etc/haproxy/haproxy.cfg").content_string == before
    for name, node in nodes.items():
        assert node.check_output("systemctl show --property MainPID chat") == started[name]


def test_a_node_that_does_not_come_back_stays_out_and_ends_the_update(edge, play, nodes, tmp_path):
    update = tmp_path / "update.yml"
    update.write_text("- name: Break it\n  ansible.builtin.command: systemctl stop chat\n")
    try:
        done = rolling_update(play, update, drain=0, healthy=5)
        assert done.returncode != 0
        states = {name: node.run("systemctl is-active chat").stdout.strip() for name, node in nodes.items()}
        assert sorted(states.values()) == ["active", "active", "inactive"]
        assert edge.get("/healthz").status == 200
    finally:
        for node in nodes.values():
            node.check_output("systemctl start chat")
