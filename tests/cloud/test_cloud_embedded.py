"""The receiver inside of another program, over a real socket."""

from __future__ import annotations

import threading

import pytest
import requests

from offline_queue.answers import parse_answer
from posagent.cloud.embedded import EmbeddedReceiver
from posagent.errors import AlreadyRunning, PortTaken
from tools.fleet import Stream, make_event


def test_it_serves_stops_and_serves_again_with_what_it_had(tmp_path):
    cloud = EmbeddedReceiver()
    url = cloud.start(tmp_path)
    try:
        stream = Stream()
        stream.put(make_event(stream.place, "k1", "M1", {"points": 3}))
        headers, coded = stream.batch(1, 1)
        with requests.Session() as session:
            answer = parse_answer(session.post(f"{url}{stream.path}/events", coded, headers=dict(headers), timeout=5).content)
        assert answer.acked == 1
        port = int(url.rpartition(":")[2])
        with pytest.raises(PortTaken, match=str(port)):
            EmbeddedReceiver().start(tmp_path / "other", port)
        with pytest.raises(AlreadyRunning):
            EmbeddedReceiver().start(tmp_path)
        cloud.stop()
        with pytest.raises(requests.ConnectionError), requests.Session() as session:
            session.get(f"{url}{stream.path}", timeout=5)
        assert cloud.start(tmp_path, port) == url
        with requests.Session() as session:
            assert session.get(f"{url}{stream.path}", timeout=5).json()["acked"] == 1
    finally:
        cloud.stop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("receiver")]
