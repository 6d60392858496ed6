"""What the product does, one verb per file. Each owns its transactions and ends in a one-line report."""
