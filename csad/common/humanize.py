"""Figures and names as people read them: one way for log lines, tables and pages."""

KILO = 1000


def duration(seconds: float) -> str:
    """Write a duration: "4.2 s", "75 s", "12 min 5 s", "2 h 10 min"."""
    if seconds < 10:
        return f"{round(seconds, 1):g} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(count: float) -> str:
    """Write a number of bytes: "512 B", "6.5 MB"."""
    for unit in ("B", "kB", "MB"):
        if count < KILO:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= KILO
    return f"{count:.1f} GB"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: "1 image", "2 images"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def plain(name: str) -> str:
    """Write a name of the program as people do: "logical_anomalies" is "logical anomalies"."""
    return name.replace("_", " ")


def sentence(text: str) -> str:
    """Begin a reason with a capital and end it with a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
