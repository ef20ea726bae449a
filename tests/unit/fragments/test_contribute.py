"""A contributor's part is assembled with those of all others, and recorded with what it does or not at all."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import (
    Configuration,
    ConfigurationError,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply, disk
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy.apply import ApplyOptions
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import contribute as contributors
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import store

OWNER, SHOP, BLOG = (store.Fragment(name, [], {}) for name in (store.OWNER, "shop", "blog"))


@pytest.fixture
def contribute(tmp_path, monkeypatch):
    """Contribute a part; what was assembled with which settings, and what was applied, are its attributes."""

    def assemble(parts, settings):
        run.assembled.append(([part.name for part in parts], settings))
        if run.mistake:
            raise ConfigurationError(run.mistake)
        return Configuration()

    def applied(configuration, target, options, records):
        run.applied.append((target, options))
        if not options.check_mode:
            disk.write_records(records, options.check_mode)
        return apply.Outcome("reload", ["because"], "", "", [], True)

    def run(part, absent=False, **options):
        return contributors.contribute(str(tmp_path / "haproxy.cfg"), part, absent, assemble, ApplyOptions(**options))

    monkeypatch.setattr(apply, "apply", applied)
    run.assembled, run.applied, run.mistake = [], [], ""
    run.kept = lambda: sorted(path.stem for path in tmp_path.glob("fragments.d/*"))
    return run


def test_parts_are_assembled_together_with_the_settings_of_the_owner(contribute, tmp_path):
    contribute(SHOP)
    contribute(BLOG)
    done = contribute(OWNER._replace(settings={"binary": "/opt/haproxy", "group": "nobody"}))
    names, settings = contribute.assembled[-1]
    assert done.fragments == names == ["edge", "blog", "shop"]
    assert (settings["binary"], settings["stats_bind"]) == ("/opt/haproxy", store.SETTINGS["stats_bind"])
    target = contribute.applied[-1][0]
    assert (target.path, target.binary) == (str(tmp_path / "haproxy.cfg"), "/opt/haproxy")
    assert (done.outcome.action, done.reasons) == ("reload", ["because"])
    assert contribute.kept() == ["blog", "edge", "shop"]
    assert contribute(SHOP, absent=True).fragments == ["edge", "blog"]
    assert contribute.kept() == ["blog", "edge"]


def test_without_an_owner_a_part_is_recorded_and_its_mistakes_are_told(contribute):
    done = contribute(SHOP)
    assert (done.outcome, done.fragments, contribute.applied) == (None, ["shop"], [])
    assert done.reasons[0].endswith("shop.json is recorded; it changes nothing for HAProxy")
    contribute.mistake = "wrong"
    with pytest.raises(ConfigurationError, match="wrong"):
        contribute(BLOG)
    assert contribute.kept() == ["shop"]


def test_what_was_never_there_goes_without_haproxy(contribute):
    contribute(OWNER)
    contribute.applied.clear()
    assert contribute(SHOP, absent=True) == (["edge"], None, [])
    assert contribute.applied == []


def test_check_mode_records_nothing_and_the_options_are_passed_on(contribute):
    options = ApplyOptions(check_mode=True, restart=True, warnings_fatal=True, drain_time=5.0, max_old_workers=3)
    contribute(OWNER, **options._asdict())
    assert contribute.applied[0][1] == options
    assert contribute.kept() == []


def test_only_the_owner_has_settings(contribute):
    with pytest.raises(ConfigurationError, match="stats_bind: only fragment 'edge' may set"):
        contribute(SHOP._replace(settings={"stats_bind": ""}))
    assert (contribute.assembled, contribute.kept()) == ([], [])
