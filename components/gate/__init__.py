"""Component `gate`: an adapter of `csad.gate.gate`."""

from components.gate.component import gate as gate
