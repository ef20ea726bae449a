"""Certificates are checked before anything is written, told apart from stand-ins, and their keys never show."""

import datetime
import errno
import grp
import io
import json
import os
import shutil
import stat
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.certificates import pem, requested
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.certificates.install import install
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.certificates.pem import (
    CertificateError,
    parse_certificate,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.definition import read_services
from ansible_collections.realtime.edge.plugins.modules import haproxy_certificate

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="keys are made with the command openssl")

GROUP = grp.getgrgid(os.getgid()).gr_name
EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


def openssl(*arguments, text=None):
    return subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, check=True).stdout


def self_signed(folder, name, kind=EC, days="90", alternatives=None):
    """Return certificate and key as PEM text."""
    key, request = folder / f"{name}.key", folder / f"{name}.csr"
    extension = ["-addext", f"subjectAltName={alternatives}"] if alternatives else []
    openssl(
        "req", "-new", *kind, "-nodes", "-subj", f"/CN={name}", *extension, "-keyout", str(key), "-out", str(request)
    )
    copied = ["-copy_extensions", "copy"] if alternatives else []
    certificate = openssl("x509", "-req", "-in", str(request), "-signkey", str(key), "-days", days, *copied)
    return SimpleNamespace(certificate=certificate, key=key.read_text(), pem=certificate + key.read_text())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    authority = self_signed(folder, "authority")
    (folder / "authority.crt").write_text(authority.certificate)
    openssl(
        "req", "-new", *EC, "-nodes", "-subj", "/CN=leaf", "-keyout", f"{folder}/leaf.key", "-out", f"{folder}/leaf.csr"
    )
    ca = ["-CA", f"{folder}/authority.crt", "-CAkey", f"{folder}/authority.key", "-CAcreateserial"]
    leaf = openssl("x509", "-req", "-in", f"{folder}/leaf.csr", "-days", "90", *ca)
    chat = self_signed(
        folder, "chat.example", alternatives="DNS:chat.example,DNS:*.chat.example,IP:192.0.2.1,IP:2001:db8::1"
    )
    return SimpleNamespace(
        chat=chat,
        other=self_signed(folder, "other.example"),
        rsa=self_signed(folder, "rsa.example", kind=("-newkey", "rsa:2048")),
        weak=self_signed(folder, "weak.example", kind=("-newkey", "rsa:1024")),
        expired=self_signed(folder, "old.example", days="-1"),
        authority=authority,
        leaf=SimpleNamespace(certificate=leaf, key=(folder / "leaf.key").read_text()),
        encrypted=openssl("pkey", "-aes256", "-passout", "pass:x", text=chat.key),
        encrypted_traditional=openssl("ec", "-aes256", "-passout", "pass:x", text=chat.key),
    )


@pytest.fixture
def run(tmp_path):
    """Install certificates below a folder of the test's own."""
    directory = tmp_path / "haproxy" / "certificates"

    def run(*wanted, services=(), self_signed=True, accept_bad=False, check_mode=False):
        described = read_services([{"servers": ["10.0.0.1:80"], **service} for service in services], {})
        return install(list(wanted), described, directory, GROUP, self_signed, accept_bad, check_mode)

    run.directory = directory
    return run


def complaint(run, *wanted, **options):
    """Return what is said about mistakes, after a look that nothing was written."""
    with pytest.raises(CertificateError) as caught:
        run(*wanted, **options)
    assert not run.directory.exists()
    return str(caught.value)


def der(text):
    return pem.split_blocks(text)[0][1]


# --- What is written -------------------------------------------------------------------------------------


def test_writes_certificate_chain_and_key_in_the_order_haproxy_reads(run, made):
    result = run(
        {
            "name": "leaf",
            "certificate": made.leaf.certificate,
            "key": made.leaf.key,
            "chain": made.authority.certificate,
        }
    )
    text = (run.directory / "leaf.pem").read_text()
    assert text == made.leaf.certificate + made.authority.certificate + made.leaf.key
    assert result["changed"]
    assert result["warnings"] == []


def test_a_pem_in_another_order_and_with_words_around_it_becomes_the_same_file(run, made):
    run({"name": "chat", "pem": f"Bag Attributes\n{made.chat.key}\nsubject=x\r\n{made.chat.certificate}"})
    assert (run.directory / "chat.pem").read_text() == made.chat.certificate + made.chat.key


