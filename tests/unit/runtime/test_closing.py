"""Sessions of what leaves are closed one after the other, never faster than told, and no other ones."""

import re
import threading

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import cli, closing
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime.closing import Drained, Session

SOCKET = Session(2, "0x20", "10.0.0.1:9", "chat_websocket", "app1")


def test_all_are_closed_the_sockets_of_old_workers_first_and_requests_last_never_faster_than_told(edge):
    assert closing.drain("master", bool, 100, "app1") == Drained(14, 0)
    closed = [pointer for _when, pointer in edge.closed]
    assert {pointer[:3] for pointer in closed[:6]} == {"0x1"}
    assert {pointer[:3] for pointer in closed[6:12]} == {"0x2"}
    assert set(closed[12:]) == {"0x98", "0x99"}
    times = [when for when, _pointer in edge.closed]
    assert all(later - before >= 0.01 for before, later in zip(times, times[1:]))


def test_the_pauses_differ_and_so_does_the_order(edge, monkeypatch):
    slept = []
    monkeypatch.setattr(closing.time, "sleep", slept.append)
    monkeypatch.setattr(closing, "_BETWEEN_POLLS", 0)
    closing.drain("master", bool, 1000, "app1")
    assert len(set(slept)) == len(slept) == 14
    assert all(0.001 <= pause <= 0.0012 for pause in slept)
    orders = {tuple(session.pointer for session in closing.read_sessions("master")) for edge.sessions in [every()] * 9}
    assert len(orders) > 1


def every():
    return {1: {f"0x1{n}": ("chat_websocket", "app1") for n in range(9)}}


def test_only_what_belongs_to_it_is_closed(edge):
    edge.sessions[1]["0x77"] = ("chat_websocket", "app2")
    done = closing.drain("master", lambda session: session.server == "app2", 1000, "app1")
    assert (done, [pointer for _when, pointer in edge.closed]) == (Drained(1, 0), ["0x77"])


def test_a_worker_is_emptied_alone(edge):
    assert closing.drain("master", bool, 1000, "app1", pids=[1]) == Drained(6, 0)
    assert len(edge.sessions[2]) == 8


def test_a_client_that_was_between_two_polls_is_closed_when_it_polls(edge):
    edge.between = ["0x51", "0x52"]
    assert closing.drain("master", bool, 1000, "app1") == Drained(16, 0)
    edge.sessions[2]["0x53"] = ("chat_websocket", "app1")
    edge.between = ["0x54"]
    assert closing.drain("master", bool, 1000, "app1") == Drained(1, 0), "only where there were polls"


def test_when_the_time_is_over_the_rest_is_left_and_told(edge):
    assert closing.drain("master", bool, 100, "app1", seconds=0.055).left >= 9
    assert closing.drain("master", bool, 100, "app1", seconds=0).closed == 0


def test_one_that_was_interrupted_is_gone_on_with(edge):
    first = closing.drain("master", bool, 100, "app1", seconds=0.055)
    second = closing.drain("master", bool, 1000, "app1")
    assert (first.closed + second.closed, second.left) == (14, 0)


def test_a_session_that_does_not_end_is_told_and_counted_once(edge):
    edge.stubborn = ("0x99",)
    assert closing.drain("master", bool, 1000, "app1", seconds=0.3) == Drained(14, 1)


def test_a_session_that_has_another_ones_name_by_now_is_left(edge):
    assert not closing.close("master", SOCKET._replace(pointer="0xdead"))
    assert not closing.close("master", SOCKET._replace(pointer="0x98"))
    assert not closing.close("master", SOCKET._replace(source="10.0.0.1:10"))
    assert edge.closed == []
    assert closing.close("master", SOCKET)


def test_an_old_worker_that_ends_meanwhile_is_no_error_and_one_that_hangs_is(edge, monkeypatch):
    listed = iter([edge.workers("master")])
    monkeypatch.setattr(cli, "workers", lambda master: next(listed, edge.workers(master)))
    del edge.sessions[1]
    assert len(closing.read_sessions("master")) == 8
    edge.hangs = {2}
    with pytest.raises(cli.RuntimeFailure, match="2 does not answer"):
        closing.drain("master", bool, 1000, "app1")
    assert edge.closed == []


def test_without_the_socket_of_the_master_nothing_is_closed(tmp_path):
    master = str(tmp_path / "none.sock")
    with pytest.raises(cli.RuntimeFailure, match=r"none\.sock does not answer: No such file or directory"):
        closing.drain(master, bool, 1000, "app1")
    assert not closing.close(master, SOCKET)


def test_no_more_time_is_taken_than_the_rate_needs():
    assert closing.find_time(1000, 20) == 92.5
    assert closing.find_round(1) == 5
    assert closing.find_round(100) == 200


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), float("inf"), 1001])
def test_a_rate_that_is_none_closes_nothing(edge, rate):
    with pytest.raises(closing.ClosingError, match=r"rate: .* give the sockets a second that may be closed, such as 5"):
        closing.drain("master", bool, rate, "app1")
    assert edge.closed == []


def test_how_far_it_is_can_be_read_and_what_was_interrupted_stays_told(edge, monkeypatch):
    assert closing.read_progress() is None
    told = []
    monkeypatch.setattr(closing.time, "time", lambda: 1000.0 + len(told))
    monkeypatch.setattr(closing.atomic_file, "write_atomically", lambda _path, text, _mode: told.append(text))
    closing.drain("master", bool, 1000, "app1")
    assert [int(re.search(r'closing_left{of="app1"} (\d+)', text)[1]) for text in told] == [*range(13, -1, -1), 0]
    monkeypatch.undo()


def test_the_sum_of_all_closings_is_told(edge, progress):
    closing.drain("master", bool, 100, "edge", seconds=0.055)
    first = closing.read_progress()
    assert (first.of, first.left + first.closed) == ("edge", 14)
    closing.drain("master", bool, 1000, "app1")
    assert closing.read_progress()[:2] == ("app1", 0)
    assert closing.read_progress().closed == 14


def test_without_a_place_to_tell_it_sessions_are_closed_all_the_same(edge, monkeypatch):
    monkeypatch.setattr(closing.paths, "PROGRESS", "/proc/none/closing")
    assert closing.drain("master", bool, 1000, "app1") == Drained(14, 0)
    assert closing.read_progress() is None


def test_two_runs_together_are_not_faster_than_told(edge, progress):
    runs = [threading.Thread(target=closing.drain, args=("master", bool, 50, "app1")) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    times = [when for when, _pointer in edge.closed]
    assert len(times) == 14
    assert all(later - before >= 0.02 for before, later in zip(times, times[1:]))


def test_another_run_that_goes_on_is_told(edge, monkeypatch):
    monkeypatch.setattr(closing, "_OTHERS", 0.2)
    with closing.one_at_a_time():
        closing.Progress("app2").tell(1, 9)
        with pytest.raises(closing.ClosingError, match=r"another run closes sessions here \(app2\); nothing is closed"):
            closing.drain("master", bool, 100, "app1")
    assert edge.closed == []
