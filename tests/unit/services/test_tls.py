"""A profile is Mozilla's word, a list of one's own is one's own, and the library is asked for nothing it has not."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import tls

OLD, NEW = ("openssl", (3, 0)), ("openssl", (3, 5))


def test_the_floor_of_each_profile():
    floors = {
        name: tls.resolve_profile(tls.Settings(name), OLD).options.split("ssl-min-ver ")[1] for name in tls.PROFILES
    }
    assert floors == {"modern": "TLSv1.3", "intermediate": "TLSv1.2", "old": "TLSv1.0"}


def test_intermediate_has_forward_secrecy_and_nothing_weak():
    ciphers = tls.resolve_profile(tls.Settings(), OLD).ciphers.split(":")
    assert all(cipher.startswith("ECDHE-") and ("GCM" in cipher or "POLY1305" in cipher) for cipher in ciphers)
    assert ciphers[0].startswith("ECDHE-ECDSA-")


@pytest.mark.parametrize(
    ("library", "settings", "first"),
    [
        (OLD, {}, "X25519"),
        (NEW, {}, "X25519MLKEM768"),
        (("openssl", (4, 0)), {}, "X25519MLKEM768"),
        (("aws-lc", (3, 5)), {}, "X25519"),
        (("", ()), {}, "X25519"),
        (NEW, {"post_quantum": False}, "X25519"),
        (NEW, {"profile": "custom", "curves": "P-521"}, "P-521"),
    ],
)
def test_the_first_group_is_hybrid_where_the_library_can(library, settings, first):
    assert tls.resolve_profile(tls.Settings(**settings), library).curves.split(":")[0] == first


def test_custom_takes_what_it_is_given_and_the_rest_from_intermediate():
    made = tls.resolve_profile(
        tls.Settings("custom", min_version="TLSv1.3", ciphersuites="TLS_AES_128_GCM_SHA256", tickets=False), OLD
    )
    assert made.options == "prefer-client-ciphers ssl-min-ver TLSv1.3 no-tls-tickets"
    assert (made.ciphersuites, made.ciphers) == ("TLS_AES_128_GCM_SHA256", tls.PROFILES["intermediate"].ciphers)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"profile": "moderm"}, "haproxy_tls.profile: there is no TLS profile 'moderm'; did you mean 'modern'?"),
        ({"ciphers": "AES128-SHA"}, "haproxy_tls.ciphers: the profile intermediate is Mozilla's as a whole"),
        ({"profile": "custom", "min_version": "1.2"}, "haproxy_tls.min_version: there is no version '1.2'"),
        ({"profile": "custom", "curves": "a b"}, "haproxy_tls.curves: one word is expected"),
        ({"profile": "custom", "ciphers": "a\nbind :1"}, "haproxy_tls.ciphers: one word is expected"),
        ({"hsts": 'a"\nX-Injected: 1'}, "haproxy_tls.hsts: the value of a header"),
    ],
)
def test_a_mistake_is_told_by_its_place(settings, problem):
    with pytest.raises(ConfigurationError) as caught:
        tls.resolve_profile(tls.Settings(**settings), OLD)
    assert caught.value.problems[0].startswith(problem)
