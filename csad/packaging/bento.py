"""Building a Bento without a network and without Docker, and its archive.

The Bento holds the model folder, its figures and where it comes from; the service's code is that of the serving image.
The same model packaged twice by the same csad gives the same bytes: the build's own time is replaced by the model's.
"""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from csad.common import atomic
from csad.common.errors import DeploymentError
from csad.packaging.provenance import Provenance
from csad.scoring.model_folder import MANIFEST, Manifest
from csad.serving.model import METRICS
from csad.serving.settings import MODEL_IN_BENTO

SERVICE = "csad.serving.service:ScorerService"
PROVENANCE_FILE = "provenance.json"
BENTO_DESCRIPTION = "bento.yaml"
BUILD_SECONDS = 300
LOG_CHARACTERS = 600
COMPRESSION = 1
"""Weights hardly compress; more effort would only take longer."""


def build_bento(model: Path, manifest: Manifest, provenance: Provenance, work: Path) -> Path:
    """Build the Bento of a model.

    Args:
        model: Model folder, already verified.
        manifest: Its manifest.
        provenance: Goes into the Bento's labels and into provenance.json.
        work: Empty folder to work in.

    Returns:
        Folder of the Bento, with its bento.yaml.

    Raises:
        DeploymentError: BentoML does not build it; the message holds its last words.
        OSError: The disk is full or refuses.
    """
    context, home = work / "context", work / "bentoml"
    for name in (MANIFEST, *manifest.files):
        target = context / MODEL_IN_BENTO / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model / name, target)
    (context / METRICS).write_text(json.dumps(provenance.scores, sort_keys=True) + "\n", encoding="utf-8")
    (context / PROVENANCE_FILE).write_text(provenance.to_json(), encoding="utf-8")
    description = {
        "service": SERVICE,
        "include": [f"{MODEL_IN_BENTO}/**", METRICS, PROVENANCE_FILE],
        "labels": provenance.bento_labels(),
        "python": {"lock_packages": False},
    }
    (context / "bentofile.yaml").write_text(yaml.safe_dump(description), encoding="utf-8")
    version = provenance.checksum[:12]
    command = [sys.executable, "-m", "bentoml", "build", "--version", version, "--output", "tag"]
    try:
        done = subprocess.run(
            command,
            cwd=context,
            env=bentoml_environment(home),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DeploymentError(f"building the Bento took longer than {BUILD_SECONDS} s; try again") from None
    built = sorted(home.glob(f"bentos/*/{version}/{BENTO_DESCRIPTION}"))
    if done.returncode or not built:
        words = (done.stderr or done.stdout).strip()[-LOG_CHARACTERS:]
        raise DeploymentError(f"the Bento cannot be built; bentoml says: {words}; is 'csad[serve]' installed?")
    shutil.rmtree(context)
    _set_time(built[0], provenance.created)
    return built[0].parent


def bentoml_environment(home: Path, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for BentoML: nothing outside `home` is written, nothing is reported, no setting is inherited.

    Args:
        home: Where it keeps its files.
        variables: What to add.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CSAD_", "BENTOML_"))}
    return inherited | {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"} | dict(variables or {})


def write_archive(bento: Path, path: Path) -> None:
    """Pack a Bento as .tar.gz, whole or not at all; equal content gives equal bytes.

    Args:
        bento: Folder of the Bento; its content lies at the archive's top.
        path: File to write.

    Raises:
        OSError: The disk is full or refuses.
    """
    with (
        atomic.replacing(path) as temporary,
        temporary.open("wb") as stream,
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, compresslevel=COMPRESSION, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for file in sorted(bento.rglob("*")):
            entry = tarfile.TarInfo(file.relative_to(bento).as_posix())
            if file.is_dir():
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            else:
                entry.size, entry.mode = file.stat().st_size, 0o644
                with file.open("rb") as content:
                    archive.addfile(entry, content)


def _set_time(description: Path, created: str) -> None:
    text = description.read_text(encoding="utf-8")
    text, count = re.subn(r"^creation_time: .*$", f"creation_time: '{created}'", text, flags=re.MULTILINE)
    if count != 1:
        raise DeploymentError(f"{description.name} of the Bento has {count} creation times, expected 1; check bentoml")
    description.write_text(text, encoding="utf-8")
