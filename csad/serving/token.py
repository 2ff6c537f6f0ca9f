"""The bearer token, as the service and its clients take it from CSAD_TOKEN."""

from csad.common.errors import ServingError


def check_token(token: str) -> None:
    """Make sure that a header can carry the token; empty is none.

    Raises:
        ServingError: It cannot; the message does not show it.
    """
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ServingError(
            "CSAD_TOKEN holds a space, a line break or a character outside ASCII; expected one plain word"
        )
