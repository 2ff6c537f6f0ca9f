"""Which proxy a request takes: what the environment names for another host, none for this machine."""

from __future__ import annotations

import ipaddress
import socket
import urllib.request
from urllib.parse import urlsplit


def proxy_of(url: str) -> str | None:
    """Address of the proxy that requests to a URL take, as http_proxy, https_proxy and no_proxy say.

    Nothing that runs on this machine is asked through a proxy, which would look for it on its own.

    Args:
        url: http or https.
    """
    parts = urlsplit(url)
    if is_this_machine(parts.hostname or "") or urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme) or None


def is_this_machine(host: str) -> bool:
    """Whether a name or an address is this machine's own: localhost, 127.0.0.0/8, ::1, or 0.0.0.0, which leads there.

    Args:
        host: Without port and brackets.

    Examples:
        >>> [is_this_machine(host) for host in ("localhost", "127.0.0.2", "::1", "scorer", "10.0.0.1")]
        [True, True, True, False, False]
    """
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(name))  # 127.1, as the look-up of names takes it, too
        except OSError:
            return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def opener_for(url: str) -> urllib.request.OpenerDirector:
    """Make what sends requests to a URL, through `proxy_of` it or straight."""
    proxy = proxy_of(url)
    return urllib.request.build_opener(urllib.request.ProxyHandler({urlsplit(url).scheme: proxy} if proxy else {}))


def route(url: str) -> str:
    """Write a URL for messages, with the proxy on the way where there is one; a login to it is left out."""
    proxy = proxy_of(url)
    if proxy is None:
        return url
    variable, host = f"{urlsplit(url).scheme}_proxy", urlsplit(url).hostname
    named = proxy.rpartition("@")[2].rpartition("//")[2]
    return f"{url} (through the proxy {named} of {variable}; no_proxy={host} goes straight)"