def test_lines_folded_by_yaml_are_put_right(run, made):
    run(
        {
            "name": "chat",
            "certificate": made.chat.certificate.replace("\n", " "),
            "key": made.chat.key.replace("\n", " "),
        }
    )
    assert (run.directory / "chat.pem").read_text() == made.chat.certificate + made.chat.key


def test_keys_are_readable_by_root_and_the_group_only(run, made):
    previous = os.umask(0o077)
    try:
        run({"name": "chat", "pem": made.chat.pem})
    finally:
        os.umask(previous)
    assert stat.S_IMODE((run.directory / "chat.pem").stat().st_mode) == 0o640
    assert stat.S_IMODE(run.directory.stat().st_mode) == 0o750
    assert stat.S_IMODE(run.directory.parent.stat().st_mode) == 0o755, "the service must be able to get there"


def test_a_second_run_changes_nothing(run, made):
    wanted = {"name": "chat", "pem": made.chat.pem}
    run(wanted)
    before = (run.directory / "chat.pem").stat()
    result = run(wanted)
    assert not result["changed"]
    assert result["diff"] == []
    assert result["certificates"][0]["changed"] is False
    assert (run.directory / "chat.pem").stat().st_ino == before.st_ino


def test_permissions_that_were_opened_are_closed_again(run, made):
    wanted = {"name": "chat", "pem": made.chat.pem}
    run(wanted)
    (run.directory / "chat.pem").chmod(0o644)
    run.directory.chmod(0o755)
    assert run(wanted)["changed"]
    assert stat.S_IMODE((run.directory / "chat.pem").stat().st_mode) == 0o640
    assert stat.S_IMODE(run.directory.stat().st_mode) == 0o750


def test_check_mode_foresees_the_change_and_writes_nothing(run, made):
    foreseen = run({"name": "chat", "pem": made.chat.pem}, {"name": "new"}, check_mode=True)
    assert not run.directory.exists()
    carried_out = run({"name": "chat", "pem": made.chat.pem}, {"name": "new"})
    assert foreseen["certificates"][0] == carried_out["certificates"][0]
    assert foreseen["certificates"][1]["stand_in"] is True
    assert [change["after_header"] for change in foreseen["diff"]] == [
        change["after_header"] for change in carried_out["diff"]
    ]


def test_check_mode_passes_where_group_and_openssl_are_still_missing(tmp_path, monkeypatch, made):
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = [{"name": "chat", "pem": made.chat.pem}, {"name": "new"}]
    assert install(wanted, [], tmp_path / "certificates", "nobody-made-it", True, check_mode=True)["changed"]
    with pytest.raises(CertificateError, match="no group nobody-made-it"):
        install(wanted, [], tmp_path / "certificates", "nobody-made-it", True)


def test_files_nobody_asked_for_stay(run, made):
    run({"name": "mine", "pem": made.chat.pem})
    run({"name": "chat", "pem": made.chat.pem})
    assert sorted(path.name for path in run.directory.iterdir()) == ["chat.pem", "mine.pem"]


def test_a_full_disk_leaves_every_file_as_it_was(run, made, monkeypatch):
    run({"name": "a", "pem": made.chat.pem})
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CertificateError, match="No space left on device"):
        run({"name": "a", "pem": made.other.pem}, {"name": "b", "pem": made.other.pem})
    assert [path.name for path in run.directory.iterdir()] == ["a.pem"]
    assert (run.directory / "a.pem").read_text() == made.chat.pem


# --- Stand-ins -------------------------------------------------------------------------------------------


def test_a_service_without_a_certificate_gets_a_stand_in_for_its_hosts(run):
    result = run(
        services=[
            {"name": "chat", "hosts": ["chat.example", "192.0.2.7"]},
            {"name": "b", "certificate": "chat", "hosts": ["b.example"]},
        ]
    )
    (found,) = result["certificates"]
    assert found["name"] == "chat"
    assert found["names"] == ["chat.example", "192.0.2.7", "b.example"]
    assert found["stand_in"] is True
    assert found["days_left"] in (364, 365)
    assert any("self-signed placeholder" in warning for warning in result["warnings"])
    assert "BEGIN PRIVATE KEY" in (run.directory / "chat.pem").read_text()


FLASH = {
    "name": "game",
    "hosts": ["game.example"],
    "socketio": {"transports": ["polling", "flashsocket"], "flash": {"legacy_tls": "movie"}},
}


