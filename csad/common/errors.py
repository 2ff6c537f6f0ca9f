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


class EmptyImage(ImageError):  # noqa: N818 - what was found, like every kind of refused image
    """No bytes at all."""


class NotAnImage(ImageError):  # noqa: N818
    """Bytes of no image format that is read."""


class TooManyPixels(ImageError):  # noqa: N818
    """An image that is larger than allowed, found out from its header."""


class CorruptImage(ImageError):  # noqa: N818
    """An image of a known format that is truncated, damaged, or of pixels whose range is unknown."""


class DatasetError(CsadError):
    """A folder of images that cannot be trained on or evaluated."""


class WeightsError(CsadError):
    """Pretrained weights that are missing or do not fit their network."""


class ModelFolderError(CsadError):
    """A model folder that is incomplete, changed, or of a version that this release cannot read."""


class RuntimeRefused(CsadError):  # noqa: N818 - what happened to it
    """A runtime that is not installed or does not compute a model as torch does."""


class DeviceError(CsadError):
    """A device that csad does not know or that this machine does not have."""


class TooFewComponents(CsadError):  # noqa: N818 - named by the method, like scikit-learn's NotFitted
    """The normal images do not share enough components to train the segmentation network."""


class ServingError(CsadError):
    """A scoring service that cannot start or be reached: a wrong setting, no model, no server."""


class StageError(CsadError):
    """A pipeline stage that cannot run: an input of an earlier stage is missing or does not fit."""


class StoreError(CsadError):
    """The object store is not set up, does not answer, refuses, or holds something damaged."""


class DeploymentError(CsadError):
    """A model that could not be brought into service, or a cluster that does not do what was asked."""
