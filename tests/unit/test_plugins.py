"""What the controller adds to a module: groups of the inventory, PEM files, and that no module starts without need."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from ansible.errors import AnsibleError, AnsibleFileNotFound, AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.realtime.edge.plugins.action import (
    haproxy_build,
    haproxy_certificate,
    haproxy_compare,
    haproxy_config,
    haproxy_drain,
    haproxy_rebalance,
)
from ansible_collections.realtime.edge.plugins.filter import acme_missing, adopted, canary_steps
from ansible_collections.realtime.edge.plugins.filter.acme_orders import FilterModule
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.data import from_data, to_data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import parse, render
from ansible_collections.realtime.edge.plugins.plugin_utils import preflight, rounds
from ansible_collections.realtime.edge.plugins.plugin_utils.inventory import add_groups
from ansible_collections.realtime.edge.plugins.plugin_utils.pem_files import PemFiles

VARS = yaml.safe_load((Path(__file__).resolve().parents[2] / "roles/haproxy/vars/main.yml").read_text(encoding="utf-8"))
INVENTORY = {
    "groups": {"chat_nodes": ["n1", "n2", "n3"], "edges": ["e1"], "others": ["o1"]},
    "hostvars": {
        "n1": {"haproxy_address": "10.0.0.1", "ansible_host": "192.0.2.1"},
        "n2": {"ansible_host": "192.0.2.2"},
        "n3": {},
        "e1": {"haproxy_address": "10.0.0.9"},
    },
}
NODES = {"group": "chat_nodes", "port": 3000}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    "service",
    [
        {"servers": NODES},
        {"servers": [], "socketio": {"servers": NODES}},
        {"socketio": {"flash": {"policy_servers": NODES}}},
    ],
)
def test_a_group_that_is_named_has_its_members_and_the_others_their_names(service):
    groups = add_groups({"services": [service]}, INVENTORY)["groups"]
    assert groups == {
        "chat_nodes": [
            {"name": "n1", "address": "10.0.0.1"},
            {"name": "n2", "address": "192.0.2.2"},
            {"name": "n3", "address": "n3"},
        ],
        "edges": [],
        "others": [],
    }


def test_the_group_of_peers_is_read_and_groups_that_are_given_are_kept():
    assert add_groups({"peers": {"group": "edges"}}, INVENTORY)["groups"]["edges"] == [
        {"name": "e1", "address": "10.0.0.9"}
    ]
    assert add_groups({"services": [{"servers": NODES}], "groups": {"mine": []}}, INVENTORY)["groups"] == {"mine": []}


@pytest.mark.parametrize("services", [None, "chat", [None, "chat", 5], [{"servers": {"group": ["a"]}}], {"a": 1}])
def test_what_is_no_service_is_left_to_the_module(services):
    assert set(add_groups({"services": services}, INVENTORY)["groups"]) == set(INVENTORY["groups"])
    assert FilterModule().filters()["acme_orders"](services, services) == []


@pytest.fixture
def files(tmp_path, monkeypatch):
    """PEM files beside a playbook, and in the folder that Ansible was started in."""
    (tmp_path / "playbook").mkdir()
    (tmp_path / "playbook" / "chat.crt").write_text(f"{PEM}\n")
    (tmp_path / "here.crt").write_text("from here\n")
    monkeypatch.setenv("PWD", str(tmp_path))

    def find(_kind, name):
        path = tmp_path / "playbook" / name
        if not path.is_file():
            raise AnsibleFileNotFound(file_name=name)
        return str(path)

    def read(path):
        with open(path, "rb") as file:
            return file.read(), True

    return PemFiles(find, read)


def test_a_value_is_a_text_or_a_path_beside_the_playbook_or_from_the_folder_ansible_was_started_in(files):
    entry = {
        "name": "chat",
        "certificate": "chat.crt",
        "chain": "here.crt",
        "key": "no.key",
        "pem": PEM,
        "hosts": ["a"],
    }
    filled = files.fill({"certificates": [entry, "nonsense"], "self_signed": False})
    assert filled == {
        "self_signed": False,
        "certificates": [
            {"name": "chat", "certificate": PEM, "chain": "from here", "key": "no.key", "pem": PEM, "hosts": ["a"]},
            "nonsense",
        ],
    }
    assert files.fill({"certificates": "nonsense"}) == {"certificates": "nonsense"}
    assert files.fill({"acme_account_key": "here.crt"}) == {"acme_account_key": "from here"}


def test_what_acme_has_obtained_is_added_for_services_whose_certificate_nobody_gives(files, tmp_path):
    for name in ("chat", "given", "unused"):
        for ending in ("crt", "key"):
            (tmp_path / f"{name}.{ending}").write_text(f"{name}.{ending}")
    services = [{"name": name, "hosts": ["a.example"]} for name in ("chat", "given", "to-come")]
    services.append({"name": "every-host"})
    given = {"name": "given", "pem": PEM}
    filled = files.fill({"certificates": [given], "services": services, "acme_folder": str(tmp_path)})
    obtained = {"name": "chat", "certificate": "chat.crt", "key": "chat.key"}
    assert filled == {"certificates": [given, obtained], "services": services}


def test_orders_are_made_for_certificates_that_a_service_names():
    orders = FilterModule().filters()["acme_orders"]
    services = [
        {"name": "chat", "hosts": ["chat.example"]},
        {"name": "shop", "hosts": ["shop.example"], "certificate": "other"},
        {"name": "both", "hosts": ["both.example"], "certificate": ["ecdsa", "rsa"]},
        {"name": "bad", "hosts": ["bad host"]},
        {"name": "open"},
    ]
    assert orders(services, [{"name": "chat"}]) == [{"name": "other", "hosts": ["shop.example"]}]


def action(plugin, arguments):
    """The plugin, and the list of what it starts a module with."""
    started = []
    task = SimpleNamespace(
        args=arguments, async_val=0, diff=False, check_mode=False, environment=[], no_log=False, _role=None
    )
    made = plugin.ActionModule(
        task=task, connection=SimpleNamespace(_shell=SimpleNamespace(tmpdir="there")), play_context=None, loader=SimpleNamespace(_get_file_contents=None), templar=None,
        shared_loader_obj=None,
    )  # fmt: skip

    def missing(_kind, name):
        raise AnsibleError(name)

    made._execute_module = lambda module_args, task_vars: started.append(module_args) or {"changed": True}
    made._find_needle = missing
    return made, started


@pytest.mark.parametrize("plugin", [haproxy_config, haproxy_certificate])
def test_no_module_is_started_where_nothing_is_to_change(plugin):
    compared = {"changed": False, "reasons": []}
    made, started = action(plugin, {"services": [], "compared": compared})
    assert made.run(task_vars=INVENTORY)["reasons"] == []
    assert started == []
    for different in (None, {}):
        made, started = action(plugin, {"services": [], "compared": different})
        assert made.run(task_vars=INVENTORY)["changed"] is True
        assert started[0]["groups"]["edges"] == []
        assert "compared" not in started[0]


def test_the_comparison_gets_what_both_modules_get():
    arguments = {"certificate": {"services": [{"servers": NODES}]}, "configuration": {"services": [{"servers": NODES}]}}
    made, started = action(haproxy_compare, arguments)
    assert made.run(task_vars=INVENTORY)["changed"] is True
    for part in ("certificate", "configuration"):
        assert [member["name"] for member in started[0][part]["groups"]["chat_nodes"]] == ["n1", "n2", "n3"]


KNOWN = {
    "haproxy_services",
    "haproxy_sections",
    "haproxy_allow_restart",
    "haproxy_tls",
    "haproxy_binds",
    "haproxy_acme",
}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("haproxy_servces", "haproxy_services"),
        ("haproxy_service", "haproxy_services"),
        ("haproxy_sevrices", "haproxy_services"),
        ("haproxy_allowrestart", "haproxy_allow_restart"),
        ("haproxy_bind", "haproxy_binds"),
    ],
)
def test_a_misspelled_variable_is_told_with_what_was_meant(name, meant):
    (problem,) = preflight.find_misspelled([name, "ansible_host"], KNOWN)
    assert problem == f"{name}: the role has no such variable; did you mean {meant}?"


def test_variables_of_others_are_left_alone():
    own = [
        "haproxy_shop_services",
        "haproxy_exporter",
        "haproxy_acl",
        "haproxy_state",
        "services",
        "my_haproxy_servces",
    ]
    assert list(preflight.find_misspelled([*own, *KNOWN], KNOWN)) == []


HOST = 'uid=0\nsystemd=yes\npython={}\npython={}\npython=\nname="Debian GNU/Linux 10"\n'


@pytest.mark.parametrize(
    ("pythons", "problem"),
    [
        (("/usr/bin/python3 3.11", "/usr/bin/python3 3.11"), None),
        (("", ""), "there is no Python on Debian GNU/Linux 10; Ansible needs 3.9 or newer: install python3"),
        (("/usr/bin/python3 3.7", "/usr/bin/python3 3.7"), "/usr/bin/python3 is Python 3.7, and modules need 3.9"),
        (("/usr/bin/python3.8 3.8", "/usr/bin/python3 3.10"), "ansible_python_interpreter: /usr/bin/python3"),
    ],
)
def test_a_host_that_runs_no_module_is_explained(pythons, problem):
    problems = preflight.explain_host(HOST.format(*pythons))
    assert len(problems) == bool(problem)
    assert (problem or "") in "".join(problems)


def test_everything_is_told_at_once():
    said = HOST.format("/usr/bin/python3 3.7", "").replace("uid=0", "uid=1000").replace("systemd=yes\n", "")
    assert [problem.partition(":")[0] for problem in preflight.explain_host(said)] == [
        "this host",
        "become",
        "this host",
    ]


def test_a_module_that_could_not_run_is_explained_by_a_shell():
    arguments = {"certificate": {}, "configuration": {}}
    made, _started = action(haproxy_compare, arguments)
    made._execute_module = lambda module_args, task_vars: {"failed": True, "msg": "MODULE FAILURE", "rc": 1}
    asked = []

    def answer(command):
        asked.append(command)
        return {"stdout": HOST.format("/opt/python3.8 3.8", "")}

    made._low_level_execute_command = answer
    done = made.run(task_vars={**INVENTORY, "ansible_python_interpreter": "/opt/python3.8"})
    assert done["failed"] is True
    assert "/opt/python3.8 is Python 3.8" in done["msg"]
    assert "/opt/python3.8" in asked[0]
    made._low_level_execute_command = lambda command: {"stdout": HOST.format("/usr/bin/python3 3.11", "")}
    assert made.run(task_vars=INVENTORY)["msg"] == "MODULE FAILURE"


def test_what_acme_lacks_on_the_controller_is_told_at_once(monkeypatch):
    find = acme_missing.FilterModule().filters()["acme_missing"]
    assert find({"directory": "https://ca.example/directory"}) == []

    def nothing(name):
        if "." in name:
            raise ModuleNotFoundError(name)

    monkeypatch.setattr(acme_missing, "find_spec", nothing)
    directory, collection, library = find({})
    assert directory.startswith("haproxy_acme.directory: ")
    assert collection.endswith("ansible-galaxy collection install community.crypto")
    assert library.endswith("pip install cryptography")


class Job:
    """A module that runs in the background: what it writes as its step, each time it is asked, and its result."""

    def __init__(self, steps, result):
        self.steps, self.result, self.asked = list(steps), result, []

    def execute(self, name=None, arguments=None, task_vars=None, wrap_async=False):
        if wrap_async:
            return {
                "ansible_job_id": "j1",
                "results_file": "/root/.ansible_async/j1",
                "started": 1,
                "finished": 0,
                "failed": False,
            }
        self.asked.append((name, arguments))
        ended = {"ansible_job_id": "j1", "started": 1, "finished": 1, **self.result}
        return ended if not self.steps else {"ansible_job_id": "j1", "started": 1, "finished": 0}

    def step(self, command):
        assert command == "cat /opt/haproxy/.step"
        return {"stdout": self.steps.pop(0)}


@pytest.fixture
def build(monkeypatch):
    """Run the plugin on a job whose clock goes by 20 s each time it is asked: the result, and what was shown."""

    def run(job):
        shown, clock = [], [0]
        made, _ = action(haproxy_build, {})
        made._task.delegate_to = "builder"
        made._execute_module, made._low_level_execute_command = job.execute, job.step
        monkeypatch.setattr(haproxy_build, "Display", lambda: SimpleNamespace(display=shown.append))
        monkeypatch.setattr(haproxy_build.time, "sleep", lambda _: clock.append(clock[-1] + 20))
        monkeypatch.setattr(haproxy_build.time, "monotonic", lambda: clock[-1])
        return made.run(task_vars={"inventory_hostname": "e1"}), shown

    return run


def test_a_build_shows_each_step_and_how_long_one_has_lasted(build):
    steps = [
        "",
        "Compile OpenSSL 3.5.7\n",
        "Compile OpenSSL 3.5.7\n",
        "Compile OpenSSL 3.5.7\n",
        "Compile HAProxy 3.2.26\n",
    ]
    job = Job(steps, {"changed": True, "fingerprint": "ab"})
    result, shown = build(job)
    assert shown == [
        "builder: Compile OpenSSL 3.5.7",
        "builder: Compile OpenSSL 3.5.7, for 0:40 min",
        "builder: Compile HAProxy 3.2.26",
    ]
    assert result == {"changed": True, "fingerprint": "ab"}
    answer = {"jid": "j1", "_async_dir": "/root/.ansible_async"}
    assert job.asked[-1] == ("ansible.legacy.async_status", {**answer, "mode": "cleanup"})


def test_a_build_that_fails_is_a_task_that_fails(build):
    assert build(Job(["Compile HAProxy 3.2.26"], {"failed": True, "msg": "no"}))[0] == {"failed": True, "msg": "no"}


def test_a_build_that_never_ends_is_given_up(build):
    result, shown = build(Job(["Compile HAProxy 3.2.26"] * 1000, {}))
    assert result == {"failed": True, "msg": "The build did not end within 2 hours"}
    assert shown[-1] == "builder: Compile HAProxy 3.2.26, for 119:20 min"


OF_DEBIAN = """\
global
\tlog /dev/log\tlocal0
\tchroot /var/lib/haproxy
\tstats socket /run/haproxy/admin.sock mode 660 level admin
\tstats timeout 30s
\tuser haproxy
\tgroup haproxy
\tdaemon
\tca-base /etc/ssl/certs

