"""What a benchmark leaves: intervals, tables, plots, the machine it ran on."""
