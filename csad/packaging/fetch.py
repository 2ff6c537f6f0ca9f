"""The init container of a serving pod: `python -m csad.packaging.fetch` brings the Bento of one version.

It exits with 0 when the Bento is in place, with 1 when another attempt may succeed (the store does not answer),
and with 3 when none will (the wrong content, an unsafe archive). The last line on stderr says why; the deployment
component repeats it.
"""

import logging
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from csad.common.atomic import write_text
from csad.common.errors import OS_REMEDIES, DeploymentError, StoreError
from csad.packaging.fetch_archive import Limits, UnsafeArchive, extract
from csad.store.objects import ObjectStore
from csad.store.registry import fetch_file, show_model
from csad.store.settings import StoreSettings

BENTO_FILE = "bento.tar.gz"
BENTO_DESCRIPTION = "bento.yaml"
PLACE = "current"
RECEIPT = "sha256"
PASSING, FINAL = 1, 3
"""Exit codes: try again, or do not."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WantedBento:
    """What must be served.

    Attributes:
        line: Product line.
        version: Registered version.
        sha256: SHA-256 of its bento.tar.gz, as the deployer saw it; nothing else is accepted.
    """

    line: str
    version: str
    sha256: str


class WrongBento(DeploymentError):  # noqa: N818 - named for what was found
    """The store holds something else than what was deployed."""


def fetch(store: ObjectStore, wanted: WantedBento, folder: Path, limits: Limits | None = None) -> Path:
    """Fetch, verify and unpack a Bento; what is in place already is kept.

    Args:
        store: Where the models are.
        wanted: Which Bento.
        folder: A volume of the pod.
        limits: The most that the archive may unpack to.

    Returns:
        folder / "current": the Bento with its bento.yaml, complete.

    Raises:
        WrongBento: The digest is not the expected one, or the archive is no Bento.
        UnsafeArchive: The archive is damaged or wants to write outside.
        StoreError: The store does not answer, or has no such version.
        OSError: The volume is full or read-only.
    """
    place, receipt = folder / PLACE, folder / RECEIPT
    if place.is_dir() and receipt.is_file() and receipt.read_text(encoding="utf-8") == wanted.sha256:
        _log.info("the Bento is in place already")
        return place
    _require_registered(store, wanted)
    archive, unpacked = folder / BENTO_FILE, folder / "unpacking"
    for leftover in (place, unpacked):
        shutil.rmtree(leftover, ignore_errors=True)
    found = fetch_file(store, wanted.line, wanted.version, BENTO_FILE, archive)
    if found != wanted.sha256:
        raise WrongBento(_wrong_digest(wanted, found))
    unpacked.mkdir(parents=True)
    extract(archive, unpacked, limits)
    _root(unpacked, wanted).rename(place)
    shutil.rmtree(unpacked, ignore_errors=True)
    archive.unlink()
    write_text(receipt, wanted.sha256)
    return place


def _require_registered(store: ObjectStore, wanted: WantedBento) -> None:
    record = show_model(store, wanted.line, wanted.version).files.get(BENTO_FILE)
    if record is None:
        raise WrongBento(f"version {wanted.version} of line {wanted.line} has no {BENTO_FILE}; run packaging for it")
    if record.sha256 != wanted.sha256:
        raise WrongBento(_wrong_digest(wanted, record.sha256))


def _wrong_digest(wanted: WantedBento, found: str) -> str:
    return (
        f"{BENTO_FILE} of version {wanted.version} of line {wanted.line} has sha256 {found}, expected {wanted.sha256}: "
        "the store was changed after the deployment was made; register the model again and deploy that version"
    )


def _root(unpacked: Path, wanted: WantedBento) -> Path:
    """The folder with bento.yaml: the archive's top, or the only folder in it."""
    inside = sorted(unpacked.iterdir())
    candidates = [unpacked, *(inside if len(inside) == 1 else [])]
    for folder in candidates:
        if (folder / BENTO_DESCRIPTION).is_file():
            return folder
    names = ", ".join(path.name for path in inside[:5])
    raise WrongBento(
        f"{BENTO_FILE} of version {wanted.version} is no Bento: it holds {names}; expected {BENTO_DESCRIPTION}"
    )


@click.command()
@click.option("--line", required=True, help="Product line.")
@click.option("--version", required=True, help="Registered version.")
@click.option("--sha256", required=True, help="Expected SHA-256 of its bento.tar.gz.")
@click.option("--folder", required=True, type=click.Path(path_type=Path), help="Writable volume; gets FOLDER/current.")
def main(line: str, version: str, sha256: str, folder: Path) -> None:
    """Fetch the Bento of a version from the store, verify it and unpack it safely.

    The store and its keys come from the environment: CSAD_STORE_ENDPOINT, CSAD_STORE_BUCKET, AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        store = ObjectStore.connect(StoreSettings.from_environment())
        place = fetch(store, WantedBento(line, version, sha256), folder)
    except (WrongBento, UnsafeArchive) as error:
        _end(str(error), FINAL)
    except StoreError as error:
        _end(str(error), PASSING)
    except OSError as error:
        _end(f"{error.filename or folder}: {OS_REMEDIES.get(error.errno or 0, str(error))}", PASSING)
    else:
        _log.info("version %s of line %s is in %s", version, line, place)


def _end(message: str, code: int) -> None:
    _log.error("%s", " ".join(message.split()))
    sys.exit(code)


if __name__ == "__main__":
    main()
