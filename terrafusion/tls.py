"""What a client needs to speak TLS."""

from __future__ import annotations

import ssl
from pathlib import Path


def client_context(authority: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """Return a context that lets only a server in which proves its name, by ``authority`` or the system's.

    All three are PEM files. Raises OSError where one cannot be read, ssl.SSLError (an OSError) where it is no PEM,
    or ``key`` has a password or is not the certificate's.
    """
    context = ssl.create_default_context(cafile=authority)
    if certificate is not None:
        context.load_cert_chain(certificate, key, password=lambda: "")  # else it asks on the terminal
    return context
