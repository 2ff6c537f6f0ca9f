import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from csad.common.errors import StoreError
from csad.store.champion import promote, read_champion, rollback
from csad.store.embedded import EmbeddedStore
from csad.store.failures import Conflict, Damaged
from csad.store.objects import ObjectStore
from csad.store.registry import ModelLabels, register_model
from tests.store.proxy import Proxy

LABELS = ModelLabels("bottle", "d" * 64, "0123abc", "c" * 64, 0, {})


@pytest.fixture
def versions(store, model) -> list[str]:
    """Four registered versions."""
    return [register_model(store, model, replace(LABELS, seed=seed)).version for seed in range(4)]


def test_the_first_promotion_makes_a_champion(store, versions):
    assert read_champion(store, "bottle") is None
    champion = promote(store, "bottle", versions[0], expected=None)
    assert (champion.version, champion.previous) == (versions[0], ())
    assert read_champion(store, "bottle") == champion


def test_later_promotions_remember_what_was_before(store, versions):
    champion = None
    for version in versions:
        champion = promote(store, "bottle", version, expected=champion)
    assert read_champion(store, "bottle") == champion
    assert champion.previous == (versions[2], versions[1], versions[0])


def test_a_rollback_goes_one_back_each_time(store, versions):
    champion = None
    for version in versions[:3]:
        champion = promote(store, "bottle", version, expected=champion)
    assert rollback(store, "bottle").version == versions[1]
    assert rollback(store, "bottle").version == versions[0]
    with pytest.raises(StoreError, match=f"no version to go back to from {versions[0]}"):
        rollback(store, "bottle")
    assert read_champion(store, "bottle").version == versions[0]


def test_a_rollback_needs_a_champion(store):
    with pytest.raises(StoreError, match="line bottle has no champion yet"):
        rollback(store, "bottle")


def test_a_rollback_passes_over_a_version_that_is_gone(store, versions):
    champion = None
    for version in versions[:3]:
        champion = promote(store, "bottle", version, expected=champion)
    store.delete([f"models/bottle/{versions[1]}/manifest.json"])
    assert rollback(store, "bottle").version == versions[0]


@pytest.mark.parametrize("version", ["20261124T101500Z-00000000", "latest"])
def test_what_is_no_complete_version_is_never_promoted(store, versions, version):
    with pytest.raises(StoreError, match=r"no complete version|no version of a model"):
        promote(store, "bottle", version, expected=None)
    assert read_champion(store, "bottle") is None


def test_a_half_version_is_never_promoted(store, versions):
    store.delete([f"models/bottle/{versions[0]}/manifest.json"])
    with pytest.raises(StoreError, match="no complete version"):
        promote(store, "bottle", versions[0], expected=None)


def test_a_decision_against_an_old_champion_is_refused_and_says_who_is_champion(store, versions):
    first = promote(store, "bottle", versions[0], expected=None)
    promote(store, "bottle", versions[1], expected=first)
    for expected in (first, None):
        with pytest.raises(Conflict, match=f"{versions[2]} was not promoted: .* it is {versions[1]} now"):
            promote(store, "bottle", versions[2], expected=expected)
    with pytest.raises(Conflict):
        promote(store, "bottle", versions[0], expected=first)
    assert read_champion(store, "bottle").version == versions[1]


def test_promoting_the_champion_changes_nothing(store, versions):
    champion = promote(store, "bottle", versions[0], expected=None)
    assert promote(store, "bottle", versions[0], expected=champion) == champion
    assert read_champion(store, "bottle") == champion


@pytest.mark.parametrize("round_", range(5))
def test_of_promotions_at_the_same_time_exactly_one_wins(store, versions, round_):
    expected = promote(store, "bottle", versions[0], expected=None) if round_ % 2 else None
    start = threading.Barrier(6)
    won, lost = [], []

    def contend(number: int) -> None:
        own = ObjectStore.connect(store.settings)
        start.wait()
        try:
            won.append(promote(own, "bottle", versions[1 + number % 3], expected=expected))
        except Conflict as error:
            lost.append(error)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 5)
    assert read_champion(store, "bottle") == won[0]


def test_a_promotion_whose_answer_was_lost_is_known_to_have_won(store, versions):
    first = promote(store, "bottle", versions[0], expected=None)
    proxy = Proxy(
        store.settings.endpoint,
        lambda request: request.startswith(b"PUT") and b"champions/bottle.json" in request and proxy.lost == 0,
    )
    shaky = ObjectStore.connect(replace(store.settings, endpoint=proxy.endpoint))
    champion = promote(shaky, "bottle", versions[1], expected=first)
    assert proxy.lost == 1
    assert read_champion(store, "bottle") == champion


def test_a_promotion_waits_for_a_server_that_is_restarted(tmp_path, model):
    with EmbeddedStore(tmp_path / "server") as server:
        store = ObjectStore.connect(server.settings)
        version = register_model(store, model, LABELS).version
        server.kill()
        back = threading.Timer(0.5, server.start)
        back.start()
        champion = promote(store, "bottle", version, expected=None)
        back.join()
        assert read_champion(store, "bottle") == champion


def test_a_damaged_pointer_is_never_believed(store, versions):
    promote(store, "bottle", versions[0], expected=None)
    content = store.read_bytes("champions/bottle.json")[0]
    store.put_bytes("champions/bottle.json", content.replace(versions[0].encode(), versions[1].encode()))
    with pytest.raises(Damaged, match=r"champions/bottle\.json in the store is damaged"):
        read_champion(store, "bottle")


class _ForgetfulHandler(BaseHTTPRequestHandler):
    """An old S3 store: it takes every write, whatever the condition."""

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("ETag", '"0"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        """Say nothing."""


def test_a_store_that_ignores_conditions_is_not_trusted_with_promotions(store, versions, monkeypatch):
    from csad.store import champion
    from csad.store.client import make_client

    forgetful = ThreadingHTTPServer(("127.0.0.1", 0), _ForgetfulHandler)
    threading.Thread(target=forgetful.serve_forever, daemon=True).start()
    settings = replace(store.settings, endpoint=f"127.0.0.1:{forgetful.server_port}")
    old = ObjectStore(settings, make_client(settings, silence=5))
    with pytest.raises(StoreError, match="ignores If-None-Match"):
        champion._require_conditional_writes(old, "bottle")
    forgetful.shutdown()
    forgetful.server_close()
