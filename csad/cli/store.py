"""The store that the environment names, for commands."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from csad.store.objects import ObjectStore


def connect() -> "ObjectStore":
    """Open the store that the environment names.

    Raises:
        StoreError: None is named, or it does not answer.
    """
    from csad.store.objects import ObjectStore
    from csad.store.settings import StoreSettings

    return ObjectStore.connect(StoreSettings.from_environment())
