"""Component `deployment`: an adapter of `csad.delivery.deployment`."""

from components.deployment.component import deployment as deployment
