"""The APIs of the Supabase project itself, behind one gateway."""

from __future__ import annotations

from typing import ClassVar

from sandbox.vendors.supabase.auth import Auth
from sandbox.vendors.supabase.metrics import Metrics
from sandbox.vendors.supabase.rest import Rest
from sandbox.vendors.supabase.storage import Storage


class SupabaseProject(Auth, Rest, Storage, Metrics):
    """`https://<ref>.supabase.co`: `/auth/v1`, `/rest/v1`, `/storage/v1` and `/customer/v1/privileged/metrics`."""

    name: ClassVar[str] = "supabase"
