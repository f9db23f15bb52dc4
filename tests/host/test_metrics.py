"""What Prometheus and whoever asks ``/readyz`` are told, by the real process."""

import sqlite3
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from surfacehost_devkit.hostprocess import HostProcess

from .logbook import OPEN
from .test_poison import QUICK, Ward, ward

Samples = dict[tuple[str, str], float]


def scrape(host: HostProcess) -> Samples:
    """Every sample by name and surface, as Prometheus' own parser reads them."""
    response = httpx.get(f"{host.address}/metrics", timeout=5)
    assert response.headers["content-type"].startswith("text/plain; version=")
    found: Samples = {}
    for family in parse(response.text):
        for sample in family.samples:
            assert set(sample.labels) <= {"surface"}, "a label that could name a person or a chat"
            found[sample.name, sample.labels.get("surface", "")] = sample.value
    return found


def of(samples: Samples, surface: str = "logbook") -> dict[str, float]:
    """What is said of *surface*, without the common beginning of the names."""
    return {name.removeprefix("surfacehost_"): value for (name, one), value in samples.items() if one == surface}


def test_the_figures_are_those_of_what_happened(tmp_path: Path) -> None:
    with ward(tmp_path) as book:
        book.host.wait_ready()
        before = of(scrape(book.host))
        assert before == {
            "surface_up": 1, "surface_failures": 0, "inbox_open": 0, "inbox_oldest_open_age_seconds": 0,
            "inbox_parked": 0, "events_received_total": 0, "replies_sent_total": 0, "messages_parked_total": 0,
        }  # fmt: skip
        began = time.time()
        book.ask("hi ann")
        book.parked(book.say("poison", "bob"))
        book.say("/demo slow 100", "cleo")
        book.host.wait_for(lambda status: status["inbox"]["logbook"]["open"] == 1)
        after = scrape(book.host)
        text = httpx.get(f"{book.host.address}/metrics").text
    expected = {"inbox_open": 1, "inbox_parked": 1, "events_received_total": 3, "replies_sent_total": 2,
                "messages_parked_total": 1, "surface_up": 1}  # fmt: skip
    figures = of(after)
    assert {name: figures[name] for name in expected} == expected
    assert began <= figures["surface_last_send_timestamp_seconds"] <= time.time()
    assert began <= figures["surface_last_event_timestamp_seconds"] <= time.time()
    assert 0 < figures["inbox_oldest_open_age_seconds"] < 60
    assert (after["surfacehost_ready", ""], after["surfacehost_agent_reachable", ""]) == (1, 1)
    assert after["process_start_time_seconds", ""] <= began
    for private in ("ann", "bob", "cleo", "poison", "1/logbook"):
        assert private not in text


def test_openmetrics_is_spoken_where_it_is_asked_for(tmp_path: Path) -> None:
    with ward(tmp_path) as book:
        wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
        response = httpx.get(f"{book.host.address}/metrics", headers=wanted)
        assert response.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        families = parse_openmetrics(response.text)  # type: ignore[no-untyped-call]  # this one has no types yet
        assert "surfacehost_ready" in {family.name for family in families}


def test_trouble_is_a_figure(tmp_path: Path) -> None:
    with ward(tmp_path, f'{OPEN}[agent]\nembedded = false\nurl = "ws://127.0.0.1:9"\n') as book:
        book.say("hi")
        (book.folder / "said.jsonl").unlink()
        book.host.wait_for(lambda status: status["surfaces"][0]["failures"] > 1)
        found = scrape(book.host)
    assert (found["surfacehost_ready", ""], found["surfacehost_agent_reachable", ""]) == (0, 0)
    assert found["surfacehost_surface_up", "logbook"] == 0
    assert found["surfacehost_surface_failures", "logbook"] > 1


def test_what_a_surface_left_behind_that_is_off_by_now_is_counted(tmp_path: Path) -> None:
    book = Ward(tmp_path, OPEN + QUICK)
    with book.host:
        book.parked(book.say("poison"))
        book.host.stop()
        book.host.configure(OPEN + book.table + "enabled = false\n")
        book.host.start()
        found = scrape(book.host)
        assert of(found)["inbox_parked"] == 1
        assert "surface_up" not in of(found)


@pytest.mark.parametrize("page", ["/readyz", "/metrics", "/status.json"])
def test_a_database_that_does_not_answer_is_said(tmp_path: Path, page: str) -> None:
    with ward(tmp_path) as book:
        book.host.wait_ready()
        other = sqlite3.connect(book.host.folder / "var" / "surfacehost.db", isolation_level=None)
        other.execute("begin immediate")
        try:
            response = httpx.get(f"{book.host.address}{page}", timeout=60)
        finally:
            other.close()
        assert response.status_code == (503 if page == "/readyz" else 200)
        said = "surfacehost_ready 0.0" if page == "/metrics" else "the database did not store it: database is locked"
        assert said in response.text
        book.host.wait_ready()
