"""Component `gate`: an adapter of `csad.delivery.gate`."""

from components.gate.component import gate as gate
