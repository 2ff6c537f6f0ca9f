"""The service keeps to /docs.json: statuses, types, fields and methods, for requests that fit it and that do not."""

from benchmarks.described import send_described

EXAMPLES = 40
"""Per operation; those at the limits of the fields come on top."""


def test_every_answer_is_described(server, tmp_path):
    found = send_described(server.url, EXAMPLES, tmp_path)

    assert found.problems == 0, found.text
    assert found.requests > 100
    assert "Traceback" not in server.log.read_text()


def test_what_the_description_puts_behind_a_token_is_behind_it(start, tmp_path):
    server = start(CSAD_TOKEN="sesame")

    found = send_described(server.url, EXAMPLES, tmp_path, {"Authorization": "Bearer sesame"})

    assert found.problems == 0, found.text
    assert found.requests > 100