def test_the_stand_in_for_flash_movies_has_an_rsa_key(run):
    result = run(services=[FLASH])
    assert [found["name"] for found in result["certificates"]] == ["game", "movie"]
    shown = {
        name: openssl("x509", "-noout", "-text", text=(run.directory / f"{name}.pem").read_text())
        for name in ("game", "movie")
    }
    assert "id-ecPublicKey" in shown["game"]
    assert "Public Key Algorithm: rsaEncryption" in shown["movie"]
    assert "Key Encipherment" in shown["movie"]
    assert "DNS:game.example" in shown["movie"]
    assert not run(services=[FLASH])["changed"]


def test_a_certificate_for_flash_movies_with_another_key_is_refused(run, made):
    said = complaint(run, {"name": "movie", "pem": made.chat.pem}, services=[FLASH])
    assert said.startswith("haproxy_certificates[0]: ")
    assert "haproxy_services[0].socketio.flash.legacy_tls needs an RSA key" in said
    assert not (run.directory / "movie.pem").exists()


def test_a_stand_in_is_made_once(run):
    run(services=[{"name": "chat"}])
    first = (run.directory / "chat.pem").read_text()
    result = run(services=[{"name": "chat"}])
    assert not result["changed"]
    assert result["warnings"] == []
    assert result["certificates"][0]["stand_in"] is True
    assert (run.directory / "chat.pem").read_text() == first


def test_a_real_certificate_replaces_the_stand_in_and_stays(run, made):
    run(services=[{"name": "chat"}])
    result = run({"name": "chat", "pem": made.chat.pem}, services=[{"name": "chat"}])
    assert result["changed"]
    assert result["certificates"][0]["stand_in"] is False
    again = run(services=[{"name": "chat"}])
    assert not again["changed"]
    assert (run.directory / "chat.pem").read_text() == made.chat.pem


def test_no_stand_in_without_permission(run):
    said = complaint(run, {"name": "a"}, services=[{"name": "chat", "certificate": "b"}], self_signed=False)
    assert "haproxy_certificates[0]: neither this host nor haproxy_certificates has a certificate a," in said
    assert "haproxy_services[0].certificate: neither this host nor haproxy_certificates has a certificate b," in said
    assert "haproxy_self_signed is false" in said


