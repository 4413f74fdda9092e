"""Integrations with other packages, each behind an extra of its own. Import the module that you need."""