defaults
\tmode http
\ttimeout client 50000

userlist staff
\tuser admin password $5$salt$hash
"""


def adopt(text):
    """The text of a configuration as the role gets it after an adoption."""
    return render(from_data(adopted.adopted(to_data(parse(text)))))


def test_an_adopted_configuration_has_what_the_unit_of_the_role_needs_and_nothing_that_ends_it():
    header, *lines = adopt(OF_DEBIAN).partition("\n\n")[0].splitlines()
    assert header == "global"
    assert sorted(line.strip() for line in lines) == [
        "ca-base /etc/ssl/certs",
        "log /dev/log local0",
        "mworker-max-reloads 1000",
        "stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners",
        "stats timeout 30s",
    ]


def test_an_adopted_configuration_keeps_its_other_sections():
    assert adopt(OF_DEBIAN).partition("\ndefaults")[2] == render(parse(OF_DEBIAN)).partition("\ndefaults")[2]


def test_what_others_connect_to_and_a_limit_of_reloads_stay():
    text = adopt("global\n    mworker-max-reloads 50\n    stats socket ipv4@127.0.0.1:9999 level operator\n")
    assert "mworker-max-reloads 50\n" in text
    assert "1000" not in text
    assert "stats socket ipv4@127.0.0.1:9999 level operator" in text


def test_a_configuration_without_a_global_gets_one():
    assert adopt("frontend web\n    bind :80\n").startswith("global\n    ")


def test_a_line_that_is_cut_short_is_haproxys_to_refuse():
    assert "stats socket\n" in adopt("global\n    stats socket\n")


def test_what_is_no_configuration_is_said():
    with pytest.raises(AnsibleFilterError, match="adopted"):
        adopted.adopted("chat")


def due(seen, batch=("one", "two"), **tls):
    """How many new ticket keys two edges need, by what haproxy_compare has seen of each: names of keys, and an age."""
    hostvars = {
        edge: {"haproxy_state": {"ticket_keys": {"names": names, "age": age}}} for edge, (names, age) in seen.items()
    }
    variables = {
        **{name: trust_as_template(value) for name, value in VARS.items() if "ticket" in name},
        "groups": {"edges": ["one", "two"]},
        "haproxy_peers": {"group": "edges"},
        "haproxy_tls": tls,
        "hostvars": hostvars,
        "ansible_play_batch": list(batch),
    }
    template = trust_as_template("{{ haproxy_ticket_keys_due }}")
    return int(Templar(loader=DataLoader(), variables=variables).template(template))


KEYS, OTHERS = ["a", "b", "c"], ["b", "c", "d"]


@pytest.mark.parametrize(
    ("keys", "seen", "more"),
    [
        (0, {"one": (KEYS, 100), "two": (KEYS, 90)}, {}),
        (1, {"one": (KEYS, 100), "two": (KEYS, 90000)}, {}),
        (1, {"one": (KEYS, 100), "two": (KEYS, 90)}, {"ticket_rotation": 95}),
        (3, {"one": (KEYS, 100), "two": (OTHERS, 100)}, {}),
        (3, {"one": (KEYS, 100), "two": ([], 0)}, {}),
        (3, {"one": ([], 0), "two": ([], 0)}, {}),
        (0, {"one": (KEYS, 90000), "two": (KEYS, 90000)}, {"batch": ["one"]}),
        (0, {"one": (KEYS, 100), "two": (OTHERS, 90000)}, {"tickets": False}),
    ],
)
def test_edges_get_common_ticket_keys_where_theirs_differ_or_are_old(keys, seen, more):
    assert due(seen, **more) == keys


@pytest.fixture
def closing(monkeypatch):
    """Run a plugin whose module has these rounds to tell, of five seconds each: its result, and what was shown."""

    def run(plugin, parts, check_mode=False):
        shown, clock = [], [0.0]
        made, started = action(plugin, {"rate": 5})
        made._task.check_mode, made._task.delegate_to = check_mode, "edge1"

        def execute(module_args, task_vars):
            started.append(module_args)
            clock.append(clock[-1] + 5)
            return dict(parts[min(len(started), len(parts)) - 1])

        made._execute_module = execute
        monkeypatch.setattr(rounds, "Display", lambda: SimpleNamespace(display=shown.append))
        monkeypatch.setattr(rounds.time, "monotonic", lambda: clock[-1])
        done = made.run(task_vars={"inventory_hostname": "n1"})
        assert all(arguments == {"rounds": 1, "rate": 5} for arguments in started)
        return done, shown

    return run


def part(closed, left, **more):
    return {"changed": closed > 0, "closed": closed, "left": left, "reached": not left, "time": 60, **more}


def test_what_closes_sessions_shows_after_each_round_how_far_it_is(closing):
    done, shown = closing(haproxy_drain, [part(25, 30), part(25, 5), part(5, 0)])
    assert (done["closed"], done["changed"], done["reached"]) == (55, True, True)
    assert shown == ["edge1: 25 closed here, 30 left", "edge1: 50 closed here, 5 left"]
    nodes = [{"server": "app1", "sockets": 90, "share": 60}, {"server": "app2", "sockets": 30, "share": 60}]
    _done, shown = closing(haproxy_rebalance, [part(25, 30, surplus=30, nodes=nodes), part(5, 0)])
    assert shown == ["edge1: 25 closed here, 30 too many on all edges (app1 90 of 60, app2 30 of 60)"]


def test_it_ends_when_its_time_is_over_in_check_mode_at_once_and_where_the_module_fails(closing):
    done, shown = closing(haproxy_drain, [part(1, 9)])
    assert (done["closed"], done["reached"], len(shown)) == (12, False, 11)
    done, shown = closing(haproxy_drain, [part(0, 9)], check_mode=True)
    assert (done["left"], shown) == (9, [])
    done, _shown = closing(haproxy_drain, [part(25, 30), {"failed": True, "msg": "it does not answer"}])
    assert (done["failed"], done["closed"], done["changed"]) == (True, 25, True)
    again = "25 sessions were closed before that; start it again when this is mended, and it goes on"
    assert done["msg"] == f"it does not answer; {again}"
    done, _shown = closing(haproxy_drain, [{"failed": True, "msg": "it does not answer"}])
    assert done["msg"] == "it does not answer"


def test_each_step_of_a_canary_has_its_share():
    find = canary_steps.FilterModule().filters()["canary_steps"]
    chat = {"name": "chat", "servers": ["10.0.0.1:1"], "canary": {"servers": ["10.0.0.2:1"], "share": 1}}
    services = [{"name": "news"}, chat]
    steps = find(services, "chat", "5, 100")
    assert [step["share"] for step in steps] == [5, 100]
    assert steps[1]["services"] == [{"name": "news"}, {**chat, "canary": {**chat["canary"], "share": 100}}]
    assert chat["canary"]["share"] == 1
    assert [step["share"] for step in find(services, "chat", 0)] == [0]
    assert len(find(services, "chat", [5, 10])) == 2
    for service, shares, words in (
        ("news", 5, "canary_service: haproxy_services has no canary of 'news' (services with one: chat)"),
        ("", 5, "canary_service: haproxy_services has no canary of ''"),
        ("chat", "5,101", "canary_steps: '101' is no percentage from 0 to 100"),
        ("chat", "-5", "canary_steps: '-5' is no percentage"),
        ("chat", "", "canary_steps: '' is no percentage"),
        ("chat", "a few", "canary_steps: 'a few' is no percentage"),
    ):
        with pytest.raises(AnsibleFilterError) as error:
            find(services, service, shares)
        assert str(error.value).startswith(words)
    with pytest.raises(AnsibleFilterError):
        find(None, "chat", 5)
