"""Where messages come from: one file per channel, all with the contract of `base`."""
