"""The version of the library, imported by every module that needs it."""

__version__ = "0.1.0"
