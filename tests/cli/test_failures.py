import errno

import click
import pytest
from click.testing import CliRunner

from csad.cli.failures import FailingClearly
from csad.common.errors import DatasetError


def outcome(error):
    @click.group(cls=FailingClearly)
    def group():
        pass

    @group.command()
    def work():
        raise error

    return CliRunner().invoke(group, ["work"])


def test_an_expected_error_is_a_message_and_exit_code_1():
    result = outcome(DatasetError("no images in x"))
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: no images in x\n")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EROFS, "the file system is read-only; choose another place"),
        (errno.EACCES, "permission denied"),
        (errno.EMFILE, "Too many open files"),
    ],
)
def test_the_operating_systems_refusal_names_the_file_and_the_remedy(number, remedy):
    result = outcome(OSError(number, "Too many open files", "out/model.json"))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: out/model.json: {remedy}")


def test_a_missing_extra_says_how_to_install_it():
    result = outcome(ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"))
    assert result.exit_code == 1
    assert "needs torch.nn, which is not installed; run: pip install 'csad[train]'" in result.stderr


def test_running_out_of_memory_is_explained():
    result = outcome(MemoryError())
    assert result.exit_code == 1
    assert "out of memory; lower images.area" in result.stderr


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), ModuleNotFoundError("no", name="csad_typo")])
def test_a_bug_stays_a_traceback(error):
    assert outcome(error).exception is error
