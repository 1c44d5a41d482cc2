"""The service from Python: ask, wait, follow, and take results as polars frames. `docs/client.md` shows how."""

from __future__ import annotations

from terrafusion.client.answers import Damaged, NotCompleted, RemoteJob, Result
from terrafusion.client.asynchronous import AsyncClient
from terrafusion.client.blocking import Client

__all__ = ["AsyncClient", "Client", "Damaged", "NotCompleted", "RemoteJob", "Result"]
