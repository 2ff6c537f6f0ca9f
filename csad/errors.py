"""The errors a user can meet.

Every message says what was found, what was expected and what to do. The command line prints them
without a traceback and exits with 1.
"""

import errno
from collections.abc import Mapping

OS_REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "the file is larger than is allowed here; raise the limit",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.EACCES: "permission denied; choose another place, or change its permissions",
    errno.EPERM: "not permitted; choose another place, or change its permissions",
    errno.ENOTDIR: "a part of this path is a file, not a folder; choose another place",
    errno.EISDIR: "this is a folder; a file was expected",
    errno.EEXIST: "this is a file, a folder was expected; choose another place",
    errno.ENOENT: "no such file or folder",
    errno.EIO: "the disk reports an error; check it",
}
"""What happened and what to do when the operating system refuses a file."""


class CsadError(Exception):
    """Base of every error that csad raises on purpose."""


class LineError(CsadError):
    """A product line file that cannot be used: an unknown key, a wrong value, broken YAML."""


class ImageError(CsadError):
    """One image file that cannot be read or is refused."""


class DatasetError(CsadError):
    """A folder of images that cannot be trained on or evaluated."""


class WeightsError(CsadError):
    """Pretrained weights that are missing or do not fit their network."""


class ModelFolderError(CsadError):
    """A model folder that is incomplete, changed, or of a version that this release cannot read."""


class TooFewComponents(CsadError):  # noqa: N818 - named by the method, like scikit-learn's NotFitted
    """The normal images do not share enough components to train the segmentation network."""


class StageError(CsadError):
    """A pipeline stage that cannot run: an input of an earlier stage is missing or does not fit."""
