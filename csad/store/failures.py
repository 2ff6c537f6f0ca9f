"""What can go wrong with a store so that a caller may want to tell it apart."""

from csad.common.errors import StoreError


class Conflict(StoreError):  # noqa: N818 - named for what happened
    """Somebody else wrote first: a conditional write was refused."""


class NotFound(StoreError):  # noqa: N818 - named for what happened
    """No object has this key."""


class Damaged(StoreError):  # noqa: N818 - named for what happened
    """What was read is not what was written."""