def test_a_stand_in_without_openssl_is_a_clear_error_and_real_ones_need_none(run, made, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "command openssl" in complaint(run, {"name": "a"})
    assert run({"name": "chat", "pem": made.chat.pem})["changed"]


@pytest.mark.parametrize("host", ["a b", "a.example,DNS:evil.example", "a\nb = c", "$ENV::PATH"])
def test_what_is_no_host_gets_no_stand_in(run, host):
    assert "is no host name or address" in complaint(run, {"name": "chat", "hosts": [host]})


# --- Mistakes --------------------------------------------------------------------------------------------


def test_a_key_of_another_certificate(run, made):
    for other in (made.other, made.rsa):
        said = complaint(run, {"name": "chat", "certificate": made.chat.certificate, "key": other.key})
        assert said.startswith(
            "haproxy_certificates[0].key holds a key that does not belong to its certificate (CN=chat.example)"
        )


def test_a_chain_in_front_of_the_certificate_is_recognised(run, made):
    said = complaint(run, {"name": "leaf", "pem": made.authority.certificate + made.leaf.certificate + made.leaf.key})
    assert "certificate number 2 in it (CN=leaf): put that one first" in said


@pytest.mark.parametrize("form", ["encrypted", "encrypted_traditional"])
def test_an_encrypted_key_is_refused_without_asking_for_its_passphrase(run, made, form):
    said = complaint(run, {"name": "chat", "certificate": made.chat.certificate, "key": getattr(made, form)})
    assert "haproxy_certificates[0].key is encrypted with a passphrase" in said


def test_text_that_is_no_pem(run, made):
    secret = made.chat.key.splitlines()[1]
    said = complaint(
        run,
        {"name": "a", "certificate": "nothing", "key": secret},
        {"name": "b", "certificate": made.chat.certificate, "key": made.chat.key.replace("-----END", "-----EN")},
        {
            "name": "c",
            "certificate": made.chat.certificate[:99] + "!" + made.chat.certificate[99:],
            "key": made.chat.key,
        },
        {"name": "d", "certificate": pem._pem("CERTIFICATE", b"0\x82\x01"), "key": made.chat.key},
        {"name": "e", "certificate": made.chat.certificate, "key": "files/missing.key"},
        {"name": "f", "certificate": made.chat.certificate, "key": pem._pem("PRIVATE KEY", b"0\x01")},
    )
    assert "haproxy_certificates[0].certificate is not PEM" in said
    assert "haproxy_certificates[0].key is not PEM" in said
    assert "haproxy_certificates[1].key is not PEM" in said
    assert "haproxy_certificates[2].certificate is damaged" in said
    assert "haproxy_certificates[3].certificate is not a certificate" in said
    assert "haproxy_certificates[4].key is neither PEM text nor a PEM file on the controller: files/missing.key" in said
    assert "haproxy_certificates[5].key cannot be read by the TLS library" in said
    assert secret not in said


def test_values_in_the_wrong_place(run, made):
    chat = made.chat
    said = complaint(
        run,
        {"name": "a", "certificate": chat.key, "key": chat.certificate},
        {"name": "b", "certificate": chat.pem, "key": chat.key},
        {"name": "c", "pem": chat.pem, "key": chat.key},
        {"name": "d", "certificate": chat.certificate},
        {"name": "e", "pem": chat.certificate},
        {"name": "f", "pem": chat.pem + made.other.key},
        {"name": "g", "certificate": chat.certificate, "key": chat.pem},
    )
    assert "haproxy_certificates[0].certificate holds a private key\n" in said
    assert "haproxy_certificates[0].key holds a certificate, not a private key" in said
    assert "haproxy_certificates[1].certificate holds a private key: write all in one as pem" in said
    assert "haproxy_certificates[2]: pem holds certificate and key, so leave out key" in said
    assert "haproxy_certificates[3]: key is missing" in said
    assert "haproxy_certificates[4].pem holds no private key" in said
    assert "haproxy_certificates[5].pem holds 2 private keys" in said
    assert "haproxy_certificates[6].key holds a certificate too" in said


@pytest.mark.parametrize("name", ["", "../passwd", "a/b", ".hidden", "a b", "a\n", "a" * 201, "-"])
def test_names_that_could_leave_the_folder_or_break_a_line(run, made, name):
    assert "haproxy_certificates[0].name" in complaint(run, {"name": name, "pem": made.chat.pem})


def test_a_duplicate_name(run, made):
    said = complaint(run, {"name": "chat", "pem": made.chat.pem}, {"name": "chat", "pem": made.other.pem})
    assert said == "haproxy_certificates[1].name: chat is already the name of haproxy_certificates[0]"


def test_an_unusable_file_is_left_and_named(run, made):
    run({"name": "good", "pem": made.chat.pem})
    (run.directory / "chat.pem").write_text(made.chat.certificate)
    with pytest.raises(
        CertificateError, match=r"haproxy_services\[0\].name: .*/chat.pem: the file holds no private key"
    ):
        run(services=[{"name": "chat"}])
    assert (run.directory / "chat.pem").read_text() == made.chat.certificate
    assert run({"name": "chat", "pem": made.chat.pem})["changed"]


def test_one_mistake_keeps_everything_from_being_written(run, made):
    complaint(run, {"name": "good", "pem": made.chat.pem}, {"name": "bad", "pem": "bad"})


# --- Warnings --------------------------------------------------------------------------------------------


def test_warnings_do_not_keep_a_certificate_from_being_written(run, made):
    result = run(
        {"name": "old", "pem": made.expired.pem},
        {
            "name": "chat",
            "pem": made.chat.pem,
            "hosts": ["chat.example", "A.chat.example", "2001:db8::1", "a.b.chat.example"],
        },
        {"name": "leaf", "certificate": made.leaf.certificate, "key": made.leaf.key, "chain": made.other.certificate},
        services=[{"name": "s", "certificate": "old", "hosts": ["old.example", "new.example"]}],
    )
    expired, uncovered, partly, chain = result["warnings"]
    assert expired.startswith("haproxy_certificates[0]: the certificate old expired on ")
    assert uncovered.endswith("is for old.example, not for new.example")
    assert partly.endswith("not for a.b.chat.example")
    assert chain.endswith("in leaf, CN=other.example follows CN=leaf, which CN=authority issued")
    assert result["certificates"][0]["days_left"] < 0
    assert len(list(run.directory.iterdir())) == 3


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_bad_certificate_does_not_replace_a_good_one_unless_asked_for(run, made, check_mode):
    name = "chat"
    hosts = ["chat.example"]
    run({"name": name, "pem": made.chat.pem, "hosts": hosts})
    before = (run.directory / "chat.pem").read_text()
    with pytest.raises(CertificateError) as caught:
        run({"name": name, "pem": made.expired.pem, "hosts": hosts}, check_mode=check_mode)
    said = str(caught.value)
    assert "the new certificate expired on " in said
    assert " and is for old.example, not for chat.example; the one that is there, valid until " in said
    assert said.endswith("To replace it all the same: haproxy_bad_certificates: true")
    assert (run.directory / "chat.pem").read_text() == before
    assert run({"name": name, "pem": made.expired.pem, "hosts": hosts}, accept_bad=True)["changed"]
    # What is no worse than what is there, replaces it.
    assert run({"name": name, "pem": made.chat.pem, "hosts": hosts})["changed"]


def test_a_certificate_that_is_not_valid_yet_does_not_replace_one_that_is(run, made, monkeypatch):
    run({"name": "chat", "pem": made.chat.pem})
    read = install.__globals__["bundle_blocks"]

    def later(blocks):
        """Let the certificate of another name begin next year."""
        found = read(blocks)
        begins = found.own.not_after if "CN=other.example" in found.own.subject else found.own.not_before
        return replace(found, certificates=(replace(found.own, not_before=begins),))

    monkeypatch.setattr(requested, "bundle_blocks", later)
    with pytest.raises(CertificateError, match="the new certificate is not valid before "):
        run({"name": "chat", "pem": made.other.pem})


def test_any_certificate_replaces_a_placeholder(run, made):
    assert run({"name": "chat", "hosts": ["chat.example"]})["certificates"][0]["stand_in"]
    assert run({"name": "chat", "pem": made.expired.pem, "hosts": ["chat.example"]})["changed"]


def test_an_expiry_is_told_two_weeks_before(run, tmp_path):
    soon, later = self_signed(tmp_path, "soon.example", days="13"), self_signed(tmp_path, "later.example", days="15")
    (warning,) = run({"name": "soon", "pem": soon.pem}, {"name": "later", "pem": later.pem})["warnings"]
    assert warning.startswith("haproxy_certificates[0]: the certificate soon expires on ")
    assert warning.endswith((", in 12 days", ", in 13 days"))


@pytest.fixture
def chained(tmp_path):
    """Certificates of one name and an authority in between, by (key of the authority that signs, days of the latter)."""
    for number in (1, 2):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{tmp_path}/between{number}.key")
    root = self_signed(tmp_path, "root")
    (tmp_path / "root.crt").write_text(root.certificate)
    openssl(
        "req",
        "-new",
        *EC,
        "-nodes",
        "-subj",
        "/CN=leaf",
        "-keyout",
        f"{tmp_path}/leaf.key",
        "-out",
        f"{tmp_path}/leaf.csr",
    )
    (tmp_path / "extensions").write_text("basicConstraints=critical,CA:TRUE")

    def make(signer, shown, days="90"):
        for number in (1, 2):
            request, found = f"{tmp_path}/between.csr", tmp_path / f"between{number}.crt"
            openssl("req", "-new", "-key", f"{tmp_path}/between{number}.key", "-subj", "/CN=between", "-out", request)
            by = ["-CA", f"{tmp_path}/root.crt", "-CAkey", f"{tmp_path}/root.key", "-CAcreateserial"]
            found.write_text(
                openssl("x509", "-req", "-in", request, *by, "-days", days, "-extfile", f"{tmp_path}/extensions")
            )
        by = ["-CA", f"{tmp_path}/between{signer}.crt", "-CAkey", f"{tmp_path}/between{signer}.key", "-CAcreateserial"]
        leaf = openssl("x509", "-req", "-in", f"{tmp_path}/leaf.csr", *by, "-days", "90")
        between = (tmp_path / f"between{shown}.crt").read_text()
        key = (tmp_path / "leaf.key").read_text()
        return {"name": "leaf", "certificate": leaf, "chain": between, "key": key}

    return make


def test_a_chain_is_verified_by_its_signatures_and_not_by_names_alone(run, chained):
    assert run(chained(signer=1, shown=1))["warnings"] == []
    (warning,) = run(chained(signer=1, shown=2))["warnings"]
    assert warning.startswith("haproxy_certificates[0]: clients will refuse leaf: its chain does not vouch for it (")


@pytest.mark.parametrize(("days", "said"), [("9", "expires on"), ("-1", "expired on")])
def test_an_authority_in_between_that_expires_is_told_too(run, chained, days, said):
    (warning,) = run(chained(signer=1, shown=1, days=days))["warnings"]
    assert warning.startswith(f"haproxy_certificates[0]: in leaf, CN=between {said} ")


def test_a_certificate_that_would_answer_for_a_service_with_client_certificates_is_told(run, made):
    staff = {"name": "chat", "hosts": ["CHAT.example"], "client_ca": "ca", "servers": ["10.0.0.1:80"]}
    asked = [{"name": "ca", "ca": made.authority.certificate}, {"name": "chat", "pem": made.chat.pem}]
    assert run(*asked, services=[staff])["warnings"] == []
    other = {"name": "other", "pem": made.chat.pem}
    (warning,) = run(*asked, other, services=[staff])["warnings"]
    assert warning.startswith(f"haproxy_services[0].hosts: {run.directory}/other.pem is for chat.example too. When ")
    # It is there on another day as well; where nobody asks clients, or the service uses it, it harms nobody.
    assert len(run(services=[staff])["warnings"]) == 1
    assert run(services=[{**staff, "client_ca": None}])["warnings"] == []
    assert run(services=[{**staff, "certificate": ["chat", "other"]}])["warnings"] == []


def test_an_authority_has_a_folder_of_its_own_and_no_key(run, made):
    asking = [{"name": "chat", "hosts": ["chat.example"], "client_ca": "staff"}]
    result = run({"name": "staff", "ca": made.other.certificate}, services=asking)
    folder = run.directory.parent / "client-ca"
    assert result["certificates"][0]["path"] == str(folder / "staff.pem")
    assert stat.S_IMODE((folder / "staff.pem").stat().st_mode) == 0o640
    assert not run({"name": "staff", "ca": made.other.certificate}, services=asking)["changed"]
    with pytest.raises(CertificateError, match=r"haproxy_certificates\[0\].ca holds a private key"):
        run({"name": "staff", "ca": made.other.pem})
    with pytest.raises(CertificateError, match="ca is no certificate of a server, so leave out key"):
        run({"name": "staff", "ca": made.other.certificate, "key": made.other.key})


def test_an_authority_that_is_nowhere_is_told_and_gets_no_stand_in(run, made):
    asking = [{"name": "chat", "hosts": ["chat.example"], "client_ca": "staff"}]
    with pytest.raises(CertificateError, match=r"haproxy_services\[0\].client_ca: neither .* has a CA staff"):
        run(services=asking)
    with pytest.raises(CertificateError, match="holds no CA"):
        run({"name": "staff", "pem": made.other.pem}, services=asking)


def test_a_certificate_goes_unless_a_service_needs_it(run, made):
    run({"name": "news", "pem": made.other.pem})
    foreseen = run({"name": "news", "state": "absent"}, check_mode=True)
    assert (foreseen["changed"], (run.directory / "news.pem").exists()) == (True, True)
    gone = run({"name": "news", "state": "absent"})
    assert (gone["changed"], gone["removed"]) == (True, [str(run.directory / "news.pem")])
    assert not (run.directory / "news.pem").exists()
    assert not run({"name": "news", "state": "absent"})["changed"]
    with pytest.raises(CertificateError, match=r"haproxy_certificates\[0\] is to be absent, but this service needs it"):
        run({"name": "news", "state": "absent"}, services=[{"name": "news"}])


def test_how_strong_a_key_is_the_service_decides(run, made):
    assert run({"name": "flash", "pem": made.weak.pem})["changed"]


# --- Reading ---------------------------------------------------------------------------------------------


def test_describes_a_certificate_as_openssl_does(made):
    for certificate in (made.chat.certificate, made.rsa.certificate, made.leaf.certificate):
        found = parse_certificate(der(certificate))
        said = openssl("x509", "-noout", "-subject", "-issuer", "-enddate", "-fingerprint", "-sha256", text=certificate)
        lines = dict(line.split("=", 1) for line in said.splitlines())
        end = datetime.datetime.strptime(lines["notAfter"], "%b %d %H:%M:%S %Y GMT").replace(
            tzinfo=datetime.timezone.utc
        )
        assert found.subject == lines["subject"].replace(" = ", "=")
        assert found.issuer == lines["issuer"].replace(" = ", "=")
        assert found.not_after == end
        assert found.fingerprint == lines["sha256 Fingerprint"].replace(":", "").lower()
    names = parse_certificate(der(made.chat.certificate)).names
    assert names == ("chat.example", "*.chat.example", "192.0.2.1", "2001:db8::1")


def test_a_cut_certificate_is_none(made):
    whole = der(made.chat.certificate)
    for size in range(len(whole)):
        with pytest.raises(ValueError, match="is not a certificate"):
            parse_certificate(whole[:size])


# --- The module ------------------------------------------------------------------------------------------


def module(arguments):
    """Run the module as Ansible does, and return what it prints: all of it goes to logs and screens."""
    program = "from ansible_collections.realtime.edge.plugins.modules.haproxy_certificate import main; main()"
    path = [str(Path(__file__).resolve().parents[3] / ".collections"), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout), done.stdout + done.stderr


def test_no_key_in_anything_the_module_prints(tmp_path, made):
    common = {
        "directory": str(tmp_path / "certificates"),
        "group": GROUP,
        "_ansible_diff": True,
        "_ansible_verbosity": 4,
    }
    chat, other, rsa, weak = made.chat, made.other, made.rsa, made.weak
    good = [
        {"name": "a", "pem": other.pem},
        {"name": "b", "certificate": chat.certificate, "key": chat.key},
        {"name": "new"},
    ]
    bad = [
        {"name": "a", "certificate": rsa.pem, "key": chat.key.replace("-----", "")},
        {"name": "b", "certificate": chat.certificate, "chain": weak.key, "key": made.expired.key},
        {"name": "c", "pem": other.key},
    ]
    results = [module({**common, "certificates": given}) for given in (good, good, bad)]
    assert [result[0].get("changed") for result in results] == [True, False, None]
    assert results[2][0]["failed"]
    made_up = (tmp_path / "certificates" / "new.pem").read_text().split("-----BEGIN PRIVATE KEY-----")[1]
    keys = [chat.key, other.key, rsa.key, weak.key, made.expired.key, made_up]
    secrets = [line for key in keys for line in key.splitlines() if line and "-----" not in line]
    for _, printed in results:
        assert not [line for line in secrets if line in printed]


def test_a_path_without_a_file_is_shown_and_a_bare_key_is_not(tmp_path, made):
    bare = made.chat.key.splitlines()[1]
    wanted = [{"name": "a", "certificate": made.chat.certificate, "key": value} for value in ("keys/chat.key", bare)]
    result, printed = module(
        {"certificates": [wanted[0], {**wanted[1], "name": "b"}], "directory": str(tmp_path), "group": GROUP}
    )
    assert (
        "haproxy_certificates[0].key is neither PEM text nor a PEM file on the controller: keys/chat.key"
        in result["msg"]
    )
    assert bare not in printed


@pytest.mark.parametrize(
    "wrong", [{"servers": {"group": "chat_node", "port": 3000}}, {"name": "chat", "hosts": ["a.example"]}]
)
def test_no_certificate_is_made_for_a_service_that_is_refused(tmp_path, wrong):
    service = {"name": "shop", "hosts": ["shop.example"], "servers": ["10.0.0.1:3000"]}
    described = [{**service, "name": "chat", "hosts": ["a.example"]}, {**service, **wrong}]
    arguments = {"services": described, "groups": {"chat_nodes": []}, "directory": str(tmp_path), "group": GROUP}
    said = io.StringIO()
    with patch_module_args(arguments), redirect_stdout(said), pytest.raises(SystemExit):
        haproxy_certificate.main()
    assert "No certificate was changed" in json.loads(said.getvalue())["msg"]
    assert "haproxy_services[1]." in json.loads(said.getvalue())["msg"]
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_almost_that_of_a_certificate_is_told(run, made):
    wanted, services = {"name": "chat", "pem": made.chat.pem}, [{"name": "chta"}, {"name": "shop"}]
    warnings = [line for line in run(wanted, services=services)["warnings"] if "placeholder" in line]
    assert [line.partition("; did you")[2] for line in warnings] == [" mean 'chat'?", ""]
    with pytest.raises(CertificateError, match=r"services\[0\]\.name: .* is false; did you mean 'chat'\?\n.*is false$"):
        run(wanted, services=[{"name": "caht"}, {"name": "game"}], self_signed=False)
