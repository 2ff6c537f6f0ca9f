import hashlib
import logging
import os
import socket
import threading
import time
import traceback
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from csad.common.errors import StoreError
from csad.store.failures import Conflict, Damaged, NotFound
from csad.store.objects import PART, ObjectStore
from csad.store.retry import WORKING
from tests.store.proxy import Proxy

BIG = PART + 12345


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_bytes_come_back_with_the_tag_under_which_they_were_written(store):
    tag = store.put_bytes("a/b", b"first")
    assert store.read_bytes("a/b") == (b"first", tag)
    assert store.exists("a/b")
    assert not store.exists("a")
    assert list(store.list("a")) == ["a/b"]


@pytest.mark.parametrize(("size", "end"), [(3, b"cde"), (5, b"abcde"), (9, b"abcde"), (1, b"e")])
def test_of_an_object_the_end_is_read(store, size, end):
    store.put_bytes("log", b"abcde")
    assert store.read_end("log", size) == end


def test_the_end_of_nothing_is_nothing_and_what_is_not_there_has_none(store):
    store.put_bytes("empty", b"")
    assert store.read_end("empty", 10) == b""
    with pytest.raises(NotFound):
        store.read_end("none", 10)


def test_what_is_not_there_is_not_found(store, tmp_path):
    with pytest.raises(NotFound, match="read a/b"):
        store.read_bytes("a/b")
    with pytest.raises(NotFound):
        store.get_file("a/b", tmp_path / "file", None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 400, b"ab" * (BIG // 2)])
def test_a_file_comes_back_as_it_was(store, tmp_path, content):
    (tmp_path / "one").write_bytes(content)
    assert store.put_file("key", tmp_path / "one") == sha256(content)
    assert store.get_file("key", tmp_path / "new" / "two", sha256(content)) == sha256(content)
    assert (tmp_path / "new" / "two").read_bytes() == content
    assert store.sha256_of("key") == sha256(content)
    assert [listed.size for listed in store.list_sizes("key")] == [len(content)]


def test_a_damaged_object_is_refused_and_leaves_the_file_as_it_was(store, tmp_path):
    store.put_bytes("key", b"what somebody wrote over it")
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(Damaged, match=rf"key in the store is damaged: its sha256 is .*, expected {sha256(b'right')}"):
        store.get_file("key", tmp_path / "file", sha256(b"right"))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("size", [1000, BIG])
def test_a_file_that_changes_while_it_is_stored_leaves_nothing_in_the_store(store, tmp_path, size):
    (tmp_path / "file").write_bytes(b"b" * size)
    with pytest.raises(StoreError, match="changed while it was stored"):
        store.put_file("key", tmp_path / "file", sha256(b"a" * size))
    assert not store.exists("key")


def test_a_file_that_is_cut_while_it_is_stored_leaves_nothing_in_the_store(store, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"a" * BIG)
    create = store._client._create_multipart_upload

    def cutting(*arguments):
        os.truncate(tmp_path / "file", BIG // 2)
        return create(*arguments)

    monkeypatch.setattr(store._client, "_create_multipart_upload", cutting)
    with pytest.raises(StoreError, match="changed while it was stored"):
        store.put_file("key", tmp_path / "file")
    assert not store.exists("key")


def test_only_the_first_of_two_creates_an_object(store):
    store.put_bytes("key", b"one", if_none_match=True)
    with pytest.raises(Conflict, match="key was changed by somebody else"):
        store.put_bytes("key", b"two", if_none_match=True)
    assert store.read_bytes("key")[0] == b"one"


def test_only_who_saw_the_last_state_replaces_it(store):
    first = store.put_bytes("key", b"one")
    second = store.put_bytes("key", b"two", if_match=first)
    with pytest.raises(Conflict):
        store.put_bytes("key", b"three", if_match=first)
    assert store.read_bytes("key") == (b"two", second)


def test_nothing_is_created_where_something_was_to_be_replaced(store):
    with pytest.raises(Conflict):
        store.put_bytes("key", b"one", if_match="0" * 32)
    assert not store.exists("key")


def test_listings_go_beyond_one_page(store):
    from csad.store.transfer import in_parallel

    names = [f"{index:04d}" for index in range(1100)]
    assert len(list(in_parallel(lambda name: store.put_bytes(f"all/{name}/file", b""), names))) == 1100
    assert list(store.list("all/")) == [f"all/{name}/file" for name in names]
    assert sorted(store.list_folders("all/")) == names
    assert list(store.list_folders("all/0001/")) == []


def test_a_folder_holds_nothing_once_its_objects_are_removed(store):
    store.put_bytes("lines/left/deep/file", b"")
    store.put_bytes("lines/gone/deep/file", b"")
    assert store.holds("lines/gone/")
    store.delete(["lines/gone/deep/file"])
    assert [store.holds(f"lines/{name}/") for name in ("left", "gone", "never")] == [True, False, False]


def test_deleting_ignores_what_is_gone(store):
    store.put_bytes("a", b"")
    store.put_bytes("b", b"")
    store.delete(["a", "never"])
    assert list(store.list("")) == ["b"]


def test_prefixes_keep_projects_apart(store):
    other = ObjectStore.connect(replace(store.settings, prefix=f"{store.settings.prefix}inside/"))
    other.put_bytes("key", b"")
    assert list(other.list("")) == ["key"]
    assert list(store.list("")) == ["inside/key"]


def test_a_bucket_that_does_not_exist_is_made(s3):
    settings = replace(s3.settings, bucket="another-bucket")
    for _ in range(2):
        ObjectStore.connect(settings).put_bytes("key", b"here")
    assert ObjectStore.connect(settings).read_bytes("key")[0] == b"here"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def require_clear(error: StoreError, endpoint: str, secret: str) -> None:
    text = "".join(traceback.format_exception(error))
    assert f"http://{endpoint}" in str(error)
    assert "CSAD_STORE_ENDPOINT" in str(error)
    assert secret not in text
    assert "Signature" not in text


def test_a_store_that_is_not_there_is_named_within_15_seconds(s3):
    settings = replace(s3.settings, endpoint=f"127.0.0.1:{free_port()}")
    start = time.monotonic()
    with pytest.raises(StoreError, match="no connection") as caught:
        ObjectStore.connect(settings)
    assert time.monotonic() - start < 15
    require_clear(caught.value, settings.endpoint, settings.secret_key)


def test_a_store_that_says_nothing_is_named_within_15_seconds(s3):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = replace(s3.settings, endpoint=f"127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(StoreError, match="no answer in time") as caught:
            ObjectStore.connect(settings)
        assert time.monotonic() - start < 15
    require_clear(caught.value, settings.endpoint, settings.secret_key)


class _WebPage(BaseHTTPRequestHandler):
    """A web server that shows the same page at every address, like a store's console."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "15")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"<html>hi</html>")

    def do_HEAD(self):
        self.do_GET()

    def do_PUT(self):
        self.send_error(405)

    def log_message(self, *arguments):
        """Say nothing."""


def test_a_web_page_is_not_taken_for_a_store(s3):
    with ThreadingHTTPServer(("127.0.0.1", 0), _WebPage) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        settings = replace(s3.settings, endpoint=f"127.0.0.1:{page.server_port}")
        wrong = ObjectStore.connect(settings)
        for work in (lambda: wrong.put_bytes("key", b""), lambda: list(wrong.list("a"))):
            with pytest.raises(StoreError, match="what answers there does not speak S3") as caught:
                work()
            require_clear(caught.value, settings.endpoint, settings.secret_key)
        page.shutdown()


def test_an_unknown_host_is_named(s3):
    settings = replace(s3.settings, endpoint="nowhere.invalid:9000")
    with pytest.raises(StoreError, match=r"nowhere\.invalid") as caught:
        ObjectStore.connect(settings)
    require_clear(caught.value, settings.endpoint, settings.secret_key)


@pytest.mark.parametrize("wrong", [{"secret_key": "guessed"}, {"access_key": "guessed"}])
def test_wrong_keys_are_named_but_not_shown(s3, wrong):
    with pytest.raises(StoreError, match="check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as caught:
        ObjectStore.connect(replace(s3.settings, **wrong))
    assert "guessed" not in "".join(traceback.format_exception(caught.value))


def test_no_log_at_any_level_shows_a_key(store, tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    # Other libraries' set-up of logging silences the loggers that exist by then.
    for name in ("urllib3", "urllib3.connectionpool"):
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "disabled", False)
        monkeypatch.setattr(logger, "propagate", True)
        monkeypatch.setattr(logger, "level", logging.NOTSET)
    (tmp_path / "file").write_bytes(b"content")
    store.put_file("key", tmp_path / "file")
    store.put_bytes("other", b"", if_none_match=True)
    store.get_file("key", tmp_path / "copy", None)
    assert list(store.list("")) == ["key", "other"]
    assert "PUT /csad/" in caplog.text
    assert store.settings.secret_key not in caplog.text
    assert store.settings.access_key not in caplog.text
    assert store.settings.secret_key not in repr(store)


def through(proxy: Proxy, store: ObjectStore) -> ObjectStore:
    return ObjectStore.connect(replace(store.settings, endpoint=proxy.endpoint))


def test_a_conditional_write_whose_answer_was_lost_is_known_to_have_won(store):
    first = store.put_bytes("key", b"one")
    proxy = Proxy(store.settings.endpoint, lambda request: request.startswith(b"PUT") and proxy.lost == 0)
    tag = through(proxy, store).put_bytes("key", b"two", if_match=first)
    assert proxy.lost == 1
    assert store.read_bytes("key") == (b"two", tag)


def test_a_conditional_write_that_lost_while_answers_were_lost_is_known_to_have_lost(store):
    first = store.put_bytes("key", b"one")
    store.put_bytes("key", b"theirs", if_match=first)
    proxy = Proxy(store.settings.endpoint, lambda request: request.startswith(b"PUT") and proxy.lost == 0)
    with pytest.raises(Conflict):
        through(proxy, store).put_bytes("key", b"ours", if_match=first)
    assert proxy.lost == 1
    assert store.read_bytes("key")[0] == b"theirs"


def test_reads_and_listings_survive_broken_connections(store, tmp_path):
    content = bytes(range(256)) * 4000
    store.put_bytes("key", content)
    proxy = Proxy(store.settings.endpoint, lambda request: request.startswith(b"GET") and proxy.lost < 3)
    shaky = through(proxy, store)
    assert shaky.get_file("key", tmp_path / "file", sha256(content)) == sha256(content)
    assert list(shaky.list("")) == ["key"]
    assert proxy.lost == 3


def test_operations_wait_for_a_store_that_is_restarted(tmp_path):
    from csad.store.embedded import EmbeddedStore

    with EmbeddedStore(tmp_path / "server") as server:
        store = ObjectStore.connect(server.settings)
        store.put_bytes("before", b"kept")
        server.kill()
        back = threading.Timer(1, server.start)
        back.start()
        assert store.read_bytes("before")[0] == b"kept"
        store.put_bytes("after", b"too")
        back.join()
        assert list(store.list("")) == ["after", "before"]
    assert WORKING.seconds >= 30


def test_a_task_waits_for_a_store_that_is_started_again_also_when_it_connects(tmp_path, monkeypatch):
    from csad.store.embedded import EmbeddedStore

    with EmbeddedStore(tmp_path / "server") as server:
        server.kill()
        monkeypatch.setenv("CSAD_PATIENCE", "120")
        back = threading.Timer(8, server.start)  # longer than a command would wait
        back.start()
        ObjectStore.connect(server.settings).put_bytes("after", b"too")
        back.join()


def test_wrong_keys_fail_at_once_also_in_a_task(s3, monkeypatch):
    monkeypatch.setenv("CSAD_PATIENCE", "120")
    start = time.monotonic()
    with pytest.raises(StoreError, match="AWS_SECRET_ACCESS_KEY"):
        ObjectStore.connect(replace(s3.settings, secret_key="guessed"))
    assert time.monotonic() - start < 10
