"""Analysis of finished sweeps: ranking, paired tests, tables, plots and pages."""
