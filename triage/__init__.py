"""inbox-triage: nobody who writes to a brand in a crisis is left in the dark."""

__version__ = "0.1.0"
