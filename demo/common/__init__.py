"""What every stand-in shares: fault rules, a clock that can be moved, serving on loopback."""
