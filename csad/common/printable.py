"""Names of files that are not UTF-8, as text that any terminal, page or JSON file can hold."""


def printable(text: object) -> str:
    r"""Write what is not UTF-8 as its bytes: a Latin-1 "größe.png" becomes "gr\xf6\xdfe.png".

    Args:
        text: A path, or text that may hold the names of files as the system gave them.
    """
    return str(text).encode(errors="surrogateescape").decode(errors="backslashreplace")
