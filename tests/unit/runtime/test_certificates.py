"""What a worker answers is read as what it means. The answers are those of 2.6, 3.0, 3.2 and 3.4."""

import re
import socket
import threading

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import certificates, cli, servers

PROC = """#<PID>          <type>          <reloads>       <uptime>        <version>
100             master          3 [failed: 0]   1d02h03m04s     3.0.11-9e587df
# workers
103             worker          0               0d00h00m05s     3.0.11-9e587df
# old workers
101             worker          2               1d02h03m04s     2.6.12-1
102             worker          1               0d00h01m05s     3.0.11-9e587df
# programs
"""

STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change \
srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn \
srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
3 chat 1 n1 10.0.0.1 2 0 1 1 17 6 3 3 6 0 0 0 - 3000 - 0 0 - - 0
3 chat 2 n2 10.0.0.2 0 1 5 5 17 2 0 6 2 0 0 0 - 3000 - 0 0 - - 0
3 chat 3 n3 2001:db8::1 2 8 0 5 17 2 0 6 0 0 0 0 - 3000 - 0 0 - - 0
4 named 1 n4 - 0 32 1 1 17 2 0 6 0 0 0 0 db.example 3000 - 0 0 - - 0
"""

STATISTICS = """# pxname,svname,qcur,qmax,scur,smax,slim,stot,
chat,n1,0,0,7,9,,10,
chat,n2,0,0,0,9,20,10,
"""

CERTIFICATE = """Filename: /c/chat.pem
Status: Used
Serial: 4276A62397C1A34A4D91633FFC7F4AFD2A375692
SHA1 FingerPrint: 6A18AE8ACBEB979830F122A86F81958301A8488C
Subject: /CN=chat
Issuer: /CN=issuer
Chain Subject: /CN=issuer
Chain Issuer: /CN=root
"""

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n\n-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n"


class Answers:
    """A master CLI that answers the beginnings of lines that it knows, and remembers what it was asked."""

    def __init__(self, path):
        self.path = str(path)
        self.asked = []
        self.known = {"show proc": PROC}
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rw") as stream:
                question = stream.read().removesuffix("\n")
                self.asked.append(question)
                matching = [begin for begin in self.known if question.startswith(begin)]
                stream.write(self.known[max(matching, key=len)] + "\n" if matching else "Unknown command\n")

    def worker(self, **answers):
        self.known.update({f"@!103 {command.replace('_', ' ')}": answer for command, answer in answers.items()})


@pytest.fixture
def master(tmp_path):
    answers = Answers(tmp_path / "master.sock")
    yield answers
    answers.socket.shutdown(socket.SHUT_RDWR)
    answers.thread.join(10)
    answers.socket.close()


def test_workers_are_told_apart(master):
    master.known.update({"@!103 show info": "Pid: 103\nCurrConns: 5", "@!101 show info": "CurrConns: 70"})
    master.known["@!102 show info"] = "Can't find the target PID matching the prefix '@!102'"
    assert cli.workers(master.path, sessions=True) == [
        cli.Worker(103, False, 0, 5, "3.0.11-9e587df", 5),
        cli.Worker(102, True, 1, 65, "3.0.11-9e587df", -1),
        cli.Worker(101, True, 2, 93784, "2.6.12-1", 70),
    ]


def test_the_worker_that_serves_is_found_among_the_old_ones_after_a_refused_reload(master):
    master.known["show proc"] = PROC.replace("103             worker          0 ", "103             worker          3 ")
    assert cli.serving_worker(master.path) == 102


def test_a_master_without_workers_is_an_error(master):
    master.known["show proc"] = "#<PID>\n100 master 0 [failed: 0] 0d00h00m00s 3.0.11"
    with pytest.raises(cli.RuntimeFailure, match="has no worker"):
        cli.serving_worker(master.path)


def test_servers_are_read_with_their_states_and_sessions(master):
    master.worker(show_servers_state=STATE, show_stat=STATISTICS)
    found = servers.read_servers(master.path)
    assert found["chat", "n1"] == servers.Server("10.0.0.1", 3000, 1, 0, "ready", True, 7, True, 3, 1)
    assert found["chat", "n2"] == servers.Server("10.0.0.2", 3000, 5, 20, "maint", False, 0, False, 6, 2)
    assert found["chat", "n3"] == servers.Server("2001:db8::1", 3000, 0, 0, "drain", True, 0, False, 6, 3)
    assert found["named", "n4"].address == ""


def test_certificates_are_read_and_what_was_left_open_is_ended(master):
    master.worker(show_ssl_cert="# transaction\n*/c/chat.pem\n# filename\n/c/chat.pem\n/c/more.pem\n")
    assert certificates.list_certificates(master.path, 103) == ["/c/chat.pem", "/c/more.pem"]
    assert master.asked[-1] == "@!103 abort ssl cert /c/chat.pem"
    master.known["@!103 show ssl cert /c/chat.pem"] = (
        CERTIFICATE + "Variable not found.\n\nStart_time_sec: 1700000000\n"
    )
    read = certificates.LoadedText("", 1700000000)
    fingerprint = "6a18ae8acbeb979830f122a86f81958301a8488c"
    assert certificates.read_certificate(master.path, 103, "/c/chat.pem") == (fingerprint, 1, read, True)
    master.known["@!103 show ssl cert /c/chat.pem"] += "proc.realtime_edge.1: type=str value=<0123>\n"
    assert certificates.read_certificate(master.path, 103, "/c/chat.pem").loaded.digest == "0123"
    master.known["@!103 show ssl cert /c/none.pem"] = (
        "Can't display the certificate: Not found or the certificate is a bundle!"
    )
    assert certificates.read_certificate(master.path, 103, "/c/none.pem") is None


@pytest.mark.parametrize(("back", "loaded"), [(0, True), (3600, False)], ids=["a right clock", "a clock set back"])
def test_a_file_is_newer_than_its_worker_whatever_the_clock_said_at_its_start(master, monkeypatch, back, loaded):
    started, now = 1700000000, 1700000500
    written = started - 10 if not back else now - back - 5  # five seconds ago, or before the start
    monkeypatch.setattr(certificates.time, "time", lambda: now - back + 0.5)
    shown = f"Filename: /c/crl.pem\nStatus: Used\n\nStart_time_sec: {started}\nUptime_sec: {now - started}\n"
    master.known["@!103 show ssl crl-file /c/crl.pem"] = shown
    found = certificates.read_ca(master.path, 103, "crl-file", "/c/crl.pem").loaded
    assert written < started
    assert found.matches("the text", written) is loaded


@pytest.mark.parametrize("status", ["Empty", "Unused"])
def test_a_certificate_that_is_not_complete_is_told_from_one_that_serves(master, status):
    shown = CERTIFICATE.replace("Used", status) if status == "Unused" else "Filename: /c/chat.pem\nStatus: Empty\n"
    master.known["@!103 show ssl cert /c/chat.pem"] = f"{shown}Variable not found.\n\nStart_time_sec: 1700000000\n"
    assert certificates.read_certificate(master.path, 103, "/c/chat.pem").used is False


def test_a_certificate_is_replaced_in_one_transaction(master):
    master.worker(
        show_ssl_cert="# filename\n/c/chat.pem\n",
        set_ssl_cert="Transaction created for certificate /c/chat.pem!\n",
        commit_ssl_cert="Committing /c/chat.pem..\nSuccess!\n",
    )
    certificates.replace_certificate(master.path, 103, "/c/chat.pem", PEM)
    payload = "".join(line + "\n" for line in PEM.splitlines() if line)
    # A blank line ends the payload: there is one, at the end.
    assert master.asked[1:3] == [f"@!103 set ssl cert /c/chat.pem <<\n{payload}", "@!103 commit ssl cert /c/chat.pem"]
    # It keeps which text that was.
    assert re.fullmatch(r"experimental-mode on; @!103 set var proc\.\S+ str\(\w{16}\)", master.asked[3])


CA = "".join(f"-----BEGIN CERTIFICATE-----\n{letter * 9000}\n-----END CERTIFICATE-----\n" for letter in "AB")


def test_an_authority_is_replaced_in_pieces_that_haproxy_takes(master):
    master.known["@!103 set ssl ca-file /c/ca.pem"] = "transaction created for CA /c/ca.pem!\n"
    master.known["@!103 add ssl ca-file /c/ca.pem"] = "transaction updated for CA /c/ca.pem!\n"
    master.known["@!103 commit ssl ca-file /c/ca.pem"] = "Committing /c/ca.pem.\nSuccess!\n"
    master.known["@!103 del ssl crt-list /c /c/chat.pem"] = "Entry '/c/chat.pem' deleted in crtlist '/c'!\n"
    certificates.replace_ca(master.path, 103, "ca-file", "/c/ca.pem", f"# ours\n\n{CA}", [("/c", "/c/chat.pem")])
    asked = [question.partition("\n")[0] for question in master.asked]
    assert asked[:5] == [
        "@!103 abort ssl ca-file /c/ca.pem",
        # Before it is committed: from then on, the folder's certificate would be the first.
        "@!103 del ssl crt-list /c /c/chat.pem",
        "@!103 set ssl ca-file /c/ca.pem <<",
        "@!103 add ssl ca-file /c/ca.pem <<",
        "@!103 commit ssl ca-file /c/ca.pem",
    ]
    assert ["A" * 9000 in question for question in master.asked[2:4]] == [True, False]
    assert max(map(len, master.asked)) < 16384


@pytest.mark.parametrize("refused", ["del ssl crt-list /c /c/chat.pem", "set ssl ca-file /c/ca.pem"])
def test_an_authority_that_is_refused_is_not_committed(master, refused):
    master.known["@!103 del ssl crt-list /c /c/chat.pem"] = "Entry '/c/chat.pem' deleted in crtlist '/c'!\n"
    master.known[f"@!103 {refused}"] = "Can't: it is used as default certificate\n"
    with pytest.raises(cli.RuntimeFailure, match=f"refused `{refused}`: Can't"):
        certificates.replace_ca(master.path, 103, "ca-file", "/c/ca.pem", CA, [("/c", "/c/chat.pem")])
    assert not any("commit" in question for question in master.asked)


def test_a_refused_certificate_is_explained_and_given_up_without_telling_the_key(master):
    master.worker(
        show_ssl_cert="# filename\n/c/chat.pem\n",
        set_ssl_cert="Transaction created for certificate /c/chat.pem!\n",
        commit_ssl_cert="inconsistencies between private key and certificate\nCan't commit /c/chat.pem!",
    )
    with pytest.raises(cli.RuntimeFailure, match=r"commit ssl cert /c/chat\.pem.*inconsistencies") as raised:
        certificates.replace_certificate(master.path, 103, "/c/chat.pem", PEM)
    assert "SECRET" not in str(raised.value)
    assert master.asked[-1] == "@!103 abort ssl cert /c/chat.pem"


def test_a_certificate_is_added_to_the_list_that_a_bind_names_or_not_at_all(master):
    master.worker(
        show_ssl_cert="# filename\n",
        new_ssl_cert="New empty certificate store '/c/new.pem'!\n",
        set_ssl_cert="Transaction created for certificate /c/new.pem!\n",
        commit_ssl_cert="Committing /c/new.pem\nSuccess!\n",
        add_ssl_crt_list="Inserting certificate '/c/new.pem' in crt-list '/c'.\nSuccess!\n",
    )
    master.known["@!103 add ssl crt-list"] = master.known["@!103 add ssl crt list"]
    certificates.add_certificate(master.path, 103, "/c/new.pem", PEM, "/c")
    assert master.asked[-1] == "@!103 add ssl crt-list /c /c/new.pem"
    master.known["@!103 add ssl crt-list"] = "can't edit the crt-list: '/c' does not exist"
    with pytest.raises(cli.RuntimeFailure, match="does not exist"):
        certificates.add_certificate(master.path, 103, "/c/new.pem", PEM, "/c")
    assert master.asked[-1] == "@!103 del ssl cert /c/new.pem"


def test_a_certificate_is_removed_and_one_that_is_gone_already_is_no_error(master):
    master.known["@!103 del ssl crt-list /c /c/old.pem"] = "Entry '/c/old.pem' deleted in crtlist '/c'!\n"
    master.worker(del_ssl_cert="Certificate '/c/old.pem' deleted!\n")
    certificates.remove_certificate(master.path, 103, "/c/old.pem", "/c")
    master.known["@!103 del ssl crt-list /c /c/old.pem"] = (
        "Can't delete the entry: certificate '/c/old.pem' does not exist!"
    )
    master.worker(del_ssl_cert="Can't remove the certificate: certificate '/c/old.pem' doesn't exist!")
    certificates.remove_certificate(master.path, 103, "/c/old.pem", "/c")
    master.worker(del_ssl_cert="Can't remove the certificate: certificate '/c/old.pem' in use, can't be deleted!")
    with pytest.raises(cli.RuntimeFailure, match="in use"):
        certificates.remove_certificate(master.path, 103, "/c/old.pem", "/c")


def test_a_worker_that_has_gone_is_an_error(master):
    master.known["@!103"] = "Can't find the target PID matching the prefix '@!103'"
    with pytest.raises(cli.RuntimeFailure, match="no worker 103"):
        cli.tell(master.path, 103, "show version")


def test_a_draining_server_is_ready_to_be_deleted_when_it_stays_without_sessions():
    name = ("chat", "n1")
    draining = servers.Draining([name])
    assert draining.tick(10.0, {name: 1}) == []
    assert (draining.busy, draining.waiting) == ([name], [name])
    assert draining.tick(11.0, {name: 0}) == []
    assert draining.tick(11.3, {name: 1}) == []
    assert draining.tick(12.0, {}) == []
    assert draining.tick(12.6, {name: 0}) == [name]
