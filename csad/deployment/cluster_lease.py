"""One deployer per line at a time: a Lease that a dead deployer loses by itself."""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from csad.common.errors import DeploymentError
from csad.deployment.cluster import Cluster, ClusterConflict, Kind, Object

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
CLOCK_SKEW = timedelta(minutes=5)
"""A renewal older than the lease by more than this is old on any clock."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeaseTerms:
    """How the lease works.

    Attributes:
        seconds: A deployer that has not renewed it for so long has lost it.
        wait: How long to wait for another deployer.
    """

    seconds: int = 20
    wait: float = 900.0


class Busy(DeploymentError):  # noqa: N818 - named for what was found
    """Another deployer is at work on the line."""


class LeaseLost(DeploymentError):  # noqa: N818 - named for what happened
    """The lease could not be renewed in time: another deployer may be at work."""


class DeployerLease:
    """The lease while it is held."""

    def __init__(self, cluster: Cluster, name: str, terms: LeaseTerms) -> None:
        """Use `acquire_lease`, which acquires it and gives it back."""
        self._cluster, self._name, self._terms = cluster, name, terms
        self.holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._renewed = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_end, name=f"lease-{name}", daemon=True)

    def check(self) -> None:
        """Ask before every change whether the lease is still held.

        After a pause of the API server its renewal may be under way: nobody can take it while that server is away.

        Raises:
            LeaseLost: It is not.
        """
        deadline = time.monotonic() + self._terms.seconds
        while self._is_late() and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        if self._is_late():
            raise LeaseLost(
                f"the lease {self._name} could not be renewed for {self._terms.seconds} s, so another deployer may "
                "have taken over; nothing more was changed, see `csad status` and run again"
            )

    def acquire(self) -> None:
        """Take the lease, waiting for another deployer to finish or to be found dead.

        Raises:
            Busy: It is still at work after the wait.
        """
        deadline = time.monotonic() + self._terms.wait
        seen: tuple[object, float] | None = None
        while True:
            lease = self._cluster.find(Kind.LEASE, self._name)
            spec = (lease or {}).get("spec", {})
            holder, mark = spec.get("holderIdentity"), (spec.get("holderIdentity"), spec.get("renewTime"))
            if seen is None or seen[0] != mark:
                if seen is None and holder:
                    _log.info("%s deploys this line already; waiting for it", holder)
                seen = (mark, time.monotonic())
            silent = time.monotonic() - seen[1]
            if not holder or silent > spec.get("leaseDurationSeconds", self._terms.seconds) or _long_dead(spec):
                if self._write(lease):
                    self._thread.start()
                    return
                continue
            if time.monotonic() > deadline:
                raise Busy(
                    f"{holder} has been at work on this line for the {self._terms.wait:.0f} s of waiting; see "
                    f"`csad status`, wait for it, or stop it: its lease {self._name} ends {self._terms.seconds} s later"
                )
            time.sleep(min(1.0, self._terms.seconds / 4))

    def remove(self) -> None:
        """Take it away with the line that it is for, while nobody else may have it.

        Raises:
            LeaseLost: It is not held any more.
            DeploymentError: The server refuses or does not answer.
        """
        self._stop_renewing()
        self.check()
        self._cluster.delete(Kind.LEASE, self._name)

    def release(self) -> None:
        """Give it back; the next deployer need not wait."""
        self._stop_renewing()
        try:
            lease = self._cluster.find(Kind.LEASE, self._name)
            if lease is not None and lease["spec"].get("holderIdentity") == self.holder:
                lease["spec"] |= {"holderIdentity": "", "renewTime": _now()}
                self._cluster.replace(Kind.LEASE, lease)
        except DeploymentError as error:
            _log.warning("the lease %s could not be given back (%s); it ends by itself", self._name, error)

    def _is_late(self) -> bool:
        return time.monotonic() - self._renewed > self._terms.seconds

    def _stop_renewing(self) -> None:
        self._end.set()
        self._thread.join()

    def _write(self, lease: Object | None) -> bool:
        asked = time.monotonic()
        try:
            if lease is None:
                metadata = {"name": self._name, "namespace": self._cluster.namespace}
                body = {
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "metadata": metadata,
                    "spec": self._spec(),
                }
                self._cluster.create(Kind.LEASE, body)
            else:
                self._cluster.replace(Kind.LEASE, lease | {"spec": self._spec()})
        except ClusterConflict:
            return False
        self._renewed = asked
        return True

    def _spec(self) -> Object:
        return {"holderIdentity": self.holder, "leaseDurationSeconds": self._terms.seconds, "renewTime": _now()}

    def _renew_until_end(self) -> None:
        while not self._end.wait(self._terms.seconds / 4):
            try:
                lease = self._cluster.find(Kind.LEASE, self._name)
                if lease is None or lease["spec"].get("holderIdentity") != self.holder or not self._write(lease):
                    _log.warning("the lease %s was taken by somebody else", self._name)
                    self._renewed = float("-inf")
                    return
            except DeploymentError as error:
                _log.warning("the lease %s could not be renewed: %s", self._name, error)


@contextmanager
def acquire_lease(cluster: Cluster, name: str, terms: LeaseTerms) -> Iterator[DeployerLease]:
    """Hold the lease for the length of the block.

    Args:
        cluster: Where; the lease renews itself from a thread of its own, so give a connection of its own.
        name: One per line.
        terms: How long it lasts.

    Raises:
        Busy: Another deployer does not finish within the wait.
        DeploymentError: The server refuses.
    """
    lease = DeployerLease(cluster, name, terms)
    lease.acquire()
    try:
        yield lease
    finally:
        lease.release()


def _now() -> str:
    return datetime.now(UTC).strftime(TIME_FORMAT)


def _long_dead(spec: Object) -> bool:
    try:
        renewed = datetime.strptime(spec["renewTime"], TIME_FORMAT).replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError):
        return False
    return datetime.now(UTC) - renewed > timedelta(seconds=spec.get("leaseDurationSeconds", 0)) + CLOCK_SKEW
