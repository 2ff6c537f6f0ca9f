"""Results on disk that a later run takes over."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError


class StoredResult(BaseModel):
    """A result that was written as JSON."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def find(cls, path: Path) -> Self | None:
        """Read an earlier result; None where there is none, or one of another form."""
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError):
            return None
