import io

from pipelines.local_console import LocalConsole

RAW = """12:00:00.123 - INFO - Executing task 'ingest'
----------------------------------------------------------------------
    [KFP Executor 2026-01-01 12:00:00,000 INFO]: Got executor_input:
    {
        "inputs": {"parameterValues": {}},
        "outputs": {
        }
    }
    Checking images: 10 of 24, 3 s left
    ingest: 10 train images
    [KFP Executor 2026-01-01 12:00:01,000 INFO]: Wrote executor output file.

12:00:02.000 - ERROR - Task 'masks' finished with status FAILURE
    Error: masks: no components
      found 0, expected 3
"""


def show(*chunks):
    terminal, log = io.StringIO(), io.StringIO()
    console = LocalConsole(terminal, log)
    for chunk in chunks:
        console.write(chunk)
    return terminal.getvalue(), log.getvalue(), console


def test_only_what_the_stages_say_is_shown():
    shown, _, _ = show(RAW)
    assert shown.splitlines() == [
        "Checking images: 10 of 24, 3 s left",
        "ingest: 10 train images",
    ]


def test_every_line_is_logged():
    _, logged, _ = show(RAW)
    assert logged == RAW


def test_pieces_of_a_line_are_put_together():
    shown, logged, _ = show("    ", "segnet: ", "done\n", "    unfinished")
    assert shown == "segnet: done\n"
    assert logged == "    segnet: done\n"


def test_a_stages_own_explanation_is_kept_for_the_end():
    assert show(RAW)[2].failure == "masks: no components\n  found 0, expected 3"
    assert show("    Traceback (most recent call last):\n")[2].failure is None
