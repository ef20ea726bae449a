"""The binary says which version it has and which TLS library it runs on."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.binary import version


@pytest.mark.parametrize(
    ("said", "library"),
    [
        ("Running on OpenSSL version : OpenSSL 3.0.20 7 Apr 2026", ("openssl", (3, 0))),
        ("Running on SSL library version : OpenSSL 3.5.9 29 Sep 2026 (VERSIONS DIFFER!)", ("openssl", (3, 5))),
        ("Running on SSL library version : OpenSSL 1.1.1 (compatible; AWS-LC 1.29.0)", ("aws-lc", (1, 29))),
        ("Running on OpenSSL version : wolfSSL 5.7.0", ("wolfssl", (5, 7))),
        ("nothing of the kind", ("", ())),
    ],
)
def test_the_binary_says_which_library_it_runs_on(tmp_path, said, library):
    binary = tmp_path / "haproxy"
    binary.write_text(f"#!/bin/sh\necho 'HAProxy version 3.0.11'\necho '{said}'\n")
    binary.chmod(0o755)
    assert version.tls_library(str(binary)) == library
    assert version.tls_library(str(tmp_path / "nothing")) == ("", ())
