import subprocess

from tests.pipelines.test_run import *  # noqa


def test_zz(line_file, tiny_line_data, tmp_path):
    done = subprocess.run(
        command("run", line_file, "--data", tiny_line_data, "--output", tmp_path / "o", "--shards", 2),
        capture_output=True,
        text=True,
    )
    print(done.stdout[-3000:], done.stderr[-3000:])
    assert done.returncode == 0
