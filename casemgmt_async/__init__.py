"""Asyncio-native, typed client for the Case Management API."""

__version__ = "0.1.0"
