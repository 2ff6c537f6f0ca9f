"""From an accepted model to an archive that a serving pod can run, checked by running it.

Building needs neither a network nor Docker. The archive is unpacked again, served over HTTP, and must score a few
images as evaluation's scorer does: what is registered is what was checked, byte for byte.
"""

import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from csad.common import atomic
from csad.common.errors import DeploymentError
from csad.common.hashing import file_sha256
from csad.common.humanize import size
from csad.packaging.archive_smoke import check_archive
from csad.packaging.bento import PROVENANCE_FILE, build_bento, write_archive
from csad.packaging.provenance import Provenance
from csad.packaging.smoke import SMOKE_FILE, SmokeTest
from csad.runner.files import translate_os_errors
from csad.scoring.model_folder import read_manifest

BENTO_FILE = "bento.tar.gz"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Package:
    """A packaged model.

    Attributes:
        bento: The archive.
        sha256: SHA-256 of the archive.
        smoke: smoke.json: images with their scores, for whoever deploys it.
        provenance: provenance.json.
    """

    bento: Path
    sha256: str
    smoke: Path
    provenance: Path

    @property
    def files(self) -> dict[str, Path]:
        """Names and paths, for the registry."""
        return {BENTO_FILE: self.bento, SMOKE_FILE: self.smoke, PROVENANCE_FILE: self.provenance}


def package(model: Path, output: Path, provenance: Provenance, test: SmokeTest) -> Package:
    """Build, export and check a model's Bento.

    Args:
        model: Model folder.
        output: Folder for bento.tar.gz, smoke.json and provenance.json; nothing appears in it before all is checked.
        provenance: Where the model comes from.
        test: Images with the scores that evaluation's scorer gave.

    Raises:
        ModelFolderError: The model folder is incomplete or damaged.
        DeploymentError: The Bento cannot be built, does not start, or scores differently.
        StageError: The output cannot be written.
    """
    manifest = read_manifest(model)
    if manifest.checksum != provenance.checksum:
        raise DeploymentError(f"{model} is another model than the one described; package the model that was evaluated")
    with translate_os_errors(output), tempfile.TemporaryDirectory(prefix="csad-packaging-") as folder:
        work = Path(folder)
        archive = work / BENTO_FILE
        _log.info("building the Bento")
        bento = build_bento(model, manifest, provenance, work / "build")
        write_archive(bento, archive)
        shutil.rmtree(work / "build")
        _log.info("serving the Bento: %s", size(archive.stat().st_size))
        check_archive(archive, test, work / "check")
        return _publish(archive, test, provenance, output)


def _publish(archive: Path, test: SmokeTest, provenance: Provenance, output: Path) -> Package:
    done = Package(output / BENTO_FILE, file_sha256(archive), output / SMOKE_FILE, output / PROVENANCE_FILE)
    with atomic.replacing(done.bento) as temporary:
        shutil.copyfile(archive, temporary)
    atomic.write_text(done.provenance, provenance.to_json())
    atomic.write_text(done.smoke, test.model_dump_json(indent=2) + "\n")
    return done
