"""Bridges to other packages, each behind an extra of its own; import the module that you need."""
