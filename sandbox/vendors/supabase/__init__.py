"""The stand-ins for Supabase: the project's own APIs, and the Management API."""

from sandbox.vendors.supabase.management import SupabaseManagement
from sandbox.vendors.supabase.project import SupabaseProject

__all__ = ["SupabaseManagement", "SupabaseProject"]
