"""Component `deployment`: an adapter of `csad.deployment.deployment`."""

from components.deployment.component import deployment as deployment
